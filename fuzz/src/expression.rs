//! Expressions over ℚ, and enclosures of them: what every operation of an enclosing reading promises, one operation after another.
//!
//! A stack holds numbers, each exactly (in the `Rational` reading) and as an enclosure that contains it and was widened at random. Bytes choose operations.
//! After each, the enclosure of the result contains the exact result; where the function is undefined at the exact operands, there is no enclosure;
//! and where it is defined, the reading does not say that it is not.

use crate::exact::{Ends, at_most, below};
use arbitrary::{Result, Unstructured};
use tl_kernel::context::interval::{Enclosure, Interval};
use tl_kernel::context::rational::{Number, Rational};
use tl_kernel::context::real::{Ball, Mag, Real};
use tl_kernel::context::{Context, EvalError, Rows};
use tl_kernel::number::{Dyadic, Exact};

/// A reading whose values are sets of numbers.
pub trait Enclosing: Context {
    /// The set of the numbers within `radius` of `point`.
    fn around(&self, point: Dyadic, radius: Dyadic) -> Self::Value;
    /// The ends of a set.
    fn ends(value: &Self::Value) -> Ends;
}

impl Enclosing for Real {
    fn around(&self, point: Dyadic, radius: Dyadic) -> Ball {
        Ball::new(point, Mag::above(&radius))
    }
    fn ends(ball: &Ball) -> Ends {
        (ball.lower(), ball.upper())
    }
}

impl Enclosing for Interval {
    fn around(&self, point: Dyadic, radius: Dyadic) -> Enclosure {
        Enclosure::new(point.sub(&radius), point.add(&radius)).expect("the ends are in order")
    }
    fn ends(set: &Enclosure) -> Ends {
        (set.lo().clone(), set.hi().clone())
    }
}

/// Most bits of an exact number that is kept.
const BITS: u64 = 1 << 12;

/// A number, and a set that contains it.
type Both<C> = (Number, <C as Context>::Value);

/// Runs an expression that the bytes describe, and panics where a promise is broken.
pub fn run<C: Enclosing>(context: &C, u: &mut Unstructured) -> Result<()> {
    let mut stack: Vec<Both<C>> = vec![number(context, u)?];
    while !u.is_empty() && stack.len() < 64 {
        let next = match u.int_in_range(0..=15)? {
            0..=4 => Some(number(context, u)?),
            choice => {
                let (x, y) = (u.choose_index(stack.len())?, u.choose_index(stack.len())?);
                let terms: Vec<usize> =
                    (0..u.int_in_range(0..=5)?).map(|_| u.choose_index(stack.len())).collect::<Result<_>>()?;
                let exact: Vec<Number> = stack.iter().map(|(exact, _)| exact.clone()).collect();
                let sets: Vec<C::Value> = stack.iter().map(|(_, set)| set.clone()).collect();
                let exact = apply(&Rational::default(), &exact, choice, x, y, &terms);
                let sets = apply(context, &sets, choice, x, y, &terms);
                result::<C>(exact, sets, choice)
            }
        };
        stack.extend(next.filter(|(exact, _)| {
            let exact = exact.to_rational();
            exact.numer().bits().max(exact.denom().bits()) <= BITS
        }));
    }
    Ok(())
}

/// A binary32 number, now and then a fraction, in a set about it.
fn number<C: Enclosing>(context: &C, u: &mut Unstructured) -> Result<Both<C>> {
    if u.ratio(1, 8)? {
        let text = format!("{}/{}", u.int_in_range(-999i64..=999)?, u.int_in_range(1i64..=999)?);
        let exact = Exact::parse(&text).expect("a fraction");
        let set = context.constant(&exact).expect("a constant");
        return Ok((Rational::default().constant(&exact).expect("a constant"), set));
    }
    let word: u32 = u.arbitrary()?;
    let Some(point) = Dyadic::from_binary32(word) else {
        return number(context, u);
    };
    // The number lies anywhere in its set.
    let (radius, side) = (u.int_in_range(-170i64..=40)?, u.int_in_range(0..=3)?);
    let exact = Rational::default().datum(word).expect("a finite word");
    if side == 0 {
        return Ok((exact, context.datum(word).expect("a finite word")));
    }
    let radius = Dyadic::power_of_two(radius);
    let middle = match side {
        1 => point,
        2 => point.add(&radius),
        _ => point.sub(&radius),
    };
    Ok((exact, context.around(middle, radius)))
}

/// One operation on numbers of the stack.
fn apply<C: Context>(
    context: &C,
    stack: &[C::Value],
    choice: i32,
    x: usize,
    y: usize,
    terms: &[usize],
) -> std::result::Result<C::Value, EvalError> {
    let (a, b) = (&stack[x], &stack[y]);
    let chosen = || terms.iter().map(|&i| stack[i].clone()).collect::<Vec<_>>();
    match choice {
        5 => context.add(a, b),
        6 => context.sub(a, b),
        7 => context.mul(a, b),
        8 => context.div(a, b),
        9 => context.max(a, b),
        10 => context.min(a, b),
        11 => context.abs(a),
        12 => context.neg(a),
        13 => context.sum(&chosen()),
        14 => context.sqrt(&context.mul(a, a)?),
        _ => {
            let left = chosen();
            let right: Vec<_> = left.iter().rev().cloned().collect();
            let n = left.len();
            let (left, right) = if n == 0 {
                (Rows::empty(1), Rows::empty(1))
            } else {
                (Rows::contiguous(&left, n), Rows::contiguous(&right, n))
            };
            let bias = [a.clone()];
            let dots = context.dots(&left, &right, Some(&bias))?;
            Ok(dots.into_iter().next().expect("one row by one row"))
        }
    }
}

/// Both results, where there are both; panics where they contradict each other.
fn result<C: Enclosing>(
    exact: std::result::Result<Number, EvalError>,
    set: std::result::Result<C::Value, EvalError>,
    choice: i32,
) -> Option<Both<C>> {
    for error in [exact.as_ref().err(), set.as_ref().err()].into_iter().flatten() {
        assert!(!matches!(error, EvalError::Internal { .. }), "operation {choice}: {error:?}");
    }
    match (exact, set) {
        (Ok(exact), Ok(set)) => {
            let (lo, hi) = C::ends(&set);
            let value = exact.to_rational();
            assert!(at_most(&lo, &value) && !below(&hi, &value), "operation {choice}: {value} is not in {set:?}");
            Some((exact, set))
        }
        (Err(EvalError::Undefined { .. }), Ok(set)) => panic!("operation {choice} is undefined, and has {set:?}"),
        (Ok(exact), Err(EvalError::Undefined { function, reason })) => {
            panic!("operation {choice} is {}, and undefined: {function}, {reason}", exact.to_rational())
        }
        _ => None,
    }
}
