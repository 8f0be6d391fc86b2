//! Words: how a number becomes a bit pattern, and back.
//!
//! Claim: [`round`] is the IEEE 754-2019 rounding of an exact number into an interchange format (§4.3, with §7.4 overflow and §7.5 underflow);
//! it is the only place of this reading where a number is rounded into a word. Every operation computes its exact result, or a significand
//! that stands for it, and calls it.
//!
//! A significand *stands for* an exact value when it equals it, or when it is odd, has two bits more than the format (26 for binary32), and
//! differs from the value by less than one unit in its last place (the *sticky* bit). `round` cuts off two bits or more of it, so every boundary
//! of the rounding (a word, the midpoint of two words, the tininess threshold) is an even multiple of that unit, and the significand and
//! the value it stands for lie on the same side of each boundary.

#![expect(
    clippy::as_conversions,
    reason = "between integer types of the fields of a word: widening, or masked to width where it stands"
)]

use super::environment::{Flags, NanPolicy, RoundingMode};
use crate::number::{Dyadic, Exact};
use num_bigint::BigUint;
use num_integer::Integer;
use num_traits::{ToPrimitive, Zero};

/// The binary32 word of +∞; every larger magnitude is a NaN.
pub const INFINITY: u32 = 0x7f80_0000;
/// The binary32 word of 1.
pub const ONE: u32 = 0x3f80_0000;
/// The sign bit of a binary32 word.
pub const SIGN: u32 = 0x8000_0000;
/// The bit that tells a quiet NaN from a signalling one.
pub const QUIET: u32 = 0x0040_0000;

/// The number `±significand · 2^exponent`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Finite {
    pub(super) negative: bool,
    pub(super) exponent: i32,
    pub(super) significand: u64,
}

/// The layout of an interchange format (IEEE 754-2019 §3.4): sign, `EXPONENT` bits of biased exponent, `FRACTION` bits.
pub(super) struct Format<const FRACTION: u32, const EXPONENT: u32>;
/// binary32.
type Single = Format<23, 8>;

impl<const FRACTION: u32, const EXPONENT: u32> Format<FRACTION, EXPONENT> {
    const BIAS: i32 = (1 << (EXPONENT - 1)) - 1;
    const MAX_FIELD: i32 = (1 << EXPONENT) - 1;
    pub(super) const SIGN: u64 = 1 << (FRACTION + EXPONENT);
    pub(super) const INFINITY: u64 = ((1 << EXPONENT) - 1) << FRACTION;
    pub(super) const QUIET: u64 = 1 << (FRACTION - 1);

    /// The number that a word denotes; the word is neither an infinity nor a NaN.
    pub(super) fn unpack(word: u64) -> Finite {
        let field = (word >> FRACTION) & ((1 << EXPONENT) - 1);
        let fraction = word & ((1 << FRACTION) - 1);
        Finite {
            negative: word & Self::SIGN != 0,
            // a field of at most 11 bits; field 0 has the exponent of field 1 and no hidden bit
            exponent: (field as i32).max(1) - Self::BIAS - FRACTION as i32,
            significand: (u64::from(field != 0) << FRACTION) | fraction,
        }
    }

    /// The word nearest to `±significand · 2^exponent` in the sense of `rounding`, and the flags this raises. Zero keeps its sign.
    ///
    /// The significand is exact or stands for the exact value (see the header); `|exponent| < 2^30`.
    pub(super) fn round(exact: Finite, rounding: RoundingMode) -> (u64, Flags) {
        let Finite { negative, exponent, significand } = exact;
        let sign = if negative { Self::SIGN } else { 0 };
        if significand == 0 {
            return (sign, Flags::NONE);
        }
        let zeros = significand.leading_zeros();
        let leading = significand << zeros; // the value is leading · 2^(exponent − zeros), and 2^63 ≤ leading < 2^64
        let biased = exponent + 63 - zeros as i32 + Self::BIAS; // zeros < 64

        // Cut off all but FRACTION + 1 bits, or, below the normal range, all bits below the fixed least exponent.
        let (tiny, (kept, inexact)) = if biased >= 1 {
            (false, Self::cut(leading, negative, rounding))
        } else {
            // Tininess after rounding (§7.5 a): would the result with unbounded exponent be below the least normal number?
            let unbounded = Self::cut(leading, negative, rounding).0;
            let tiny = biased < 0 || unbounded >> (FRACTION + 1) == 0;
            let shifted = shift_right_sticky(leading, biased.abs_diff(1));
            (tiny, Self::cut(shifted, negative, rounding))
        };
        // The hidden bit of a normal number, and a carry out of the significand, count up the exponent field by themselves.
        let field = (biased - 1).clamp(0, Self::MAX_FIELD) as u64; // nonnegative after the clamp
        let magnitude = (field << FRACTION) + kept;
        if magnitude >= Self::INFINITY {
            let magnitude = Self::INFINITY - u64::from(!overflows_to_infinity(negative, rounding));
            return (sign | magnitude, Flags::OVERFLOW | Flags::INEXACT);
        }
        let flags = Flags::INEXACT.when(inexact) | Flags::UNDERFLOW.when(inexact && tiny);
        (sign | magnitude, flags)
    }

    /// `significand / 2^(63 − FRACTION)` rounded to an integer, and whether that was inexact.
    fn cut(significand: u64, negative: bool, rounding: RoundingMode) -> (u64, bool) {
        round_off(significand, 63 - FRACTION, negative, rounding)
    }
}

/// `±significand / 2^count` rounded to an integer (its magnitude), and whether that was inexact; `1 ≤ count ≤ 63`.
pub(super) fn round_off(significand: u64, count: u32, negative: bool, rounding: RoundingMode) -> (u64, bool) {
    const HALF: u64 = 1 << 63;
    let kept = significand >> count;
    let rest = significand << (64 - count); // the part cut off, in units of 2^-64
    // The magnitude goes up exactly when `rest` exceeds `limit` (without a branch on data, for speed).
    let limit = match rounding {
        RoundingMode::NearestEven => HALF - (kept & 1), // a tie goes up if `kept` is odd
        RoundingMode::NearestAway => HALF - 1,
        RoundingMode::Down if negative => 0,
        RoundingMode::Up if !negative => 0,
        RoundingMode::TowardZero | RoundingMode::Down | RoundingMode::Up => u64::MAX,
    };
    (kept + u64::from(rest > limit), rest != 0)
}

/// §7.4: whether an overflowing result is an infinity or the largest finite number of its sign.
fn overflows_to_infinity(negative: bool, rounding: RoundingMode) -> bool {
    match rounding {
        RoundingMode::NearestEven | RoundingMode::NearestAway => true,
        RoundingMode::TowardZero => false,
        RoundingMode::Down => negative,
        RoundingMode::Up => !negative,
    }
}

/// `significand / 2^count`, its last bit set when anything was cut off; any count.
pub(super) fn shift_right_sticky(significand: u64, count: u32) -> u64 {
    let count = count.min(63); // at 63 no more than the sticky bit is left
    let cut = significand & ((1 << count) - 1);
    (significand >> count) | u64::from(cut != 0)
}

impl Finite {
    /// The same number with `2^61 ≤ significand < 2^62`; the significand is not zero and below 2^62.
    pub(super) fn normalised(self) -> Finite {
        let shift = (self.significand | 1).leading_zeros() - 2;
        Finite {
            significand: self.significand << shift,
            exponent: self.exponent - shift as i32, // at most 61
            ..self
        }
    }

    /// The same number with `places` zeros below its significand; 62 bits at most.
    pub(super) fn raised(self, places: u32) -> Finite {
        Finite { significand: self.significand << places, exponent: self.exponent - places as i32, ..self }
    }

    /// Rounded to binary32: the last step of every operation.
    pub(super) fn round(self, rounding: RoundingMode) -> (u32, Flags) {
        let (word, flags) = Single::round(self, rounding);
        (word as u32, flags) // a binary32 pattern has 32 bits
    }
}

/// The number that a finite binary32 word denotes.
pub(super) fn unpack(word: u32) -> Finite {
    Single::unpack(u64::from(word))
}

/// Whether the word is neither zero nor an infinity nor a NaN.
pub(super) fn is_ordinary(word: u32) -> bool {
    (word & !SIGN).wrapping_sub(1) < INFINITY - 1
}

/// Whether the word is an infinity or a NaN.
pub(super) fn is_special(word: u32) -> bool {
    word & !SIGN >= INFINITY
}

/// Whether the word is a NaN.
pub fn is_nan(word: u32) -> bool {
    word & !SIGN > INFINITY
}

/// Whether the word is a signalling NaN.
pub fn is_signaling(word: u32) -> bool {
    is_nan(word) && word & QUIET == 0
}

/// Whether the word is a zero of either sign.
pub fn is_zero(word: u32) -> bool {
    word & !SIGN == 0
}

/// Whether the sign bit is set.
pub fn is_sign_minus(word: u32) -> bool {
    word & SIGN != 0
}

/// The result of an operation on `operands` of which one or more is a NaN (§6.2): invalid when one of them signals.
#[cold]
pub(super) fn propagate(operands: &[u32], nan: NanPolicy) -> (u32, Flags) {
    let invalid = operands.iter().any(|&word| is_signaling(word));
    let word = match nan {
        NanPolicy::Canonical => INFINITY | QUIET,
        NanPolicy::PropagateX86 => {
            operands.iter().find(|&&word| is_nan(word)).map_or(SIGN | INFINITY | QUIET, |&word| word | QUIET)
        }
    };
    (word, Flags::INVALID.when(invalid))
}

/// The result of an invalid operation on numbers (§7.2).
#[cold]
pub(super) fn invalid(nan: NanPolicy) -> (u32, Flags) {
    (propagate(&[], nan).0, Flags::INVALID)
}

/// A word with its sign set by `negative`.
pub(super) fn signed(magnitude: u32, negative: bool) -> u32 {
    magnitude | if negative { SIGN } else { 0 }
}

/// The correctly rounded binary32 word of a dyadic number; zero is +0.
pub fn round_dyadic(value: &Dyadic, rounding: RoundingMode) -> (u32, Flags) {
    let (significand, shift) = leading_bits(value.mantissa().magnitude());
    round_wide(value.is_negative(), significand, value.exponent().saturating_add(shift), rounding)
}

/// The correctly rounded binary32 word of a rational number; zero is +0.
pub fn round_exact(value: &Exact, rounding: RoundingMode) -> (u32, Flags) {
    let (numerator, denominator) = (value.rational().numer().magnitude(), value.rational().denom().magnitude());
    // Scale the quotient to 64 bits or more: what is cut off below them is kept as the sticky bit.
    let shift = (denominator.bits() + 65).saturating_sub(numerator.bits());
    let (quotient, remainder) = (numerator << shift).div_rem(denominator);
    let (significand, above) = leading_bits(&quotient);
    let significand = significand | u64::from(!remainder.is_zero());
    round_wide(value.is_negative(), significand, above.saturating_sub_unsigned(shift), rounding)
}

/// `±significand · 2^exponent` rounded. An exponent beyond ±2^20 overflows or vanishes as ±2^20 does.
fn round_wide(negative: bool, significand: u64, exponent: i64, rounding: RoundingMode) -> (u32, Flags) {
    let exponent = exponent.clamp(-(1 << 20), 1 << 20) as i32; // clamped to 21 bits
    Finite { negative, exponent, significand }.round(rounding)
}

/// The first 64 bits of `magnitude` with a sticky last bit, and the number of bits below them.
fn leading_bits(magnitude: &BigUint) -> (u64, i64) {
    let below = magnitude.bits().saturating_sub(64);
    let sticky = magnitude.trailing_zeros().is_some_and(|zeros| zeros < below);
    let leading = (magnitude >> below).to_u64().unwrap_or(u64::MAX); // 64 bits at most
    (leading | u64::from(sticky), i64::try_from(below).unwrap_or(i64::MAX))
}

/// `−x`: the sign bit turned over, NaN included; no flag (§5.5.1).
pub fn neg(x: u32) -> u32 {
    x ^ SIGN
}

/// `|x|`: the sign bit cleared, NaN included; no flag (§5.5.1).
pub fn abs(x: u32) -> u32 {
    x & !SIGN
}
