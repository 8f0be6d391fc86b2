//! Hinge loss `max(margin − t·x, 0)` of scores x and signs t = ±1.
//!
//! Value: in this order of operations, then the reduction; derivative 0 at the bend. Constraints: hinge_c1 (`spec-tests/ops/hinge.md`).

loss! {
    /// The hinge loss of scores and signs.
    Hinge {
        /// The distance at which the loss ends.
        margin,
    }, "hinge_c1", |context, x, t| context.max(&context.sub(&margin, &context.mul(t, x)?)?, &context.integer(0)?),
    |d| gate(context, &margin, &context.mul(t, x)?, &context.neg(&context.mul(d, t)?)?),
    gate(context, &margin, &context.mul(t, x)?, &context.neg(&context.mul(d, x)?)?)
}
