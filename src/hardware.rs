//! `Hardware32`: the binary32 reading on the processor's own floats.
//!
//! Claim (tested, never trusted: `tests/hardware_agrees.rs`): every value has the word that the kernel's `Binary32` delivers in rounding direction nearest-even
//! under the same schedule; a NaN is a NaN, whatever its payload.
//! Method: Rust's `f32` operations `+ − × ÷`, `sqrt` and `mul_add` are the IEEE 754-2019 ones, and the compiler never contracts them. An elementary function is
//! evaluated in binary64 to within 2^−40 of itself; where that decides the rounding it is done, and the kernel is asked for the rest (about one
//! argument in 2^15), as it is for results that are zero, subnormal or not finite.
//! Sums and dot products follow [`Schedule::reduce`]; for [`default_schedule`] they are written out in lanes that the compiler vectorizes.
//! Rows are independent, so that threads change nothing in the result.

use rayon::prelude::*;
use std::borrow::Cow;
use std::cmp::Ordering;
use tl_kernel::context::binary32::schedule::{Accumulate, BiasPosition, Combine, Order, Schedule};
use tl_kernel::context::binary32::{Binary32, Environment, Function};
use tl_kernel::context::{Context, EvalError, Rows};
use tl_kernel::number::Exact;

/// Lanes of the default schedule: four SSE registers, two of AVX, one of AVX-512.
const LANES: usize = 16;
/// Left rows that are gathered together, so that a right row is read once for all of them.
const TILE: usize = 16;
/// Multiplications below which threads cost more than they save.
const PARALLEL: usize = 1 << 17;

/// The schedule that the engine runs fastest: sixteen interleaved chains, folded in halves, the bias last, no fused multiply-add.
pub fn default_schedule() -> Schedule {
    let order = Order::Lanes { width: LANES, combine: Combine::Halving };
    Schedule::new(order, false, BiasPosition::Last)
}

/// The reading.
#[derive(Clone, Debug)]
pub struct Hardware32 {
    schedule: Schedule,
    lanes: bool,
    exact: Binary32,
}

impl Default for Hardware32 {
    fn default() -> Self {
        Hardware32::new(default_schedule())
    }
}

impl Hardware32 {
    /// The reading whose sums are ordered by `schedule`.
    pub fn new(schedule: Schedule) -> Self {
        Hardware32 {
            lanes: schedule == default_schedule(),
            exact: Binary32::new(Environment::default(), schedule.clone()),
            schedule,
        }
    }

    /// The order of sums and dot products.
    pub fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// A correctly rounded value: `near` is within 2^−40 of it, relatively; where that leaves two words, `exact` is asked.
    fn rounded(near: f64, exact: impl FnOnce() -> Result<u32, EvalError>) -> Result<f32, EvalError> {
        const MARGIN: f64 = 1.0 / (1u64 << 40) as f64;
        let (low, high) = ((near * (1.0 - MARGIN)) as f32, (near * (1.0 + MARGIN)) as f32);
        if low == high && low.is_normal() { Ok(low) } else { exact().map(f32::from_bits) }
    }

    fn function(&self, f: Function, x: f32, near: fn(f64) -> f64) -> Result<f32, EvalError> {
        Self::rounded(near(f64::from(x)), || self.exact.function(f, x.to_bits()))
    }

    /// One reduction of `n` terms.
    fn reduce(&self, x: &[f32], y: &[f32], bias: Option<f32>) -> Result<f32, EvalError> {
        if self.lanes && x.len() >= LANES {
            let total = in_lanes(x, y);
            return Ok(bias.map_or(total, |bias| total + bias));
        }
        self.schedule.reduce(x.len(), bias, &Pairs { x, y })
    }
}

/// `Σ xᵢyᵢ` in the default schedule, sixteen terms at least.
fn in_lanes(x: &[f32], y: &[f32]) -> f32 {
    let (x, x_rest) = x.as_chunks::<LANES>();
    let (y, y_rest) = y.as_chunks::<LANES>();
    let mut pairs = x.iter().zip(y);
    let mut lanes = [0.0f32; LANES];
    if let Some((x, y)) = pairs.next() {
        for ((lane, x), y) in lanes.iter_mut().zip(x).zip(y) {
            *lane = x * y;
        }
    }
    for (x, y) in pairs {
        for ((lane, x), y) in lanes.iter_mut().zip(x).zip(y) {
            *lane += x * y;
        }
    }
    for ((lane, x), y) in lanes.iter_mut().zip(x_rest).zip(y_rest) {
        *lane += x * y;
    }
    folded(lanes)
}

/// `Σ xᵢ` in the default schedule, sixteen terms at least.
fn sum_in_lanes(terms: &[f32]) -> f32 {
    let (terms, rest) = terms.as_chunks::<LANES>();
    let Some((&(mut lanes), terms)) = terms.split_first() else {
        return 0.0;
    };
    for terms in terms {
        for (lane, term) in lanes.iter_mut().zip(terms) {
            *lane += term;
        }
    }
    for (lane, term) in lanes.iter_mut().zip(rest) {
        *lane += term;
    }
    folded(lanes)
}

/// The upper half onto the lower one, until one lane is left.
fn folded(mut lanes: [f32; LANES]) -> f32 {
    let mut width = LANES / 2;
    while width > 0 {
        let (lower, upper) = lanes.split_at_mut(width);
        for (lane, partner) in lower.iter_mut().zip(upper) {
            *lane += *partner;
        }
        width /= 2;
    }
    lanes[0]
}

/// The pairs of two rows of one length.
struct Pairs<'a> {
    x: &'a [f32],
    y: &'a [f32],
}

impl Accumulate for Pairs<'_> {
    type Value = f32;
    fn zero(&self) -> f32 {
        0.0
    }
    fn add(&self, a: f32, b: f32) -> f32 {
        a + b
    }
    fn product(&self, i: usize) -> f32 {
        self.x[i] * self.y[i]
    }
    fn fma(&self, i: usize, a: f32) -> f32 {
        self.x[i].mul_add(self.y[i], a)
    }
}

/// The terms of a plain sum.
struct Terms<'a>(&'a [f32]);

impl Accumulate for Terms<'_> {
    type Value = f32;
    fn zero(&self) -> f32 {
        0.0
    }
    fn add(&self, a: f32, b: f32) -> f32 {
        a + b
    }
    fn product(&self, i: usize) -> f32 {
        self.0[i]
    }
    fn fma(&self, i: usize, a: f32) -> f32 {
        a + self.0[i]
    }
}

/// The rows from `first` on, `count` of them, one after the other, +0 where they are padded.
fn gathered<'a>(rows: &Rows<'a, f32>, first: usize, count: usize) -> Cow<'a, [f32]> {
    let terms = rows.terms();
    let (from, length) = (first * terms, count * terms);
    if rows.is_contiguous() {
        return Cow::Borrowed(&rows.pool()[from..from + length]);
    }
    let row = |row| (0..terms).map(move |term| rows.term(row, term).copied().unwrap_or(0.0));
    Cow::Owned((first..first + count).flat_map(row).collect())
}

impl Context for Hardware32 {
    type Value = f32;

    fn datum(&self, word: u32) -> Result<f32, EvalError> {
        Ok(f32::from_bits(word))
    }
    fn constant(&self, value: &Exact) -> Result<f32, EvalError> {
        self.exact.constant(value).map(f32::from_bits)
    }
    fn pi(&self) -> Result<f32, EvalError> {
        self.exact.pi().map(f32::from_bits)
    }
    fn neg(&self, x: &f32) -> Result<f32, EvalError> {
        Ok(-x)
    }
    fn abs(&self, x: &f32) -> Result<f32, EvalError> {
        Ok(x.abs())
    }
    fn add(&self, x: &f32, y: &f32) -> Result<f32, EvalError> {
        Ok(x + y)
    }
    fn sub(&self, x: &f32, y: &f32) -> Result<f32, EvalError> {
        Ok(x - y)
    }
    fn mul(&self, x: &f32, y: &f32) -> Result<f32, EvalError> {
        Ok(x * y)
    }
    fn div(&self, x: &f32, y: &f32) -> Result<f32, EvalError> {
        Ok(x / y)
    }
    fn max(&self, x: &f32, y: &f32) -> Result<f32, EvalError> {
        Ok(if x.is_nan() || y.is_nan() {
            f32::NAN
        } else if x > y || (x == y && y.is_sign_negative()) {
            *x
        } else {
            *y
        })
    }
    fn min(&self, x: &f32, y: &f32) -> Result<f32, EvalError> {
        Ok(if x.is_nan() || y.is_nan() {
            f32::NAN
        } else if x < y || (x == y && x.is_sign_negative()) {
            *x
        } else {
            *y
        })
    }
    fn order(&self, x: &f32, y: &f32) -> Result<Option<Ordering>, EvalError> {
        Ok(x.partial_cmp(y))
    }
    fn hull(&self, _: &f32, _: &f32) -> Result<f32, EvalError> {
        Ok(f32::NAN) // only a NaN has no order
    }
    fn sqrt(&self, x: &f32) -> Result<f32, EvalError> {
        Ok(x.sqrt())
    }
    fn rsqrt(&self, x: &f32) -> Result<f32, EvalError> {
        let exact = || self.exact.rsqrt(&x.to_bits());
        Self::rounded(1.0 / f64::from(*x).sqrt(), exact)
    }
    fn exp(&self, x: &f32) -> Result<f32, EvalError> {
        self.function(Function::Exp, *x, f64::exp)
    }
    fn expm1(&self, x: &f32) -> Result<f32, EvalError> {
        self.function(Function::Expm1, *x, f64::exp_m1)
    }
    fn log(&self, x: &f32) -> Result<f32, EvalError> {
        self.function(Function::Log, *x, f64::ln)
    }
    fn log1p(&self, x: &f32) -> Result<f32, EvalError> {
        self.function(Function::Log1p, *x, f64::ln_1p)
    }
    fn pow(&self, x: &f32, y: &f32) -> Result<f32, EvalError> {
        let exact = || self.exact.pow(&x.to_bits(), &y.to_bits());
        if x.is_nan() || y.is_nan() {
            return exact().map(f32::from_bits); // x⁰ depends on whether the NaN is quiet
        }
        Self::rounded(f64::from(*x).powf(f64::from(*y)), exact)
    }
    fn tanh(&self, x: &f32) -> Result<f32, EvalError> {
        self.function(Function::Tanh, *x, f64::tanh)
    }
    fn erf(&self, x: &f32) -> Result<f32, EvalError> {
        self.function(Function::Erf, *x, libm::erf)
    }
    fn sin(&self, x: &f32) -> Result<f32, EvalError> {
        self.function(Function::Sin, *x, f64::sin)
    }
    fn cos(&self, x: &f32) -> Result<f32, EvalError> {
        self.function(Function::Cos, *x, f64::cos)
    }

    fn sum(&self, terms: &[f32]) -> Result<f32, EvalError> {
        if self.lanes && terms.len() >= LANES {
            return Ok(sum_in_lanes(terms));
        }
        self.schedule.reduce(terms.len(), None, &Terms(terms))
    }

    fn dots(&self, left: &Rows<'_, f32>, right: &Rows<'_, f32>, bias: Option<&[f32]>) -> Result<Vec<f32>, EvalError> {
        let (terms, rows, columns) = (left.terms(), left.rows(), right.rows());
        let weights = gathered(right, 0, columns);
        let mut out = vec![0.0; rows * columns];
        // Cuts of the result that one thread fills: whole tiles of left rows, or parts of the one left row.
        let cut = if rows == 1 { columns.div_ceil(4) } else { TILE * columns };
        let fill = |(at, out): (usize, &mut [f32])| {
            let (from, column) = if rows == 1 { (0, at * cut) } else { (at * TILE, 0) };
            let count = if rows == 1 { 1 } else { out.len() / columns };
            let x = gathered(left, from, count);
            let width = if rows == 1 { out.len() } else { columns };
            for j in 0..width {
                let weight = &weights[(column + j) * terms..(column + j + 1) * terms];
                let bias = bias.and_then(|bias| bias.get(column + j)).copied();
                for i in 0..count {
                    out[i * width + j] = self.reduce(&x[i * terms..(i + 1) * terms], weight, bias)?;
                }
            }
            Ok(())
        };
        if out.is_empty() {
            return Ok(out);
        }
        if out.len().saturating_mul(terms) < PARALLEL {
            out.chunks_mut(cut).enumerate().try_for_each(fill)?;
        } else {
            out.par_chunks_mut(cut).enumerate().try_for_each(fill)?;
        }
        Ok(out)
    }
}
