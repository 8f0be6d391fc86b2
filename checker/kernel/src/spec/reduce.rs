//! Reductions: all values that differ only along some axes become one. The files of the operations state the function; the rest stands here.

use crate::spec::prelude::*;
use crate::spec::rearrange::locate;

/// The shape rule: `axes` strictly ascend and are axes of x (`constraint`); they vanish, or stay as 1.
pub(crate) fn reduced_shape(
    parents: &[&Shape],
    axes: &[usize],
    keepdims: bool,
    constraint: &'static str,
) -> Result<Shape, Fault> {
    let [x] = parents else {
        return Err(wrong_parents());
    };
    require(
        axes.is_sorted_by(|a, b| a < b) && axes.last().is_none_or(|&last| last < x.rank()),
        constraint,
        || format!("axes do not ascend within x {x}"),
    )?;
    let dimension = |(axis, &dimension)| match (axes.contains(&axis), keepdims) {
        (false, _) => Some(dimension),
        (true, true) => Some(1),
        (true, false) => None,
    };
    let kept = x.dimensions().iter().enumerate().filter_map(dimension);
    shape_of(kept.collect(), constraint)
}

/// `f` of every group of values that differ only along `axes`, row-major within the group and over the groups.
pub(crate) fn reduce<V: Clone, R>(
    x: &Tensor<V>,
    axes: &[usize],
    mut f: impl FnMut(&[V]) -> Result<R, EvalError>,
) -> Result<Vec<R>, EvalError> {
    let offsets = |reduced: bool| -> Vec<usize> {
        let of_kind = |axis: &usize| axes.contains(axis) == reduced;
        let axes: Vec<(usize, usize)> = (0..x.shape().rank())
            .filter(of_kind)
            .filter_map(|axis| Some((*x.dimensions().get(axis)?, *x.shape().strides().get(axis)?)))
            .collect();
        let dimensions: Vec<usize> = axes.iter().map(|&(dimension, _)| dimension).collect();
        let at = |axis: usize, i: usize| Some(axes.get(axis)?.1 * i);
        (0..dimensions.iter().product())
            .filter_map(|position| locate(&dimensions, position, at))
            .collect()
    };
    let (bases, within) = (offsets(false), offsets(true));
    let group = |base: usize| -> Option<Vec<V>> {
        let places = within.iter().map(|offset| x.data().get(base + offset));
        places.map(Option::<&V>::cloned).collect()
    };
    let value = |base| f(&group(base).ok_or(WRONG_PARENTS)?);
    bases.into_iter().map(value).collect()
}

/// `Σ terms / n` for `n` terms: one sum, one division by the constant `n`.
pub(crate) fn mean<C: Context>(context: &C, terms: &[C::Value]) -> Result<C::Value, EvalError> {
    let count = i64::try_from(terms.len()).map_err(|_| WRONG_PARENTS)?;
    context.div(&context.sum(terms)?, &context.integer(count)?)
}

/// The fold of `f` from the first of the terms, which are not empty.
pub(crate) fn fold<V: Clone>(
    terms: &[V],
    mut f: impl FnMut(&V, &V) -> Result<V, EvalError>,
) -> Result<V, EvalError> {
    let (first, rest) = terms.split_first().ok_or(WRONG_PARENTS)?;
    rest.iter()
        .try_fold(first.clone(), |so_far, x| f(&so_far, x))
}

/// Declares a reduction over `axes` by a function of the group of values.
macro_rules! reduction {
    ($(#[$meta:meta])* $name:ident, $constraint:literal, |$context:ident, $terms:ident| $value:expr) => {
        $crate::ir::attributes::attributes! {
            $(#[$meta])*
            pub struct $name {
                /// The axes that are reduced, ascending; none leaves every value alone.
                pub axes: Vec<usize>,
                /// Whether the reduced axes stay, with extent 1.
                pub keepdims: bool,
            }
        }
        impl $crate::spec::Operation for $name {
            fn shape(&self, parents: &[&$crate::ir::Shape]) -> Result<$crate::ir::Shape, $crate::spec::Fault> {
                $crate::spec::reduce::reduced_shape(parents, &self.axes, self.keepdims, $constraint)
            }
            fn value<C: $crate::context::Context>(
                &self,
                $context: &C,
                parents: &[&$crate::ir::Tensor<C::Value>],
                _: &$crate::ir::Shape,
            ) -> Result<Vec<C::Value>, $crate::context::EvalError> {
                let [x] = parents else {
                    return Err($crate::spec::WRONG_PARENTS);
                };
                $crate::spec::reduce::reduce(x, &self.axes, |$terms| $value)
            }
        }
    };
}

pub(crate) use reduction;
