//! Leaky rectified linear unit: `x` above zero, `slope · x` below.
//!
//! Value: `max(x, 0) + slope · min(x, 0)`, in this order of operations; no branch, so every reading has it (`spec-tests/ops/leaky_relu.md`).

use crate::spec::elementwise::map;
use crate::spec::elementwise::same_shape;
use crate::spec::prelude::*;

attributes! {
    /// `max(x, 0) + slope · min(x, 0)` at every position.
    pub struct LeakyRelu {
        /// The slope below zero.
        pub slope: Exact,
    }
}

impl Operation for LeakyRelu {
    fn shape(&self, parents: &[&Shape]) -> Result<Shape, Fault> {
        same_shape(parents)
    }

    fn value<C: Context>(&self, context: &C, parents: Parents<C>, _: &Shape) -> Values<C> {
        let (zero, slope) = (context.integer(0)?, context.constant(&self.slope)?);
        map(parents, |x| context.add(&context.max(x, &zero)?, &context.mul(&slope, &context.min(x, &zero)?)?))
    }
}
