//! Fixed point on the stack: a fraction in [0, 1) as `N` limbs of 64 bits, least first, in units of `2^−64N`.
//!
//! Claim: every function states its error in units; sums and differences are exact modulo 1, products are floors of nearly the whole product.
//! One code serves every width from 1 (a binary32 function) to 144 (4096 bits, as many lost to cancellation, and a guard); the widths that are
//! compiled are those of `first_width`.
//! Cost: `N (N + 1)/2` multiplications a product, no allocation but for the mantissa of a result.

#![expect(
    clippy::indexing_slicing,
    reason = "inner loops over arrays of constant length N; limb k < N by the ranges of the loops"
)]
#![expect(clippy::as_conversions, reason = "the low and high words of a double word, and widths N ≤ 144")]

use super::{Ball, Mag};
use crate::number::Dyadic;
use num_bigint::{BigInt, Sign};

/// `(−1)^negative · (whole + fraction) · 2^exponent`, known within `error` units of `2^(exponent − 64N)`.
pub(super) struct Fixed<const N: usize> {
    pub(super) negative: bool,
    pub(super) whole: u64,
    pub(super) fraction: [u64; N],
    pub(super) exponent: i64,
    pub(super) error: u64,
}

/// The first `Some` among `$body` at `$N` limbs, for the widths from what `$bits` and a guard ask for; `None` when there is none.
macro_rules! first_width {
    ($bits:expr, $N:ident => $body:expr) => {
        first_width!($bits, $N => $body, 1 2 3 4 5 6 7 9 12 18 40 72 144)
    };
    ($bits:expr, $N:ident => $body:expr, $($width:literal)*) => {{
        let limbs = $bits.saturating_add(9).div_ceil(64);
        let mut found = None;
        $(if found.is_none() && limbs <= $width {
            const $N: usize = $width;
            found = $body;
        })*
        found
    }};
}
pub(super) use first_width;

impl<const N: usize> Fixed<N> {
    /// The number rounded to `precision` bits; `None` when its error is not below an eighth of the last of them.
    pub(super) fn ball(&self, precision: u64) -> Option<Ball> {
        let limb = |k: usize| self.fraction.get(k).copied().unwrap_or(if k == N { self.whole } else { 0 });
        let highest = (0..=N).rev().find(|&k| limb(k) != 0)?;
        let excess = (64 * highest as u64 + length(limb(highest))).checked_sub(precision)?;
        if excess < 3 + length(self.error) || precision >= 64 * N as u64 {
            return None;
        }
        let (skipped, shift) = ((excess / 64) as usize, excess % 64);
        let mut carry = limb(((excess - 1) / 64) as usize) >> ((excess - 1) % 64) & 1 == 1; // to nearest
        let mut digits = [[0; 2]; N];
        for (k, pair) in (skipped..).zip(&mut digits) {
            let window = (u128::from(limb(k + 1)) << 64 | u128::from(limb(k))) >> shift;
            let (digit, over) = (window as u64).overflowing_add(carry.into());
            (*pair, carry) = ([digit as u32, (digit >> 32) as u32], over);
        }
        let exact = limb(skipped) & ((1 << shift) - 1) == 0 && (0..skipped).all(|k| limb(k) == 0);
        let sign = if self.negative { Sign::Minus } else { Sign::Plus };
        let mid = BigInt::from_slice(sign, digits.as_flattened());
        let unit = self.exponent - 64 * N as i64;
        Some(Ball::rounded((Dyadic::new(mid, unit + excess as i64), exact), Mag::new(self.error, unit)))
    }
}

/// Whole part (modulo 2^64) and fraction of `|x| · 2^scale`, the latter a floor.
pub(super) fn split<const N: usize>(x: &Dyadic, scale: i64) -> (u64, [u64; N]) {
    let (mut whole, mut fraction) = (0, [0; N]);
    let mut position = x.exponent() + scale + 64 * N as i64; // of a digit, in bits above the last unit
    for digit in x.words() {
        let wide = u128::from(digit) << position.rem_euclid(64);
        let limb = position.div_euclid(64);
        for (limb, bits) in [(limb, wide as u64), (limb + 1, (wide >> 64) as u64)] {
            match usize::try_from(limb) {
                Ok(k) if k < N => fraction[k] |= bits,
                Ok(k) if k == N => whole |= bits,
                _ => {}
            }
        }
        position += 64;
    }
    (whole, fraction)
}

/// `a + b` modulo 1, and whether it is 1 or more.
pub(super) fn add<const N: usize>(a: &[u64; N], b: &[u64; N]) -> ([u64; N], bool) {
    add_carry(a, b, false)
}

/// `a − b` modulo 1, and whether it is negative.
pub(super) fn sub<const N: usize>(a: &[u64; N], b: &[u64; N]) -> ([u64; N], bool) {
    let (difference, carry) = add_carry(a, &b.map(|limb| !limb), true); // a + (1 − unit − b) + unit
    (difference, !carry)
}

fn add_carry<const N: usize>(a: &[u64; N], b: &[u64; N], mut carry: bool) -> ([u64; N], bool) {
    let sum = std::array::from_fn(|k| {
        let (s, first) = a[k].overflowing_add(b[k]);
        let (s, second) = s.overflowing_add(carry.into());
        carry = first | second;
        s
    });
    (sum, carry)
}

/// Number of bits of `n`.
pub(super) fn length(n: u64) -> u64 {
    u64::from(u64::BITS - n.leading_zeros())
}

/// `n` units.
pub(super) fn units<const N: usize>(n: u64) -> [u64; N] {
    std::array::from_fn(|k| if k == 0 { n } else { 0 })
}

/// `a b + c + d`, high and low word: at most (2^64 − 1)² + 2 (2^64 − 1) = 2^128 − 1.
pub(super) fn multiply_add(a: u64, b: u64, c: u64, d: u64) -> (u64, u64) {
    let wide = (u128::from(a) * u128::from(b)).wrapping_add(c.into()).wrapping_add(d.into());
    ((wide >> 64) as u64, wide as u64)
}

/// `a · b` less at most `N` units: the limb products below 2^−64(N+1), fewer than `N` of them, each below a unit, are left out, and a floor.
pub(super) fn mul<const N: usize>(a: &[u64; N], b: &[u64; N]) -> [u64; N] {
    let (mut product, mut guard) = ([0; N], 0);
    for i in 0..N {
        let (mut carry, low) = multiply_add(a[i], b[N - 1 - i], guard, 0);
        guard = low;
        for j in 0..i {
            (carry, product[j]) = multiply_add(a[i], b[N - i + j], product[j], carry);
        }
        product[i] = carry;
    }
    product
}

/// `a · n + carry` units, whole part and fraction, exactly.
pub(super) fn scale<const N: usize>(a: &[u64; N], n: u64, mut carry: u64) -> (u64, [u64; N]) {
    let mut product = [0; N];
    for k in 0..N {
        (carry, product[k]) = multiply_add(a[k], n, carry, 0);
    }
    (carry, product)
}

/// `⌊(whole + a) / 2^count⌋` in units, whole part and fraction.
pub(super) fn shift_right<const N: usize>(whole: u64, a: &[u64; N], count: u64) -> (u64, [u64; N]) {
    let (skipped, shift) = (usize::try_from(count / 64).unwrap_or(usize::MAX), count % 64);
    let limb = |k: usize| match k.saturating_add(skipped) {
        k if k < N => a[k],
        k if k == N => whole,
        _ => 0,
    };
    let window = |k| ((u128::from(limb(k + 1)) << 64 | u128::from(limb(k))) >> shift) as u64;
    (window(N), std::array::from_fn(window))
}

/// `Σ (±x)^k c(k)` over `k < count`, `x ≤ 2^−15` and `c(k) ≤ 1` within a unit below: within `1.1 (N + 1)` units.
///
/// A Horner step errs by at most `2^−15 e + N + 1`; the caller accounts for the terms left out.
pub(super) fn series<const N: usize>(
    x: &[u64; N],
    count: usize,
    alternating: bool,
    c: impl Fn(usize) -> [u64; N],
) -> [u64; N] {
    let mut sum = c(count - 1);
    for k in (0..count - 1).rev() {
        let rest = mul(x, &sum);
        sum = if alternating { sub(&c(k), &rest).0 } else { add(&c(k), &rest).0 };
    }
    sum
}

/// `a / (1 + b)` less at most `3N + 1` units.
///
/// Newton's iteration `i ← i + i e`, `e = 1 − i − i b`, from below: the guess is below 1/(1 + b) by a factor `1 − e`, `e < 2^−61`; `e` is taken `N`
/// units lower to make up for the floor in `i b`, so that `i` stays below and the next `e` is at most `e² + 2N` units. After
/// `⌊log₂ N⌋ + 1` steps `e² ` is below `2^−61(N+1)`, less than a unit for N ≤ 20;
/// for larger N one step more is taken.
pub(super) fn divide<const N: usize>(a: &[u64; N], b: &[u64; N]) -> [u64; N] {
    let mut inverse = [0; N];
    inverse[N - 1] = ((1u128 << 127) / ((1 << 63) + u128::from(b[N - 1] >> 1) + 1)).min(u64::MAX.into()) as u64;
    for _ in 0..=N.ilog2() + u32::from(N > 20) {
        let (rest, _) = sub(&sub(&[0; N], &inverse).0, &mul(&inverse, b));
        let (rest, none) = sub(&rest, &units(N as u64));
        if !none {
            inverse = add(&inverse, &mul(&inverse, &rest)).0;
        }
    }
    mul(a, &inverse)
}

/// `a / b`; `None` when it may be a number of `precision` bits, `a` or `b` is zero, or `precision` is beyond 567 bits, where integers do better.
///
/// `a 2^(−top)` in [1/2, 1) and `b 2^(1 − top)` in [1, 2), floors of less than a unit each, give a quotient that is less than 3N + 2 units too
/// small and a unit too large. It has 64N − 2 bits or more, `guard` or more of them below the first `precision`; near a number of so many bits
/// those are near zero.
pub(super) fn quotient(a: &Dyadic, b: &Dyadic, precision: u64) -> Option<Ball> {
    let exponent = a.top()?.saturating_sub(b.top()?).saturating_add(1);
    let found = first_width!(precision, N => {
        let unit = |x: &Dyadic, top: i64| split::<N>(x, top - x.top().unwrap_or(0)).1;
        let (fraction, error) = (divide(&unit(a, 0), &unit(b, 1)), 3 * N as u64 + 2);
        let guard = (64 * N as u64 - 2 - precision).min(64);
        let inexact = fraction[0].wrapping_add(error) & (u64::MAX >> (64 - guard)) > 2 * error;
        let negative = a.is_negative() != b.is_negative();
        let fixed = Fixed { negative, whole: 0, fraction, exponent, error };
        Some(fixed.ball(precision).filter(|_| inexact))
    }, 1 2 3 4 5 6 7 9);
    found?
}
