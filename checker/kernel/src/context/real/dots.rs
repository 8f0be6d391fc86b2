//! Sums and dot products with one rounding each: the hot loop of the checker.
//!
//! Claim: `out = Σ_t left[t] · right[t] (+ bias)` is enclosed; midpoints are multiplied and added exactly, but for what is cut off below a floor
//! that each row sets itself, and the sum is rounded once.
//! Method: a row is written as signed integers at one common exponent, in digits of 56 bits, digit by digit (`digits[d · terms + t]`). A product
//! of digits is below 2^112, so that 2^15 of them fit an `i128`: one multiply-add a pair of digits and term, and no allocation.
//! Radii: `|xy − ab| ≤ |a| s + r |b| + r s`; sizes and radii are integers of 50 bits, rounded up, at the scale of the greatest of the row, so
//! that 2^26 products fit a `u128`. A radius far below the greatest of its row is thus rounded up to 2^−50 of it.
//! Cost: about 1 ns a term and pair of digits (a binary32 weight is one digit, a 128-bit value three); writing a row costs some 30 ns a term
//! and is done once for the right rows and once every 64 right rows for the left ones.

use super::{Ball, Mag};
use crate::context::{EvalError, Rows};
use crate::number::{Direction, Dyadic};
use num_bigint::BigInt;

/// Bits of a digit.
const DIGIT: u32 = 56;
/// Products of digits that an `i128` can add up.
const CHUNK: usize = 1 << 15;
/// Bits of a size or a radius.
const SIZE: i64 = 50;
/// Terms of the right rows written at a time, unless one row has more.
const BLOCK: usize = 1 << 20;

/// `Σ terms`, rounded once. Bits more than `4 precision + 256` places below the greatest term are cut off, and their weight is in the radius.
pub(super) fn sum(terms: impl Iterator<Item = Ball>, precision: u64) -> Ball {
    let terms: Vec<Ball> = terms.collect();
    let top = terms.iter().filter_map(|term| term.mid().top()).max();
    let span = i64::try_from(4 * precision + 256).unwrap_or(i64::MAX);
    let cut = top.unwrap_or(0).saturating_sub(span);
    let least = terms.iter().filter(|term| !term.mid().is_zero()).map(|term| term.mid().exponent()).min();
    let floor = least.unwrap_or(0).max(cut);
    let (mut total, mut lost, mut rad) = (BigInt::default(), 0u64, Mag::ZERO);
    for term in &terms {
        let mid = term.mid();
        total += mid.scaled(floor.saturating_neg()).floor();
        lost += u64::from(!mid.is_zero() && mid.exponent() < floor);
        rad = rad + term.mag();
    }
    let mid = Dyadic::new(total, floor).round(precision, Direction::Nearest);
    Ball::rounded(mid, rad + Mag::new(lost, floor))
}

/// All dot products of a left with a right row, as [`crate::context::Context::dots`] orders them.
pub(super) fn dots(
    left: &Rows<'_, Ball>,
    right: &Rows<'_, Ball>,
    bias: Option<&[Ball]>,
    precision: u64,
) -> Result<Vec<Ball>, EvalError> {
    let terms = left.terms();
    if terms > 1 << 26 {
        return Err(EvalError::Limit { what: "2^26 terms of a real dot product" });
    }
    let width = right.rows();
    let block = (BLOCK / terms.max(1)).clamp(1, 64);
    let size = left.rows().checked_mul(width).ok_or(EvalError::Limit { what: "the address space for dot products" })?;
    let mut out = vec![Ball::exact(Dyadic::zero()); size];
    for start in (0..width).step_by(block) {
        let columns = start..width.min(start + block);
        let written: Vec<Row> = columns.clone().map(|j| Row::write(right, j, precision)).collect();
        for i in 0..left.rows() {
            let x = Row::write(left, i, precision);
            for (j, y) in columns.clone().zip(&written) {
                let bias = bias.and_then(|bias| bias.get(j));
                let dot = x.dot(y, bias, precision).unwrap_or_else(|| {
                    let products = (0..terms).filter_map(|t| {
                        let (x, y) = (left.term(i, t)?, right.term(j, t)?);
                        Some(Ball::new(x.mid().mul(y.mid()), x.product_radius(y)))
                    });
                    sum(products.chain(bias.cloned()), precision)
                });
                if let Some(cell) = out.get_mut(i * width + j) {
                    *cell = dot;
                }
            }
        }
    }
    Ok(out)
}

/// A row of balls as integers: the midpoint of term t is `Σ_d digits[d · terms + t] · 2^(floor + 56 d)`, up to one unit of `2^floor` when
/// `cut`; its magnitude is below `2^top` and at most `sizes[t] · 2^(top − 50)`, its radius at most `radii[t] · 2^radii_floor`.
struct Row {
    terms: usize,
    digits: Vec<i64>,
    floor: i64,
    top: i64,
    cut: bool,
    sizes: Vec<u64>,
    /// Empty when every radius is zero.
    radii: Vec<u64>,
    radii_floor: i64,
}

impl Row {
    fn write(rows: &Rows<'_, Ball>, row: usize, precision: u64) -> Self {
        let terms = rows.terms();
        let balls = || (0..terms).map(|t| (t, rows.term(row, t)));
        let (mut top, mut least, mut radius) = (None, i64::MAX, Mag::ZERO);
        for ball in balls().filter_map(|(_, ball)| ball) {
            if let Some(t) = ball.mid().top() {
                top = top.max(Some(t));
                least = least.min(ball.mid().exponent());
            }
            radius = radius.max(ball.mag());
        }
        let used = top.is_some();
        let top = top.unwrap_or(0);
        // At least precision + 32 bits below the greatest term, and all of them when that takes no more digits.
        let most = (precision + 32).div_ceil(DIGIT.into()); // at most 74
        let lowest = top.saturating_sub_unsigned(most * u64::from(DIGIT));
        let floor = if used { least.max(lowest) } else { top };
        let count = usize::try_from(top.abs_diff(floor).div_ceil(DIGIT.into())).unwrap_or(0);
        let radii_floor = radius.top().unwrap_or(0).saturating_sub(SIZE);
        let mut written = Row {
            terms,
            digits: vec![0; count * terms],
            floor,
            top,
            cut: used && least < floor,
            sizes: vec![0; terms],
            radii: vec![0; if radius.is_zero() { 0 } else { terms }],
            radii_floor,
        };
        let mut words: Vec<u64> = Vec::new();
        for (t, ball) in balls() {
            let Some(ball) = ball else { continue };
            if let Some(radius) = written.radii.get_mut(t) {
                *radius = ball.mag().units(radii_floor);
            }
            let mid = ball.mid();
            if mid.is_zero() {
                continue;
            }
            words.clear();
            words.extend(mid.mantissa().iter_u64_digits());
            let offset = floor.saturating_sub(mid.exponent());
            for (d, at) in (0..count).zip((offset..).step_by(56)) {
                let digit = i64::try_from(window(&words, at, DIGIT)).unwrap_or(0); // 56 bits fit
                if let Some(cell) = written.digits.get_mut(d * terms + t) {
                    *cell = if mid.is_negative() { -digit } else { digit };
                }
            }
            if let Some(size) = written.sizes.get_mut(t) {
                let leading = top.saturating_sub(SIZE).saturating_sub(mid.exponent());
                *size = window(&words, leading, 50) + 1;
            }
        }
        written
    }

    /// The dot product with a row of as many terms; `None` when cutting off would cost more than the radii and the precision explain.
    fn dot(&self, other: &Self, bias: Option<&Ball>, precision: u64) -> Option<Ball> {
        let exponent = self.floor.saturating_add(other.floor);
        let total = Dyadic::new(self.products(other), exponent);
        let (scale, other_scale) = (self.top - SIZE, other.top - SIZE);
        let rad = weighted(&self.radii, &other.sizes).scaled(self.radii_floor + other_scale)
            + weighted(&self.sizes, &other.radii).scaled(scale + other.radii_floor)
            + weighted(&self.radii, &other.radii).scaled(self.radii_floor + other.radii_floor);
        // |xy − x'y'| ≤ |x − x'| |y| + |x'| |y − y'|, the differences below one unit of the floor.
        let mut lost = Mag::ZERO;
        let terms = u64::try_from(self.terms).ok()?;
        for (cut, exponent) in [(self.cut, self.floor + other.top), (other.cut, self.top + other.floor)] {
            lost = lost + Mag::new(terms * u64::from(cut), exponent);
        }
        let bits = i64::try_from(precision).ok()?;
        let tolerated = total.top().map(|top| top - bits).max(rad.top());
        if lost.top() > tolerated.map(|top| top - 4) {
            return None;
        }
        let zero = Dyadic::zero();
        let (shift, extra) = bias.map_or((&zero, Mag::ZERO), |bias| (bias.mid(), bias.mag()));
        let mid = total.add_rounded(shift, precision, Direction::Nearest);
        Some(Ball::rounded(mid, rad + lost + extra))
    }

    /// `Σ_t x_t y_t` of the integers.
    fn products(&self, other: &Self) -> BigInt {
        let mut total = BigInt::default();
        if self.digits.is_empty() || other.digits.is_empty() {
            return total;
        }
        let planes = (self.digits.len() / self.terms, other.digits.len() / self.terms);
        for k in (0..planes.0 + planes.1 - 1).rev() {
            total <<= DIGIT;
            let pairs = self.digits.chunks(self.terms).enumerate();
            for (a, x) in pairs.filter(|(a, _)| *a <= k) {
                let Some(y) = other.digits.chunks(self.terms).nth(k - a) else {
                    continue;
                };
                for (x, y) in x.chunks(CHUNK).zip(y.chunks(CHUNK)) {
                    let sum: i128 = x.iter().zip(y).map(|(&x, &y)| i128::from(x) * i128::from(y)).sum();
                    total += sum;
                }
            }
        }
        total
    }
}

/// An upper bound of `Σ a_t b_t`; zero when one side is empty.
fn weighted(a: &[u64], b: &[u64]) -> Mag {
    let sum = a.iter().zip(b).map(|(&a, &b)| u128::from(a) * u128::from(b));
    Mag::wide(sum.sum(), 0)
}

/// The `width < 64` bits from position `at` on (which may be negative) of a number given by its words, the least first.
fn window(words: &[u64], at: i64, width: u32) -> u64 {
    let mask = (1u64 << width) - 1;
    let Ok(at) = u64::try_from(at) else {
        let up = u32::try_from(at.unsigned_abs()).unwrap_or(u32::MAX);
        let first = words.first().copied().unwrap_or(0);
        return first.checked_shl(up).unwrap_or(0) & mask;
    };
    let index = usize::try_from(at / 64).unwrap_or(usize::MAX);
    let word = |index: Option<usize>| index.and_then(|i| words.get(i)).copied().unwrap_or(0);
    let both = (u128::from(word(index.checked_add(1))) << 64) | u128::from(word(Some(index)));
    u64::try_from((both >> (at % 64)) & u128::from(mask)).unwrap_or(0)
}
