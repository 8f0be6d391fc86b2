//! `e^x`, `e^x − 1` and `2^x`.
//!
//! Claim: for an exact argument the radius is at most one unit of the last requested bit (relative accuracy, near zero too); a narrow ball widens by the
//! derivative bound `e^m (e^r − 1) ≤ e^m (r + r²)`, `r ≤ 1`, a wide one is evaluated at both ends (the functions increase).
//! Method: `x = n ln 2 + r`, `0 ≤ r < ln 2`; tabulated exponentials of the leading 16 or 24 bits of r, a Taylor series for the rest.

#![expect(clippy::indexing_slicing, reason = "the last of N limbs, and the one below N of a table that has more")]
#![expect(clippy::as_conversions, reason = "numbers of limbs, indices of 8 bits, n < 2^42, the high word of a product")]

use super::constants::Constant;
use super::limbs::{Fixed, add, first_width, mul, scale, series, shift_right, split, sub, units};
use super::tables::{Table, entry, wide};
use super::{Ball, INTERNAL, Mag, Real, signed, too_large};
use crate::context::EvalError;
use crate::number::{Dyadic, dyadic::EXPONENT_LIMIT};
use num_bigint::BigInt;

/// `⌊2^63 / ln 2⌋`.
const INVERSE_LN2: u128 = 13_306_513_097_844_322_491;

/// From this `t` on, `|x| ≥ 2^(t−1)` puts `e^x` beyond the exponent limit.
pub(super) const TOP: i64 = 41;

impl Real {
    /// `e^x`.
    pub(super) fn exp_ball(&self, x: &Ball, precision: u64) -> Result<Ball, EvalError> {
        self.lift_exponential(x, |x| self.exp_at(x, precision), Ball::magnitude)
    }

    /// `e^x − 1`.
    pub(super) fn expm1_ball(&self, x: &Ball, precision: u64) -> Result<Ball, EvalError> {
        let slope = |value: &Ball| value.add(&Ball::exact(Dyadic::one()), 32).magnitude();
        self.lift_exponential(x, |x| self.expm1_at(x, precision), slope)
    }

    /// `2^x`.
    pub(super) fn exp2_ball(&self, x: &Ball, precision: u64) -> Result<Ball, EvalError> {
        let slope = |value: &Ball| value.magnitude() * Mag::new(1420, -11); // ln 2 < 1420/2048
        self.lift_exponential(x, |x| self.exp2_at(x, precision), slope)
    }

    /// A function whose derivative is `slope` at the midpoint and grows by at most a factor `1 + r` towards the ends of a narrow ball.
    fn lift_exponential(
        &self,
        x: &Ball,
        at: impl Fn(&Dyadic) -> Result<Ball, EvalError>,
        slope: impl FnOnce(&Ball) -> Mag,
    ) -> Result<Ball, EvalError> {
        let narrow = x.mag() <= Mag::power_of_two(-10);
        self.lift(x, narrow, at, |value| slope(value) * x.mag().plus_one())
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
        if top < -(signed(precision) + 4) {
            return Ok(Ball::new(Dyadic::one(), Mag::power_of_two(top + 1))); // |e^x − 1| ≤ 2|x|
        }
        first_width!(precision, N => exp_limbs::<N>(x).ball(precision)).ok_or(INTERNAL)
    }

    /// `e^x − 1` at a point.
    pub(super) fn expm1_at(&self, x: &Dyadic, precision: u64) -> Result<Ball, EvalError> {
        let Some(top) = x.top() else {
            return Ok(Ball::exact(Dyadic::zero()));
        };
        if top < -(signed(precision) + 4) {
            return Ok(Ball::new(x.clone(), Mag::power_of_two(2 * top))); // |e^x − 1 − x| ≤ x² for |x| ≤ 1
        }
        if top >= TOP {
            return Ok(self.exp_at(x, precision)?.sub(&Ball::exact(Dyadic::one()), precision));
        }
        let lost = top.min(0).unsigned_abs();
        first_width!(precision + lost, N => expm1_limbs::<N>(x).ball(precision)).ok_or(INTERNAL)
    }

    /// `2^x` at a point: `2^n e^(f ln 2)` with `n` an integer and `|f| ≤ 1/2`.
    fn exp2_at(&self, x: &Dyadic, precision: u64) -> Result<Ball, EvalError> {
        if x.top() > Some(TOP + 1) {
            return self.exp_at(x, precision); // out of range either way; e^x ≤ 2^x below zero is not needed, both are below 2^−2^40
        }
        let n = nearest_integer(x);
        let fraction = x.sub(&Dyadic::new(n.clone(), 0));
        let n = i64::try_from(n).map_err(|_| too_large())?;
        let exponent = Constant::Ln2.ball(precision + 8).mul(&Ball::exact(fraction), precision + 8);
        Ok(self.exp_ball(&exponent, precision + 4)?.scaled(n))
    }
}

/// `e^x` for `|x| < 2^41`, in [1, 2) times a power of two.
///
/// `|x| = n ln 2 + r`: `n` from 61 bits of x and 64 of 1/ln 2 is the quotient's floor or one less. The floor of x costs a unit, n ln 2 with one more
/// limb another, and a unit is added so that r is not negative; where `r ≥ ln 2`, n is one more. For x < 0, `x = −(n + 1) ln 2 + (ln 2 − r)`.
/// The computed r is at least a unit below ln 2 and within 3 units, so that `e^r` is within 6 more than `expm1_reduced` states, and below 2.
pub(super) fn exp_limbs<const N: usize>(x: &Dyadic) -> Fixed<N> {
    let (whole, fraction) = split::<N>(x, 0);
    let leading = u128::from(whole) << 20 | u128::from(fraction[N - 1] >> 44);
    let mut n = ((leading * INVERSE_LN2) >> 83) as u64;
    let ln2 = entry(LN2, 0);
    let (_, multiple) = multiple_of_ln2(n, 0);
    let (mut r, _) = add(&sub(&fraction, &multiple).0, &units(1));
    if let (rest, false) = sub(&r, &ln2) {
        (r, n) = (rest, n + 1);
    }
    let n = n as i64;
    let (r, exponent) = if x.is_negative() { (sub(&ln2, &r).0, -n - 1) } else { (r, n) };
    Fixed { negative: false, whole: 1, fraction: expm1_reduced(r), exponent, error: 9 * N as u64 + 26 }
}

const LN2: Table = Table::Constant(Constant::Ln2);

/// `n ln 2`, less at most two units: that of the limb below the last, n times, and of its product; plus `slack` units.
pub(super) fn multiple_of_ln2<const N: usize>(n: u64, slack: u64) -> (u64, [u64; N]) {
    let limbs = wide::<N>(LN2, 0);
    let below = u128::from(limbs[limbs.len() - N - 1]);
    scale(&entry(LN2, 0), n, ((u128::from(n) * below) >> 64) as u64 + slack)
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
pub(super) fn expm1_limbs<const N: usize>(x: &Dyadic) -> Fixed<N> {
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

/// `⌊x + 1/2⌋`.
fn nearest_integer(x: &Dyadic) -> BigInt {
    (x.scaled(1).floor() + 1) >> 1u32
}
