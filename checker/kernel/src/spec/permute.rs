//! Axes in another order.
//!
//! Value: axis i of the result is axis `order[i]` of x. Constraints: permute_c1 (`spec-tests/ops/permute.md`).

use crate::spec::prelude::*;

attributes! {
    /// The axes in the order `order`.
    pub struct Permute {
        /// For each axis of the result the axis of x.
        pub order: Vec<usize>,
    }
}

impl Permute {
    /// What stands at the axes, in the order; `None` when there is no such axis.
    fn reordered(&self, list: &[usize]) -> Option<Vec<usize>> {
        self.order.iter().map(|&axis| list.get(axis).copied()).collect()
    }
}

impl Operation for Permute {
    fn shape(&self, x: &Shape, _: &[&Shape]) -> Result<Shape, Fault> {
        let repeated = |(i, axis)| self.order.iter().take(i).any(|earlier| earlier == axis);
        let once = self.order.len() == x.rank() && !self.order.iter().enumerate().any(repeated);
        let fault = || Fault::new("permute_c1", format!("the order does not name each axis of x {x} once"));
        shape_of(self.reordered(x.dimensions()).filter(|_| once).ok_or_else(fault)?, "permute_c1")
    }

    fn value<C: Context>(&self, _: &C, x: &Tensor<C::Value>, _: Parents<C>, shape: &Shape) -> Values<C> {
        let strides = self.reordered(&x.shape().strides()).ok_or(WRONG_PARENTS)?;
        rearrange(x, shape.dimensions(), None, |axis, i| Some(strides.get(axis)? * i))
    }
}

linear!(Permute);
