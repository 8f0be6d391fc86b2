//! Difference of two tensors of one shape.
//!
//! Value: `x − y`, one rounding in `Binary32`. Constraints: sub_c1 (`spec-tests/ops/sub.md`).

binary! {
    /// `x − y` at every position; the shapes are equal (sub_c1).
    Sub, "sub_c1", |context, x, y| context.sub(x, y),
    |_z, d| Ok(d.clone()), context.neg(d)
}
