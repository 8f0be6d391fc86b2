//! Elementary functions of `Binary32`: the special values of the standard, and the inequalities that replace an evaluation, against an evaluation.

use tl_kernel::context::binary32::arithmetic::{cbrt, rsqrt, sqrt};
use tl_kernel::context::binary32::word::round_dyadic;
use tl_kernel::context::binary32::{Elementary, Environment, Flags, Function, NanPolicy, RoundingMode};
use tl_kernel::context::real::{Ball, Real};
use tl_kernel::context::{Context, EvalError};

const ONE: u32 = 0x3f80_0000;
const INF: u32 = 0x7f80_0000;
const NAN: u32 = 0x7fc0_0000;
const SNAN: u32 = 0x7f80_0001;
const MINUS: u32 = 0x8000_0000;

fn in_mode(rounding: RoundingMode) -> Environment {
    Environment { rounding, nan: NanPolicy::Canonical }
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
        assert_eq!(elementary.evaluate(f, x, env), Ok((expected, flags)), "{f:?} {x:08x}");
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
        assert_eq!(elementary.pow(x, y, Environment::default()), Ok((expected, flags)), "{x:08x} {y:08x}");
    }
}

/// The rounding of an enclosure at 1024 bits, if both ends agree; shares only `round_dyadic` with the evaluator.
fn enclosed(ball: &Ball, rounding: RoundingMode) -> Option<(u32, Flags)> {
    let (lower, upper) = (round_dyadic(&ball.lower(), rounding), round_dyadic(&ball.upper(), rounding));
    let inexact = |flags: Flags| {
        if ball.is_exact() { flags } else { flags | Flags::INEXACT }
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
    for x in [1, 0x0080_0000, 0x3f00_0000, 0x4000_0000, 0x3f7f_ffff, 0x3f80_0001, 0x3fc0_0000, 0x7f7f_ffff] {
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
                    if let Some(expected) = power.as_ref().ok().and_then(|p| enclosed(p, rounding)) {
                        assert_eq!(found, Ok(expected), "{x:08x} {y:08x} {rounding:?}");
                    }
                }
            }
        }
    }
}
