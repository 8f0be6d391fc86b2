//! Root mean square normalisation over the axes from `axis` on (Zhang and Sennrich 2019).
//!
//! Value: `x · 1/√(mean of x² + ε) · weight` over those axes; the order of operations is that of `normalise`.
//! Shapes: x, weight [the dimensions from `axis` on] (may be absent) → the shape of x.
//! Constraints: rms_norm_c1 … rms_norm_c3 (`spec-tests/ops/rms_norm.md`).

use crate::spec::prelude::*;
use crate::spec::vjp::normal::normalise_vjp;

attributes! {
    /// Root mean square normalisation.
    pub struct RmsNorm {
        /// The first normalised axis; all later ones are normalised too.
        pub axis: usize,
        /// ε ≥ 0, added to the mean square inside the root.
        pub epsilon: Exact,
    }
}

impl Operation for RmsNorm {
    fn shape(&self, x: &Shape, affine: &[&Shape]) -> Result<Shape, Fault> {
        require(self.axis < x.rank(), "rms_norm_c1", || format!("axis {} of x {x}", self.axis))?;
        require_epsilon(&self.epsilon, "rms_norm_c2")?;
        require_all("a weight or bias ", affine, x.dimensions().get(self.axis..).unwrap_or(&[]), "rms_norm_c3")?;
        Ok(x.clone())
    }

    fn value<C: Context>(&self, context: &C, x: &Tensor<C::Value>, affine: Parents<C>, _: &Shape) -> Values<C> {
        let length = x.dimensions().get(self.axis..).ok_or(WRONG_PARENTS)?.iter().product();
        normalise(context, x, affine, length, false, &self.epsilon, |position| position % length)
    }
}

impl Vjp for RmsNorm {
    fn vjp<C: Context>(&self, context: &C, at: &Point<C>, dy: &Tensor<C::Value>) -> Cotangents<C> {
        let length = at.x.dimensions().get(self.axis..).ok_or(WRONG_PARENTS)?.iter().product();
        normalise_vjp(context, at, dy, length, false, &self.epsilon, |position| position % length)
    }
}
