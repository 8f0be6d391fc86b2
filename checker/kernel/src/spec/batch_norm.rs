//! Batch normalisation (Ioffe and Szegedy 2015), channel by channel.
//!
//! Value: `((x − mean) · r) · weight + bias` with `r = 1/√(var + epsilon)` as one function, in this order of operations. With `statistics: given` mean and var are parents
//! (evaluation); with `batch` they are those of each channel of x: mean = Σx / n, var = Σ(x − mean)² / n, the biased one (training).
//! Shapes: x [N, C, ..], the others [C] → the shape of x. Constraints: batch_norm_c1 … batch_norm_c4 (`spec-tests/ops/batch_norm.md`).

use crate::ir::attributes::keywords;
use crate::spec::axis::around;
use crate::spec::elementwise::square;
use crate::spec::prelude::*;
use crate::spec::reduce::{mean, reduce};

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
    fn shape(&self, parents: &[&Shape]) -> Result<Shape, Fault> {
        let [x, vectors @ ..] = parents else {
            return Err(wrong_parents());
        };
        let expected = if self.statistics == Statistics::Given { 4 } else { 2 };
        require(vectors.len() == expected, "batch_norm_c1", || {
            format!("statistics {} take {expected} parents beside x, there are {}", self.statistics.keyword(), vectors.len())
        })?;
        let Some(&channels) = x.dimensions().get(1) else {
            return Err(Fault::new("batch_norm_c2", format!("x {x} has no channel axis")));
        };
        for vector in vectors {
            require(vector.dimensions() == [channels], "batch_norm_c3", || format!("{vector} is not [{channels}]"))?;
        }
        require(!self.epsilon.is_negative(), "batch_norm_c4", || format!("epsilon {} is negative", self.epsilon))?;
        Ok((*x).clone())
    }

    fn value<C: Context>(&self, context: &C, parents: Parents<C>, shape: &Shape) -> Values<C> {
        let [x, weight, bias, given @ ..] = parents else {
            return Err(WRONG_PARENTS);
        };
        let epsilon = context.constant(&self.epsilon)?;
        let reciprocal = |var: &C::Value| context.rsqrt(&context.add(var, &epsilon)?);
        let statistics: Vec<(C::Value, C::Value)> = match given {
            [mean, var] => mean.data().iter().zip(var.data()).map(|(m, v)| Ok((m.clone(), reciprocal(v)?))).collect::<Result<_, _>>()?,
            _ => {
                let others: Vec<usize> = (0..shape.rank()).filter(|&axis| axis != 1).collect();
                reduce(parents, &others, |x| {
                    let centre = mean(context, x)?;
                    let distance = |x| context.sub(x, &centre).and_then(|d| square(context, &d));
                    let squares = x.iter().map(distance).collect::<Result<Vec<_>, _>>()?;
                    Ok((centre, reciprocal(&mean(context, &squares)?)?))
                })?
            }
        };
        let (_, channels, plane) = around(shape, 1).ok_or(WRONG_PARENTS)?;
        let value = |(position, x): (usize, &C::Value)| {
            let channel = position / plane % channels;
            let (Some((mean, r)), Some(weight), Some(bias)) =
                (statistics.get(channel), weight.data().get(channel), bias.data().get(channel))
            else {
                return Err(WRONG_PARENTS);
            };
            let normal = context.mul(&context.sub(x, mean)?, r)?;
            context.add(&context.mul(&normal, weight)?, bias)
        };
        x.data().iter().enumerate().map(value).collect()
    }
}
