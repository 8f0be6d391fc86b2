//! Rearrangements: every value of the result is one value of a parent, or a fill.
//!
//! Such an operation is a rule from the index of the result to a position in the parent, and the rule is a sum over the axes: so an operation
//! states only what each coordinate of each axis adds. Nothing is allocated beside the result.

use crate::spec::prelude::*;

/// The sum over the axes of `at(axis, coordinate)` at a row-major `position` of these dimensions; `None` where one term is.
pub(crate) fn locate(
    dimensions: &[usize],
    position: usize,
    at: impl Fn(usize, usize) -> Option<usize>,
) -> Option<usize> {
    let (mut rest, mut place) = (position, 0);
    for (axis, dimension) in dimensions.iter().enumerate().rev() {
        place += at(axis, rest % dimension)?;
        rest /= dimension;
    }
    Some(place)
}

/// The values of `x` at the places that `at(axis, coordinate)` sums to, for every position of the dimensions; `fill` where there is no place.
pub(crate) fn rearrange<V: Clone>(
    x: &Tensor<V>,
    dimensions: &[usize],
    fill: Option<&V>,
    at: impl Fn(usize, usize) -> Option<usize>,
) -> Result<Vec<V>, EvalError> {
    let place = |position| locate(dimensions, position, &at);
    let value = |position| place(position).map_or(fill, |place| x.data().get(place)).cloned().ok_or(WRONG_PARENTS);
    (0..dimensions.iter().product()).map(value).collect()
}

/// Strides that read a tensor as if repeated to `rank` dimensions, aligned at the last: zero along every axis that repeats.
pub(crate) fn repeating_strides(shape: &Shape, rank: usize) -> Vec<usize> {
    let strides = shape.strides().into_iter().zip(shape.dimensions());
    let mut repeating = vec![0; rank.saturating_sub(shape.rank())];
    repeating.extend(strides.map(|(stride, &d)| if d == 1 { 0 } else { stride }));
    repeating
}
