//! Mean over axes.
//!
//! Value: `Σ x / n`: the sum in the context's order, then one division by the number of terms. Constraints: mean_c1 (`spec-tests/ops/mean.md`).

reduction! {
    /// The mean over `axes`.
    Mean, "mean_c1", |context, terms| mean(context, terms)
}

linear!(Mean);
