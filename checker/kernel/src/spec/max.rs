//! Maximum of two tensors of one shape.
//!
//! Value: `max(x, y)`, IEEE 754-2019 `maximum` in `Binary32`. Constraints: max_c1 (`spec-tests/ops/max.md`).

binary! {
    /// `max(x, y)` at every position; the shapes are equal (max_c1).
    Max, "max_c1", |context, x, y| context.max(x, y),
    |_z, d| context.choose(y, x, &context.integer(0)?, d), gate(context, y, x, d)
}
