//! Product with an exact constant.
//!
//! Value: `factor · x`; `Binary32` rounds the factor once, then the product (`spec-tests/ops/scale.md`).

unary! {
    /// `factor · x` at every position.
    Scale {
        /// The constant.
        factor,
    }, |context, x| context.mul(&factor, x),
    |_y, d| context.mul(&factor, d)
}
