//! `ln Σ e^x` over a set of axes.
//!
//! Value: `m + ln Σ_j e^(x_j − m)` with `m = max_j x_j`, in this order of operations, the terms in row-major order; over ℝ it does not depend on `m`.
//! Shapes: x → x with the axes dropped, or with extent 1 where `keepdims` is set. Constraints: logsumexp_c1 (`spec-tests/ops/logsumexp.md`).

use crate::spec::axis::{lines, reduced};
use crate::spec::prelude::*;
use crate::spec::softmax::{exps, shifted};

attributes! {
    /// `ln Σ e^x` over `axes`.
    pub struct Logsumexp {
        /// The axes summed over, ascending; none leaves every value alone.
        pub axes: Vec<usize>,
        /// Whether a summed axis stays with extent 1.
        pub keepdims: bool,
    }
}

impl Operation for Logsumexp {
    fn shape(&self, parents: &[&Shape]) -> Result<Shape, Fault> {
        reduced(parents, &self.axes, self.keepdims, "logsumexp_c1")
    }

    fn value<C: Context>(&self, context: &C, parents: Parents<C>, _: &Shape) -> Values<C> {
        let [x] = parents else {
            return Err(WRONG_PARENTS);
        };
        let row = |line: Vec<usize>| {
            let row: Vec<_> = line.into_iter().filter_map(|at| x.data().get(at)).cloned().collect();
            let (max, shifted) = shifted(context, &row)?;
            context.add(&max, &context.log(&context.sum(&exps(context, &shifted)?)?)?)
        };
        lines(x.shape(), &self.axes).map(row).collect()
    }
}
