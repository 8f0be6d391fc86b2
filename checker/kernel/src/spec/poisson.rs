//! Negative logarithm of the Poisson likelihood of counts t, up to a term that does not depend on x.
//!
//! Value: `e^x − t·x` where x is the logarithm of the rate (`log_input`), else `x − t·ln(x + ε)`, then the reduction; the term ln t! is left out.
//! Constraints: poisson_c1, poisson_c2 (`spec-tests/ops/poisson.md`).

use crate::spec::loss::Reduction;
use crate::spec::prelude::*;

attributes! {
    /// The Poisson loss of rates and counts.
    pub struct Poisson {
        /// Whether x is the logarithm of the rate.
        pub log_input: bool,
        /// ε ≥ 0, added to a rate before its logarithm is taken.
        pub epsilon: Exact,
        /// What becomes of the losses of all elements.
        pub reduction: Reduction,
    }
}

impl Poisson {
    /// The logarithm of the rate, as it is used, and its slope.
    fn log_rate<C: Context>(&self, context: &C, x: &C::Value) -> Result<(C::Value, C::Value), EvalError> {
        let one = context.integer(1)?;
        if self.log_input {
            return Ok((x.clone(), one));
        }
        let moved = context.add(x, &context.constant(&self.epsilon)?)?;
        Ok((context.log(&moved)?, context.div(&one, &moved)?))
    }
}

impl Operation for Poisson {
    fn shape(&self, x: &Shape, others: &[&Shape]) -> Result<Shape, Fault> {
        let shape = self.reduction.shape(&equal_shapes(x, others, "poisson_c1")?);
        require_epsilon(&self.epsilon, "poisson_c2")?;
        Ok(shape)
    }

    fn value<C: Context>(&self, context: &C, x: &Tensor<C::Value>, others: Parents<C>, _: &Shape) -> Values<C> {
        let loss = |(x, t)| {
            let rate = if self.log_input { context.exp(x)? } else { C::Value::clone(x) };
            context.sub(&rate, &context.mul(t, &self.log_rate(context, x)?.0)?)
        };
        let pairs = x.data().iter().zip(others.first().ok_or(WRONG_PARENTS)?.data());
        self.reduction.of(context, pairs.map(loss).collect::<Result<_, _>>()?, x.shape())
    }
}

impl Vjp for Poisson {
    fn vjp<C: Context>(&self, context: &C, at: &Point<C>, dy: &Tensor<C::Value>) -> Cotangents<C> {
        let losses = self.reduction.back(context, dy, at.x.shape())?;
        let targets = at.other(0)?;
        let terms = || at.x.data().iter().zip(targets.data()).zip(&losses);
        let dx = |((x, t), d): ((&C::Value, _), _)| {
            let rate = if self.log_input { context.exp(x)? } else { context.integer(1)? };
            context.mul(d, &context.sub(&rate, &context.mul(t, &self.log_rate(context, x)?.1)?)?)
        };
        let dt = |((x, _), d): ((_, &C::Value), _)| context.neg(&context.mul(d, &self.log_rate(context, x)?.0)?);
        Ok(vec![at.when(0, || terms().map(dx).collect())?, at.when(1, || terms().map(dt).collect())?])
    }
}
