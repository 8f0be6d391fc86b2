//! `Real` against MPFR (Fousse, Hanrot, Lefèvre, Pélissier, Zimmermann 2007), at 64, 128, 256, 1,024 and 4,096 bits.
//!
//! Checked, for an exact argument: the ball contains the true value, because it contains the two neighbours, 64 bits finer than the ball, between
//! which MPFR says that the value lies (it rounds down, and says whether that was exact); and the radius is at most [`UNITS`] units of the last
//! requested bit of the value. A result may be refused only as the claim of the reading allows: `Undefined` where MPFR has NaN or a pole, `Limit`
//! where the value is beyond `2^EXPONENT_LIMIT`. For a ball or an interval
//! as argument: the values at its ends and at points inside are all contained.
//!
//! Case `i` depends on the seed, the function, the precision and `i` alone. `TL_MPFR_CASES` (how many, else [`CASES`]), `TL_MPFR_OFFSET`
//! (the first), `TL_MPFR_SEED` and `TL_MPFR_BITS` (one precision) make a long run, in pieces:
//! `TL_MPFR_CASES=1000000 cargo test --release -p tl-oracles --features oracles --test real_mpfr -- --nocapture`.

use num_bigint::{BigInt, BigUint};
use rug::float::{Constant, Round};
use rug::ops::Pow;
use rug::{Assign, Float};
use tl_kernel::context::interval::{Enclosure, Interval};
use tl_kernel::context::real::{Ball, Mag, Real};
use tl_kernel::context::{Context, EvalError, Rows};
use tl_kernel::number::{Direction, Dyadic, Exact, dyadic::EXPONENT_LIMIT};
use tl_oracles::mpfr::{bracket, contains, erf_bracket, erfc_bracket, from_dyadic, to_dyadic, top, widen_range};
use tl_spec_tests::{Random, Tally};

/// Precisions, and how many cases each has in a run that does not say.
const CASES: [(u64, u64); 5] = [(64, 4000), (128, 4000), (256, 2000), (1024, 500), (4096, 100)];
const SEED: u64 = 0x5eed_0000_0000_3fff;
/// Greatest radius of a result at an exact argument, in units of the last requested bit.
const UNITS: f64 = 4.0;
/// Radii below 2^this and the precision are not asked for: a result whose last bit is below `2^−EXPONENT_LIMIT` is not told apart from zero.
const SMALLEST: i64 = 2 - EXPONENT_LIMIT;

/// Random numbers of the shapes that arithmetic finds hard.
struct Numbers(Random);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0.bits()
    }

    /// A number in `from ..= to`.
    fn range(&mut self, from: i64, to: i64) -> i64 {
        from + (self.next() % (to - from + 1).unsigned_abs()).cast_signed()
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.next().is_multiple_of(n)
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.next() as usize % of.len()]
    }

    /// A positive integer of `bits` bits: random, nearly a power of two from above or from below, or in runs of equal bits.
    fn mantissa(&mut self, bits: u64) -> BigUint {
        let one = BigUint::from(1u32);
        let random = BigUint::new((0..bits.div_ceil(32)).map(|_| self.next() as u32).collect());
        let random = (random % (&one << bits)) | (&one << (bits - 1));
        let small = &random >> (self.next() % bits);
        match self.next() % 8 {
            0 => (&one << (bits - 1)) | small,
            1 => (&one << bits) - small.min(one << (bits - 1)),
            2 => {
                (0..6).fold(random, |run, _| {
                    let (from, to) = (self.next() % bits, self.next() % bits);
                    run ^ (((&one << from.max(to)) - &one) >> from.min(to) << from.min(to))
                }) | (one << (bits - 1))
            }
            _ => random,
        }
    }

    /// A number of `bits` bits with its leading bit below `2^top`, of either sign.
    fn number(&mut self, bits: u64, top: i64) -> Dyadic {
        let mantissa = BigInt::from(self.mantissa(bits));
        Dyadic::new(if self.one_in(2) { -mantissa } else { mantissa }, top - bits.cast_signed())
    }

    /// How many bits an argument at precision `p` has: few, as many as a datum or a double has, all, and more.
    fn width(&mut self, p: u64) -> u64 {
        let any = 1 + self.next() % p;
        self.pick(&[1, 2, 5, 24, 24, 53, any, p, p, p, p + 1, p + 40, 2 * p + 3])
    }

    /// Any number: near 1, modest, a binary32 datum, about the last bit, about half of the bits, or far outside.
    fn any(&mut self, p: u64) -> Dyadic {
        if self.one_in(100) {
            return Dyadic::zero();
        }
        let (bits, q) = (self.width(p), p.cast_signed());
        let far = self.next() % 39;
        let top = match self.next() % 8 {
            0 | 1 => self.range(-3, 4),
            2 | 3 => self.range(-14, 22),
            4 => self.range(-149, 128),
            5 => self.pick(&[q, -q]) + self.range(-12, 12),
            6 => self.pick(&[q, -q]) / self.pick(&[2, 3]) + self.range(-12, 12),
            _ => self.range(-(2 << far), 2 << far),
        };
        self.number(bits, top)
    }

    /// The number itself, or one that differs from it by a part in `2^k`, `k` up to twice the precision.
    fn near(&mut self, x: &Dyadic, p: u64) -> Dyadic {
        let Some(top) = x.top().filter(|_| !self.one_in(3)) else {
            return x.clone();
        };
        let (bits, distance) = (1 + self.next() % 24, self.range(1, 2 * p.cast_signed()));
        x.add(&self.number(bits, top - distance))
    }

    /// Near `n · c`, rounded to some width, for an integer `n` of up to `bits` bits and a constant given to any precision.
    fn multiple(&mut self, bits: i64, p: u64, constant: impl Fn(u32) -> Float) -> Dyadic {
        let (length, width) = (self.range(1, bits), self.width(p) as u32);
        let n = from_dyadic(&self.number(length.unsigned_abs(), length));
        let mut product = Float::new(width.max(2));
        product.assign(&(n * constant(width + length as u32 + 16)));
        let product = to_dyadic(&product);
        if self.one_in(2) { product } else { self.near(&product, p) }
    }

    fn integer(&mut self, from: i64, to: i64) -> Dyadic {
        Dyadic::integer(self.range(from, to))
    }
}

fn pi(precision: u32) -> Float {
    Float::with_val(precision, Constant::Pi)
}

fn ln2(precision: u32) -> Float {
    Float::with_val(precision, Constant::Log2)
}

/// Arguments of a function at precision `p`: half of them from the region that is special to it.
fn arguments(function: &str, random: &mut Numbers, p: u64) -> [Dyadic; 2] {
    let (x, y) = (random.any(p), random.any(p));
    let half_pi = |n: u32| pi(n) / 2u32;
    let width = random.width(p);
    let trig_top = 1100 + p.cast_signed();
    let trigonometric = ["sin", "cos", "tan"].contains(&function);
    if trigonometric && x.top() > Some(trig_top) && !random.one_in(8) {
        return [random.number(width, 64), y];
    }
    if random.one_in(2) {
        // MPFR would need as many bits of π as the exponent says.
        return [if trigonometric && x.top() > Some(1 << 16) { y.scaled(-y.top().unwrap_or(0)) } else { x }, y];
    }
    let logarithm = match function {
        "log2" => Dyadic::power_of_two(random.range(-200, 200)),
        "log10" => Dyadic::new(BigInt::from(10).pow(random.next() as u32 % 40), 0),
        _ => Dyadic::one(),
    };
    let special = match function {
        "sin" | "cos" | "tan" => match random.next() % 6 {
            0 => random.multiple(1000, p, half_pi),
            1 | 2 => random.multiple(20, p, half_pi),
            3 => {
                let top = random.pick(&[100, 126, 127, 128, 500, 996, 997, 1024, trig_top]);
                random.number(width, top)
            }
            4 => random.multiple(12, p, |n| pi(n) / 4u32),
            _ => random.integer(-1000, 1000),
        },
        "exp" | "expm1" | "sinh" | "cosh" | "tanh" => match random.next() % 6 {
            0 => random.multiple(40, p, |n| ln2(n) / 2u32),
            1 => {
                let n = random.pick(&[128i64, -126, -149, 1024, -1074, EXPONENT_LIMIT, -EXPONENT_LIMIT]);
                let edge = to_dyadic(&(ln2(p as u32) * n));
                random.near(&edge, p)
            }
            2 => random.multiple(2, p, |n| ln2(n) / 2u32 * (p as u32)),
            3 => random.number(width, 20),
            4 => Dyadic::integer(random.pick(&[1_000_000, -1_000_000, 1, -1, 0, 88, -103])),
            _ => random.integer(-200, 200),
        },
        "exp2" => {
            let half = random.integer(-400, 400).scaled(-1);
            random.near(&half, p)
        }
        "log" | "log2" | "log10" => random.near(&logarithm, p).abs(),
        "log1p" => {
            let power = Dyadic::power_of_two(random.range(-20, 20)).sub(&Dyadic::one());
            let near = random.pick(&[&power, &Dyadic::integer(-1)]).clone();
            random.near(&near, p)
        }
        "atan" => {
            let near = Dyadic::power_of_two(random.range(-3, 3));
            random.near(&near, p)
        }
        "erf" | "erfc" => match random.next() % 4 {
            // where 1 − erf is about the last bit, and where the ways of computing it meet (up to seconds a case in MPFR)
            0 if p < 1024 || random.one_in(16) => {
                let bits = p as u32 + 8;
                let edge = (ln2(bits) * bits).sqrt();
                let edge = to_dyadic(&edge);
                random.near(&edge, p)
            }
            1 if p < 1024 || random.one_in(4) => random.number(width, 6),
            2 => random.integer(-10, 10),
            _ => random.number(width, 3),
        },
        "sqrt" | "rsqrt" | "cbrt" => {
            let root = random.any(p);
            let power = if function == "cbrt" { root.mul(&root).mul(&root) } else { root.mul(&root) };
            random.near(&power, p)
        }
        "pow" => return powers(random, p),
        "add" | "sub" => {
            let near = random.near(&x, p);
            return [x, if random.one_in(2) { near } else { near.neg() }];
        }
        "div" => {
            let product = x.mul(&y);
            return [random.near(&product, p), y];
        }
        _ => x,
    };
    [special, y]
}

/// Bases and exponents of powers: exact ones, bases near 1 with large exponents, roots, results near the ends of the range.
fn powers(random: &mut Numbers, p: u64) -> [Dyadic; 2] {
    let bits = random.width(p);
    let k = random.range(1, p.cast_signed() + 40);
    match random.next() % 9 {
        0 => [random.integer(-20, 20), random.integer(-40, 40)],
        1 => [random.number(bits, k % 5), random.integer(-1100, 1100)],
        2 => {
            let near = random.near(&Dyadic::one(), p);
            [near, random.number(bits.min(64), k)]
        }
        3 => {
            let (base, steps) = (Dyadic::one().add(&random.number(bits, -k)), random.range(-4, 10));
            [base, random.number(bits, k + steps)]
        }
        4 => {
            let (root, j) = (random.number(bits.min(40), 3), random.range(1, 3));
            let power = (0..j).fold(root, |x, _| x.mul(&x));
            [random.near(&power, p).abs(), random.integer(-20, 20).scaled(-j)]
        }
        5 => [Dyadic::power_of_two(random.range(-100, 100)), random.number(24, 40 - k % 60)],
        6 => [random.any(p).abs(), random.integer(-3, 3).scaled(-random.range(0, 2))],
        7 => {
            let base = random.integer(2, 50);
            let near = random.integer(-60, 60);
            [base, random.near(&near, p)]
        }
        _ => [random.any(p), Dyadic::integer(random.pick(&[1, -1, 2, 3, -2, 1 << 40, (1 << 41) + 1, (1 << 50) + 1]))],
    }
}

struct Function {
    name: &'static str,
    binary: bool,
    reading: fn(&Real, &Ball, &Ball) -> Result<Ball, EvalError>,
    /// Two numbers of (at least) a precision, or one, between which MPFR says that the value lies.
    mpfr: fn(u32, &Float, &Float) -> (Float, Float),
}

fn hex(x: &Dyadic) -> String {
    format!("{:x}p{}", x.mantissa().as_ref(), x.exponent())
}

fn show(ball: &Ball) -> String {
    format!("{} ± {}", hex(ball.mid()), hex(&ball.rad()))
}

/// An argument next to `x` whose value lies within about `2^−p/2` units of a midpoint between two numbers of `p` bits, by a step of the secant
/// method. There the rounding of the result is of no help: a bound of the errors before it that is too small shows.
fn midpoint(function: &Function, x: &Dyadic, y: &Dyadic, p: u64) -> Option<Dyadic> {
    let (a, b, precision) = (from_dyadic(x), from_dyadic(y), 2 * p as u32 + 64);
    let step = from_dyadic(&x.scaled(-(p.cast_signed() / 2)));
    let value = (function.mpfr)(precision, &a, &b).0;
    let next = (function.mpfr)(precision, &Float::with_val(precision.max(a.prec()), &a + &step), &b).0;
    let slope = Float::with_val(precision, &next - &value) / &step;
    if !slope.is_normal() || !value.is_normal() || x.bits() > 2 * p {
        return None;
    }
    let (least, exact) = to_dyadic(&value).round(p, Direction::Zero);
    let half = Dyadic::power_of_two(least.exponent() - 1);
    let target = if least.is_negative() { least.sub(&half) } else { least.add(&half) };
    let correction = Float::with_val(precision, from_dyadic(&target) - value) / slope;
    let (moved, _) = x.add_rounded(&to_dyadic(&correction), 2 * p, Direction::Nearest);
    (!exact && correction.abs() <= step.abs()).then_some(moved)
}

/// What is wrong with the result at an exact argument, or its radius in units.
fn judge(function: &Function, real: &Real, x: &Dyadic, y: &Dyadic) -> Result<f64, String> {
    let p = real.precision();
    let precision = p as u32 + 64;
    let (a, b) = (from_dyadic(x), from_dyadic(y));
    let mpfr = |precision| (function.mpfr)(precision, &a, &b);
    let found = (function.reading)(real, &Ball::exact(x.clone()), &Ball::exact(y.clone()));
    let (lo, hi) = mpfr(precision);
    let value_top = top(&lo).into_iter().chain(top(&hi)).max();
    let undefined = lo.is_nan() || (lo.is_infinite() && hi.is_infinite());
    let ball = match found {
        Ok(ball) if !undefined => ball,
        Err(EvalError::Undefined { .. }) if undefined => return Ok(0.0),
        Err(EvalError::Limit { .. }) if hi.is_infinite() || value_top >= Some(EXPONENT_LIMIT) => return Ok(0.0),
        Err(EvalError::Undecided { .. }) if function.name == "tan" && x.top() > Some(p.cast_signed() + 1100) => {
            return Ok(0.0);
        }
        found => return Err(format!("{found:?}, MPFR has {lo:.20}")),
    };
    let (mid, rad) = (from_dyadic(ball.mid()), from_dyadic(&ball.rad()));
    if !contains(&mid, &rad, precision, mpfr) {
        return Err(format!("{}, MPFR has {}", show(&ball), hex(&to_dyadic(&lo))));
    }
    if ball.mag().top() <= Some(SMALLEST + p.cast_signed().max(64))
        || (function.name.len() == 3 && x.top() > Some(p.cast_signed() + 1152))
    {
        return Ok(0.0);
    }
    let units = value_top.map_or(f64::INFINITY, |top| from_dyadic(&ball.rad().scaled(p.cast_signed() - top)).to_f64());
    if units > UNITS { Err(format!("radius of {units:.3} units: {}", show(&ball))) } else { Ok(units) }
}

/// A ball around `x`, from a narrow to a wide one, and points of it.
fn ball_around(random: &mut Numbers, x: &Dyadic, p: u64) -> (Ball, Vec<Dyadic>) {
    let half = p.cast_signed() / 2;
    let distance = random.pick(&[2 * half, half, 40, 20, 12, 11, 10, 9, 4, 2, 1, 0, -1]);
    let top = if random.one_in(3) { 0 } else { x.top().unwrap_or(0) };
    let top = if x.top().unwrap_or(0).abs() > 1 << 14 { x.top().unwrap_or(0) } else { top };
    let ball = Ball::new(x.clone(), Mag::new(random.next() % (1 << 30), top - distance - 30));
    let inside = |t: Dyadic| ball.mid().add(&ball.rad().mul(&t));
    let mut points = vec![ball.lower(), ball.upper(), ball.mid().clone()];
    points.extend((0..2).map(|_| inside(random.number(20, 0))));
    (ball, points)
}

/// What is wrong with the result at a ball.
fn judge_ball(function: &Function, real: &Real, random: &mut Numbers, x: &Dyadic, y: &Dyadic) -> Result<(), String> {
    let precision = real.precision() as u32 + 64;
    let ((a, xs), (b, ys)) = (ball_around(random, x, real.precision()), ball_around(random, y, real.precision()));
    let found = (function.reading)(real, &a, &b);
    let at = |x: &Dyadic, y: &Dyadic| {
        let (x, y) = (from_dyadic(x), from_dyadic(y));
        move |precision| (function.mpfr)(precision, &x, &y)
    };
    let what = || if function.binary { format!("{} and {}", show(&a), show(&b)) } else { show(&a) };
    let pairs = pairs(function.binary, &xs, &ys);
    match found {
        Ok(ball) => {
            let (mid, rad) = (from_dyadic(ball.mid()), from_dyadic(&ball.rad()));
            pairs.into_iter().try_for_each(|(x, y)| {
                let inside = contains(&mid, &rad, precision, at(x, y));
                inside
                    .then_some(())
                    .ok_or_else(|| format!("{}: {} lacks the value at {} {}", what(), show(&ball), hex(x), hex(y)))
            })
        }
        Err(EvalError::Undefined { .. }) => pairs.into_iter().try_for_each(|(x, y)| {
            let value = at(x, y)(64).0;
            (!value.is_finite())
                .then_some(())
                .ok_or_else(|| format!("{}: {found:?}, MPFR has {value} at {} {}", what(), hex(x), hex(y)))
        }),
        Err(EvalError::Undecided { .. } | EvalError::Limit { .. }) => Ok(()),
        Err(error) => Err(format!("{}: {error:?}", what())),
    }
}

type IntervalReading = fn(&Interval, &Enclosure, &Enclosure) -> Result<Enclosure, EvalError>;

/// The operation of the interval reading, where it has one.
fn interval(name: &str) -> Option<IntervalReading> {
    Some(match name {
        "add" => |c, x, y| c.add(x, y),
        "sub" => |c, x, y| c.sub(x, y),
        "mul" => |c, x, y| c.mul(x, y),
        "div" => |c, x, y| c.div(x, y),
        "pow" => |c, x, y| c.pow(x, y),
        "sqrt" => |c, x, _| c.sqrt(x),
        "rsqrt" => |c, x, _| c.rsqrt(x),
        "exp" => |c, x, _| c.exp(x),
        "expm1" => |c, x, _| c.expm1(x),
        "log" => |c, x, _| c.log(x),
        "log1p" => |c, x, _| c.log1p(x),
        "sin" => |c, x, _| c.sin(x),
        "cos" => |c, x, _| c.cos(x),
        "tanh" => |c, x, _| c.tanh(x),
        "erf" => |c, x, _| c.erf(x),
        _ => return None,
    })
}

/// The points of a ball, by twos of two balls: all corners first.
fn pairs<'a>(binary: bool, xs: &'a [Dyadic], ys: &'a [Dyadic]) -> Vec<(&'a Dyadic, &'a Dyadic)> {
    if !binary {
        return xs.iter().map(|x| (x, &ys[0])).collect();
    }
    let corners = xs[..2].iter().flat_map(|x| ys[..2].iter().map(move |y| (x, y)));
    corners.chain(xs.iter().zip(ys).skip(2)).collect()
}

/// What is wrong with the result at an interval: a point whose value is not in it, or an undue refusal.
fn judge_interval(function: &Function, p: u64, random: &mut Numbers, x: &Dyadic, y: &Dyadic) -> Result<(), String> {
    let Some(reading) = interval(function.name) else { return Ok(()) };
    let ((a, xs), (b, ys)) = (ball_around(random, x, p), ball_around(random, y, p));
    // One operand in three is a point.
    let mut enclosure = |ball: &Ball, points: Vec<Dyadic>| {
        let (lo, hi) =
            if random.one_in(3) { (ball.mid().clone(), ball.mid().clone()) } else { (ball.lower(), ball.upper()) };
        let enclosure = Enclosure::new(lo, hi).expect("lo ≤ hi");
        let within: Vec<Dyadic> =
            points.into_iter().map(|x| if enclosure.contains(&x) { x } else { enclosure.lo().clone() }).collect();
        (enclosure, within)
    };
    let ((a, xs), (b, ys)) = (enclosure(&a, xs), enclosure(&b, ys));
    let found = reading(&Interval::new(p), &a, &b);
    let values = pairs(function.binary, &xs, &ys).into_iter().map(|(x, y)| {
        let (lo, hi) = (function.mpfr)(p as u32 + 64, &from_dyadic(x), &from_dyadic(y));
        (lo.is_finite() && hi.is_finite(), lo, hi)
    });
    let what = || format!("interval [{}, {}] [{}, {}]: ", hex(a.lo()), hex(a.hi()), hex(b.lo()), hex(b.hi()));
    match &found {
        Ok(image) => {
            let (least, greatest) = (from_dyadic(image.lo()), from_dyadic(image.hi()));
            let outside = values.into_iter().find(|(finite, lo, hi)| !finite || *lo < least || *hi > greatest);
            outside.map_or(Ok(()), |(_, lo, _)| {
                Err(format!("{}[{}, {}] lacks {lo}", what(), hex(image.lo()), hex(image.hi())))
            })
        }
        Err(EvalError::Undefined { .. }) => {
            let defined = values.into_iter().find(|(finite, ..)| *finite);
            defined.map_or(Ok(()), |(_, value, _)| Err(format!("{}{found:?}, MPFR has {value}", what())))
        }
        Err(EvalError::Undecided { .. }) if a.is_point() && (!function.binary || b.is_point()) => {
            Err(format!("{}{found:?}", what()))
        }
        Err(EvalError::Undecided { .. } | EvalError::Limit { .. }) => Ok(()),
        Err(error) => Err(format!("{}{error:?}", what())),
    }
}

fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text}")))
}

/// The state of case `i` of a function at a precision.
fn random(name: &str, precision: u64, i: u64) -> Numbers {
    let seed = variable("TL_MPFR_SEED").unwrap_or(SEED);
    let label = name.bytes().fold(precision, |label, byte| label.wrapping_mul(257).wrapping_add(byte.into()));
    let mut random = Random(seed ^ Random(label).bits());
    Numbers(Random(random.bits() ^ i.wrapping_mul(0xd6e8_feb8_6659_fd93)))
}

/// Run the cases of one function at every precision.
fn suite(name: &str, mut case: impl FnMut(&Real, &mut Numbers, u64, &mut Tally) -> f64) {
    widen_range();
    let mut tallies = Vec::new();
    for (precision, cases) in CASES {
        if variable("TL_MPFR_BITS").is_some_and(|bits| bits != precision) {
            continue;
        }
        let (real, mut tally, mut greatest) = (Real::new(precision), Tally::default(), 0.0f64);
        let first = variable("TL_MPFR_OFFSET").unwrap_or(0);
        let slow = if name.starts_with("erf") { 32 } else { 1 };
        let cases = variable("TL_MPFR_CASES").unwrap_or(cases / slow);
        for i in first..first + cases {
            greatest = greatest.max(case(&real, &mut random(name, precision, i), i, &mut tally));
        }
        let seed = variable("TL_MPFR_SEED").unwrap_or(SEED);
        let line = format!(
            "mpfr {name} at {precision} bits (seed {seed:x}, cases {first} + {cases}, radius ≤ {greatest:.3} units)"
        );
        tallies.push((line, tally));
    }
    for (line, tally) in tallies {
        tally.report(&line);
    }
}

fn run(function: &Function) {
    let mut known: Vec<_> =
        HARD.lines().filter_map(|line| line.strip_prefix(function.name)?.strip_prefix(' ')).collect();
    suite(function.name, |real, random, i, tally| {
        let mut greatest = 0.0f64;
        let mut exact = |x: &Dyadic, y: &Dyadic, tally: &mut Tally| {
            let verdict = judge(function, real, x, y);
            greatest = greatest.max(*verdict.as_ref().unwrap_or(&0.0));
            tally.check(verdict.is_ok(), || {
                let second = if function.binary { hex(y) } else { String::new() };
                format!("{} {} {} {second}: {}", function.name, real.precision(), hex(x), verdict.unwrap_err())
            });
        };
        for line in known.extract_if(.., |line| line.split(' ').next() == Some(&real.precision().to_string())) {
            let mut numbers = line.split_ascii_whitespace().skip(1).map(parse);
            let x = numbers.next().expect("an argument");
            exact(&x, &numbers.next().unwrap_or_else(Dyadic::zero), tally);
        }
        let [x, y] = arguments(function.name, random, real.precision());
        let [x, y] = [x, y].map(|x| if x.in_range() { x } else { x.scaled(-x.exponent()) });
        let moved = if random.one_in(3) { midpoint(function, &x, &y, real.precision()) } else { None };
        let x = moved.filter(Dyadic::in_range).unwrap_or(x);
        exact(&x, &y, tally);
        if i % 4 == 0 {
            let verdict = judge_ball(function, real, random, &x, &y);
            tally.check(verdict.is_ok(), || format!("{} {} {}", function.name, real.precision(), verdict.unwrap_err()));
        }
        if i % 4 == 2 {
            let verdict = judge_interval(function, real.precision(), random, &x, &y);
            tally.check(verdict.is_ok(), || format!("{} {} {}", function.name, real.precision(), verdict.unwrap_err()));
        }
        greatest
    });
}

/// Arguments that once went wrong: `function precision x [y]`, numbers as `mantissa p exponent`, the mantissa hexadecimal.
const HARD: &str = include_str!("real_mpfr.txt");

fn parse(text: &str) -> Dyadic {
    let (mantissa, exponent) = text.split_once('p').expect("mantissa p exponent");
    Dyadic::new(BigInt::parse_bytes(mantissa.as_bytes(), 16).expect("hexadecimal"), exponent.parse().expect("decimal"))
}

/// The tests: a method of the reading of one or two arguments, and the function of MPFR that it must contain.
macro_rules! functions {
    ($($name:ident($x:ident $(, $y:ident)?) = $mpfr:expr;)*) => { $(
        #[test]
        fn $name() {
            run(&Function {
                name: stringify!($name),
                binary: !concat!($(stringify!($y))?).is_empty(),
                reading: |real, x, _y| real.$name(x $(, { let $y = _y; $y })?),
                mpfr: |precision, $x, _y| {
                    $(let $y = _y;)?
                    bracket(Float::with_val_round(precision, $mpfr, Round::Down))
                },
            });
        }
    )* };
}

/// A sum or a dot product of some exact numbers against MPFR's exactly rounded sum; its radius in units of the result or, where terms cancel, of
/// `2^−2P` of the greatest term.
fn judge_sum(real: &Real, random: &mut Numbers, dot: bool) -> Result<f64, String> {
    let p = real.precision();
    let spread = random.pick(&[4, 40, 300, 3000]);
    let n = random.pick(&[0, 1, 2, 3, 7, 20, 70]);
    let mut numbers = |bits: u64| -> Vec<Dyadic> {
        (0..n)
            .map(|_| {
                let top = random.range(-spread, spread);
                random.number(bits, top)
            })
            .collect()
    };
    let bits = [24, 53, p][n % 3];
    let (mut xs, mut ys) = (numbers(bits), if dot { numbers(24) } else { vec![Dyadic::one(); n] });
    // The second half takes back the first, all but the last bits.
    if spread < 300 && n > 4 {
        let half = n / 2;
        for i in 0..half {
            (xs[i + half], ys[i + half]) = (random.near(&xs[i].neg(), p), ys[i].clone());
        }
    }
    let products: Vec<Float> = xs.iter().zip(&ys).map(|(x, y)| from_dyadic(&x.mul(y))).collect();
    let mpfr = |precision| bracket(Float::with_val_round(precision, Float::sum(products.iter()), Round::Down));
    let balls = |xs: &[Dyadic]| -> Vec<Ball> { xs.iter().cloned().map(Ball::exact).collect() };
    let (a, b) = (balls(&xs), balls(&ys));
    let found = if dot {
        real.dots(&Rows::contiguous(&a, n), &Rows::contiguous(&b, n), None).map(|mut all| all.pop())
    } else {
        real.sum(&a).map(Some)
    };
    let what = || format!("{:?}", products.iter().map(|x| hex(&to_dyadic(x))).collect::<Vec<_>>());
    let ball = match found {
        Ok(Some(ball)) => ball,
        Ok(None) if n == 0 => return Ok(0.0),
        found => return Err(format!("{found:?}: {}", what())),
    };
    let (mid, rad) = (from_dyadic(ball.mid()), from_dyadic(&ball.rad()));
    if !contains(&mid, &rad, p as u32 + 64, mpfr) {
        return Err(format!("{} lacks the sum of {}", show(&ball), what()));
    }
    let greatest = products.iter().filter_map(top).max().map(|top| top - 2 * p.cast_signed());
    let Some(unit) = top(&mpfr(64).0).max(greatest) else {
        return if ball.is_zero() { Ok(0.0) } else { Err(format!("{} is not zero: {}", show(&ball), what())) };
    };
    let units = from_dyadic(&ball.rad().scaled(p.cast_signed() - unit)).to_f64();
    if units > UNITS { Err(format!("radius of {units:.3} units: {} for {}", show(&ball), what())) } else { Ok(units) }
}

#[test]
fn sums_and_dot_products_contain_what_mpfr_brackets() {
    for (name, dot) in [("sum", false), ("dots", true)] {
        suite(name, |real, random, _, tally| {
            let verdict = judge_sum(real, random, dot);
            tally.check(verdict.is_ok(), || format!("{name} {} {}", real.precision(), verdict.as_ref().unwrap_err()));
            verdict.unwrap_or(0.0)
        });
    }
}

#[test]
fn constants_contain_what_mpfr_brackets() {
    suite("constants", |real, random, i, tally| {
        let p = real.precision();
        let [n, d] =
            [24, p.min(1500)].map(|most| 1 + random.next() % most).map(|bits| random.number(bits, bits.cast_signed()));
        let fraction = Exact::parse(&format!("{}/{}", n.mantissa(), d.mantissa().magnitude())).expect("a fraction");
        let (n, d) = (from_dyadic(&n), from_dyadic(&d.abs()));
        let found = if i == 0 { real.pi() } else { real.constant(&fraction) };
        let ball = found.expect("constants are finite");
        let mpfr = |precision| {
            let pi = || Float::with_val_round(precision, Constant::Pi, Round::Down);
            bracket(if i == 0 { pi() } else { Float::with_val_round(precision, &n / &d, Round::Down) })
        };
        let inside = contains(&from_dyadic(ball.mid()), &from_dyadic(&ball.rad()), p as u32 + 64, mpfr);
        let units = top(&mpfr(64).0).map_or(0, |top| p.cast_signed() - top);
        let units = from_dyadic(&ball.rad().scaled(units)).to_f64();
        tally.check(inside && units <= UNITS, || format!("constant {n} / {d}: {}", show(&ball)));
        units
    });
}

mod the_ball_contains_what_mpfr_brackets {
    use super::*;

    functions! {
        add(x, y) = x + y;
        sub(x, y) = x - y;
        mul(x, y) = x * y;
        div(x, y) = x / y;
        pow(x, y) = x.pow(y);
        sqrt(x) = x.sqrt_ref();
        rsqrt(x) = x.recip_sqrt_ref();
        cbrt(x) = x.cbrt_ref();
        exp(x) = x.exp_ref();
        expm1(x) = x.exp_m1_ref();
        exp2(x) = x.exp2_ref();
        log(x) = x.ln_ref();
        log1p(x) = x.ln_1p_ref();
        log2(x) = x.log2_ref();
        log10(x) = x.log10_ref();
        sin(x) = x.sin_ref();
        cos(x) = x.cos_ref();
        tan(x) = x.tan_ref();
        atan(x) = x.atan_ref();
        sinh(x) = x.sinh_ref();
        cosh(x) = x.cosh_ref();
        tanh(x) = x.tanh_ref();
        abs(x) = x.abs_ref();
        neg(x) = -x;
        max(x, y) = x.max_ref(y);
        min(x, y) = x.min_ref(y);
    }

    #[test]
    fn erf() {
        let mpfr = |precision, x: &Float, _: &Float| erf_bracket(x, precision);
        run(&Function { name: "erf", binary: false, reading: |real, x, _| real.erf(x), mpfr });
    }

    #[test]
    fn erfc() {
        let mpfr = |precision, x: &Float, _: &Float| erfc_bracket(x, precision);
        run(&Function { name: "erfc", binary: false, reading: |real, x, _| real.erfc(x), mpfr });
    }
}
