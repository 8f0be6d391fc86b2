//! Mean over all spatial axes.
//!
//! Value: `Σ x / n` of each channel. Shapes: x [N, C, spatial..] → y [N, C, 1..]. Constraints: global_avg_pool_c1
//! (`spec-tests/ops/global_avg_pool.md`).

use crate::spec::prelude::*;

attributes! {
    /// Mean over all spatial axes; it has no attributes.
    pub struct GlobalAvgPool {}
}

impl Operation for GlobalAvgPool {
    fn shape(&self, x: &Shape, _: &[&Shape]) -> Result<Shape, Fault> {
        require(x.rank() > 2, "global_avg_pool_c1", || format!("x {x} has no spatial axis"))?;
        reduced(x, &(2..x.rank()).collect::<Vec<_>>(), true, "global_avg_pool_c1")
    }

    fn value<C: Context>(&self, context: &C, x: &Tensor<C::Value>, _: Parents<C>, shape: &Shape) -> Values<C> {
        reduce(x, &(2..shape.rank()).collect::<Vec<_>>(), |terms| mean(context, terms))
    }
}

linear!(GlobalAvgPool);
