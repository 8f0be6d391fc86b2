//! `tanh` from one exponential.
//!
//! Claim: for an exact argument the radius is at most one unit of the last requested bit, near zero too. `tanh` increases;
//! wide balls are evaluated at both ends.

#![expect(clippy::as_conversions, reason = "a number of limbs")]

use super::exp::{TOP, exp_limbs};
use super::limbs::{Fixed, divide, first_width, shift_right, sub};
use super::{Ball, INTERNAL, Mag, Real, signed};
use crate::context::EvalError;
use crate::number::{Direction, Dyadic, dyadic::EXPONENT_LIMIT};

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

    /// `tanh x` at a point.
    fn tanh_at(&self, x: &Dyadic, precision: u64) -> Result<Ball, EvalError> {
        match small(x, precision) {
            Some(ball) => Ok(ball),
            // 1 − |tanh x| ≤ 2 e^(−2|x|) < 2^−2^40
            None if x.top() >= Some(TOP - 1) => {
                Ok(Ball::new(Dyadic::integer(x.signum().into()), Mag::power_of_two(-EXPONENT_LIMIT)))
            }
            None => first_width!(precision + lost(x), N => tanh_limbs::<N>(x).ball(precision)).ok_or(INTERNAL),
        }
    }
}

/// `x` itself for one so small that `|f(x) − x| ≤ |x|³`, f one of sin, tanh, sinh, arctan, is below the precision.
pub(super) fn small(x: &Dyadic, precision: u64) -> Option<Ball> {
    match x.top() {
        None => Some(Ball::exact(Dyadic::zero())),
        Some(top) if 2 * top < -(signed(precision) + 4) => Some(Ball::new(x.clone(), Mag::power_of_two(3 * top))),
        Some(_) => None,
    }
}

/// Zeros between the point and the first bit of `x`, which a result of its size has too.
pub(super) fn lost(x: &Dyadic) -> u64 {
    x.top().map_or(0, |top| top.min(0).unsigned_abs())
}

/// `tanh x`, `0 < |x| < 2^40`: `(1 − E)/(1 + E)`, `E = e^(−2|x|)` within half the error of the exponential and a unit; the slope is at most 2.
pub(super) fn tanh_limbs<const N: usize>(x: &Dyadic) -> Fixed<N> {
    let exp = exp_limbs::<N>(&x.abs().scaled(1).neg());
    let (_, e) = shift_right(1, &exp.fraction, exp.exponent.unsigned_abs());
    // Where E is below a unit, the quotient is 1.
    let (rest, some) = sub(&[0; N], &e);
    let fraction = if some { divide(&rest, &e) } else { rest };
    let error = exp.error + 3 * N as u64 + 4;
    Fixed { negative: x.is_negative(), whole: u64::from(!some), fraction, exponent: 0, error }
}
