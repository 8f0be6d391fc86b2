//! Softmax along one axis.
//!
//! Value: `e^(x_i − m) / Σ_j e^(x_j − m)` with `m = max_j x_j`, in this order of operations; over ℝ it does not depend on `m`.
//! Shapes: x → the same shape. Constraints: softmax_c1 (`spec-tests/ops/softmax.md`).

use crate::spec::axis::{along, require_axis};
use crate::spec::prelude::*;

attributes! {
    /// Softmax along `axis`.
    pub struct Softmax {
        /// The axis whose values sum to one.
        pub axis: usize,
    }
}

impl Operation for Softmax {
    fn shape(&self, parents: &[&Shape]) -> Result<Shape, Fault> {
        require_axis(parents, self.axis, "softmax_c1")
    }

    fn value<C: Context>(
        &self,
        context: &C,
        parents: Parents<C>,
        _: &Shape,
    ) -> Values<C> {
        along(parents, self.axis, |x| {
            let exps = exps(context, &shifted(context, x)?.1)?;
            let total = context.sum(&exps)?;
            exps.iter().map(|e| context.div(e, &total)).collect()
        })
    }
}

/// `m = max_j x_j` of a nonempty row, and every `x_i − m`.
pub(crate) fn shifted<C: Context>(context: &C, x: &[C::Value]) -> Result<(C::Value, Vec<C::Value>), EvalError> {
    let (first, rest) = x.split_first().ok_or(EvalError::Internal { what: "an empty row" })?;
    let max = rest.iter().try_fold(first.clone(), |max, x| context.max(&max, x))?;
    let shifted = x.iter().map(|x| context.sub(x, &max)).collect::<Result<_, _>>()?;
    Ok((max, shifted))
}

/// `e^x` of every value.
pub(crate) fn exps<C: Context>(context: &C, x: &[C::Value]) -> Values<C> {
    x.iter().map(|x| context.exp(x)).collect()
}
