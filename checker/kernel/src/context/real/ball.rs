//! Balls: a dyadic midpoint and a radius, with the four operations.
//!
//! Claim: if `x ∈ X` and `y ∈ Y` then `x ∘ y ∈ X ∘ Y` for every operation here; midpoints are rounded to nearest at the stated precision and
//! the rounding error, at most half a unit of the last bit kept (5/8 in a quotient, which is known to an eighth before it is rounded), goes into
//! the radius. An operation on exact balls whose result fits is exact.
//! Invariant: a nonzero radius lies within [`SPAN`] binary places of a nonzero midpoint (a smaller one is enlarged, a smaller midpoint is
//! absorbed), so that the exact end points have a bounded number of bits.

use super::limbs::quotient;
use super::mag::Mag;
use crate::number::{Direction, Dyadic};
use num_bigint::BigInt;
use std::cmp::Ordering;

/// Greatest distance, in binary places, between the leading bits of a midpoint and its radius.
const SPAN: i64 = 1 << 15;

/// The set of reals `[mid − rad, mid + rad]`.
#[derive(Clone, Debug)]
pub struct Ball {
    mid: Dyadic,
    rad: Mag,
}

impl Ball {
    /// The single number `x`, its exponents within `2^±EXPONENT_LIMIT`.
    pub fn exact(x: Dyadic) -> Self {
        Ball { mid: x, rad: Mag::ZERO }
    }

    /// A ball that contains `[mid − rad, mid + rad]`: that set, unless the invariant of the module asks for a slightly larger one.
    pub fn new(mid: Dyadic, rad: Mag) -> Self {
        match (mid.top(), rad.top()) {
            (Some(m), Some(r)) if m.saturating_sub(r) > SPAN => {
                Ball { mid, rad: Mag::power_of_two(m.saturating_sub(SPAN)) }
            }
            (Some(m), Some(r)) if r.saturating_sub(m) > SPAN => {
                Ball { rad: rad + Mag::above(&mid), mid: Dyadic::zero() }
            }
            _ => Ball { mid, rad },
        }
    }

    /// The interval `[lo, hi]` as a ball at `precision` bits.
    pub(super) fn hull(lo: &Dyadic, hi: &Dyadic, precision: u64) -> Self {
        let (twice, _) = lo.add_rounded(hi, precision, Direction::Nearest);
        let mid = twice.scaled(-1);
        let distance = |end: &Dyadic| Mag::above(&end.add_rounded(&mid.neg(), 32, Direction::Nearest).0);
        // Rounding to nearest at 32 bits loses at most one part in 2^32, less than the slack of the second summand.
        let rad = distance(lo).max(distance(hi));
        Ball::new(mid, rad + rad.scaled(-31))
    }

    /// `mid`, which is the exact result rounded to nearest (or `exact`), with that rounding error added to `rad`.
    pub(super) fn rounded((mid, exact): (Dyadic, bool), rad: Mag) -> Self {
        let rounding = if exact { Mag::ZERO } else { Mag::power_of_two(mid.exponent().saturating_sub(1)) };
        Ball::new(mid, rad + rounding)
    }

    /// `value · 2^exponent`, known to within `error` units of `2^exponent`, rounded to `precision` bits.
    pub(super) fn fixed(value: BigInt, exponent: i64, error: u64, precision: u64) -> Self {
        let mid = Dyadic::new(value, exponent).round(precision, Direction::Nearest);
        Ball::rounded(mid, Mag::new(error, exponent))
    }

    /// The midpoint.
    pub fn mid(&self) -> &Dyadic {
        &self.mid
    }

    /// The radius.
    pub fn rad(&self) -> Dyadic {
        self.rad.to_dyadic()
    }

    /// The radius as a bound.
    pub fn mag(&self) -> Mag {
        self.rad
    }

    /// `mid − rad`, exactly.
    pub fn lower(&self) -> Dyadic {
        self.mid.sub(&self.rad())
    }

    /// `mid + rad`, exactly.
    pub fn upper(&self) -> Dyadic {
        self.mid.add(&self.rad())
    }

    /// An upper bound of `|x|` over the ball.
    pub(super) fn magnitude(&self) -> Mag {
        Mag::above(&self.mid) + self.rad
    }

    /// A lower bound of `|x|` over the ball; zero when the ball contains zero (or nearly does).
    pub(super) fn mignitude(&self) -> Mag {
        let below = Mag::below(&self.mid);
        if self.rad.is_zero() || below.top() > self.rad.top().map(|top| top + 30) {
            return if self.rad.is_zero() { below } else { below.less() };
        }
        let distance = self.mid.abs().sub(&self.rad());
        if distance.signum() > 0 { Mag::below(&distance) } else { Mag::ZERO }
    }

    /// Whether the ball is one number.
    pub fn is_exact(&self) -> bool {
        self.rad.is_zero()
    }

    /// Whether the ball is the number zero.
    pub fn is_zero(&self) -> bool {
        self.is_exact() && self.mid.is_zero()
    }

    /// Whether `x` is in the ball.
    pub fn contains(&self, x: &Dyadic) -> bool {
        self.lower() <= *x && *x <= self.upper()
    }

    /// Whether zero is in the ball.
    pub fn contains_zero(&self) -> bool {
        self.sign().is_none_or(Ordering::is_eq)
    }

    /// How every point of the ball compares with zero; `None` when the points differ.
    pub fn sign(&self) -> Option<Ordering> {
        let of_mid = self.mid.signum().cmp(&0);
        let apart = self.rad.is_zero()
            || self.mid.top().is_some_and(|m| Some(m - 1) >= self.rad.top())
            || self.mid.abs() > self.rad();
        apart.then_some(of_mid)
    }

    /// How every point of this ball compares with every point of the other; `None` when that is not the same for all.
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        if self.is_exact() && other.is_exact() {
            Some(self.mid.cmp(&other.mid))
        } else if self.upper() < other.lower() {
            Some(Ordering::Less)
        } else if self.lower() > other.upper() {
            Some(Ordering::Greater)
        } else {
            None
        }
    }

    /// Whether `x ≤ y` for all points (`Some(true)`), for none (`Some(false)`), or undecided.
    pub(crate) fn at_most(&self, other: &Self) -> Option<bool> {
        if self.upper() <= other.lower() { Some(true) } else { (self.lower() > other.upper()).then_some(false) }
    }

    /// The ball with `extra` added to its radius.
    #[must_use]
    pub(super) fn widened(self, extra: Mag) -> Self {
        Ball::new(self.mid, self.rad + extra)
    }

    /// The same set or a slightly larger one, with a midpoint of at most `precision` bits.
    #[must_use]
    pub fn round(self, precision: u64) -> Self {
        if self.mid.bits() <= precision {
            return self;
        }
        Ball::rounded(self.mid.round(precision, Direction::Nearest), self.rad)
    }

    /// `−x`.
    #[must_use]
    pub fn neg(&self) -> Self {
        Ball { mid: self.mid.neg(), rad: self.rad }
    }

    /// `|x|`.
    #[must_use]
    pub fn abs(&self) -> Self {
        match self.sign() {
            Some(Ordering::Less) => self.neg(),
            Some(_) => self.clone(),
            // [0, max(−lower, upper)], re-centred.
            None => {
                let half = self.magnitude().scaled(-1);
                Ball::new(half.to_dyadic(), half)
            }
        }
    }

    /// `x · 2^k`.
    #[must_use]
    pub fn scaled(&self, k: i64) -> Self {
        Ball { mid: self.mid.scaled(k), rad: self.rad.scaled(k) }
    }

    /// `x + y`.
    #[must_use]
    pub fn add(&self, other: &Self, precision: u64) -> Self {
        let mid = self.mid.add_rounded(&other.mid, precision, Direction::Nearest);
        Ball::rounded(mid, self.rad + other.rad)
    }

    /// `x − y`.
    #[must_use]
    pub fn sub(&self, other: &Self, precision: u64) -> Self {
        self.add(&other.neg(), precision)
    }

    /// `x · y`: `|xy − ab| ≤ |a| s + r |b| + r s` for `|x − a| ≤ r`, `|y − b| ≤ s`.
    #[must_use]
    pub fn mul(&self, other: &Self, precision: u64) -> Self {
        let mid = self.mid.mul_rounded(&other.mid, precision, Direction::Nearest);
        Ball::rounded(mid, self.product_radius(other))
    }

    /// The radius of the exact product of the midpoints.
    pub(super) fn product_radius(&self, other: &Self) -> Mag {
        let (r, s) = (self.rad, other.rad);
        let mut rad = Mag::ZERO;
        if !s.is_zero() {
            rad = Mag::above(&self.mid) * s;
        }
        if !r.is_zero() {
            rad = rad + other.magnitude() * r;
        }
        rad
    }

    /// `x / y`; `None` when `y` may be zero.
    ///
    /// `|x/y − a/b| = |(x − a) − (a/b)(y − b)| / |y| ≤ (r + |a/b| s) / (|b| − s)`.
    pub fn div(&self, other: &Self, precision: u64) -> Option<Self> {
        let rounded =
            || Some(Ball::rounded(self.mid.div_rounded(&other.mid, precision, Direction::Nearest)?, Mag::ZERO));
        let quotient = quotient(&self.mid, &other.mid, precision).or_else(rounded)?;
        if self.is_exact() && other.is_exact() {
            return Some(quotient);
        }
        let numerator = self.rad + quotient.magnitude() * other.rad;
        Some(quotient.widened(numerator.over(other.mignitude())?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn balls_that_touch_are_in_order_one_way_and_open_the_other() {
        let exact = |x| Ball::exact(Dyadic::integer(x));
        let fat = |mid| Ball::new(Dyadic::integer(mid), Mag::power_of_two(0));
        for (x, y, at_most, order) in [
            (exact(3), exact(3), Some(true), Some(Ordering::Equal)),
            (exact(3), exact(4), Some(true), Some(Ordering::Less)),
            (exact(4), exact(3), Some(false), Some(Ordering::Greater)),
            (fat(2), fat(4), Some(true), None),
            (fat(4), fat(2), None, None),
            (fat(2), exact(3), Some(true), None),
            (exact(3), fat(2), None, None),
            (fat(4), exact(3), None, None),
            (exact(3), fat(4), Some(true), None),
            (fat(3), fat(4), None, None),
            (fat(2), fat(5), Some(true), Some(Ordering::Less)),
            (fat(5), fat(2), Some(false), Some(Ordering::Greater)),
        ] {
            assert_eq!((x.at_most(&y), x.compare(&y)), (at_most, order), "{x:?} {y:?}");
        }
    }
}
