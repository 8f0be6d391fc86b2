//! Absolute value.
//!
//! Value: `|x|`, exact in every reading (`spec-tests/ops/abs.md`).

unary! {
    /// `|x|` at every position.
    Abs, |context, x| context.abs(x),
    |_y, d| { let zero = context.integer(0)?; context.sub(&gate(context, x, &zero, d)?, &gate(context, &zero, x, d)?) }
}
