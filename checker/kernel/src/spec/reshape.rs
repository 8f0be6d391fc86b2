//! The same values, row-major, in another shape.
//!
//! Shapes: x → `shape`. Constraints: reshape_c1 (`spec-tests/ops/reshape.md`).

use crate::spec::prelude::*;
use crate::spec::rearrange::unchanged;

attributes! {
    /// The values of x in `shape`.
    pub struct Reshape {
        /// The new shape, every dimension given.
        pub shape: Shape,
    }
}

impl Operation for Reshape {
    fn shape(&self, parents: &[&Shape]) -> Result<Shape, Fault> {
        let x = sole(parents).ok_or_else(wrong_parents)?;
        require(x.elements() == self.shape.elements(), "reshape_c1", || format!("x {x} does not fill {}", self.shape))?;
        Ok(self.shape.clone())
    }

    fn value<C: Context>(&self, _: &C, parents: Parents<C>, _: &Shape) -> Values<C> {
        unchanged(parents)
    }
}
