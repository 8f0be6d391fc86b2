//! Minimum of two tensors of one shape.
//!
//! Value: `min(x, y)`, IEEE 754-2019 `minimum` in `Binary32`. Constraints: min_c1 (`spec-tests/ops/min.md`).

binary! {
    /// `min(x, y)` at every position; the shapes are equal (min_c1).
    Min, "min_c1", |context, x, y| context.min(x, y),
    |_z, d| context.choose(x, y, &context.integer(0)?, d), gate(context, x, y, d)
}
