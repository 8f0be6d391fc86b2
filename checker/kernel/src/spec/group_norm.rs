//! Group normalisation (Wu and He 2018): over the channels of one group and all their positions.
//!
//! Value: `(x − μ) · 1/√(σ² + ε) · weight[c] + bias[c]`, μ the mean and σ² the biased variance over one sample's group of C/groups neighbouring
//! channels; the order of operations is that of `normalise`. Shapes: x [N, C, ..], weight and bias [C] (may be absent) → the shape of x.
//! Constraints: group_norm_c1 … group_norm_c4 (`spec-tests/ops/group_norm.md`).

use crate::spec::prelude::*;
use crate::spec::vjp::normal::normalise_vjp;

attributes! {
    /// Group normalisation.
    pub struct GroupNorm {
        /// Number of groups of channels.
        pub groups: usize,
        /// ε ≥ 0, added to the variance inside the root.
        pub epsilon: Exact,
    }
}

impl Operation for GroupNorm {
    fn shape(&self, x: &Shape, affine: &[&Shape]) -> Result<Shape, Fault> {
        let &[_, channels, ..] = x.dimensions() else {
            return Err(Fault::new("group_norm_c1", format!("x {x} needs at least two dimensions")));
        };
        require(channels.checked_rem(self.groups) == Some(0), "group_norm_c2", || {
            format!("{channels} channels in {} groups", self.groups)
        })?;
        require_epsilon(&self.epsilon, "group_norm_c3")?;
        require_all("a weight or bias ", affine, &[channels], "group_norm_c4")?;
        Ok(x.clone())
    }

    fn value<C: Context>(&self, context: &C, x: &Tensor<C::Value>, affine: Parents<C>, _: &Shape) -> Values<C> {
        let (_, channels, plane) = around(x.shape(), 1).ok_or(WRONG_PARENTS)?;
        let length = (channels * plane).checked_div(self.groups).filter(|&length| length > 0).ok_or(WRONG_PARENTS)?;
        normalise(context, x, affine, length, true, &self.epsilon, |position| position / plane % channels)
    }
}

impl Vjp for GroupNorm {
    fn vjp<C: Context>(&self, context: &C, at: &Point<C>, dy: &Tensor<C::Value>) -> Cotangents<C> {
        let (_, channels, plane) = around(at.x.shape(), 1).ok_or(WRONG_PARENTS)?;
        let length = (channels * plane).checked_div(self.groups).filter(|&length| length > 0).ok_or(WRONG_PARENTS)?;
        normalise_vjp(context, at, dy, length, true, &self.epsilon, |position| position / plane % channels)
    }
}
