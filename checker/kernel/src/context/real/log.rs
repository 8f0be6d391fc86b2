//! `ln x`, `ln(1 + x)`, `log₂ x` and `log₁₀ x`.
//!
//! Claim: for an exact argument the radius is at most one unit of the last requested bit, near `x = 1` too; a narrow ball widens by `r / min x`
//! (the derivative over the ball), a wide one is evaluated at both ends.
//! Method: `x = 2^n (1 + t)`; `1 + t` times short numbers near its inverse, whose logarithms are tabulated, leaves 16 or 24 bits for a series.

#![expect(clippy::indexing_slicing, reason = "limb k < N by the ranges, the last of N limbs")]
#![expect(clippy::as_conversions, reason = "numbers of limbs, and an index of 9 bits")]

use super::exp::multiple_of_ln2;
use super::limbs::{Fixed, add, first_width, mul, scale, series, split, sub};
use super::tables::{Table, entry, reducer};
use super::{Ball, INTERNAL, Mag, Real, signed};
use crate::context::EvalError;
use crate::number::Dyadic;
use std::cmp::Ordering;

impl Real {
    /// `ln x`, `x > 0`.
    pub(super) fn log_ball(&self, x: &Ball, precision: u64) -> Result<Ball, EvalError> {
        super::positive(x, "log")?;
        self.lift_logarithm(x, x, |x| self.log_at(x, precision))
    }

    /// `ln(1 + x)`, `x > −1`.
    pub(super) fn log1p_ball(&self, x: &Ball, precision: u64) -> Result<Ball, EvalError> {
        let one = Ball::exact(Dyadic::one());
        let shifted = match x.compare(&one.neg()) {
            Some(Ordering::Greater) => x.add(&one, precision.max(64)),
            Some(_) => return Err(super::undefined("log1p", "the argument is not above -1")),
            None if x.upper() <= Dyadic::integer(-1) => {
                return Err(super::undefined("log1p", "the argument is not above -1"));
            }
            None => {
                return Err(super::undecided("log1p", "the argument may not be above -1"));
            }
        };
        self.lift_logarithm(x, &shifted, |x| self.log1p_at(x, precision))
    }

    /// A logarithm of slope `1/point`.
    fn lift_logarithm(
        &self,
        x: &Ball,
        point: &Ball,
        at: impl Fn(&Dyadic) -> Result<Ball, EvalError>,
    ) -> Result<Ball, EvalError> {
        // 1/min is an upper bound only up to the 30 bits of a Mag, which rounds up.
        let nearest = point.mignitude();
        let slope = Mag::power_of_two(0).over(nearest);
        let narrow = x.mag().scaled(10) <= nearest && slope.is_some();
        self.lift(x, narrow, at, |_| slope.unwrap_or(Mag::ZERO))
    }

    /// `ln x` at a point `x > 0`.
    pub(super) fn log_at(&self, x: &Dyadic, precision: u64) -> Result<Ball, EvalError> {
        let top = x.top().ok_or(INTERNAL)?;
        let (_, [fraction]) = split::<1>(x, 0);
        if (top == 1 && fraction >> 62 == 0) || (top == 0 && fraction >> 62 == 3) {
            return self.log1p_at(&x.sub(&Dyadic::one()), precision); // |x − 1| ≤ 1/4
        }
        first_width!(precision, N => log_reduced::<N>(top - 1, split(x, 1 - top).1).ball(precision)).ok_or(INTERNAL)
    }

    /// `ln(1 + d)` at a point `d > −1`.
    pub(super) fn log1p_at(&self, d: &Dyadic, precision: u64) -> Result<Ball, EvalError> {
        let Some(top) = d.top() else {
            return Ok(Ball::exact(Dyadic::zero()));
        };
        let p = signed(precision);
        if top < -(p + 4) {
            return Ok(Ball::new(d.clone(), Mag::power_of_two(2 * top))); // |ln(1 + d) − d| ≤ d² for |d| ≤ 1/2
        }
        if top > p + 8 {
            // ln(1 + d) = ln d + ln(1 + 1/d), and 0 < ln(1 + 1/d) < 2^(1−top).
            return Ok(self.log_at(d, precision + 2)?.widened(Mag::power_of_two(1 - top)));
        }
        if top > -1 {
            return self.log_at(&d.add(&Dyadic::one()), precision);
        }
        first_width!(precision + top.unsigned_abs(), N => log1p_limbs::<N>(d).ball(precision)).ok_or(INTERNAL)
    }
}

/// `ln(1 + d)` for `|d| < 1/2` not below a unit: `1 + d`, or `(1 + (1 − 2|d|))/2`.
pub(super) fn log1p_limbs<const N: usize>(d: &Dyadic) -> Fixed<N> {
    if d.is_negative() { log_reduced(-1, sub(&[0; N], &split(d, 1).1).0) } else { log_reduced(0, split(d, 0).1) }
}

/// `n ln 2 + ln(1 + t)`, t within a unit.
///
/// `1 + t` is multiplied by numbers `1 − w` of 64 bits near the inverse of its leading bits: `t ← t − w − t w ≥ 0`, the product's floor a unit more.
/// With `1 + a ≤ 1 + t < 1 + a + ε`, ε = 2^−8(l+1): first `t ≤ (1 + a + ε)(1/(1 + a) + 2^−16) − 1 < 2^−8 + 2^−15`, then, as `(1 + t)(1 − a + a²) − 1
/// = (t − a)(1 − a) + t a²`, `t < 2^−16 (1 + 2^−7)` and `t < 2^−24 (1 + 2^−22)`. So t ends within 4 units, below 1.01 · 2^−b, b = 16 or 24.
/// `ln(1 + t) = t − t² (1/2 − t/3 + …)` through `t^K/K`, `(K + 1) b ≥ 64N`: what is left out is below a unit, the square costs N times 1/2, the series
/// next to nothing, the product N. The up to three tabulated logarithms are within a unit: in all `1.5 N + 8` units. `n ln 2` with one more limb is
/// within 2; where n < 0, `2N + 8` units are added, so that the difference is not negative.
pub(super) fn log_reduced<const N: usize>(n: i64, mut t: [u64; N]) -> Fixed<N> {
    let levels = if N <= 2 { 2 } else { 3 };
    let mut sum = [0; N];
    for level in 0..levels {
        let j = (t[N - 1] >> (56 - 8 * level)) as usize; // at most 258
        if j != 0 {
            let w = reducer(level, j as u64);
            let (high, low) = scale(&t, w, 0);
            t[N - 1] = t[N - 1].wrapping_sub(w);
            t = sub(&t, &std::array::from_fn(|k| if k + 1 < N { low[k + 1] } else { high })).0;
            sum = add(&sum, &entry(Table::Log(level), j)).0;
        }
    }
    let terms = (64 * N - 1) / (8 * levels);
    let rest = series(&t, terms - 1, true, |k| entry(Table::Reciprocal, k + 2));
    let sum = add(&sum, &sub(&t, &mul(&mul(&t, &t), &rest)).0).0;
    let slack = if n < 0 { 2 * N as u64 + 8 } else { 0 };
    let (whole, multiple) = multiple_of_ln2(n.unsigned_abs(), slack);
    let (fraction, over) = if n < 0 { sub(&multiple, &sum) } else { add(&multiple, &sum) };
    let whole = if n < 0 { whole.saturating_sub(over.into()) } else { whole + u64::from(over) };
    Fixed { negative: n < 0, whole, fraction, exponent: 0, error: 4 * N as u64 + 18 }
}
