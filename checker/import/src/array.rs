//! Constant arrays of any element type that the formats here use, and the moves of their elements.
//!
//! Invariant: an [`Array`] holds exactly as many elements as its dimensions say. Unlike a kernel tensor it may be empty or an integer
//! array: shapes, axes and indices are such arrays. A move never changes an element, so folding one is exact for every type.
//! Layout is row-major.

use crate::error::{ImportError, fault};
use tl_kernel::ir::{Shape, Tensor};

/// Largest number of elements of one array of a file.
pub(crate) const MAX_ELEMENTS: usize = (1 << 31) - 1;
/// Largest number of elements of all arrays that are made by folding, and of one list of positions: what a few bytes of a file may ask for.
pub(crate) const MAX_FOLDED: usize = 1 << 25;
/// Largest number of dimensions of a constant.
pub(crate) const MAX_RANK: usize = 64;

/// An element type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dtype {
    /// IEEE 754 binary32.
    Float32,
    /// IEEE 754 binary64.
    Float64,
    /// IEEE 754 binary16.
    Float16,
    /// The upper half of a binary32 word.
    BFloat16,
    /// 64-bit two's complement.
    Int64,
    /// 32-bit two's complement.
    Int32,
    /// 16-bit two's complement.
    Int16,
    /// 8-bit two's complement.
    Int8,
    /// 64 bits without sign; values from 2^63 on are refused.
    Uint64,
    /// 32 bits without sign.
    Uint32,
    /// 16 bits without sign.
    Uint16,
    /// 8 bits without sign.
    Uint8,
    /// False or true.
    Bool,
}

impl Dtype {
    /// The name, as ONNX and numpy write it.
    pub fn name(self) -> &'static str {
        match self {
            Dtype::Float32 => "float32",
            Dtype::Float64 => "float64",
            Dtype::Float16 => "float16",
            Dtype::BFloat16 => "bfloat16",
            Dtype::Int64 => "int64",
            Dtype::Int32 => "int32",
            Dtype::Int16 => "int16",
            Dtype::Int8 => "int8",
            Dtype::Uint64 => "uint64",
            Dtype::Uint32 => "uint32",
            Dtype::Uint16 => "uint16",
            Dtype::Uint8 => "uint8",
            Dtype::Bool => "bool",
        }
    }

    /// The least and the largest value of an integer type; `None` for the floating-point types.
    pub(crate) fn range(self) -> Option<(i64, i64)> {
        match self {
            Dtype::Int64 => Some((i64::MIN, i64::MAX)),
            Dtype::Int32 => Some((i32::MIN.into(), i32::MAX.into())),
            Dtype::Int16 => Some((i16::MIN.into(), i16::MAX.into())),
            Dtype::Int8 => Some((i8::MIN.into(), i8::MAX.into())),
            Dtype::Uint64 => Some((0, i64::MAX)),
            Dtype::Uint32 => Some((0, u32::MAX.into())),
            Dtype::Uint16 => Some((0, u16::MAX.into())),
            Dtype::Uint8 => Some((0, u8::MAX.into())),
            Dtype::Bool => Some((0, 1)),
            _ => None,
        }
    }
}

/// The elements of an array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Elements {
    /// Floating-point values of at most 32 bits, as the binary32 words of the same values.
    Words(Vec<u32>),
    /// Binary64 words.
    Wide(Vec<u64>),
    /// Integers and truth values.
    Integers(Vec<i64>),
}

/// A constant array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Array {
    dtype: Dtype,
    dimensions: Vec<usize>,
    elements: Elements,
}

/// The number of elements in these dimensions, or an error when it is beyond [`MAX_ELEMENTS`].
pub(crate) fn count(dimensions: &[usize]) -> Result<usize, ImportError> {
    if dimensions.len() > MAX_RANK {
        return Err(fault!(Shapes, "{} dimensions, at most {MAX_RANK} are read", dimensions.len()));
    }
    let product =
        dimensions.iter().try_fold(1usize, |product, &d| product.checked_mul(d)).filter(|&n| n <= MAX_ELEMENTS);
    product.ok_or_else(|| fault!(LimitElements, "the product of {dimensions:?} is more than {MAX_ELEMENTS}"))
}

/// The same, or an error when it is beyond [`MAX_FOLDED`]: asked before an array or a list of positions is made.
pub(crate) fn folded(dimensions: &[usize]) -> Result<usize, ImportError> {
    let elements = count(dimensions)?;
    if elements > MAX_FOLDED {
        return Err(fault!(LimitElements, "folding to {dimensions:?} makes more than {MAX_FOLDED} elements"));
    }
    Ok(elements)
}

/// For each dimension the distance between neighbours along it.
pub(crate) fn strides(dimensions: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; dimensions.len()];
    let mut step = 1usize;
    for (stride, dimension) in strides.iter_mut().zip(dimensions).rev() {
        *stride = step;
        step = step.saturating_mul(*dimension);
    }
    strides
}

impl Array {
    /// An array; an error when the number of elements is not that of the dimensions.
    pub fn new(dtype: Dtype, dimensions: Vec<usize>, elements: Elements) -> Result<Self, ImportError> {
        let (expected, found) = (count(&dimensions)?, elements.len());
        if expected != found {
            return Err(fault!(TensorData, "{found} elements do not fill the shape {dimensions:?}"));
        }
        Ok(Array { dtype, dimensions, elements })
    }

    /// An int64 array of one dimension.
    pub fn integers(values: Vec<i64>) -> Self {
        Array { dtype: Dtype::Int64, dimensions: vec![values.len()], elements: Elements::Integers(values) }
    }

    /// The element type.
    pub fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// The dimensions.
    pub fn dimensions(&self) -> &[usize] {
        &self.dimensions
    }

    /// Number of dimensions.
    pub fn rank(&self) -> usize {
        self.dimensions.len()
    }

    /// The elements, row-major.
    pub fn elements(&self) -> &Elements {
        &self.elements
    }

    /// The binary32 words, when the elements are float32.
    pub(crate) fn words(&self) -> Option<&[u32]> {
        match &self.elements {
            Elements::Words(words) if self.dtype == Dtype::Float32 => Some(words),
            _ => None,
        }
    }

    /// The integers, when the elements are integers or truth values.
    pub(crate) fn as_integers(&self) -> Option<&[i64]> {
        match &self.elements {
            Elements::Integers(values) => Some(values),
            _ => None,
        }
    }

    /// The kernel tensor of a float32 array.
    pub fn tensor(&self) -> Result<Tensor<u32>, ImportError> {
        let words = self.words().ok_or_else(|| fault!(Dtype, "the elements are {}, not float32", self.dtype.name()))?;
        let shape = Shape::new(self.dimensions.clone()).map_err(|error| fault!(Shapes, "{error}"))?;
        Tensor::new(shape, words.to_vec()).ok_or_else(|| fault!(TensorData, "the elements do not fill the shape"))
    }

    /// The same elements in other dimensions.
    pub(crate) fn reshaped(&self, dimensions: Vec<usize>) -> Result<Self, ImportError> {
        Array::new(self.dtype, dimensions, self.elements.clone())
    }

    /// The array in `dimensions` whose element at index `i` is the one here at position `offset + Σ i[k]·steps[k]`: transposition,
    /// broadcasting and slicing are such views.
    pub(crate) fn view(&self, dimensions: Vec<usize>, steps: &[isize], offset: isize) -> Result<Self, ImportError> {
        let mut positions = Vec::with_capacity(folded(&dimensions)?);
        if !dimensions.contains(&0) {
            let (mut index, mut position) = (vec![0usize; dimensions.len()], offset);
            'all: loop {
                positions.push(usize::try_from(position).unwrap_or(usize::MAX));
                let mut axis = dimensions.len();
                loop {
                    let Some(next) = axis.checked_sub(1) else {
                        break 'all;
                    };
                    axis = next;
                    index[axis] += 1; // axis < dimensions.len(), which is the length of index
                    position = position.wrapping_add(steps.get(axis).copied().unwrap_or(0));
                    if index[axis] < dimensions[axis] {
                        break;
                    }
                    let back =
                        steps.get(axis).copied().unwrap_or(0).wrapping_mul(isize::try_from(index[axis]).unwrap_or(0));
                    position = position.wrapping_sub(back);
                    index[axis] = 0;
                }
            }
        }
        self.pick(dimensions, &positions)
    }

    /// The array in `dimensions` of the elements at these positions.
    pub(crate) fn pick(&self, dimensions: Vec<usize>, positions: &[usize]) -> Result<Self, ImportError> {
        fn at<T: Copy>(from: &[T], positions: &[usize]) -> Option<Vec<T>> {
            positions.iter().map(|&p| from.get(p).copied()).collect()
        }
        let elements = match &self.elements {
            Elements::Words(words) => at(words, positions).map(Elements::Words),
            Elements::Wide(words) => at(words, positions).map(Elements::Wide),
            Elements::Integers(values) => at(values, positions).map(Elements::Integers),
        };
        let elements =
            elements.ok_or_else(|| fault!(Shapes, "a position lies outside the array {:?}", self.dimensions))?;
        Array::new(self.dtype, dimensions, elements)
    }

    /// The elements of all the arrays, one after the other, in one dimension; their types are equal.
    pub(crate) fn chained(arrays: &[&Array]) -> Result<Self, ImportError> {
        let (first, rest) = arrays.split_first().ok_or_else(|| fault!(Arity, "nothing to concatenate"))?;
        let mut elements = first.elements.clone();
        for array in rest {
            match (&mut elements, &array.elements) {
                _ if array.dtype != first.dtype => {
                    return Err(fault!(Dtype, "{} beside {}", array.dtype.name(), first.dtype.name()));
                }
                (Elements::Words(all), Elements::Words(more)) => all.extend_from_slice(more),
                (Elements::Wide(all), Elements::Wide(more)) => all.extend_from_slice(more),
                (Elements::Integers(all), Elements::Integers(more)) => all.extend_from_slice(more),
                _ => return Err(fault!(Dtype, "elements of different kinds")),
            }
        }
        Array::new(first.dtype, vec![elements.len()], elements)
    }
}

impl Elements {
    /// Number of elements.
    pub(crate) fn len(&self) -> usize {
        match self {
            Elements::Words(words) => words.len(),
            Elements::Wide(words) => words.len(),
            Elements::Integers(values) => values.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_transposes_broadcasts_and_reverses() {
        let array = Array::integers((0..6).collect()).reshaped(vec![2, 3]).unwrap();
        for (dimensions, steps, offset, expected) in [
            (vec![3, 2], [1, 3].as_slice(), 0, vec![0, 3, 1, 4, 2, 5]),
            (vec![2, 3], &[0, 1], 3, vec![3, 4, 5, 3, 4, 5]),
            (vec![2, 2], &[3, -2], 2, vec![2, 0, 5, 3]),
            (vec![], &[], 4, vec![4]),
            (vec![2, 0], &[3, 1], 0, vec![]),
        ] {
            let view = array.view(dimensions, steps, offset).unwrap();
            assert_eq!(view.as_integers(), Some(expected.as_slice()));
        }
        assert!(array.view(vec![3], &[3], 0).is_err());
    }

    #[test]
    fn an_array_that_its_elements_do_not_fill_is_refused() {
        assert_eq!(Array::integers(vec![1, 2]).reshaped(vec![3]).unwrap_err().code(), "TL0422");
        assert_eq!(Array::integers(vec![]).reshaped(vec![1 << 40, 1 << 40]).unwrap_err().code(), "TL0432");
    }
}
