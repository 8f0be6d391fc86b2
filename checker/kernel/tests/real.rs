//! The real reading against an independent implementation (tests/data/real_reference.py) and against exact rationals.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

use num_bigint::BigInt;
use tl_kernel::context::real::{Ball, Real};
use tl_kernel::context::{Context, EvalError};
use tl_kernel::number::Dyadic;

fn parse(text: &str) -> Dyadic {
    let (mantissa, exponent) = text.split_once('p').unwrap();
    Dyadic::new(
        BigInt::parse_bytes(mantissa.as_bytes(), 16).unwrap(),
        exponent.parse().unwrap(),
    )
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

/// `None` when the ball contains the truncated reference value and its upper neighbour and is at most four units of the last bit wide.
fn complaint(ball: &Ball, value: &Dyadic, bits: u64, precision: u64) -> Option<String> {
    let top = value.top().unwrap();
    let neighbour = if value.bits() < bits {
        value.clone() // the value itself is that short: it is exact
    } else {
        let unit = Dyadic::power_of_two(value.exponent());
        value.add(&if value.is_negative() {
            unit.neg()
        } else {
            unit
        })
    };
    if !(ball.contains(value) && (ball.is_exact() || ball.contains(&neighbour))) {
        return Some("does not contain the value".into());
    }
    let unit = Dyadic::power_of_two(top - i64::try_from(precision).unwrap());
    let allowed = unit.scaled(2);
    (ball.rad() > allowed).then(|| {
        let units = ball
            .rad()
            .div_rounded(&unit, 10, tl_kernel::number::Direction::Up);
        format!("is {} units wide", units.unwrap().0.floor())
    })
}

#[test]
fn every_function_encloses_its_reference_values_within_four_units() {
    let readings: Vec<Real> = [32, 64, 128, 256, 1024, 4096].map(Real::new).into();
    let mut complaints = Vec::new();
    for line in include_str!("data/real_reference.txt").lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let (name, bits) = (fields[0], fields[1].parse::<u64>().unwrap());
        let arguments: Vec<Ball> = fields[2..fields.len() - 1]
            .iter()
            .map(|text| Ball::exact(parse(text)))
            .collect();
        let value = parse(fields[fields.len() - 1]);
        for real in &readings {
            if real.precision() + 100 > bits {
                continue;
            }
            match apply(real, name, &arguments) {
                Ok(ball) => complaints.extend(
                    complaint(&ball, &value, bits, real.precision()).map(|what| {
                        format!(
                            "{name} {:?} at {}: {what}",
                            &fields[2..fields.len() - 1],
                            real.precision()
                        )
                    }),
                ),
                Err(error) => complaints.push(format!(
                    "{name} {:?}: {error}",
                    &fields[2..fields.len() - 1]
                )),
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
