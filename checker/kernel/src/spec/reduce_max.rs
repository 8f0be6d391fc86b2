//! Maximum over axes.
//!
//! Value: the greatest x; in `Binary32` IEEE 754-2019 `maximum`, folded in row-major order. Constraints: reduce_max_c1 (`spec-tests/ops/reduce_max.md`).

use std::cmp::Ordering;

reduction! {
    /// The maximum over `axes`.
    ReduceMax, "reduce_max_c1", |context, terms| fold(terms, |x, y| context.max(x, y)),
    |_y, d| routed(context, terms, Ordering::Greater, d)
}
