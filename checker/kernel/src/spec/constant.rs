//! A named parameter: a constant binary32 tensor of the model.
//!
//! Value: the datum that the certificate gives under this name. Shape: the declared one. Constraints: graph_c4 (`spec-tests/ops/const.md`).

use crate::spec::prelude::*;

attributes! {
    /// A parameter by name.
    pub struct Const {
        /// The name, unique among the parameters.
        pub name: String,
    }
}

/// Sources are given their values by the evaluation; this rule is never reached.
impl Operation for Const {
    fn value<C: Context>(&self, _: &C, _: &Tensor<C::Value>, _: Parents<C>, _: &Shape) -> Values<C> {
        Err(WRONG_PARENTS)
    }
}

linear!(Const);
