//! Sine of an angle in radians.
//!
//! Value: `sin x`, one rounding in `Binary32`; the argument is reduced exactly, however large it is.

unary! {
    /// `sin x` at every position.
    Sin, |context, x| context.sin(x),
    |_y, d| context.mul(d, &context.cos(x)?)
}
