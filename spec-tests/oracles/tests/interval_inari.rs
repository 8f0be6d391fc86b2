//! `Interval` at 53 bits against the intervals of inari (Mizuno 2024), a second reference for arithmetic.
//!
//! inari rounds the exact image outward once, and so does the reading: rounded outward to binary64, the two must be the same intervals. A divisor that
//! may be zero and a root of what may be negative are refused by the reading, and only those. Operands come from a listed seed.

use inari::Interval as Inari;
use tl_kernel::context::interval::{Enclosure, Interval};
use tl_kernel::context::{Context, EvalError, Rows};
use tl_kernel::number::{Direction, Dyadic};
use tl_spec_tests::binary64::{from_dyadic, to_dyadic};
use tl_spec_tests::{Random, Tally};

const SEED: u64 = 0x5eed_0000_0000_1788;
const CASES: usize = 100_000;

/// A finite number: any, one of modest size, a power of two or a neighbour, a small integer, zero.
fn number(random: &mut Random) -> f64 {
    let bits = random.bits();
    let modest = (bits & 0x800f_ffff_ffff_ffff) | (1023 - 8 + random.bits() % 16) << 52;
    let x = match random.bits() % 8 {
        0..3 => f64::from_bits(bits),
        3..6 => f64::from_bits(modest),
        6 => f64::from_bits((bits & 0xfff0_0000_0000_0000).wrapping_add(bits % 3)),
        _ => (bits % 9) as f64 - 4.0,
    };
    if x.is_finite() { x } else { f64::from_bits(modest) }
}

/// An interval: a point, a narrow one, or one with any ends.
fn interval(random: &mut Random) -> (Enclosure, Inari) {
    let x = number(random);
    let y = match random.bits() % 4 {
        0 => x,
        1 => x.next_up().min(f64::MAX),
        _ => number(random),
    };
    let (lo, hi) = (x.min(y), x.max(y));
    let ends = (to_dyadic(lo).expect("finite"), to_dyadic(hi).expect("finite"));
    (Enclosure::new(ends.0, ends.1).expect("lo ≤ hi"), Inari::try_from((lo, hi)).expect("lo ≤ hi"))
}

/// Name, reading, reference, and whether the function is defined on all of the operands.
type Operation = (
    &'static str,
    fn(&Interval, &[Enclosure; 3]) -> Result<Enclosure, EvalError>,
    fn(&[Inari; 3]) -> Inari,
    fn(&[Enclosure; 3]) -> bool,
);

#[test]
fn arithmetic_gives_the_intervals_of_inari() {
    let operations: [Operation; 11] = [
        ("add", |c, [x, y, _]| c.add(x, y), |[x, y, _]| *x + *y, |_| true),
        ("sub", |c, [x, y, _]| c.sub(x, y), |[x, y, _]| *x - *y, |_| true),
        ("mul", |c, [x, y, _]| c.mul(x, y), |[x, y, _]| *x * *y, |_| true),
        ("div", |c, [x, y, _]| c.div(x, y), |[x, y, _]| *x / *y, |[_, y, _]| !y.contains(&Dyadic::zero())),
        ("recip", |c, [x, ..]| c.div(&c.integer(1)?, x), |[x, ..]| x.recip(), |[x, ..]| !x.contains(&Dyadic::zero())),
        ("fma", fma, |[x, y, z]| x.mul_add(*y, *z), |_| true),
        ("sqr", |c, [x, ..]| c.pow(x, &c.integer(2)?), |[x, ..]| x.sqr(), |_| true),
        ("sqrt", |c, [x, ..]| c.sqrt(x), |[x, ..]| x.sqrt(), |[x, ..]| !x.lo().is_negative()),
        ("abs", |c, [x, ..]| c.abs(x), |[x, ..]| x.abs(), |_| true),
        ("min", |c, [x, y, _]| c.min(x, y), |[x, y, _]| x.min(*y), |_| true),
        ("max", |c, [x, y, _]| c.max(x, y), |[x, y, _]| x.max(*y), |_| true),
    ];
    let context = Interval::new(53);
    for (name, reading, inari, defined) in operations {
        let (mut random, mut tally) = (Random(SEED), Tally::default());
        for _ in 0..CASES {
            let [(a, x), (b, y), (c, z)] = [(); 3].map(|()| interval(&mut random));
            let operands = [a, b, c];
            let (found, expected) = (reading(&context, &operands), inari(&[x, y, z]));
            let same = match &found {
                Ok(found) if defined(&operands) => {
                    let lo = from_dyadic(found.lo(), Direction::Down);
                    let hi = from_dyadic(found.hi(), Direction::Up);
                    lo == expected.inf() && hi == expected.sup()
                }
                Err(EvalError::Undefined { .. }) => expected.is_empty(),
                Err(EvalError::Undecided { .. }) => !defined(&operands) && !expected.is_empty(),
                _ => false,
            };
            tally.check(same, || format!("{name} {x:?} {y:?} {z:?}: {found:?}, inari {expected:?}"));
        }
        tally.report(&format!("inari {name}"));
    }
}

/// `x y + z` with one rounding: a dot product of one term.
fn fma(context: &Interval, [x, y, z]: &[Enclosure; 3]) -> Result<Enclosure, EvalError> {
    let [x, y, z] = [x, y, z].map(std::slice::from_ref);
    Ok(context.dots(&Rows::contiguous(x, 1), &Rows::contiguous(y, 1), Some(z))?[0].clone())
}
