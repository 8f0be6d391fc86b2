//! Correctly rounded functions of `Binary32` against CORE-MATH (Sibidanov, Zimmermann, Glondu 2022) on a stride through all words and around every threshold.
//!
//! To nearest: the binary32 function of CORE-MATH. In the other modes: its correctly rounded binary64 function, rounded once more; that is
//! the right answer unless the binary64 value is itself a word, an infinity or zero, and those cases are skipped.

use core_math as cr;
use tl_kernel::context::binary32::arithmetic::{cbrt, rsqrt};
use tl_kernel::context::binary32::word::is_nan;
use tl_kernel::context::binary32::{Elementary, Environment, Flags, Function, NanPolicy, RoundingMode, convert};
use tl_spec_tests::Tally;

/// One word in so many is tried; odd, so that all last bits occur.
const STRIDE: usize = 1_000_003;
const SEED: u64 = 0x5eed_0000_0000_0764;

const SPECIAL: [u32; 14] = [
    0,
    0x8000_0000,
    1,
    0x8000_0001,
    0x7f80_0000,
    0xff80_0000,
    0x7fc0_0000,
    0x3f80_0000,
    0xbf80_0000,
    0x7f7f_ffff,
    0xff7f_ffff,
    0x0080_0000,
    0x3f00_0000,
    0xc000_0000,
];
/// 2^−34, 2^−27, 2^−26, 2^−13, 1/2, 1, 4, 5, 10, 11, 19, 88.72, 89, 90, 103.28, 103.97, 105, 126, 128, 149, 150.
const THRESHOLDS: [u32; 21] = [
    0x2e80_0000,
    0x3200_0000,
    0x3280_0000,
    0x3900_0000,
    0x3f00_0000,
    0x3f80_0000,
    0x4080_0000,
    0x40a0_0000,
    0x4120_0000,
    0x4130_0000,
    0x4198_0000,
    0x42b1_7218,
    0x42b2_0000,
    0x42b4_0000,
    0x42ce_8ed0,
    0x42cf_f1b5,
    0x42d2_0000,
    0x42fc_0000,
    0x4300_0000,
    0x4315_0000,
    0x4316_0000,
];

fn arguments() -> impl Iterator<Item = u32> {
    let near = THRESHOLDS.into_iter().flat_map(|t| (t - 6..t + 6).flat_map(|t| [t, t | 0x8000_0000]));
    let powers_of_ten = (0..=10).map(|k| (10f32.powi(k)).to_bits());
    let powers_of_two = (1..255).map(|field| field << 23);
    let all = (0..=u32::MAX).step_by(STRIDE);
    SPECIAL.into_iter().chain(near).chain(powers_of_ten).chain(powers_of_two).chain(all)
}

/// Compare a result in every mode; `nearest` is the right one to nearest-even, `wide` the correctly rounded binary64 value.
fn check(
    tally: &mut Tally,
    what: &str,
    nearest: f32,
    wide: f64,
    finite: bool,
    evaluate: impl Fn(Environment) -> (u32, Flags),
) {
    for rounding in RoundingMode::ALL {
        let env = Environment { rounding, nan: NanPolicy::Canonical };
        let open = finite && (wide.is_infinite() || wide == 0.0 || f64::from(wide as f32) == wide);
        if rounding != RoundingMode::NearestEven && open {
            tally.skip();
            continue;
        }
        let (found, flags) = evaluate(env);
        let (expected, _) = if rounding == RoundingMode::NearestEven {
            (nearest.to_bits(), flags)
        } else {
            convert::from_binary64(wide.to_bits(), env)
        };
        let same = found == expected || (is_nan(found) && is_nan(expected));
        tally.check(same, || format!("{what} {rounding:?}: {found:08x}, expected {expected:08x}"));
    }
}

#[test]
fn functions_of_one_argument_agree_with_core_math() {
    let f = |function| move |elementary: &Elementary, x, env| elementary.evaluate(function, x, env).expect("decided");
    type Case<'a> =
        (&'a str, Box<dyn Fn(&Elementary, u32, Environment) -> (u32, Flags)>, fn(f32) -> f32, fn(f64) -> f64);
    let functions: [Case; 18] = [
        ("exp", Box::new(f(Function::Exp)), cr::expf, cr::exp),
        ("exp2", Box::new(f(Function::Exp2)), cr::exp2f, cr::exp2),
        ("expm1", Box::new(f(Function::Expm1)), cr::expm1f, cr::expm1),
        ("log", Box::new(f(Function::Log)), cr::logf, cr::log),
        ("log2", Box::new(f(Function::Log2)), cr::log2f, cr::log2),
        ("log10", Box::new(f(Function::Log10)), cr::log10f, cr::log10),
        ("log1p", Box::new(f(Function::Log1p)), cr::log1pf, cr::log1p),
        ("sin", Box::new(f(Function::Sin)), cr::sinf, cr::sin),
        ("cos", Box::new(f(Function::Cos)), cr::cosf, cr::cos),
        ("tan", Box::new(f(Function::Tan)), cr::tanf, cr::tan),
        ("atan", Box::new(f(Function::Atan)), cr::atanf, cr::atan),
        ("sinh", Box::new(f(Function::Sinh)), cr::sinhf, cr::sinh),
        ("cosh", Box::new(f(Function::Cosh)), cr::coshf, cr::cosh),
        ("tanh", Box::new(f(Function::Tanh)), cr::tanhf, cr::tanh),
        ("erf", Box::new(f(Function::Erf)), cr::erff, cr::erf),
        ("erfc", Box::new(f(Function::Erfc)), cr::erfcf, cr::erfc),
        ("cbrt", Box::new(|_, x, env| cbrt(x, env)), cr::cbrtf, cr::cbrt),
        ("rsqrt", Box::new(|_, x, env| rsqrt(x, env)), cr::rsqrtf, cr::rsqrt),
    ];
    let elementary = Elementary::default();
    for (name, evaluate, narrow, wide) in functions {
        let mut tally = Tally::default();
        for x in arguments() {
            let value = f32::from_bits(x);
            let what = format!("{name} {x:08x}");
            check(&mut tally, &what, narrow(value), wide(f64::from(value)), value.is_finite(), |env| {
                evaluate(&elementary, x, env)
            });
        }
        tally.report(&format!("core-math {name}"));
    }
}

#[test]
fn powers_agree_with_core_math() {
    let elementary = Elementary::default();
    let mut tally = Tally::default();
    let special = SPECIAL.into_iter().chain([
        0x4040_0000,
        0x40a0_0000,
        0xc040_0000,
        0x3fc0_0000,
        0xbf00_0000,
        0x4b80_0001,
        0x3e80_0000,
    ]);
    let mut pairs: Vec<(u32, u32)> = special.clone().flat_map(|x| special.clone().map(move |y| (x, y))).collect();
    // exact cases and ties: squares, cubes, fourth roots of small dyadic numbers, and their neighbours
    for x in 1u16..40 {
        for y in [2.0f32, 3.0, 4.0, 5.0, 7.0, 0.5, 0.25, 1.5, -1.0, -0.5, 2.5, 0.125] {
            let (x, square) = (f32::from(x), f32::from(x * x));
            for x in [x, square, -x, square * 0.0625, 1.0 + x / 8_388_608.0, 4097.0 + 2.0 * x] {
                pairs.extend([(x.to_bits(), y.to_bits()), (x.to_bits() + 1, y.to_bits())]);
            }
        }
    }
    let mut state = SEED;
    for i in 0..20_000u32 {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        let (x, y) = ((state >> 33) as u32, state as u32);
        pairs.push(match i % 4 {
            0 => (x, y),
            1 => (0x3f00_0000 | (x & 0xff_ffff), 0x4000_0000 | (y & 0x85ff_ffff)),
            2 => (x & 0x7fff_ffff, 0x3d00_0000 | (y & 0x83ff_ffff)),
            _ => (0x3f7f_0000 | (x & 0xffff), 0x4700_0000 | (y & 0x84ff_ffff)),
        });
    }
    for (x, y) in pairs {
        let (a, b) = (f32::from_bits(x), f32::from_bits(y));
        let what = format!("pow {x:08x} {y:08x}");
        let wide = cr::pow(a.into(), b.into());
        check(&mut tally, &what, cr::powf(a, b), wide, a.is_finite() && b.is_finite(), |env| {
            elementary.pow(x, y, env).expect("decided")
        });
    }
    tally.report("core-math pow");
}
