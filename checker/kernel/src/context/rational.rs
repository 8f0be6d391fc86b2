//! `Rational`: the spec over ℚ, exactly.
//!
//! Value: a dyadic `m·2^e` until something is divided, then a fraction in lowest terms.
//! A function whose value at a rational point is irrational answers [`EvalError::NotRational`], never a wrong number; roots of perfect
//! squares are taken, and so are `f(0)` (and `ln 1`) of the elementary functions, which are rational.
//! Bound: no number of more than a stated number of bits ([`MAX_BITS`] at most) is formed; the check precedes the operation.

use super::{Context, EvalError};
use crate::number::{Dyadic, Exact};
use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{Signed, Zero};
use std::cmp::Ordering;

/// Largest size of a number, in bits.
pub const MAX_BITS: u64 = 1 << 20;

/// The reading over ℚ.
#[derive(Clone, Copy, Debug)]
pub struct Rational {
    /// No number of more bits is formed.
    bits: u64,
}

impl Default for Rational {
    fn default() -> Self {
        Rational::new(MAX_BITS)
    }
}

impl Rational {
    /// The reading in which no number of more than `bits` bits is formed, [`MAX_BITS`] at most.
    pub fn new(bits: u64) -> Self {
        Rational { bits: bits.min(MAX_BITS) }
    }

    fn within(self, bits: u64) -> Result<(), EvalError> {
        if bits <= self.bits { Ok(()) } else { Err(TOO_LARGE) }
    }
}

/// A rational number: dyadic while it can be.
#[derive(Clone, Debug)]
pub enum Number {
    /// `m · 2^e`.
    Dyadic(Dyadic),
    /// A fraction in lowest terms.
    Fraction(BigRational),
}

impl Number {
    /// The value as a fraction in lowest terms.
    pub fn to_rational(&self) -> BigRational {
        match self {
            Number::Dyadic(x) => x.to_rational(),
            Number::Fraction(q) => q.clone(),
        }
    }

    fn bits(&self) -> u64 {
        match self {
            Number::Dyadic(x) => x.bits().max(x.exponent().unsigned_abs()),
            Number::Fraction(q) => q.numer().bits() + q.denom().bits(),
        }
    }

    fn is_zero(&self) -> bool {
        match self {
            Number::Dyadic(x) => x.is_zero(),
            Number::Fraction(q) => q.is_zero(),
        }
    }

    /// One of two functions of this number and another: of dyadic numbers while both are, else of fractions.
    fn with<R>(
        &self,
        other: &Self,
        dyadic: impl FnOnce(&Dyadic, &Dyadic) -> R,
        fraction: impl FnOnce(BigRational, BigRational) -> R,
    ) -> R {
        match (self, other) {
            (Number::Dyadic(a), Number::Dyadic(b)) => dyadic(a, b),
            _ => fraction(self.to_rational(), other.to_rational()),
        }
    }

    fn compare(&self, other: &Self) -> Ordering {
        self.with(other, |a, b| a.cmp(b), |p, q| p.cmp(&q))
    }
}

const TOO_LARGE: EvalError = EvalError::Limit { what: "the bits of an exact rational" };

/// The value of a function that is rational at one point only.
fn only_at(function: &'static str, x: &Number, point: i64, value: i64) -> Result<Number, EvalError> {
    if x.compare(&Number::Dyadic(Dyadic::integer(point))).is_eq() {
        Ok(Number::Dyadic(Dyadic::integer(value)))
    } else {
        Err(EvalError::NotRational { function })
    }
}

/// Functions that are rational at zero only, and their values there.
macro_rules! rational_at_zero {
    ($($function:ident is $value:literal;)*) => {
        $(fn $function(&self, x: &Number) -> Result<Number, EvalError> {
            only_at(stringify!($function), x, 0, $value)
        })*
    };
}

impl Context for Rational {
    type Value = Number;

    rational_at_zero! { exp is 1; expm1 is 0; tanh is 0; erf is 0; sin is 0; cos is 1; }

    fn datum(&self, word: u32) -> Result<Number, EvalError> {
        Dyadic::from_binary32(word).map(Number::Dyadic).ok_or(EvalError::NotFinite { word })
    }

    fn constant(&self, value: &Exact) -> Result<Number, EvalError> {
        Ok(value.dyadic().map_or_else(|| Number::Fraction(value.rational().clone()), Number::Dyadic))
    }

    fn pi(&self) -> Result<Number, EvalError> {
        Err(EvalError::NotRational { function: "pi" })
    }

    fn neg(&self, x: &Number) -> Result<Number, EvalError> {
        Ok(match x {
            Number::Dyadic(x) => Number::Dyadic(x.neg()),
            Number::Fraction(q) => Number::Fraction(-q),
        })
    }

    fn abs(&self, x: &Number) -> Result<Number, EvalError> {
        Ok(match x {
            Number::Dyadic(x) => Number::Dyadic(x.abs()),
            Number::Fraction(q) => Number::Fraction(q.abs()),
        })
    }

    fn add(&self, x: &Number, y: &Number) -> Result<Number, EvalError> {
        self.within(x.with(y, Dyadic::sum_bits, |_, _| x.bits() + y.bits()))?;
        Ok(x.with(y, |a, b| Number::Dyadic(a.add(b)), |p, q| Number::Fraction(p + q)))
    }

    fn sub(&self, x: &Number, y: &Number) -> Result<Number, EvalError> {
        self.add(x, &self.neg(y)?)
    }

    fn mul(&self, x: &Number, y: &Number) -> Result<Number, EvalError> {
        self.within(x.bits() + y.bits())?;
        Ok(x.with(y, |a, b| Number::Dyadic(a.mul(b)), |p, q| Number::Fraction(p * q)))
    }

    fn div(&self, x: &Number, y: &Number) -> Result<Number, EvalError> {
        if y.is_zero() {
            return Err(EvalError::Undefined { function: "div", reason: "the divisor is zero" });
        }
        self.within(x.bits() + y.bits())?;
        Ok(Number::Fraction(x.to_rational() / y.to_rational()))
    }

    fn max(&self, x: &Number, y: &Number) -> Result<Number, EvalError> {
        self.within(x.bits() + y.bits())?;
        Ok(if x.compare(y).is_lt() { y.clone() } else { x.clone() })
    }

    fn min(&self, x: &Number, y: &Number) -> Result<Number, EvalError> {
        self.within(x.bits() + y.bits())?;
        Ok(if y.compare(x).is_lt() { y.clone() } else { x.clone() })
    }

    fn order(&self, x: &Number, y: &Number) -> Result<Option<Ordering>, EvalError> {
        self.within(x.bits() + y.bits())?;
        Ok(Some(x.compare(y)))
    }

    fn hull(&self, x: &Number, y: &Number) -> Result<Number, EvalError> {
        let kink = EvalError::Undefined {
            function: "a derivative",
            reason: "two operands tie, and it depends on which is taken",
        };
        if self.order(x, y)? == Some(Ordering::Equal) { Ok(x.clone()) } else { Err(kink) }
    }

    fn sqrt(&self, x: &Number) -> Result<Number, EvalError> {
        self.within(x.bits())?;
        let q = x.to_rational();
        if q.is_negative() {
            return Err(EvalError::Undefined { function: "sqrt", reason: "the argument is negative" });
        }
        let (p, q) = (q.numer(), q.denom());
        let (root_p, root_q) = (p.sqrt(), q.sqrt());
        if &root_p * &root_p != *p || &root_q * &root_q != *q {
            return Err(EvalError::NotRational { function: "sqrt" });
        }
        Ok(Number::Fraction(BigRational::new_raw(root_p, root_q)))
    }

    fn rsqrt(&self, x: &Number) -> Result<Number, EvalError> {
        if x.is_zero() {
            return Err(EvalError::Undefined { function: "rsqrt", reason: "the argument is zero" });
        }
        self.div(&self.integer(1)?, &self.sqrt(x)?)
    }

    fn log(&self, x: &Number) -> Result<Number, EvalError> {
        if Number::Dyadic(Dyadic::zero()).compare(x).is_ge() {
            return Err(EvalError::Undefined { function: "log", reason: "the argument is not positive" });
        }
        only_at("log", x, 1, 0)
    }

    fn log1p(&self, x: &Number) -> Result<Number, EvalError> {
        if Number::Dyadic(Dyadic::integer(-1)).compare(x).is_ge() {
            return Err(EvalError::Undefined { function: "log1p", reason: "the argument is not above -1" });
        }
        only_at("log1p", x, 0, 0)
    }

    fn pow(&self, x: &Number, y: &Number) -> Result<Number, EvalError> {
        self.within(x.bits() + y.bits())?;
        let y = y.to_rational();
        if !y.is_integer() {
            return Err(EvalError::NotRational { function: "pow" });
        }
        if x.is_zero() && y.is_negative() {
            return Err(EvalError::Undefined { function: "pow", reason: "zero to a negative power" });
        }
        let base = x.to_rational();
        let size = BigInt::from(x.bits()) * y.numer().abs();
        let exponent = i32::try_from(y.numer()).map_err(|_| TOO_LARGE)?;
        self.within(u64::try_from(size).map_err(|_| TOO_LARGE)?)?;
        Ok(Number::Fraction(num_traits::Pow::pow(base, exponent)))
    }
}
