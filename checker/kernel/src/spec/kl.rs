//! Kullback–Leibler divergence (1951) of targets from predictions in logarithms: `t·(ln t − x)`.
//!
//! Value: `t·ln t − t·x`, with `t·ln t` zero at t = 0, then the reduction. Shapes: x (logarithms of probabilities), t (probabilities) of one shape.
//! Constraints: kl_c1 (`spec-tests/ops/kl.md`).

use crate::spec::loss::entropy;

loss! {
    /// The divergence of target probabilities from predicted logarithms of probabilities.
    Kl {}, "kl_c1", |context, x, t| context.sub(&entropy(context, t)?, &context.mul(t, x)?),
    |d| context.neg(&context.mul(d, t)?),
    {
        let slope = context.sub(&context.add(&context.log(t)?, &context.integer(1)?)?, x)?;
        context.mul(d, &slope)
    }
}
