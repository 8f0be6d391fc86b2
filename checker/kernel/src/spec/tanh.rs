//! Hyperbolic tangent.
//!
//! Value: `tanh x`, one rounding in `Binary32`.

unary! {
    /// `tanh x` at every position.
    Tanh, |context, x| context.tanh(x)
}
