//! `sinh`, `cosh` and `tanh`, each from one exponential.
//!
//! Claim: for an exact argument the radius is at most one unit of the last requested bit, near zero too. `sinh` and `tanh` increase and `cosh` is
//! even and increases with `|x|`; wide balls are evaluated at both ends.

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
            let e = self.exp_at(&x.abs(), p)?;
            let inverse = Ball::exact(Dyadic::one()).div(&e, p).ok_or(INTERNAL)?;
            Ok(e.add(&inverse, p).scaled(-1))
        };
        self.lift(&x.abs(), false, at, |_| Mag::ZERO)
    }
}
