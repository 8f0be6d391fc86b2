//! Conversions: integers, the neighbouring formats, and rounding to an integral value (IEEE 754-2019 §5.3.1, §5.4.1, §5.4.2, §5.8).
//!
//! Claim: each converts the exact value and rounds it once. A conversion to an integer that the target does not hold, NaN and infinities
//! included, is invalid and has *no* value here (`None`): the standard leaves it open, and processors disagree.

#![expect(
    clippy::as_conversions,
    reason = "between integer types of the fields of a word: widening, or masked to width where it stands"
)]

use super::environment::{Environment, Flags, NanPolicy, RoundingMode};
use super::word::{
    Finite, Format, is_nan, is_sign_minus, is_special, is_zero, propagate, round_off, shift_right_sticky, unpack,
};
use std::cmp::Ordering;

/// The integer nearest to `x` in the sense of the rounding mode, if `T` (an integer type of at most 64 bits) holds it; inexact is raised
/// (`convertToIntegerExact…`).
pub fn to_integer<T: TryFrom<i128>>(x: u32, env: Environment) -> (Option<T>, Flags) {
    let outside = (None, Flags::INVALID);
    if is_special(x) {
        return outside;
    }
    let a = unpack(x);
    if a.exponent > 40 {
        return outside; // |x| ≥ 2^23 · 2^41
    }
    let (magnitude, inexact) = integral_magnitude(a, env.rounding);
    let value = i128::from(magnitude);
    match T::try_from(if a.negative { -value } else { value }) {
        Ok(value) => (Some(value), Flags::INEXACT.when(inexact)),
        Err(_) => outside,
    }
}

/// `|a|` rounded to an integer, and whether that was inexact; `a.exponent ≤ 40`.
fn integral_magnitude(a: Finite, rounding: RoundingMode) -> (u64, bool) {
    if a.exponent >= 0 {
        return (a.significand << a.exponent, false);
    }
    // 24 bits above 38 zero bits leave room for the shift; below them it is sticky.
    let aligned = shift_right_sticky(a.significand << 38, a.exponent.unsigned_abs());
    round_off(aligned, 38, a.negative, rounding)
}

/// `x` rounded to an integral value in binary32; inexact is raised (`roundToIntegralExact`). A zero result has the sign of `x`.
pub fn round_to_integral_exact(x: u32, env: Environment) -> (u32, Flags) {
    if is_nan(x) {
        return propagate(&[x], env.nan);
    }
    if is_special(x) || is_zero(x) || unpack(x).exponent >= 0 {
        return (x, Flags::NONE);
    }
    let (significand, inexact) = integral_magnitude(unpack(x), env.rounding);
    // The magnitude has at most 24 bits, so this rounding is exact.
    let negative = is_sign_minus(x);
    let (word, _) = Finite { negative, exponent: 0, significand }.round(env.rounding);
    (word, Flags::INEXACT.when(inexact))
}

/// `x` rounded to an integral value in binary32, without the inexact flag (`roundToIntegralTiesToEven`, …).
pub fn round_to_integral(x: u32, env: Environment) -> (u32, Flags) {
    let (word, flags) = round_to_integral_exact(x, env);
    (word, flags.without(Flags::INEXACT))
}

/// The word nearest to a signed integer (an `i32` widens without loss).
pub fn from_i64(n: i64, env: Environment) -> (u32, Flags) {
    Finite { negative: n < 0, exponent: 0, significand: n.unsigned_abs() }.round(env.rounding)
}

/// The word nearest to an unsigned integer (a `u32` widens without loss).
pub fn from_u64(n: u64, env: Environment) -> (u32, Flags) {
    Finite { negative: false, exponent: 0, significand: n }.round(env.rounding)
}

/// binary32 → binary64, exact.
pub fn to_binary64(x: u32, env: Environment) -> (u64, Flags) {
    convert::<23, 8, 52, 11>(u64::from(x), env)
}

/// binary64 → binary32.
pub fn from_binary64(x: u64, env: Environment) -> (u32, Flags) {
    let (word, flags) = convert::<52, 11, 23, 8>(x, env);
    (word as u32, flags) // a binary32 pattern has 32 bits
}

/// binary32 → binary16.
pub fn to_binary16(x: u32, env: Environment) -> (u16, Flags) {
    let (word, flags) = convert::<23, 8, 10, 5>(u64::from(x), env);
    (word as u16, flags) // a binary16 pattern has 16 bits
}

/// binary16 → binary32, exact.
pub fn from_binary16(x: u16, env: Environment) -> (u32, Flags) {
    let (word, flags) = convert::<10, 5, 23, 8>(u64::from(x), env);
    (word as u32, flags) // a binary32 pattern has 32 bits
}

/// From `Format<F, E>` to `Format<G, H>`. A propagated NaN keeps the leading bits of its payload.
fn convert<const F: u32, const E: u32, const G: u32, const H: u32>(x: u64, env: Environment) -> (u64, Flags) {
    let sign = if x & Format::<F, E>::SIGN != 0 { Format::<G, H>::SIGN } else { 0 };
    let magnitude = x & (Format::<F, E>::SIGN - 1);
    match magnitude.cmp(&Format::<F, E>::INFINITY) {
        Ordering::Less => Format::<G, H>::round(Format::<F, E>::unpack(x), env.rounding),
        Ordering::Equal => (sign | Format::<G, H>::INFINITY, Flags::NONE),
        Ordering::Greater => {
            let quiet = Format::<G, H>::INFINITY | Format::<G, H>::QUIET;
            let payload = magnitude - Format::<F, E>::INFINITY;
            let word = match env.nan {
                NanPolicy::Canonical => quiet,
                NanPolicy::PropagateX86 => {
                    quiet | sign | ((payload << (64 - F)) >> (64 - G)) // aligned at the left
                }
            };
            let signaling = payload & Format::<F, E>::QUIET == 0;
            (word, Flags::INVALID.when(signaling))
        }
    }
}
