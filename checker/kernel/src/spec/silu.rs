//! Sigmoid linear unit (swish) `x · sigmoid(x)`.
//!
//! Value: the product of x and `1/(1 + e^(−x))`.

use crate::spec::sigmoid::sigmoid;

unary! {
    /// `x/(1 + e^(−x))` at every position.
    Silu, |context, x| context.mul(x, &sigmoid(context, x)?)
}
