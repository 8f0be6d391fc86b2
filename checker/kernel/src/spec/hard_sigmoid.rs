//! Piecewise linear sigmoid `max(0, min(1, α·x + β))`.
//!
//! Value: `min(α·x + β, 1)`, then the greater of that and +0.

unary! {
    /// `max(0, min(1, alpha·x + beta))` at every position.
    HardSigmoid {
        /// The slope α.
        alpha,
        /// The value β at zero.
        beta,
    }, |context, x| {
        let line = context.add(&context.mul(&alpha, x)?, &beta)?;
        context.max(&context.min(&line, &context.integer(1)?)?, &context.integer(0)?)
    },
    |_y, d| {
        let line = context.add(&context.mul(&alpha, x)?, &beta)?;
        let (zero, one) = (context.integer(0)?, context.integer(1)?);
        within(context, &line, [Some(&zero), Some(&one)], &context.mul(&alpha, d)?)
    }
}
