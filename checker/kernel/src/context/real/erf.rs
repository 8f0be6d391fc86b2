//! The error function and its complement.
//!
//! Claim: for an exact argument the radius is at most one unit of the last requested bit, near zero and (for `erfc`) in the far tail too.
//! `erf` increases and `erfc` decreases; a narrow ball widens by `2/√π · e^(−min²)`, a wide one is evaluated at both ends.
//! Method: below 16 the Taylor series at the nearest of 512 tabulated points (`erf_limbs`), beyond that and beyond 2,400 bits the series below.
//! Sources: Abramowitz and Stegun 7.1.6, `erf x = 2/√π · x e^(−x²) Σ (2x²)^j / (1·3·…·(2j+1))`, all terms positive; 7.1.23–24, the asymptotic
//! series of `erfc`, whose remainder for real `x > 0` is smaller than the first omitted term.

#![expect(clippy::indexing_slicing, reason = "the last of N limbs")]
#![expect(clippy::as_conversions, reason = "numbers of limbs, and an index of 9 bits")]

use super::constants::Constant;
use super::hyperbolic::lost;
use super::limbs::{Fixed, add, first_width, length, mul, scale, shift_right, split, sub, units};
use super::tables::{Table, bell_exponent, entry};
use super::{Ball, INTERNAL, Mag, Real, signed};
use crate::context::EvalError;
use crate::number::{Direction, Dyadic};
use num_bigint::BigInt;
use num_traits::{One, Zero};

impl Real {
    /// `erf x`.
    pub(super) fn erf_ball(&self, x: &Ball, precision: u64) -> Result<Ball, EvalError> {
        let narrow = x.mag() <= Mag::power_of_two(-10);
        self.lift(
            x,
            narrow,
            |x| self.erf_at(x, precision),
            |_| {
                let nearest = x.mignitude().to_dyadic();
                let bell = self.exp_at(&nearest.mul(&nearest).neg(), 32);
                let bell = bell.map_or(Mag::power_of_two(0), |bell| bell.magnitude());
                bell * Mag::new(1157, -10) // 2/√π < 1157/1024
            },
        )
    }

    /// `erfc x = 1 − erf x`.
    pub(super) fn erfc_ball(&self, x: &Ball, precision: u64) -> Result<Ball, EvalError> {
        self.lift(x, false, |x| self.erfc_at(x, precision), |_| Mag::ZERO)
    }

    /// `erf x` at a point.
    fn erf_at(&self, x: &Dyadic, precision: u64) -> Result<Ball, EvalError> {
        if x.is_zero() {
            return Ok(Ball::exact(Dyadic::zero()));
        }
        // erfc |x| ≤ e^(−x²) ≤ 2^−⌊1.4414 x²⌋: when x² is that large, erf is ±1.
        let tail = tail_bits(x);
        if tail > precision + 4 {
            let one = Dyadic::integer(x.signum().into());
            return Ok(Ball::new(one, Mag::power_of_two(-signed(tail))));
        }
        let top = x.top().unwrap_or(0);
        if 2 * top < -(signed(precision) + 4) {
            // |erf x − 2x/√π| ≤ |x|³
            let line = Constant::TwoOverRootPi.ball(precision + 4).mul(&Ball::exact(x.clone()), precision + 4);
            return Ok(line.widened(Mag::power_of_two(3 * top)));
        }
        match first_width!(precision + lost(x), N => erf_limbs::<N>(x).and_then(|[erf, _]| erf.ball(precision))) {
            Some(ball) => Ok(ball),
            None => self.erf_series(x, precision),
        }
    }

    /// `erf x` at a point by the series at zero.
    fn erf_series(&self, x: &Dyadic, precision: u64) -> Result<Ball, EvalError> {
        let p = precision + 6;
        let square = x.mul(x);
        let series = positive_series(&square.scaled(1), p + 8);
        let factor = self.exp_at(&square.neg(), p)?.mul(&series, p);
        Ok(Constant::TwoOverRootPi.ball(p).mul(&factor, p).mul(&Ball::exact(x.clone()), p))
    }

    /// `erfc x` at a point.
    fn erfc_at(&self, x: &Dyadic, precision: u64) -> Result<Ball, EvalError> {
        let one = Ball::exact(Dyadic::one());
        if x.is_zero() {
            return Ok(one);
        }
        if x.top() < Some(-(signed(precision) + 4)) {
            return Ok(one.sub(&self.erf_at(x, precision)?, precision));
        }
        match first_width!(precision, N => erf_limbs::<N>(x).and_then(|[_, erfc]| erfc.ball(precision))) {
            Some(ball) => Ok(ball),
            None if x.is_negative() => Ok(one.sub(&self.erf_at(x, precision)?, precision)),
            None => self.erfc_series(x, precision),
        }
    }

    /// `erfc x` at a point `x > 0` by the series at infinity, or that at zero.
    pub(super) fn erfc_series(&self, x: &Dyadic, precision: u64) -> Result<Ball, EvalError> {
        let one = Ball::exact(Dyadic::one());
        let p = precision + 6;
        let square = x.mul(x);
        if let Some(series) = alternating_series(&square.scaled(1), p + 4) {
            // e^(−x²) / (x √π) · Σ = (2/√π) e^(−x²) Σ / (2x)
            let numerator = Constant::TwoOverRootPi.ball(p).mul(&series, p);
            let numerator = numerator.mul(&self.exp_at(&square.neg(), p)?, p);
            return numerator.div(&Ball::exact(x.scaled(1)), p).ok_or(INTERNAL);
        }
        // 1 − erf x: erfc x ≥ e^(−x²)/(2x + 1.2) ≥ 2^(−lost), where x² ≤ 0.7 (p + 60), so that `lost` is a few times the precision at most.
        let tail = tail_bits(x);
        let lost = tail + tail / 64 + length(p) + 8;
        Ok(one.sub(&self.erf_series(x, precision + lost)?, precision + 2))
    }
}

/// `⌊1.4414 ⌊x²⌋⌋`, at most `−log₂ e^(−x²)`; 2^40, when `x²` is larger.
fn tail_bits(x: &Dyadic) -> u64 {
    const MOST: u64 = 1 << 40;
    let square = x.mul(x);
    if square.top() > Some(50) {
        return MOST;
    }
    u64::try_from(square.floor()).map_or(MOST, |t| MOST.min(t.saturating_mul(369) / 256))
}

/// `S = Σ z^j / (1·3·…·(2j+1))` for a modest `z ≥ 0`.
///
/// In units of 2^−q: cutting `z` to q bits costs at most S (the derivative of the series is at most the series). A term errs by
/// `e_j ≤ e_{j−1} z/(2j+1) + 2`, and the sum of all that follows from one unit in one term is at most S: N terms, 2N S. The loop ends when the
/// term is zero and the ratio below 1/2: the tail is at most twice the true term, below `e_N + 1 ≤ 2N S + 1`. In all less than (6N + 3) S.
pub(super) fn positive_series(z: &Dyadic, precision: u64) -> Ball {
    // q allows for N up to about 2^length; N itself is counted, so that the radius does not depend on this guess.
    let q = precision + 3 + length(precision + u64::try_from(z.floor()).unwrap_or(0));
    let fixed = z.scaled(signed(q)).floor();
    let (factor, shift) = if z.bits() <= 64 && z.exponent() <= 0 && z.exponent() > -signed(q) {
        (z.mantissa().into_owned(), z.exponent().unsigned_abs()) // short arguments keep the product short
    } else {
        (fixed.clone(), q)
    };
    let mut term = BigInt::one() << q;
    let mut sum = term.clone();
    let mut j = 0u32;
    while !term.is_zero() || (&fixed << 1u32) > (BigInt::one() << q) * (2 * j + 3) {
        j += 1;
        term *= &factor;
        term >>= shift;
        term /= 2 * j + 1;
        sum += &term;
    }
    let sum = Dyadic::new(sum, -signed(q));
    let error = Mag::above(&sum) * Mag::new(u64::from(j) * 6 + 9, -signed(q));
    Ball::new(sum, error + error.scaled(-8))
}

/// `1 − 1/z + 1·3/z² − …`, or `None` when the terms grow before one is below the precision.
///
/// In units of 2^−q: `w = ⌊2^q / z⌋` is within 1. A term errs by `e_j ≤ e_{j−1} (2j − 1)/z + T_{j−1} (2j − 1) + 1 ≤ e_{j−1} + 2N` (ratios and terms
/// are at most 1), together at most 2N² a term. The loop ends when the computed term is zero: the remainder is below the true term.
pub(super) fn alternating_series(z: &Dyadic, precision: u64) -> Option<Ball> {
    let q = precision + 4 + 3 * length(precision);
    let (inverse, _) = Dyadic::one().div_rounded(z, q, Direction::Down)?;
    let w = inverse.scaled(signed(q)).floor();
    let mut term = BigInt::one() << q;
    let mut sum = BigInt::zero();
    let mut j = 0u64;
    while !term.is_zero() {
        if j.is_multiple_of(2) {
            sum += &term;
        } else {
            sum -= &term;
        }
        j += 1;
        // Terms must not grow, and the loop is bounded by the precision.
        if &w * (2 * j - 1) > (BigInt::one() << q) {
            return None;
        }
        term *= &w * (2 * j - 1);
        term >>= q;
    }
    let n = j + 1;
    let error = n.checked_mul(2 * n * n)?;
    Some(Ball::new(Dyadic::new(sum, -signed(q)), Mag::new(error, -signed(q))))
}

/// `erf x` and `erfc x`; `None` from `|x| = 16` on, beyond 40 limbs, or where the series is too long.
///
/// `|x| = a ± h`, `a = j/32` the nearest, `h ≤ 1/64`. With `I = ∫ e^(−2as − s²) ds` from 0 to `±h`: `e^(a²) erfc |x| = e^(a²) erfc a − (2/√π) I`, where
/// `(2/√π) I = ± Σ Y_n` over n ≥ 1, `Y_1 = (2/√π) h`, and from `y″ = −2 x y′` `Y_(n+2) = −(±α (n + 1) Y_(n+1) + β n Y_n)/((n + 1)(n + 2))`, `α = 2ah ≤ 1/2`,
/// `β = 2h² ≤ 2^−11`; all the products in this are below 2^−5, signed, modulo 1. A term errs by `e ≤ 0.26 e′ + (2N + 3)/2 + 1 + N`, less than 3N + 4.
/// The sum ends when two computed terms are at most 2N + 2 units: the true ones below 5N + 6, each of the rest below 0.26 of the greater of the two
/// before it, together less than 5N + 6. So M terms are within `(M + 2)(3N + 4)`; the two tabulated factors cost N + 2 more.
pub(super) fn erf_limbs<const N: usize>(x: &Dyadic) -> Option<[Fixed<N>; 2]> {
    if x.top()? > 4 || N > 40 {
        return None; // tabulated up to there: the widest widths are what the entries are computed with
    }
    let (whole, mut h) = split::<N>(x, 0);
    let mut j = whole << 5 | h[N - 1] >> 59;
    h[N - 1] &= u64::MAX >> 5;
    let below = h[N - 1] >> 58 == 1; // |x| = a − h
    if below {
        (h, j) = (sub(&[0; N], &h).0, j + 1);
        h[N - 1] &= u64::MAX >> 5;
    }
    let (high, low) = scale(&h, j, 0);
    let (alpha, beta) = (shift_right(high, &low, 4).1, scale(&mul(&h, &h), 2, 0).1);
    let negated = |a: &[u64; N]| sub(&[0; N], a).0;
    // The signed a times the nonnegative b.
    let times = |a: &[u64; N], b: &[u64; N]| if a[N - 1] >> 63 == 1 { sub(&mul(a, b), b).0 } else { mul(a, b) };
    let tiny = |a: &[u64; N]| {
        let shifted = add(a, &units(2 * N as u64 + 2)).0;
        shifted[0] <= 4 * N as u64 + 4 && shifted.iter().skip(1).all(|&limb| limb == 0)
    };
    let (_, root) = scale(&entry(Table::Constant(Constant::TwoOverRootPi), 0), 2, 0);
    let (mut before, mut last) = ([0; N], add(&h, &mul(&h, &root)).0);
    let (mut sum, mut n) = (last, 0usize);
    while !(tiny(&last) && tiny(&before)) || n < 2 {
        let (_, derivative) = scale(&last, n as u64 + 1, 0);
        let first = times(&derivative, &alpha);
        let second = times(&scale(&before, n as u64, 0).1, &beta);
        let total = if below { sub(&first, &second).0 } else { negated(&add(&first, &second).0) };
        let step = if n == 0 {
            entry(Table::Reciprocal, 2)
        } else {
            sub(&entry(Table::Reciprocal, n + 1), &entry(Table::Reciprocal, n + 2)).0
        };
        (before, last) = (last, times(&total, &step));
        sum = add(&sum, &last).0;
        n += 1;
        if n > 1000 {
            return None;
        }
    }
    if j == 0 && sum == [0; N] {
        return None; // |x| is below a unit
    }
    let error = (n as u64 + 4) * (3 * N as u64 + 4);
    let (rest, exponent) = if j == 0 {
        (negated(&sum), 0) // erfc = 1 − Σ, modulo 1
    } else {
        let (scaled, bell) = (entry(Table::ScaledErfc, j as usize), entry(Table::Bell, j as usize));
        if scaled[N - 1] == 0 || bell[N - 1] == 0 {
            return None; // no entry: each is above 2^−5
        }
        let scaled = if below { add(&scaled, &sum).0 } else { sub(&scaled, &sum).0 };
        (mul(&scaled, &bell), bell_exponent(j))
    };
    // erfc |x| is `rest` at this exponent, erf |x| = 1 − that, and erfc x = 2 − that below zero.
    let (erf, below_one) = sub(&[0; N], &shift_right(0, &rest, exponent).1);
    let one = u64::from(!below_one);
    let negative = x.is_negative();
    let fixed = |negative, whole, fraction, exponent| Fixed { negative, whole, fraction, exponent, error };
    let complement = if negative { fixed(false, 1 + one, erf, 0) } else { fixed(false, 0, rest, -(exponent as i64)) };
    Some([fixed(negative, one, erf, 0), complement])
}
