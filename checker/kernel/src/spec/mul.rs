//! Product (Hadamard) of two tensors of one shape.
//!
//! Value: `x · y`, one rounding in `Binary32`. Constraints: mul_c1 (`spec-tests/ops/mul.md`).

binary! {
    /// `x · y` at every position; the shapes are equal (mul_c1).
    Mul, "mul_c1", |context, x, y| context.mul(x, y),
    |_z, d| context.mul(d, y), context.mul(d, x)
}
