//! `Chosen`: one of three readings, chosen when it is used.
//!
//! Claim: every operation is that of the chosen reading; values of two readings do not mix. It is slower than the reading itself, and the derivatives of all operations are compiled once for it
//! instead of once for each of the three.

use super::degree::{Degree, Degrees};
use super::rational::{Number, Rational};
use super::real::{Ball, Real};
use super::{Context, EvalError, Rows};
use crate::number::Exact;
use std::cmp::Ordering;

/// A reading.
#[derive(Clone, Debug)]
pub enum Chosen {
    /// Over ℚ.
    Rational(Rational),
    /// Over ℝ.
    Real(Real),
    /// Degrees of formal quotients.
    Degree(Degree),
}

/// A value of one of them.
#[derive(Clone, Debug)]
pub enum Any {
    /// Over ℚ.
    Rational(Number),
    /// Over ℝ.
    Real(Ball),
    /// Degrees.
    Degree(Degrees),
}

type Result<T> = std::result::Result<T, EvalError>;

const MIXED: EvalError = EvalError::Internal { what: "values of two readings met" };

/// The same expression in the chosen reading `$c`, its values `$x` unwrapped.
macro_rules! chosen {
    ($this:ident($($x:ident),*), |$c:ident| $value:expr) => {
        match ($this, $($x),*) {
            (Chosen::Rational($c), $(Any::Rational($x)),*) => $value.map(Any::Rational),
            (Chosen::Real($c), $(Any::Real($x)),*) => $value.map(Any::Real),
            (Chosen::Degree($c), $(Any::Degree($x)),*) => $value.map(Any::Degree),
            #[allow(unreachable_patterns, reason = "a constant has no argument of another reading")]
            _ => Err(MIXED),
        }
    };
}

macro_rules! methods {
    ($($name:ident($($x:ident),+);)*) => {
        $(fn $name(&self, $($x: &Any),+) -> Result<Any> {
            chosen!(self($($x),+), |c| c.$name($($x),+))
        })*
    };
}

/// The values of a list as those of one reading.
macro_rules! unwrapped {
    ($list:expr, $variant:ident) => {
        $list
            .iter()
            .map(|x| if let Any::$variant(x) = x { Ok(x.clone()) } else { Err(MIXED) })
            .collect::<Result<Vec<_>>>()
    };
}

impl Context for Chosen {
    type Value = Any;

    methods! {
        neg(x); abs(x); square(x); add(x, y); sub(x, y); mul(x, y); div(x, y); max(x, y); min(x, y); hull(x, y); sqrt(x); rsqrt(x); exp(x); expm1(x); log(x); log1p(x); pow(x, y);
        tanh(x); erf(x); sin(x); cos(x);
    }

    fn datum(&self, word: u32) -> Result<Any> {
        chosen!(self(), |c| c.datum(word))
    }

    fn constant(&self, value: &Exact) -> Result<Any> {
        chosen!(self(), |c| c.constant(value))
    }

    fn pi(&self) -> Result<Any> {
        chosen!(self(), |c| c.pi())
    }

    fn order(&self, x: &Any, y: &Any) -> Result<Option<Ordering>> {
        match (self, x, y) {
            (Chosen::Rational(c), Any::Rational(x), Any::Rational(y)) => c.order(x, y),
            (Chosen::Real(c), Any::Real(x), Any::Real(y)) => c.order(x, y),
            (Chosen::Degree(c), Any::Degree(x), Any::Degree(y)) => c.order(x, y),
            _ => Err(MIXED),
        }
    }

    fn sum(&self, terms: &[Any]) -> Result<Any> {
        match self {
            Chosen::Rational(c) => c.sum(&unwrapped!(terms, Rational)?).map(Any::Rational),
            Chosen::Real(c) => c.sum(&unwrapped!(terms, Real)?).map(Any::Real),
            Chosen::Degree(c) => c.sum(&unwrapped!(terms, Degree)?).map(Any::Degree),
        }
    }

    fn dots(&self, left: &Rows<'_, Any>, right: &Rows<'_, Any>, bias: Option<&[Any]>) -> Result<Vec<Any>> {
        macro_rules! products {
            ($c:ident, $variant:ident) => {{
                let (x, y) = (unwrapped!(left.pool(), $variant)?, unwrapped!(right.pool(), $variant)?);
                let bias = bias.map(|bias| unwrapped!(bias, $variant)).transpose()?;
                let values = $c.dots(&left.over(&x), &right.over(&y), bias.as_deref())?;
                Ok(values.into_iter().map(Any::$variant).collect())
            }};
        }
        match self {
            Chosen::Rational(c) => products!(c, Rational),
            Chosen::Real(c) => products!(c, Real),
            Chosen::Degree(c) => products!(c, Degree),
        }
    }
}
