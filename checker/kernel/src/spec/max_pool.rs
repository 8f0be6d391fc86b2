//! Maximum over a sliding window, one to three spatial axes.
//!
//! Value: the greatest cell that the window sees, folded in row-major order; padding is −∞, so only real cells count.
//! Shapes: x [N, C, spatial..] → y [N, C, out..]. Constraints: max_pool_c1 … max_pool_c3 (`spec-tests/ops/max_pool.md`).

use crate::spec::reduce::fold;
use crate::spec::window::Sliding;
use crate::spec::window::over_windows;
use crate::spec::prelude::*;

attributes! {
    /// Maximum over windows; the lists have one entry per spatial axis.
    pub struct MaxPool {
        /// Cells of the window.
        pub kernel: Vec<usize>,
        /// Step between output positions.
        pub stride: Vec<usize>,
        /// Step between window cells.
        pub dilation: Vec<usize>,
        /// Padding before the first cell.
        pub pad_before: Vec<usize>,
        /// Padding after the last cell.
        pub pad_after: Vec<usize>,
        /// Whether a last, partial window counts.
        pub ceil_mode: bool,
    }
}

impl MaxPool {
    fn sliding(&self) -> Sliding<'_> {
        Sliding {
            kernel: &self.kernel,
            stride: &self.stride,
            dilation: &self.dilation,
            before: &self.pad_before,
            after: &self.pad_after,
            ceiling: self.ceil_mode,
        }
    }
}

impl Operation for MaxPool {
    fn shape(&self, parents: &[&Shape]) -> Result<Shape, Fault> {
        self.sliding().pool(parents, "max_pool_c1", "max_pool_c2", "max_pool_c3")
    }

    fn value<C: Context>(&self, context: &C, parents: Parents<C>, shape: &Shape) -> Values<C> {
        let list = |axis, o, extent| self.sliding().cells(axis, o, extent);
        over_windows(parents, shape, list, |_, cells| fold(&cells, |x, y| context.max(x, y)))
    }

    fn work(&self, _: &[&Shape], shape: &Shape) -> u64 {
        self.sliding().work(shape)
    }
}
