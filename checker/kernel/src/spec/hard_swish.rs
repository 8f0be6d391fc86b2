//! Piecewise quadratic swish `x · max(0, min(6, x + 3)) / 6`.
//!
//! Value: `x · (max(min(x + 3, 6), +0) / 6)`; the quotient is taken first, so that no product overflows.

unary! {
    /// `x · max(0, min(6, x + 3)) / 6` at every position.
    HardSwish, |context, x| {
        let (three, six) = (context.integer(3)?, context.integer(6)?);
        let ramp = context.max(&context.min(&context.add(x, &three)?, &six)?, &context.integer(0)?)?;
        context.mul(x, &context.div(&ramp, &six)?)
    },
    |_y, d| {
        let (three, six) = (context.integer(3)?, context.integer(6)?);
        let line = context.add(x, &three)?;
        let ramp = context.max(&context.min(&line, &six)?, &context.integer(0)?)?;
        let slope = within(context, &line, [Some(&context.integer(0)?), Some(&six)], x)?; // of x·ramp: ramp + x·ramp'
        context.mul(d, &context.div(&context.add(&ramp, &slope)?, &six)?)
    }
}
