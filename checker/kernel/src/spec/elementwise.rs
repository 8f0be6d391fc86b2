//! Elementwise operations: one scalar function at every position. Their files state the function; the rest stands here.

use crate::context::{Context, EvalError};
use crate::ir::{Shape, Tensor};
use crate::spec::{Fault, WRONG_PARENTS, require, wrong_parents};

/// The shape rule of one parent: the same shape.
pub(crate) fn same_shape(parents: &[&Shape]) -> Result<Shape, Fault> {
    match parents {
        [x] => Ok((*x).clone()),
        _ => Err(wrong_parents()),
    }
}

/// The shape rule of two parents: equal shapes (`constraint`); broadcasting is a node of its own.
pub(crate) fn equal_shapes(parents: &[&Shape], constraint: &'static str) -> Result<Shape, Fault> {
    let [x, y] = parents else {
        return Err(wrong_parents());
    };
    require(x == y, constraint, || format!("the operands have shapes {x} and {y}"))?;
    Ok((*x).clone())
}

/// `f` at every position of the one parent.
pub(crate) fn map<V>(parents: &[&Tensor<V>], f: impl FnMut(&V) -> Result<V, EvalError>) -> Result<Vec<V>, EvalError> {
    match parents {
        [x] => x.data().iter().map(f).collect(),
        _ => Err(WRONG_PARENTS),
    }
}

/// `f` at every position of the two parents.
pub(crate) fn zip<V>(
    parents: &[&Tensor<V>],
    mut f: impl FnMut(&V, &V) -> Result<V, EvalError>,
) -> Result<Vec<V>, EvalError> {
    match parents {
        [x, y] => x.data().iter().zip(y.data()).map(|(x, y)| f(x, y)).collect(),
        _ => Err(WRONG_PARENTS),
    }
}

/// `|x|·|x|`: in every reading the same as `x·x`, but an interval sees that it is not negative.
pub(crate) fn square<C: Context>(context: &C, x: &C::Value) -> Result<C::Value, EvalError> {
    let magnitude = context.abs(x)?;
    context.mul(&magnitude, &magnitude)
}

/// Declares an operation that applies a scalar function of one operand everywhere; its attributes are exact constants, bound by name.
macro_rules! unary {
    ($(#[$meta:meta])* $name:ident $({ $($(#[$field_meta:meta])* $field:ident,)* })?, |$context:ident, $x:ident| $value:expr) => {
        $crate::ir::attributes::attributes! {
            $(#[$meta])*
            pub struct $name {
                $($($(#[$field_meta])* pub $field: $crate::number::Exact,)*)?
            }
        }
        impl $crate::spec::Operation for $name {
            fn shape(&self, parents: &[&$crate::ir::Shape]) -> Result<$crate::ir::Shape, $crate::spec::Fault> {
                $crate::spec::elementwise::same_shape(parents)
            }
            fn value<C: $crate::context::Context>(
                &self,
                $context: &C,
                parents: &[&$crate::ir::Tensor<C::Value>],
                _: &$crate::ir::Shape,
            ) -> Result<Vec<C::Value>, $crate::context::EvalError> {
                $($(let $field = $context.constant(&self.$field)?;)*)?
                $crate::spec::elementwise::map(parents, |$x| $value)
            }
        }
    };
}

/// Declares an operation without attributes that applies a scalar function of two operands of one shape everywhere.
macro_rules! binary {
    ($(#[$meta:meta])* $name:ident, $constraint:literal, |$context:ident, $x:ident, $y:ident| $value:expr) => {
        $crate::ir::attributes::attributes! {
            $(#[$meta])*
            pub struct $name {}
        }
        impl $crate::spec::Operation for $name {
            fn shape(&self, parents: &[&$crate::ir::Shape]) -> Result<$crate::ir::Shape, $crate::spec::Fault> {
                $crate::spec::elementwise::equal_shapes(parents, $constraint)
            }
            fn value<C: $crate::context::Context>(
                &self,
                $context: &C,
                parents: &[&$crate::ir::Tensor<C::Value>],
                _: &$crate::ir::Shape,
            ) -> Result<Vec<C::Value>, $crate::context::EvalError> {
                $crate::spec::elementwise::zip(parents, |$x, $y| $value)
            }
        }
    };
}

pub(crate) use {binary, unary};
