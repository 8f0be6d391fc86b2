//! Sigmoid linear unit (swish) `x · sigmoid(x)`.
//!
//! Value: the product of x and `1/(1 + e^(−x))`.

use crate::spec::sigmoid::sigmoid;

unary! {
    /// `x/(1 + e^(−x))` at every position.
    Silu, |context, x| context.mul(x, &sigmoid(context, x)?),
    |_y, d| {
        let (one, s) = (context.integer(1)?, sigmoid(context, x)?);
        let tail = context.mul(x, &context.sub(&one, &s)?)?; // s(1 + x(1 − s))
        context.mul(d, &context.mul(&s, &context.add(&one, &tail)?)?)
    }
}
