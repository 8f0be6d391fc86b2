//! Mean over a stated number of bins per spatial axis.
//!
//! Value: along an axis of extent n, bin i of `output` = m bins is the cells ⌊i·n/m⌋ ≤ cell < ⌈(i+1)·n/m⌉ (bins may overlap); y is `Σ x / count` of
//! the product of the bins. Shapes: x [N, C, spatial..] → y [N, C, output..].
//! Constraints: adaptive_avg_pool_c1, adaptive_avg_pool_c2 (`spec-tests/ops/adaptive_avg_pool.md`).

use crate::spec::prelude::*;
use crate::spec::reduce::mean;
use crate::spec::window::{over_windows, require_spatial};

attributes! {
    /// Mean over bins.
    pub struct AdaptiveAvgPool {
        /// The number of bins along each spatial axis.
        pub output: Vec<usize>,
    }
}

impl Operation for AdaptiveAvgPool {
    fn shape(&self, parents: &[&Shape]) -> Result<Shape, Fault> {
        let x = sole(parents).ok_or_else(wrong_parents)?;
        let (spatial, outer) = (x.rank().saturating_sub(2), x.dimensions().iter().take(2));
        require_spatial(spatial, &[&self.output], "adaptive_avg_pool_c1")?;
        shape_of(outer.chain(&self.output).copied().collect(), "adaptive_avg_pool_c2")
    }

    fn value<C: Context>(&self, context: &C, parents: Parents<C>, shape: &Shape) -> Values<C> {
        let bin = |axis: usize, i: usize, n: usize| {
            let bins = self.output.get(axis).map_or(1, |&bins| bins);
            (i * n / bins..((i + 1) * n).div_ceil(bins)).collect() // both extents are below 2^31
        };
        over_windows(parents, shape, bin, |_, cells| mean(context, &cells))
    }

    fn work(&self, parents: &[&Shape], _: &Shape) -> u64 {
        // m bins over n cells: each is at most one cell wider than n/m at each end, so together they are at most n + 2m.
        let extents = parents.first().map_or(&[][..], |x| x.dimensions());
        let outer = extents.iter().take(2).copied();
        let spatial = extents.iter().skip(2).zip(&self.output).map(|(&n, &bins)| n.saturating_add(bins.saturating_mul(2)));
        outer.chain(spatial).fold(1u64, |work, n| work.saturating_mul(u64::try_from(n).unwrap_or(u64::MAX)))
    }
}
