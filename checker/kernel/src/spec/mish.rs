//! Mish `x · tanh(ln(1 + e^x))` (Misra 2019).
//!
//! Value: the product of x and the hyperbolic tangent of softplus with β = 1.

use crate::spec::sigmoid::sigmoid;
use crate::spec::softplus::softplus;

unary! {
    /// `x · tanh(ln(1 + e^x))` at every position.
    Mish, |context, x| context.mul(x, &context.tanh(&softplus(context, x)?)?),
    |_y, d| {
        let t = context.tanh(&softplus(context, x)?)?;
        let slope = context.mul(&context.sub(&context.integer(1)?, &context.mul(&t, &t)?)?, &sigmoid(context, x)?)?;
        context.mul(d, &context.add(&t, &context.mul(x, &slope)?)?)
    }
}
