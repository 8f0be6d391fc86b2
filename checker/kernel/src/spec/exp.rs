//! Exponential `e^x`.
//!
//! Value: the exponential, one rounding in `Binary32`.

use crate::spec::prelude::*;

unary! {
    /// `e^x` at every position.
    Exp, |context, x| context.exp(x)
}
