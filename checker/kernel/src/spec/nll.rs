//! Negative logarithm of the likelihood of classes, from the logarithms of their probabilities.
//!
//! Value: that of `classes` with l = x. Shapes: x [N, C, d..], targets [N, d..] or [N, C, d..], weight [C] (may be absent) → [N, d..] or a scalar.
//! Constraints: nll_c1 … nll_c4 (`spec-tests/ops/nll.md`).

use crate::spec::classes::{Classes, Targets};
use crate::spec::loss::Reduction;
use crate::spec::prelude::*;

attributes! {
    /// The negative logarithm of the likelihood of classes.
    pub struct Nll {
        /// What the targets are.
        pub targets: Targets,
        /// A label whose position does not count: one number, or none.
        pub ignore_index: Vec<i64>,
        /// What becomes of the losses of all positions.
        pub reduction: Reduction,
    }
}

impl Operation for Nll {
    fn shape(&self, x: &Shape, others: &[&Shape]) -> Result<Shape, Fault> {
        self.with(|classes| classes.shape(x, others, ["nll_c1", "nll_c2", "nll_c3", "nll_c4"]))
    }

    fn value<C: Context>(&self, context: &C, x: &Tensor<C::Value>, others: Parents<C>, _: &Shape) -> Values<C> {
        self.with(|classes| {
            let coefficients = classes.coefficients(context, x.shape(), others)?;
            classes.loss(context, coefficients, lines(x.shape(), &[1]).map(|line| Ok(super::axis::at(x, &line))))
        })
    }
}

impl Nll {
    fn with<R>(&self, f: impl FnOnce(&Classes) -> R) -> R {
        let (targets, reduction) = (self.targets, self.reduction);
        let (label_smoothing, ignore_index) = (&Exact::integer(0), &self.ignore_index[..]);
        f(&Classes { targets, label_smoothing, ignore_index, reduction })
    }
}

impl Vjp for Nll {
    fn vjp<C: Context>(&self, context: &C, at: &Point<C>, dy: &Tensor<C::Value>) -> Cotangents<C> {
        self.with(|classes| {
            classes.back(context, at, dy, |a, _, d| a.iter().map(|a| context.neg(&context.mul(a, d)?)).collect())
        })
    }
}
