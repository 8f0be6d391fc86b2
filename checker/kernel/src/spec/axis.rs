//! Operations that act on every line of a tensor along one axis.

use crate::context::EvalError;
use crate::ir::{Shape, Tensor};
use crate::spec::{Fault, WRONG_PARENTS, require, wrong_parents};

/// The shape rule of one parent that has the axis (`constraint`): the same shape.
pub(crate) fn require_axis(
    parents: &[&Shape],
    axis: usize,
    constraint: &'static str,
) -> Result<Shape, Fault> {
    let [x] = parents else {
        return Err(wrong_parents());
    };
    require(axis < x.rank(), constraint, || {
        format!("axis {axis} of x {x}")
    })?;
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
    let (Some(&stride), Some(&length)) = (x.shape().strides().get(axis), x.dimensions().get(axis))
    else {
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
