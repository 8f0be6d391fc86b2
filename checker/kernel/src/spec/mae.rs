//! Absolute error `|x − t|`.
//!
//! Value: the magnitude of the difference, then the reduction; derivative 0 where x = t. Constraints: mae_c1 (`spec-tests/ops/mae.md`).

loss! {
    /// The absolute error of predictions and targets.
    Mae {}, "mae_c1", |context, x, t| context.abs(&context.sub(x, t)?),
    |d| context.sub(&gate(context, x, t, d)?, &gate(context, t, x, d)?),
    context.sub(&gate(context, t, x, d)?, &gate(context, x, t, d)?)
}
