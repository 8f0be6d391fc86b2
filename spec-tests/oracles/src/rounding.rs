//! A second rounding into binary32, written apart from the kernel's: of a truncated number, and of a binary64 value with an error bound.
//!
//! Flags are those of IEEE 754-2019 §7, tininess detected after rounding.

use tl_kernel::context::binary32::{Flags, RoundingMode};

/// A word and the flags raised with it.
pub type Outcome = (u32, Flags);

const SIGN: u32 = 1 << 31;
const INFINITY: u32 = 0x7f80_0000;
/// The exponent of the least subnormal number.
const LEAST: i64 = -149;

/// A number `±(significand + δ) · 2^exponent`, `0 < δ < 1` if `sticky`, else `δ = 0`; the first bit of the significand is set.
#[derive(Clone, Copy, Debug)]
pub struct Truncated {
    /// Whether the number is below zero.
    pub negative: bool,
    /// The first 64 bits.
    pub significand: u64,
    /// The exponent of their last.
    pub exponent: i64,
    /// Whether anything follows them.
    pub sticky: bool,
}

impl Truncated {
    /// The word nearest to the number in the sense of `mode`.
    pub fn round(self, mode: RoundingMode) -> Outcome {
        let unbounded = self.exponent + 40; // the exponent of the last of 24 bits
        let quantum = unbounded.max(LEAST);
        if quantum > 127 {
            return overflow(self.negative, mode);
        }
        let (magnitude, inexact) = self.in_units_of(quantum, mode);
        let word = u32::try_from(((quantum - LEAST) << 23) + magnitude).expect("at most 2^32");
        if word >= INFINITY {
            return overflow(self.negative, mode);
        }
        // Tiny: with unbounded exponents the result would be below 2^−126.
        let tiny =
            unbounded < LEAST && !(unbounded == LEAST - 1 && self.in_units_of(unbounded, mode).0 == 1 << 24) && inexact;
        (signed(word, self.negative), raised(Flags::INEXACT, inexact) | raised(Flags::UNDERFLOW, tiny))
    }

    /// The number as a multiple of `2^quantum`, rounded, and whether that was inexact; `quantum ≥ exponent + 40`.
    fn in_units_of(self, quantum: i64, mode: RoundingMode) -> (i64, bool) {
        // The number is total · 2^(exponent − 62), the last bit of total sticky.
        let total = (u128::from(self.significand) << 62) | u128::from(self.sticky);
        let (total, shift) = match quantum - self.exponent {
            far @ 66.. => (1, u32::try_from(far.min(126)).expect("small")), // below a quarter of a unit
            near => (total, u32::try_from(near).expect("positive") + 62),
        };
        let below = total >> shift;
        let rest = total - (below << shift);
        let half = 1 << (shift - 1);
        let up = match mode {
            RoundingMode::NearestEven => rest > half || (rest == half && below % 2 == 1),
            RoundingMode::NearestAway => rest >= half,
            RoundingMode::TowardZero => false,
            RoundingMode::Down => self.negative && rest != 0,
            RoundingMode::Up => !self.negative && rest != 0,
        };
        (i64::try_from(below).expect("24 bits") + i64::from(up), rest != 0)
    }
}

/// What a finite number beyond the largest word becomes (§7.4).
fn overflow(negative: bool, mode: RoundingMode) -> Outcome {
    let to_infinity = match mode {
        RoundingMode::NearestEven | RoundingMode::NearestAway => true,
        RoundingMode::TowardZero => false,
        RoundingMode::Down => negative,
        RoundingMode::Up => !negative,
    };
    let word = if to_infinity { INFINITY } else { INFINITY - 1 };
    (signed(word, negative), Flags::OVERFLOW | Flags::INEXACT)
}

fn signed(magnitude: u32, negative: bool) -> u32 {
    if negative { magnitude | SIGN } else { magnitude }
}

fn raised(flag: Flags, when: bool) -> Flags {
    if when { flag } else { Flags::NONE }
}

/// The units in the last place by which a binary64 oracle may be wrong; CORE-MATH claims one half.
const ALLOWED: u64 = 2;
/// Bits of a binary64 fraction below those of a binary32 one.
const BELOW: u32 = 29;
const HALF: u64 = 1 << (BELOW - 1);

/// The rounding of any number within [`ALLOWED`] units of `wide` and of its sign; `None` where they round apart, or are not surely inexact.
///
/// `surely_inexact` says that the number is no binary32 word, whatever `wide` looks like; an infinite `wide` stands for an overflow.
#[inline]
pub fn of_binary64(wide: f64, surely_inexact: bool, mode: RoundingMode) -> Option<Outcome> {
    let bits = wide.to_bits();
    let magnitude = bits & (u64::MAX >> 1);
    let rest = magnitude & (2 * HALF - 1);
    let normal = ((1023 - 125) << 52..(1023 + 127) << 52).contains(&magnitude);
    let away = |boundary: u64| rest.abs_diff(boundary) > ALLOWED;
    if normal && away(0) && away(HALF) && away(2 * HALF) {
        let negative = wide.is_sign_negative();
        let below = (magnitude >> BELOW) - (896 << 23); // the exponent biased by 127 instead of 1023
        let up = match mode {
            RoundingMode::NearestEven | RoundingMode::NearestAway => rest > HALF,
            RoundingMode::TowardZero => false,
            RoundingMode::Down => negative,
            RoundingMode::Up => !negative,
        };
        let word = u32::try_from(below).expect("31 bits") + u32::from(up);
        return Some((signed(word, negative), Flags::INEXACT));
    }
    either_side(wide, surely_inexact, mode)
}

/// The rounding of both ends of the interval around `wide`.
fn either_side(wide: f64, surely_inexact: bool, mode: RoundingMode) -> Option<Outcome> {
    let negative = wide.is_sign_negative();
    let magnitude = wide.abs().to_bits();
    if wide.is_infinite() {
        return Some(overflow(negative, mode));
    }
    // The number beside an end, towards larger magnitudes: inexact, as the number that is sought.
    let beside = |magnitude: u64| {
        let (field, fraction) = (magnitude >> 52, magnitude & ((1 << 52) - 1));
        let (significand, exponent) = match (field, fraction) {
            (0, 0) => (1, -2000), // nothing that is not zero is as small
            (0, _) => (fraction, -1074),
            _ => (fraction | 1 << 52, i64::try_from(field).expect("11 bits") - 1075),
        };
        let zeros = significand.leading_zeros();
        let exponent = exponent - i64::from(zeros);
        Truncated { negative, significand: significand << zeros, exponent, sticky: true }
    };
    let (low, high) = (beside(magnitude.saturating_sub(ALLOWED + 1)), beside(magnitude + ALLOWED));
    let alike = |mode| (low.round(mode) == high.round(mode)).then(|| low.round(mode));
    let inexact = surely_inexact || (wide != 0.0 && alike(RoundingMode::TowardZero).is_some()); // no word between them
    if inexact { alike(mode) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tl_kernel::context::binary32::convert::from_binary64;
    use tl_kernel::context::binary32::{Environment, NanPolicy};

    /// All pairs of a field around the limits of binary32 and a fraction around the boundaries of its rounding.
    fn numbers() -> impl Iterator<Item = u64> {
        let fields = (868..=900).chain(1020..=1026).chain(1145..=1155);
        const FRACTION: u64 = (1 << 52) - 1;
        let near = |boundary: u64| (0..9).map(move |i| ((boundary & FRACTION) + FRACTION + i - 3) & FRACTION);
        let fractions =
            (0..=32).flat_map(move |bit| near(((1u64 << 52) - 1) >> bit << 20).chain(near((1 << 52) >> bit)));
        fields.flat_map(move |field| fractions.clone().map(move |fraction| (field << 52) | fraction))
    }

    #[test]
    fn a_truncated_number_rounds_as_the_kernel_converts_it() {
        for bits in numbers().flat_map(|bits| [bits, bits | 1 << 63]) {
            let number = Truncated {
                negative: bits >> 63 == 1,
                significand: (bits << 11) | 1 << 63,
                exponent: i64::try_from(bits >> 52 & 2047).unwrap() - 1086,
                sticky: false,
            };
            for rounding in RoundingMode::ALL {
                let expected = from_binary64(bits, Environment { rounding, nan: NanPolicy::Canonical });
                assert_eq!(number.round(rounding), expected, "{bits:016x} {rounding:?}");
            }
        }
    }

    #[test]
    fn what_a_binary64_value_decides_holds_for_both_ends_of_its_interval() {
        let mut decided = 0;
        for bits in numbers().flat_map(|bits| [bits, bits | 1 << 63]) {
            for mode in RoundingMode::ALL {
                let environment = Environment { rounding: mode, nan: NanPolicy::Canonical };
                if let Some((word, flags)) = of_binary64(f64::from_bits(bits), true, mode) {
                    decided += 1;
                    for end in [bits - ALLOWED, bits + ALLOWED] {
                        let (found, raised) = from_binary64(end, environment);
                        let exact = raised == Flags::NONE; // tells nothing of the flags beside it
                        assert!(word == found && (exact || flags == raised), "{bits:016x} {mode:?}");
                    }
                }
            }
        }
        assert!(decided > 100_000, "{decided}");
    }
}
