//! A named input of the graph.
//!
//! Value: the tensor that the case gives under this name. Shape: the declared one. Constraints: input_c1 (`spec-tests/ops/input.md`).

use crate::context::{Context, EvalError};
use crate::ir::attributes::attributes;
use crate::ir::{Shape, Tensor};
use crate::spec::{Fault, Operation, WRONG_PARENTS, wrong_parents};

attributes! {
    /// An input by name.
    pub struct Input {
        /// The name, unique among the inputs.
        pub name: String,
    }
}

/// Sources are given their values by the evaluation; these rules are never reached.
impl Operation for Input {
    fn shape(&self, _: &[&Shape]) -> Result<Shape, Fault> {
        Err(wrong_parents())
    }
    fn value<C: Context>(&self, _: &C, _: &[&Tensor<C::Value>], _: &Shape) -> Result<Vec<C::Value>, EvalError> {
        Err(WRONG_PARENTS)
    }
}
