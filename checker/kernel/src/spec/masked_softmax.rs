//! Softmax along one axis over the positions that a mask allows.
//!
//! Value: with mask entries k_i (1 = allowed, 0 = blocked), `l = min_j x_j`, `z_i = k_i·x_i + (1 − k_i)·l` and `m = max_j z_j` (the greatest allowed
//! value, if there is one), `k_i·e^(z_i − m) / t` with `t = Σ_j k_j·e^(z_j − m)`, in this order of operations. No exponential overflows and a
//! blocked position is an exact zero. An allowed position makes t ≥ 1; a fully blocked row has t = 0, and `zeros` divides by max(t, 1) instead.
//! Shapes: x, mask of the same shape → the same shape. Constraints: masked_softmax_c1, masked_softmax_c2 (`spec-tests/ops/masked_softmax.md`).

use crate::spec::prelude::*;
use crate::spec::softmax::{shifted, softened};
use std::cmp::Ordering;

keywords! {
    /// What a row without an allowed position gives.
    pub enum FullyBlocked {
        /// Zeros.
        Zeros = "zeros",
        /// 0/0: no value over ℝ, NaN in `Binary32`.
        Undefined = "undefined",
    }
}

attributes! {
    /// Softmax along `axis` over the allowed positions.
    pub struct MaskedSoftmax {
        /// The axis whose values sum to one.
        pub axis: usize,
        /// What a row without an allowed position gives.
        pub fully_blocked: FullyBlocked,
    }
}

impl Operation for MaskedSoftmax {
    fn shape(&self, x: &Shape, others: &[&Shape]) -> Result<Shape, Fault> {
        require_axis(&equal_shapes(x, others, "masked_softmax_c1")?, self.axis, "masked_softmax_c2")
    }

    fn value<C: Context>(&self, context: &C, x: &Tensor<C::Value>, others: Parents<C>, _: &Shape) -> Values<C> {
        let mask = others.first().ok_or(WRONG_PARENTS)?;
        let one = context.integer(1)?;
        along([x, mask], self.axis, |[x, mask]| {
            let least = fold(&x, |least, x| context.min(least, x))?;
            let visible = |(x, k): (&C::Value, &C::Value)| {
                context.add(&context.mul(k, x)?, &context.mul(&context.sub(&one, k)?, &least)?)
            };
            let visible = x.iter().zip(&mask).map(visible).collect::<Result<Vec<_>, _>>()?;
            let (_, _, exps) = shifted(context, &visible)?;
            let masked = mask.iter().zip(&exps).map(|(k, e)| context.mul(k, e)).collect::<Result<Vec<_>, _>>()?;
            let mut total = context.sum(&masked)?;
            if self.fully_blocked == FullyBlocked::Zeros {
                total = context.max(&total, &one)?;
            }
            masked.iter().map(|e| context.div(e, &total)).collect()
        })
    }
}

impl Vjp for MaskedSoftmax {
    /// The rule of softmax, for a mask of zeros and ones: there a blocked position has y = 0, and the least value does not matter.
    fn vjp<C: Context>(&self, context: &C, at: &Point<C>, dy: &Tensor<C::Value>) -> Cotangents<C> {
        at.without(1, "masked_softmax")?;
        let (zero, one) = (context.integer(0)?, context.integer(1)?);
        for k in at.other(0)?.data() {
            let is = |value| Ok::<_, EvalError>(context.order(k, value)? == Some(Ordering::Equal));
            let reason = "an entry of the mask is neither 0 nor 1";
            if !is(&zero)? && !is(&one)? {
                return Err(EvalError::Undefined { function: "the derivative of masked_softmax", reason });
            }
        }
        Ok(vec![Some(along([at.y, dy], self.axis, |[y, d]| softened(context, &y, &d))?), None])
    }
}
