//! Cosine of an angle in radians.
//!
//! Value: `cos x`, one rounding in `Binary32`; the argument is reduced exactly, however large it is.

unary! {
    /// `cos x` at every position.
    Cos, |context, x| context.cos(x),
    |_y, d| context.neg(&context.mul(d, &context.sin(x)?)?)
}
