//! Product with an exact constant.
//!
//! Value: `factor · x`; `Binary32` rounds the factor once, then the product (`spec-tests/ops/scale.md`).

use crate::context::{Context, EvalError};
use crate::ir::attributes::attributes;
use crate::ir::{Shape, Tensor};
use crate::number::Exact;
use crate::spec::elementwise::{map, same_shape};
use crate::spec::{Fault, Operation};

attributes! {
    /// `factor · x` at every position.
    pub struct Scale {
        /// The constant.
        pub factor: Exact,
    }
}

impl Operation for Scale {
    fn shape(&self, parents: &[&Shape]) -> Result<Shape, Fault> {
        same_shape(parents)
    }

    fn value<C: Context>(&self, context: &C, parents: &[&Tensor<C::Value>], _: &Shape) -> Result<Vec<C::Value>, EvalError> {
        let factor = context.constant(&self.factor)?;
        map(parents, |x| context.mul(&factor, x))
    }
}
