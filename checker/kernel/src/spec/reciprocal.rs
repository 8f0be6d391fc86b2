//! Reciprocal `1/x`.
//!
//! Value: the quotient of 1 and x, one rounding in `Binary32`; undefined for x = 0.

unary! {
    /// `1/x` at every position.
    Reciprocal, |context, x| context.div(&context.integer(1)?, x),
    |y, d| context.neg(&context.mul(d, &context.mul(y, y)?)?)
}
