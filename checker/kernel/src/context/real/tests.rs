//! The errors in units that the fixed-point functions claim, measured against the same functions with 200 more bits.
//!
//! The radius of a result hides them (they are far below the rounding error), so the reference values cannot test them.

use super::constants::{Constant, Constants};
use super::exp::expm1_fixed;
use super::fixed::{odd_series, one_fixed};
use super::{Real, erf, log, trig};
use crate::number::Dyadic;
use num_bigint::BigInt;
use num_traits::Signed;

const MORE: u64 = 200;

/// A pseudo-random integer in [0, 2^bits), by a multiplicative generator.
fn random(state: &mut u64, bits: u64) -> BigInt {
    let mut value = BigInt::default();
    for _ in 0..=bits / 32 {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        value = (value << 32u32) + (*state >> 32);
    }
    value % one_fixed(bits)
}

/// Whether `coarse` is within `units` of the value that `fine` gives within as many of its smaller units.
fn agrees(coarse: &BigInt, fine: &BigInt, units: u64) -> bool {
    let difference: BigInt = (coarse << MORE) - fine;
    difference.abs() <= (one_fixed(MORE) + 1u32) * units
}

/// `(bits, r)` with `|r| · 2^−bits < size / 100`, of many magnitudes.
fn arguments(size: u32) -> impl Iterator<Item = (u64, BigInt)> {
    let mut state = 11;
    (0..600u64).map(move |k| {
        let bits = [46, 64, 72, 100, 137, 264, 530, 1050][usize::try_from(k % 8).unwrap_or(0)];
        let scale = k / 8 % 12;
        let r = (random(&mut state, bits) * size / 100u32) >> (scale * scale / 4);
        (bits, r)
    })
}

#[test]
fn exponential_sine_and_series_are_within_their_units() {
    for (bits, r) in arguments(50) {
        for r in [r.clone(), -r] {
            let fine = expm1_fixed(&(&r << MORE), bits + MORE);
            assert!(agrees(&expm1_fixed(&r, bits), &fine, 2), "expm1 {bits} {r}");
        }
    }
    for (bits, r) in arguments(79) {
        let (s, v) = trig::sin_cos_fixed(&r, bits);
        let (fine_s, fine_v) = trig::sin_cos_fixed(&(&r << MORE), bits + MORE);
        assert!(agrees(&s, &fine_s, 2) && agrees(&v, &fine_v, 2), "sin {bits} {r}");
        let (s, c) = trig::sin_cos_of_guess(&(&r * 2u32), bits);
        let (fine_s, fine_c) = trig::sin_cos_of_guess(&(&r << (MORE + 1)), bits + MORE);
        assert!(agrees(&s, &fine_s, 2) && agrees(&c, &fine_c, 2), "guess {bits} {r}");
        let u: BigInt = r >> 11u32;
        for alternating in [false, true] {
            let (sum, n) = odd_series(u.clone(), bits, alternating);
            let (fine, m) = odd_series(&u << MORE, bits + MORE, alternating);
            let units = 3 * n / 2 + 1;
            assert!(m < 20 * (n + 1) && agrees(&sum, &fine, units), "series {bits} {u}");
        }
    }
}

#[test]
fn logarithm_and_angle_are_within_their_units() {
    for (bits, d) in arguments(43) {
        for d in [d.clone(), -d * 30u32 / 43u32] {
            let (value, error) = log::log1p_fixed(&d, bits).unwrap_or_default();
            let (fine, _) = log::log1p_fixed(&(&d << MORE), bits + MORE).unwrap_or_default();
            assert!(error >= 9 && agrees(&value, &fine, error), "log {bits} {d}");
        }
    }
    for (bits, d) in arguments(100) {
        let one = one_fixed(bits);
        for (c, d) in [(&one, &d), (&d, &one)] {
            let (value, error) = trig::direction_fixed(c, d, bits).unwrap_or_default();
            let (c, d) = (c << MORE, d << MORE);
            let (fine, _) = trig::direction_fixed(&c, &d, bits + MORE).unwrap_or_default();
            assert!(error >= 13 && agrees(&value, &fine, error), "angle {bits} {c} {d}");
        }
    }
}

#[test]
fn error_function_series_contain_their_finer_values() {
    for (bits, z) in arguments(100) {
        let z = Dyadic::new(z, 7 - i64::try_from(bits).unwrap_or(0));
        for precision in [40, 90] {
            let coarse = erf::positive_series(&z, precision);
            let fine = erf::positive_series(&z, precision + MORE);
            assert!(coarse.contains(fine.mid()), "positive {z:?} {coarse:?}");
            let far = z.scaled(4);
            let coarse = erf::alternating_series(&far, precision);
            let fine = erf::alternating_series(&far, precision + MORE);
            if let (Some(coarse), Some(fine)) = (coarse, fine) {
                assert!(coarse.contains(fine.mid()), "alternating {z:?} {coarse:?}");
            }
        }
    }
}

#[test]
fn constants_are_within_two_units_stored_or_not() {
    use Constant::{Ln2, Ln10, Pi, TwoOverRootPi};
    let real = Real { precision: 32, constants: Constants::default() };
    for constant in [Pi, TwoOverRootPi, Ln2, Ln10] {
        for bits in [33, 64, 100, 200, 319, 320, 321, 700, 5000] {
            let fine = real.constant_fixed(constant, bits + MORE);
            assert!(agrees(&real.constant_fixed(constant, bits), &fine, 2));
        }
    }
}
