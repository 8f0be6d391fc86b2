//! Mean over a stated number of bins per spatial axis.
//!
//! Value: along an axis of extent n, bin i of `output` = m bins is the cells ⌊i·n/m⌋ ≤ cell < ⌈(i+1)·n/m⌉ (bins may overlap); y is `Σ x / count` of
//! the product of the bins. Shapes: x [N, C, spatial..] → y [N, C, output..].
//! Constraints: adaptive_avg_pool_c1, adaptive_avg_pool_c2 (`spec-tests/ops/adaptive_avg_pool.md`).

use crate::spec::prelude::*;

attributes! {
    /// Mean over bins.
    pub struct AdaptiveAvgPool {
        /// The number of bins along each spatial axis.
        pub output: Vec<usize>,
    }
}

impl Operation for AdaptiveAvgPool {
    fn shape(&self, x: &Shape, _: &[&Shape]) -> Result<Shape, Fault> {
        require_spatial(x.rank().saturating_sub(2), &[&self.output], "adaptive_avg_pool_c1")?;
        resized(x, &self.output, "adaptive_avg_pool_c2")
    }

    fn value<C: Context>(&self, context: &C, x: &Tensor<C::Value>, _: Parents<C>, shape: &Shape) -> Values<C> {
        let bin = |axis: usize, i: usize, n: usize| {
            let bins = self.output.get(axis).map_or(1, |&bins| bins);
            (i * n / bins..((i + 1) * n).div_ceil(bins)).collect() // both extents are below 2^31
        };
        over_windows(x, shape, bin, |_, cells| mean(context, &cells))
    }

    fn work(&self, x: &Shape, _: &[&Shape], _: &Shape) -> u64 {
        // m bins over n cells: each is at most one cell wider than n/m at each end, so together they are at most n + 2m.
        let outer = x.dimensions().iter().take(2).copied();
        let read = spatial(x).iter().zip(&self.output).map(|(&n, &bins)| n.saturating_add(bins.saturating_mul(2)));
        cells(&outer.chain(read).collect::<Vec<_>>())
    }
}

linear!(AdaptiveAvgPool);
