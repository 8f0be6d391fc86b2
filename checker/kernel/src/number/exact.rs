//! Exact numbers as certificates write them: an integer, a decimal, a fraction `p/q`, or a C99 hexadecimal float, always as a string.
//!
//! Claim: [`Exact::parse`] yields the rational number that the text denotes, or an error; nothing is rounded on the way in.
//! Bounds: at most [`MAX_TEXT`] characters and exponents of at most [`MAX_EXPONENT`] in magnitude, checked before any power is formed; and at most
//! [`MAX_BITS`] bits in lowest terms, so that the canonical text, too, has at most [`MAX_TEXT`] characters and parses back.

use crate::number::Dyadic;
use crate::number::decimal::decimal;
use num_bigint::BigInt;
use num_integer::Integer;
use num_rational::BigRational;
use num_traits::{One, Signed, Zero};
use std::fmt;

/// Longest accepted text of an exact number.
pub const MAX_TEXT: usize = 1024;
/// Largest accepted magnitude of a decimal or binary exponent.
pub const MAX_EXPONENT: i64 = 4096;
/// Most bits of the numerator and the denominator in lowest terms together: at most 1,020 digits, so that with
/// a sign and a stroke they fit [`MAX_TEXT`].
pub const MAX_BITS: u64 = 3384;

/// A rational number, exactly.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Exact(BigRational);

impl Exact {
    /// The number denoted by `text`, or what is wrong with it (lower case, no position).
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MAX_TEXT {
            return Err(format!("an exact number has at most {MAX_TEXT} characters"));
        }
        let (negative, magnitude) = signed(text);
        let value = if let Some(hex) = magnitude.strip_prefix("0x") {
            scaled_digits(hex, 16, 'p', 2)?
        } else if let Some((numerator, denominator)) = magnitude.split_once('/') {
            let denominator = digits(denominator, 10)?;
            if denominator.is_zero() {
                return Err("the denominator is zero".into());
            }
            BigRational::new(digits(numerator, 10)?, denominator)
        } else {
            scaled_digits(magnitude, 10, 'e', 10)?
        };
        if value.numer().bits() + value.denom().bits() > MAX_BITS {
            return Err(format!("an exact number has at most {MAX_BITS} bits in lowest terms"));
        }
        Ok(Exact(if negative { -value } else { value }))
    }

    /// The number `numerator / denominator`; `None` when the denominator is zero.
    pub fn fraction(numerator: i64, denominator: i64) -> Option<Self> {
        (denominator != 0).then(|| Exact(BigRational::new(numerator.into(), denominator.into())))
    }

    /// The integer `n`.
    pub fn integer(n: i64) -> Self {
        Exact(BigRational::from_integer(n.into()))
    }

    /// The value of a finite binary32 word.
    pub fn from_binary32(word: u32) -> Option<Self> {
        Dyadic::from_binary32(word).map(|x| Exact(x.to_rational()))
    }

    /// The product, exactly; it may have twice [`MAX_BITS`] bits.
    pub fn times(&self, other: &Exact) -> Exact {
        Exact(&self.0 * &other.0)
    }

    /// The rational value.
    pub fn rational(&self) -> &BigRational {
        &self.0
    }

    /// The value as a dyadic, when its denominator is a power of two.
    pub fn dyadic(&self) -> Option<Dyadic> {
        let zeros = self.0.denom().trailing_zeros().unwrap_or(0);
        ((self.0.denom() >> zeros).is_one())
            .then(|| Dyadic::new(self.0.numer().clone(), i64::try_from(zeros).map_or(0, |z| -z)))
    }

    /// Exact text for people: a decimal where a short one denotes the value, else the canonical text.
    pub fn text(&self) -> String {
        let text = decimal(&self.0, 20, false);
        if text.ends_with('…') || text.contains("…e") { self.to_string() } else { text }
    }

    /// Whether the value is below zero.
    pub fn is_negative(&self) -> bool {
        self.0.is_negative()
    }

    /// Whether the value is zero.
    pub fn is_zero(&self) -> bool {
        self.0.is_zero()
    }
}

/// `digits[.digits][<mark>exponent]` in `radix`, the exponent a decimal power of `base`.
fn scaled_digits(text: &str, radix: u32, mark: char, base: u32) -> Result<BigRational, String> {
    let (mantissa, exponent) = match text.split_once(mark) {
        Some((mantissa, exponent)) => (mantissa, small_integer(exponent)?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() || (mantissa.contains('.') && fraction.is_empty()) {
        return Err("digits are missing beside the point".into());
    }
    let value = digits(&format!("{whole}{fraction}"), radix)?;
    let places = u32::try_from(fraction.len()).map_err(|_| "too many digits".to_string())?;
    let power = BigInt::from(base).pow(exponent.unsigned_abs());
    let scale = BigInt::from(radix).pow(places);
    Ok(if exponent < 0 { lowest(value, scale * power) } else { lowest(value * power, scale) })
}

/// `numerator / denominator` in lowest terms, both positive or the numerator zero. Either may be a power of thousands of bits beside a small number:
/// the remainder of one by the other comes first, which is much cheaper than their greatest common divisor.
fn lowest(numerator: BigInt, denominator: BigInt) -> BigRational {
    if numerator.is_zero() {
        return BigRational::zero();
    }
    let divisor = if numerator < denominator {
        (&denominator % &numerator).gcd(&numerator)
    } else {
        (&numerator % &denominator).gcd(&denominator)
    };
    BigRational::new_raw(numerator / &divisor, denominator / divisor)
}

/// Whether there is a minus sign, and what follows it.
fn signed(text: &str) -> (bool, &str) {
    text.strip_prefix('-').map_or((false, text), |rest| (true, rest))
}

/// A decimal exponent `[+-]digits` within [`MAX_EXPONENT`].
fn small_integer(text: &str) -> Result<i32, String> {
    let (negative, magnitude) = signed(text);
    let magnitude = if negative { magnitude } else { magnitude.strip_prefix('+').unwrap_or(magnitude) };
    let value = digits(magnitude, 10)?;
    let value = i32::try_from(value).ok().filter(|&value| i64::from(value) <= MAX_EXPONENT);
    let value = value.ok_or_else(|| format!("an exponent is at most {MAX_EXPONENT} in magnitude"))?;
    Ok(if negative { -value } else { value })
}

/// A non-empty run of digits of `radix`, nothing else.
fn digits(text: &str, radix: u32) -> Result<BigInt, String> {
    let value = BigInt::parse_bytes(text.as_bytes(), radix).filter(|_| text.chars().all(|c| c.is_digit(radix)));
    let wanted = "an integer, a decimal, a fraction p/q or a hexadecimal float";
    value.ok_or_else(|| format!("expected {wanted}, found {text:?}"))
}

impl fmt::Display for Exact {
    /// The canonical text: `n` or `p/q` in lowest terms, the denominator positive.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_integer() {
            write!(f, "{}", self.0.numer())
        } else {
            write!(f, "{}/{}", self.0.numer(), self.0.denom())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_notation_denotes_its_exact_value() {
        for (text, p, q) in [
            ("0", 0, 1),
            ("-3", -3, 1),
            ("1e-4", 1, 10_000),
            ("2.50", 5, 2),
            ("-7/14", -1, 2),
            ("0x1.8p+1", 3, 1),
            ("-0x0.1p-4", -1, 256),
            ("1e2", 100, 1),
        ] {
            assert_eq!(Exact::parse(text).ok(), Exact::fraction(p, q), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "-",
            "+1",
            " 1",
            "1 ",
            "1.",
            ".5",
            "1/0",
            "1/-2",
            "--1",
            "0x",
            "0x1p",
            "1e",
            "1e99999",
            "nan",
            "inf",
            "1_0",
            "١",
            "1e1.5",
            "0x1p99999999999999999999",
        ] {
            assert!(Exact::parse(text).is_err(), "{text}");
        }
        assert!(Exact::parse(&"1".repeat(2000)).is_err());
    }

    #[test]
    fn every_notation_is_reduced_to_lowest_terms() {
        for text in ["0e-4096", "0.00", "25e-4", "6.250", "1e-900", "5e900", "0x10p-3300", "0x1.80p+3300", "0.0002e900"]
        {
            let parsed = Exact::parse(text).map(|x| x.0);
            let reduced = parsed.clone().map(|q| BigRational::new(q.numer().clone(), q.denom().clone()));
            assert!(
                parsed.is_ok_and(|q| reduced.is_ok_and(|r| (q.numer(), q.denom()) == (r.numer(), r.denom()))),
                "{text}"
            );
        }
    }

    #[test]
    fn text_for_people_is_exact() {
        for text in ["2.5e-9", "-1/3", "0", "1e-5", "0.375", "1e100"] {
            assert_eq!(Exact::parse(text).map(|x| x.text()).as_deref(), Ok(text));
        }
    }

    #[test]
    fn canonical_text_parses_back() {
        for text in ["0", "-1/3", "12345678901234567890/7"] {
            assert_eq!(Exact::parse(text).map(|x| x.to_string()).as_deref(), Ok(text));
        }
    }
}
