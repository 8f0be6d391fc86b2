//! Hyperbolic tangent.
//!
//! Value: `tanh x`, one rounding in `Binary32`.

unary! {
    /// `tanh x` at every position.
    Tanh, |context, x| context.tanh(x),
    |y, d| context.mul(d, &context.sub(&context.integer(1)?, &context.mul(y, y)?)?)
}
