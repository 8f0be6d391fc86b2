//! Tensors one after the other along one axis.
//!
//! Shapes: [a.., n₁, c..], [a.., n₂, c..], … → [a.., n₁ + n₂ + …, c..]. Constraints: concat_c1 … concat_c3 (`spec-tests/ops/concat.md`).

use crate::spec::prelude::*;

attributes! {
    /// The parents one after the other along `axis`.
    pub struct Concat {
        /// The axis along which they stand.
        pub axis: usize,
    }
}

impl Operation for Concat {
    fn shape(&self, x: &Shape, others: &[&Shape]) -> Result<Shape, Fault> {
        require(self.axis < x.rank(), "concat_c1", || format!("axis {} of {x}", self.axis))?;
        let mut dimensions = x.dimensions().to_vec();
        for other in others {
            let mut differ = other.dimensions().iter().zip(x.dimensions()).enumerate().filter(|(_, (a, b))| a != b);
            require(other.rank() == x.rank() && differ.all(|(axis, _)| axis == self.axis), "concat_c2", || {
                format!("{x} and {other} differ beside axis {}", self.axis)
            })?;
            for (total, more) in dimensions.iter_mut().zip(other.dimensions()).skip(self.axis).take(1) {
                *total = total.saturating_add(*more); // what saturates is no shape
            }
        }
        shape_of(dimensions, "concat_c3")
    }

    fn value<C: Context>(&self, _: &C, x: &Tensor<C::Value>, others: Parents<C>, shape: &Shape) -> Values<C> {
        let (outer, _, _) = around(shape, self.axis).ok_or(WRONG_PARENTS)?;
        let mut out = Vec::with_capacity(shape.elements());
        for block in 0..outer {
            for parent in [x].iter().chain(others) {
                let length = parent.data().len() / outer;
                out.extend_from_slice(parent.data().get(block * length..(block + 1) * length).ok_or(WRONG_PARENTS)?);
            }
        }
        Ok(out)
    }
}

linear!(Concat);
