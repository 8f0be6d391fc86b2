//! Batch normalisation (Ioffe and Szegedy 2015), channel by channel.
//!
//! Value: `((x − mean) · r) · weight + bias` with `r = 1/√(var + epsilon)` as one function, in this order of operations. With `statistics: given` mean and var are parents
//! (evaluation); with `batch` they are those of each channel of x: mean = Σx / n, var = Σ(x − mean)² / n, the biased one (training).
//! Shapes: x [N, C, ..], the others [C] → the shape of x. Constraints: batch_norm_c1 … batch_norm_c4 (`spec-tests/ops/batch_norm.md`).

use crate::spec::normalise::Statistics as Given;
use crate::spec::prelude::*;
use crate::spec::vjp::normal::{Terms, affine_vjp, normalised_vjp};

keywords! {
    /// Where mean and variance come from.
    pub enum Statistics {
        /// They are parents.
        Given = "given",
        /// They are those of x, per channel.
        Batch = "batch",
    }
}

attributes! {
    /// Batch normalisation of x, weight, bias and, where they are given, mean and var.
    pub struct BatchNorm {
        /// Where mean and variance come from.
        pub statistics: Statistics,
        /// What is added to the variance, not negative.
        pub epsilon: Exact,
    }
}

impl Operation for BatchNorm {
    fn shape(&self, x: &Shape, others: &[&Shape]) -> Result<Shape, Fault> {
        let expected = if self.statistics == Statistics::Given { 4 } else { 2 };
        require(others.len() == expected, "batch_norm_c1", || {
            format!(
                "statistics {} take {expected} parents beside x, there are {}",
                self.statistics.keyword(),
                others.len()
            )
        })?;
        let Some(&channels) = x.dimensions().get(1) else {
            return Err(Fault::new("batch_norm_c2", format!("x {x} has no channel axis")));
        };
        require_all("", others, &[channels], "batch_norm_c3")?;
        require_epsilon(&self.epsilon, "batch_norm_c4")?;
        Ok(x.clone())
    }

    fn value<C: Context>(&self, context: &C, x: &Tensor<C::Value>, others: Parents<C>, shape: &Shape) -> Values<C> {
        let (affine, _) = others.split_at_checked(2).ok_or(WRONG_PARENTS)?;
        normalised(context, x, affine, &self.lines(context, x, others)?, channels(shape)?)
    }
}

impl BatchNorm {
    /// Mean and r of every channel.
    fn lines<C: Context>(
        &self,
        context: &C,
        x: &Tensor<C::Value>,
        others: Parents<C>,
    ) -> Result<Vec<Given<C::Value>>, EvalError> {
        let epsilon = context.constant(&self.epsilon)?;
        if let Some([mean, var]) = others.get(2..) {
            let reciprocal = |var| context.rsqrt(&context.add(var, &epsilon)?);
            let pairs = mean.data().iter().zip(var.data());
            return pairs.map(|(mean, var)| Ok((Some(mean.clone()), reciprocal(var)?))).collect();
        }
        let axes: Vec<usize> = (0..x.shape().rank()).filter(|&axis| axis != 1).collect();
        reduce(x, &axes, |line| statistics(context, line, true, &epsilon))
    }
}

/// The numbers of line and parameter of a position: both are its channel.
fn channels(shape: &Shape) -> Result<impl Fn(usize) -> (usize, usize) + Copy, EvalError> {
    let (_, channels, plane) = around(shape, 1).ok_or(WRONG_PARENTS)?;
    Ok(move |position| (position / plane % channels, position / plane % channels))
}

impl Vjp for BatchNorm {
    /// With given statistics `dx = g·r`, `dmean = −Σ g·r` and `dvar = −Σ g·x̂·r²/2`, where g = dy·weight and x̂ is the normalised value.
    fn vjp<C: Context>(&self, context: &C, at: &Point<C>, dy: &Tensor<C::Value>) -> Cotangents<C> {
        let (lines, channel) = (self.lines(context, at.x, at.others)?, channels(at.x.shape())?);
        if self.statistics == Statistics::Batch {
            return normalised_vjp(context, at, dy, &lines, channel);
        }
        let Terms { g, normal } = Terms::of(context, at, dy, &lines, channel)?;
        let times_r = |(position, g)| {
            let (c, _) = channel(position);
            Ok((c, context.mul(g, &lines.get(c).ok_or(WRONG_PARENTS)?.1)?))
        };
        let dx = g.iter().enumerate().map(times_r).collect::<Result<Vec<_>, EvalError>>()?;
        let dmean = || totals(context, lines.len(), dx.iter().map(|(c, d)| Ok((*c, context.neg(d)?))));
        let minus_half = context.div(&context.integer(-1)?, &context.integer(2)?)?;
        let dvar = || {
            let term = |((c, d), normal): (&(usize, C::Value), &C::Value)| {
                let r = &lines.get(*c).ok_or(WRONG_PARENTS)?.1;
                let half = context.mul(&minus_half, r)?;
                Ok((*c, context.mul(&context.mul(d, normal)?, &half)?))
            };
            totals(context, lines.len(), dx.iter().zip(&normal).map(term))
        };
        let (dmean, dvar) = (at.when(3, dmean)?, at.when(4, dvar)?);
        let dx = dx.into_iter().map(|(_, d)| d).collect();
        let mut cotangents = affine_vjp(context, at, dy, &normal, channel, Some(dx))?;
        cotangents.extend([dmean, dvar]);
        Ok(cotangents)
    }
}
