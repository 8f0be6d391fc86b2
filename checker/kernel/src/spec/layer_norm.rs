//! Layer normalisation over the axes from `axis` on (Ba, Kiros and Hinton 2016).
//!
//! Value: `(x − μ) · 1/√(σ² + ε) · weight + bias`, μ the mean and σ² the biased variance over those axes; the order of operations is that of
//! `normalise`. Shapes: x, weight and bias [the dimensions from `axis` on] (may be absent) → the shape of x.
//! Constraints: layer_norm_c1 … layer_norm_c3 (`spec-tests/ops/layer_norm.md`).

use crate::spec::prelude::*;
use crate::spec::vjp::normal::normalise_vjp;

attributes! {
    /// Layer normalisation.
    pub struct LayerNorm {
        /// The first normalised axis; all later ones are normalised too.
        pub axis: usize,
        /// ε ≥ 0, added to the variance inside the root.
        pub epsilon: Exact,
    }
}

impl Operation for LayerNorm {
    fn shape(&self, x: &Shape, affine: &[&Shape]) -> Result<Shape, Fault> {
        require(self.axis < x.rank(), "layer_norm_c1", || format!("axis {} of x {x}", self.axis))?;
        require_epsilon(&self.epsilon, "layer_norm_c2")?;
        require_all("a weight or bias ", affine, x.dimensions().get(self.axis..).unwrap_or(&[]), "layer_norm_c3")?;
        Ok(x.clone())
    }

    fn value<C: Context>(&self, context: &C, x: &Tensor<C::Value>, affine: Parents<C>, _: &Shape) -> Values<C> {
        let length = x.dimensions().get(self.axis..).ok_or(WRONG_PARENTS)?.iter().product();
        normalise(context, x, affine, length, true, &self.epsilon, |position| position % length)
    }
}

impl Vjp for LayerNorm {
    fn vjp<C: Context>(&self, context: &C, at: &Point<C>, dy: &Tensor<C::Value>) -> Cotangents<C> {
        let length = at.x.dimensions().get(self.axis..).ok_or(WRONG_PARENTS)?.iter().product();
        normalise_vjp(context, at, dy, length, true, &self.epsilon, |position| position % length)
    }
}
