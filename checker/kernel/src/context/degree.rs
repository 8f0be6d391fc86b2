//! `Degree`: how large the degrees of numerator and denominator are when a rational expression is written as one quotient.
//!
//! Claim: where every argument stands for a quotient of polynomials whose degrees are at most those stated, the result is one with degrees at most those stated.
//! A value is a formal expression: nothing is cancelled, so that the bound is one for the numerator of an identity that is to be tested at random points
//! (Schwartz 1980, Zippel 1979). What is no rational function, or no single one (`max`, `abs`), has no degree.

use super::{Context, EvalError};
use crate::number::Exact;

/// The reading.
#[derive(Clone, Copy, Debug, Default)]
pub struct Degree;

/// Bounds of two degrees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Degrees {
    /// Of the numerator.
    pub numerator: u64,
    /// Of the denominator.
    pub denominator: u64,
}

impl Degrees {
    /// A constant.
    pub const CONSTANT: Degrees = Degrees { numerator: 0, denominator: 0 };
    /// A variable.
    pub const VARIABLE: Degrees = Degrees { numerator: 1, denominator: 0 };
}

type Result<T> = std::result::Result<T, EvalError>;

/// Functions that are not rational.
macro_rules! irrational {
    ($($name:ident($($x:ident),*);)*) => {
        $(fn $name(&self, $($x: &Degrees),*) -> Result<Degrees> {
            Err(EvalError::NotRational { function: stringify!($name) })
        })*
    };
}

impl Context for Degree {
    type Value = Degrees;

    irrational! {
        pi(); abs(_x); max(_x, _y); min(_x, _y); sqrt(_x); rsqrt(_x); exp(_x); expm1(_x); log(_x); log1p(_x); pow(_x, _y); tanh(_x); erf(_x); sin(_x);
        cos(_x);
    }

    fn datum(&self, _: u32) -> Result<Degrees> {
        Ok(Degrees::CONSTANT)
    }

    fn constant(&self, _: &Exact) -> Result<Degrees> {
        Ok(Degrees::CONSTANT)
    }

    fn neg(&self, x: &Degrees) -> Result<Degrees> {
        Ok(*x)
    }

    /// `p/q + r/s = (ps + rq)/(qs)`.
    fn add(&self, x: &Degrees, y: &Degrees) -> Result<Degrees> {
        let cross = |x: &Degrees, y: &Degrees| x.numerator.saturating_add(y.denominator);
        let denominator = x.denominator.saturating_add(y.denominator);
        Ok(Degrees { numerator: cross(x, y).max(cross(y, x)), denominator })
    }

    fn sub(&self, x: &Degrees, y: &Degrees) -> Result<Degrees> {
        self.add(x, y)
    }

    fn mul(&self, x: &Degrees, y: &Degrees) -> Result<Degrees> {
        let numerator = x.numerator.saturating_add(y.numerator);
        Ok(Degrees { numerator, denominator: x.denominator.saturating_add(y.denominator) })
    }

    fn square(&self, x: &Degrees) -> Result<Degrees> {
        self.mul(x, x)
    }

    fn div(&self, x: &Degrees, y: &Degrees) -> Result<Degrees> {
        self.mul(x, &Degrees { numerator: y.denominator, denominator: y.numerator })
    }
}
