//! Fixed point: integers that count units of `2^−bits`, and the two power series that the functions share.
//!
//! Claim: [`taylor`] and [`odd_series`] visit or sum the terms of their series with the errors stated there, in units.

use crate::number::Dyadic;
use num_bigint::BigInt;

/// Calls `add(j, t)` with `t` within 2 units of `y^j / j!` for j = 1, 2, … N, for an exact `y · 2^−q` of magnitude at most 1/2.
///
/// A term computed by a floor and a truncation has an error `e_j ≤ (e_{j−1}/2 + 1)/j + 1 ≤ 2`; `N ≤ q + 1`; the last term is at most 1 in
/// magnitude, truly at most 3, and all that follow sum to less than 3: a sum of the terms, of whatever signs, is within 2N + 3 units.
pub(super) fn taylor(y: &BigInt, q: u64, mut add: impl FnMut(u32, &BigInt)) {
    let mut term = y.clone();
    let mut j = 1u32;
    add(j, &term);
    while term.bits() > 1 {
        j += 1;
        term *= y;
        term >>= q;
        term /= j;
        add(j, &term);
    }
}

/// `Σ (±1)^j u^(2j+1)/(2j+1)`, artanh or arctan, of an exact `u · 2^−bits` of magnitude at most 2^−11, within `3N/2 + 1` units, and N.
///
/// The square is within 1 unit, so a power within `e_j ≤ 2^−22 e_{j−1} + 2^−11 + 1 ≤ 1.01` and its truncated quotient within 1.4; the last
/// power is at most 1 in magnitude, truly at most 2.1, and the tail below 2^−20.
pub(super) fn odd_series(u: BigInt, bits: u64, alternating: bool) -> (BigInt, u64) {
    let square = (&u * &u) >> bits;
    let square = if alternating { -square } else { square };
    let (mut sum, mut power) = (u.clone(), u);
    let mut n = 0u32;
    while power.bits() > 1 {
        n += 1;
        power *= &square;
        power >>= bits;
        sum += &power / (2 * n + 1);
    }
    (sum, n.into())
}

/// A precision as a signed number of bits.
pub(super) fn signed(precision: u64) -> i64 {
    i64::try_from(precision).unwrap_or(i64::MAX >> 2)
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
    i64::try_from(value.bits()).unwrap_or(i64::MAX).saturating_sub(i64::try_from(bits).unwrap_or(i64::MAX))
}

/// `⌊x + 1/2⌋`.
pub(super) fn nearest_integer(x: &Dyadic) -> BigInt {
    (x.scaled(1).floor() + 1) >> 1u32
}
