//! Radii: upper bounds `m · 2^e` with 30-bit `m`, cheap to combine.
//!
//! Claim: every operation returns a number that is at least the exact result of the operation on the stored values; the one exception,
//! [`Mag::below`], says so in its name. Zero is exact, and only zero times or plus zero gives zero.
//! Invariant: balls keep their radii within `2^±EXPONENT_LIMIT` and no expression here multiplies more than a few dozen of them, so that
//! exponents stay far from the ends of `i64`; the saturating additions are never reached.

use crate::number::Dyadic;
use num_bigint::BigInt;
use std::cmp::Ordering;
use std::ops::{Add, Mul};

const BITS: u32 = 30;

/// A nonnegative bound `mantissa · 2^exponent`, the mantissa zero or in `[2^29, 2^30)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mag {
    mantissa: u64,
    exponent: i64,
}

impl Mag {
    /// Zero, exactly.
    pub const ZERO: Mag = Mag { mantissa: 0, exponent: 0 };

    /// The least bound with 30 bits that is at least `mantissa · 2^exponent`.
    pub fn new(mantissa: u64, exponent: i64) -> Self {
        if mantissa == 0 {
            return Mag::ZERO;
        }
        let bits = 64 - mantissa.leading_zeros();
        if bits <= BITS {
            let shift = BITS - bits;
            return Mag { mantissa: mantissa << shift, exponent: exponent.saturating_sub(shift.into()) };
        }
        let shift = bits - BITS;
        let (down, exponent) = (mantissa >> shift, exponent.saturating_add(shift.into()));
        let up = down + u64::from(down << shift != mantissa);
        if up >> BITS == 0 {
            Mag { mantissa: up, exponent }
        } else {
            Mag {
                mantissa: up >> 1, // 2^30 exactly
                exponent: exponent.saturating_add(1),
            }
        }
    }

    /// `1 + self`.
    #[must_use]
    pub fn plus_one(self) -> Self {
        Mag::power_of_two(0) + self
    }

    /// `2^exponent`.
    pub fn power_of_two(exponent: i64) -> Self {
        Mag::new(1, exponent)
    }

    /// An upper bound of `mantissa · 2^exponent`.
    pub fn wide(mantissa: u128, exponent: i64) -> Self {
        let excess = 66u32.saturating_sub(mantissa.leading_zeros());
        let high = u64::try_from(mantissa >> excess).unwrap_or(u64::MAX); // at most 62 bits
        Mag::new(high.saturating_add(u64::from(excess > 0)), exponent.saturating_add(excess.into()))
    }

    /// An upper bound of `|x|`.
    pub fn above(x: &Dyadic) -> Self {
        let (high, exponent, exact) = leading_bits(x);
        Mag::new(high + u64::from(!exact), exponent)
    }

    /// A lower bound of `|x|`, zero only for zero.
    pub fn below(x: &Dyadic) -> Self {
        let (high, exponent, _) = leading_bits(x);
        let excess = (64 - high.leading_zeros()).saturating_sub(BITS);
        Mag::new(high >> excess, exponent.saturating_add(excess.into()))
    }

    /// A lower bound of the bound less anything below `2^(top − 30)`: a unit of its mantissa.
    pub(super) fn less(self) -> Self {
        Mag::new(self.mantissa.saturating_sub(1), self.exponent)
    }

    /// Whether the bound is zero.
    pub fn is_zero(self) -> bool {
        self.mantissa == 0
    }

    /// The `t` with `2^(t−1) ≤ bound < 2^t`; `None` for zero.
    pub fn top(self) -> Option<i64> {
        (self.mantissa != 0).then(|| self.exponent.saturating_add(BITS.into()))
    }

    /// An upper bound of `self / divisor`, the divisor a lower bound; `None` when it is zero.
    pub fn over(self, divisor: Self) -> Option<Self> {
        let quotient = (self.mantissa << BITS).checked_div(divisor.mantissa)?;
        Some(Mag::new(
            quotient + u64::from(self.mantissa != 0),
            self.exponent.saturating_sub(divisor.exponent).saturating_sub(BITS.into()),
        ))
    }

    /// `bound · 2^k`.
    #[must_use]
    pub fn scaled(self, k: i64) -> Self {
        Mag::new(self.mantissa, self.exponent.saturating_add(k))
    }

    /// The bound as a dyadic, exactly.
    pub fn to_dyadic(self) -> Dyadic {
        Dyadic::new(BigInt::from(self.mantissa), self.exponent)
    }

    /// `⌈bound / 2^floor⌉` for a `floor` within 50 bits below the top of the bound or above it.
    pub(super) fn units(self, floor: i64) -> u64 {
        match u32::try_from(self.exponent.saturating_sub(floor)) {
            Ok(shift) => self.mantissa << shift.min(20), // top − floor ≤ 50
            Err(_) => {
                let shift = u32::try_from(floor.abs_diff(self.exponent)).unwrap_or(u32::MAX);
                self.mantissa.checked_shr(shift).unwrap_or(0) + u64::from(self.mantissa != 0)
            }
        }
    }
}

impl Add for Mag {
    type Output = Mag;

    /// An upper bound of the sum.
    fn add(self, other: Mag) -> Mag {
        let (large, small) = (self.max(other), self.min(other));
        if small.mantissa == 0 {
            return large;
        }
        // 30 + 30 bits, the small one aligned by a shift that rounds up.
        let gap = u32::try_from(large.exponent.abs_diff(small.exponent)).unwrap_or(u32::MAX);
        let aligned = (small.mantissa << BITS).checked_shr(gap).unwrap_or(0);
        Mag::new((large.mantissa << BITS) + aligned + 1, large.exponent.saturating_sub(BITS.into()))
    }
}

impl Mul for Mag {
    type Output = Mag;

    /// An upper bound of the product.
    fn mul(self, other: Mag) -> Mag {
        Mag::new(self.mantissa * other.mantissa, self.exponent.saturating_add(other.exponent))
    }
}

/// The up to 63 leading bits `h` of `|x|` with their exponent, `h · 2^e ≤ |x| < (h + 1) · 2^e`, and whether they are all.
fn leading_bits(x: &Dyadic) -> (u64, i64, bool) {
    if let Some(word) = x.word() {
        return (word.unsigned_abs(), x.exponent(), true);
    }
    let (count, mut digits) = (x.bits().div_ceil(64), x.words());
    let (first, second) = (digits.next_back().unwrap_or(0), digits.next_back().unwrap_or(0));
    let both = (u128::from(first) << 64) | u128::from(second);
    let excess = 66u32.saturating_sub(both.leading_zeros());
    let high = u64::try_from(both >> excess).unwrap_or(u64::MAX);
    let below = i64::try_from(count).unwrap_or(i64::MAX).saturating_sub(2) * 64;
    let exponent = x.exponent().saturating_add(below).saturating_add(excess.into());
    (high, exponent, count <= 2 && u128::from(high) << excess == both)
}

impl PartialOrd for Mag {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Mag {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.mantissa, other.mantissa) {
            (0, _) | (_, 0) => self.mantissa.cmp(&other.mantissa),
            (a, b) => self.exponent.cmp(&other.exponent).then(a.cmp(&b)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_never_below_the_exact_value() {
        let values = [0, 1, 3, (1 << 30) - 1, (1 << 30) + 1, (1 << 31) - 1, u64::MAX, 0x1234_5678_9abc_def1];
        for a in values {
            for b in values {
                for e in [-100i64, -31, -3, 0, 1, 40, 70] {
                    let (x, y) = (Dyadic::new(BigInt::from(a), e), Dyadic::new(BigInt::from(b), 0));
                    let (p, q) = (Mag::above(&x), Mag::above(&y));
                    assert!(p.to_dyadic() >= x && Mag::below(&x).to_dyadic() <= x);
                    assert!((p + q).to_dyadic() >= p.to_dyadic().add(&q.to_dyadic()));
                    assert!((p * q).to_dyadic() >= p.to_dyadic().mul(&q.to_dyadic()));
                    if let Some(r) = p.over(q) {
                        assert!(r.to_dyadic().mul(&q.to_dyadic()) >= p.to_dyadic());
                    }
                    assert_eq!(p >= q, p.to_dyadic() >= q.to_dyadic());
                }
            }
            let wide = u128::from(a) * 0xffff_ffff_ffff_fff1;
            let exact = Dyadic::new(BigInt::from(wide), 5);
            assert!(Mag::wide(wide, 5).to_dyadic() >= exact);
            assert!(Mag::wide(wide, 5).to_dyadic() <= exact.mul(&Dyadic::new((1 + (1 << 28)).into(), -28)));
        }
        assert_eq!(Mag::power_of_two(7).to_dyadic(), Dyadic::power_of_two(7));
    }

    #[test]
    fn a_bit_far_below_the_leading_ones_counts_and_its_absence_too() {
        for bits in [70u32, 100, 127, 200] {
            for beside in [0u32, 1] {
                let x = Dyadic::new((BigInt::from(1) << bits) + beside, 3);
                let wide = u128::try_from(x.mantissa().as_ref()).map(|x| Mag::wide(x, 3));
                assert!(Mag::above(&x).to_dyadic() >= x, "2^{bits} + {beside}");
                assert!(wide.map_or(bits == 200, |wide| wide.to_dyadic() >= x), "2^{bits} + {beside}");
                let exact = Mag::above(&x) == Mag::power_of_two(i64::from(bits) + 3);
                assert_eq!(exact, beside == 0 && bits < 128, "2^{bits} + {beside}");
            }
        }
    }

    #[test]
    fn units_are_rounded_up_on_either_side_of_the_exponent() {
        let bound = Mag::new(0x2aaa_aaab, 5);
        for floor in -15..45 {
            let units = BigInt::from(bound.units(floor));
            let [below, units] = [&units - 1, units].map(|units| Dyadic::new(units, floor));
            assert!(below < bound.to_dyadic() && bound.to_dyadic() <= units, "floor {floor}");
        }
    }
}
