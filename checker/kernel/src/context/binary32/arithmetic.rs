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
    Finite, INFINITY, SIGN, invalid, is_nan, is_ordinary, is_sign_minus, is_special, is_zero, neg, propagate,
    round_off, shift_right_sticky, signed, unpack,
};
use num_integer::Roots;
use std::cmp::Ordering;

/// `x + y`.
pub fn add(x: u32, y: u32, env: Environment) -> (u32, Flags) {
    if is_special(x) || is_special(y) {
        return add_special(x, y, env);
    }
    sum(unpack(x).raised(38), unpack(y).raised(38), env.rounding)
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

/// The rounded sum of two numbers, each a word with its significand raised by 38 places, or a product of 46 to 48 bits raised to place 60 or 61.
///
/// What has the greater exponent has its leading bit in place 60 or 61, or it is a subnormal word. Beside a leading bit, a shift that cuts
/// anything off (more than 13 places) leaves a sum of 2^59 or more, so its sticky bit is far below every boundary; beside a subnormal word,
/// the boundaries are multiples of the 36th place at least, whatever the sum.
fn sum(a: Finite, b: Finite, rounding: RoundingMode) -> (u32, Flags) {
    let exponent = a.exponent.max(b.exponent);
    let total = aligned(a, exponent) + aligned(b, exponent);
    if total == 0 {
        // §6.3: zeros of one sign keep it; a sum that cancels is +0, downwards −0.
        let negative = if a.negative == b.negative { a.negative } else { rounding == RoundingMode::Down };
        return (signed(0, negative), Flags::NONE);
    }
    Finite { negative: total < 0, exponent, significand: total.unsigned_abs() }.round(rounding)
}

/// A significand below 2^62 with its sign, in units of `2^exponent`, sticky.
fn aligned(a: Finite, exponent: i32) -> i64 {
    let magnitude = shift_right_sticky(a.significand, exponent.abs_diff(a.exponent)) as i64; // below 2^62
    let mask = -i64::from(a.negative);
    (magnitude ^ mask) - mask // −magnitude if the mask is −1; no branch on the sign
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
    if is_special(z) || !is_ordinary(x) || !is_ordinary(y) {
        return fma_special(x, y, z, env);
    }
    sum(product(x, y).normalised(), unpack(z).raised(38), env.rounding)
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
    let magnitude = if is_special(x) || is_special(y) { INFINITY } else { 0 };
    add(magnitude | ((x ^ y) & SIGN), z, env)
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
    // x = n · 2^e with e even and 2^50 ≤ n < 2^52. |y − √n| < 1, so that 2y if y² = n, else the odd number on the side of √n, stands for 2√n,
    // which has 27 bits. The result is a normal number.
    let Finite { exponent, significand, .. } = unpack(x).normalised();
    let odd = exponent & 1;
    let n = significand >> (10 + odd); // the significand has 24 bits above zeros
    let y = near_root(n);
    let root = 2 * y + u64::from(y * y < n) - u64::from(y * y > n);
    let (kept, inexact) = round_off(root, 3, false, env.rounding);
    // The hidden bit, and a carry, count up the exponent field; 150 is that of 2^23.
    (((((exponent + 10 + odd) / 2 + 151) as u32) << 23) + kept as u32, Flags::INEXACT.when(inexact))
}

/// One of the two integers next to `√n`, or `√n` itself: `2^50 ≤ n < 2^52`, a multiple of 2^27.
///
/// First the root of the leading 32 bits, to 16 bits, by a step of Heron from a line that is within 0.0077 of it (the best one for each of the
/// two binades is 0.0076 off, its coefficients are cut): at most 0.00003 too large and, as its divisions round down, less than 1, or 2^-15 of it,
/// too small. A second step from there is at most 2^-31 of itself, or 1/32, too large, and for the same reason less than 1 too small.
fn near_root(n: u64) -> u64 {
    let leading = (n >> 20) as u32; // below 2^32
    let (slope, offset) = if n < 1 << 51 { (13_674, 19_339) } else { (9_669, 27_349) };
    let line = ((u64::from(leading) * slope) >> 30) as u32 + offset; // below 2^17
    let root = u64::from((line + leading / line) / 2);
    ((root << 10) + (n >> 10) / root) / 2
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
