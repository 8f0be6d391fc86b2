//! Logarithm of softmax along one axis.
//!
//! Value: `(x_i − m) − ln Σ_j e^(x_j − m)` with `m = max_j x_j`, in this order of operations; over ℝ it does not depend on `m`.
//! Shapes: x → the same shape. Constraints: log_softmax_c1 (`spec-tests/ops/log_softmax.md`).

use crate::spec::prelude::*;
use crate::spec::softmax::shifted;

attributes! {
    /// The logarithm of softmax along `axis`.
    pub struct LogSoftmax {
        /// The axis whose values are the logarithms of numbers that sum to one.
        pub axis: usize,
    }
}

impl Operation for LogSoftmax {
    fn shape(&self, x: &Shape, _: &[&Shape]) -> Result<Shape, Fault> {
        require_axis(x, self.axis, "log_softmax_c1")
    }

    fn value<C: Context>(&self, context: &C, x: &Tensor<C::Value>, _: Parents<C>, _: &Shape) -> Values<C> {
        along([x], self.axis, |[x]| {
            let (_, shifted, exps) = shifted(context, &x)?;
            let log_total = context.log(&context.sum(&exps)?)?;
            shifted.iter().map(|x| context.sub(x, &log_total)).collect()
        })
    }
}

impl Vjp for LogSoftmax {
    fn vjp<C: Context>(&self, context: &C, at: &Point<C>, dy: &Tensor<C::Value>) -> Cotangents<C> {
        let cotangents = along([at.y, dy], self.axis, |[y, d]| {
            let total = context.sum(&d)?;
            let cotangent = |(y, d)| context.sub(d, &context.mul(&context.exp(y)?, &total)?);
            y.iter().zip(&d).map(cotangent).collect()
        });
        Ok(vec![Some(cotangents?)])
    }
}
