//! Shapes and tensors.
//!
//! Invariants: a [`Shape`] has at most [`MAX_RANK`] dimensions, each at least 1, and a product of at most [`MAX_ELEMENTS`]; a [`Tensor`] holds
//! exactly as many values as its shape has elements. Both are checked when they are built, so no later code checks them again.
//! Layout is row-major: the last dimension varies fastest.

use std::fmt;
use std::sync::Arc;

/// Largest number of dimensions.
pub const MAX_RANK: usize = 8;
/// Largest number of elements of one tensor, so that a position fits a `u32` beside the padding mark.
pub const MAX_ELEMENTS: usize = (1 << 31) - 1;

/// The dimensions of a tensor; a scalar has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape(Vec<usize>);

impl Shape {
    /// A shape of these dimensions, or why it is not one.
    pub fn new(dimensions: Vec<usize>) -> Result<Self, String> {
        if dimensions.len() > MAX_RANK {
            return Err(format!("{} dimensions, at most {MAX_RANK} are supported", dimensions.len()));
        }
        if let Some(axis) = dimensions.iter().position(|&d| d == 0) {
            return Err(format!("dimension {axis} is zero"));
        }
        let product = dimensions.iter().try_fold(1usize, |product, &d| product.checked_mul(d));
        if product.is_none_or(|n| n > MAX_ELEMENTS) {
            return Err(format!("the product of {dimensions:?} is more than {MAX_ELEMENTS}"));
        }
        Ok(Shape(dimensions))
    }

    /// The shape of a scalar.
    pub fn scalar() -> Self {
        Shape(Vec::new())
    }

    /// The dimensions.
    pub fn dimensions(&self) -> &[usize] {
        &self.0
    }

    /// Number of dimensions.
    pub fn rank(&self) -> usize {
        self.0.len()
    }

    /// Number of elements.
    pub fn elements(&self) -> usize {
        self.0.iter().product()
    }

    /// For each dimension the distance, in elements, between neighbours along it.
    pub fn strides(&self) -> Vec<usize> {
        let mut strides = vec![1; self.rank()];
        let mut step = 1;
        for (stride, dimension) in strides.iter_mut().zip(&self.0).rev() {
            *stride = step;
            step *= dimension;
        }
        strides
    }

    /// The index along every dimension of the element at a position.
    pub fn index_of(&self, position: usize) -> Vec<usize> {
        self.strides().iter().zip(&self.0).map(|(stride, dimension)| position / stride % dimension).collect()
    }

    /// The position of the element at an index; `None` when the index is none of this shape.
    pub fn position_of(&self, index: &[usize]) -> Option<usize> {
        let within = index.len() == self.rank() && index.iter().zip(&self.0).all(|(i, dimension)| i < dimension);
        within.then(|| index.iter().zip(self.strides()).map(|(i, stride)| i * stride).sum())
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// Values in a shape. Copies share the values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor<V> {
    shape: Shape,
    data: Arc<Vec<V>>,
}

impl<V> Tensor<V> {
    /// A tensor; `None` when the number of values is not that of the shape.
    pub fn new(shape: Shape, data: Vec<V>) -> Option<Self> {
        (shape.elements() == data.len()).then(|| Tensor { shape, data: Arc::new(data) })
    }

    /// The shape.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The dimensions of the shape.
    pub fn dimensions(&self) -> &[usize] {
        self.shape.dimensions()
    }

    /// The values, row-major.
    pub fn data(&self) -> &[V] {
        &self.data
    }

    /// The tensor of `f` of every value.
    pub fn map<W>(&self, f: impl FnMut(&V) -> W) -> Tensor<W> {
        Tensor { shape: self.shape.clone(), data: Arc::new(self.data.iter().map(f).collect()) }
    }

    /// The tensor of `f` of every value, or the first error.
    pub fn try_map<W, E>(&self, f: impl FnMut(&V) -> Result<W, E>) -> Result<Tensor<W>, E> {
        let data = self.data.iter().map(f).collect::<Result<_, E>>()?;
        Ok(Tensor { shape: self.shape.clone(), data: Arc::new(data) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_shape_is_refused() {
        for dimensions in [vec![0], vec![3, 0, 2], vec![1; 9], vec![1 << 31], vec![usize::MAX, usize::MAX]] {
            assert!(Shape::new(dimensions.clone()).is_err(), "{dimensions:?}");
        }
    }

    #[test]
    fn layout_is_row_major() {
        let shape = Shape::new(vec![2, 3, 4]).unwrap_or_else(|_| Shape::scalar());
        assert_eq!(shape.strides(), [12, 4, 1]);
        assert_eq!(shape.index_of(23), [1, 2, 3]);
        assert_eq!(shape.position_of(&[1, 2, 3]), Some(23));
        for none in [&[1, 2][..], &[1, 2, 3, 0], &[2, 0, 0], &[0, 0, usize::MAX]] {
            assert_eq!(shape.position_of(none), None);
        }
        assert_eq!(Shape::scalar().elements(), 1);
    }
}
