//! Exponential `e^x`.
//!
//! Value: the exponential, one rounding in `Binary32`.

unary! {
    /// `e^x` at every position.
    Exp, |context, x| context.exp(x),
    |y, d| context.mul(d, y)
}
