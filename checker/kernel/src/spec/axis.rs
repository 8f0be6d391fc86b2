//! Operations that act on every line of a tensor along one axis.

#![expect(clippy::indexing_slicing, reason = "axes are below the rank when a value is computed")]

use crate::spec::prelude::*;

/// The shape of `x`, which has the axis (`constraint`).
pub(crate) fn require_axis(x: &Shape, axis: usize, constraint: &'static str) -> Result<Shape, Fault> {
    require(axis < x.rank(), constraint, || format!("axis {axis} of x {x}"))?;
    Ok(x.clone())
}

/// The numbers of elements before, along and after an axis; `None` when the shape has no such axis.
pub(crate) fn around(shape: &Shape, axis: usize) -> Option<(usize, usize, usize)> {
    let (before, rest) = shape.dimensions().split_at_checked(axis)?;
    let (&extent, after) = rest.split_first()?;
    Some((before.iter().product(), extent, after.iter().product()))
}

/// `f` applied to every line along `axis` of tensors of one shape; `f` returns as many values as each line has.
pub(crate) fn along<V: Clone, const N: usize>(
    tensors: [&Tensor<V>; N],
    axis: usize,
    mut f: impl FnMut([Vec<V>; N]) -> Result<Vec<V>, EvalError>,
) -> Result<Vec<V>, EvalError> {
    let x = tensors.first().filter(|x| axis < x.shape().rank()).ok_or(WRONG_PARENTS)?;
    let mut out = x.data().to_vec();
    for line in lines(x.shape(), &[axis]) {
        let values = f(tensors.map(|tensor| at(tensor, &line)))?;
        for (place, value) in line.into_iter().zip(values) {
            out[place] = value; // a line of the shape
        }
    }
    Ok(out)
}

/// The values at these positions.
pub(crate) fn at<V: Clone>(tensor: &Tensor<V>, positions: &[usize]) -> Vec<V> {
    positions.iter().filter_map(|&at| tensor.data().get(at)).cloned().collect()
}

/// The shape rule of a reduction of `x` over `axes`, which are ascending axes of it (`constraint`).
pub(crate) fn reduced(x: &Shape, axes: &[usize], keepdims: bool, constraint: &'static str) -> Result<Shape, Fault> {
    let ascending = axes.windows(2).all(|pair| pair[0] < pair[1]); // windows(2) yields pairs
    require(ascending && axes.last().is_none_or(|&last| last < x.rank()), constraint, || {
        format!("the axes are not ascending axes of x {x}")
    })?;
    let keep = |(axis, &extent): (usize, &usize)| match axes.contains(&axis) {
        true => keepdims.then_some(1),
        false => Some(extent),
    };
    shape_of(x.dimensions().iter().enumerate().filter_map(keep).collect(), constraint)
}

/// For every position of the reduction over `axes`, row-major, the positions of `x` that it gathers, row-major.
pub(crate) fn lines(x: &Shape, axes: &[usize]) -> impl Iterator<Item = Vec<usize>> {
    let offsets = |gathered: bool| {
        let along = |axis| if axes.contains(&axis) == gathered { 0..x.dimensions()[axis] } else { 0..1 }; // axis < rank
        product(x.dimensions(), |axis| along(axis).map(Some).collect()).into_iter().flatten()
    };
    let gathered: Vec<usize> = offsets(true).collect();
    offsets(false).map(move |base| gathered.iter().map(|offset| base + offset).collect())
}
