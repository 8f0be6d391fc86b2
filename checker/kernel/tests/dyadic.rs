//! Dyadic numbers: rounding by hand and against exact fractions.

use num_bigint::BigInt;
use num_rational::BigRational;
use tl_kernel::number::Direction::{Down, Nearest, Up, Zero};
use tl_kernel::number::Dyadic;

/// One case in so many is tried.
const SPARSE: usize = if cfg!(miri) { 101 } else { 1 };

fn d(m: i64, e: i64) -> Dyadic {
    Dyadic::new(BigInt::from(m), e)
}

#[test]
fn rounding_follows_its_direction_on_both_signs() {
    for (m, direction, expected) in [
        (0b1011, Down, 0b101),
        (0b1011, Up, 0b110),
        (0b1011, Zero, 0b101),
        (0b1011, Nearest, 0b110),
        (0b1001, Nearest, 0b100),
        (-0b1011, Down, -0b110),
        (-0b1011, Up, -0b101),
        (-0b1011, Zero, -0b101),
        (-0b1011, Nearest, -0b110),
        (-0b1001, Nearest, -0b100),
    ] {
        assert_eq!(d(m, 0).round(3, direction), (d(expected, 1), false), "{m:b} {direction:?}");
    }
}

#[test]
fn division_and_root_enclose_and_know_when_they_are_exact() {
    assert_eq!(d(3, 0).div_rounded(&d(4, 0), 5, Down), Some((d(3, -2), true)));
    for (p, q) in [(1, 3), (-1, 3), (22, -7), (5, 7)] {
        let exact = BigRational::new(BigInt::from(p), BigInt::from(q));
        let (lo, _) = d(p, 0).div_rounded(&d(q, 0), 20, Down).unwrap_or((Dyadic::zero(), true));
        let (hi, _) = d(p, 0).div_rounded(&d(q, 0), 20, Up).unwrap_or((Dyadic::zero(), true));
        assert!(lo.to_rational() < exact && exact < hi.to_rational(), "{p}/{q}");
        assert!(hi.sub(&lo).top() <= Some(hi.abs().top().unwrap_or(0) - 18));
    }
    for n in (0..2000i64).step_by(SPARSE) {
        for e in [-3, -2, 0, 1] {
            let x = d(n, e);
            let (lo, exact_lo) = x.sqrt_rounded(30, Down).unwrap_or((d(-1, 0), false));
            let (hi, exact_hi) = x.sqrt_rounded(30, Up).unwrap_or((d(-1, 0), false));
            assert!(lo.mul(&lo) <= x && x <= hi.mul(&hi), "{n} {e}");
            assert_eq!(exact_lo, lo == hi);
            assert_eq!(exact_hi, lo == hi);
        }
    }
}

#[test]
fn sums_of_very_different_size_round_as_the_exact_sum_does() {
    for precision in 1..8 {
        for gap in (0..40).step_by(SPARSE.min(13)) {
            for (a, b) in [(5, 3), (5, -3), (-5, 3), (-5, -3), (1, -1), (4, -1), (8, 7)] {
                for direction in [Down, Up, Zero, Nearest] {
                    let (x, y) = (d(a, gap), d(b, 0));
                    assert_eq!(
                        x.add_rounded(&y, precision, direction),
                        x.add(&y).round(precision, direction),
                        "{a} {b} {gap} {precision} {direction:?}"
                    );
                }
            }
        }
    }
    let far = d(1, 1 << 39).add_rounded(&d(-1, -(1 << 39)), 24, Down);
    assert!(far.0 < d(1, 1 << 39) && !far.1);
}

#[test]
fn order_compares_values_not_representations() {
    assert_eq!(d(4, 0), d(1, 2));
    assert!(d(-1, 1 << 39) < d(-1, -(1 << 39)));
    assert!(d(3, 0) > d(1, 1));
    assert_eq!(Dyadic::from_binary32(0x8000_0001), Some(d(-1, -149)));
    assert_eq!(Dyadic::from_binary32(0x7f80_0000), None);
}
