//! Sum of two tensors of one shape.
//!
//! Value: `x + y`, one rounding in `Binary32`. Constraints: add_c1 (`spec-tests/ops/add.md`).

binary! {
    /// `x + y` at every position; the shapes are equal (add_c1).
    Add, "add_c1", |context, x, y| context.add(x, y),
    |_z, d| Ok(d.clone()), Ok(d.clone())
}
