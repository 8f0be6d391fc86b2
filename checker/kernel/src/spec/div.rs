//! Quotient of two tensors of one shape.
//!
//! Value: `x / y`, one rounding in `Binary32`; undefined where y is zero. Constraints: div_c1 (`spec-tests/ops/div.md`).

binary! {
    /// `x / y` at every position; the shapes are equal (div_c1).
    Div, "div_c1", |context, x, y| context.div(x, y),
    |z, d| context.div(d, y), context.neg(&context.div(&context.mul(d, z)?, y)?)
}
