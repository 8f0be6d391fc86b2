//! `Linear<C>`: an operation as a linear map of its elements, with coefficients in another reading.
//!
//! Claim: where every argument denotes the linear form `Σ cₖ·xₖ` that it states (or a constant), so does the result. A form times a form, and any function of a form,
//! is refused: an operation that evaluates here is linear (up to a constant) in the elements that it was given, and its transpose can be read off
//! (`crate::spec::vjp::transposed`): the derivative of a linear operation is never written a second time.

use super::{Context, EvalError};
use crate::number::Exact;

/// The reading, with coefficients in `C`.
#[derive(Clone, Debug)]
pub struct Linear<'a, C>(pub &'a C);

/// A constant, or a form.
#[derive(Clone, Debug)]
pub enum Form<V> {
    /// It depends on no element.
    Constant(V),
    /// `Σ coefficient · element`, up to a constant; an element may occur twice, and no coefficient stands for 1.
    Sum(Vec<(usize, Option<V>)>),
}

type Result<T> = std::result::Result<T, EvalError>;

const NOT_LINEAR: EvalError = EvalError::Internal { what: "an operation that is not linear was transposed" };

/// Functions of a constant.
macro_rules! of_constants {
    ($($name:ident($($x:ident),*);)*) => {
        $(fn $name(&self, $($x: &Form<C::Value>),*) -> Result<Form<C::Value>> {
            match ($($x,)*) {
                ($(Form::Constant($x),)*) => self.0.$name($($x),*).map(Form::Constant),
                #[allow(unreachable_patterns, reason = "pi has no argument that could be a form")]
                _ => Err(NOT_LINEAR),
            }
        })*
    };
}

impl<C: Context> Linear<'_, C> {
    /// The form with every coefficient mapped.
    fn scaled(
        &self,
        form: &[(usize, Option<C::Value>)],
        f: impl Fn(Option<&C::Value>) -> Result<C::Value>,
    ) -> Result<Form<C::Value>> {
        let terms = form.iter().map(|(at, coefficient)| Ok((*at, Some(f(coefficient.as_ref())?))));
        terms.collect::<Result<_>>().map(Form::Sum)
    }
}

impl<C: Context> Context for Linear<'_, C> {
    type Value = Form<C::Value>;

    of_constants! {
        pi(); abs(x); max(x, y); min(x, y); sqrt(x); rsqrt(x); exp(x); expm1(x); log(x); log1p(x); pow(x, y); tanh(x); erf(x); sin(x); cos(x);
    }

    fn datum(&self, word: u32) -> Result<Form<C::Value>> {
        self.0.datum(word).map(Form::Constant)
    }

    fn constant(&self, value: &Exact) -> Result<Form<C::Value>> {
        self.0.constant(value).map(Form::Constant)
    }

    fn neg(&self, x: &Form<C::Value>) -> Result<Form<C::Value>> {
        self.mul(&self.integer(-1)?, x)
    }

    fn add(&self, x: &Form<C::Value>, y: &Form<C::Value>) -> Result<Form<C::Value>> {
        self.sum(&[x.clone(), y.clone()])
    }

    fn sub(&self, x: &Form<C::Value>, y: &Form<C::Value>) -> Result<Form<C::Value>> {
        self.add(x, &self.neg(y)?)
    }

    fn mul(&self, x: &Form<C::Value>, y: &Form<C::Value>) -> Result<Form<C::Value>> {
        match (x, y) {
            (Form::Constant(x), Form::Constant(y)) => self.0.mul(x, y).map(Form::Constant),
            (Form::Constant(c), Form::Sum(form)) | (Form::Sum(form), Form::Constant(c)) => {
                self.scaled(form, |of| of.map_or_else(|| Ok(c.clone()), |of| self.0.mul(of, c)))
            }
            _ => Err(NOT_LINEAR),
        }
    }

    fn div(&self, x: &Form<C::Value>, y: &Form<C::Value>) -> Result<Form<C::Value>> {
        match (x, y) {
            (Form::Constant(x), Form::Constant(y)) => self.0.div(x, y).map(Form::Constant),
            (Form::Sum(form), Form::Constant(c)) => {
                let one = self.0.integer(1)?;
                self.scaled(form, |of| self.0.div(of.unwrap_or(&one), c))
            }
            _ => Err(NOT_LINEAR),
        }
    }

    fn sum(&self, terms: &[Form<C::Value>]) -> Result<Form<C::Value>> {
        let constants: Option<Vec<C::Value>> =
            terms.iter().map(|term| if let Form::Constant(c) = term { Some(c.clone()) } else { None }).collect();
        match constants {
            Some(constants) => self.0.sum(&constants).map(Form::Constant),
            None => {
                let forms = terms.iter().filter_map(|term| if let Form::Sum(form) = term { Some(form) } else { None });
                Ok(Form::Sum(forms.flatten().cloned().collect()))
            }
        }
    }
}
