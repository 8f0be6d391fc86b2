//! Leaky rectified linear unit: `x` above zero, `slope · x` below.
//!
//! Value: `max(x, 0) + slope · min(x, 0)`, in this order of operations; no branch, so every reading has it (`spec-tests/ops/leaky_relu.md`).

unary! {
    /// `max(x, 0) + slope · min(x, 0)` at every position.
    LeakyRelu {
        /// The slope below zero.
        slope,
    }, |context, x| {
        let zero = context.integer(0)?;
        context.add(&context.max(x, &zero)?, &context.mul(&slope, &context.min(x, &zero)?)?)
    },
    |_y, d| context.choose(x, &context.integer(0)?, d, &context.mul(&slope, d)?)
}
