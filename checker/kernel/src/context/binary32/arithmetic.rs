//! The operations of IEEE 754-2019 §5.4.1 and §5.3.1 (remainder), and the algebraic ones of §9.2 that integers decide: `rsqrt`, `cbrt`.
//!
//! Claim: the result is the one that "first produced an intermediate result correct to infinite precision and with unbounded range,
//! and then rounded" it (§5.1), flags included. Each function treats NaN, then infinities, then computes on integers: an exact significand, or
//! a truncated one with a sticky last bit, goes to `word::round` and nowhere else.

#![expect(
    clippy::as_conversions,
    reason = "between integer types of the fields of a word: widening, or masked to width where it stands"
)]

use super::environment::{Environment, Flags, RoundingMode};
use super::word::{
    Finite, INFINITY, SIGN, invalid, is_nan, is_sign_minus, is_special, is_zero, neg, propagate, shift_right_sticky,
    signed, unpack,
};
use num_integer::Roots;
use std::cmp::Ordering;

/// `x + y`.
pub fn add(x: u32, y: u32, env: Environment) -> (u32, Flags) {
    if is_special(x) || is_special(y) {
        return add_special(x, y, env);
    }
    sum(unpack(x), unpack(y), env.rounding)
}

/// `x − y`; a NaN `y` is propagated with its own sign.
pub fn sub(x: u32, y: u32, env: Environment) -> (u32, Flags) {
    add(x, if is_nan(y) { y } else { neg(y) }, env)
}

fn add_special(x: u32, y: u32, env: Environment) -> (u32, Flags) {
    if is_nan(x) || is_nan(y) {
        return propagate(&[x, y], env.nan);
    }
    match (is_special(x), is_special(y)) {
        (true, true) if x != y => invalid(env.nan), // ∞ − ∞
        (true, _) => (x, Flags::NONE),
        _ => (y, Flags::NONE),
    }
}

/// The rounded sum of two numbers with significands of at most 48 bits.
fn sum(a: Finite, b: Finite, rounding: RoundingMode) -> (u32, Flags) {
    match (a.significand == 0, b.significand == 0) {
        (true, true) if a.negative != b.negative => return exact_zero(rounding),
        (true, _) => return b.round(rounding),
        (_, true) => return a.round(rounding),
        _ => {}
    }
    // With both leading bits in place 61, a shift of 2 or more leaves a difference of 2^59 or more, so its sticky bit is far below every
    // boundary; a shift of 0 or 1 cuts nothing off, because the last 14 bits are zero.
    let (a, b) = (a.normalised(), b.normalised());
    let exponent = a.exponent.max(b.exponent);
    let total = aligned(a, exponent) + aligned(b, exponent);
    if total == 0 {
        return exact_zero(rounding);
    }
    Finite { negative: total < 0, exponent, significand: total.unsigned_abs() }.round(rounding)
}

/// A significand below 2^62 with its sign, in units of `2^exponent`, sticky.
fn aligned(a: Finite, exponent: i32) -> i64 {
    let magnitude = shift_right_sticky(a.significand, exponent.abs_diff(a.exponent)) as i64; // below 2^62
    let mask = -i64::from(a.negative);
    (magnitude ^ mask) - mask // −magnitude if the mask is −1; no branch on the sign
}

/// §6.3: the sign of a sum that cancels.
fn exact_zero(rounding: RoundingMode) -> (u32, Flags) {
    (signed(0, rounding == RoundingMode::Down), Flags::NONE)
}

/// `x · y`.
pub fn mul(x: u32, y: u32, env: Environment) -> (u32, Flags) {
    if is_special(x) || is_special(y) {
        if is_nan(x) || is_nan(y) {
            return propagate(&[x, y], env.nan);
        }
        if is_zero(x) || is_zero(y) {
            return invalid(env.nan); // 0 · ∞
        }
        return (INFINITY | ((x ^ y) & SIGN), Flags::NONE);
    }
    product(x, y).round(env.rounding)
}

/// The exact product of two finite words: 48 bits at most.
fn product(x: u32, y: u32) -> Finite {
    let (a, b) = (unpack(x), unpack(y));
    Finite {
        negative: a.negative != b.negative,
        exponent: a.exponent + b.exponent,
        significand: a.significand * b.significand,
    }
}

/// `x · y + z`, rounded once. `fma(0, ∞, NaN)` raises invalid, as SoftFloat does (§7.2 c leaves it open).
pub fn fma(x: u32, y: u32, z: u32, env: Environment) -> (u32, Flags) {
    if is_special(x) || is_special(y) || is_special(z) {
        return fma_special(x, y, z, env);
    }
    sum(product(x, y), unpack(z), env.rounding)
}

fn fma_special(x: u32, y: u32, z: u32, env: Environment) -> (u32, Flags) {
    let zero_times_infinity = (is_zero(x) && y & !SIGN == INFINITY) || (is_zero(y) && x & !SIGN == INFINITY);
    if is_nan(x) || is_nan(y) || is_nan(z) {
        let (word, flags) = propagate(&[x, y, z], env.nan);
        return (word, flags | Flags::INVALID.when(zero_times_infinity));
    }
    if zero_times_infinity {
        return invalid(env.nan);
    }
    if is_special(x) || is_special(y) {
        return add_special(INFINITY | ((x ^ y) & SIGN), z, env);
    }
    (z, Flags::NONE)
}

/// `x / y`.
pub fn div(x: u32, y: u32, env: Environment) -> (u32, Flags) {
    let sign = (x ^ y) & SIGN;
    if is_special(x) || is_special(y) || is_zero(y) {
        if is_nan(x) || is_nan(y) {
            return propagate(&[x, y], env.nan);
        }
        return match (is_special(x), is_special(y)) {
            (true, true) => invalid(env.nan), // ∞ / ∞
            (true, false) => (sign | INFINITY, Flags::NONE),
            (false, true) => (sign, Flags::NONE),
            (false, false) if is_zero(x) => invalid(env.nan), // 0 / 0
            (false, false) => (sign | INFINITY, Flags::DIVIDE_BY_ZERO),
        };
    }
    if is_zero(x) {
        return (sign, Flags::NONE);
    }
    // 62 bits over 24 leave a quotient of 38 bits or more.
    let (a, b) = (unpack(x).normalised(), unpack(y));
    let (quotient, remainder) = (a.significand / b.significand, a.significand % b.significand);
    truncated(sign != 0, quotient, a.exponent - b.exponent, remainder != 0).round(env.rounding)
}

/// A number that stands for `±(truncation + δ) · 2^exponent`, `0 < δ < 1` if `sticky`, else `δ = 0`; `2^25 ≤ truncation < 2^63`.
fn truncated(negative: bool, truncation: u64, exponent: i32, sticky: bool) -> Finite {
    Finite { negative, exponent: exponent - 1, significand: (truncation << 1) | u64::from(sticky) }
}

/// `√x`; `√−0 = −0`.
pub fn sqrt(x: u32, env: Environment) -> (u32, Flags) {
    if is_nan(x) {
        return propagate(&[x], env.nan);
    }
    if is_zero(x) || x == INFINITY {
        return (x, Flags::NONE);
    }
    if is_sign_minus(x) {
        return invalid(env.nan);
    }
    // A radicand of 61 or 62 bits over an even power of two has a root of 31 bits.
    let Finite { exponent, significand, .. } = unpack(x).normalised();
    let odd = exponent & 1;
    let radicand = significand >> odd; // the significand has 24 bits above zeros
    let root = square_root(radicand);
    let halved = (exponent + odd) / 2;
    truncated(false, root, halved, root * root != radicand).round(env.rounding)
}

/// `⌊√n⌋` for `2^60 ≤ n < 2^62`.
///
/// Heron's step from any `y > 0` leads to `⌊√n⌋` or more. From 2^30.5, which is within a factor √2 of √n, four steps have the relative excess
/// 0.061, 0.0018, 1.6e−6, 1.3e−12, less than 0.003 units at the end: the result is at most one too large.
fn square_root(n: u64) -> u64 {
    let mut y = 1_518_500_249; // 2^30.5
    for _ in 0..4 {
        y = (y + n / y) / 2;
    }
    y - u64::from(y * y > n)
}

/// `1/√x` (§9.2.1: `±0 ↦ ±∞` with divideByZero, `+∞ ↦ +0`).
pub fn rsqrt(x: u32, env: Environment) -> (u32, Flags) {
    if is_nan(x) {
        return propagate(&[x], env.nan);
    }
    if is_zero(x) {
        return (x | INFINITY, Flags::DIVIDE_BY_ZERO);
    }
    if is_sign_minus(x) {
        return invalid(env.nan);
    }
    if x == INFINITY {
        return (0, Flags::NONE);
    }
    // x = m · 2^e with e even and 1 ≤ m < 2^25: 1/√x = √(2^80 / m) · 2^(−40 − e/2), and √⌊q⌋ and √q have the same integer part.
    let a = unpack(x);
    let odd = a.exponent & 1;
    let m = u128::from(a.significand << odd);
    let root = u128::isqrt((1 << 80) / m);
    let exact = root * root * m == 1 << 80;
    // 2^27 ≤ root ≤ 2^40
    truncated(false, root as u64, -40 - (a.exponent - odd) / 2, !exact).round(env.rounding)
}

/// `∛x`, odd in `x`.
pub fn cbrt(x: u32, env: Environment) -> (u32, Flags) {
    if is_nan(x) {
        return propagate(&[x], env.nan);
    }
    if is_zero(x) || is_special(x) {
        return (x, Flags::NONE);
    }
    // x = m · 2^e, e a multiple of three, 2^82 ≤ m < 2^85: a root of 28 or 29 bits.
    let a = unpack(x).normalised();
    let shift = 21 + a.exponent.rem_euclid(3);
    let m = u128::from(a.significand) << shift;
    let root = m.cbrt();
    let exponent = (a.exponent - shift) / 3; // divisible
    truncated(a.negative, root as u64, exponent, root * root * root != m).round(env.rounding)
}

/// The IEEE remainder `x − y·n`, `n` the integer nearest to `x/y`, ties to even: always exact; a zero has the sign of `x` (§5.3.1).
pub fn rem(x: u32, y: u32, env: Environment) -> (u32, Flags) {
    if is_nan(x) || is_nan(y) {
        return propagate(&[x, y], env.nan);
    }
    if is_special(x) || is_zero(y) {
        return invalid(env.nan);
    }
    if is_special(y) || is_zero(x) {
        return (x, Flags::NONE);
    }
    let (a, b) = (unpack(x).normalised(), unpack(y).normalised());
    // Both have their leading bit in place 61, so |x| < |y|/2 when the exponents differ by 2.
    let mut distance = a.exponent - b.exponent;
    if distance < -1 {
        return (x, Flags::NONE);
    }
    // Integers in units of 2^(b.exponent + 36): the divisor has 26 bits, its last two zero.
    let divisor = b.significand >> 36;
    let (mut rest, mut quotient) = if distance < 0 {
        (a.significand >> 37, 0)
    } else {
        let dividend = a.significand >> 36;
        (dividend % divisor, dividend / divisor)
    };
    while distance > 0 {
        let step = distance.min(32);
        let dividend = rest << step; // rest < 2^26
        (rest, quotient) = (dividend % divisor, dividend / divisor);
        distance -= step;
    }
    let beyond_half = match (2 * rest).cmp(&divisor) {
        Ordering::Less => false,
        Ordering::Equal => quotient & 1 == 1,
        Ordering::Greater => true,
    };
    Finite {
        negative: a.negative != beyond_half,
        exponent: b.exponent + 36,
        significand: if beyond_half { divisor - rest } else { rest },
    }
    .round(env.rounding)
}
