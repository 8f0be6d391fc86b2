//! `arctan`, in (−π/2, π/2): a function of the reading that no operation has.
//!
//! Claim: for an exact argument the result is within 2^−3 of the last requested bit. A ball widens by the slope bound `min(1, 1/min²)`.
//! Method: the arctangent of x or 1/x, less tabulated ones for the leading 16 bits, a series for the rest.

#![expect(clippy::indexing_slicing, reason = "the last of N limbs")]
#![expect(clippy::as_conversions, reason = "numbers of limbs, and indices of 8 bits")]

use super::constants::Constant;
use super::hyperbolic::{lost, small};
use super::limbs::{Fixed, add, divide, first_width, mul, scale, series, shift_right, split, sub};
use super::tables::{Table, entry};
use super::{Ball, INTERNAL, Mag, Real};
use crate::context::EvalError;
use crate::number::{Direction, Dyadic};

impl Real {
    /// `arctan x`.
    pub(super) fn atan_ball(&self, x: &Ball, precision: u64) -> Result<Ball, EvalError> {
        let (one, nearest) = (Mag::power_of_two(0), x.mignitude());
        let square = nearest.to_dyadic().mul(&nearest.to_dyadic());
        let (least, _) = square.add_rounded(&Dyadic::one(), 30, Direction::Down);
        let slope = one.over(Mag::below(&least)).unwrap_or(one);
        let narrow = x.mag().scaled(10) <= one.max(nearest);
        self.lift(x, narrow, |x| self.atan_at(x, precision), |_| slope)
    }

    /// `arctan x` at a point.
    fn atan_at(&self, x: &Dyadic, precision: u64) -> Result<Ball, EvalError> {
        let ball = small(x, precision);
        ball.or_else(|| first_width!(precision + lost(x), N => atan_limbs::<N>(x).ball(precision))).ok_or(INTERNAL)
    }
}

/// `arctan x`.
///
/// Of `v = |x|` or, from 1 on, `v = 1/|x| = 2^−n (1 − t/(1 + t))` less a unit. With a tabulated, `a ≤ v`: `arctan v = arctan a + arctan w`,
/// `w = (v − a)/(1 + v a)`, of slope at most 1 in v: a division (3N + 1) and a floor more, twice. At the end `v < 2^−16` within `9N + 8` units;
/// `v − v u (1/3 − u/5 + …)`, `u = v²`, 2N − 1 terms, leaves out less than `2^−64N−16` and costs 3N + 1; the tabulated ones and π/2 cost 4.
pub(super) fn atan_limbs<const N: usize>(x: &Dyadic) -> Fixed<N> {
    let n = x.top().unwrap_or(0) - 1;
    let mut v = if n < 0 {
        split(x, 0).1
    } else {
        let (_, t) = split(x, -n);
        shift_right(0, &divide(&t, &t).map(|limb| !limb), n.unsigned_abs()).1
    };
    let mut sum = [0; N];
    for level in 0..2 {
        let (bits, j) = (8 * (level as u64 + 1), v[N - 1] >> (56 - 8 * level));
        if j != 0 {
            let (whole, product) = scale(&v, j, 0);
            v[N - 1] -= j << (64 - bits);
            v = divide(&v, &shift_right(whole, &product, bits).1);
            sum = add(&sum, &entry(Table::Atan(level), j as usize)).0;
        }
    }
    let u = mul(&v, &v);
    let rest = series(&u, 2 * N - 1, true, |k| entry(Table::Reciprocal, 2 * k + 3));
    sum = add(&sum, &sub(&v, &mul(&v, &mul(&u, &rest))).0).0;
    let (mut whole, mut fraction) = (0, sum);
    if n >= 0 {
        let (one, rest) = scale(&entry(Table::Constant(Constant::Pi), 0), 2, 0);
        let (difference, borrow) = sub(&rest, &sum);
        (whole, fraction) = (one - u64::from(borrow), difference);
    }
    Fixed { negative: x.is_negative(), whole, fraction, exponent: 0, error: 12 * N as u64 + 14 }
}
