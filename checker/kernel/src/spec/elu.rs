//! Exponential linear unit (Clevert, Unterthiner, Hochreiter 2016): `x` above zero, `alpha · (e^x − 1)` below.
//!
//! Value: `max(x, 0) + alpha · expm1(min(x, 0))`, in this order of operations; no branch, so every reading has it (`spec-tests/ops/elu.md`).

unary! {
    /// `max(x, 0) + alpha · expm1(min(x, 0))` at every position.
    Elu {
        /// The negative of the limit at −∞.
        alpha,
    }, |context, x| {
        let zero = context.integer(0)?;
        context.add(&context.max(x, &zero)?, &context.mul(&alpha, &context.expm1(&context.min(x, &zero)?)?)?)
    },
    |_y, d| {
        let zero = context.integer(0)?;
        let below = context.mul(&alpha, &context.exp(&context.min(x, &zero)?)?)?; // α·e^x
        context.choose(x, &zero, d, &context.mul(d, &below)?)
    }
}
