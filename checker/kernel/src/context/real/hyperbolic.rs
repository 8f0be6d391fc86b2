//! `sinh`, `cosh` and `tanh`, each from one exponential.
//!
//! Claim: for an exact argument the radius is at most one unit of the last requested bit, near zero too. `sinh` and `tanh` increase and `cosh` is
//! even and increases with `|x|`; wide balls are evaluated at both ends.

#![expect(clippy::as_conversions, reason = "a number of limbs")]

use super::exp::{TOP, exp_limbs};
use super::limbs::{Fixed, add, divide, first_width, shift_right, sub};
use super::{Ball, INTERNAL, Mag, Real};
use crate::context::EvalError;
use crate::number::{Direction, Dyadic};

impl Real {
    /// `tanh x`; a narrow ball widens by `sech² ξ ≤ (1 − tanh² m)(1 + 4r)`, `r ≤ 1/4`, since `|(ln sech²)'| ≤ 2`.
    pub(super) fn tanh_ball(&self, x: &Ball, precision: u64) -> Result<Ball, EvalError> {
        let narrow = x.mag() <= Mag::power_of_two(-10);
        self.lift(
            x,
            narrow,
            |x| self.tanh_at(x, precision),
            |value| {
                let least = value.mignitude().to_dyadic();
                let (rest, _) = Dyadic::one().add_rounded(&least.neg(), 30, Direction::Up); // 1 − |tanh|
                Mag::above(&rest) * value.magnitude().plus_one() * x.mag().scaled(2).plus_one()
            },
        )
    }

    /// `tanh x` at a point: `−e/(e + 2)` with `e = e^(−2|x|) − 1`.
    fn tanh_at(&self, x: &Dyadic, precision: u64) -> Result<Ball, EvalError> {
        let lost = x.top().map_or(u64::MAX, |top| top.min(0).unsigned_abs());
        if x.top() < Some(TOP - 1)
            && let Some(ball) = first_width!(precision.saturating_add(lost), N => tanh_limbs::<N>(x).ball(precision))
        {
            return Ok(ball);
        }
        let p = precision + 4;
        let e = self.expm1_at(&x.abs().neg().scaled(1), p)?;
        let two = Ball::exact(Dyadic::integer(2));
        let size = e.neg().div(&e.add(&two, p), p).ok_or(INTERNAL)?;
        Ok(if x.is_negative() { size.neg() } else { size })
    }

    /// `sinh x`: `(e + e/(e + 1))/2` with `e = e^|x| − 1`.
    pub(super) fn sinh_ball(&self, x: &Ball, precision: u64) -> Result<Ball, EvalError> {
        let p = precision + 4;
        let at = |x: &Dyadic| {
            let lost = x.top().map_or(u64::MAX, |top| top.min(0).unsigned_abs());
            if x.top() < Some(TOP)
                && let Some(ball) =
                    first_width!(precision.saturating_add(lost), N => hyperbolic_limbs::<N>(x, true).ball(precision))
            {
                return Ok(ball);
            }
            let e = self.expm1_at(&x.abs(), p)?;
            let lower = e.add(&Ball::exact(Dyadic::one()), p);
            let size = e.add(&e.div(&lower, p).ok_or(INTERNAL)?, p).scaled(-1);
            Ok(if x.is_negative() { size.neg() } else { size })
        };
        self.lift(x, false, at, |_| Mag::ZERO)
    }

    /// `cosh x`: `(e^|x| + e^−|x|)/2`.
    pub(super) fn cosh_ball(&self, x: &Ball, precision: u64) -> Result<Ball, EvalError> {
        let p = precision + 4;
        let at = |x: &Dyadic| {
            if x.top() < Some(TOP)
                && let Some(ball) = first_width!(precision, N => hyperbolic_limbs::<N>(x, false).ball(precision))
            {
                return Ok(ball);
            }
            let e = self.exp_at(&x.abs(), p)?;
            let inverse = Ball::exact(Dyadic::one()).div(&e, p).ok_or(INTERNAL)?;
            Ok(e.add(&inverse, p).scaled(-1))
        };
        self.lift(&x.abs(), false, at, |_| Mag::ZERO)
    }
}

/// `tanh x`, `0 < |x| < 2^40`: `(1 − E)/(1 + E)`, `E = e^(−2|x|)` within half the error of the exponential and a unit; the slope is at most 2.
fn tanh_limbs<const N: usize>(x: &Dyadic) -> Fixed<N> {
    let exp = exp_limbs::<N>(&x.abs().scaled(1).neg());
    let (_, e) = shift_right(1, &exp.fraction, exp.exponent.unsigned_abs());
    // Where E is below a unit, the quotient is 1.
    let (rest, some) = sub(&[0; N], &e);
    let fraction = if some { divide(&rest, &e) } else { rest };
    let error = exp.error + 3 * N as u64 + 4;
    Fixed { negative: x.is_negative(), whole: u64::from(!some), fraction, exponent: 0, error }
}

/// `(e^|x| ∓ e^−|x|)/2`, `|x| < 2^41`: `sinh x` or `cosh x`, the second exponential in units of the first.
fn hyperbolic_limbs<const N: usize>(x: &Dyadic, sine: bool) -> Fixed<N> {
    let (large, small) = (exp_limbs::<N>(&x.abs()), exp_limbs::<N>(&x.abs().neg()));
    let shift = (large.exponent - small.exponent).unsigned_abs();
    let (_, small) = shift_right(1, &small.fraction, shift); // e^−|x| < 1 ≤ e^|x|: a shift of one or more
    let (fraction, over) = if sine { sub(&large.fraction, &small) } else { add(&large.fraction, &small) };
    let whole = if sine { 1 - u64::from(over) } else { 1 + u64::from(over) };
    Fixed {
        negative: sine && x.is_negative(),
        whole,
        fraction,
        exponent: large.exponent - 1,
        error: 2 * large.error + 1,
    }
}
