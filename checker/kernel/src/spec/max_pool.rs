//! Maximum over a sliding window, one to three spatial axes.
//!
//! Value: the greatest cell that the window sees, folded in row-major order; padding is −∞, so only real cells count.
//! Shapes: x [N, C, spatial..] → y [N, C, out..]. Constraints: max_pool_c1 … max_pool_c3 (`spec-tests/ops/max_pool.md`).

use crate::spec::prelude::*;
use std::cmp::Ordering;

pool! {
    /// Maximum over windows; the lists have one entry per spatial axis.
    pub struct MaxPool {}
}

impl Operation for MaxPool {
    fn shape(&self, x: &Shape, _: &[&Shape]) -> Result<Shape, Fault> {
        self.sliding().pool(x, ["max_pool_c1", "max_pool_c2", "max_pool_c3"])
    }

    fn value<C: Context>(&self, context: &C, x: &Tensor<C::Value>, _: Parents<C>, shape: &Shape) -> Values<C> {
        let list = |axis, o, extent| self.sliding().cells(axis, o, extent);
        over_windows(x, shape, list, |_, cells| fold(&cells, |x, y| context.max(x, y)))
    }

    fn work(&self, _: &Shape, _: &[&Shape], shape: &Shape) -> u64 {
        self.sliding().work(shape)
    }
}

impl Vjp for MaxPool {
    fn vjp<C: Context>(&self, context: &C, at: &Point<C>, dy: &Tensor<C::Value>) -> Cotangents<C> {
        let cells = |axis, o, extent| self.sliding().cells(axis, o, extent);
        let places = Tensor::new(at.x.shape().clone(), (0..at.x.data().len()).collect()).ok_or(WRONG_PARENTS)?;
        let windows = over_windows(&places, dy.shape(), cells, |_, places| Ok(places))?;
        let placed = unreduced(at, dy, windows.into_iter(), |cells, _, d| routed(context, cells, Ordering::Greater, d))?;
        Ok(vec![Some(totals(context, at.x.data().len(), placed.into_iter().map(Ok))?)])
    }
}
