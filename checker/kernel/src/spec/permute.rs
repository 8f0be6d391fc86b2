//! Axes in another order.
//!
//! Value: axis i of the result is axis `order[i]` of x. Constraints: permute_c1 (`spec-tests/ops/permute.md`).

use crate::spec::prelude::*;
use crate::spec::rearrange::rearrange;

attributes! {
    /// The axes in the order `order`.
    pub struct Permute {
        /// For each axis of the result the axis of x.
        pub order: Vec<usize>,
    }
}

impl Operation for Permute {
    fn shape(&self, parents: &[&Shape]) -> Result<Shape, Fault> {
        let x = sole(parents).ok_or_else(wrong_parents)?;
        let repeated = |(i, axis)| self.order.iter().take(i).any(|earlier| earlier == axis);
        let dimensions: Option<Vec<usize>> = self.order.iter().map(|&axis| x.dimensions().get(axis).copied()).collect();
        match dimensions {
            Some(dimensions) if dimensions.len() == x.rank() && !self.order.iter().enumerate().any(repeated) => {
                shape_of(dimensions, "permute_c1")
            }
            _ => Err(Fault::new("permute_c1", format!("the order does not name each axis of x {x} once"))),
        }
    }

    fn value<C: Context>(&self, _: &C, parents: Parents<C>, shape: &Shape) -> Values<C> {
        rearrange(parents, shape.dimensions(), None, |strides, axis, i| Some(strides.get(*self.order.get(axis)?)? * i))
    }
}
