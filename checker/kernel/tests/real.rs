//! The real reading against an independent implementation (tests/data/real_reference.py) and against exact rationals.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a test stops at the first surprise")]

use num_bigint::{BigInt, Sign};
use std::cmp::Ordering::{Equal, Greater, Less};
use tl_kernel::context::real::{Ball, Real};
use tl_kernel::context::{Context, EvalError, Rows};
use tl_kernel::number::Dyadic;

fn parse(text: &str) -> Dyadic {
    let (mantissa, exponent) = text.split_once('p').unwrap();
    Dyadic::new(BigInt::parse_bytes(mantissa.as_bytes(), 16).unwrap(), exponent.parse().unwrap())
}

fn apply(real: &Real, name: &str, x: &[Ball]) -> Result<Ball, EvalError> {
    match name {
        "exp" => real.exp(&x[0]),
        "expm1" => real.expm1(&x[0]),
        "exp2" => real.exp2(&x[0]),
        "log" => real.log(&x[0]),
        "log1p" => real.log1p(&x[0]),
        "log2" => real.log2(&x[0]),
        "log10" => real.log10(&x[0]),
        "sin" => real.sin(&x[0]),
        "cos" => real.cos(&x[0]),
        "tan" => real.tan(&x[0]),
        "atan" => real.atan(&x[0]),
        "sinh" => real.sinh(&x[0]),
        "cosh" => real.cosh(&x[0]),
        "tanh" => real.tanh(&x[0]),
        "erf" => real.erf(&x[0]),
        "erfc" => real.erfc(&x[0]),
        "sqrt" => real.sqrt(&x[0]),
        "rsqrt" => real.rsqrt(&x[0]),
        "cbrt" => real.cbrt(&x[0]),
        "pow" => real.pow(&x[0], &x[1]),
        _ => panic!("no function {name}"),
    }
}

/// `None` when the ball contains the truncated reference value and its upper neighbour and has a radius of at most one unit of the last bit.
fn complaint(ball: &Ball, value: &Dyadic, bits: u64, precision: u64) -> Option<String> {
    let top = value.top().unwrap();
    let neighbour = if value.bits() < bits {
        value.clone() // the value itself is that short: it is exact
    } else {
        let unit = Dyadic::power_of_two(value.exponent());
        value.add(&if value.is_negative() { unit.neg() } else { unit })
    };
    if !(ball.contains(value) && (ball.is_exact() || ball.contains(&neighbour))) {
        return Some("does not contain the value".into());
    }
    let unit = Dyadic::power_of_two(top - i64::try_from(precision).unwrap());
    let allowed = unit.clone();
    (ball.rad() > allowed).then(|| {
        let units = ball.rad().div_rounded(&unit, 10, tl_kernel::number::Direction::Up);
        format!("is {} units wide", units.unwrap().0.floor())
    })
}

#[test]
fn every_function_encloses_its_reference_values_within_one_unit() {
    let readings: Vec<Real> = [32, 64, 128, 256, 1024, 4096].map(Real::new).into();
    let mut complaints = Vec::new();
    for line in include_str!("data/real_reference.txt").lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let (name, bits) = (fields[0], fields[1].parse::<u64>().unwrap());
        let arguments: Vec<Ball> = fields[2..fields.len() - 1].iter().map(|text| Ball::exact(parse(text))).collect();
        let value = parse(fields[fields.len() - 1]);
        for real in &readings {
            if real.precision() + 100 > bits {
                continue;
            }
            match apply(real, name, &arguments) {
                Ok(ball) => {
                    complaints.extend(complaint(&ball, &value, bits, real.precision()).map(|what| {
                        format!("{name} {:?} at {}: {what}", &fields[2..fields.len() - 1], real.precision())
                    }))
                }
                Err(error) => complaints.push(format!("{name} {:?}: {error}", &fields[2..fields.len() - 1])),
            }
        }
    }
    assert!(
        complaints.is_empty(),
        "{} complaints\n{}",
        complaints.len(),
        complaints[..complaints.len().min(60)].join("\n")
    );
}

fn d(mantissa: i64, exponent: i64) -> Dyadic {
    Dyadic::new(mantissa.into(), exponent)
}

fn exact(mantissa: i64, exponent: i64) -> Ball {
    Ball::exact(d(mantissa, exponent))
}

/// A ball around `mid` with a radius of `2^exponent`.
fn fat(mid: Dyadic, exponent: i64) -> Ball {
    Ball::new(mid, tl_kernel::context::real::Mag::power_of_two(exponent))
}

#[test]
fn a_bias_of_minus_two_to_the_63_is_added_like_any_other() {
    let (left, right) = ([exact(1, -130), exact(1, 300)], [exact(3, 0), exact(5, 0)]);
    for mantissa in [i64::MIN, i64::MIN + 1, i64::MAX, 1 << 62, -1 << 62, (1 << 62) - 1] {
        let bias = [exact(mantissa, -150)];
        let (left, right) = (Rows::contiguous(&left, 1), Rows::contiguous(&right[..1], 1));
        let sums = Real::new(700).dots(&left, &right, Some(&bias)).unwrap();
        for (sum, exponent) in sums.iter().zip([-130, 300]) {
            assert!(sum.is_exact());
            assert_eq!(*sum.mid(), d(3, exponent).add(bias[0].mid()), "{mantissa} beside 2^{exponent}");
        }
    }
}

#[test]
fn rows_that_cancel_are_exact_to_the_precision_however_many_meet() {
    // 2^127 − 2^127 + small terms: what is left lies below the digits that the precision asks for.
    let small = |k: i64| exact(2 * k * k + 1, -140 + k % 7);
    let left: Vec<Ball> = (0..30).flat_map(|k| [exact(1, 127), exact(-1, 127), small(k), small(k + 50)]).collect();
    let right: Vec<Ball> = (0..40).flat_map(|k| [exact(1, 0), exact(1, 0), small(k + 9), small(k)]).collect();
    let sums = |rows: &[Ball], columns: &[Ball], p| {
        Real::new(p).dots(&Rows::contiguous(rows, 4), &Rows::contiguous(columns, 4), None).unwrap()
    };
    for p in [64, 128, 300, 700] {
        for (at, sum) in sums(&left, &right, p).iter().enumerate() {
            let (x, y) = (&left[at / 40 * 4..][..4], &right[at % 40 * 4..][..4]);
            let products = x.iter().zip(y).map(|(x, y)| x.mid().mul(y.mid()));
            let whole = products.fold(Dyadic::zero(), |total, product| total.add(&product));
            assert!(sum.contains(&whole), "{at} at {p} bits: {sum:?}");
            assert!(sum.rad() <= whole.abs().scaled(2 - p as i64), "{at} at {p} bits: {sum:?}");
            assert_eq!(sum.mid(), sums(x, y, p)[0].mid(), "{at} at {p} bits");
        }
    }
}

#[test]
fn quotients_that_fit_are_exact_and_those_beside_a_tie_are_in_their_ball() {
    // Of N limbs each; a precision of 64 N − 9 bits leaves nine of them below a quotient of [1/2, 1).
    let mut state = 17;
    let mut random = |bits: u64| {
        let digits = (0..=bits / 32).map(|_| {
            state = 6_364_136_223_846_793_005u64.wrapping_mul(state).wrapping_add(1_442_695_040_888_963_407);
            (state >> 32) as u32
        });
        let whole = BigInt::from_slice(Sign::Plus, &digits.collect::<Vec<u32>>());
        ((whole >> (32 * (bits / 32 + 1) - bits)) | BigInt::from(1) << (bits - 1)) | BigInt::from(1)
    };
    for limbs in [1, 2, 3, 4, 5, 6, 7, 9] {
        let precision = 64 * limbs - 9;
        for k in 0..60u64 {
            let divisor = random(if k.is_multiple_of(4) { 24 } else { 64 * limbs + 40 });
            let quotient = |q: &BigInt| {
                let (a, b) = (Dyadic::new(q * &divisor, 5), Dyadic::new(divisor.clone(), -9));
                Ball::exact(if k.is_multiple_of(3) { a.neg() } else { a }).div(&Ball::exact(b), precision).unwrap()
            };
            let value = |q: &BigInt| Dyadic::new(if k.is_multiple_of(3) { -q } else { q.clone() }, 14);
            let odd = random(precision - k % 8);
            let ball = quotient(&odd);
            assert!(ball.is_exact() && *ball.mid() == value(&odd), "{odd:x} at {precision} bits: {ball:?}");
            let tie = random(precision + 1) << 8u32;
            for beside in [-3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 8, 11, 14, 17, 20, 24] {
                let q = &tie + beside;
                let ball = quotient(&q);
                assert!(ball.contains(&value(&q)), "{q:x} at {precision} bits: {ball:?}");
                assert!(
                    ball.rad() <= Dyadic::power_of_two(64 * limbs as i64 + 14 - precision as i64),
                    "{q:x}: {ball:?}"
                );
            }
        }
    }
}

#[test]
fn rational_values_at_rational_points_are_exact() {
    let real = Real::new(64);
    type Parts = (i64, i64);
    let cases: &[(&str, &[Parts], Parts)] = &[
        ("exp", &[(0, 0)], (1, 0)),
        ("expm1", &[(0, 0)], (0, 0)),
        ("exp2", &[(-1000, 0)], (1, -1000)),
        ("exp2", &[(5, 0)], (32, 0)),
        ("log", &[(1, 0)], (0, 0)),
        ("log1p", &[(0, 0)], (0, 0)),
        ("log2", &[(1, -149)], (-149, 0)),
        ("log2", &[(1, 0)], (0, 0)),
        ("log2", &[(4, 10)], (12, 0)),
        ("log10", &[(1000, 0)], (3, 0)),
        ("log10", &[(1, 0)], (0, 0)),
        ("sin", &[(0, 0)], (0, 0)),
        ("cos", &[(0, 0)], (1, 0)),
        ("tan", &[(0, 0)], (0, 0)),
        ("atan", &[(0, 0)], (0, 0)),
        ("sinh", &[(0, 0)], (0, 0)),
        ("cosh", &[(0, 0)], (1, 0)),
        ("tanh", &[(0, 0)], (0, 0)),
        ("erf", &[(0, 0)], (0, 0)),
        ("erfc", &[(0, 0)], (1, 0)),
        ("sqrt", &[(0, 0)], (0, 0)),
        ("sqrt", &[(9, -4)], (3, -2)),
        ("sqrt", &[(18, -3)], (3, -1)),
        ("rsqrt", &[(1, -4)], (4, 0)),
        ("cbrt", &[(27, -6)], (3, -2)),
        ("cbrt", &[(-54, 5)], (-12, 0)),
        ("cbrt", &[(0, 0)], (0, 0)),
        ("pow", &[(3, 0), (5, 0)], (243, 0)),
        ("pow", &[(-3, -1), (3, 0)], (-27, -3)),
        ("pow", &[(2, 0), (-7, 0)], (1, -7)),
        ("pow", &[(-2, 0), (-7, 0)], (-1, -7)),
        ("pow", &[(4, 0), (3, -1)], (8, 0)),
        ("pow", &[(81, 0), (3, -2)], (27, 0)),
        ("pow", &[(1, -148), (-1, -2)], (1, 37)),
        ("pow", &[(0, 0), (1, -3)], (0, 0)),
        ("pow", &[(0, 0), (0, 0)], (1, 0)),
        ("pow", &[(-5, 3), (0, 0)], (1, 0)),
        ("pow", &[(1, 0), (12345, -3)], (1, 0)),
        ("pow", &[(1, 0), (1, 200)], (1, 0)),
    ];
    for (name, arguments, (mantissa, exponent)) in cases {
        let arguments: Vec<Ball> = arguments.iter().map(|&(m, e)| exact(m, e)).collect();
        let ball = apply(&real, name, &arguments).unwrap();
        assert!(ball.is_exact() && *ball.mid() == d(*mantissa, *exponent), "{name} {arguments:?}: {ball:?}");
    }
}

#[test]
fn domains_are_decided_or_said_to_be_undecided() {
    let real = Real::new(64);
    let around = |m: i64| fat(d(m, 0), -70);
    let half = exact(1, -1);
    let cases: Vec<(&str, Vec<Ball>, &str)> = vec![
        ("log", vec![exact(0, 0)], "undefined"),
        ("log", vec![exact(-1, 0)], "undefined"),
        ("log", vec![fat(d(-1, 0), 0)], "undefined"),
        ("log", vec![around(0)], "undecided"),
        ("log2", vec![around(0)], "undecided"),
        ("log10", vec![exact(-1, 5)], "undefined"),
        ("log1p", vec![exact(-1, 0)], "undefined"),
        ("log1p", vec![around(-1)], "undecided"),
        ("log1p", vec![around(-2)], "undefined"),
        ("sqrt", vec![around(0)], "undecided"),
        ("sqrt", vec![around(-3)], "undefined"),
        ("rsqrt", vec![exact(0, 0)], "undefined"),
        ("rsqrt", vec![around(0)], "undecided"),
        ("pow", vec![exact(0, 0), exact(-1, 0)], "undefined"),
        ("pow", vec![exact(0, 0), around(0)], "undecided"),
        ("pow", vec![around(0), exact(-1, 0)], "undecided"),
        ("pow", vec![around(0), half.clone()], "undecided"),
        ("pow", vec![exact(-1, 0), half], "undefined"),
        ("pow", vec![exact(-1, 0), around(2)], "undecided"),
        ("tan", vec![fat(d(3, -1), -1)], "undecided"),
        ("exp", vec![exact(1, 41)], "limit"),
        ("exp", vec![exact(1, 1 << 39)], "limit"),
        ("exp2", vec![exact(1, 1 << 39)], "limit"),
        ("exp2", vec![exact(3, 39)], "limit"),
        ("sinh", vec![exact(-1, 1 << 39)], "limit"),
        ("cosh", vec![exact(-1, 60)], "limit"),
        ("pow", vec![exact(3, 0), exact(1, 50)], "limit"),
        ("pow", vec![exact(2, 0), exact(3, 39)], "limit"),
    ];
    for (name, arguments, expected) in cases {
        let found = match apply(&real, name, &arguments) {
            Err(EvalError::Undefined { .. }) => "undefined",
            Err(EvalError::Undecided { .. }) => "undecided",
            Err(EvalError::Limit { .. }) => "limit",
            _ => "something else",
        };
        assert_eq!(found, expected, "{name} {arguments:?}");
    }
    let one = exact(1, 0);
    assert!(matches!(real.div(&one, &exact(0, 0)), Err(EvalError::Undefined { .. })));
    assert!(matches!(real.div(&one, &around(0)), Err(EvalError::Undecided { .. })));
    let huge = exact(1, 1 << 39);
    assert!(matches!(real.mul(&huge, &huge), Err(EvalError::Limit { .. })));
    assert_eq!(real.datum(0x7f80_0000).unwrap_err(), EvalError::NotFinite { word: 0x7f80_0000 });
}

#[test]
fn extreme_exponents_cost_nothing_and_stay_enclosed() {
    let tiny = || exact(1, -(1 << 39));
    let huge = || exact(1, 1 << 39);
    for precision in [32, 128, 4096] {
        let real = Real::new(precision);
        for name in ["expm1", "log1p", "sin", "tan", "atan", "sinh", "tanh"] {
            let ball = apply(&real, name, &[tiny()]).unwrap();
            assert!(ball.contains(tiny().mid()), "{name}");
            assert!(ball.rad().top() < Some(4 - (1 << 39) - i64::try_from(precision).unwrap()), "{name}");
        }
        for (name, x, lo, hi) in [
            ("exp", tiny(), d(1, 0), d(3, -1)),
            ("exp", huge().neg(), d(0, 0), d(1, -1_000_000)),
            ("expm1", huge().neg(), d(-1, 0), d(-1, -1)),
            ("exp2", tiny().neg(), d(1, -1), d(1, 0)),
            ("exp2", huge().neg(), d(0, 0), d(1, -1_000_000)),
            ("log", huge(), d(381_061_692_000, 0), d(381_061_693_000, 0)),
            ("log", tiny(), d(-381_061_693_000, 0), d(-381_061_692_000, 0)),
            ("log1p", huge(), d(381_061_692_000, 0), d(381_061_693_000, 0)),
            ("cos", tiny(), d(1, -1), d(1, 0)),
            ("sin", huge(), d(-1, 0), d(1, 0)),
            ("atan", huge(), d(3, -1), d(13, -3)),
            ("atan", huge().neg(), d(-13, -3), d(-3, -1)),
            ("cosh", tiny(), d(1, 0), d(9, -3)),
            ("tanh", huge(), d(1, -1), d(1, 0)),
            ("erf", huge().neg(), d(-1, 0), d(-1, -1)),
            ("erf", tiny(), d(1, -(1 << 39)), d(5, -(1 << 39) - 2)),
            ("erfc", huge(), d(0, 0), d(1, -1_000_000)),
            ("erfc", huge().neg(), d(1, 0), d(2, 0)),
            ("sqrt", huge(), d(1, 1 << 38), d(1, 1 << 38)),
        ] {
            let ball = apply(&real, name, &[x]).unwrap();
            let slack = Dyadic::power_of_two(-20);
            assert!(
                ball.lower() >= lo.add_rounded(&slack.neg(), 60, tl_kernel::number::Direction::Down).0,
                "{name} {ball:?}"
            );
            assert!(ball.upper() <= hi.add_rounded(&slack, 60, tl_kernel::number::Direction::Up).0, "{name} {ball:?}");
        }
        let sum = real.add(&huge(), &tiny()).unwrap();
        assert!(sum.contains(huge().mid()) && sum.lower().bits() < 50_000);
        let sum = real.sum(&[tiny(), huge(), huge().neg(), tiny()]).unwrap();
        assert!(sum.contains(&d(1, 1 - (1 << 39))));
        let below = real.mul(&real.mul(&tiny(), &tiny()).unwrap(), &tiny()).unwrap();
        assert!(below.contains_zero() && below.upper().top() < Some(-(1 << 39)));
        let half = exact(1, -1);
        let power = real.pow(&tiny(), &half).unwrap();
        assert!(power.is_exact() && *power.mid() == d(1, -(1 << 38)));
        assert!(real.pow(&huge(), &exact(-3, 0)).unwrap().contains_zero());
    }
}

#[test]
fn a_ball_has_its_ends_and_nothing_beside_them() {
    let ball = fat(d(3, 0), 1);
    for (x, inside) in [(8, true), (24, true), (40, true), (7, false), (41, false), (-24, false)] {
        assert_eq!(ball.contains(&d(x, -3)), inside, "{x}/8");
    }
    for (mid, sign) in [(3, Some(Greater)), (-3, Some(Less)), (2, None), (-2, None), (1, None), (0, None)] {
        let ball = fat(d(mid, 0), 1);
        assert_eq!((ball.sign(), ball.contains_zero()), (sign, sign.is_none()), "{ball:?}");
    }
    assert_eq!((exact(0, 0).sign(), exact(0, 0).contains_zero()), (Some(Equal), true));
    assert_eq!((exact(1, -900).sign(), exact(1, -900).contains_zero()), (Some(Greater), false));
}

#[test]
fn what_needs_no_rounding_is_tight() {
    let size = fat(d(0, 0), 0).abs();
    assert!(size.contains(&d(0, 0)) && size.contains(&d(1, 0)) && !size.contains(&d((1 << 20) + 1, -20)));
    let (real, low, high) = (Real::new(64), exact(1, 0), fat(d(3, 0), -1));
    for (x, y) in [(&low, &high), (&high, &low)] {
        for (found, stated) in [(real.max(x, y).unwrap(), &high), (real.min(x, y).unwrap(), &low)] {
            assert_eq!((found.mid(), found.rad()), (stated.mid(), stated.rad()));
        }
    }
    let rounded = exact(0b1011, 0).round(2);
    assert!(rounded.mid().bits() <= 2 && rounded.contains(&d(0b1011, 0)) && rounded.rad() <= d(1, 1));
}

#[test]
fn a_radius_far_from_its_midpoint_is_enlarged_or_absorbs_it() {
    for (mid, rad) in [(0, -(1 << 38)), (-(1 << 38), 0), (1 << 38, -(1 << 38)), (5, 5)] {
        let ball = fat(d(1, mid), rad);
        assert!(ball.lower().bits() < 40_000 && ball.upper().bits() < 40_000);
        assert!(ball.rad() >= d(1, rad) && ball.contains(&d(1, mid)));
        // The ends of the set that was asked for, each written as the sum that it is.
        let beyond = |end: Dyadic| end.abs().sub(&d(1, mid.max(rad)));
        assert!(beyond(ball.upper()) >= d(1, mid.min(rad)), "{ball:?}");
    }
}
