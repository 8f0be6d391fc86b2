//! The error function `2/√π ∫₀ˣ e^(−t²) dt`.
//!
//! Value: `erf x`, one rounding in `Binary32`.

unary! {
    /// `erf x` at every position.
    Erf, |context, x| context.erf(x),
    |_y, d| {
        let scale = context.div(&context.integer(2)?, &context.sqrt(&context.pi()?)?)?; // 2/√π
        context.mul(d, &context.mul(&scale, &context.exp(&context.neg(&context.square(x)?)?)?)?)
    }
}
