//! `e^x`, `e^x − 1` and `2^x`.
//!
//! Claim: for an exact argument the radius is at most one unit of the last requested bit (relative accuracy, near zero too); a narrow ball widens by the
//! derivative bound `e^m (e^r − 1) ≤ e^m (r + r²)`, `r ≤ 1`, a wide one is evaluated at both ends (the functions increase).
//! Method: `x = n ln 2 + r`, `|r| ≤ 0.35`; Taylor series of `e^y − 1` at `y = r/2^k`, then k doublings `e ← e (2 + e)`.

#![expect(clippy::indexing_slicing, reason = "the last of N limbs")]
#![expect(clippy::as_conversions, reason = "words that fit: stated where they stand")]

use super::constants::Constant;
use super::fixed::{fixed_top, length, nearest_integer, one_fixed, signed, taylor, to_fixed, unit};
use super::limbs::{Fixed, WIDEST, add, first_width, mul, scale, series, shift_right, split, sub, units};
use super::tables::{Table, entry, wide};
use super::{Ball, Mag, Real, too_large};
use crate::context::EvalError;
use crate::number::{Dyadic, dyadic::EXPONENT_LIMIT};
use num_bigint::BigInt;
use num_traits::Zero;

/// `⌊2^62 / ln 2⌋`.
const INVERSE_LN2: i128 = 6_653_256_548_922_161_245;

/// `⌊2^63 / ln 2⌋`.
const INVERSE_LN2_63: u128 = 13_306_513_097_844_322_491;

/// From this `t` on, `|x| ≥ 2^(t−1)` puts `e^x` beyond the exponent limit.
pub(super) const TOP: i64 = 41;

impl Real {
    /// `e^x`.
    pub(super) fn exp_ball(&self, x: &Ball, precision: u64) -> Result<Ball, EvalError> {
        let narrow = x.mag() <= Mag::power_of_two(-10);
        self.lift(x, narrow, |x| self.exp_at(x, precision), |value| value.magnitude() * x.mag().plus_one())
    }

    /// `e^x − 1`.
    pub(super) fn expm1_ball(&self, x: &Ball, precision: u64) -> Result<Ball, EvalError> {
        let narrow = x.mag() <= Mag::power_of_two(-10);
        self.lift(
            x,
            narrow,
            |x| self.expm1_at(x, precision),
            |value| {
                let one = Ball::exact(Dyadic::one());
                value.add(&one, 32).magnitude() * x.mag().plus_one()
            },
        )
    }

    /// `2^x`.
    pub(super) fn exp2_ball(&self, x: &Ball, precision: u64) -> Result<Ball, EvalError> {
        let narrow = x.mag() <= Mag::power_of_two(-10);
        self.lift(
            x,
            narrow,
            |x| self.exp2_at(x, precision),
            |value| value.magnitude() * x.mag().plus_one() * Mag::new(1420, -11), // ln 2 < 1420/2048
        )
    }

    /// `e^x` at a point.
    pub(super) fn exp_at(&self, x: &Dyadic, precision: u64) -> Result<Ball, EvalError> {
        let Some(top) = x.top() else {
            return Ok(Ball::exact(Dyadic::one()));
        };
        if top >= TOP {
            return if x.is_negative() {
                // e^−|x| ≤ 2^−|x| ≤ 2^−2^40
                Ok(Ball::new(Dyadic::zero(), Mag::power_of_two(-EXPONENT_LIMIT)))
            } else {
                Err(too_large())
            };
        }
        let p = signed(precision);
        if top < -(p + 4) {
            return Ok(Ball::new(Dyadic::one(), Mag::power_of_two(top + 1))); // |e^x − 1| ≤ 2|x|
        }
        if let Some(ball) = first_width!(precision, N => exp_limbs::<N>(x).ball(precision)) {
            return Ok(ball);
        }
        let bits = precision + 8;
        let (n, r) = self.reduce_ln2(x, bits)?;
        // r is within 3 units, so that e^r is within 3 · 1.42 + 2 ≤ 7.
        let value = one_fixed(bits) + expm1_fixed(&r, bits);
        Ok(Ball::fixed(value, n + unit(bits), 7, precision))
    }

    /// `n` and `(x − n ln 2) · 2^bits` within 3 units, of magnitude at most 0.35, for `|x| < 2^40`.
    ///
    /// `n = round(⌊2^20 x⌋ / (2^20 ln 2))` from 61 bits of `x` and 62 of `1/ln 2`, so that `|x/ln 2 − n| ≤ 1/2 + 2^−18`. The floor of `x` costs a
    /// unit, `n ln 2` with 44 more bits less than one, its floor another.
    fn reduce_ln2(&self, x: &Dyadic, bits: u64) -> Result<(i64, BigInt), EvalError> {
        let leading = i128::try_from(to_fixed(x, 20)).map_err(|_| too_large())?;
        let n = (leading * INVERSE_LN2 + (1 << 81)) >> 82;
        let n = i64::try_from(n).map_err(|_| too_large())?;
        let mut r = to_fixed(x, bits);
        if n != 0 {
            r -= (self.constant_fixed(Constant::Ln2, bits + 44) * n) >> 44u32;
        }
        Ok((n, r))
    }

    /// `e^x − 1` at a point.
    pub(super) fn expm1_at(&self, x: &Dyadic, precision: u64) -> Result<Ball, EvalError> {
        let Some(top) = x.top() else {
            return Ok(Ball::exact(Dyadic::zero()));
        };
        if top < -(signed(precision) + 4) {
            return Ok(Ball::new(x.clone(), Mag::power_of_two(2 * top))); // |e^x − 1 − x| ≤ x² for |x| ≤ 1
        }
        let lost = top.min(0).unsigned_abs();
        if top < TOP
            && let Some(ball) = first_width!(precision + lost, N => expm1_limbs::<N>(x).ball(precision))
        {
            return Ok(ball);
        }
        if top >= 0 {
            // |x| ≥ 1/2: |e^x − 1| ≥ 0.39 and e^x loses at most three bits.
            return Ok(self.exp_at(x, precision + 6)?.sub(&Ball::exact(Dyadic::one()), precision + 4));
        }
        // |e^x − 1| ≥ 0.78 |x| ≥ 2^(top − 1.4): with these bits at least 2^(precision + 6) units, known to within 1 · 1.65 + 2.
        let bits = precision + 8 + top.unsigned_abs();
        let value = expm1_fixed(&to_fixed(x, bits), bits);
        Ok(Ball::fixed(value, unit(bits), 4, precision))
    }

    /// `2^x` at a point: `2^n e^(f ln 2)` with `n` an integer and `|f| ≤ 1/2`.
    fn exp2_at(&self, x: &Dyadic, precision: u64) -> Result<Ball, EvalError> {
        if x.top() > Some(TOP + 1) {
            return self.exp_at(x, precision); // out of range either way; e^x ≤ 2^x below zero is not needed, both are below 2^−2^40
        }
        let n = nearest_integer(x);
        let fraction = x.sub(&Dyadic::new(n.clone(), 0));
        let n = i64::try_from(n).map_err(|_| too_large())?;
        let exponent = self.constant_ball(Constant::Ln2, precision + 8).mul(&Ball::exact(fraction), precision + 8);
        Ok(self.exp_ball(&exponent, precision + 4)?.scaled(n))
    }
}

/// `2^bits · (e^r − 1)` within 2 units, for an exact `r · 2^−bits` of magnitude at most 1/2 and `bits ≥ 40`.
///
/// Series: δ₀ ≤ 2N + 3 units of 2^−q, `N ≤ q + 1` (see `taylor`).
/// Doubling: an error δ becomes `δ (2 + 2e + δ) + 1`; the product of the factors over all k doublings is `2^k e^(y (1 + 2 + … + 2^(k−1)))
/// ≤ 2^k √e` (up to the negligible δ), hence finally at most `1.66 · 2^k (2N + 5)` units of 2^−q. With `q = bits + guard ≤ 2 bits` and
/// `guard = k + 5 + length(bits)` that is at most a quarter of a unit of 2^−bits, and the last floor adds one.
pub(super) fn expm1_fixed(r: &BigInt, bits: u64) -> BigInt {
    let top = fixed_top(r, bits);
    let k = bits.isqrt().saturating_add_signed(top);
    let guard = k + 5 + length(bits);
    let q = bits + guard;
    let y = r << (guard - k);
    let mut sum = BigInt::zero();
    taylor(&y, q, |_, term| sum += term);
    for _ in 0..k {
        let square = (&sum * &sum) >> q;
        sum <<= 1u32;
        sum += square;
    }
    sum >> guard
}

/// `e^x` for `|x| < 2^41`, in [1, 2) times a power of two.
///
/// `|x| = n ln 2 + r`: `n` from 61 bits of x and 64 of 1/ln 2 is the quotient's floor or one less. The floor of x costs a unit, n ln 2 with one more
/// limb another, and a unit is added so that r is not negative; where `r ≥ ln 2`, n is one more. For x < 0, `x = −(n + 1) ln 2 + (ln 2 − r)`.
/// The computed r is at least a unit below ln 2 and within 3 units, so that `e^r` is within 6 more than `expm1_reduced` states, and below 2.
pub(super) fn exp_limbs<const N: usize>(x: &Dyadic) -> Fixed<N> {
    let (whole, fraction) = split::<N>(x, 0);
    let leading = u128::from(whole) << 20 | u128::from(fraction[N - 1] >> 44);
    let mut n = (leading * INVERSE_LN2_63 >> 83) as u64;
    let ln2 = entry(Table::Ln2, 0);
    let below = wide(Table::Ln2, 0)[WIDEST - N];
    let (_, multiple) = scale(&ln2, n, (u128::from(n) * u128::from(below) >> 64) as u64);
    let (mut r, _) = add(&sub(&fraction, &multiple).0, &units(1));
    if let (rest, false) = sub(&r, &ln2) {
        (r, n) = (rest, n + 1);
    }
    let n = n as i64;
    let (r, exponent) = if x.is_negative() { (sub(&ln2, &r).0, -n - 1) } else { (r, n) };
    Fixed { negative: false, whole: 1, fraction: expm1_reduced(r), exponent, error: 9 * N as u64 + 26 }
}

/// `e^r − 1` for `0 ≤ r < ln 2`, less at most `9N + 20` units.
///
/// `r = a₀ + a₁ (+ a₂) + t`, the a tabulated, `t < 2^−b`, b = 16 (24). `e^t − 1 = t + t² (1/2 + t/6 + …)` through `t^K/K!`, `(K + 1)(b + 1) ≥ 64N`, K ≥ 3: as
/// `(K + 1)! ≥ 2^(K + 1)`, what is left out is below 1.01 units. The square costs N units, times 1/2, the series is within
/// `1.1(N + 1)` and is multiplied by `t²`, the product N: `δ ≤ 2N + 2`. A factor `1 + a`: `(1 + a)(1 + e) − 1 = a + e + a e` costs `δ a + 2` and N more,
/// so that after the fine ones `δ ≤ 1.01 (2N + 2 + 2(N + 2))`, and after the last, `a < 1`, `δ ≤ 8.1 N + 12.2 + N + 2`. All floors: nothing exceeds 1.
fn expm1_reduced<const N: usize>(r: [u64; N]) -> [u64; N] {
    let levels = if N <= 2 { 2 } else { 3 };
    let indices = r[N - 1];
    let mut t = r;
    t[N - 1] &= u64::MAX >> (8 * levels);
    let terms = (64 * N - 1) / (8 * levels + 1);
    let sum = series(&t, terms - 1, false, |k| entry(Table::InverseFactorial, k + 2));
    let mut e = add(&t, &mul(&mul(&t, &t), &sum)).0;
    for level in (0..levels).rev() {
        let j = (indices >> (56 - 8 * level)) as usize & 255;
        if j != 0 {
            let a = entry(Table::Exp(level), j);
            e = add(&add(&a, &e).0, &mul(&a, &e)).0;
        }
    }
    e
}

/// `e^x − 1` for `|x| < 2^41`.
fn expm1_limbs<const N: usize>(x: &Dyadic) -> Fixed<N> {
    let exp = exp_limbs::<N>(x);
    let count = exp.exponent.unsigned_abs();
    // For x < 0 the shift of the exponential costs a unit, for x > 0 that of 1: both less than what e^x is uncertain by, or within a unit.
    let (a, b, exponent) = if x.is_negative() {
        ((1, [0; N]), shift_right(1, &exp.fraction, count), 0)
    } else {
        ((1, exp.fraction), shift_right(1, &[0; N], count), exp.exponent)
    };
    let (fraction, borrow) = sub(&a.1, &b.1);
    let whole = a.0 - b.0 - u64::from(borrow);
    Fixed { negative: x.is_negative(), whole, fraction, exponent, error: exp.error + 1 }
}
