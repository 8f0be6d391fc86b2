//! `Binary32` against Berkeley SoftFloat 3 (Hauser 2018) on generated operands: every operation that both have, five rounding modes, values and flags.
//!
//! Operands come from a listed seed, in classes: any words; special words; exponents close together; sparse fractions, which make ties; results
//! at the thresholds of underflow and overflow; subnormal words; sums that cancel. Where the result is a NaN both must deliver one, whatever its
//! sign and payload, which are compared in `tests/testfloat.rs`. Where a conversion to an integer is invalid the standard has no value, and only
//! the flags are compared.

use softfloat_wrapper::{ExceptionFlags, F16, F32, F64, Float, RoundingMode as Mode};
use std::cmp::Ordering;
use tl_kernel::context::binary32::arithmetic::{add, div, fma, mul, rem, sqrt, sub};
use tl_kernel::context::binary32::compare::{Comparison, compare};
use tl_kernel::context::binary32::{Environment, Flags, NanPolicy, RoundingMode, convert};
use tl_spec_tests::{Random, Tally};

const SEED: u64 = 0x5eed_0000_0000_50f7;
/// Operands of each operation; each is tried in five modes.
const CASES: usize = 500_000;
const SIGN: u64 = 0x8000_0000;
const SPECIAL: [u64; 14] = [
    0,
    1,
    2,
    0x007f_ffff,
    0x0080_0000,
    0x0080_0001,
    0x3f7f_ffff,
    0x3f80_0000,
    0x3f80_0001,
    0x7f7f_ffff,
    0x7f80_0000,
    0x7f80_0001,
    0x7fbf_ffff,
    0x7fc0_0000,
];

/// A fraction of 23 bits; every other one has few ones, or few zeros.
fn fraction(random: &mut Random) -> u64 {
    let bits = random.bits();
    let sparse = (1 << ((bits >> 8) % 24)) ^ (1 << ((bits >> 16) % 24)) ^ ((bits >> 24) % 4);
    let fraction = match bits % 4 {
        0 => sparse,
        1 => !sparse,
        _ => bits >> 32,
    };
    fraction & 0x007f_ffff
}

fn with_field(random: &mut Random, field: u64) -> u64 {
    (random.bits() & SIGN) | (field.min(254) << 23) | fraction(random)
}

/// Three words of one class.
fn words(random: &mut Random) -> [u64; 3] {
    let [mut x, mut y, mut z] = [0; 3].map(|_| random.bits() & 0xffff_ffff);
    let class = random.below(12);
    let field = 64 + random.below(126);
    match class {
        0 => {}
        1 => [x, y, z] = [0; 3].map(|_| SPECIAL[random.below(14) as usize] | (random.bits() & SIGN)),
        2 => [x, y, z] = [0; 3].map(|_| 125 + random.below(4)).map(|field| with_field(random, field)),
        // a product or quotient, and an addend, at the thresholds of underflow …
        3 | 4 => {
            let (field, below) = (2 + random.below(100), random.below(27) * random.below(2));
            x = with_field(random, field);
            let other = if class == 3 { (128 - below).saturating_sub(field) } else { field + 125 + below };
            let other = other + random.below(3);
            y = with_field(random, other);
            let third = random.below(30);
            z = with_field(random, third);
        }
        // … and of overflow
        5 | 6 => {
            x = with_field(random, field);
            let other = if class == 5 { 380 - field } else { field.saturating_sub(127) };
            let other = other + random.below(4);
            y = with_field(random, other);
            let third = 254 - random.below(30);
            z = with_field(random, third);
        }
        7 => [x, y, z] = [0; 3].map(|_| random.below(3)).map(|field| with_field(random, field)),
        8 => [x, y, z] = [0; 3].map(|_| 254 - random.below(3)).map(|field| with_field(random, field)),
        // sums that cancel: y beside −x, z beside −x·y
        9 => {
            x = with_field(random, field);
            y = (x ^ SIGN).wrapping_add(random.below(5)).wrapping_sub(2) & 0xffff_ffff;
            if random.below(2) == 0 {
                y = with_field(random, 254 - field);
            }
            let product = mul(x as u32, y as u32, Environment::default()).0;
            z = u64::from(product ^ 0x8000_0000).wrapping_add(random.below(5)).wrapping_sub(2) & 0xffff_ffff;
        }
        // sums of distant terms: near ties
        10 => {
            let distance = random.below(54);
            x = with_field(random, field);
            y = with_field(random, field.saturating_sub(distance));
            z = with_field(random, (2 * field + 27).saturating_sub(127 + distance).max(1));
        }
        // the second as a square, for the remainder and the root
        _ => {
            let root = random.below(1 << 13) as f32;
            [x, y] = [(root * root).to_bits().into(), root.to_bits().into()];
            z = with_field(random, field);
        }
    }
    [x, y, z]
}

/// Words about as large as integers are.
fn around_integers(random: &mut Random) -> [u64; 3] {
    let field = 120 + random.below(75);
    let [any, ..] = words(random);
    [if random.below(4) == 0 { any } else { with_field(random, field) }, 0, 0]
}

/// Integers of all lengths, also beside ties: 24 or 25 bits, zeros, and a little more or less.
fn integers(random: &mut Random) -> [u64; 3] {
    let leading = random.bits() >> (39 + random.below(2));
    let beside = (leading << random.below(40)).wrapping_add(random.below(3)).wrapping_sub(1);
    let any = random.bits() >> random.below(64);
    let n = if random.below(2) == 0 { beside } else { any };
    [if random.below(2) == 0 { n } else { n.wrapping_neg() }, 0, 0]
}

/// binary64 words beside binary32 ones and their midpoints, and any.
fn wide(random: &mut Random) -> [u64; 3] {
    let bits = random.bits();
    let field = match bits % 8 {
        0 => return [random.bits(), 0, 0],
        1 | 2 => 868 + random.below(30), // down to half the least subnormal word
        3 | 4 => 1148 + random.below(6), // the greatest binary32 numbers
        _ => 1023 + random.below(64),
    };
    let half = random.below(2) << (28 + random.below(26));
    let low = half.wrapping_add(random.below(3)).wrapping_sub(1);
    [(bits & 1 << 63) | ((field << 52) + (fraction(random) << 29)).wrapping_add(low), 0, 0]
}

fn half(random: &mut Random) -> [u64; 3] {
    [random.bits() & 0xffff, 0, 0]
}

/// Words about as large as binary16 numbers are.
fn around_halves(random: &mut Random) -> [u64; 3] {
    let field = 98 + random.below(48);
    let [any, ..] = words(random);
    [if random.below(8) == 0 { any } else { with_field(random, field) }, 0, 0]
}

type Model = fn([u64; 3], Environment) -> (Option<u64>, Flags);
type Oracle = fn([u64; 3], Mode) -> u64;
/// Name, operands, the model, the oracle, and the magnitude of the infinity of the format of the result (above it are NaN).
type Operation = (&'static str, fn(&mut Random) -> [u64; 3], Model, Oracle, u64);

fn some<T: Into<u64>>((word, flags): (T, Flags)) -> (Option<u64>, Flags) {
    (Some(word.into()), flags)
}

fn relation(x: [u64; 3], comparison: Comparison, holds: fn(Ordering) -> bool) -> (Option<u64>, Flags) {
    let (order, flags) = compare(x[0] as u32, x[1] as u32, comparison);
    (Some(order.is_some_and(holds).into()), flags)
}

fn f(word: u64) -> F32 {
    F32::from_bits(word as u32)
}

fn bits(x: F32) -> u64 {
    x.to_bits().into()
}

const SINGLE: u64 = 0x7f80_0000;
const INTEGER: u64 = u64::MAX;

const OPERATIONS: [Operation; 26] = [
    ("add", words, |x, env| some(add(x[0] as u32, x[1] as u32, env)), |x, m| bits(f(x[0]).add(f(x[1]), m)), SINGLE),
    ("sub", words, |x, env| some(sub(x[0] as u32, x[1] as u32, env)), |x, m| bits(f(x[0]).sub(f(x[1]), m)), SINGLE),
    ("mul", words, |x, env| some(mul(x[0] as u32, x[1] as u32, env)), |x, m| bits(f(x[0]).mul(f(x[1]), m)), SINGLE),
    ("div", words, |x, env| some(div(x[0] as u32, x[1] as u32, env)), |x, m| bits(f(x[0]).div(f(x[1]), m)), SINGLE),
    ("rem", words, |x, env| some(rem(x[0] as u32, x[1] as u32, env)), |x, m| bits(f(x[0]).rem(f(x[1]), m)), SINGLE),
    ("sqrt", words, |x, env| some(sqrt(x[0] as u32, env)), |x, m| bits(f(x[0]).sqrt(m)), SINGLE),
    (
        "fma",
        words,
        |x, env| some(fma(x[0] as u32, x[1] as u32, x[2] as u32, env)),
        |x, m| bits(f(x[0]).fused_mul_add(f(x[1]), f(x[2]), m)),
        SINGLE,
    ),
    (
        "round_to_integral",
        around_integers,
        |x, env| some(convert::round_to_integral(x[0] as u32, env)),
        |x, m| bits(f(x[0]).round_to_integral(m)),
        SINGLE,
    ),
    ("eq", words, |x, _| relation(x, Comparison::Quiet, Ordering::is_eq), |x, _| f(x[0]).eq(f(x[1])).into(), INTEGER),
    (
        "lt",
        words,
        |x, _| relation(x, Comparison::Signaling, Ordering::is_lt),
        |x, _| f(x[0]).lt(f(x[1])).into(),
        INTEGER,
    ),
    (
        "le",
        words,
        |x, _| relation(x, Comparison::Signaling, Ordering::is_le),
        |x, _| f(x[0]).le(f(x[1])).into(),
        INTEGER,
    ),
    (
        "lt_quiet",
        words,
        |x, _| relation(x, Comparison::Quiet, Ordering::is_lt),
        |x, _| f(x[0]).lt_quiet(f(x[1])).into(),
        INTEGER,
    ),
    (
        "le_quiet",
        words,
        |x, _| relation(x, Comparison::Quiet, Ordering::is_le),
        |x, _| f(x[0]).le_quiet(f(x[1])).into(),
        INTEGER,
    ),
    (
        "eq_signaling",
        words,
        |x, _| relation(x, Comparison::Signaling, Ordering::is_eq),
        |x, _| f(x[0]).eq_signaling(f(x[1])).into(),
        INTEGER,
    ),
    (
        "to_i32",
        around_integers,
        |x, env| {
            let (value, flags) = convert::to_integer::<i32>(x[0] as u32, env);
            (value.map(|n| u64::from(n as u32)), flags)
        },
        |x, m| u64::from(f(x[0]).to_i32(m, true) as u32),
        INTEGER,
    ),
    (
        "to_u32",
        around_integers,
        |x, env| {
            let (value, flags) = convert::to_integer::<u32>(x[0] as u32, env);
            (value.map(u64::from), flags)
        },
        |x, m| f(x[0]).to_u32(m, true).into(),
        INTEGER,
    ),
    (
        "to_i64",
        around_integers,
        |x, env| {
            let (value, flags) = convert::to_integer::<i64>(x[0] as u32, env);
            (value.map(|n| n as u64), flags)
        },
        |x, m| f(x[0]).to_i64(m, true) as u64,
        INTEGER,
    ),
    (
        "to_u64",
        around_integers,
        |x, env| convert::to_integer::<u64>(x[0] as u32, env),
        |x, m| f(x[0]).to_u64(m, true),
        INTEGER,
    ),
    (
        "from_i32",
        integers,
        |x, env| some(convert::from_i64(i64::from(x[0] as i32), env)),
        |x, m| bits(F32::from_i32(x[0] as i32, m)),
        SINGLE,
    ),
    (
        "from_u32",
        integers,
        |x, env| some(convert::from_u64(u64::from(x[0] as u32), env)),
        |x, m| bits(F32::from_u32(x[0] as u32, m)),
        SINGLE,
    ),
    (
        "from_i64",
        integers,
        |x, env| some(convert::from_i64(x[0] as i64, env)),
        |x, m| bits(F32::from_i64(x[0] as i64, m)),
        SINGLE,
    ),
    ("from_u64", integers, |x, env| some(convert::from_u64(x[0], env)), |x, m| bits(F32::from_u64(x[0], m)), SINGLE),
    (
        "to_binary16",
        around_halves,
        |x, env| some(convert::to_binary16(x[0] as u32, env)),
        |x, m| f(x[0]).to_f16(m).to_bits().into(),
        0x7c00,
    ),
    (
        "to_binary64",
        words,
        |x, env| some(convert::to_binary64(x[0] as u32, env)),
        |x, m| f(x[0]).to_f64(m).to_bits(),
        0x7ff0_0000_0000_0000,
    ),
    (
        "from_binary16",
        half,
        |x, env| some(convert::from_binary16(x[0] as u16, env)),
        |x, m| bits(F16::from_bits(x[0] as u16).to_f32(m)),
        SINGLE,
    ),
    (
        "from_binary64",
        wide,
        |x, env| some(convert::from_binary64(x[0], env)),
        |x, m| bits(F64::from_bits(x[0]).to_f32(m)),
        SINGLE,
    ),
];

fn mode(rounding: RoundingMode) -> Mode {
    match rounding {
        RoundingMode::NearestEven => Mode::TiesToEven,
        RoundingMode::TowardZero => Mode::TowardZero,
        RoundingMode::Down => Mode::TowardNegative,
        RoundingMode::Up => Mode::TowardPositive,
        RoundingMode::NearestAway => Mode::TiesToAway,
    }
}

/// Result and flags of SoftFloat, whose flags are a global variable.
fn observed(oracle: Oracle, x: [u64; 3], mode: Mode) -> (u64, u8) {
    ExceptionFlags::from_bits(0).set();
    let result = oracle(x, mode);
    let mut flags = ExceptionFlags::default();
    flags.get();
    (result, flags.to_bits())
}

/// One test, because the state of SoftFloat is global.
#[test]
fn every_operation_agrees_with_softfloat_in_values_and_flags() {
    let mut random = Random(SEED);
    for (name, operands, model, oracle, infinity) in OPERATIONS {
        // The sign is the bit above the infinity of a format.
        let is_nan = |word: u64| infinity != INTEGER && word & (infinity.next_power_of_two() - 1) > infinity;
        let mut tally = Tally::default();
        for _ in 0..CASES {
            let x = operands(&mut random);
            for rounding in RoundingMode::ALL {
                let (value, flags) = model(x, Environment { rounding, nan: NanPolicy::Canonical });
                let (expected, raised) = observed(oracle, x, mode(rounding));
                let same = value.is_none_or(|value| value == expected || (is_nan(value) && is_nan(expected)));
                let describe = || {
                    format!(
                        "{name} {x:x?} {rounding:?}: {value:x?}:{:02x}, SoftFloat {expected:x}:{raised:02x}",
                        flags.bits()
                    )
                };
                tally.check(same && flags.bits() == raised, describe);
            }
        }
        tally.report(&format!("softfloat {name}"));
    }
    println!("softfloat minimum, maximum: 0 run, 0 passed, all skipped (SoftFloat 3 has none)");
}
