//! Cross-entropy of predicted and target classes, from logits or from probabilities.
//!
//! Value: that of `classes`, with `l = (x − m) − ln Σ e^(x − m)`, m = max x over the classes, for `logits`, and `l = ln x` for `probabilities`.
//! Shapes: x [N, C, d..], targets [N, d..] or [N, C, d..], weight [C] (may be absent) → [N, d..] or a scalar. Constraints: cross_entropy_c1 … cross_entropy_c4 (`spec-tests/ops/cross_entropy.md`).

use crate::spec::classes::{Classes, Targets};
use crate::spec::loss::Reduction;
use crate::spec::prelude::*;
use crate::spec::softmax::shifted;

keywords! {
    /// What the predictions are.
    pub enum Predictions {
        /// Logarithms of the probabilities, up to a constant of each position.
        Logits = "logits",
        /// The probabilities.
        Probabilities = "probabilities",
    }
}

attributes! {
    /// The cross-entropy of predicted and target classes.
    pub struct CrossEntropy {
        /// What the predictions are.
        pub predictions: Predictions,
        /// What the targets are.
        pub targets: Targets,
        /// ε, the part of every target that goes to all classes alike: 0 ≤ ε ≤ 1.
        pub label_smoothing: Exact,
        /// A label whose position does not count: one number, or none.
        pub ignore_index: Vec<i64>,
        /// What becomes of the losses of all positions.
        pub reduction: Reduction,
    }
}

impl CrossEntropy {
    fn classes(&self) -> Classes<'_> {
        let (targets, reduction) = (self.targets, self.reduction);
        Classes { targets, label_smoothing: &self.label_smoothing, ignore_index: &self.ignore_index, reduction }
    }

    /// The logarithms of the probabilities at one position.
    fn logarithms<C: Context>(&self, context: &C, x: &[C::Value]) -> Values<C> {
        if self.predictions == Predictions::Probabilities {
            return x.iter().map(|x| context.log(x)).collect();
        }
        let (_, shifted, exps) = shifted(context, x)?;
        let log_total = context.log(&context.sum(&exps)?)?;
        shifted.iter().map(|x| context.sub(x, &log_total)).collect()
    }
}

impl Operation for CrossEntropy {
    fn shape(&self, x: &Shape, others: &[&Shape]) -> Result<Shape, Fault> {
        let rules = ["cross_entropy_c1", "cross_entropy_c2", "cross_entropy_c3", "cross_entropy_c4"];
        self.classes().shape(x, others, rules)
    }

    fn value<C: Context>(&self, context: &C, x: &Tensor<C::Value>, others: Parents<C>, _: &Shape) -> Values<C> {
        let coefficients = self.classes().coefficients(context, x.shape(), others)?;
        let logarithms = lines(x.shape(), &[1]).map(|line| self.logarithms(context, &super::axis::at(x, &line)));
        self.classes().loss(context, coefficients, logarithms)
    }

    fn work(&self, x: &Shape, _: &[&Shape], _: &Shape) -> u64 {
        elements(x)
    }
}

impl Vjp for CrossEntropy {
    /// From logits `dx_c = (p_c·Σa − a_c)·d`, p the softmax of x; from probabilities `dx_c = −a_c·d/x_c`.
    fn vjp<C: Context>(&self, context: &C, at: &Point<C>, dy: &Tensor<C::Value>) -> Cotangents<C> {
        self.classes().back(context, at, dy, |a, x, d| {
            if self.predictions == Predictions::Probabilities {
                return a.iter().zip(x).map(|(a, x)| context.neg(&context.div(&context.mul(a, d)?, x)?)).collect();
            }
            let total = context.sum(a)?;
            let logarithms = self.logarithms(context, x)?;
            let cotangent = |(a, l)| context.mul(&context.sub(&context.mul(&context.exp(l)?, &total)?, a)?, d);
            a.iter().zip(&logarithms).map(cotangent).collect()
        })
    }
}
