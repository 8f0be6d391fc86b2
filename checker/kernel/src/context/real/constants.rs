//! π, 2/π, 2/√π, ln 2 and ln 10.
//!
//! Claim: [`compute`] is within 2 units of `c · 2^bits`. Sources: Machin 1706, π = 16 arctan(1/5) − 4 arctan(1/239), and
//! (Gourdon and Sebah, "The logarithmic constant") ln 2 = 18 A(26) − 2 A(4801) + 8 A(8749), ln 10 = 46 A(31) + 34 A(49) + 20 A(161) with
//! A(n) = artanh(1/n); both are identities of rational numbers, (26+1)/(26−1) = 27/25 and so on.

use super::limbs::{Fixed, first_width, length};
use super::tables::{Table, entry};
use super::{Ball, Mag};
use crate::number::Dyadic;
use num_bigint::BigInt;
use num_traits::{One, Zero};

/// A real constant.
#[derive(Clone, Copy)]
pub(super) enum Constant {
    /// π.
    Pi,
    /// 2/π.
    TwoOverPi,
    /// 2/√π.
    TwoOverRootPi,
    /// ln 2.
    Ln2,
    /// ln 10.
    Ln10,
}

impl Constant {
    /// The `t` with `2^(t−1) ≤ c < 2^t`.
    pub(super) fn top(self) -> i64 {
        match self {
            Constant::Pi | Constant::Ln10 => 2,
            Constant::TwoOverRootPi => 1,
            Constant::TwoOverPi | Constant::Ln2 => 0,
        }
    }

    /// The constant at `precision` bits.
    pub(super) fn ball(self, precision: u64) -> Ball {
        let ball = first_width!(precision, N => {
            let fraction = entry::<N>(Table::Constant(self), 0);
            Fixed { negative: false, whole: 0, fraction, exponent: self.top(), error: 2 }.ball(precision)
        });
        ball.unwrap_or_else(|| Ball::new(Dyadic::zero(), Mag::power_of_two(2)))
    }
}

/// The constant times `2^bits`, within 1.1 units.
pub(super) fn compute(constant: Constant, bits: u64) -> BigInt {
    let (alternating, terms): (bool, &[(i32, u32)]) = match constant {
        Constant::Pi => (true, &[(16, 5), (-4, 239)]),
        Constant::Ln2 => (false, &[(18, 26), (-2, 4801), (8, 8749)]),
        Constant::Ln10 => (false, &[(46, 31), (34, 49), (20, 161)]),
        // The unit of π, the floors of quotient, root and shift cost less than 2^−7 · 3 + 1 units.
        Constant::TwoOverPi => return ((BigInt::one() << (2 * bits + 17)) / compute(Constant::Pi, bits + 8)) >> 8u32,
        Constant::TwoOverRootPi => {
            let q = bits + 8;
            return ((BigInt::one() << (3 * q + 2)) / compute(Constant::Pi, q)).sqrt() >> 8u32; // √(4/π)
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
    let mut power = (BigInt::one() << q) / n;
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
