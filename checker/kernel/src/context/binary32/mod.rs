//! `Binary32`: the spec as a program computes it, bit by bit.
//!
//! Claim: every value is the 32-bit word that an execution conforming to IEEE 754-2019 delivers in the stated [`Environment`] (rounding mode, NaN policy)
//! when it adds up its sums as the stated [`Schedule`] says. Integers only; the processor takes no part.
//! Elementary functions are *correctly rounded*, which the standard recommends (§9.2) and common libraries do not do.
//!
//! Reading order: `word` (one rounding routine), `arithmetic` and `convert` (each operation computes an exact integer and calls it), `compare`,
//! `schedule` (the order of a sum), `elementary` (the `Real` reading, rounded once).
//! Arithmetic never fails: where a real function is undefined the standard has a NaN or an infinity. What fails is a schedule that does not fit,
//! and an elementary function that its bound on precision does not decide (none is known).
//! Conformance: `spec-tests/tests/{testfloat,hardware,hard_binary32}.rs`, `spec-tests/oracles/tests/{exhaustive,powers,worst_cases}.rs`.

pub mod arithmetic;
pub mod compare;
pub mod convert;
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

    /// The rounding mode and NaN policy.
    pub fn environment(&self) -> Environment {
        self.environment
    }

    /// The order of sums and dot products.
    pub fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// A function of one argument, correctly rounded.
    pub fn function(&self, f: Function, x: u32) -> Result<u32, EvalError> {
        let (word, _) = self.elementary.evaluate(f, x, self.environment)?;
        Ok(word)
    }
}

/// The words of all rows, one row after the other; padding is +0.
fn gathered(rows: &Rows<'_, u32>) -> Vec<u32> {
    let row = |i| (0..rows.terms()).map(move |t| rows.term(i, t).copied().unwrap_or(0));
    (0..rows.rows()).flat_map(row).collect()
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
        match self.factors(i) {
            (term, None) => term,
            (x, Some(y)) => arithmetic::mul(x, y, self.environment).0,
        }
    }

    fn fma(&self, i: usize, a: u32) -> u32 {
        match self.factors(i) {
            (term, None) => self.add(a, term),
            (x, Some(y)) => arithmetic::fma(x, y, a, self.environment).0,
        }
    }
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

    fn neg(&self, x: &u32) -> Result<u32, EvalError> {
        Ok(word::neg(*x))
    }

    fn abs(&self, x: &u32) -> Result<u32, EvalError> {
        Ok(word::abs(*x))
    }

    fn add(&self, x: &u32, y: &u32) -> Result<u32, EvalError> {
        Ok(arithmetic::add(*x, *y, self.environment).0)
    }

    fn sub(&self, x: &u32, y: &u32) -> Result<u32, EvalError> {
        Ok(arithmetic::sub(*x, *y, self.environment).0)
    }

    fn mul(&self, x: &u32, y: &u32) -> Result<u32, EvalError> {
        Ok(arithmetic::mul(*x, *y, self.environment).0)
    }

    fn div(&self, x: &u32, y: &u32) -> Result<u32, EvalError> {
        Ok(arithmetic::div(*x, *y, self.environment).0)
    }

    fn max(&self, x: &u32, y: &u32) -> Result<u32, EvalError> {
        Ok(compare::maximum(*x, *y, self.environment).0)
    }

    fn min(&self, x: &u32, y: &u32) -> Result<u32, EvalError> {
        Ok(compare::minimum(*x, *y, self.environment).0)
    }

    fn sqrt(&self, x: &u32) -> Result<u32, EvalError> {
        Ok(arithmetic::sqrt(*x, self.environment).0)
    }

    fn rsqrt(&self, x: &u32) -> Result<u32, EvalError> {
        Ok(arithmetic::rsqrt(*x, self.environment).0)
    }

    fn exp(&self, x: &u32) -> Result<u32, EvalError> {
        self.function(Function::Exp, *x)
    }

    fn expm1(&self, x: &u32) -> Result<u32, EvalError> {
        self.function(Function::Expm1, *x)
    }

    fn log(&self, x: &u32) -> Result<u32, EvalError> {
        self.function(Function::Log, *x)
    }

    fn log1p(&self, x: &u32) -> Result<u32, EvalError> {
        self.function(Function::Log1p, *x)
    }

    fn pow(&self, x: &u32, y: &u32) -> Result<u32, EvalError> {
        Ok(self.elementary.pow(*x, *y, self.environment)?.0)
    }

    fn tanh(&self, x: &u32) -> Result<u32, EvalError> {
        self.function(Function::Tanh, *x)
    }

    fn erf(&self, x: &u32) -> Result<u32, EvalError> {
        self.function(Function::Erf, *x)
    }

    fn sin(&self, x: &u32) -> Result<u32, EvalError> {
        self.function(Function::Sin, *x)
    }

    fn cos(&self, x: &u32) -> Result<u32, EvalError> {
        self.function(Function::Cos, *x)
    }

    fn sum(&self, terms: &[u32]) -> Result<u32, EvalError> {
        let operands = Terms { left: terms, right: None, environment: self.environment };
        self.schedule.reduce(terms.len(), None, &operands)
    }

    fn dots(&self, left: &Rows<'_, u32>, right: &Rows<'_, u32>, bias: Option<&[u32]>) -> Result<Vec<u32>, EvalError> {
        let n = left.terms();
        let (lefts, rights) = (gathered(left), gathered(right));
        let mut out = Vec::with_capacity(left.rows() * right.rows());
        for i in 0..left.rows() {
            for j in 0..right.rows() {
                let terms = Terms {
                    left: lefts.get(i * n..(i + 1) * n).unwrap_or(&[]),
                    right: Some(rights.get(j * n..(j + 1) * n).unwrap_or(&[])),
                    environment: self.environment,
                };
                let bias = bias.and_then(|bias| bias.get(j)).copied();
                out.push(self.schedule.reduce(n, bias, &terms)?);
            }
        }
        Ok(out)
    }
}
