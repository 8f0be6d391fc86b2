//! The numbers that the fixed-point functions look up, each computed once, when it is first asked for, by the big-integer code at 704 bits.
//!
//! Claim: an entry is the floor of its real number at 640 bits, or that floor and one unit of 2^−640; cut to `N ≤ 9` limbs, it is at most one
//! unit of 2^−64N below and 2^−64 units above.
//! Nothing is stored in the source: the tables cannot disagree with the functions that they come from.

#![expect(
    clippy::indexing_slicing,
    reason = "entries are numbered below ENTRIES by the callers, limbs below LIMBS = WIDEST + 1"
)]
#![expect(clippy::as_conversions, reason = "numbers of entries and levels, below 2^9")]

use super::constants::Constant;
use super::fixed::to_fixed;
use super::limbs::WIDEST;
use super::{Ball, Real};
use crate::number::Dyadic;
use num_bigint::BigInt;
use std::sync::OnceLock;

const LIMBS: usize = WIDEST + 1;
const ENTRIES: usize = 260;
/// Precision of the reading that computes an entry; too much for `limbs`, so that the big-integer code does.
const PRECISION: u64 = 704;

/// What is tabulated; `level` l stands for arguments `a = j / 2^(8(l+1))`.
#[derive(Clone, Copy)]
pub(super) enum Table {
    /// `e^a − 1`.
    Exp(usize),
    /// `−ln(1 − w/2^64)`, `w` the [`reducer`].
    Log(usize),
    /// `sin a`.
    Sin(usize),
    /// `1 − cos a`.
    Versine(usize),
    /// `1/j`.
    Reciprocal,
    /// `1/j!`.
    InverseFactorial,
    /// `ln 2`.
    Ln2,
    /// `π/2 − 1`.
    HalfPiLessOne,
}

static ENTRY: [[OnceLock<[u64; LIMBS]>; ENTRIES]; 14] = [const { [const { OnceLock::new() }; ENTRIES] }; 14];

fn slow() -> &'static Real {
    static SLOW: OnceLock<Real> = OnceLock::new();
    SLOW.get_or_init(|| Real::new(PRECISION))
}

/// Bits of 2/π that are kept.
pub(super) const TWO_OVER_PI_BITS: i64 = 2048;

/// 64 bits of 2/π from bit `first` after the point on, zeros before it and after [`TWO_OVER_PI_BITS`]; all together it is within 2 units of the last.
pub(super) fn two_over_pi(first: i64) -> u64 {
    static BITS: OnceLock<[u64; 32]> = OnceLock::new();
    let stored = BITS.get_or_init(|| {
        let pi = slow().constant_fixed(Constant::Pi, 2112);
        let mut digits = ((BigInt::from(2) << 4160u32) / pi).iter_u64_digits().collect::<Vec<_>>().into_iter().rev();
        std::array::from_fn(|_| digits.next().unwrap_or(0))
    });
    let limb = |k: i64| usize::try_from(k).ok().and_then(|k| stored.get(k)).map_or(0, |&limb| u128::from(limb));
    let k = first.div_euclid(64);
    ((limb(k) << 64 | limb(k + 1)) << first.rem_euclid(64) >> 64) as u64
}

/// Entry `j` of a table with all its limbs.
pub(super) fn wide(table: Table, j: usize) -> &'static [u64; LIMBS] {
    let row = match table {
        Table::Exp(level) => level,
        Table::Log(level) => 3 + level,
        Table::Sin(level) => 6 + level,
        Table::Versine(level) => 8 + level,
        Table::Reciprocal => 10,
        Table::InverseFactorial => 11,
        Table::Ln2 => 12,
        Table::HalfPiLessOne => 13,
    };
    ENTRY[row][j].get_or_init(|| compute(table, j))
}

/// Entry `j` of a table, cut to `N` limbs.
pub(super) fn entry<const N: usize>(table: Table, j: usize) -> [u64; N] {
    let limbs = wide(table, j);
    std::array::from_fn(|k| limbs[LIMBS - N + k])
}

/// The `w` for which `1 − w/2^64` is nearly `1/(1 + a)`, and above it: for `a = j/2^8`, `⌈2^16/(1 + a)⌉/2^16`; else `1 − a + a²`.
pub(super) fn reducer(level: usize, j: usize) -> u64 {
    let j = j as u64;
    match level {
        0 => ((1 << 16) - (1u64 << 24).div_ceil(256 + j)) << 48,
        1 => (j << 48) - (j * j << 32),
        _ => (j << 40) - (j * j << 16),
    }
}

#[cold]
fn compute(table: Table, j: usize) -> [u64; LIMBS] {
    let real = slow();
    let argument = |level: usize| Dyadic::new(j.into(), -8 * (level as i64 + 1));
    let one = Dyadic::one();
    let over = |divisor: BigInt| Ball::exact(Dyadic::one()).div(&Ball::exact(Dyadic::new(divisor, 0)), PRECISION);
    let ball = match table {
        Table::Exp(level) => real.expm1_at(&argument(level), PRECISION).ok(),
        Table::Log(level) => {
            real.log_at(&one.sub(&Dyadic::new(reducer(level, j).into(), -64)), PRECISION).ok().map(|ball| ball.neg())
        }
        Table::Sin(level) => Some(real.sin_cos_at(&argument(level), PRECISION).0),
        Table::Versine(level) => Some(Ball::exact(one).sub(&real.sin_cos_at(&argument(level), PRECISION).1, PRECISION)),
        Table::Reciprocal => over(j.into()),
        Table::InverseFactorial => over((1..=j).product()),
        Table::Ln2 => Some(real.constant_ball(Constant::Ln2, PRECISION)),
        Table::HalfPiLessOne => {
            Some(real.constant_ball(Constant::Pi, PRECISION).scaled(-1).sub(&Ball::exact(one), PRECISION))
        }
    };
    let value = ball.map_or(BigInt::ZERO, |ball| to_fixed(ball.mid(), 64 * LIMBS as u64));
    let mut digits = value.iter_u64_digits();
    std::array::from_fn(|_| digits.next().unwrap_or(0))
}
