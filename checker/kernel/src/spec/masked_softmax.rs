//! Softmax along one axis over the positions that a mask allows.
//!
//! Value: with mask entries k_i (1 = allowed, 0 = blocked), `l = min_j x_j`, `z_i = k_i·x_i + (1 − k_i)·l` and `m = max_j z_j` (the greatest allowed
//! value, if there is one), `k_i·e^(z_i − m) / t` with `t = Σ_j k_j·e^(z_j − m)`, in this order of operations. No exponential overflows and a
//! blocked position is an exact zero. An allowed position makes t ≥ 1; a fully blocked row has t = 0, and `zeros` divides by max(t, 1) instead.
//! Shapes: x, mask of the same shape → the same shape. Constraints: masked_softmax_c1, masked_softmax_c2 (`spec-tests/ops/masked_softmax.md`).

use crate::ir::attributes::keywords;
use crate::spec::axis::{along, require_axis};
use crate::spec::elementwise::equal_shapes;
use crate::spec::prelude::*;
use crate::spec::softmax::{exps, shifted};

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
    fn shape(&self, parents: &[&Shape]) -> Result<Shape, Fault> {
        let shape = equal_shapes(parents, "masked_softmax_c1")?;
        require_axis(&[&shape], self.axis, "masked_softmax_c2")
    }

    fn value<C: Context>(&self, context: &C, parents: Parents<C>, _: &Shape) -> Values<C> {
        let [x, mask] = parents else {
            return Err(WRONG_PARENTS);
        };
        let pairs = x.data().iter().cloned().zip(mask.data().iter().cloned()).collect();
        let pairs = Tensor::new(x.shape().clone(), pairs).ok_or(WRONG_PARENTS)?;
        let one = context.integer(1)?;
        let row = |row: &[(C::Value, C::Value)]| {
            let (first, rest) = row.split_first().ok_or(WRONG_PARENTS)?;
            let least = rest.iter().try_fold(first.0.clone(), |least, (x, _)| context.min(&least, x))?;
            let visible = |(x, k): &(C::Value, C::Value)| {
                context.add(&context.mul(k, x)?, &context.mul(&context.sub(&one, k)?, &least)?)
            };
            let visible: Vec<_> = row.iter().map(visible).collect::<Result<_, _>>()?;
            let exps = exps(context, &shifted(context, &visible)?.1)?;
            let masked = row.iter().zip(&exps).map(|((_, k), e)| context.mul(k, e));
            let masked: Vec<_> = masked.collect::<Result<_, _>>()?;
            let mut total = context.sum(&masked)?;
            if self.fully_blocked == FullyBlocked::Zeros {
                total = context.max(&total, &one)?;
            }
            masked.iter().zip(row).map(|(e, (_, k))| Ok((context.div(e, &total)?, k.clone()))).collect()
        };
        Ok(along(&[&pairs], self.axis, row)?.into_iter().map(|(y, _)| y).collect())
    }
}
