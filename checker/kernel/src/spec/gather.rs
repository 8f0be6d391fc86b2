//! A static selection along one axis.
//!
//! Value: y[a.., j.., c..] = x[a.., indices[j..], c..]. Shapes: x [a.., n, c..] → y [a.., indices_shape.., c..].
//! Constraints: gather_c1 … gather_c4 (`spec-tests/ops/gather.md`).

use crate::spec::axis::around;
use crate::spec::prelude::*;
use crate::spec::rearrange::rearrange;

attributes! {
    /// The positions `indices` along `axis`.
    pub struct Gather {
        /// The axis that is selected from.
        pub axis: usize,
        /// The positions, row-major in `indices_shape`.
        pub indices: Vec<usize>,
        /// The dimensions that replace the axis; none for a single position.
        pub indices_shape: Shape,
    }
}

impl Operation for Gather {
    fn shape(&self, parents: &[&Shape]) -> Result<Shape, Fault> {
        let x = sole(parents).ok_or_else(wrong_parents)?;
        let (Some(&extent), Some(before)) = (x.dimensions().get(self.axis), x.dimensions().get(..self.axis)) else {
            return Err(Fault::new("gather_c1", format!("axis {} of x {x}", self.axis)));
        };
        require(self.indices.len() == self.indices_shape.elements(), "gather_c2", || {
            format!("{} indices do not fill {}", self.indices.len(), self.indices_shape)
        })?;
        for index in &self.indices {
            require(*index < extent, "gather_c3", || format!("index {index} along an axis of extent {extent}"))?;
        }
        let after = x.dimensions().iter().skip(self.axis + 1); // the axis is below the rank
        shape_of(before.iter().chain(self.indices_shape.dimensions()).chain(after).copied().collect(), "gather_c4")
    }

    fn value<C: Context>(&self, _: &C, parents: Parents<C>, _: &Shape) -> Values<C> {
        let x = sole(parents).ok_or(WRONG_PARENTS)?;
        let (outer, extent, inner) = around(x.shape(), self.axis).ok_or(WRONG_PARENTS)?;
        rearrange(parents, &[outer, self.indices.len(), inner], None, |_, axis, i| match axis {
            0 => Some(i * extent * inner),
            1 => Some(self.indices.get(i)? * inner),
            _ => Some(i),
        })
    }
}
