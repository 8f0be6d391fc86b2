//! Mean over all spatial axes.
//!
//! Value: `Σ x / n` of each channel. Shapes: x [N, C, spatial..] → y [N, C, 1..]. Constraints: global_avg_pool_c1
//! (`spec-tests/ops/global_avg_pool.md`).

use crate::spec::axis::reduced;
use crate::spec::prelude::*;
use crate::spec::reduce::{mean, reduce};

attributes! {
    /// Mean over all spatial axes; it has no attributes.
    pub struct GlobalAvgPool {}
}

impl Operation for GlobalAvgPool {
    fn shape(&self, parents: &[&Shape]) -> Result<Shape, Fault> {
        let x = sole(parents).ok_or_else(wrong_parents)?;
        require(x.rank() > 2, "global_avg_pool_c1", || format!("x {x} has no spatial axis"))?;
        reduced(parents, &(2..x.rank()).collect::<Vec<_>>(), true, "global_avg_pool_c1")
    }

    fn value<C: Context>(&self, context: &C, parents: Parents<C>, shape: &Shape) -> Values<C> {
        reduce(parents, &(2..shape.rank()).collect::<Vec<_>>(), |terms| mean(context, terms))
    }
}
