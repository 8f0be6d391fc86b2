//! Product with an exact constant.
//!
//! Value: `factor · x`; `Binary32` rounds the factor once, then the product (`spec-tests/ops/scale.md`).

use crate::spec::elementwise::map;
use crate::spec::elementwise::same_shape;
use crate::spec::prelude::*;

attributes! {
    /// `factor · x` at every position.
    pub struct Scale {
        /// The constant.
        pub factor: Exact,
    }
}

impl Operation for Scale {
    fn shape(&self, parents: &[&Shape]) -> Result<Shape, Fault> {
        same_shape(parents)
    }

    fn value<C: Context>(&self, context: &C, parents: Parents<C>, _: &Shape) -> Values<C> {
        let factor = context.constant(&self.factor)?;
        map(parents, |x| context.mul(&factor, x))
    }
}
