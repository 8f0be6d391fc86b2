//! MPFR as the judge: a function's value truncated, with MPFR's word on whether anything was cut off, rounded once.
//!
//! Truncation and the sticky bit decide every rounding into 24 bits or fewer, so no result depends on the precision. The lower one is for the many
//! arguments where CORE-MATH's binary64 value is itself a word and no more is asked than on which side of it the value lies; what differs from
//! ours there is put before MPFR a second time, at the higher one.

use crate::rounding::{Outcome, Truncated};
use rug::float::Round;
use rug::ops::PowAssignRound;
use rug::{Assign, Float, Integer};
use std::cmp::Ordering;
use tl_kernel::context::binary32::word::{INFINITY, QUIET};
use tl_kernel::context::binary32::{Flags, RoundingMode};

/// How many bits of a value MPFR is asked for; a multiple of the limb's 64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// 64.
    Low,
    /// 256.
    High,
}

/// A function of one argument in place, rounded as stated; the order of the result to the exact value.
pub type Truncate = fn(&mut Float, Round) -> Ordering;

/// MPFR with room for one value at either precision.
#[derive(Debug)]
pub struct Arbiter {
    low: Float,
    high: Float,
    mantissa: Integer,
}

impl Default for Arbiter {
    fn default() -> Self {
        Arbiter { low: Float::new(64), high: Float::new(256), mantissa: Integer::new() }
    }
}

impl Arbiter {
    /// `f(x)`, correctly rounded.
    pub fn unary(&mut self, f: Truncate, x: f32, mode: RoundingMode, precision: Precision) -> Outcome {
        self.truncated(precision, |value| (value.assign(x), f(value, Round::Zero)).1).outcome(x.is_finite(), mode)
    }

    /// `x^y`, correctly rounded; neither is a signalling NaN.
    pub fn power(&mut self, x: f32, y: f32, mode: RoundingMode, precision: Precision) -> Outcome {
        let finite = x.is_finite() && y.is_finite();
        self.truncated(precision, |value| (value.assign(x), value.pow_assign_round(y, Round::Zero)).1)
            .outcome(finite, mode)
    }

    fn truncated(&mut self, precision: Precision, f: impl FnOnce(&mut Float) -> Ordering) -> Value {
        let value = if precision == Precision::Low { &mut self.low } else { &mut self.high };
        let sticky = f(value) != Ordering::Equal;
        let negative = value.is_sign_negative();
        if value.is_nan() {
            return Value::Nan;
        }
        if value.is_infinite() {
            return Value::Infinity { negative }; // exact: truncation never makes one of a finite number
        }
        if value.is_zero() {
            let vanishing = Truncated { negative, significand: 1 << 63, exponent: -4000, sticky };
            return if sticky { Value::Number(vanishing) } else { Value::Zero { negative } };
        }
        let exponent = value.to_integer_exp_in_place(&mut self.mantissa).expect("finite");
        let (&significand, below) = self.mantissa.as_limbs().split_last().expect("not zero");
        let exponent = i64::from(exponent) + 64 * i64::try_from(below.len()).expect("few");
        let sticky = sticky || below.iter().any(|&limb| limb != 0);
        Value::Number(Truncated { negative, significand, exponent, sticky })
    }
}

/// A value of MPFR.
enum Value {
    Nan,
    Infinity { negative: bool },
    Zero { negative: bool },
    Number(Truncated),
}

impl Value {
    /// As a word; `finite` tells whether all arguments were, so that an infinity comes of a pole.
    fn outcome(self, finite: bool, mode: RoundingMode) -> Outcome {
        let sign = |negative| u32::from(negative) << 31;
        match self {
            Value::Nan => (INFINITY | QUIET, Flags::INVALID),
            Value::Infinity { negative } if finite => (sign(negative) | INFINITY, Flags::DIVIDE_BY_ZERO),
            Value::Infinity { negative } => (sign(negative) | INFINITY, Flags::NONE),
            Value::Zero { negative } => (sign(negative), Flags::NONE),
            Value::Number(number) => number.round(mode),
        }
    }
}
