//! The error function `2/√π ∫₀ˣ e^(−t²) dt`.
//!
//! Value: `erf x`, one rounding in `Binary32`.

unary! {
    /// `erf x` at every position.
    Erf, |context, x| context.erf(x)
}
