//! Absolute value.
//!
//! Value: `|x|`, exact in every reading (`spec-tests/ops/abs.md`).

unary! {
    /// `|x|` at every position.
    Abs, |context, x| context.abs(x)
}
