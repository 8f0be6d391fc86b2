//! Huber's loss (Huber 1964): `e²/2` for `|e| ≤ δ`, else `δ·(|e| − δ/2)`, where e = x − t.
//!
//! Value: with `m = min(|e|, δ)`: `m·(|e| − m/2)`, which is both; no branch, so every reading has it. Constraints: huber_c1, huber_c2 (`spec-tests/ops/huber.md`).

use crate::spec::loss::Reduction;
use crate::spec::prelude::*;

attributes! {
    /// Huber's loss of predictions and targets.
    pub struct Huber {
        /// δ > 0: where the parabola ends.
        pub delta: Exact,
        /// What becomes of the losses of all elements.
        pub reduction: Reduction,
    }
}

impl Operation for Huber {
    fn shape(&self, x: &Shape, others: &[&Shape]) -> Result<Shape, Fault> {
        let shape = self.reduction.shape(&equal_shapes(x, others, "huber_c1")?);
        require(self.delta > Exact::integer(0), "huber_c2", || format!("delta {} is not positive", self.delta))?;
        Ok(shape)
    }

    fn value<C: Context>(&self, context: &C, x: &Tensor<C::Value>, others: Parents<C>, _: &Shape) -> Values<C> {
        let (delta, two) = (context.constant(&self.delta)?, context.integer(2)?);
        let loss = |(x, t)| {
            let size = context.abs(&context.sub(x, t)?)?;
            let bent = context.min(&size, &delta)?;
            context.mul(&bent, &context.sub(&size, &context.div(&bent, &two)?)?)
        };
        let pairs = x.data().iter().zip(others.first().ok_or(WRONG_PARENTS)?.data());
        self.reduction.of(context, pairs.map(loss).collect::<Result<_, _>>()?, x.shape())
    }
}

impl Vjp for Huber {
    /// The derivative by e is e, clamped to ±δ.
    fn vjp<C: Context>(&self, context: &C, at: &Point<C>, dy: &Tensor<C::Value>) -> Cotangents<C> {
        let delta = context.constant(&self.delta)?;
        let least = context.neg(&delta)?;
        let losses = self.reduction.back(context, dy, at.x.shape())?;
        let slope = |((x, t), d)| {
            let bent = context.min(&context.max(&context.sub(x, t)?, &least)?, &delta)?;
            context.mul(d, &bent)
        };
        let dx = at.x.data().iter().zip(at.other(0)?.data()).zip(&losses).map(slope);
        let dx = dx.collect::<Result<Vec<_>, EvalError>>()?;
        let dt = at.when(1, || dx.iter().map(|d| context.neg(d)).collect())?;
        Ok(vec![Some(dx), dt])
    }
}
