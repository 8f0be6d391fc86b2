//! Batch normalisation (Ioffe and Szegedy 2015), channel by channel.
//!
//! Value: `((x − mean) · r) · weight + bias` with `r = 1/√(var + epsilon)` as one function, in this order of operations. With `statistics: given` mean and var are parents
//! (evaluation); with `batch` they are those of each channel of x: mean = Σx / n, var = Σ(x − mean)² / n, the biased one (training).
//! Shapes: x [N, C, ..], the others [C] → the shape of x. Constraints: batch_norm_c1 … batch_norm_c4 (`spec-tests/ops/batch_norm.md`).

use crate::spec::prelude::*;

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
        let (affine, given) = others.split_at_checked(2).ok_or(WRONG_PARENTS)?;
        let epsilon = context.constant(&self.epsilon)?;
        let lines = if let [mean, var] = given {
            let reciprocal = |var| context.rsqrt(&context.add(var, &epsilon)?);
            let pairs = mean.data().iter().zip(var.data());
            pairs
                .map(|(mean, var)| Ok((Some(mean.clone()), reciprocal(var)?)))
                .collect::<Result<Vec<_>, EvalError>>()?
        } else {
            let others: Vec<usize> = (0..shape.rank()).filter(|&axis| axis != 1).collect();
            reduce(x, &others, |line| statistics(context, line, true, &epsilon))?
        };
        let (_, channels, plane) = around(shape, 1).ok_or(WRONG_PARENTS)?;
        let channel = |position| position / plane % channels;
        normalised(context, x, affine, &lines, |position| (channel(position), channel(position)))
    }
}
