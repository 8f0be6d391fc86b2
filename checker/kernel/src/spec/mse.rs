//! Squared error `(x − t)²`.
//!
//! Value: `d·d` with `d = x − t`, then the reduction. Shapes: x, t of one shape → it, or a scalar. Constraints: mse_c1 (`spec-tests/ops/mse.md`).

loss! {
    /// The squared error of predictions and targets.
    Mse {}, "mse_c1", |context, x, t| context.square(&context.sub(x, t)?),
    |d| context.mul(d, &context.mul(&context.integer(2)?, &context.sub(x, t)?)?),
    context.mul(d, &context.mul(&context.integer(2)?, &context.sub(t, x)?)?)
}
