//! Minimum over axes.
//!
//! Value: the least x; in `Binary32` IEEE 754-2019 `minimum`, folded in row-major order. Constraints: reduce_min_c1 (`spec-tests/ops/reduce_min.md`).

use std::cmp::Ordering;

reduction! {
    /// The minimum over `axes`.
    ReduceMin, "reduce_min_c1", |context, terms| fold(terms, |x, y| context.min(x, y)),
    |_y, d| routed(context, terms, Ordering::Less, d)
}
