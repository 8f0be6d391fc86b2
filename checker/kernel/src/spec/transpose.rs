//! Two axes exchanged.
//!
//! Value: y[.., i, .., j, ..] = x[.., j, .., i, ..]. Constraints: transpose_c1 (`spec-tests/ops/transpose.md`).

use crate::spec::prelude::*;

attributes! {
    /// The axes `first` and `second` exchanged.
    pub struct Transpose {
        /// One axis.
        pub first: usize,
        /// The other; it may be the same.
        pub second: usize,
    }
}

impl Transpose {
    /// What stands at the two axes, exchanged.
    fn exchanged(&self, mut list: Vec<usize>) -> Option<Vec<usize>> {
        let both = self.first.max(self.second) < list.len();
        both.then(|| list.swap(self.first, self.second)).map(|()| list)
    }
}

impl Operation for Transpose {
    fn shape(&self, x: &Shape, _: &[&Shape]) -> Result<Shape, Fault> {
        let fault = || Fault::new("transpose_c1", format!("axes {} and {} of x {x}", self.first, self.second));
        shape_of(self.exchanged(x.dimensions().to_vec()).ok_or_else(fault)?, "transpose_c1")
    }

    fn value<C: Context>(&self, _: &C, x: &Tensor<C::Value>, _: Parents<C>, shape: &Shape) -> Values<C> {
        let strides = self.exchanged(x.shape().strides()).ok_or(WRONG_PARENTS)?;
        rearrange(x, shape.dimensions(), None, |axis, i| Some(strides.get(axis)? * i))
    }
}

linear!(Transpose);
