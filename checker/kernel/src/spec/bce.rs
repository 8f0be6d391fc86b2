//! Binary cross-entropy of probabilities: `−(t·ln x + (1 − t)·ln(1 − x))`.
//!
//! Value: in this order of operations, `ln(1 − x)` as log1p, then the reduction; undefined at x = 0 and x = 1 (PyTorch clamps both logarithms at −100 there; `bce_with_logits` needs no clamp).
//! Constraints: bce_c1 (`spec-tests/ops/bce.md`).

loss! {
    /// The binary cross-entropy of probabilities and targets.
    Bce {}, "bce_c1", |context, x, t| {
        let rest = context.sub(&context.integer(1)?, t)?;
        let hit = context.mul(t, &context.log(x)?)?;
        context.neg(&context.add(&hit, &context.mul(&rest, &context.log1p(&context.neg(x)?)?)?)?)
    },
    |d| {
        // (x − t) / (x(1 − x))
        let spread = context.mul(x, &context.sub(&context.integer(1)?, x)?)?;
        context.mul(d, &context.div(&context.sub(x, t)?, &spread)?)
    },
    context.mul(d, &context.sub(&context.log1p(&context.neg(x)?)?, &context.log(x)?)?)
}
