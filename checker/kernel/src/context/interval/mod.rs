//! `Interval`: the image of a box, by closed intervals with dyadic ends and outward rounding.
//!
//! Claim: if every argument interval contains the real number that it stands for, the result interval contains the exact result. Evaluating the
//! spec here on the intervals of an input box therefore encloses every output over the box (interval bound propagation, Moore 1966).
//! Tightness: a single operation gives its exact image (`pow` where the box has 0^0: its hull), rounded outward to the precision, the elementary
//! functions rarely one unit of the last bit more (spec-tests/TIGHTNESS.md); where a variable stands in a formula twice, the images of the steps
//! may add up to more than that of the whole.
//! Sums and dot products are accumulated exactly and rounded once. The elementary functions are those of [`Real`] at the ends.
//! Domains: an interval wholly outside gives `Undefined`, one that is partly outside `Undecided`. An end beyond `2^EXPONENT_LIMIT` is an
//! [`EvalError::Limit`]; one nearer to zero than `2^SMALLEST` is moved outward to zero or to that power.

mod enclosure;

pub use enclosure::Enclosure;

use super::real::{Ball, Real};
use super::{Context, EvalError, Rows};
use crate::number::{Direction, Dyadic, Exact, dyadic::EXPONENT_LIMIT};
use Direction::{Down, Up};
use num_integer::Integer;
use std::cmp::Ordering;

/// Ends nearer to zero than `2^SMALLEST` are not kept.
const SMALLEST: i64 = 8192 - EXPONENT_LIMIT;
/// Sums are exact up to this many bits; every sum of products of binary32 numbers is.
const EXACT_BITS: u64 = 1 << 14;
/// Bits beyond the precision with which the elementary functions are evaluated at an end.
const GUARD: u64 = 16;
/// Critical points of sine and cosine are not located beyond `2^FAR`.
const FAR: i64 = 1 << 12;

const INTERNAL: EvalError = EvalError::Internal { what: "an interval met an argument that its caller excludes" };

fn undefined<T>(function: &'static str, reason: &'static str) -> Result<T, EvalError> {
    Err(EvalError::Undefined { function, reason })
}

fn undecided<T>(function: &'static str, reason: &'static str) -> Result<T, EvalError> {
    Err(EvalError::Undecided { function, reason })
}

/// The reading over intervals, at a precision in bits.
#[derive(Clone, Debug)]
pub struct Interval {
    precision: u64,
    real: Real,
}

impl Interval {
    /// The reading with ends of `precision` bits, clamped as [`Real`] clamps it.
    pub fn new(precision: u64) -> Self {
        let precision = Real::new(precision).precision();
        Interval { precision, real: Real::new(precision.saturating_add(GUARD)) }
    }

    /// The precision in bits.
    pub fn precision(&self) -> u64 {
        self.precision
    }

    /// `[lo, hi]` with its ends rounded outward, or a limit when one is out of range.
    pub fn outward(&self, lo: &Dyadic, hi: &Dyadic) -> Result<Enclosure, EvalError> {
        let end = |x: &Dyadic, direction, outward: i32| {
            let (x, _) = x.round(self.precision, direction);
            if x.in_range() {
                Ok(x)
            } else if x.top() > Some(EXPONENT_LIMIT) {
                Err(EvalError::Limit { what: "2^40 as the binary exponent of an interval end" })
            } else if x.signum() == outward {
                // At most MAX_PRECISION bits, so that |x| < 2^SMALLEST.
                let least = Dyadic::power_of_two(SMALLEST);
                Ok(if outward < 0 { least.neg() } else { least })
            } else {
                Ok(Dyadic::zero())
            }
        };
        Enclosure::new(end(lo, Down, -1)?, end(hi, Up, 1)?).ok_or(INTERNAL)
    }

    /// The image under an increasing function, by its enclosures at the two ends. Its domain has no upper border.
    fn increasing(&self, x: &Enclosure, at: impl Fn(&Ball) -> Result<Ball, EvalError>) -> Result<Enclosure, EvalError> {
        let hi = at(&Ball::exact(x.hi.clone()))?;
        if x.is_point() {
            return self.outward(&hi.lower(), &hi.upper());
        }
        let lo = match at(&Ball::exact(x.lo.clone())) {
            Err(EvalError::Undefined { function, .. }) => {
                return undecided(function, "a part of the argument is outside the domain");
            }
            lo => lo?,
        };
        self.outward(&lo.lower(), &hi.upper())
    }

    /// The hull of some values.
    fn hull_of(&self, values: &[Ball]) -> Result<Enclosure, EvalError> {
        let lo = values.iter().map(Ball::lower).min().ok_or(INTERNAL)?;
        let hi = values.iter().map(Ball::upper).max().ok_or(INTERNAL)?;
        self.outward(&lo, &hi)
    }

    /// The image under `cos(x − shift·π/2)`, given at points: it is 1 at π/2 times `shift` plus an even multiple of 2, −1 at the odd ones between,
    /// and monotone from each such point to the next. A point that cannot be told apart from an end counts as inside.
    fn wave(
        &self,
        x: &Enclosure,
        shift: i64,
        at: impl Fn(&Ball) -> Result<Ball, EvalError>,
    ) -> Result<Enclosure, EvalError> {
        let ends = [&x.lo, &x.hi].map(|end| Ball::exact(end.clone()));
        let [first, last] = &ends;
        let (top, bottom) = (Dyadic::one(), Dyadic::integer(-1));
        let image = self.hull_of(&[at(first)?, at(last)?])?.clipped(Some(bottom.clone()), Some(top.clone()))?;
        if x.is_point() {
            return Ok(image);
        }
        if x.lo.top().max(x.hi.top()) > Some(FAR) {
            return Ok(Enclosure { lo: bottom, hi: top });
        }
        let (half, pi) = (Ball::exact(Dyadic::power_of_two(-1)), self.real.pi()?);
        let shift = self.real.mul(&half, &self.real.integer(shift)?)?;
        let turns = |end| self.real.sub(&self.real.div(end, &pi)?, &shift);
        // The integers from `first` to `last` are all that may lie between the ends, measured in units of π.
        let first = -turns(first)?.lower().neg().floor();
        let last = turns(last)?.upper().floor();
        let both = first < last;
        let even = both || (first == last && first.is_even());
        let odd = both || (first == last && first.is_odd());
        let lo = if odd { bottom } else { image.lo };
        let hi = if even { top } else { image.hi };
        Enclosure::new(lo, hi).ok_or(INTERNAL)
    }

    /// The image under a function with `|f(x)| ≤ |x|` and, for `|x| ≤ 3 < π`, the sign of `x`, given an enclosure: near zero it lies between 0 and `x`.
    fn shrunk(&self, x: &Enclosure, image: Enclosure) -> Result<Enclosure, EvalError> {
        if x.abs().hi > Dyadic::integer(3) {
            return Ok(image);
        }
        let Enclosure { lo, hi } = self.outward(&x.lo, &x.hi)?;
        image.clipped(Some(lo.min(Dyadic::zero())), Some(hi.max(Dyadic::zero())))
    }

    /// `total + term`: exact, or rounded in the direction where the exponents lie too far apart.
    fn accumulated(&self, total: &Dyadic, term: &Dyadic, direction: Direction) -> Dyadic {
        if total.sum_bits(term) <= EXACT_BITS {
            total.add(term)
        } else {
            let precision = self.precision.saturating_add(64);
            total.add_rounded(term, precision, direction).0
        }
    }

    /// `x^n` for an integer `n` other than zero.
    fn integer_power(&self, x: &Enclosure, n: &Dyadic) -> Result<Enclosure, EvalError> {
        let odd = n.normalised().exponent() == 0;
        let base = if odd { x.clone() } else { x.abs() };
        let (mut from, mut to) = (&base.lo, &base.hi);
        if n.is_negative() {
            if x.is_point() && x.lo.is_zero() {
                return undefined("pow", "zero to a negative power");
            }
            if x.contains(&Dyadic::zero()) {
                return undecided("pow", "the base of a negative power may be zero");
            }
            (from, to) = (to, from);
        }
        // Short powers are exact, and rounded once.
        let short = if n.top() <= Some(5) { usize::try_from(n.floor()).ok() } else { None };
        if let Some(n) = short {
            let power = |end: &Dyadic| std::iter::repeat_n(end, n).fold(Dyadic::one(), |power, end| power.mul(end));
            return self.outward(&power(from), &power(to));
        }
        let at = |end: &Dyadic| self.real.pow(&Ball::exact(end.clone()), &Ball::exact(n.clone()));
        self.outward(&at(from)?.lower(), &at(to)?.upper())
    }
}

impl Context for Interval {
    type Value = Enclosure;

    fn datum(&self, word: u32) -> Result<Enclosure, EvalError> {
        Dyadic::from_binary32(word).map(Enclosure::point).ok_or(EvalError::NotFinite { word })
    }

    fn constant(&self, value: &Exact) -> Result<Enclosure, EvalError> {
        let [p, q] = [value.rational().numer(), value.rational().denom()].map(|part| Dyadic::new(part.clone(), 0));
        let end = |direction| p.div_rounded(&q, self.precision, direction).ok_or(INTERNAL);
        self.outward(&end(Down)?.0, &end(Up)?.0)
    }

    fn pi(&self) -> Result<Enclosure, EvalError> {
        self.hull_of(&[self.real.pi()?])
    }

    fn neg(&self, x: &Enclosure) -> Result<Enclosure, EvalError> {
        Ok(x.neg())
    }

    fn abs(&self, x: &Enclosure) -> Result<Enclosure, EvalError> {
        Ok(x.abs())
    }

    fn add(&self, x: &Enclosure, y: &Enclosure) -> Result<Enclosure, EvalError> {
        let (lo, _) = x.lo.add_rounded(&y.lo, self.precision, Down);
        let (hi, _) = x.hi.add_rounded(&y.hi, self.precision, Up);
        self.outward(&lo, &hi)
    }

    fn sub(&self, x: &Enclosure, y: &Enclosure) -> Result<Enclosure, EvalError> {
        self.add(x, &y.neg())
    }

    fn mul(&self, x: &Enclosure, y: &Enclosure) -> Result<Enclosure, EvalError> {
        let (lo, hi) = x.product(y);
        self.outward(&lo, &hi)
    }

    fn div(&self, x: &Enclosure, y: &Enclosure) -> Result<Enclosure, EvalError> {
        if y.contains(&Dyadic::zero()) {
            return if y.is_point() {
                undefined("div", "the divisor is zero")
            } else {
                undecided("div", "the divisor may be zero")
            };
        }
        let (x, y) = if y.lo.is_negative() { (x.neg(), y.neg()) } else { (x.clone(), y.clone()) };
        let divisor = |negative: bool| if negative { &y.lo } else { &y.hi };
        let lo = (x.lo).div_rounded(divisor(x.lo.is_negative()), self.precision, Down);
        let hi = (x.hi).div_rounded(divisor(!x.hi.is_negative()), self.precision, Up);
        self.outward(&lo.ok_or(INTERNAL)?.0, &hi.ok_or(INTERNAL)?.0)
    }

    fn max(&self, x: &Enclosure, y: &Enclosure) -> Result<Enclosure, EvalError> {
        let (lo, hi) = ((&x.lo).max(&y.lo), (&x.hi).max(&y.hi));
        Enclosure::new(lo.clone(), hi.clone()).ok_or(INTERNAL)
    }

    fn min(&self, x: &Enclosure, y: &Enclosure) -> Result<Enclosure, EvalError> {
        let (lo, hi) = ((&x.lo).min(&y.lo), (&x.hi).min(&y.hi));
        Enclosure::new(lo.clone(), hi.clone()).ok_or(INTERNAL)
    }

    fn order(&self, x: &Enclosure, y: &Enclosure) -> Result<Option<Ordering>, EvalError> {
        let points = x.is_point() && y.is_point();
        Ok(if points || x.hi < y.lo || x.lo > y.hi { Some(x.lo.cmp(&y.lo)) } else { None })
    }

    fn hull(&self, x: &Enclosure, y: &Enclosure) -> Result<Enclosure, EvalError> {
        Enclosure::new(x.lo.clone().min(y.lo.clone()), x.hi.clone().max(y.hi.clone())).ok_or(INTERNAL)
    }

    fn sqrt(&self, x: &Enclosure) -> Result<Enclosure, EvalError> {
        let Some((hi, _)) = x.hi.sqrt_rounded(self.precision, Up) else {
            return undefined("sqrt", "the argument is negative");
        };
        let Some((lo, _)) = x.lo.sqrt_rounded(self.precision, Down) else {
            return undecided("sqrt", "the argument may be negative");
        };
        self.outward(&lo, &hi)
    }

    fn rsqrt(&self, x: &Enclosure) -> Result<Enclosure, EvalError> {
        if x.hi.signum() <= 0 {
            return undefined("rsqrt", "the argument is not positive");
        }
        if x.lo.signum() <= 0 {
            return undecided("rsqrt", "the argument may be zero or negative");
        }
        let end = |x: &Dyadic, of_root, of_quotient| {
            let (root, _) = x.sqrt_rounded(self.precision + GUARD, of_root)?;
            Dyadic::one().div_rounded(&root, self.precision, of_quotient)
        };
        let (lo, hi) = (end(&x.hi, Up, Down), end(&x.lo, Down, Up));
        self.outward(&lo.ok_or(INTERNAL)?.0, &hi.ok_or(INTERNAL)?.0)
    }

    fn exp(&self, x: &Enclosure) -> Result<Enclosure, EvalError> {
        // e^x is above 0, and on the side of 1 where x is of 0.
        let least = Dyadic::integer((!x.lo.is_negative()).into());
        self.increasing(x, |x| self.real.exp(x))?.clipped(Some(least), (x.hi.signum() <= 0).then(Dyadic::one))
    }

    fn expm1(&self, x: &Enclosure) -> Result<Enclosure, EvalError> {
        let least = self.outward(&x.lo, &x.hi)?.lo.max(Dyadic::integer(-1)); // e^x − 1 ≥ x
        self.increasing(x, |x| self.real.expm1(x))?.clipped(Some(least), None)
    }

    fn log(&self, x: &Enclosure) -> Result<Enclosure, EvalError> {
        self.increasing(x, |x| self.real.log(x))
    }

    fn log1p(&self, x: &Enclosure) -> Result<Enclosure, EvalError> {
        let greatest = self.outward(&x.lo, &x.hi)?.hi; // ln(1 + x) ≤ x
        self.increasing(x, |x| self.real.log1p(x))?.clipped(None, Some(greatest))
    }

    fn pow(&self, x: &Enclosure, y: &Enclosure) -> Result<Enclosure, EvalError> {
        if y.is_point() && y.lo.is_zero() {
            return Ok(Enclosure::point(Dyadic::one()));
        }
        if y.is_point() && y.lo.normalised().exponent() >= 0 {
            return self.integer_power(x, &y.lo);
        }
        if x.hi.is_negative() && y.is_point() {
            return undefined("pow", "a negative number to a power that is not an integer");
        }
        match (x.lo.signum(), x.hi.signum(), y.lo.signum()) {
            (0, 0, _) if y.hi.is_negative() => undefined("pow", "zero to a negative power"),
            (-1, _, _) => undecided("pow", "the base may be negative"),
            (0, _, -1) => undecided("pow", "the base of a negative power may be zero"),
            _ => {
                // x^y is monotone in each argument where the other is fixed (but for 0^0 = 1, itself a corner): its extrema over the box are at corners.
                let ends = |z: &Enclosure| [&z.lo, &z.hi].map(|end| Ball::exact(end.clone()));
                let ([a, b], [c, d]) = (ends(x), ends(y));
                let corners = [(&a, &c), (&a, &d), (&b, &c), (&b, &d)];
                let powers: Result<Vec<_>, _> = corners.map(|(x, y)| self.real.pow(x, y)).into_iter().collect();
                self.hull_of(&powers?)?.clipped(Some(Dyadic::zero()), None)
            }
        }
    }

    fn tanh(&self, x: &Enclosure) -> Result<Enclosure, EvalError> {
        let image = self.increasing(x, |x| self.real.tanh(x))?;
        self.shrunk(x, image.clipped(Some(Dyadic::integer(-1)), Some(Dyadic::one()))?)
    }

    fn erf(&self, x: &Enclosure) -> Result<Enclosure, EvalError> {
        let image = self.increasing(x, |x| self.real.erf(x))?;
        image.clipped(Some(Dyadic::integer(-1)), Some(Dyadic::one()))
    }

    fn sin(&self, x: &Enclosure) -> Result<Enclosure, EvalError> {
        self.shrunk(x, self.wave(x, 1, |x| self.real.sin(x))?)
    }

    fn cos(&self, x: &Enclosure) -> Result<Enclosure, EvalError> {
        self.wave(x, 0, |x| self.real.cos(x))
    }

    fn sum(&self, terms: &[Enclosure]) -> Result<Enclosure, EvalError> {
        let (mut lo, mut hi) = (Dyadic::zero(), Dyadic::zero());
        for term in terms {
            lo = self.accumulated(&lo, &term.lo, Down);
            hi = self.accumulated(&hi, &term.hi, Up);
        }
        self.outward(&lo, &hi)
    }

    fn dots(
        &self,
        left: &Rows<'_, Enclosure>,
        right: &Rows<'_, Enclosure>,
        bias: Option<&[Enclosure]>,
    ) -> Result<Vec<Enclosure>, EvalError> {
        let mut out = Vec::with_capacity(left.rows() * right.rows());
        for i in 0..left.rows() {
            for j in 0..right.rows() {
                let bias = bias.and_then(|bias| bias.get(j)).cloned();
                let start = bias.unwrap_or_else(|| Enclosure::point(Dyadic::zero()));
                let (mut lo, mut hi) = (start.lo, start.hi);
                for t in 0..left.terms() {
                    let (Some(x), Some(y)) = (left.term(i, t), right.term(j, t)) else {
                        continue; // a padded cell
                    };
                    let (least, greatest) = x.product(y);
                    lo = self.accumulated(&lo, &least, Down);
                    hi = self.accumulated(&hi, &greatest, Up);
                }
                out.push(self.outward(&lo, &hi)?);
            }
        }
        Ok(out)
    }
}
