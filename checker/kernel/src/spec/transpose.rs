//! Two axes exchanged.
//!
//! Value: y[.., i, .., j, ..] = x[.., j, .., i, ..]. Constraints: transpose_c1 (`spec-tests/ops/transpose.md`).

use crate::spec::prelude::*;
use crate::spec::rearrange::rearrange;

attributes! {
    /// The axes `first` and `second` exchanged.
    pub struct Transpose {
        /// One axis.
        pub first: usize,
        /// The other; it may be the same.
        pub second: usize,
    }
}

impl Operation for Transpose {
    fn shape(&self, parents: &[&Shape]) -> Result<Shape, Fault> {
        let x = sole(parents).ok_or_else(wrong_parents)?;
        require(self.first.max(self.second) < x.rank(), "transpose_c1", || {
            format!("axes {} and {} of x {x}", self.first, self.second)
        })?;
        let mut dimensions = x.dimensions().to_vec();
        dimensions.swap(self.first, self.second); // both below the rank
        shape_of(dimensions, "transpose_c1")
    }

    fn value<C: Context>(&self, _: &C, parents: Parents<C>, shape: &Shape) -> Values<C> {
        rearrange(parents, shape.dimensions(), None, |strides, axis, i| {
            let from = if axis == self.first {
                self.second
            } else if axis == self.second {
                self.first
            } else {
                axis
            };
            Some(strides.get(from)? * i)
        })
    }
}
