//! Leaky rectified linear unit: `x` above zero, `slope · x` below.
//!
//! Value: `max(x, 0) + slope · min(x, 0)`, in this order of operations; no branch, so every reading has it (`spec-tests/ops/leaky_relu.md`).

use crate::context::{Context, EvalError};
use crate::ir::attributes::attributes;
use crate::ir::{Shape, Tensor};
use crate::number::Exact;
use crate::spec::elementwise::{map, same_shape};
use crate::spec::{Fault, Operation};

attributes! {
    /// `max(x, 0) + slope · min(x, 0)` at every position.
    pub struct LeakyRelu {
        /// The slope below zero.
        pub slope: Exact,
    }
}

impl Operation for LeakyRelu {
    fn shape(&self, parents: &[&Shape]) -> Result<Shape, Fault> {
        same_shape(parents)
    }

    fn value<C: Context>(&self, context: &C, parents: &[&Tensor<C::Value>], _: &Shape) -> Result<Vec<C::Value>, EvalError> {
        let (zero, slope) = (context.integer(0)?, context.constant(&self.slope)?);
        map(parents, |x| context.add(&context.max(x, &zero)?, &context.mul(&slope, &context.min(x, &zero)?)?))
    }
}
