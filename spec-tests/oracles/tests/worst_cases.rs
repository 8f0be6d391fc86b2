//! The worst cases of CORE-MATH (inputs only; Sibidanov, Zimmermann, Glondu 2022), one line a file, with MPFR for the results.
//!
//! Those for binary64, twice: rounded to binary32 with both neighbours, as arguments of `Binary32` in every mode; and as they are, as arguments of
//! `Real` at 128 bits, whose ball must contain the value and be narrow. Those of `hypot` and `atan2`, which the kernel has not, as compositions in `Real`.

use num_bigint::BigInt;
use rug::float::Round;
use rug::{Assign, Float};
use tl_kernel::context::binary32::RoundingMode;
use tl_kernel::context::real::{Ball, Real};
use tl_kernel::context::{Context, EvalError};
use tl_kernel::number::Dyadic;
use tl_oracles::function::{Bench, Counts, named};
use tl_spec_tests::{Tally, lines};

/// Bits of `Real`.
const PRECISION: u64 = 128;
/// Bits of MPFR: the second where a ball beside an exact value, `cosh 2^−500`, is narrower than the first can tell.
const FINER: [u32; 2] = [400, 2400];
/// A ball may be this much wider than 2^−128 of its value.
const SLACK: i64 = 12;

/// A C99 hexadecimal floating constant; `None` for infinities and NaN.
fn hexadecimal(text: &str) -> Option<f64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let magnitude = if let Some(digits) = digits.strip_prefix("0x") {
        let (mantissa, exponent) = digits.split_once('p').unwrap_or((digits, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let value = u64::from_str_radix(&format!("{whole}{fraction}"), 16).expect("16 digits at most");
        let exponent = exponent.parse::<i32>().expect("an exponent") - 4 * i32::try_from(fraction.len()).expect("few");
        let exact = Float::with_val(64, value) << exponent;
        let magnitude = exact.to_f64();
        assert_eq!(exact, magnitude, "{text} is a binary64 number");
        magnitude
    } else {
        match digits {
            "0" => 0.0,
            "inf" | "nan" | "snan" | "qnan" => return None,
            _ => digits.parse().expect("a decimal number"),
        }
    };
    Some(if negative { -magnitude } else { magnitude })
}

fn dyadic(x: &Float) -> Dyadic {
    let (mantissa, exponent) = x.to_integer_exp().expect("finite");
    let digits = mantissa.to_string_radix(16);
    Dyadic::new(BigInt::parse_bytes(digits.as_bytes(), 16).expect("digits"), exponent.into())
}

fn point(x: f64) -> Ball {
    Ball::exact(dyadic(&Float::with_val(53, x)))
}

/// Whether the ball contains the value, and is narrow; `mpfr` is the value at a precision, rounded down and up.
fn check(tally: &mut Tally, what: &str, found: Result<Ball, EvalError>, mpfr: impl Fn(u32) -> [Float; 2]) {
    match found {
        Ok(ball) => {
            let contains =
                |[below, above]: [Float; 2]| ball.lower() <= dyadic(&below) && dyadic(&above) <= ball.upper();
            let contained = FINER.into_iter().any(|precision| contains(mpfr(precision)));
            let narrow = ball.mag().top().is_none_or(|top| {
                let relative = PRECISION.cast_signed() - SLACK;
                ball.mid().top().is_some_and(|mid| top <= mid - relative)
            });
            tally.check(contained && narrow, || {
                format!("{what}: {ball:?}, MPFR {} (contained: {contained}, narrow: {narrow})", mpfr(FINER[0])[0])
            });
        }
        Err(error) => tally.check(false, || format!("{what}: {error}")),
    }
}

/// `value` at a precision, rounded down and up.
fn enclose(precision: u32, value: impl Fn(&mut Float, Round)) -> [Float; 2] {
    [Round::Down, Round::Up].map(|round| {
        let mut float = Float::new(precision);
        value(&mut float, round);
        float
    })
}

type OfReal = fn(&Real, &Ball) -> Result<Ball, EvalError>;

fn unary(name: &str, real_function: OfReal) {
    let Some(lines) = lines(&format!("core-math worst cases of {name}"), &format!("arith/core-math/b64_{name}.wc.gz"))
    else {
        return;
    };
    let function = named(name).expect("a function");
    let real = Real::new(PRECISION);
    let (mut bench, mut counts, mut tally) = (Bench::default(), Counts::default(), Tally::default());
    for x in lines.iter().filter_map(|line| hexadecimal(line.trim())) {
        let word = (x as f32).to_bits();
        let near = [word.wrapping_sub(1), word, word.wrapping_add(1)];
        for mode in RoundingMode::ALL {
            function.judge(near, mode, &mut bench, &mut counts);
        }
        let mpfr = |precision| {
            enclose(precision, |value, round| {
                value.assign(x);
                (function.truncate)(value, round);
            })
        };
        if mpfr(FINER[0]).iter().all(Float::is_finite) {
            check(&mut tally, &format!("{name} {x:e}"), real_function(&real, &point(x)), mpfr);
        } else {
            tally.skip(); // outside the domain, or a pole
        }
    }
    println!("worst cases of {name} in Binary32: {} run, {} wrong", counts.run, counts.wrong);
    tally.report(&format!("worst cases of {name} in Real"));
    assert!(counts.wrong == 0, "{:?}", counts.findings);
}

macro_rules! files {
    ($($test:ident $name:literal $function:expr;)*) => { $(
        #[test]
        fn $test() {
            unary($name, $function);
        }
    )* };
}

files! {
    worst_cases_of_cbrt "cbrt" Real::cbrt;
    worst_cases_of_cos "cos" Context::cos;
    worst_cases_of_cosh "cosh" Real::cosh;
    worst_cases_of_erf "erf" Context::erf;
    worst_cases_of_erfc "erfc" Real::erfc;
    worst_cases_of_exp2 "exp2" Real::exp2;
    worst_cases_of_expm1 "expm1" Context::expm1;
    worst_cases_of_log "log" Context::log;
    worst_cases_of_rsqrt "rsqrt" Context::rsqrt;
    worst_cases_of_sin "sin" Context::sin;
    worst_cases_of_sinh "sinh" Real::sinh;
    worst_cases_of_tanh "tanh" Context::tanh;
}

/// Functions of two arguments that the kernel has not: `real` composes them, `mpfr` rounds them.
fn binary(name: &str, real: impl Fn(&Ball, &Ball) -> Result<Ball, EvalError>, mpfr: fn(&mut Float, &Float, Round)) {
    let Some(lines) = lines(&format!("core-math worst cases of {name}"), &format!("arith/core-math/b32_{name}f.wc.gz"))
    else {
        return;
    };
    let mut tally = Tally::default();
    for line in &lines {
        let pair = line.split_once(',').and_then(|(a, b)| Some((hexadecimal(a.trim())?, hexadecimal(b.trim())?)));
        let Some((a, b)) = pair.filter(|&(a, b)| a != 0.0 && b != 0.0) else {
            tally.skip(); // a zero, an infinity or a NaN
            continue;
        };
        let enclosure = |precision| {
            enclose(precision, |value, round| {
                value.assign(a);
                mpfr(value, &Float::with_val(53, b), round);
            })
        };
        check(&mut tally, &format!("{name} {a:e} {b:e}"), real(&point(a), &point(b)), enclosure);
    }
    tally.report(&format!("worst cases of {name} in Real"));
}

#[test]
fn worst_cases_of_hypot() {
    let real = Real::new(PRECISION);
    let hypot = |x: &Ball, y: &Ball| real.sqrt(&real.add(&real.mul(x, x)?, &real.mul(y, y)?)?);
    binary("hypot", hypot, |x, y, round| {
        x.hypot_round(y, round);
    });
}

#[test]
fn worst_cases_of_atan2() {
    let real = Real::new(PRECISION);
    let atan2 = |y: &Ball, x: &Ball| {
        let angle = real.atan(&real.div(y, x)?)?;
        match (x.mid().is_negative(), y.mid().is_negative()) {
            (false, _) => Ok(angle),
            (true, false) => real.add(&angle, &real.pi()?),
            (true, true) => real.sub(&angle, &real.pi()?),
        }
    };
    binary("atan2", atan2, |y, x, round| {
        y.atan2_round(x, round);
    });
}
