//! `sin`, `cos`, `tan` and `arctan`, radians.
//!
//! Claim: for an exact argument of magnitude below 2^(1152 + P), P the precision of the reading (any, for arctan), the result is within 2^−3 of the
//! last requested bit, near multiples of π/2 too; beyond, where π would have to be computed anew, sine and cosine are only known to be in [−1, 1].
//! A ball widens by the slope bounds 1 (sin, cos) and `min(1, 1/min²)` (arctan).
//! Method: `x = n π/2 + r`, `|r| ≤ 0.79`, with as many bits of π as leave `r` its relative accuracy; Taylor series of `sin y` and `1 − cos y` at
//! `y = r/2^k`; then k doublings `s ← 2 s (1 − v)`, `v ← 2 s²`, where `v = 1 − cos`.

#![expect(clippy::indexing_slicing, reason = "limb k < N by the ranges of the loops, and the last of N limbs")]
#![expect(clippy::as_conversions, reason = "numbers of limbs, and indices of 8 bits")]

use super::constants::Constant;
use super::fixed::{fixed_top, length, odd_series, one_fixed, signed, taylor, to_fixed, unit};
use super::limbs::{Fixed, add, first_width, mul, multiply_add, series, sub};
use super::tables::{TWO_OVER_PI_BITS, Table, entry, two_over_pi};
use super::{Ball, Mag, Real};
use crate::context::EvalError;
use crate::number::{Direction, Dyadic};
use num_bigint::BigInt;
use num_integer::Integer;
use num_traits::{Signed, Zero};

impl Real {
    /// Arguments of 2^this and more are not reduced: the bits of π that it takes (with two attempts) are those that a reading keeps.
    fn trig_top(&self) -> Option<i64> {
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

    /// `tan x`, `x` not an odd multiple of π/2.
    ///
    /// With `t = tan m` and `|h| ≤ r`: `|tan(m + h) − t| = |tan h| (1 + t²) / |1 − t tan h|`, and `tan r ≤ r (1 + r²)` for `r ≤ 1/2`.
    pub(super) fn tan_ball(&self, x: &Ball, precision: u64) -> Result<Ball, EvalError> {
        let undecided = super::undecided("tan", "the argument may be an odd multiple of pi/2");
        if x.mag() > Mag::power_of_two(-1) || x.mid().top() > self.trig_top() {
            return Err(undecided);
        }
        let (sin, cos) = self.sin_cos_at(x.mid(), precision + 4);
        let Some(tan) = sin.div(&cos, precision) else {
            return Err(undecided);
        };
        let size = tan.magnitude();
        let tan_r = x.mag() * (x.mag() * x.mag()).plus_one();
        let one = Dyadic::one();
        let denominator = Ball::new(one, size * tan_r).mignitude();
        match (tan_r * (size * size).plus_one()).over(denominator) {
            Some(extra) => Ok(tan.widened(extra)),
            None => Err(undecided),
        }
    }

    /// `arctan x`.
    pub(super) fn atan_ball(&self, x: &Ball, precision: u64) -> Result<Ball, EvalError> {
        let (one, nearest) = (Mag::power_of_two(0), x.mignitude());
        let square = nearest.to_dyadic().mul(&nearest.to_dyadic());
        let (least, _) = square.add_rounded(&Dyadic::one(), 30, Direction::Down);
        let slope = one.over(Mag::below(&least)).unwrap_or(one);
        let narrow = x.mag().scaled(10) <= one.max(nearest);
        self.lift(x, narrow, |x| self.atan_at(x, precision), |_| slope)
    }

    /// `sin x` and `cos x` at a point below `2^trig_top`.
    pub(super) fn sin_cos_at(&self, x: &Dyadic, precision: u64) -> (Ball, Ball) {
        let Some(top) = x.top() else {
            return (Ball::exact(Dyadic::zero()), Ball::exact(Dyadic::one()));
        };
        if 2 * top < -(signed(precision) + 4) {
            // |sin x − x| ≤ |x|³ and |cos x − 1| ≤ x²
            return (
                Ball::new(x.clone(), Mag::power_of_two(3 * top)),
                Ball::new(Dyadic::one(), Mag::power_of_two(2 * top)),
            );
        }
        let lost = top.min(0).unsigned_abs();
        let balls = first_width!(precision + lost, N => {
            sin_cos_limbs::<N>(x).and_then(|(sin, cos)| Some((sin.ball(precision)?, cos.ball(precision)?)))
        });
        if let Some(balls) = balls {
            return balls;
        }
        let (quadrant, r, bits) = self.reduce(x, top, precision);
        let (s, v) = sin_cos_fixed(&r.abs(), bits);
        let s = if r.is_negative() { -s } else { s };
        // r is within 2 units and the two values within 2 more each.
        let sin = Ball::fixed(s, unit(bits), 4, precision);
        let cos = Ball::fixed(one_fixed(bits) - v, unit(bits), 4, precision);
        match quadrant {
            0 => (sin, cos),
            1 => (cos, sin.neg()),
            2 => (sin.neg(), cos.neg()),
            _ => (cos.neg(), sin),
        }
    }

    /// `n mod 4`, `r` within 2 units of `(x − n π/2) · 2^bits`, and `bits`, such that `|r|` has at least `precision + 8` bits
    /// (unless eight attempts do not suffice, and then only the relative accuracy suffers).
    fn reduce(&self, x: &Dyadic, top: i64, precision: u64) -> (u8, BigInt, u64) {
        let mut bits = precision + 12 + top.min(0).unsigned_abs();
        if top < 0 {
            return (0, to_fixed(x, bits), bits); // |x| < 1/2
        }
        let mut found = (0, BigInt::zero(), bits);
        for _ in 0..8 {
            // With `extra` more bits, π/2 is within 2 of the smaller units and n π/2 within 2|n| ≤ 2^(top + 1) + 2; the floor of x adds one of
            // them, together at most half a unit of 2^−bits, and the last floor one unit.
            let extra = top.unsigned_abs() + 4;
            let half_pi = self.constant_fixed(Constant::Pi, bits + extra) >> 1u32;
            let (n, r) = to_fixed(x, bits + extra).div_mod_floor(&half_pi);
            let (n, r) = if (&r << 1u32) > half_pi { (n + 1u32, r - half_pi) } else { (n, r) };
            let quadrant = u8::try_from(n.mod_floor(&BigInt::from(4))).unwrap_or(0);
            let r: BigInt = r >> extra;
            let missing = (precision + 8).saturating_sub(r.bits());
            found = (quadrant, r, bits);
            if missing == 0 {
                break;
            }
            bits += missing + 8;
        }
        found
    }

    /// `arctan x` at a point: `y + arctan((d cos y − c sin y) / (c cos y + d sin y))` for the direction `(c, d)`, whatever the guess `y`.
    fn atan_at(&self, x: &Dyadic, precision: u64) -> Result<Ball, EvalError> {
        let Some(top) = x.top() else {
            return Ok(Ball::exact(Dyadic::zero()));
        };
        if 2 * top < -(signed(precision) + 4) {
            return Ok(Ball::new(x.clone(), Mag::power_of_two(3 * top))); // |arctan x − x| ≤ |x|³
        }
        let bits = precision + 10 + length(precision) + top.min(0).unsigned_abs();
        let size = x.abs();
        // (c, d) within 1 unit each, the larger coordinate 1: an angle within 1 unit.
        let (c, d) = if top <= 0 {
            (one_fixed(bits), to_fixed(&size, bits))
        } else {
            let inverse = Dyadic::one().div_rounded(&size, bits, Direction::Down);
            let (inverse, _) = inverse.ok_or(super::INTERNAL)?;
            (to_fixed(&inverse, bits), one_fixed(bits))
        };
        let (value, error) = direction_fixed(&c, &d, bits)?;
        let value = if x.is_negative() { -value } else { value };
        // |arctan x| ≥ 0.78 min(|x|, 1); the inverse adds one unit more.
        Ok(Ball::fixed(value, unit(bits), error + 2, precision))
    }
}

/// `2^bits · (sin r, 1 − cos r)` within 2 units each, for an exact `r · 2^−bits` in [0, 0.79] and `bits ≥ 40`.
///
/// As in `expm1_fixed`: δ₀ ≤ 2N + 3 ≤ 2q + 3. Doubling: with `δ` the greater of the two errors, `2 s (1 − v)` is within `2δ(1 + s + δ) + 1` and
/// `2 s²` within `2δ(2s + δ) + 1`, no more, since `s ≤ 1`; the product of the factors is at most `2^k e^r ≤ 2.21 · 2^k`. The guard has one more
/// bit for that factor: again at most a quarter of a unit, and the last floor adds one.
pub(super) fn sin_cos_fixed(r: &BigInt, bits: u64) -> (BigInt, BigInt) {
    let top = fixed_top(r, bits);
    let k = 1 + bits.isqrt().saturating_add_signed(top);
    let guard = k + 6 + length(bits);
    let q = bits + guard;
    let y = r << (guard - k);
    let (mut s, mut v) = (BigInt::zero(), BigInt::zero());
    taylor(&y, q, |j, term| match j % 4 {
        0 => v -= term,
        1 => s += term,
        2 => v += term,
        _ => s -= term,
    });
    for _ in 0..k {
        let square: BigInt = (&s * &s) >> (q - 1);
        let product: BigInt = (&s * &v) >> (q - 1);
        s <<= 1u32;
        s -= product;
        v = square;
    }
    (s >> guard, v >> guard)
}

/// `2^bits` times the angle of the direction `(c, d)`, `c, d ≥ 0`, the larger one 1, and its error in units.
///
/// The sine and cosine of the guess are within 2 units, so that numerator and denominator (at least 1/2: checked) are within 5, and their
/// quotient, of magnitude at most 2^−11, within 11.1; the series at the computed quotient adds 3N/2 + 1.
pub(super) fn direction_fixed(c: &BigInt, d: &BigInt, bits: u64) -> Result<(BigInt, u64), EvalError> {
    let guess = if d <= c && fixed_top(d, bits) <= -12 {
        BigInt::zero()
    } else {
        let leading = |v: &BigInt| i64::try_from(to_fixed(&Dyadic::new(v.clone(), unit(bits)), 60));
        let guess = match (leading(c), leading(d)) {
            (Ok(c), Ok(d)) => angle_guess(c, d),
            _ => return Err(super::INTERNAL),
        };
        to_fixed(&Dyadic::new(guess.into(), -60), bits)
    };
    let (numerator, denominator) = if guess.is_zero() {
        (d.clone(), c.clone())
    } else {
        let (sin, cos) = sin_cos_of_guess(&guess, bits);
        ((d * &cos - c * &sin) >> bits, (c * &cos + d * &sin) >> bits)
    };
    if denominator.bits() < bits || fixed_top(&numerator, bits) > -12 {
        return Err(super::INTERNAL);
    }
    let u = (numerator << bits) / denominator;
    let (sum, n) = odd_series(u, bits, true);
    Ok((guess + sum, 2 * n + 13))
}

/// `2^bits · (sin, cos)` of a guess in [0, 1.58], within 2 units, by one doubling of the half angle: 2 · 2 (1 + s) + 1 ≤ 8 of the units that are
/// eight times smaller, and a floor.
pub(super) fn sin_cos_of_guess(guess: &BigInt, bits: u64) -> (BigInt, BigInt) {
    let q = bits + 3;
    let half = guess << 2u32; // guess/2 in units of 2^−q, exactly
    let (s, v) = sin_cos_fixed(&half, q);
    let sin: BigInt = (&s * (one_fixed(q) - &v)) >> (q + 2);
    let cos = one_fixed(bits) - ((&s * &s) >> (q + 2));
    (sin, cos)
}

/// About 2^60 times the angle of `(c, d) · 2^−60`, with no claim.
fn angle_guess(c: i64, d: i64) -> i64 {
    const ONE: i128 = 1 << 60;
    const QUARTER_PI: i128 = 905_502_432_259_640_355; // π/4 · 2^60
    let (c, d) = (i128::from(c), i128::from(d));
    // atan(d/c) = π/4 + atan((d − c)/(d + c)), and the ratio is in [−1, 1]; once more with ±0.42 brings it near zero.
    let ratio = ((d - c) * ONE).checked_div(d + c).unwrap_or(0);
    let (base, u) = if ratio * 100 > 42 * ONE {
        (2 * QUARTER_PI, ((ratio - ONE) * ONE) / (ratio + ONE))
    } else if ratio * 100 < -42 * ONE {
        (0, ((ratio + ONE) * ONE) / (ONE - ratio))
    } else {
        (QUARTER_PI, ratio)
    };
    let square = (u * u) >> 60;
    let (mut sum, mut power, mut odd) = (u, u, 1i64);
    while power.abs() > 1 {
        power = -((power * square) >> 60);
        odd += 2;
        sum += i128::from(i64::try_from(power).unwrap_or(0) / odd);
    }
    i64::try_from(base + sum).unwrap_or(0)
}

/// `sin x` and `cos x`; `None` where the stored bits of 2/π do not suffice.
///
/// `|x| 2/π` modulo 4 (Payne and Hanek 1983) from the window of 2/π that begins two bits above the point and ends a limb below the last unit: what lies
/// below that is less than a unit a digit of x, the floor one more, the error of 2/π itself below 2^(top + 1 − 2048) ≤ 2^−64N−127.
/// `|x| = (quarter + f) π/2` or `(quarter + 1 − f) π/2`, f ≤ 1/2; `r = f π/2 = f + f (π/2 − 1)` is then within `1.6 (2 digits + 1) + N + 1` units.
fn sin_cos_limbs<const N: usize>(x: &Dyadic) -> Option<(Fixed<N>, Fixed<N>)> {
    if x.top()? + 64 * N as i64 + 128 > TWO_OVER_PI_BITS {
        return None;
    }
    let (mut quarter, mut f, mut error) = (0u64, [0; N], 13 * N as u64 + 20);
    let mut first = x.exponent();
    for digit in x.mantissa().iter_u64_digits() {
        let (mut carry, _) = multiply_add(digit, two_over_pi(first + 64 * N as i64), 0, 0);
        for k in 0..N {
            (carry, f[k]) = multiply_add(digit, two_over_pi(first + 64 * (N - 1 - k) as i64), f[k], carry);
        }
        quarter = quarter.wrapping_add(digit.wrapping_mul(two_over_pi(first - 64))).wrapping_add(carry);
        first += 64;
        error += 4;
    }
    let reflected = f[N - 1] >> 63 == 1;
    if reflected {
        (f, quarter) = (sub(&[0; N], &f).0, quarter.wrapping_add(1));
    }
    let (s, v) = sin_versine(add(&f, &mul(&f, &entry(Table::HalfPiLessOne, 0))).0);
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
