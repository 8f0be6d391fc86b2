//! Dyadic numbers `m · 2^e`, `m` an unbounded integer: the work-horse of every exact reading.
//!
//! Claim: `neg`, `abs`, `scaled`, `mul`, `add`, `sub`, `cmp` are exact; a function whose name ends in `_rounded` (and `round`) returns
//! the exact result rounded to `precision` significant bits in the stated [`Direction`], never anything else.
//! Every binary32 datum is dyadic, and so is every sum and product of dyadics; only division and roots leave the set.
//!
//! Cost: one big-integer operation each, 30–100 ns at 64–256 bits. Exact addition shifts by the difference of the exponents, so a caller that
//! does not know its operands to be of comparable size uses `add_rounded`, whose shift is bounded by the precision.
//! Invariant: callers keep `|exponent| ≤ EXPONENT_LIMIT` (see [`Dyadic::in_range`]), so that no exponent arithmetic here overflows.

use num_bigint::{BigInt, BigUint};
use num_integer::Integer;
use num_rational::BigRational;
use num_traits::{One, Signed, Zero};
use std::borrow::Cow;
use std::cmp::Ordering;

/// Largest `|exponent|` that a reading lets through; beyond it evaluation stops with a limit.
pub const EXPONENT_LIMIT: i64 = 1 << 40;

/// Rounding direction of a dyadic result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Towards −∞.
    Down,
    /// Towards +∞.
    Up,
    /// Towards zero.
    Zero,
    /// To nearest, ties to the even mantissa.
    Nearest,
}

/// The number `mantissa · 2^exponent`. Not normalised: equality compares values, not representations.
#[derive(Clone, Debug)]
pub struct Dyadic {
    mantissa: Mantissa,
    exponent: i64,
}

/// An integer, without a detour through the heap while it fits a word: a binary32 datum is read where it stands.
#[derive(Clone, Debug)]
enum Mantissa {
    /// Above −2^63.
    Short(i64),
    /// All others.
    Long(BigInt),
}

impl Dyadic {
    /// `mantissa · 2^exponent`.
    pub fn new(mantissa: BigInt, exponent: i64) -> Self {
        match i64::try_from(&mantissa) {
            Ok(short) if short > i64::MIN => Dyadic::short(short, exponent),
            _ => Dyadic { mantissa: Mantissa::Long(mantissa), exponent },
        }
    }

    /// `mantissa · 2^exponent`, the mantissa above −2^63.
    fn short(mantissa: i64, exponent: i64) -> Self {
        Dyadic { mantissa: Mantissa::Short(mantissa), exponent: if mantissa == 0 { 0 } else { exponent } }
    }

    /// `mantissa · 2^exponent`.
    pub(crate) fn wide(mantissa: i128, exponent: i64) -> Self {
        match i64::try_from(mantissa) {
            Ok(short) if short > i64::MIN => Dyadic::short(short, exponent),
            _ => Dyadic { mantissa: Mantissa::Long(mantissa.into()), exponent },
        }
    }

    /// Zero.
    pub fn zero() -> Self {
        Dyadic::short(0, 0)
    }

    /// One.
    pub fn one() -> Self {
        Dyadic::short(1, 0)
    }

    /// `2^exponent`.
    pub fn power_of_two(exponent: i64) -> Self {
        Dyadic::short(1, exponent)
    }

    /// The integer `n`.
    pub fn integer(n: i64) -> Self {
        Dyadic::wide(n.into(), 0)
    }

    /// The value of a binary32 word; `None` for infinities and NaN.
    pub fn from_binary32(word: u32) -> Option<Self> {
        let fraction = word & 0x007f_ffff;
        let (significand, exponent) = match (word >> 23) & 0xff {
            0xff => return None,
            0 => (fraction, -149),
            biased => (fraction | 0x0080_0000, i64::from(biased) - 150),
        };
        let magnitude = i64::from(significand);
        Some(Dyadic::short(if word >> 31 == 1 { -magnitude } else { magnitude }, exponent))
    }

    /// The mantissa `m` of `m · 2^e`.
    pub fn mantissa(&self) -> Cow<'_, BigInt> {
        match &self.mantissa {
            Mantissa::Short(short) => Cow::Owned(BigInt::from(*short)),
            Mantissa::Long(long) => Cow::Borrowed(long),
        }
    }

    /// The mantissa where it fits a word with its sign; it is above −2^63.
    pub(crate) fn word(&self) -> Option<i64> {
        match self.mantissa {
            Mantissa::Short(short) => Some(short),
            Mantissa::Long(_) => None,
        }
    }

    /// The words of the magnitude of the mantissa, the least first.
    pub(crate) fn words(&self) -> impl DoubleEndedIterator<Item = u64> {
        let (short, long) = match &self.mantissa {
            Mantissa::Short(short) => (Some(short.unsigned_abs()), None),
            Mantissa::Long(long) => (None, Some(long.iter_u64_digits())),
        };
        short.into_iter().chain(long.into_iter().flatten())
    }

    /// The exponent `e` of `m · 2^e`.
    pub fn exponent(&self) -> i64 {
        self.exponent
    }

    /// Whether the value is zero.
    pub fn is_zero(&self) -> bool {
        matches!(self.mantissa, Mantissa::Short(0))
    }

    /// −1, 0 or 1.
    pub fn signum(&self) -> i32 {
        i32::from(!self.is_zero()) - 2 * i32::from(self.is_negative())
    }

    /// Whether the value is below zero.
    pub fn is_negative(&self) -> bool {
        match &self.mantissa {
            Mantissa::Short(short) => *short < 0,
            Mantissa::Long(long) => long.is_negative(),
        }
    }

    /// Number of bits of the mantissa.
    pub fn bits(&self) -> u64 {
        match &self.mantissa {
            Mantissa::Short(short) => u64::from(64 - short.unsigned_abs().leading_zeros()),
            Mantissa::Long(long) => long.bits(),
        }
    }

    /// The `t` with `2^(t−1) ≤ |x| < 2^t`; `None` for zero.
    pub fn top(&self) -> Option<i64> {
        (!self.is_zero()).then(|| self.exponent.saturating_add(self.bits().try_into().unwrap_or(i64::MAX)))
    }

    /// Whether the exponents of the first and the last bit are within [`EXPONENT_LIMIT`].
    pub fn in_range(&self) -> bool {
        self.exponent.abs() <= EXPONENT_LIMIT && self.top().is_none_or(|top| top.abs() <= EXPONENT_LIMIT)
    }

    /// `−x`.
    pub fn neg(&self) -> Self {
        let mantissa = match &self.mantissa {
            Mantissa::Short(short) => Mantissa::Short(-short),
            Mantissa::Long(long) => Mantissa::Long(-long),
        };
        Dyadic { mantissa, exponent: self.exponent }
    }

    /// `|x|`.
    pub fn abs(&self) -> Self {
        if self.is_negative() { self.neg() } else { self.clone() }
    }

    /// `x · 2^k`.
    pub fn scaled(&self, k: i64) -> Self {
        let exponent = if self.is_zero() { 0 } else { self.exponent.saturating_add(k) };
        Dyadic { mantissa: self.mantissa.clone(), exponent }
    }

    /// `x · y`.
    pub fn mul(&self, other: &Self) -> Self {
        let exponent = self.exponent.saturating_add(other.exponent);
        match (self.word(), other.word()) {
            (Some(a), Some(b)) => Dyadic::wide(i128::from(a).wrapping_mul(b.into()), exponent), // below 2^126
            _ => Dyadic::new(&*self.mantissa() * &*other.mantissa(), exponent),
        }
    }

    /// `x + y`. The result has up to `|e_x − e_y|` more bits than the operands.
    pub fn add(&self, other: &Self) -> Self {
        if self.is_zero() {
            return other.clone();
        }
        if other.is_zero() {
            return self.clone();
        }
        let exponent = self.exponent.min(other.exponent);
        // Within 2^62 places, one of them shifted by 62 at most: below 2^126.
        if let (Some(a), Some(b), 0..=62) = (self.word(), other.word(), self.exponent.abs_diff(other.exponent)) {
            let at = |word: i64, from: &Self| i128::from(word) << from.exponent.abs_diff(exponent);
            return Dyadic::wide(at(a, self).wrapping_add(at(b, other)), exponent);
        }
        Dyadic::new(self.mantissa_at(exponent) + other.mantissa_at(exponent), exponent)
    }

    /// `x − y`.
    pub fn sub(&self, other: &Self) -> Self {
        self.add(&other.neg())
    }

    /// Upper bound on the number of bits of the exact sum `x + y`.
    pub(crate) fn sum_bits(&self, other: &Self) -> u64 {
        match (self.top(), other.top()) {
            (Some(a), Some(b)) => a.max(b).abs_diff(self.exponent.min(other.exponent)).saturating_add(1),
            _ => self.bits().max(other.bits()),
        }
    }

    /// The mantissa of this value written with `exponent ≤ self.exponent`.
    fn mantissa_at(&self, exponent: i64) -> BigInt {
        &*self.mantissa() << self.exponent.abs_diff(exponent)
    }

    /// The value with an odd mantissa (or zero): the unique shortest form.
    pub fn normalised(&self) -> Self {
        let mantissa = self.mantissa();
        match mantissa.trailing_zeros() {
            None | Some(0) => self.clone(),
            Some(zeros) => Dyadic::new(&*mantissa >> zeros, self.exponent.saturating_add_unsigned(zeros)),
        }
    }

    /// The value rounded to at most `precision ≥ 1` significant bits, and whether that was exact.
    pub fn round(&self, precision: u64, direction: Direction) -> (Self, bool) {
        let excess = self.bits().saturating_sub(precision);
        if excess == 0 {
            return (self.clone(), true);
        }
        let (mantissa, exact) = shift_right(&self.mantissa(), excess, direction);
        (Dyadic::new(mantissa, self.exponent.saturating_add_unsigned(excess)), exact)
    }

    /// `x + y` rounded to `precision` bits, and whether that was exact. Operands of very different size cost no more than equal ones.
    pub fn add_rounded(&self, other: &Self, precision: u64, direction: Direction) -> (Self, bool) {
        let (large, small) = match (self.top(), other.top()) {
            (None, _) => return other.round(precision, direction),
            (_, None) => return self.round(precision, direction),
            (Some(a), Some(b)) if a >= b => (self, other),
            _ => (other, self),
        };
        // When the small operand lies wholly below a position that is itself below both the last bit of the large one and every bit
        // (including the half bit of a nearest rounding) that the result can keep, any nonzero value there with the same sign rounds alike.
        let (large_top, small_top) = (large.top().unwrap_or(0), small.top().unwrap_or(0));
        let guard = i64::try_from(precision).unwrap_or(i64::MAX).saturating_add(3);
        let floor = large.exponent.min(large_top.saturating_sub(guard)).saturating_sub(2);
        if small_top < floor {
            let sticky = Dyadic::short(small.signum().into(), floor.saturating_sub(1));
            return (large.add(&sticky).round(precision, direction).0, false);
        }
        large.add(small).round(precision, direction)
    }

    /// `x · y` rounded to `precision` bits, and whether that was exact.
    pub(crate) fn mul_rounded(&self, other: &Self, precision: u64, direction: Direction) -> (Self, bool) {
        self.mul(other).round(precision, direction)
    }

    /// `x / y` rounded to `precision` bits, and whether that was exact; `None` when `y` is zero.
    pub fn div_rounded(&self, other: &Self, precision: u64, direction: Direction) -> Option<(Self, bool)> {
        if other.is_zero() {
            return None;
        }
        if self.is_zero() {
            return Some((Dyadic::zero(), true));
        }
        // Quotient with at least precision + 2 bits, its last bit made sticky when the division leaves a remainder.
        let shift = (precision + 3 + other.bits()).saturating_sub(self.bits());
        let (quotient, remainder) = (&*self.mantissa() << shift).div_rem(&*other.mantissa());
        let exact = remainder.is_zero();
        let sign = if self.is_negative() == other.is_negative() { 1 } else { -1 };
        let quotient = if exact { quotient << 1 } else { (quotient << 1) + sign };
        let exponent = self.exponent.saturating_sub(other.exponent).saturating_sub_unsigned(shift + 1);
        let (rounded, fits) = Dyadic::new(quotient, exponent).round(precision, direction);
        Some((rounded, exact && fits))
    }

    /// `√x` rounded to `precision` bits, and whether that was exact; `None` when `x` is negative.
    pub fn sqrt_rounded(&self, precision: u64, direction: Direction) -> Option<(Self, bool)> {
        if self.is_negative() {
            return None;
        }
        if self.is_zero() {
            return Some((Dyadic::zero(), true));
        }
        // Scale by an even power of two so that the integer root has at least precision + 2 bits, then make the last bit sticky.
        let mut shift = (2 * precision + 6).saturating_sub(self.bits());
        if (self.exponent.rem_euclid(2) == 1) != (shift % 2 == 1) {
            shift += 1;
        }
        let radicand: BigUint = self.mantissa().magnitude() << shift;
        let root = radicand.sqrt();
        let exact = &root * &root == radicand;
        let root = BigInt::from(root << 1u32) + i32::from(!exact);
        let exponent = self.exponent.saturating_sub_unsigned(shift).div_euclid(2) - 1;
        let (rounded, fits) = Dyadic::new(root, exponent).round(precision, direction);
        Some((rounded, exact && fits))
    }

    /// The value rounded in `direction` to a multiple of `2^exponent`; a value that already is one is unchanged.
    pub fn to_grid(&self, exponent: i64, direction: Direction) -> Self {
        if self.exponent >= exponent {
            return self.clone();
        }
        // Below half the grid no bit of the mantissa is left to tell: a few bits stand for all of it.
        let count = exponent.abs_diff(self.exponent).min(self.bits() + 2);
        Dyadic::new(shift_right(&self.mantissa(), count, direction).0, exponent)
    }

    /// The greatest integer not above the value. The caller bounds the exponent: the result has `top` bits.
    pub fn floor(&self) -> BigInt {
        if self.exponent >= 0 {
            self.mantissa_at(0)
        } else {
            shift_right(&self.mantissa(), self.exponent.unsigned_abs(), Direction::Down).0
        }
    }

    /// The value as a fraction. The caller bounds the exponent.
    pub fn to_rational(&self) -> BigRational {
        if self.exponent >= 0 {
            BigRational::from_integer(self.mantissa_at(0))
        } else {
            let short = self.normalised();
            BigRational::new_raw(
                &*short.mantissa() << short.exponent.max(0).unsigned_abs(),
                BigInt::one() << short.exponent.min(0).unsigned_abs(),
            )
        }
    }
}

/// `m / 2^count` rounded to an integer, and whether that was exact.
fn shift_right(mantissa: &BigInt, count: u64, direction: Direction) -> (BigInt, bool) {
    let exact = mantissa.trailing_zeros().is_none_or(|zeros| zeros >= count);
    let down = mantissa >> count; // num-bigint: floor for negative values
    if exact {
        return (down, true);
    }
    let up = match direction {
        Direction::Down => false,
        Direction::Up => true,
        Direction::Zero => mantissa.is_negative(),
        Direction::Nearest => {
            let tie = mantissa.trailing_zeros() == Some(count - 1);
            mantissa.bit(count - 1) && (!tie || down.is_odd())
        }
    };
    (if up { down + 1 } else { down }, false)
}

impl PartialEq for Dyadic {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Dyadic {}

impl PartialOrd for Dyadic {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Dyadic {
    fn cmp(&self, other: &Self) -> Ordering {
        // Same sign: the leading bit decides unless it is in the same place, and then the shift below is bounded by the mantissas.
        let by_magnitude = || {
            let exponent = self.exponent.min(other.exponent);
            let magnitudes = || self.mantissa_at(exponent).magnitude().cmp(other.mantissa_at(exponent).magnitude());
            self.top().cmp(&other.top()).then_with(magnitudes)
        };
        let same_sign = || if self.is_negative() { by_magnitude().reverse() } else { by_magnitude() };
        self.signum().cmp(&other.signum()).then_with(same_sign)
    }
}
