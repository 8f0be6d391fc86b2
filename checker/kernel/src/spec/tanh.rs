//! Hyperbolic tangent.
//!
//! Value: `tanh x`, one rounding in `Binary32`.

use crate::spec::elementwise::unary;

unary! {
    /// `tanh x` at every position.
    Tanh, |context, x| context.tanh(x)
}
