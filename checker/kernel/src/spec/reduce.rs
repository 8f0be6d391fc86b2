//! Reductions: all values that differ only along some axes become one. The files of the operations state the function; the rest stands here.

use crate::spec::prelude::*;

/// `f` of every group of values that differ only along `axes`, row-major within the group and over the groups.
pub(crate) fn reduce<V: Clone, R>(
    x: &Tensor<V>,
    axes: &[usize],
    mut f: impl FnMut(&[V]) -> Result<R, EvalError>,
) -> Result<Vec<R>, EvalError> {
    lines(x.shape(), axes).map(|line| f(&at(x, &line))).collect()
}

/// `Σ terms / n` for `n` terms: one sum, one division by the constant `n`.
pub(crate) fn mean<C: Context>(context: &C, terms: &[C::Value]) -> Result<C::Value, EvalError> {
    let count = i64::try_from(terms.len()).map_err(|_| WRONG_PARENTS)?;
    context.div(&context.sum(terms)?, &context.integer(count)?)
}

/// The fold of `f` from the first of the terms, which are not empty.
pub(crate) fn fold<V: Clone>(terms: &[V], mut f: impl FnMut(&V, &V) -> Result<V, EvalError>) -> Result<V, EvalError> {
    let (first, rest) = terms.split_first().ok_or(WRONG_PARENTS)?;
    rest.iter().try_fold(first.clone(), |so_far, x| f(&so_far, x))
}

/// Declares a reduction over `axes` by a function of the group of values; the second function is the cotangents of the group, from the value and its cotangent.
macro_rules! reduction {
    ($(#[$meta:meta])* $name:ident, $constraint:literal, |$context:ident, $terms:ident| $value:expr $(, |$y:ident, $d:ident| $cotangents:expr)?) => {
        use $crate::spec::prelude::*;

        attributes! {
            $(#[$meta])*
            pub struct $name {
                /// The axes that are reduced, ascending; none leaves every value alone.
                pub axes: Vec<usize>,
                /// Whether the reduced axes stay, with extent 1.
                pub keepdims: bool,
            }
        }

        impl Operation for $name {
            fn shape(&self, x: &Shape, _: &[&Shape]) -> Result<Shape, Fault> {
                reduced(x, &self.axes, self.keepdims, $constraint)
            }

            fn value<C: Context>(&self, $context: &C, x: &Tensor<C::Value>, _: Parents<C>, _: &Shape) -> Values<C> {
                reduce(x, &self.axes, |$terms| $value)
            }
        }

        $(impl Vjp for $name {
            #[allow(unused_variables, reason = "a derivative may not need the value")]
            fn vjp<C: Context>(&self, $context: &C, at: &Point<C>, dy: &Tensor<C::Value>) -> Cotangents<C> {
                let lines = lines(at.x.shape(), &self.axes);
                let placed = unreduced(at, dy, lines, |$terms, $y, $d| $cotangents)?;
                let placed = placed.into_iter().map(Ok);
                Ok(vec![Some(totals($context, at.x.data().len(), placed)?)])
            }
        })?
    };
}
