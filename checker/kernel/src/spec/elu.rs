//! Exponential linear unit (Clevert, Unterthiner, Hochreiter 2016): `x` above zero, `alpha · (e^x − 1)` below.
//!
//! Value: `max(x, 0) + alpha · expm1(min(x, 0))`, in this order of operations; no branch, so every reading has it (`spec-tests/ops/elu.md`).

use crate::spec::elementwise::map;
use crate::spec::elementwise::same_shape;
use crate::spec::prelude::*;

attributes! {
    /// `max(x, 0) + alpha · expm1(min(x, 0))` at every position.
    pub struct Elu {
        /// The negative of the limit at −∞.
        pub alpha: Exact,
    }
}

impl Operation for Elu {
    fn shape(&self, parents: &[&Shape]) -> Result<Shape, Fault> {
        same_shape(parents)
    }

    fn value<C: Context>(&self, context: &C, parents: Parents<C>, _: &Shape) -> Values<C> {
        let (zero, alpha) = (context.integer(0)?, context.constant(&self.alpha)?);
        map(parents, |x| context.add(&context.max(x, &zero)?, &context.mul(&alpha, &context.expm1(&context.min(x, &zero)?)?)?))
    }
}
