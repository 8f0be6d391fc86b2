//! The error function and its complement.
//!
//! Claim: for an exact argument the radius is at most one unit of the last requested bit, near zero and (for `erfc`) in the far tail too.
//! `erf` increases and `erfc` decreases; a narrow ball widens by `2/√π · e^(−min²)`, a wide one is evaluated at both ends.
//! Sources: Abramowitz and Stegun 7.1.6, `erf x = 2/√π · x e^(−x²) Σ (2x²)^j / (1·3·…·(2j+1))`, all terms positive; 7.1.23–24, the asymptotic
//! series of `erfc`, whose remainder for real `x > 0` is smaller than the first omitted term.

use super::constants::Constant;
use super::fixed::{length, one_fixed, to_fixed, unit};
use super::{Ball, INTERNAL, Mag, Real};
use crate::context::EvalError;
use crate::number::{Direction, Dyadic};
use num_bigint::BigInt;
use num_traits::Zero;

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
            return Ok(Ball::new(one, Mag::power_of_two(unit(tail))));
        }
        let p = precision + 6;
        let square = x.mul(x);
        let series = positive_series(&square.scaled(1), p + 8);
        let factor = self.exp_at(&square.neg(), p)?.mul(&series, p);
        Ok(self.constant_ball(Constant::TwoOverRootPi, p).mul(&factor, p).mul(&Ball::exact(x.clone()), p))
    }

    /// `erfc x` at a point.
    fn erfc_at(&self, x: &Dyadic, precision: u64) -> Result<Ball, EvalError> {
        let one = Ball::exact(Dyadic::one());
        if x.is_zero() {
            return Ok(one);
        }
        if x.is_negative() || x.top() <= Some(-1) {
            return Ok(one.sub(&self.erf_at(x, precision + 2)?, precision)); // erfc x > 0.47: at most two bits are lost
        }
        let p = precision + 6;
        let square = x.mul(x);
        if let Some(series) = alternating_series(&square.scaled(1), p + 4) {
            // e^(−x²) / (x √π) · Σ = (2/√π) e^(−x²) Σ / (2x)
            let numerator = self.constant_ball(Constant::TwoOverRootPi, p).mul(&series, p);
            let numerator = numerator.mul(&self.exp_at(&square.neg(), p)?, p);
            return numerator.div(&Ball::exact(x.scaled(1)), p).ok_or(INTERNAL);
        }
        // 1 − erf x: erfc x ≥ e^(−x²)/(2x + 1.2) ≥ 2^(−lost), where x² ≤ 0.7 (p + 60), so that `lost` is a few times the precision at most.
        let tail = tail_bits(x);
        let lost = tail + tail / 64 + length(p) + 8;
        Ok(one.sub(&self.erf_at(x, precision + lost)?, precision + 2))
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
    let fixed = to_fixed(z, q);
    let (factor, shift) = if z.bits() <= 64 && z.exponent() <= 0 && z.exponent() > unit(q) {
        (z.mantissa().clone(), z.exponent().unsigned_abs()) // short arguments keep the product short
    } else {
        (fixed.clone(), q)
    };
    let mut term = one_fixed(q);
    let mut sum = term.clone();
    let mut j = 0u32;
    while !term.is_zero() || (&fixed << 1u32) > one_fixed(q) * (2 * j + 3) {
        j += 1;
        term *= &factor;
        term >>= shift;
        term /= 2 * j + 1;
        sum += &term;
    }
    let sum = Dyadic::new(sum, unit(q));
    let error = Mag::above(&sum) * Mag::new(u64::from(j) * 6 + 9, unit(q));
    Ball::new(sum, error + error.scaled(-8))
}

/// `1 − 1/z + 1·3/z² − …`, or `None` when the terms grow before one is below the precision.
///
/// In units of 2^−q: `w = ⌊2^q / z⌋` is within 1. A term errs by `e_j ≤ e_{j−1} (2j − 1)/z + T_{j−1} (2j − 1) + 1 ≤ e_{j−1} + 2N` (ratios and terms
/// are at most 1), together at most 2N² a term. The loop ends when the computed term is zero: the remainder is below the true term.
pub(super) fn alternating_series(z: &Dyadic, precision: u64) -> Option<Ball> {
    let q = precision + 4 + 3 * length(precision);
    let (inverse, _) = Dyadic::one().div_rounded(z, q, Direction::Down)?;
    let w = to_fixed(&inverse, q);
    let mut term = one_fixed(q);
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
        if &w * (2 * j - 1) > one_fixed(q) {
            return None;
        }
        term *= &w * (2 * j - 1);
        term >>= q;
    }
    let n = j + 1;
    let error = n.checked_mul(2 * n * n)?;
    Some(Ball::new(Dyadic::new(sum, unit(q)), Mag::new(error, unit(q))))
}
