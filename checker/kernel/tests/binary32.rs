//! `Binary32` against definitions: roundings of rational numbers, NaN policies, extrema, neighbours, conversions, and the reading as a whole.

#![allow(clippy::expect_used, reason = "a test stops at the first surprise")]

use num_bigint::BigInt;
use num_rational::BigRational;
use tl_kernel::context::binary32::arithmetic::{add, div, fma, mul, rem, sqrt};
use tl_kernel::context::binary32::compare::{Comparison, compare, maximum, maximum_number, minimum, minimum_number};
use tl_kernel::context::binary32::schedule::{BiasPosition, Order};
use tl_kernel::context::binary32::word::{round_dyadic, round_exact};
use tl_kernel::context::binary32::{Binary32, Environment, Flags, NanPolicy, RoundingMode, Schedule, convert};
use tl_kernel::context::{Context, PADDING, Rows};
use tl_kernel::number::{Dyadic, Exact};

const ONE: u32 = 0x3f80_0000;
const INF: u32 = 0x7f80_0000;
const NAN: u32 = 0x7fc0_0000;
const SNAN: u32 = 0x7f80_0001;
const MINUS: u32 = 0x8000_0000;

fn in_mode(rounding: RoundingMode) -> Environment {
    Environment { rounding, nan: NanPolicy::Canonical }
}

/// Knuth's MMIX generator; the seed is listed with each use.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 16
}

/// What a rounding is: the neighbours in the lattice of words, chosen as the mode says. A definition by search, for finite results.
fn by_definition(value: &BigRational, rounding: RoundingMode) -> u32 {
    let number = |word: u32| Dyadic::from_binary32(word).expect("finite").to_rational();
    let negative = *value < BigRational::from_integer(BigInt::from(0));
    let size = if negative { -value } else { value.clone() };
    let (mut below, mut above) = (0u32, 0x7f7f_ffff);
    while above - below > 1 {
        let middle = below + (above - below) / 2;
        if number(middle) <= size { below = middle } else { above = middle }
    }
    let exact = number(below) == size;
    let twice = &size + &size;
    let to_upper = match rounding {
        RoundingMode::TowardZero => false,
        RoundingMode::Down => negative,
        RoundingMode::Up => !negative,
        RoundingMode::NearestEven | RoundingMode::NearestAway => match twice.cmp(&(number(below) + number(above))) {
            std::cmp::Ordering::Less => false,
            std::cmp::Ordering::Greater => true,
            std::cmp::Ordering::Equal => rounding == RoundingMode::NearestAway || below % 2 == 1,
        },
    };
    let magnitude = if !exact && to_upper { above } else { below };
    magnitude | if negative { MINUS } else { 0 }
}

#[test]
fn rational_and_dyadic_numbers_round_to_the_neighbour_that_the_mode_names() {
    let mut state = 0x5eed_0001;
    for _ in 0..400 {
        let (p, q) = (random(&mut state) as i64 >> 20, (random(&mut state) >> 25) as i64 + 1);
        let scale = (random(&mut state) % 200) as i32 - 160;
        let shifted = |bits: i32| BigInt::from(1) << bits.max(0);
        let sign = if p % 2 == 0 { -1 } else { 1 };
        let fraction =
            BigRational::new(BigInt::from(sign * (p + 1)) * shifted(scale), BigInt::from(q) * shifted(-scale));
        let midpoint = Dyadic::new(BigInt::from(sign * (((p & 0xff_ffff) << 1) | 1)), i64::from(scale.min(60)));
        for rounding in RoundingMode::ALL {
            let text = format!("{}/{}", fraction.numer(), fraction.denom());
            let exact = Exact::parse(&text).expect("a fraction");
            assert_eq!(round_exact(&exact, rounding).0, by_definition(&fraction, rounding), "{text} {rounding:?}");
            for bits in [0, 100] {
                // the same number with a long tail of zeros, and one unit beside it
                let wide = &*midpoint.mantissa() << bits;
                for beside in [-1, 0, 1] {
                    let number = Dyadic::new(&wide + beside, midpoint.exponent() - bits);
                    let expected = by_definition(&number.to_rational(), rounding);
                    assert_eq!(round_dyadic(&number, rounding).0, expected, "{number:?} {rounding:?}");
                }
            }
        }
    }
    for exponent in [1 << 40, i64::MAX, -(1 << 40), i64::MIN + 1] {
        let (word, _) = round_dyadic(&Dyadic::power_of_two(exponent), RoundingMode::Up);
        assert_eq!(word, if exponent > 0 { INF } else { 1 });
    }
}

#[test]
fn what_lies_far_below_a_tie_decides_it() {
    // 1 + 2^-24 is the tie of 1 and its successor
    let tie = (1u128 << 24) + 1;
    for (numerator, denominator, expected, flags) in [
        (1, 1u128, ONE, Flags::NONE),
        (tie, 1 << 24, ONE, Flags::INEXACT),
        // 1/(3 · 2^80) above it: only the remainder of the division tells
        ((tie << 56) * 3 + 1, 3 << 80, ONE + 1, Flags::INEXACT),
        // 4/(3 · 2^63) above it: the last of 64 bits is one, and there is a remainder
        ((tie << 39) * 3 + 4, 3 << 63, ONE + 1, Flags::INEXACT),
        // 2^-63 + 2^-71 above it: the last of 64 bits is one, and there are bits below
        ((((tie << 39) + 1) << 8) + 1, 1 << 71, ONE + 1, Flags::INEXACT),
    ] {
        let exact = Exact::parse(&format!("{numerator}/{denominator}")).expect("a fraction");
        assert_eq!(round_exact(&exact, RoundingMode::NearestEven), (expected, flags), "{numerator}/{denominator}");
        if denominator.is_power_of_two() {
            let dyadic = Dyadic::new(BigInt::from(numerator), -i64::from(denominator.ilog2()));
            assert_eq!(round_dyadic(&dyadic, RoundingMode::NearestEven), (expected, flags), "{dyadic:?}");
        }
    }
}

#[test]
fn nan_results_follow_their_policy() {
    let (first, second, default) = (0x7fa1_2345, 0xffc0_0042, 0xffc0_0000);
    let x86 = Environment { rounding: RoundingMode::NearestEven, nan: NanPolicy::PropagateX86 };
    let canonical = Environment::default();
    for (result, expected) in [
        (add(first, second, x86), (0x7fe1_2345, Flags::INVALID)),
        (add(second, first, x86), (second, Flags::INVALID)),
        (mul(ONE, second, x86), (second, Flags::NONE)),
        (fma(ONE, second, first, x86), (second, Flags::INVALID)),
        (fma(0, INF, second, x86), (second, Flags::INVALID)),
        (div(0, MINUS, x86), (default, Flags::INVALID)),
        (add(first, ONE, canonical), (NAN, Flags::INVALID)),
        (rem(ONE, second, canonical), (NAN, Flags::NONE)),
        (sqrt(MINUS | 1, canonical), (NAN, Flags::INVALID)),
        (convert::from_binary64(0xfff4_0000_0000_0001, x86), (0xffe0_0000, Flags::INVALID)),
        (convert::from_binary64(0xfff4_0000_0000_0001, canonical), (NAN, Flags::INVALID)),
    ] {
        assert_eq!(result, expected);
    }
}

#[test]
fn extrema_order_zeros_and_treat_nan_by_their_names() {
    let env = Environment::default();
    for (greater, smaller) in [(0, MINUS), (ONE, MINUS | ONE), (INF, 0x7f7f_ffff), (MINUS, MINUS | 1)] {
        for (x, y) in [(greater, smaller), (smaller, greater)] {
            for f in [maximum, maximum_number] {
                assert_eq!(f(x, y, env), (greater, Flags::NONE), "{x:08x} {y:08x}");
            }
            for f in [minimum, minimum_number] {
                assert_eq!(f(x, y, env), (smaller, Flags::NONE), "{x:08x} {y:08x}");
            }
        }
    }
    assert_eq!(maximum(ONE, MINUS | NAN, env), (NAN, Flags::NONE));
    assert_eq!(maximum(SNAN, ONE, env), (NAN, Flags::INVALID));
    assert_eq!(minimum(ONE, SNAN, env), (NAN, Flags::INVALID));
    assert_eq!(maximum_number(NAN, ONE, env), (ONE, Flags::NONE));
    assert_eq!(minimum_number(ONE, SNAN, env), (ONE, Flags::INVALID));
    assert_eq!(minimum_number(NAN, SNAN, env), (NAN, Flags::INVALID));
    assert_eq!(compare(NAN, ONE, Comparison::Quiet), (None, Flags::NONE));
    assert_eq!(compare(NAN, ONE, Comparison::Signaling), (None, Flags::INVALID));
}

#[test]
fn a_remainder_at_a_tie_is_of_the_even_quotient() {
    let (half, minus_half) = (0x3f00_0000, 0xbf00_0000);
    for (x, expected) in [
        (0x3f00_0000, half),       // 0.5
        (0x3fc0_0000, minus_half), // 1.5
        (0x4020_0000, half),       // 2.5
        (0x4060_0000, minus_half), // 3.5
        (0x4aff_ffff, minus_half), // 2^23 − 0.5
    ] {
        assert_eq!(rem(x, ONE, Environment::default()), (expected, Flags::NONE), "{x:08x}");
        assert_eq!(rem(x | MINUS, ONE, Environment::default()), (expected ^ MINUS, Flags::NONE), "-{x:08x}");
    }
}

#[test]
fn every_root_is_the_word_nearest_to_it() {
    // All significands over an even and over an odd power of two. To nearest, √x lies between the midpoints beside the result; no root is a tie.
    let env = Environment::default();
    for x in 0x3f80_0000..0x4080_0000 {
        let (root, flags) = sqrt(x, env);
        let n = u128::from(x & 0x7f_ffff | 0x80_0000) << if x < 0x4000_0000 { 25 } else { 26 }; // (2 · root)² in units of 2^-48
        let twice = u128::from(2 * (root & 0x7f_ffff | 0x80_0000));
        let (below, above) = ((twice - 1).pow(2), (twice + 1).pow(2));
        let exact = twice.pow(2) == n;
        assert!(
            below < n && n < above && flags == if exact { Flags::NONE } else { Flags::INEXACT },
            "{x:08x}: {root:08x}"
        );
    }
}

#[test]
fn conversions_to_integers_have_no_value_outside_their_range() {
    let env = in_mode(RoundingMode::TowardZero);
    assert_eq!(convert::to_integer::<u32>(0xbf7f_ffff, env), (Some(0), Flags::INEXACT));
    assert_eq!(convert::to_integer::<u32>(0xbf80_0000, env), (None, Flags::INVALID));
    assert_eq!(convert::to_integer::<i64>(0xdf00_0000, env), (Some(i64::MIN), Flags::NONE));
    assert_eq!(convert::to_integer::<i64>(0x5f00_0000, env), (None, Flags::INVALID));
    assert_eq!(convert::to_integer::<u64>(0x5f7f_ffff, env), (Some(0xffff_ff00_0000_0000), Flags::NONE));
    for x in [0x5f80_0000, 0x7f7f_ffff, INF, NAN, SNAN] {
        assert_eq!(convert::to_integer::<u64>(x, env), (None, Flags::INVALID), "{x:08x}");
    }
}

#[test]
fn the_reading_rounds_constants_once_and_adds_in_its_schedule() {
    let third = Exact::fraction(1, 3).expect("not zero");
    for (rounding, pi, constant) in [
        (RoundingMode::NearestEven, 0x4049_0fdb, 0x3eaa_aaab),
        (RoundingMode::TowardZero, 0x4049_0fda, 0x3eaa_aaaa),
        (RoundingMode::Down, 0x4049_0fda, 0x3eaa_aaaa),
        (RoundingMode::Up, 0x4049_0fdb, 0x3eaa_aaab),
        (RoundingMode::NearestAway, 0x4049_0fdb, 0x3eaa_aaab),
    ] {
        let reading = Binary32::new(in_mode(rounding), Schedule::default());
        assert_eq!((reading.pi(), reading.constant(&third)), (Ok(pi), Ok(constant)));
    }
    // 2^24 + 1 + 1 is 2^24 from the left and 2^24 + 2 from the right
    let terms = [0x4b80_0000, ONE, ONE];
    let left = Binary32::default();
    let pairs = vec![(1, 2), (0, 3)];
    let right = Binary32::new(Environment::default(), Schedule::new(Order::Tree { pairs }, false, BiasPosition::Last));
    assert_eq!(left.sum(&terms), Ok(0x4b80_0000));
    assert_eq!(right.sum(&terms), Ok(0x4b80_0001));
    assert_eq!(left.sum(&[]), Ok(0));
    assert!(right.sum(&[ONE]).is_err());
    // [1, 1, pad] · [1, 1, 1] beside 2^24: the bias absorbs one product after the other, or meets their sum
    let pool = [ONE];
    let rows = |index: &[u32]| Rows::gathered(&pool, 1, 3, index.to_vec()).expect("inside");
    let (x, y) = (rows(&[0, 0, PADDING]), rows(&[0, 0, 0]));
    for (position, expected) in [(BiasPosition::First, 0x4b80_0000), (BiasPosition::Last, 0x4b80_0001)] {
        let schedule = Schedule::new(Order::Sequential, true, position);
        let reading = Binary32::new(Environment::default(), schedule);
        assert_eq!(reading.dots(&x, &y, Some(&[0x4b80_0000])), Ok(vec![expected]));
    }
    // neither sign operation reads its operand
    assert_eq!((left.abs(&(MINUS | SNAN)), left.abs(&ONE), left.neg(&SNAN)), (Ok(SNAN), Ok(ONE), Ok(MINUS | SNAN)));
    // arithmetic never fails
    assert_eq!(left.div(&ONE, &0), Ok(INF));
    assert_eq!(left.log(&(MINUS | ONE)), Ok(NAN));
    assert_eq!(left.datum(NAN), Ok(NAN));
}
