//! Softplus `ln(1 + e^(β·x)) / β`.
//!
//! Value: with z = β·x, `(max(z, 0) + ln(1 + e^(−|z|))) / β`, in this order of operations: no exponential overflows, and no threshold is needed.
//! Constraints: softplus_c1 (`spec-tests/ops/softplus.md`).

use crate::spec::prelude::*;
use crate::spec::sigmoid::sigmoid;

attributes! {
    /// `ln(1 + e^(beta·x)) / beta` at every position.
    pub struct Softplus {
        /// The sharpness β > 0 of the bend.
        pub beta: Exact,
    }
}

impl Operation for Softplus {
    fn shape(&self, x: &Shape, _: &[&Shape]) -> Result<Shape, Fault> {
        require(self.beta > Exact::integer(0), "softplus_c1", || format!("beta {} is not positive", self.beta))?;
        Ok(x.clone())
    }

    fn value<C: Context>(&self, context: &C, x: &Tensor<C::Value>, _: Parents<C>, _: &Shape) -> Values<C> {
        let beta = context.constant(&self.beta)?;
        map(x, |x| context.div(&softplus(context, &context.mul(&beta, x)?)?, &beta))
    }
}

/// `ln(1 + e^x)`.
pub(crate) fn softplus<C: Context>(context: &C, x: &C::Value) -> Result<C::Value, EvalError> {
    let tail = context.log1p(&context.exp(&context.neg(&context.abs(x)?)?)?)?;
    context.add(&context.max(x, &context.integer(0)?)?, &tail)
}

impl Vjp for Softplus {
    fn vjp<C: Context>(&self, context: &C, at: &Point<C>, dy: &Tensor<C::Value>) -> Cotangents<C> {
        let beta = context.constant(&self.beta)?;
        let pairs = at.x.data().iter().zip(dy.data());
        let cotangent = |(x, d)| context.mul(d, &sigmoid(context, &context.mul(&beta, x)?)?);
        Ok(vec![Some(pairs.map(cotangent).collect::<Result<_, EvalError>>()?)])
    }
}
