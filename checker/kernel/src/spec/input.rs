//! A named input of the graph.
//!
//! Value: the tensor that the case gives under this name. Shape: the declared one. Constraints: graph_c4 (`spec-tests/ops/input.md`).

use crate::spec::prelude::*;

attributes! {
    /// An input by name.
    pub struct Input {
        /// The name, unique among the inputs.
        pub name: String,
    }
}

/// Sources are given their values by the evaluation; this rule is never reached.
impl Operation for Input {
    fn value<C: Context>(&self, _: &C, _: &Tensor<C::Value>, _: Parents<C>, _: &Shape) -> Values<C> {
        Err(WRONG_PARENTS)
    }
}

linear!(Input);
