//! Piecewise linear sigmoid `max(0, min(1, α·x + β))`.
//!
//! Value: `min(α·x + β, 1)`, then the greater of that and +0.

use crate::spec::elementwise::{map, same_shape};
use crate::spec::prelude::*;

attributes! {
    /// `max(0, min(1, alpha·x + beta))` at every position.
    pub struct HardSigmoid {
        /// The slope α.
        pub alpha: Exact,
        /// The value β at zero.
        pub beta: Exact,
    }
}

impl Operation for HardSigmoid {
    fn shape(&self, parents: &[&Shape]) -> Result<Shape, Fault> {
        same_shape(parents)
    }

    fn value<C: Context>(&self, context: &C, parents: Parents<C>, _: &Shape) -> Values<C> {
        let (alpha, beta) = (context.constant(&self.alpha)?, context.constant(&self.beta)?);
        let (zero, one) = (context.integer(0)?, context.integer(1)?);
        map(parents, |x| {
            let line = context.add(&context.mul(&alpha, x)?, &beta)?;
            context.max(&context.min(&line, &one)?, &zero)
        })
    }
}
