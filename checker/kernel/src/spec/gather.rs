//! A static selection along one axis.
//!
//! Value: y[a.., j.., c..] = x[a.., indices[j..], c..]. Shapes: x [a.., n, c..] → y [a.., indices_shape.., c..].
//! Constraints: gather_c1 … gather_c4 (`spec-tests/ops/gather.md`).

use crate::spec::prelude::*;

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
    fn shape(&self, x: &Shape, _: &[&Shape]) -> Result<Shape, Fault> {
        let (before, rest) = x.dimensions().split_at_checked(self.axis).unwrap_or_default();
        let Some((&extent, after)) = rest.split_first() else {
            return Err(Fault::new("gather_c1", format!("axis {} of x {x}", self.axis)));
        };
        require(self.indices.len() == self.indices_shape.elements(), "gather_c2", || {
            format!("{} indices do not fill {}", self.indices.len(), self.indices_shape)
        })?;
        for index in &self.indices {
            require(*index < extent, "gather_c3", || format!("index {index} along an axis of extent {extent}"))?;
        }
        shape_of([before, self.indices_shape.dimensions(), after].concat(), "gather_c4")
    }

    fn value<C: Context>(&self, _: &C, x: &Tensor<C::Value>, _: Parents<C>, _: &Shape) -> Values<C> {
        let (outer, extent, inner) = around(x.shape(), self.axis).ok_or(WRONG_PARENTS)?;
        rearrange(x, &[outer, self.indices.len(), inner], None, |axis, i| match axis {
            0 => Some(i * extent * inner),
            1 => Some(self.indices.get(i)? * inner),
            _ => Some(i),
        })
    }
}

linear!(Gather);
