//! Decimal text of exact numbers, for diagnostics and sentences.

use num_bigint::BigInt;
use num_integer::Integer;
use num_rational::BigRational;
use num_traits::{One, Signed, Zero};

/// `value` in scientific notation with `digits ≥ 1` significant digits, rounded up in magnitude when `up`, else truncated; a value that is
/// cut short ends in `…`. Plain notation is used for exponents from −4 to 9. The caller bounds the size of the number.
pub fn decimal(value: &BigRational, digits: u32, up: bool) -> String {
    if value.is_zero() {
        return "0".into();
    }
    let sign = if value.is_negative() { "-" } else { "" };
    let magnitude = value.abs();
    let mut exponent = exponent_of(&magnitude);
    let scaled = scale(&magnitude, i64::from(digits) - 1 - exponent);
    let (mut mantissa, remainder) = scaled.numer().div_rem(scaled.denom());
    let exact = remainder.is_zero();
    if up && !exact {
        mantissa += 1;
        if mantissa == BigInt::from(10).pow(digits) {
            mantissa /= 10;
            exponent += 1;
        }
    }
    let text = mantissa.to_string();
    let text = if exact { text.trim_end_matches('0').to_string() } else { text };
    let more = if exact || up { "" } else { "…" };
    if (-4..=9).contains(&exponent) {
        return format!("{sign}{}{more}", plain(&text, exponent));
    }
    let (first, rest) = text.split_at(1);
    let point = if rest.is_empty() { "" } else { "." };
    format!("{sign}{first}{point}{rest}{more}e{exponent}")
}

/// Digits with their leading digit at `10^exponent`, without an exponent.
fn plain(digits: &str, exponent: i64) -> String {
    let before = usize::try_from(exponent + 1).unwrap_or(0);
    if before == 0 {
        let zeros = usize::try_from(-exponent - 1).unwrap_or(0);
        return format!("0.{}{digits}", "0".repeat(zeros));
    }
    match digits.split_at_checked(before) {
        Some((whole, "")) => whole.to_string(),
        Some((whole, fraction)) => format!("{whole}.{fraction}"),
        None => format!("{digits}{}", "0".repeat(before - digits.len())),
    }
}

/// The `e` with `10^e ≤ value < 10^(e+1)`, value positive.
fn exponent_of(value: &BigRational) -> i64 {
    let bits = |n: &BigInt| i64::try_from(n.bits()).unwrap_or(i64::MAX);
    // log10 2 ≈ 30103/100000: close enough to start from, then corrected by comparison.
    let mut e = (bits(value.numer()) - bits(value.denom())) * 30_103 / 100_000;
    while scale(value, -e) < BigRational::one() {
        e -= 1;
    }
    while scale(value, -e - 1) >= BigRational::one() {
        e += 1;
    }
    e
}

/// `value · 10^power`.
fn scale(value: &BigRational, power: i64) -> BigRational {
    let factor = BigInt::from(10).pow(u32::try_from(power.unsigned_abs()).unwrap_or(u32::MAX));
    if power >= 0 { value * factor } else { value / factor }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_cut_or_rounded_up_as_asked() {
        for (p, q, digits, up, expected) in [
            (0_i64, 1, 3, false, "0"),
            (1, 1, 3, false, "1"),
            (-1, 3, 3, false, "-0.333…"),
            (1, 3, 3, true, "0.334"),
            (999_999, 1, 3, true, "1000000"),
            (1, 8, 5, false, "0.125"),
            (1, 1_000_000, 2, false, "1e-6"),
            (123_456_789_012_345, 1, 4, false, "1.234…e14"),
            (120, 1, 2, false, "120"),
        ] {
            let value = BigRational::new(BigInt::from(p), BigInt::from(q));
            assert_eq!(decimal(&value, digits, up), expected, "{p}/{q}");
        }
    }
}
