//! Logistic sigmoid `1/(1 + e^(−x))`.
//!
//! Value: the quotient, in this order of operations; x stands in it once, so an interval keeps its exact image. In `Binary32` the exponential
//! overflows below −88.8 and the result is then +0 instead of a subnormal.

unary! {
    /// `1/(1 + e^(−x))` at every position.
    Sigmoid, |context, x| sigmoid(context, x),
    |y, d| context.mul(d, &context.mul(y, &context.sub(&context.integer(1)?, y)?)?)
}

/// `1/(1 + e^(−x))`.
pub(crate) fn sigmoid<C: Context>(context: &C, x: &C::Value) -> Result<C::Value, EvalError> {
    let one = context.integer(1)?;
    context.div(&one, &context.add(&one, &context.exp(&context.neg(x)?)?)?)
}
