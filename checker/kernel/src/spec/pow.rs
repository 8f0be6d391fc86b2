//! Power `x^y` of two tensors of one shape.
//!
//! Value: the power, one rounding in `Binary32`; over ℝ defined for x > 0, for x = 0 < y, and for integers y (not 0 to a negative power), with
//! x^0 = 1. Constraints: pow_c1 (`spec-tests/ops/pow.md`).

binary! {
    /// `x^y` at every position; the shapes are equal (pow_c1).
    Pow, "pow_c1", |context, x, y| context.pow(x, y),
    |z, d| {
        let power = context.pow(x, &context.sub(y, &context.integer(1)?)?)?;
        context.mul(d, &context.mul(y, &power)?)
    },
    context.mul(d, &context.mul(z, &context.log(x)?)?)
}
