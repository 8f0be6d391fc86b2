//! Mean over a sliding window, one to three spatial axes.
//!
//! Value: the sum of the cells that the window sees (padding adds nothing), in the context's order, divided by a constant: the number of those
//! cells; or with `count_include_pad` the number of window cells within the input and its padding; or `divisor`, where there is one.
//! Shapes: x [N, C, spatial..] → y [N, C, out..]. Constraints: avg_pool_c1 … avg_pool_c4 (`spec-tests/ops/avg_pool.md`).

use crate::spec::prelude::*;

pool! {
    /// Mean over windows; the lists of integers have one entry per spatial axis.
    pub struct AvgPool {
        /// Whether padding counts in the divisor; what only ceiling mode lets a window cover, beyond the padding, never does.
        pub count_include_pad: bool,
        /// The divisor of every window, not zero; empty where it is a count.
        pub divisor: Vec<Exact>,
    }
}

const TOO_MANY: EvalError = EvalError::Limit { what: "2^63 cells of a window" };

impl Operation for AvgPool {
    fn shape(&self, x: &Shape, _: &[&Shape]) -> Result<Shape, Fault> {
        require(self.divisor.len() <= 1 && !self.divisor.iter().any(Exact::is_zero), "avg_pool_c4", || {
            format!("{} divisors; one at most, and not zero", self.divisor.len())
        })?;
        self.sliding().pool(x, ["avg_pool_c1", "avg_pool_c2", "avg_pool_c3"])
    }

    fn value<C: Context>(&self, context: &C, x: &Tensor<C::Value>, _: Parents<C>, shape: &Shape) -> Values<C> {
        let (sliding, input) = (self.sliding(), spatial(x.shape()));
        let list = |axis, o, extent| sliding.cells(axis, o, extent);
        over_windows(x, shape, list, |index, cells| {
            let mut padded =
                index.iter().zip(input).enumerate().map(|(axis, (&o, &n))| sliding.within_padding(axis, o, n));
            let padded = padded.try_fold(1usize, |count, cells| count.checked_mul(cells));
            let count = if self.count_include_pad { padded.ok_or(TOO_MANY)? } else { cells.len() };
            let divisor = match self.divisor.first() {
                Some(divisor) => context.constant(divisor)?,
                None => context.integer(i64::try_from(count).map_err(|_| WRONG_PARENTS)?)?,
            };
            context.div(&context.sum(&cells)?, &divisor)
        })
    }

    fn work(&self, _: &Shape, _: &[&Shape], shape: &Shape) -> u64 {
        self.sliding().work(shape)
    }
}

linear!(AvgPool);
