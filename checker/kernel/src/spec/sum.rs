//! Sum over axes.
//!
//! Value: `Σ x`, the terms row-major; the order of the sum is the context's. Constraints: sum_c1 (`spec-tests/ops/sum.md`).

reduction! {
    /// The sum over `axes`.
    Sum, "sum_c1", |context, terms| context.sum(terms)
}

linear!(Sum);
