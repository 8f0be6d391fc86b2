//! Square root `√x`.
//!
//! Value: the root, one rounding in `Binary32`; undefined for x < 0 (there `Binary32` has NaN).

unary! {
    /// `√x` at every position.
    Sqrt, |context, x| context.sqrt(x),
    |y, d| context.div(d, &context.add(y, y)?)
}
