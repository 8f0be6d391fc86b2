//! π, 2/√π, ln 2 and ln 10 as fixed-point integers.
//!
//! Claim: [`Real::constant_fixed`] is within 2 units of `c · 2^bits`. Sources: Machin 1706, π = 16 arctan(1/5) − 4 arctan(1/239), and
//! (Gourdon and Sebah, "The logarithmic constant") ln 2 = 18 A(26) − 2 A(4801) + 8 A(8749), ln 10 = 46 A(31) + 34 A(49) + 20 A(161) with
//! A(n) = artanh(1/n); both are identities of rational numbers, (26+1)/(26−1) = 27/25 and so on.
//! Each constant is computed once per reading, with more bits than any function of arguments below 2^(1152 + P) asks for, and cut down on use.

use super::fixed::{length, one_fixed, unit};
use super::{Ball, Real};
use num_bigint::BigInt;
use num_traits::Zero;
use std::sync::OnceLock;

/// A real constant.
#[derive(Clone, Copy)]
pub(super) enum Constant {
    /// π.
    Pi,
    /// 2/√π.
    TwoOverRootPi,
    /// ln 2.
    Ln2,
    /// ln 10.
    Ln10,
}

/// The constants computed so far, each with the fraction bits that `Real::constant_fixed` states.
#[derive(Clone, Debug, Default)]
pub(super) struct Constants {
    pi: OnceLock<BigInt>,
    two_over_root_pi: OnceLock<BigInt>,
    ln2: OnceLock<BigInt>,
    ln10: OnceLock<BigInt>,
}

impl Real {
    /// A constant as a ball.
    pub(super) fn constant_ball(&self, constant: Constant, precision: u64) -> Ball {
        let bits = precision + 4;
        let value = self.constant_fixed(constant, bits);
        Ball::fixed(value, unit(bits), 2, precision)
    }

    /// The constant times `2^bits`, within 2 units.
    pub(super) fn constant_fixed(&self, constant: Constant, bits: u64) -> BigInt {
        let stored = 3 * self.precision + 1280;
        if bits > stored {
            return compute(constant, bits);
        }
        let cell = match constant {
            Constant::Pi => &self.constants.pi,
            Constant::TwoOverRootPi => &self.constants.two_over_root_pi,
            Constant::Ln2 => &self.constants.ln2,
            Constant::Ln10 => &self.constants.ln10,
        };
        cell.get_or_init(|| compute(constant, stored)) >> (stored - bits)
    }
}

/// The constant times `2^bits`, within 1.1 units.
fn compute(constant: Constant, bits: u64) -> BigInt {
    let (alternating, terms): (bool, &[(i32, u32)]) = match constant {
        Constant::Pi => (true, &[(16, 5), (-4, 239)]),
        Constant::Ln2 => (false, &[(18, 26), (-2, 4801), (8, 8749)]),
        Constant::Ln10 => (false, &[(46, 31), (34, 49), (20, 161)]),
        Constant::TwoOverRootPi => {
            // √(4/π): the unit of π, the floors of quotient, root and shift cost less than 2^−7 · 3 + 1 units.
            let q = bits + 8;
            return (one_fixed(3 * q + 2) / compute(Constant::Pi, q)).sqrt() >> 8u32;
        }
    };
    // Each series is within q units (below), the coefficients sum to at most 100: 100 q ≤ 2^(7 + length(q)) ≤ 2^guard / 2.
    let guard = 10 + length(bits);
    let total: BigInt =
        terms.iter().map(|&(coefficient, n)| inverse_series(n, bits + guard, alternating) * coefficient).sum();
    total >> guard
}

/// `2^q · Σ (±1)^j / ((2j+1) n^(2j+1))` for `n ≥ 5`, within `q` units.
///
/// The powers are floors of floors, each within 1.1 units, each quotient adds 1 more, so a term is within 2.1 units; there are at most
/// `q / log₂ 25 + 1` terms before a power is zero, and the tail is below 1.1 units. For `q ≥ 32` this sums to less than `q`.
fn inverse_series(n: u32, q: u64, alternating: bool) -> BigInt {
    let mut power = one_fixed(q) / n;
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
