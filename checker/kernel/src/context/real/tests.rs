//! The errors in units that the fixed-point functions claim, measured against the same functions with more limbs.
//!
//! The radius of a result hides them (they are far below the rounding error), so the reference values cannot test them.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use super::constants::{Constant, compute};
use super::limbs::{Fixed, divide, mul, series, split};
use super::tables::{Table, entry, wide};
use super::{Real, atan, erf, exp, hyperbolic, log, sinh, trig};
use crate::number::Dyadic;
use num_bigint::{BigInt, Sign};
use num_traits::{One, Signed};

/// Width of the reference values.
const FINE: usize = 12;

/// A pseudo-random integer in [0, 2^(64 count)), by a multiplicative generator.
fn random(state: &mut u64, count: usize) -> BigInt {
    let mut value = BigInt::default();
    for _ in 0..2 * count {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        value = (value << 32u32) + (*state >> 32);
    }
    value
}

fn integer<const N: usize>(limbs: &[u64; N]) -> BigInt {
    let halves: Vec<u32> = limbs.iter().flat_map(|&limb| [limb as u32, (limb >> 32) as u32]).collect();
    BigInt::from_slice(Sign::Plus, &halves)
}

fn value<const N: usize>(x: &Fixed<N>) -> (Dyadic, Dyadic) {
    let size = (BigInt::from(x.whole) << (64 * N)) + integer(&x.fraction);
    let unit = x.exponent - 64 * N as i64;
    (Dyadic::new(if x.negative { -size } else { size }, unit), Dyadic::new(x.error.into(), unit))
}

/// Whether the number is within its error of the finer one, give or take the error of that.
fn agrees<const N: usize>(coarse: &Fixed<N>, fine: &Fixed<FINE>) -> bool {
    let ((coarse, error), (fine, fine_error)) = (value(coarse), value(fine));
    coarse.sub(&fine).abs() <= error.add(&fine_error)
}

/// Arguments of 24 to 700 bits and of magnitudes from 2^lo to 2^hi, of both signs.
fn arguments(lo: i64, hi: i64) -> impl Iterator<Item = Dyadic> {
    let mut state = 11;
    (0..400usize).map(move |k| {
        let mantissa = random(&mut state, 11) >> [680u32, 640, 592, 384, 0][k % 5];
        let mantissa = if k % 2 == 0 { -mantissa } else { mantissa } * 2 + 1;
        let x = Dyadic::new(mantissa, 0);
        x.scaled(lo + k as i64 / 2 % (hi - lo + 1) - x.top().unwrap_or(0))
    })
}

/// Checks `$coarse` at widths 1 to 9 against 12 limbs for every argument.
macro_rules! every_width {
    ($x:ident in $arguments:expr, $N:ident => $fixed:expr) => {
        for $x in $arguments {
            let fine = { const $N: usize = FINE; $fixed };
            every_width!(@ $x, fine, $N => $fixed, 1 2 3 5 9);
        }
    };
    (@ $x:ident, $fine:ident, $N:ident => $fixed:expr, $($width:literal)*) => { $({
        const $N: usize = $width;
        let coarse = $fixed;
        assert!(agrees(&coarse, &$fine), "{} at {:?}, {} limbs: {:?} {:?}", stringify!($fixed), $x, $N, value(&coarse), value(&$fine));
    })* };
}

#[test]
fn exponentials_are_within_their_units() {
    every_width!(x in arguments(-30, 40), N => exp::exp_limbs::<N>(&x));
    every_width!(x in arguments(-30, 12), N => exp::expm1_limbs::<N>(&x));
    every_width!(x in arguments(-30, 9), N => hyperbolic::tanh_limbs::<N>(&x));
    every_width!(x in arguments(-30, 12), N => sinh::sinh_limbs::<N>(&x, true));
    every_width!(x in arguments(-30, 12), N => sinh::sinh_limbs::<N>(&x, false));
}

#[test]
fn logarithms_are_within_their_units() {
    every_width!(x in arguments(-30, -1), N => log::log1p_limbs::<N>(&x));
    let fraction = |x: &Dyadic| super::limbs::split::<12>(x, 0).1;
    for x in arguments(-2, 1) {
        let t = fraction(&x);
        for n in [-(1 << 40), -3, -1, 0, 1, 5, 1 << 40] {
            let fine = log::log_reduced(n, t);
            assert!(agrees(&log::log_reduced::<1>(n, [t[11]]), &fine), "{n} {x:?}");
            assert!(agrees(&log::log_reduced::<2>(n, [t[10], t[11]]), &fine), "{n} {x:?}");
            assert!(agrees(&log::log_reduced::<5>(n, std::array::from_fn(|k| t[7 + k])), &fine), "{n} {x:?}");
        }
    }
}

#[test]
fn circular_functions_and_their_inverse_are_within_their_units() {
    every_width!(x in arguments(-30, 700), N => trig::sin_cos_limbs::<N>(&x).unwrap().0);
    every_width!(x in arguments(-30, 700), N => trig::sin_cos_limbs::<N>(&x).unwrap().1);
    every_width!(x in arguments(-30, 30), N => atan::atan_limbs::<N>(&x));
    every_width!(x in [1, 2, 4, -1].map(Dyadic::integer), N => atan::atan_limbs::<N>(&x));
}

#[test]
fn error_functions_are_within_their_units() {
    every_width!(x in arguments(-30, 3), N => erf::erf_limbs::<N>(&x).map(|[erf, _]| erf).unwrap());
    every_width!(x in arguments(-30, 4), N => erf::erf_limbs::<N>(&x).map(|[_, erfc]| erfc).unwrap());
}

#[test]
fn products_and_quotients_are_within_their_units_below() {
    fn check<const N: usize>(state: &mut u64) {
        let mut limbs = || -> [u64; N] {
            let mut digits = random(state, N).iter_u64_digits().collect::<Vec<_>>();
            digits.resize(N, u64::MAX);
            std::array::from_fn(|k| if digits[0] % 5 == 0 { u64::MAX } else { digits[k] })
        };
        for _ in 0..300 {
            let (a, b) = (limbs(), limbs());
            let product: BigInt = (integer(&a) * integer(&b)) >> (64 * N);
            let missing: BigInt = product - integer(&mul(&a, &b));
            assert!(!missing.is_negative() && missing <= N.into(), "{a:x?} {b:x?}");
            let one = BigInt::one() << (64 * N);
            let quotient: BigInt = (integer(&a) << (64 * N)) / (one + integer(&b));
            let missing: BigInt = quotient - integer(&divide(&a, &b));
            assert!(!missing.is_negative() && missing <= (3 * N + 1).into(), "{a:x?} {b:x?} {missing}");
        }
    }
    let mut state = 5;
    check::<1>(&mut state);
    check::<2>(&mut state);
    check::<3>(&mut state);
    check::<7>(&mut state);
    check::<40>(&mut state);
    check::<63>(&mut state); // where a step more is needed
}

#[test]
fn a_series_has_as_many_terms_as_it_is_asked_for() {
    // Σ (±x)^k (1 − 2^−k−1) at x = 2^−16
    let one = || Dyadic::power_of_two(0);
    for count in 1..5usize {
        for alternating in [false, true] {
            let coefficient = |k: usize| -> [u64; 3] { [0, 0, !0 << (63 - k)] };
            let sum = series(&[0, 0, 1 << 48], count, alternating, coefficient);
            let term = |k: i64| {
                let size = one().sub(&Dyadic::power_of_two(-k - 1)).scaled(-16 * k);
                if alternating && k % 2 == 1 { size.neg() } else { size }
            };
            let exact = (0..count as i64).fold(Dyadic::zero(), |sum, k| sum.add(&term(k)));
            let error = Dyadic::new(integer(&sum), -192).sub(&exact).abs();
            assert!(error <= Dyadic::new(5.into(), -192), "{count} terms, alternating {alternating}: {sum:x?}");
        }
    }
}

#[test]
fn the_whole_part_of_a_number_is_what_is_left_of_it_modulo_two_to_the_64() {
    let mantissa = random(&mut 3, 4);
    for scale in -320..320 {
        let x = Dyadic::new(-&mantissa, -130);
        let (whole, fraction) = split::<2>(&x, scale);
        let bits = Dyadic::new(mantissa.clone(), scale - 130 + 128).floor() % (BigInt::one() << 192u32);
        assert_eq!((BigInt::from(whole) << 128u32) + integer(&fraction), bits, "2^{scale}");
    }
}

#[test]
fn series_of_the_error_function_contain_their_finer_values() {
    for x in arguments(-20, 6) {
        let z = x.abs();
        for precision in [40, 90] {
            let coarse = erf::positive_series(&z, precision);
            let fine = erf::positive_series(&z, precision + 200);
            assert!(coarse.contains(fine.mid()), "positive {z:?} {coarse:?}");
            let far = z.scaled(4);
            let coarse = erf::alternating_series(&far, precision);
            let fine = erf::alternating_series(&far, precision + 200);
            if let (Some(coarse), Some(fine)) = (coarse, fine) {
                assert!(coarse.contains(fine.mid()), "alternating {z:?} {coarse:?}");
            }
        }
    }
}

#[test]
fn constants_and_entries_agree_at_every_width() {
    use Constant::{Ln2, Ln10, Pi, TwoOverPi, TwoOverRootPi};
    for constant in [Pi, TwoOverPi, TwoOverRootPi, Ln2, Ln10] {
        let fine = compute(constant, 9600);
        for bits in [33, 64, 100, 320, 700, 5000] {
            let difference: BigInt = (compute(constant, bits) << (9600 - bits)) - &fine;
            assert!(difference.abs() <= BigInt::from(2) << (9600 - bits));
        }
    }
    let tables = [Table::Exp(0), Table::Exp(2), Table::Log(0), Table::Log(1), Table::Sin(0), Table::Versine(0)];
    for table in tables.into_iter().chain([Table::Atan(0), Table::Atan(1), Table::Bell, Table::ScaledErfc]) {
        for j in [1, 2, 57, 177] {
            let (narrow, broad): ([u64; 9], [u64; 40]) = (entry(table, j), entry(table, j));
            assert_eq!(narrow[1..], broad[32..]);
            if !matches!(table, Table::Bell | Table::ScaledErfc) {
                assert_eq!(broad, wide::<72>(table, j).last_chunk().copied().unwrap_or([0; 40]));
            }
        }
    }
}

#[test]
fn an_argument_too_near_a_multiple_of_half_pi_gives_the_whole_range() {
    let real = Real::new(64);
    let near = Dyadic::new(compute(Constant::Pi, 12_000), -12_000);
    let (sin, _) = real.sin_cos_ball(&super::Ball::exact(near), 64);
    assert!(sin.contains(&Dyadic::zero()));
}
