//! Elementwise operations: one scalar function at every position. Their files state the function; the rest stands here.

use crate::spec::prelude::*;

/// The shape rule of two parents: equal shapes (`constraint`); broadcasting is a node of its own.
pub(crate) fn equal_shapes(x: &Shape, others: &[&Shape], constraint: &'static str) -> Result<Shape, Fault> {
    let y = others.first().ok_or_else(wrong_parents)?;
    require(x == *y, constraint, || format!("the operands have shapes {x} and {y}"))?;
    Ok(x.clone())
}

/// `f` at every position of `x`.
pub(crate) fn map<V>(x: &Tensor<V>, f: impl FnMut(&V) -> Result<V, EvalError>) -> Result<Vec<V>, EvalError> {
    x.data().iter().map(f).collect()
}

/// `|x|·|x|`: in every reading the same as `x·x`, but an interval sees that it is not negative.
pub(crate) fn square<C: Context>(context: &C, x: &C::Value) -> Result<C::Value, EvalError> {
    let magnitude = context.abs(x)?;
    context.mul(&magnitude, &magnitude)
}

/// Declares an operation that applies a scalar function of one operand everywhere; its attributes are exact constants, bound by name.
macro_rules! unary {
    ($(#[$meta:meta])* $name:ident $({ $($(#[$field_meta:meta])* $field:ident,)* })?, |$context:ident, $x:ident| $value:expr) => {
        use $crate::spec::prelude::*;

        attributes! {
            $(#[$meta])*
            pub struct $name {
                $($($(#[$field_meta])* pub $field: Exact,)*)?
            }
        }

        impl Operation for $name {
            fn value<C: Context>(&self, $context: &C, x: &Tensor<C::Value>, _: Parents<C>, _: &Shape) -> Values<C> {
                $($(let $field = $context.constant(&self.$field)?;)*)?
                map(x, |$x| $value)
            }
        }
    };
}

/// Declares an operation without attributes that applies a scalar function of two operands of one shape everywhere.
macro_rules! binary {
    ($(#[$meta:meta])* $name:ident, $constraint:literal, |$context:ident, $x:ident, $y:ident| $value:expr) => {
        use $crate::spec::prelude::*;

        attributes! {
            $(#[$meta])*
            pub struct $name {}
        }

        impl Operation for $name {
            fn shape(&self, x: &Shape, others: &[&Shape]) -> Result<Shape, Fault> {
                equal_shapes(x, others, $constraint)
            }

            fn value<C: Context>(&self, $context: &C, x: &Tensor<C::Value>, others: Parents<C>, _: &Shape) -> Values<C> {
                let y = others.first().ok_or(WRONG_PARENTS)?;
                x.data().iter().zip(y.data()).map(|($x, $y)| $value).collect()
            }
        }
    };
}
