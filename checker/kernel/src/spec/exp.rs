//! Exponential `e^x`.
//!
//! Value: the exponential, one rounding in `Binary32`.

use crate::spec::elementwise::unary;

unary! {
    /// `e^x` at every position.
    Exp, |context, x| context.exp(x)
}
