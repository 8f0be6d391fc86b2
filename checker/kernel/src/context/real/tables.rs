//! The numbers that the functions look up, each computed once, when it is first asked for, by a plain series of big integers.
//!
//! Claim: an entry is within `1 + 2^−48` units below and `2^−48` above its real number, the unit that of its last limb; it has a limb more
//! than any width that asks for it, so that at `N` limbs it is at most one unit of `2^−64N` below and `2^−64` above.
//! Nothing is stored in the source: what a table says is what the series in this file say.
//! Cost: 10 to 60 µs an entry for widths up to 9 (512 bits and a guard), a millisecond for the widest.

#![expect(clippy::indexing_slicing, reason = "entries are numbered below ENTRIES by the callers, classes below 3")]
#![expect(clippy::as_conversions, reason = "numbers of limbs, entries and levels, below 2^14")]

use super::constants::{Constant, compute};
use super::{Ball, Real};
use crate::number::Dyadic;
use num_bigint::BigInt;
use num_traits::{One, Zero};
use std::sync::OnceLock;

/// Limbs of an entry for widths up to 9, 40 and 144.
const LIMBS: [u64; 3] = [10, 41, 145];
/// Limbs of 2/π: for the widths and arguments below 2^(1152 + P), where P bits ask for half the width or more.
const LIMBS_OF_TWO_OVER_PI: [u64; 3] = [48, 104, 232];
const ENTRIES: usize = 1100;
const ROWS: usize = 17;
/// Limbs, least first.
type Entry = OnceLock<Box<[u64]>>;

/// What is tabulated; `level` l stands for arguments `a = j / 2^(8(l+1))`.
#[derive(Clone, Copy)]
pub(super) enum Table {
    /// `e^a − 1`, a < 0.7.
    Exp(usize),
    /// `−ln(1 − w/2^64)`, `w` the [`reducer`].
    Log(usize),
    /// `sin a`, a < 0.8.
    Sin(usize),
    /// `1 − cos a`, a < 0.8.
    Versine(usize),
    /// `arctan a`.
    Atan(usize),
    /// `1/j`, j > 1.
    Reciprocal,
    /// `1/j!`, j > 1.
    InverseFactorial,
    /// `e^(a²) erfc a` at `a = j/32`, 0 < j ≤ 512.
    ScaledErfc,
    /// `2^k e^(−a²)` at `a = j/32`, k the [`bell_exponent`].
    Bell,
    /// A constant divided by `2^top`.
    Constant(Constant),
}

/// Entry `j` of a table with all its limbs, more than `N` of them.
pub(super) fn wide<const N: usize>(table: Table, j: usize) -> &'static [u64] {
    static TABLES: [OnceLock<Vec<Entry>>; 3] = [const { OnceLock::new() }; 3];
    let (row, j) = match table {
        Table::Exp(level) => (level, j),
        Table::Log(level) => (3 + level, j),
        Table::Sin(level) => (6 + level, j),
        Table::Versine(level) => (8 + level, j),
        Table::Atan(level) => (10 + level, j),
        Table::Reciprocal => (12, j),
        Table::InverseFactorial => (13, j),
        Table::ScaledErfc => (14, j),
        Table::Bell => (15, j),
        Table::Constant(constant) => (16, constant as usize),
    };
    let class = usize::from(N > 9) + usize::from(N > 40);
    let tables = TABLES[class].get_or_init(|| (0..ROWS * ENTRIES).map(|_| OnceLock::new()).collect());
    tables[row * ENTRIES + j].get_or_init(|| computed(table, j as u64, class))
}

/// Entry `j` of a table, cut to `N` limbs.
pub(super) fn entry<const N: usize>(table: Table, j: usize) -> [u64; N] {
    wide::<N>(table, j).last_chunk().copied().unwrap_or([0; N])
}

/// The `w` for which `1 − w/2^64` is nearly `1/(1 + a)`, and above it: for `a = j/2^8`, `⌈2^16/(1 + a)⌉/2^16`; else `1 − a + a²`.
pub(super) fn reducer(level: usize, j: u64) -> u64 {
    match level {
        0 => ((1 << 16) - (1u64 << 24).div_ceil(256 + j)) << 48,
        1 => (j << 48) - ((j * j) << 32),
        _ => (j << 40) - ((j * j) << 16),
    }
}

/// `⌊1.4414 a²⌋`, `a = j/32`: `a² − k ln 2` is in [0, 0.93) for `a ≤ 16`.
pub(super) fn bell_exponent(j: u64) -> u64 {
    (j * j * 369) >> 18
}

/// The sums below err by at most 4 units of `2^−q` a term, and have at most q of them (`q < 2^14`): less than 2^−48 units of `2^−(q − 64)`.
#[cold]
fn computed(table: Table, j: u64, class: usize) -> Box<[u64]> {
    let is_window = matches!(table, Table::Constant(Constant::TwoOverPi));
    let limbs = if is_window { LIMBS_OF_TWO_OVER_PI[class] } else { LIMBS[class] };
    let q = 64 * limbs + 64;
    let one = BigInt::one() << q;
    let argument = |level: usize| BigInt::from(j) << (q - 8 * (level as u64 + 1));
    let value = match table {
        Table::Exp(level) => taylor(j, level, q, [1, 1, 1, 1]),
        Table::Sin(level) => taylor(j, level, q, [0, 1, 0, -1]),
        Table::Versine(level) => taylor(j, level, q, [-1, 0, 1, 0]),
        Table::Log(level) => {
            // Σ v^k / k at v = w/2^64 ≤ 1/2.
            let (mut power, mut sum, mut k) = (one, BigInt::zero(), 0u64);
            while !power.is_zero() {
                k += 1;
                power = (power * reducer(level, j)) >> 64u32;
                sum += &power / k;
            }
            sum
        }
        Table::Atan(level) => {
            // Euler 1755: a/(1 + a²) Σ (2·4·…·2n)/(3·5·…·(2n + 1)) b^n, b = a²/(1 + a²) = j²/d ≤ 1/2.
            let d = j * j + (1 << (16 * (level + 1)));
            let mut term = (argument(level) << (16 * (level + 1))) / d;
            let (mut sum, mut n) = (term.clone(), 0);
            while !term.is_zero() {
                n += 1;
                term = term * (2 * n * j * j) / ((2 * n + 1) * d);
                sum += &term;
            }
            sum
        }
        Table::Reciprocal => one / j.max(1),
        Table::InverseFactorial => one / (1..=j).map(BigInt::from).product::<BigInt>(),
        Table::Constant(constant) => compute(constant, q) >> constant.top(),
        // Values of at most 1, and within a unit of their last bit.
        Table::Bell | Table::ScaledErfc => {
            let real = Real { precision: q };
            let square = Dyadic::new((j * j).into(), -10);
            let ball = match table {
                Table::Bell => real.exp_at(&square.neg(), q).map(|ball| ball.scaled(bell_exponent(j) as i64)),
                _ => real
                    .erfc_series(&Dyadic::new(j.into(), -5), q)
                    .and_then(|tail| Ok(tail.mul(&real.exp_at(&square, q)?, q))),
            };
            ball.map_or(BigInt::zero(), |ball: Ball| ball.mid().scaled(q as i64).floor())
        }
    };
    let mut digits = (value >> 64u32).iter_u64_digits().collect::<Vec<_>>().into_iter();
    (0..limbs).map(|_| digits.next().unwrap_or(0)).collect()
}

/// `Σ s_(k mod 4) a^k / k!` over k ≥ 1 for `a = j / 2^(8(level+1))` of at most 1: a term errs by `e_k ≤ (e_(k−1) + 1)/k + 1 ≤ 2`, the tail is below 6.
fn taylor(j: u64, level: usize, q: u64, signs: [i32; 4]) -> BigInt {
    let (mut term, mut sum) = (BigInt::one() << q, BigInt::zero());
    for (k, sign) in (1..=q).zip(signs.into_iter().cycle().skip(1)) {
        term = ((term * j) >> (8 * (level + 1))) / k;
        if term.is_zero() {
            break;
        }
        sum += &term * sign;
    }
    sum
}
