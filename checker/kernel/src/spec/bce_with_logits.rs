//! Binary cross-entropy of logits: `−(w·t·ln σ(x) + (1 − t)·ln(1 − σ(x)))`, σ the logistic sigmoid.
//!
//! Value: `(1 − t)·x + (1 + (w − 1)·t)·ln(1 + e^(−x))`, the logarithm as softplus of −x, so that no exponential overflows; then the reduction. `positive_weight` is w.
//! Constraints: bce_with_logits_c1 (`spec-tests/ops/bce_with_logits.md`).

use crate::spec::sigmoid::sigmoid;
use crate::spec::softplus::softplus;

loss! {
    /// The binary cross-entropy of logits and targets.
    BceWithLogits {
        /// The factor w on the loss of a positive target.
        positive_weight,
    }, "bce_with_logits_c1", |context, x, t| {
        let one = context.integer(1)?;
        let weight = context.add(&one, &context.mul(&context.sub(&positive_weight, &one)?, t)?)?;
        let tail = context.mul(&weight, &softplus(context, &context.neg(x)?)?)?;
        context.add(&context.mul(&context.sub(&one, t)?, x)?, &tail)
    },
    |d| {
        // (1 − t) − (1 + (w − 1)t)·σ(−x)
        let one = context.integer(1)?;
        let weight = context.add(&one, &context.mul(&context.sub(&positive_weight, &one)?, t)?)?;
        let tail = context.mul(&weight, &sigmoid(context, &context.neg(x)?)?)?;
        context.mul(d, &context.sub(&context.sub(&one, t)?, &tail)?)
    },
    {
        let extra = context.sub(&positive_weight, &context.integer(1)?)?;
        let tail = context.mul(&extra, &softplus(context, &context.neg(x)?)?)?;
        context.mul(d, &context.sub(&tail, x)?)
    }
}
