//! Natural logarithm `ln x`.
//!
//! Value: the logarithm, one rounding in `Binary32`; undefined for x ≤ 0 (there `Binary32` has −∞ at ±0 and NaN below).

unary! {
    /// `ln x` at every position.
    Log, |context, x| context.log(x),
    |_y, d| context.div(d, x)
}
