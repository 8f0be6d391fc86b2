//! `Binary32`: the spec as a program computes it, bit by bit.
//!
//! Claim: every value is the 32-bit word that an execution conforming to IEEE 754-2019 delivers in the stated [`Environment`] (rounding mode, NaN policy)
//! when it adds up its sums as the stated [`Schedule`] says. Integers only; the processor takes no part.
//! Elementary functions are *correctly rounded*, which the standard recommends (§9.2) and common libraries do not do.
//!
//! Reading order: `word` (one rounding routine), `arithmetic` and `convert` (each operation computes an exact integer and calls it), `compare`,
//! `schedule` (the order of a sum), `dots` (the same order on unpacked numbers), `elementary` (the `Real` reading, rounded once).
//! Arithmetic never fails: where a real function is undefined the standard has a NaN or an infinity. What fails is a schedule that does not fit,
//! and an elementary function that its bound on precision does not decide (none is known).
//! Conformance: `spec-tests/tests/{testfloat,hardware,hard_binary32}.rs`, `spec-tests/oracles/tests/{softfloat,exhaustive,powers,worst_cases}.rs`.

pub mod arithmetic;
pub mod compare;
pub mod convert;
mod dots;
pub mod elementary;
mod environment;
pub mod schedule;
pub mod word;

pub use elementary::{Elementary, Function};
pub use environment::{Environment, Flags, NanPolicy, RoundingMode};
pub use schedule::Schedule;

use super::{Context, EvalError, Rows};
use crate::number::Exact;
use schedule::Accumulate;
use std::cmp::Ordering;

/// The first 64 bits of π: `⌊2^62 π⌋`.
const PI: u64 = 0xc90f_daa2_2168_c234;

/// The bit-exact reading.
#[derive(Clone, Debug, Default)]
pub struct Binary32 {
    environment: Environment,
    schedule: Schedule,
    elementary: Elementary,
}

impl Binary32 {
    /// The reading in an environment, its sums ordered by `schedule`.
    pub fn new(environment: Environment, schedule: Schedule) -> Self {
        Binary32 { environment, schedule, elementary: Elementary::default() }
    }

    /// A function of one argument, correctly rounded.
    pub fn function(&self, f: Function, x: u32) -> Result<u32, EvalError> {
        let (word, _) = self.elementary.evaluate(f, x, self.environment)?;
        Ok(word)
    }
}

/// The terms of a reduction: the words of a row, or their products with those of another.
struct Terms<'a> {
    left: &'a [u32],
    right: Option<&'a [u32]>,
    environment: Environment,
}

impl Terms<'_> {
    /// Term `i` as a datum, or as a pair of factors.
    fn factors(&self, i: usize) -> (u32, Option<u32>) {
        let operand = |row: &[u32]| row.get(i).copied().unwrap_or(0);
        (operand(self.left), self.right.map(operand))
    }
}

impl Accumulate for Terms<'_> {
    type Value = u32;

    fn zero(&self) -> u32 {
        0
    }

    fn add(&self, a: u32, b: u32) -> u32 {
        arithmetic::add(a, b, self.environment).0
    }

    fn product(&self, i: usize) -> u32 {
        let (x, y) = self.factors(i);
        y.map_or(x, |y| arithmetic::mul(x, y, self.environment).0)
    }

    fn fma(&self, i: usize, a: u32) -> u32 {
        let (x, y) = self.factors(i);
        y.map_or_else(|| self.add(a, x), |y| arithmetic::fma(x, y, a, self.environment).0)
    }
}

/// The operations on single values.
macro_rules! operations {
    ($this:ident; $($name:ident($($x:ident),+) = $result:expr;)+) => {
        $(fn $name(&$this, $($x: &u32),+) -> Result<u32, EvalError> {
            $result
        })+
    };
}

impl Context for Binary32 {
    type Value = u32;

    fn datum(&self, word: u32) -> Result<u32, EvalError> {
        Ok(word)
    }

    fn constant(&self, value: &Exact) -> Result<u32, EvalError> {
        Ok(word::round_exact(value, self.environment.rounding).0)
    }

    fn pi(&self) -> Result<u32, EvalError> {
        let pi = word::Finite { negative: false, exponent: -62, significand: PI | 1 };
        Ok(pi.round(self.environment.rounding).0)
    }

    operations! { self;
        neg(x) = Ok(word::neg(*x));
        abs(x) = Ok(word::abs(*x));
        add(x, y) = Ok(arithmetic::add(*x, *y, self.environment).0);
        sub(x, y) = Ok(arithmetic::sub(*x, *y, self.environment).0);
        mul(x, y) = Ok(arithmetic::mul(*x, *y, self.environment).0);
        div(x, y) = Ok(arithmetic::div(*x, *y, self.environment).0);
        max(x, y) = Ok(compare::maximum(*x, *y, self.environment).0);
        min(x, y) = Ok(compare::minimum(*x, *y, self.environment).0);
        sqrt(x) = Ok(arithmetic::sqrt(*x, self.environment).0);
        rsqrt(x) = Ok(arithmetic::rsqrt(*x, self.environment).0);
        exp(x) = self.function(Function::Exp, *x);
        expm1(x) = self.function(Function::Expm1, *x);
        log(x) = self.function(Function::Log, *x);
        log1p(x) = self.function(Function::Log1p, *x);
        pow(x, y) = Ok(self.elementary.pow(*x, *y, self.environment)?.0);
        tanh(x) = self.function(Function::Tanh, *x);
        erf(x) = self.function(Function::Erf, *x);
        sin(x) = self.function(Function::Sin, *x);
        cos(x) = self.function(Function::Cos, *x);
    }

    fn order(&self, x: &u32, y: &u32) -> Result<Option<Ordering>, EvalError> {
        Ok(compare::compare(*x, *y, compare::Comparison::Quiet).0)
    }

    fn hull(&self, _: &u32, _: &u32) -> Result<u32, EvalError> {
        Ok(0x7fc0_0000) // only a NaN has no order
    }

    fn sum(&self, terms: &[u32]) -> Result<u32, EvalError> {
        let operands = Terms { left: terms, right: None, environment: self.environment };
        self.schedule.reduce(terms.len(), None, &operands)
    }

    fn dots(&self, left: &Rows<'_, u32>, right: &Rows<'_, u32>, bias: Option<&[u32]>) -> Result<Vec<u32>, EvalError> {
        dots::dots(left, right, bias, self.environment, &self.schedule)
    }
}
