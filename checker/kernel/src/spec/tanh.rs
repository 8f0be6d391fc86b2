//! Hyperbolic tangent.
//!
//! Value: `tanh x`, one rounding in `Binary32`.

use crate::spec::prelude::*;

unary! {
    /// `tanh x` at every position.
    Tanh, |context, x| context.tanh(x)
}
