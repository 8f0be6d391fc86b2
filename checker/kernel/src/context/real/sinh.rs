//! `sinh` and `cosh` from two exponentials: functions of the reading that no operation has.
//!
//! Claim: for an exact argument the radius is at most one unit of the last requested bit, near zero too. `sinh` increases and `cosh` is even and
//! increases with `|x|`: balls are evaluated at both ends.

use super::exp::{TOP, exp_limbs};
use super::hyperbolic::{lost, small};
use super::limbs::{Fixed, add, first_width, shift_right, sub};
use super::{Ball, INTERNAL, Mag, Real, too_large};
use crate::context::EvalError;
use crate::number::Dyadic;

impl Real {
    /// `sinh x`.
    pub(super) fn sinh_ball(&self, x: &Ball, precision: u64) -> Result<Ball, EvalError> {
        let at = |x: &Dyadic| match small(x, precision) {
            Some(ball) => Ok(ball),
            None if x.top() >= Some(TOP) => Err(too_large()),
            None => first_width!(precision + lost(x), N => sinh_limbs::<N>(x, true).ball(precision)).ok_or(INTERNAL),
        };
        self.lift(x, false, at, |_| Mag::ZERO)
    }

    /// `cosh x`.
    pub(super) fn cosh_ball(&self, x: &Ball, precision: u64) -> Result<Ball, EvalError> {
        let at = |x: &Dyadic| {
            if x.is_zero() {
                return Ok(Ball::exact(Dyadic::one()));
            } else if x.top() >= Some(TOP) {
                return Err(too_large());
            }
            first_width!(precision, N => sinh_limbs::<N>(x, false).ball(precision)).ok_or(INTERNAL)
        };
        self.lift(&x.abs(), false, at, |_| Mag::ZERO)
    }
}

/// `(e^|x| ∓ e^−|x|)/2`, `|x| < 2^41`: `sinh x` or `cosh x`, the second exponential in units of the first.
pub(super) fn sinh_limbs<const N: usize>(x: &Dyadic, sine: bool) -> Fixed<N> {
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
