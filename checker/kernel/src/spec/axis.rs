//! Operations that act on every line of a tensor along one axis.

#![expect(clippy::indexing_slicing, reason = "axes are below the rank when a value is computed")]

use crate::spec::prelude::*;

/// The shape rule of one parent that has the axis (`constraint`): the same shape.
pub(crate) fn require_axis(parents: &[&Shape], axis: usize, constraint: &'static str) -> Result<Shape, Fault> {
    let [x] = parents else {
        return Err(wrong_parents());
    };
    require(axis < x.rank(), constraint, || format!("axis {axis} of x {x}"))?;
    Ok((*x).clone())
}

/// The numbers of elements before, along and after an axis; `None` when the shape has no such axis.
pub(crate) fn around(shape: &Shape, axis: usize) -> Option<(usize, usize, usize)> {
    let (before, rest) = shape.dimensions().split_at_checked(axis)?;
    let (&extent, after) = rest.split_first()?;
    Some((before.iter().product(), extent, after.iter().product()))
}

/// `f` applied to every line of the one parent along `axis`; `f` returns as many values as it is given.
pub(crate) fn along<V: Clone>(
    parents: &[&Tensor<V>],
    axis: usize,
    mut f: impl FnMut(&[V]) -> Result<Vec<V>, EvalError>,
) -> Result<Vec<V>, EvalError> {
    let [x] = parents else {
        return Err(WRONG_PARENTS);
    };
    let (Some(&stride), Some(&length)) = (x.shape().strides().get(axis), x.dimensions().get(axis)) else {
        return Err(WRONG_PARENTS);
    };
    let mut out = x.data().to_vec();
    for block in out.chunks_exact_mut(stride * length) {
        for offset in 0..stride {
            let line: Vec<V> = block.iter().skip(offset).step_by(stride).cloned().collect();
            for (place, value) in block.iter_mut().skip(offset).step_by(stride).zip(f(&line)?) {
                *place = value;
            }
        }
    }
    Ok(out)
}

/// The shape rule of a reduction of one parent over `axes`, which are ascending axes of it (`constraint`).
pub(crate) fn reduced(
    parents: &[&Shape],
    axes: &[usize],
    keepdims: bool,
    constraint: &'static str,
) -> Result<Shape, Fault> {
    let [x] = parents else {
        return Err(wrong_parents());
    };
    let ascending = axes.windows(2).all(|pair| pair[0] < pair[1]); // windows(2) yields pairs
    require(ascending && axes.last().is_none_or(|&last| last < x.rank()), constraint, || {
        format!("the axes are not ascending axes of x {x}")
    })?;
    let keep = |(axis, &extent): (usize, &usize)| match axes.contains(&axis) {
        true => keepdims.then_some(1),
        false => Some(extent),
    };
    let dimensions = x.dimensions().iter().enumerate().filter_map(keep).collect();
    shape_of(dimensions, constraint)
}

/// For every position of the reduction over `axes`, row-major, the positions of `x` that it gathers, row-major.
pub(crate) fn lines(x: &Shape, axes: &[usize]) -> impl Iterator<Item = Vec<usize>> {
    let strides = x.strides();
    let offsets = |gathered: bool| {
        let axis = |offsets: Vec<usize>, axis: usize| -> Vec<usize> {
            let (extent, stride) = (x.dimensions()[axis], strides[axis]); // axis < rank
            let along = |offset| (0..extent).map(move |i| offset + i * stride);
            offsets.into_iter().flat_map(along).collect()
        };
        (0..x.rank()).filter(|axis| axes.contains(axis) == gathered).fold(vec![0], axis)
    };
    let (gathered, kept) = (offsets(true), offsets(false));
    kept.into_iter().map(move |base| gathered.iter().map(|offset| base + offset).collect())
}
