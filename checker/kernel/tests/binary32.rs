//! `Binary32` against definitions: special values of the standard, roundings of rational numbers, and inequalities that replace an evaluation.

#![allow(clippy::expect_used, reason = "a test stops at the first surprise")]

use num_bigint::BigInt;
use num_rational::BigRational;
use tl_kernel::context::binary32::arithmetic::{add, cbrt, div, fma, mul, rem, rsqrt, sqrt};
use tl_kernel::context::binary32::compare::{
    Comparison, compare, maximum, maximum_number, minimum, minimum_number,
};
use tl_kernel::context::binary32::schedule::{BiasPosition, Order};
use tl_kernel::context::binary32::word::{
    Class, classify, copysign, next_down, next_up, round_dyadic, round_exact,
};
use tl_kernel::context::binary32::{
    Binary32, Elementary, Environment, Flags, Function, NanPolicy, RoundingMode, Schedule, convert,
};
use tl_kernel::context::real::{Ball, Real};
use tl_kernel::context::{Context, EvalError, PADDING, Rows};
use tl_kernel::number::{Dyadic, Exact};

const ONE: u32 = 0x3f80_0000;
const INF: u32 = 0x7f80_0000;
const NAN: u32 = 0x7fc0_0000;
const SNAN: u32 = 0x7f80_0001;
const MINUS: u32 = 0x8000_0000;

fn in_mode(rounding: RoundingMode) -> Environment {
    Environment {
        rounding,
        nan: NanPolicy::Canonical,
    }
}

/// Knuth's MMIX generator; the seed is listed with each use.
fn random(state: &mut u64) -> u64 {
    *state = state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    *state >> 16
}

#[test]
fn special_values_are_those_of_the_standard() {
    use Function::*;
    const TWO: u32 = 0x4000_0000;
    let none = Flags::NONE;
    let elementary = Elementary::default();
    let env = Environment::default();
    for (f, x, expected, flags) in [
        (Exp, MINUS, ONE, none),
        (Exp, MINUS | INF, 0, none),
        (Exp2, 0x4120_0000, 0x4480_0000, none),
        (Exp2, 0xc315_0000, 1, none),
        (Expm1, MINUS, MINUS, none),
        (Expm1, MINUS | INF, MINUS | ONE, none),
        (Log, ONE, 0, none),
        (Log, MINUS, MINUS | INF, Flags::DIVIDE_BY_ZERO),
        (Log, MINUS | 1, NAN, Flags::INVALID),
        (Log, MINUS | INF, NAN, Flags::INVALID),
        (Log2, 1, 0xc315_0000, none),
        (Log2, ONE, 0, none),
        (Log10, 0x5015_02f9, 0x4120_0000, none), // 10^10
        (Log10, ONE, 0, none),
        (Log1p, MINUS, MINUS, none),
        (Log1p, MINUS | ONE, MINUS | INF, Flags::DIVIDE_BY_ZERO),
        (Log1p, 0xbf80_0001, NAN, Flags::INVALID),
        (Sin, MINUS, MINUS, none),
        (Sin, INF, NAN, Flags::INVALID),
        (Cos, MINUS, ONE, none),
        (Tan, MINUS | INF, NAN, Flags::INVALID),
        (Atan, MINUS | INF, 0xbfc9_0fdb, Flags::INEXACT),
        (Sinh, MINUS | INF, MINUS | INF, none),
        (Cosh, MINUS | INF, INF, none),
        (Tanh, MINUS | INF, MINUS | ONE, none),
        (Erf, MINUS | INF, MINUS | ONE, none),
        (Erfc, MINUS | INF, TWO, none),
        (Erfc, INF, 0, none),
        (Erfc, MINUS, ONE, none),
        (Exp, NAN, NAN, none),
        (Exp, SNAN, NAN, Flags::INVALID),
    ] {
        assert_eq!(
            elementary.evaluate(f, x, env),
            Ok((expected, flags)),
            "{f:?} {x:08x}"
        );
    }
    assert_eq!(rsqrt(MINUS, env), (MINUS | INF, Flags::DIVIDE_BY_ZERO));
    assert_eq!(rsqrt(MINUS | ONE, env), (NAN, Flags::INVALID));
    assert_eq!(rsqrt(INF, env), (0, none));
    assert_eq!(rsqrt(0x3e80_0000, env), (TWO, none));
    assert_eq!(sqrt(MINUS, env), (MINUS, none));
    assert_eq!(cbrt(MINUS | INF, env), (MINUS | INF, none));
    assert_eq!(cbrt(0xc1d8_0000, env), (0xc040_0000, none)); // ∛−27
}

#[test]
fn pow_follows_the_table_of_9_2_1() {
    const TWO: u32 = 0x4000_0000;
    const THREE: u32 = 0x4040_0000;
    const HALF: u32 = 0x3f00_0000;
    let (none, pole) = (Flags::NONE, Flags::DIVIDE_BY_ZERO);
    let elementary = Elementary::default();
    for (x, y, expected, flags) in [
        (NAN, 0, ONE, none),
        (INF, MINUS, ONE, none),
        (SNAN, 0, NAN, Flags::INVALID),
        (ONE, NAN, ONE, none),
        (ONE, SNAN, NAN, Flags::INVALID),
        (TWO, NAN, NAN, none),
        (MINUS, MINUS | THREE, MINUS | INF, pole),
        (0, MINUS | THREE, INF, pole),
        (MINUS, MINUS | TWO, INF, pole),
        (MINUS, MINUS | HALF, INF, pole),
        (MINUS, MINUS | INF, INF, none),
        (MINUS, THREE, MINUS, none),
        (MINUS, TWO, 0, none),
        (MINUS, INF, 0, none),
        (MINUS | ONE, INF, ONE, none),
        (MINUS | ONE, MINUS | INF, ONE, none),
        (MINUS | HALF, INF, 0, none),
        (MINUS | TWO, INF, INF, none),
        (MINUS | HALF, MINUS | INF, INF, none),
        (MINUS | TWO, MINUS | INF, 0, none),
        (INF, HALF, INF, none),
        (INF, MINUS | HALF, 0, none),
        (MINUS | INF, THREE, MINUS | INF, none),
        (MINUS | INF, HALF, INF, none),
        (MINUS | INF, MINUS | THREE, MINUS, none),
        (MINUS | INF, MINUS | TWO, 0, none),
        (MINUS | TWO, HALF, NAN, Flags::INVALID),
        (MINUS | ONE, 0x7f7f_ffff, ONE, none),
        (MINUS | TWO, THREE, 0xc100_0000, none),
        (0x3c00_0000, 0x41a8_0000, 4, none), // 2^−7 to the 21st: 2^−147
        (0x4280_0000, MINUS | HALF, 0x3e00_0000, none),
        (0x4b80_0001, TWO, 0x5780_0002, Flags::INEXACT),
    ] {
        assert_eq!(
            elementary.pow(x, y, Environment::default()),
            Ok((expected, flags)),
            "{x:08x} {y:08x}"
        );
    }
}

/// The rounding of an enclosure at 1024 bits, if both ends agree; shares only `round_dyadic` with the evaluator.
fn enclosed(ball: &Ball, rounding: RoundingMode) -> Option<(u32, Flags)> {
    let (lower, upper) = (
        round_dyadic(&ball.lower(), rounding),
        round_dyadic(&ball.upper(), rounding),
    );
    let inexact = |flags: Flags| {
        if ball.is_exact() {
            flags
        } else {
            flags | Flags::INEXACT
        }
    };
    let (a, b) = ((lower.0, inexact(lower.1)), (upper.0, inexact(upper.1)));
    (a == b).then_some(a)
}

#[test]
fn inequalities_decide_as_the_evaluation_does() {
    use Function::*;
    let real = Real::new(1024);
    let elementary = Elementary::default();
    type Evaluate = fn(&Real, &Ball) -> Result<Ball, EvalError>;
    let functions: [(Function, Evaluate); 13] = [
        (Exp, Real::exp),
        (Exp2, Real::exp2),
        (Expm1, Real::expm1),
        (Log1p, Real::log1p),
        (Sin, Real::sin),
        (Cos, Real::cos),
        (Tan, Real::tan),
        (Atan, Real::atan),
        (Sinh, Real::sinh),
        (Cosh, Real::cosh),
        (Tanh, Real::tanh),
        (Erf, Real::erf),
        (Erfc, Real::erfc),
    ];
    // the bounds of the inequalities (2^−27, 2^−26, 2^−13, 5, 10, 11, 19, 89, 90, 105, 128, 150), their neighbours, and words well beyond them
    let bounds = [
        0x3200_0000,
        0x3280_0000,
        0x3900_0000,
        0x40a0_0000,
        0x4120_0000,
        0x4130_0000,
        0x4198_0000,
        0x42b2_0000,
        0x42b4_0000,
        0x42d2_0000,
        0x4300_0000,
        0x4316_0000,
    ];
    let beyond = [
        1,
        2,
        3,
        0x007f_ffff,
        0x0080_0000,
        0x1234_5678,
        0x2fff_ffff,
        0x3100_0001,
        0x3701_0203,
        0x4400_0000,
        0x4600_0000,
    ];
    let words: Vec<u32> = bounds
        .into_iter()
        .flat_map(|bound: u32| bound - 3..bound + 3)
        .chain(beyond)
        .flat_map(|word| [word, word | MINUS])
        .collect();
    let mut compared = 0;
    for (f, evaluate) in functions {
        for &x in &words {
            let Ok(ball) = real.datum(x).and_then(|x| evaluate(&real, &x)) else {
                continue; // outside the domain
            };
            for rounding in RoundingMode::ALL {
                if let Some(expected) = enclosed(&ball, rounding) {
                    compared += 1;
                    let found = elementary.evaluate(f, x, in_mode(rounding));
                    assert_eq!(found, Ok(expected), "{f:?} {x:08x} {rounding:?}");
                }
            }
        }
    }
    assert!(compared > 9000, "{compared}");
}

#[test]
fn powers_near_one_and_out_of_range_decide_as_the_evaluation_does() {
    let real = Real::new(1024);
    let elementary = Elementary::default();
    for x in [
        1,
        0x0080_0000,
        0x3f00_0000,
        0x4000_0000,
        0x3f7f_ffff,
        0x3f80_0001,
        0x3fc0_0000,
        0x7f7f_ffff,
    ] {
        for y in [
            1,
            0x42fa_0000,
            0x42fe_0000,
            0x4300_0000,
            0x4314_8000,
            0x4315_0000,
            0x4316_0000,
            0x2e7f_ffff,
            0x2e80_0000,
            0x2e80_0001,
            0x4316_ffff,
            0x4317_0000,
            0x4317_0001,
            0x4e16_ffff,
            0x4e97_0001,
            0x4f17_0000,
            0x4f17_0001,
            0x6000_0000,
        ] {
            for y in [y, y | MINUS] {
                let power = real.datum(x).and_then(|x| real.pow(&x, &real.datum(y)?));
                for rounding in RoundingMode::ALL {
                    let found = elementary.pow(x, y, in_mode(rounding));
                    if let Some(expected) = power.as_ref().ok().and_then(|p| enclosed(p, rounding))
                    {
                        assert_eq!(found, Ok(expected), "{x:08x} {y:08x} {rounding:?}");
                    }
                }
            }
        }
    }
}

/// What a rounding is: the neighbours in the lattice of words, chosen as the mode says. A definition by search, for finite results.
fn by_definition(value: &BigRational, rounding: RoundingMode) -> u32 {
    let number = |word: u32| Dyadic::from_binary32(word).expect("finite").to_rational();
    let negative = *value < BigRational::from_integer(BigInt::from(0));
    let size = if negative { -value } else { value.clone() };
    let (mut below, mut above) = (0u32, 0x7f7f_ffff);
    while above - below > 1 {
        let middle = below + (above - below) / 2;
        if number(middle) <= size {
            below = middle
        } else {
            above = middle
        }
    }
    let exact = number(below) == size;
    let twice = &size + &size;
    let to_upper = match rounding {
        RoundingMode::TowardZero => false,
        RoundingMode::Down => negative,
        RoundingMode::Up => !negative,
        RoundingMode::NearestEven | RoundingMode::NearestAway => {
            match twice.cmp(&(number(below) + number(above))) {
                std::cmp::Ordering::Less => false,
                std::cmp::Ordering::Greater => true,
                std::cmp::Ordering::Equal => {
                    rounding == RoundingMode::NearestAway || below % 2 == 1
                }
            }
        }
    };
    let magnitude = if !exact && to_upper { above } else { below };
    magnitude | if negative { MINUS } else { 0 }
}

#[test]
fn rational_and_dyadic_numbers_round_to_the_neighbour_that_the_mode_names() {
    let mut state = 0x5eed_0001;
    for _ in 0..400 {
        let (p, q) = (
            random(&mut state) as i64 >> 20,
            (random(&mut state) >> 25) as i64 + 1,
        );
        let scale = (random(&mut state) % 200) as i32 - 160;
        let shifted = |bits: i32| BigInt::from(1) << bits.max(0);
        let sign = if p % 2 == 0 { -1 } else { 1 };
        let fraction = BigRational::new(
            BigInt::from(sign * (p + 1)) * shifted(scale),
            BigInt::from(q) * shifted(-scale),
        );
        let midpoint = Dyadic::new(
            BigInt::from(sign * (((p & 0xff_ffff) << 1) | 1)),
            i64::from(scale.min(60)),
        );
        for rounding in RoundingMode::ALL {
            let text = format!("{}/{}", fraction.numer(), fraction.denom());
            let exact = Exact::parse(&text).expect("a fraction");
            assert_eq!(
                round_exact(&exact, rounding).0,
                by_definition(&fraction, rounding),
                "{text} {rounding:?}"
            );
            for bits in [0, 100] {
                // the same number with a long tail of zeros, and one unit beside it
                let wide = midpoint.mantissa() << bits;
                for beside in [-1, 0, 1] {
                    let number = Dyadic::new(&wide + beside, midpoint.exponent() - bits);
                    let expected = by_definition(&number.to_rational(), rounding);
                    assert_eq!(
                        round_dyadic(&number, rounding).0,
                        expected,
                        "{number:?} {rounding:?}"
                    );
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
fn nan_results_follow_their_policy() {
    let (first, second, default) = (0x7fa1_2345, 0xffc0_0042, 0xffc0_0000);
    let x86 = Environment {
        rounding: RoundingMode::NearestEven,
        nan: NanPolicy::PropagateX86,
    };
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
        (
            convert::from_binary64(0xfff4_0000_0000_0001, x86),
            (0xffe0_0000, Flags::INVALID),
        ),
        (
            convert::from_binary64(0xfff4_0000_0000_0001, canonical),
            (NAN, Flags::INVALID),
        ),
    ] {
        assert_eq!(result, expected);
    }
}

#[test]
fn extrema_order_zeros_and_treat_nan_by_their_names() {
    let env = Environment::default();
    for (greater, smaller) in [
        (0, MINUS),
        (ONE, MINUS | ONE),
        (INF, 0x7f7f_ffff),
        (MINUS, MINUS | 1),
    ] {
        for (x, y) in [(greater, smaller), (smaller, greater)] {
            for f in [maximum, maximum_number] {
                assert_eq!(f(x, y, env), (greater, Flags::NONE), "{x:08x} {y:08x}");
            }
            for f in [minimum, minimum_number] {
                assert_eq!(f(x, y, env), (smaller, Flags::NONE), "{x:08x} {y:08x}");
            }
        }
    }
    assert_eq!(maximum(NAN, ONE, env), (NAN, Flags::NONE));
    assert_eq!(minimum(ONE, SNAN, env), (NAN, Flags::INVALID));
    assert_eq!(maximum_number(NAN, ONE, env), (ONE, Flags::NONE));
    assert_eq!(minimum_number(ONE, SNAN, env), (ONE, Flags::INVALID));
    assert_eq!(minimum_number(NAN, SNAN, env), (NAN, Flags::INVALID));
    assert_eq!(compare(NAN, ONE, Comparison::Quiet), (None, Flags::NONE));
    assert_eq!(
        compare(NAN, ONE, Comparison::Signaling),
        (None, Flags::INVALID)
    );
}

#[test]
fn neighbours_signs_and_classes_are_those_of_the_word() {
    let env = Environment::default();
    for (x, up) in [
        (0, 1),
        (MINUS, 1),
        (MINUS | 1, MINUS),
        (0x7f7f_ffff, INF),
        (INF, INF),
        (MINUS | INF, 0xff7f_ffff),
        (0x007f_ffff, 0x0080_0000),
    ] {
        assert_eq!(next_up(x, env), (up, Flags::NONE), "{x:08x}");
        assert_eq!(
            next_down(x ^ MINUS, env),
            (up ^ MINUS, Flags::NONE),
            "{x:08x}"
        );
    }
    assert_eq!(next_down(SNAN, env), (NAN, Flags::INVALID));
    assert_eq!(copysign(NAN, MINUS), NAN | MINUS);
    let classes = [
        SNAN,
        NAN,
        MINUS | INF,
        MINUS | ONE,
        MINUS | 1,
        MINUS,
        0,
        0x007f_ffff,
        0x0080_0000,
        INF,
    ]
    .map(classify);
    assert_eq!(
        classes,
        [
            Class::SignalingNan,
            Class::QuietNan,
            Class::NegativeInfinity,
            Class::NegativeNormal,
            Class::NegativeSubnormal,
            Class::NegativeZero,
            Class::PositiveZero,
            Class::PositiveSubnormal,
            Class::PositiveNormal,
            Class::PositiveInfinity,
        ]
    );
}

#[test]
fn conversions_to_integers_have_no_value_outside_their_range() {
    let env = in_mode(RoundingMode::TowardZero);
    assert_eq!(
        convert::to_integer::<u32>(0xbf7f_ffff, env),
        (Some(0), Flags::INEXACT)
    );
    assert_eq!(
        convert::to_integer::<u32>(0xbf80_0000, env),
        (None, Flags::INVALID)
    );
    assert_eq!(
        convert::to_integer::<i64>(0xdf00_0000, env),
        (Some(i64::MIN), Flags::NONE)
    );
    assert_eq!(
        convert::to_integer::<i64>(0x5f00_0000, env),
        (None, Flags::INVALID)
    );
    assert_eq!(
        convert::to_integer::<u64>(0x5f7f_ffff, env),
        (Some(0xffff_ff00_0000_0000), Flags::NONE)
    );
    for x in [0x5f80_0000, 0x7f7f_ffff, INF, NAN, SNAN] {
        assert_eq!(
            convert::to_integer::<u64>(x, env),
            (None, Flags::INVALID),
            "{x:08x}"
        );
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
        assert_eq!(
            (reading.pi(), reading.constant(&third)),
            (Ok(pi), Ok(constant))
        );
    }
    // 2^24 + 1 + 1 is 2^24 from the left and 2^24 + 2 from the right
    let terms = [0x4b80_0000, ONE, ONE];
    let left = Binary32::default();
    let pairs = vec![(1, 2), (0, 3)];
    let right = Binary32::new(
        Environment::default(),
        Schedule::new(Order::Tree { pairs }, false, BiasPosition::Last),
    );
    assert_eq!(left.sum(&terms), Ok(0x4b80_0000));
    assert_eq!(right.sum(&terms), Ok(0x4b80_0001));
    assert_eq!(left.sum(&[]), Ok(0));
    assert!(right.sum(&[ONE]).is_err());
    // [1, 1, pad] · [1, 1, 1] beside 2^24: the bias absorbs one product after the other, or meets their sum
    let pool = [ONE];
    let rows = |index: &[u32]| Rows::gathered(&pool, 1, 3, index.to_vec()).expect("inside");
    let (x, y) = (rows(&[0, 0, PADDING]), rows(&[0, 0, 0]));
    for (position, expected) in [
        (BiasPosition::First, 0x4b80_0000),
        (BiasPosition::Last, 0x4b80_0001),
    ] {
        let schedule = Schedule::new(Order::Sequential, true, position);
        let reading = Binary32::new(Environment::default(), schedule);
        assert_eq!(
            reading.dots(&x, &y, Some(&[0x4b80_0000])),
            Ok(vec![expected])
        );
    }
    // arithmetic never fails
    assert_eq!(left.div(&ONE, &0), Ok(INF));
    assert_eq!(left.log(&(MINUS | ONE)), Ok(NAN));
    assert_eq!(left.datum(NAN), Ok(NAN));
}
