//! `ln Σ e^x` over a set of axes.
//!
//! Value: `m + ln Σ_j e^(x_j − m)` with `m = max_j x_j`, in this order of operations, the terms in row-major order; over ℝ it does not depend on `m`.
//! Shapes: x → x with the axes dropped, or with extent 1 where `keepdims` is set. Constraints: logsumexp_c1 (`spec-tests/ops/logsumexp.md`).

use crate::spec::softmax::shifted;

reduction! {
    /// `ln Σ e^x` over `axes`.
    Logsumexp, "logsumexp_c1", |context, terms| {
        let (max, _, exps) = shifted(context, terms)?;
        context.add(&max, &context.log(&context.sum(&exps)?)?)
    },
    |y, d| terms.iter().map(|x| context.mul(d, &context.exp(&context.sub(x, y)?)?)).collect()
}
