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

/// Declares an operation that applies a scalar function of one operand everywhere; its attributes are exact constants, bound by name. The second function is the
/// cotangent of the operand, from the value and its cotangent.
macro_rules! unary {
    ($(#[$meta:meta])* $name:ident $({ $($(#[$field_meta:meta])* $field:ident,)* })?, |$context:ident, $x:ident| $value:expr,
     |$y:ident, $d:ident| $cotangent:expr) => {
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

        impl Vjp for $name {
            #[allow(unused_variables, reason = "a derivative may need neither the operand nor the value")]
            fn vjp<C: Context>(&self, $context: &C, at: &Point<C>, dy: &Tensor<C::Value>) -> Cotangents<C> {
                $($(let $field = $context.constant(&self.$field)?;)*)?
                let values = at.x.data().iter().zip(at.y.data()).zip(dy.data());
                let cotangents: Result<_, EvalError> = values.map(|(($x, $y), $d)| $cotangent).collect();
                Ok(vec![Some(cotangents?)])
            }
        }
    };
}

/// Declares an operation without attributes that applies a scalar function of two operands of one shape everywhere. What follows are the cotangents of the
/// operands, from the value and its cotangent.
macro_rules! binary {
    ($(#[$meta:meta])* $name:ident, $constraint:literal, |$context:ident, $x:ident, $y:ident| $value:expr,
     |$z:ident, $d:ident| $dx:expr, $dy:expr) => {
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

        impl Vjp for $name {
            #[allow(unused_variables, reason = "a derivative may need neither the operands nor the value")]
            fn vjp<C: Context>(&self, $context: &C, at: &Point<C>, dy: &Tensor<C::Value>) -> Cotangents<C> {
                let others = at.other(0)?;
                let values = || at.x.data().iter().zip(others.data()).zip(at.y.data()).zip(dy.data());
                let first = || values().map(|((($x, $y), $z), $d)| $dx).collect();
                let second = || values().map(|((($x, $y), $z), $d)| $dy).collect();
                Ok(vec![at.when(0, first)?, at.when(1, second)?])
            }
        }
    };
}
