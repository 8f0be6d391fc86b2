//! Sums and dot products with one rounding each: the hot loop of the checker.
//!
//! Claim: `out = Σ_t left[t] · right[t] (+ bias)` is enclosed; midpoints are multiplied and added exactly, but for what is cut off below a floor
//! that each row sets itself, and the sum is rounded once.
//! Method: a row is written as signed integers at one common exponent, in digits of 58 bits, digit by digit (`digits[d · terms + t]`). A product
//! of digits is below 2^116, so that 2^10 of them and a carry fit an `i128`: one multiply-add a pair of digits and term, and no allocation.
//! Radii: `|xy − ab| ≤ |a| s + r |b| + r s`; radii are integers of 50 bits, rounded up, at the scale of the greatest of the row, and so are
//! sizes, but for a row of one digit, whose sizes are exact; 2^16 products fit a `u128`. A radius far below the greatest of its row is thus
//! rounded up to 2^−50 of it.
//! Cost: about 1 ns a term and pair of digits (a binary32 weight is one digit, a 128-bit value three). Writing a row costs 5 to 30 ns a term,
//! once for each left row; a right row is written again for every 2^21 words of left ones. Gathered rows copy the digits of their pool, written
//! once, when the pool needs nothing cut off.

use super::{Ball, Mag};
use crate::context::{EvalError, Rows};
use crate::number::{Direction, Dyadic};
use num_bigint::BigInt;

/// Bits of a digit.
const DIGIT: u32 = 58;
/// Products of digits that an `i128` adds up, with room to spare.
const CHUNK: usize = 1 << 10;
/// Bits of a size or a radius.
const SIZE: i64 = 50;
/// Words of the left rows that are kept written, unless one row has more.
const LEFT: usize = 1 << 21;
/// Words of the right rows that are written at a time, unless one row has more: what a near cache holds.
const RIGHT: usize = 1 << 14;
/// Greatest number of words of a pool that is written whole.
const POOL: usize = 1 << 24;

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
    let size = left.rows().checked_mul(width).ok_or(EvalError::Limit { what: "the address space for dot products" })?;
    let mut out = vec![Ball::exact(Dyadic::zero()); size];
    let (lefts, rights) = (Source::new(left, right, precision), Source::new(right, left, precision));
    let words = terms.max(1) * (most_digits(precision) + 2);
    let (tall, wide) = ((LEFT / words).max(1), (RIGHT / words).max(1));
    for top in (0..left.rows()).step_by(tall) {
        let xs: Vec<Row> = (top..left.rows().min(top + tall)).map(|i| lefts.row(i)).collect();
        for start in (0..width).step_by(wide) {
            let ys: Vec<Row> = (start..width.min(start + wide)).map(|j| rights.row(j)).collect();
            for (i, x) in (top..).zip(&xs) {
                for (j, y) in (start..).zip(&ys) {
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
    }
    Ok(out)
}

/// Digits that reach at least `precision + 32` bits below the greatest term: at most 72.
fn most_digits(precision: u64) -> usize {
    usize::try_from((precision + 32).div_ceil(DIGIT.into())).unwrap_or(usize::MAX)
}

/// Rows of balls, with their whole pool written as digits when that loses nothing and serves several rows.
struct Source<'a> {
    rows: &'a Rows<'a, Ball>,
    pool: Option<Row>,
    /// Whether sizes matter: the other side has radii, or may have.
    sized: bool,
    precision: u64,
}

impl<'a> Source<'a> {
    fn new(rows: &'a Rows<'a, Ball>, other: &Rows<'_, Ball>, precision: u64) -> Self {
        let pool = rows.pool();
        let gathered = !rows.is_contiguous() && rows.rows().saturating_mul(rows.terms()) >= pool.len();
        // Reading a large other pool only to spare a small one its sizes would cost more than it saves.
        let asked = gathered || other.pool().len() <= pool.len();
        let sized = !(asked && other.pool().iter().all(Ball::is_exact));
        let fits = pool.len().saturating_mul(most_digits(precision) + 2) <= POOL;
        let written = (gathered && fits).then(|| Row::write(pool.iter().map(Some), false, precision));
        // Sizes are exact when there is one digit; those of more are rounded up, which the scale of the pool would make coarser.
        let kept = written.filter(|pool| !pool.cut && (pool.planes == 1 || !sized));
        Source { rows, pool: kept, sized, precision }
    }

    fn row(&self, row: usize) -> Row {
        let terms = self.rows.terms();
        let balls = (0..terms).map(|t| self.rows.term(row, t));
        if let Some(pool) = &self.pool {
            let (radii, radii_floor) = radii(balls);
            let positions: Vec<usize> = (0..terms).map(|t| self.rows.position(row, t).unwrap_or(usize::MAX)).collect();
            let mut digits = Vec::with_capacity(pool.planes * terms);
            for d in 0..pool.planes {
                let plane = pool.plane(d, 0, pool.terms);
                digits.extend(positions.iter().map(|&at| plane.get(at).copied().unwrap_or(0)));
            }
            let sizes = if self.sized { digits.iter().map(|digit| digit.unsigned_abs()).collect() } else { Vec::new() };
            return Row { terms, digits, sizes, radii, radii_floor, ..*pool };
        }
        let at = row.saturating_mul(terms);
        match self.rows.pool().get(at..at.saturating_add(terms)) {
            Some(slice) if self.rows.is_contiguous() => Row::write(slice.iter().map(Some), self.sized, self.precision),
            _ => Row::write(balls, self.sized, self.precision),
        }
    }
}

/// A row of balls as integers: the midpoint of term t is `Σ_d digits[d · terms + t] · 2^(floor + 58 d)`, up to one unit of `2^floor` when
/// `cut`; its magnitude is below `2^top` and at most `sizes[t] · 2^size_floor`, its radius at most `radii[t] · 2^radii_floor`.
struct Row {
    terms: usize,
    planes: usize,
    digits: Vec<i64>,
    floor: i64,
    top: i64,
    cut: bool,
    /// Empty when nobody asks for them.
    sizes: Vec<u64>,
    size_floor: i64,
    /// Empty when every radius is zero.
    radii: Vec<u64>,
    radii_floor: i64,
}

impl Row {
    fn write<'a>(balls: impl ExactSizeIterator<Item = Option<&'a Ball>> + Clone, sized: bool, precision: u64) -> Self {
        let terms = balls.len();
        let (mut top, mut least) = (None, i64::MAX);
        for mid in balls.clone().flatten().map(Ball::mid) {
            if let Some(t) = mid.top() {
                top = top.max(Some(t));
                least = least.min(mid.exponent());
            }
        }
        let used = top.is_some();
        let top = top.unwrap_or(0);
        // At least precision + 32 bits below the greatest term, and all of them when they are few more.
        let lowest = top.saturating_sub_unsigned((precision + 32).next_multiple_of(56));
        let floor = if used { least.max(lowest) } else { top };
        let planes = usize::try_from(top.abs_diff(floor).div_ceil(DIGIT.into())).unwrap_or(0);
        let (radii, radii_floor) = radii(balls.clone());
        let size_floor = if planes == 1 { floor } else { top.saturating_sub(SIZE) };
        let (mut digits, mut sizes) = (Vec::new(), Vec::new());
        if planes == 1 {
            // Nothing is cut (precision + 32 bits are two digits), and every mantissa is one word.
            digits.extend(balls.map(|ball| {
                let Some(mid) = ball.map(Ball::mid) else { return 0 };
                let shift = u32::try_from(mid.exponent().saturating_sub(floor)).unwrap_or(0);
                let word = mid.mantissa().iter_u64_digits().next().unwrap_or(0);
                signed(word.checked_shl(shift).unwrap_or(0), mid)
            }));
            if sized {
                sizes.extend(digits.iter().map(|digit| digit.unsigned_abs()));
            }
        } else {
            digits.resize(planes * terms, 0);
            let mut words: Vec<u64> = Vec::new();
            for (t, ball) in balls.enumerate() {
                let mid = ball.map(Ball::mid).filter(|mid| !mid.is_zero());
                if let Some(mid) = mid {
                    words.clear();
                    words.extend(mid.mantissa().iter_u64_digits());
                    let offset = floor.saturating_sub(mid.exponent());
                    for (cell, at) in digits.iter_mut().skip(t).step_by(terms).zip((offset..).step_by(58)) {
                        *cell = signed(window(&words, at, DIGIT), mid);
                    }
                }
                if sized {
                    let leading = |mid: &Dyadic| window(&words, size_floor.saturating_sub(mid.exponent()), 50) + 1;
                    sizes.push(mid.map_or(0, leading));
                }
            }
        }
        let cut = used && least < floor;
        Row { terms, planes, digits, floor, top, cut, sizes, size_floor, radii, radii_floor }
    }

    /// The digits `d` of the terms from `start` to `end`.
    fn plane(&self, d: usize, start: usize, end: usize) -> &[i64] {
        let at = d * self.terms;
        self.digits.get(at + start..at + end).unwrap_or(&[])
    }

    /// The dot product with a row of as many terms; `None` when cutting off would cost more than the radii and the precision explain.
    fn dot(&self, other: &Self, bias: Option<&Ball>, precision: u64) -> Option<Ball> {
        let exponent = self.floor.saturating_add(other.floor);
        let total = Dyadic::new(self.products(other), exponent);
        let rad = weighted(&self.radii, &other.sizes).scaled(self.radii_floor + other.size_floor)
            + weighted(&self.sizes, &other.radii).scaled(self.size_floor + other.radii_floor)
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
        let (m, n) = (self.planes, other.planes);
        if m == 0 || n == 0 {
            return total;
        }
        // Up to min(m, n) pairs of planes meet at one place, so that CHUNK products add up there, and a carry below 2^69.
        let step = (CHUNK / m.min(n)).max(1);
        let mut digits: Vec<u128> = Vec::with_capacity(m + n);
        for start in (0..self.terms).step_by(step) {
            let end = self.terms.min(start + step);
            let mut place = 0i128;
            digits.clear();
            for k in 0..m + n - 1 {
                if k > 0 {
                    digits.push(place.cast_unsigned() & ((1 << DIGIT) - 1));
                    place >>= DIGIT;
                }
                for a in k.saturating_sub(n - 1)..m.min(k + 1) {
                    let pairs = self.plane(a, start, end).iter().zip(other.plane(k - a, start, end));
                    // Wrapping never happens, and not asking for it halves the time.
                    place =
                        pairs.fold(place, |sum, (&x, &y)| sum.wrapping_add(i128::from(x).wrapping_mul(i128::from(y))));
                }
            }
            let mut chunk = BigInt::from(place);
            for pair in digits.rchunks(2) {
                for _ in pair {
                    chunk <<= DIGIT;
                }
                chunk += pair.iter().rev().fold(0, |value, digit| (value << DIGIT) | digit);
            }
            total += chunk;
        }
        total
    }
}

/// A digit with the sign of a number; 58 bits always fit.
fn signed(digit: u64, of: &Dyadic) -> i64 {
    let digit = digit.cast_signed();
    if of.is_negative() { -digit } else { digit }
}

/// The radii of a row, in units of two to the power returned with them; empty when every one is zero.
fn radii<'a>(balls: impl Iterator<Item = Option<&'a Ball>> + Clone) -> (Vec<u64>, i64) {
    let mags = balls.map(|ball| ball.map_or(Mag::ZERO, Ball::mag));
    let Some(top) = mags.clone().max().and_then(Mag::top) else { return (Vec::new(), 0) };
    let floor = top.saturating_sub(SIZE);
    (mags.map(|mag| mag.units(floor)).collect(), floor)
}

/// An upper bound of `Σ a_t b_t`, the factors below 2^59 and 2^51; zero when one side is empty.
fn weighted(a: &[u64], b: &[u64]) -> Mag {
    a.chunks(CHUNK << 6).zip(b.chunks(CHUNK << 6)).fold(Mag::ZERO, |total, (a, b)| {
        let pairs = a.iter().zip(b);
        total
            + Mag::wide(pairs.fold(0, |sum: u128, (&a, &b)| sum.wrapping_add(u128::from(a).wrapping_mul(b.into()))), 0)
    })
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
