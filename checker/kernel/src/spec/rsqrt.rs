//! Reciprocal square root `1/√x`.
//!
//! Value: `1/√x` as one function, one rounding in `Binary32` (IEEE 754-2019 rSqrt), not a division after a root; undefined for x ≤ 0.

unary! {
    /// `1/√x` at every position.
    Rsqrt, |context, x| context.rsqrt(x),
    |y, d| context.neg(&context.div(&context.mul(d, y)?, &context.add(x, x)?)?)
}
