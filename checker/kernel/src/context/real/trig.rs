//! `sin` and `cos`, radians.
//!
//! Claim: for an exact argument of magnitude below 2^(1152 + P), P the precision of the reading, the result is within 2^−3 of the
//! last requested bit, near multiples of π/2 too; beyond, where π would have to be computed anew, sine and cosine are only known to be in [−1, 1].
//! A ball widens by the slope bound 1 (sin, cos).
//! Method: `x = n π/2 + r`, `|r| ≤ 0.79`, by a window of 2/π; tabulated sines and cosines of the leading 16 bits of r, a series for the rest.

#![expect(clippy::indexing_slicing, reason = "limb k < N by the ranges of the loops, and the last of N limbs")]
#![expect(clippy::as_conversions, reason = "numbers of limbs, and indices of 8 bits")]

use super::constants::Constant;
use super::hyperbolic::{lost, small};
use super::limbs::{Fixed, add, first_width, mul, multiply_add, scale, series, sub};
use super::tables::{Table, entry, wide};
use super::{Ball, Mag, Real, signed};
use crate::number::Dyadic;

impl Real {
    /// Arguments of 2^this and more are not reduced: the bits of π that it takes (with two attempts) are those that a reading keeps.
    pub(super) fn trig_top(&self) -> Option<i64> {
        Some(signed(self.precision) + 1152)
    }

    /// `sin x` and `cos x`.
    pub(super) fn sin_cos_ball(&self, x: &Ball, precision: u64) -> (Ball, Ball) {
        if x.mag() >= Mag::power_of_two(0) || x.mid().top() > self.trig_top() {
            let all = Ball::new(Dyadic::zero(), Mag::power_of_two(0));
            return (all.clone(), all);
        }
        let (sin, cos) = self.sin_cos_at(x.mid(), precision);
        let slope = |other: &Ball| (other.magnitude() + x.mag()).min(Mag::power_of_two(0));
        let (slope, other_slope) = (slope(&cos), slope(&sin));
        (sin.widened(slope * x.mag()), cos.widened(other_slope * x.mag()))
    }

    /// `sin x` and `cos x` at a point below `2^trig_top`.
    pub(super) fn sin_cos_at(&self, x: &Dyadic, precision: u64) -> (Ball, Ball) {
        if let Some(sin) = small(x, precision) {
            let square = x.top().map_or(Mag::ZERO, |top| Mag::power_of_two(2 * top)); // |cos x − 1| ≤ x²
            return (sin, Ball::new(Dyadic::one(), square));
        }
        let balls = first_width!(precision + lost(x), N => {
            sin_cos_limbs::<N>(x).and_then(|(sin, cos)| Some((sin.ball(precision)?, cos.ball(precision)?)))
        });
        let all = || Ball::new(Dyadic::zero(), Mag::power_of_two(0)); // for an x of thousands of bits too near a multiple of π/2
        balls.unwrap_or_else(|| (all(), all()))
    }
}

/// 64 bits of 2/π from bit `first` after the point on, zeros before and beyond the stored ones.
fn window(stored: &[u64], first: i64) -> u64 {
    let limb = |k: i64| {
        let index = usize::try_from(k).ok().and_then(|k| stored.len().checked_sub(k + 1));
        index.and_then(|index| stored.get(index)).map_or(0, |&limb| u128::from(limb))
    };
    let k = first.div_euclid(64);
    ((limb(k) << 64 | limb(k + 1)) << first.rem_euclid(64) >> 64) as u64
}

/// `sin x` and `cos x`; `None` where the stored bits of 2/π do not suffice.
///
/// `|x| 2/π` modulo 4 (Payne and Hanek 1983) from the window of 2/π that begins two bits above the point and ends a limb below the last unit: what lies
/// below that is less than a unit a digit of x, the floor one more, the error of 2/π itself below 2^−64N−126.
/// `|x| = (quarter + f) π/2` or `(quarter + 1 − f) π/2`, f ≤ 1/2; `r = f π/2 = f + f (π/2 − 1)` is then within `1.6 (2 digits + 1) + N + 2` units.
pub(super) fn sin_cos_limbs<const N: usize>(x: &Dyadic) -> Option<(Fixed<N>, Fixed<N>)> {
    let stored = wide::<N>(Table::Constant(Constant::TwoOverPi), 0);
    if x.top()? + 64 * N as i64 + 128 > 64 * stored.len() as i64 {
        return None;
    }
    let (mut quarter, mut f, mut error) = (0u64, [0; N], 13 * N as u64 + 20);
    let mut first = x.exponent();
    for digit in x.words() {
        let (mut carry, _) = multiply_add(digit, window(stored, first + 64 * N as i64), 0, 0);
        for (k, limb) in f.iter_mut().enumerate() {
            (carry, *limb) = multiply_add(digit, window(stored, first + 64 * (N - 1 - k) as i64), *limb, carry);
        }
        quarter = quarter.wrapping_add(digit.wrapping_mul(window(stored, first - 64))).wrapping_add(carry);
        first += 64;
        error += 4;
    }
    let reflected = f[N - 1] >> 63 == 1;
    if reflected {
        (f, quarter) = (sub(&[0; N], &f).0, quarter.wrapping_add(1));
    }
    let (s, v) = sin_versine(add(&f, &mul(&f, &scale(&entry(Table::Constant(Constant::Pi), 0), 2, 0).1)).0);
    let (cos, below) = sub(&[0; N], &v);
    let (swapped, second_half) = (quarter & 1 == 1, quarter & 2 == 2);
    let sin = Fixed { negative: reflected, whole: 0, fraction: s, exponent: 0, error };
    let cos = Fixed { negative: false, whole: u64::from(!below), fraction: cos, exponent: 0, error };
    // Each quarter turn takes (sin, cos) to (cos, −sin).
    let (mut sin, mut cos) = if swapped { (cos, Fixed { negative: !reflected, ..sin }) } else { (sin, cos) };
    sin.negative ^= second_half ^ x.is_negative();
    cos.negative ^= second_half;
    Some((sin, cos))
}

/// `sin r` and `1 − cos r` within `10N + 14` units, `0 ≤ r ≤ 0.79`.
///
/// `r = a₀ + a₁ + t`, the a tabulated, `t < 2^−16`, `u = t²`: `sin t = t − t u (1/3! − u/5! + …)`, `1 − cos t = u (1/2! − u/4! + …)`, K terms each; what is
/// left out is at most `u^(K+1)/(2K + 2)! ≤ 2^(−32(K+1) − 4K)`, a unit as `36K + 32 ≥ 64N`. With the square and the products δ ≤ 2N + 2. Then
/// `sin(a + t) = s + σ − s ν − v σ` and `1 − cos(a + t) = v + ν − v ν + s σ` cost 2N + 2 more: after a₁ (s < 2^−8) `δ ≤ 1.02 (2N + 2) + 2N + 2`,
/// after a₀ (s + 1 + v ≤ 2) twice that and 2N + 2. No difference is negative: a tabulated sine is 0 or above 2^−17.
fn sin_versine<const N: usize>(r: [u64; N]) -> ([u64; N], [u64; N]) {
    let indices = r[N - 1];
    let mut t = r;
    t[N - 1] &= u64::MAX >> 16;
    let u = mul(&t, &t);
    let terms = (64 * N + 3) / 36;
    let odd = series(&u, terms, true, |k| entry(Table::InverseFactorial, 2 * k + 3));
    let even = series(&u, terms, true, |k| entry(Table::InverseFactorial, 2 * k + 2));
    let (mut sin, mut versine) = (sub(&t, &mul(&t, &mul(&u, &odd))).0, mul(&u, &even));
    for level in [1, 0] {
        let j = (indices >> (56 - 8 * level)) as usize & 255;
        if j != 0 {
            let (s, v) = (entry(Table::Sin(level), j), entry(Table::Versine(level), j));
            let next = sub(&sub(&add(&s, &sin).0, &mul(&s, &versine)).0, &mul(&v, &sin)).0;
            versine = add(&sub(&add(&v, &versine).0, &mul(&v, &versine)).0, &mul(&s, &sin)).0;
            sin = next;
        }
    }
    (sin, versine)
}
