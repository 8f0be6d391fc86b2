//! Negation.
//!
//! Value: `−x`, exact in every reading (`spec-tests/ops/neg.md`).

unary! {
    /// `−x` at every position.
    Neg, |context, x| context.neg(x),
    |_y, d| context.neg(d)
}
