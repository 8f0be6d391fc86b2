//! Clamp to constant ends, either of which may be absent.
//!
//! Value: `min(max(x, lo), hi)`, so `hi` wins where `lo > hi`. Constraints: clamp_c1 (`spec-tests/ops/clamp.md`).

use crate::spec::prelude::*;

attributes! {
    /// `min(max(x, lo), hi)` at every position.
    pub struct Clamp {
        /// The lower end: one number, or none.
        pub lo: Vec<Exact>,
        /// The upper end: one number, or none.
        pub hi: Vec<Exact>,
    }
}

impl Operation for Clamp {
    fn shape(&self, x: &Shape, _: &[&Shape]) -> Result<Shape, Fault> {
        require(self.lo.len() <= 1 && self.hi.len() <= 1, "clamp_c1", || {
            format!("{} lower and {} upper ends, at most one each", self.lo.len(), self.hi.len())
        })?;
        Ok(x.clone())
    }

    fn value<C: Context>(&self, context: &C, x: &Tensor<C::Value>, _: Parents<C>, _: &Shape) -> Values<C> {
        let end = |end: &[Exact]| end.first().map(|end| context.constant(end)).transpose();
        let (lo, hi) = (end(&self.lo)?, end(&self.hi)?);
        map(x, |x| {
            let x = lo.as_ref().map_or_else(|| Ok(x.clone()), |lo| context.max(x, lo))?;
            hi.as_ref().map_or_else(|| Ok(x.clone()), |hi| context.min(&x, hi))
        })
    }
}

impl Vjp for Clamp {
    fn vjp<C: Context>(&self, context: &C, at: &Point<C>, dy: &Tensor<C::Value>) -> Cotangents<C> {
        let end = |end: &[Exact]| end.first().map(|end| context.constant(end)).transpose();
        let (lo, hi) = (end(&self.lo)?, end(&self.hi)?);
        if self.lo.first().zip(self.hi.first()).is_some_and(|(lo, hi)| lo.rational() >= hi.rational()) {
            return Ok(vec![Some(vec![context.integer(0)?; dy.data().len()])]); // the value is hi everywhere
        }
        let pairs = at.x.data().iter().zip(dy.data());
        let cotangent = |(x, d)| within(context, x, [lo.as_ref(), hi.as_ref()], d);
        Ok(vec![Some(pairs.map(cotangent).collect::<Result<_, EvalError>>()?)])
    }
}
