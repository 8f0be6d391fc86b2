//! π, ln 2 and ln 10 as fixed-point integers, and the fixed-point helpers that the functions share.
//!
//! Claim: [`Real::constant_fixed`] is within 2 units of `c · 2^bits`. Sources: Machin 1706, π = 16 arctan(1/5) − 4 arctan(1/239), and
//! (Gourdon and Sebah, "The logarithmic constant") ln 2 = 18 A(26) − 2 A(4801) + 8 A(8749), ln 10 = 46 A(31) + 34 A(49) + 20 A(161) with
//! A(n) = artanh(1/n); both are identities of rational numbers, (26+1)/(26−1) = 27/25 and so on.
//! Each constant is computed once per reading, at more than twice its precision, and cut down on use.

use super::Real;
use crate::number::Dyadic;
use num_bigint::BigInt;
use num_traits::Zero;
use std::sync::OnceLock;

/// A real constant.
#[derive(Clone, Copy)]
pub(super) enum Constant {
    /// π.
    Pi,
    /// ln 2.
    Ln2,
    /// ln 10.
    Ln10,
}

/// The constants computed so far, each with `Real::constant_bits` fraction bits.
#[derive(Clone, Debug, Default)]
pub(super) struct Constants {
    pi: OnceLock<BigInt>,
    ln2: OnceLock<BigInt>,
    ln10: OnceLock<BigInt>,
}

impl Real {
    /// The constant times `2^bits`, within 2 units.
    pub(super) fn constant_fixed(&self, constant: Constant, bits: u64) -> BigInt {
        let stored = 2 * self.precision + 256;
        if bits > stored {
            return compute(constant, bits);
        }
        let cell = match constant {
            Constant::Pi => &self.constants.pi,
            Constant::Ln2 => &self.constants.ln2,
            Constant::Ln10 => &self.constants.ln10,
        };
        cell.get_or_init(|| compute(constant, stored)) >> (stored - bits)
    }
}

/// The constant times `2^bits`, within 1 unit.
fn compute(constant: Constant, bits: u64) -> BigInt {
    let (alternating, terms): (bool, &[(i32, u32)]) = match constant {
        Constant::Pi => (true, &[(16, 5), (-4, 239)]),
        Constant::Ln2 => (false, &[(18, 26), (-2, 4801), (8, 8749)]),
        Constant::Ln10 => (false, &[(46, 31), (34, 49), (20, 161)]),
    };
    // Each series is within q units (below), the coefficients sum to at most 100: 100 q ≤ 2^(7 + length(q)) ≤ 2^guard / 2.
    let guard = 10 + u64::from(u64::BITS - bits.leading_zeros());
    let total: BigInt = terms
        .iter()
        .map(|&(coefficient, n)| odd_series(n, bits + guard, alternating) * coefficient)
        .sum();
    total >> guard
}

/// `2^q · Σ (±1)^j / ((2j+1) n^(2j+1))` for `n ≥ 5`, within `q` units.
///
/// The powers are floors of floors, each within 1.1 units, each quotient adds 1 more, so a term is within 2.1 units; there are at most
/// `q / log₂ 25 + 1` terms before a power is zero, and the tail is below 1.1 units. For `q ≥ 32` this sums to less than `q`.
fn odd_series(n: u32, q: u64, alternating: bool) -> BigInt {
    let mut power = (BigInt::from(1) << q) / n;
    let mut sum = BigInt::zero();
    let mut denominator = 1u32;
    while !power.is_zero() {
        let term = &power / denominator;
        if alternating && denominator % 4 == 3 {
            sum -= term;
        } else {
            sum += term;
        }
        power /= n * n;
        denominator += 2;
    }
    sum
}

/// `⌊x · 2^bits⌋`. The caller bounds the size of `x` from above.
pub(super) fn to_fixed(x: &Dyadic, bits: u64) -> BigInt {
    x.scaled(i64::try_from(bits).unwrap_or(i64::MAX)).floor()
}

/// `2^bits`.
pub(super) fn one_fixed(bits: u64) -> BigInt {
    BigInt::from(1) << bits
}

/// `−bits`, the exponent of one unit.
pub(super) fn unit(bits: u64) -> i64 {
    i64::try_from(bits).map_or(i64::MIN, |bits| -bits)
}

/// Number of bits of `n`.
pub(super) fn length(n: u64) -> u64 {
    u64::from(u64::BITS - n.leading_zeros())
}

/// How far the leading bit of `value · 2^−bits` lies above the point (negative below it).
pub(super) fn fixed_top(value: &BigInt, bits: u64) -> i64 {
    i64::try_from(value.bits())
        .unwrap_or(i64::MAX)
        .saturating_sub(i64::try_from(bits).unwrap_or(i64::MAX))
}

/// `⌊x + 1/2⌋`.
pub(super) fn nearest_integer(x: &Dyadic) -> BigInt {
    (x.scaled(1).floor() + 1) >> 1u32
}
