//! The same values, row-major, in another shape.
//!
//! Shapes: x → `shape`. Constraints: reshape_c1 (`spec-tests/ops/reshape.md`).

use crate::spec::prelude::*;

attributes! {
    /// The values of x in `shape`.
    pub struct Reshape {
        /// The new shape, every dimension given.
        pub shape: Shape,
    }
}

impl Operation for Reshape {
    fn shape(&self, x: &Shape, _: &[&Shape]) -> Result<Shape, Fault> {
        require(x.elements() == self.shape.elements(), "reshape_c1", || format!("x {x} does not fill {}", self.shape))?;
        Ok(self.shape.clone())
    }

    fn value<C: Context>(&self, _: &C, x: &Tensor<C::Value>, _: Parents<C>, _: &Shape) -> Values<C> {
        Ok(x.data().to_vec())
    }
}

linear!(Reshape);
