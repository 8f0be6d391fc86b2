//! Instance normalisation (Ulyanov, Vedaldi and Lempitsky 2016): over the positions of one channel.
//!
//! Value: `(x − μ) · 1/√(σ² + ε) · weight[c] + bias[c]`, μ the mean and σ² the biased variance over one sample's channel, which is `group_norm`
//! with as many groups as channels. Shapes: x [N, C, spatial..], weight and bias [C] (may be absent) → the shape of x.
//! Constraints: instance_norm_c1 … instance_norm_c3 (`spec-tests/ops/instance_norm.md`).

use crate::spec::prelude::*;
use crate::spec::vjp::normal::normalise_vjp;

attributes! {
    /// Instance normalisation.
    pub struct InstanceNorm {
        /// ε ≥ 0, added to the variance inside the root.
        pub epsilon: Exact,
    }
}

impl Operation for InstanceNorm {
    fn shape(&self, x: &Shape, affine: &[&Shape]) -> Result<Shape, Fault> {
        let &[_, channels, _, ..] = x.dimensions() else {
            return Err(Fault::new("instance_norm_c1", format!("x {x} needs at least three dimensions")));
        };
        require_epsilon(&self.epsilon, "instance_norm_c2")?;
        require_all("a weight or bias ", affine, &[channels], "instance_norm_c3")?;
        Ok(x.clone())
    }

    fn value<C: Context>(&self, context: &C, x: &Tensor<C::Value>, affine: Parents<C>, _: &Shape) -> Values<C> {
        let (_, channels, plane) = around(x.shape(), 1).ok_or(WRONG_PARENTS)?;
        normalise(context, x, affine, plane, true, &self.epsilon, |position| position / plane % channels)
    }
}

impl Vjp for InstanceNorm {
    fn vjp<C: Context>(&self, context: &C, at: &Point<C>, dy: &Tensor<C::Value>) -> Cotangents<C> {
        let (_, channels, plane) = around(at.x.shape(), 1).ok_or(WRONG_PARENTS)?;
        normalise_vjp(context, at, dy, plane, true, &self.epsilon, |position| position / plane % channels)
    }
}
