//! `Rounded`: how far *any* binary32 execution may be from the exact value (running error analysis, Wilkinson 1963; Higham 2002, §3.3).
//!
//! Claim: let a program evaluate the specification in binary32, where every operation is rounded to nearest at least once and no more often than below,
//! every sum and dot product is formed in any order, with or without fused multiply-adds, and an elementary function is wrong by at most
//! `library` units in the last place. As long as nothing overflows, every value that it computes is within `error` of the exact one, which `exact`
//! encloses.
//! Roundings: u = 2^−24 of the result each, and η = 2^−150 where it underflows. A sum of n terms is off by at most n·u·Σ|x|, a dot product
//! of n terms by (n + 1)·u·(Σ|x||y| + |bias|) + (n + 1)·η (Jeannerod & Rump 2013, without a restriction on n; one more rounding for the bias). That a sum is charged
//! for its terms, not for its result, also pays for a factor that a program distributes over it. A quotient is charged twice (for a program that
//! multiplies by the reciprocal, where that is no subnormal number), 1/√x three times.
//! Method: errors that operands bring along go through an operation by its image of the widened operands; the result is their distance from the exact one.

use super::real::{Ball, Mag, Real};
use super::{Context, EvalError, Rows};
use crate::number::{Dyadic, Exact};
use std::cmp::Ordering;

/// Half the distance from 1 to the next binary32 number, as an exponent.
const U: i64 = -24;
/// Half the least positive binary32 number, as an exponent.
const ETA: i64 = -150;

/// The reading, at a precision in bits.
#[derive(Clone, Debug)]
pub struct Rounded {
    real: Real,
    /// Magnitudes in bounds of errors need few bits.
    sizes: Real,
    /// Roundings that an elementary function may cost: one unit in the last place of a number is at most 2u of it.
    function: u64,
}

/// A real number and how far a binary32 execution may be from it.
#[derive(Clone, Debug)]
pub struct Approximate {
    exact: Ball,
    error: Mag,
}

impl Approximate {
    /// An enclosure of the exact value.
    pub fn exact(&self) -> &Ball {
        &self.exact
    }

    /// A bound of the distance between the exact value and any computed one.
    pub fn error(&self) -> Mag {
        self.error
    }

    /// A ball that contains every computed value.
    fn reach(&self) -> Ball {
        Ball::new(self.exact.mid().clone(), self.exact.mag() + self.error)
    }
}

type Result<T> = std::result::Result<T, EvalError>;

impl Rounded {
    /// The reading at `precision` bits, where elementary functions are wrong by at most `library` units in the last place.
    pub fn new(precision: u64, library: u64) -> Self {
        Rounded { real: Real::new(precision), sizes: Real::new(32), function: library.saturating_mul(2).max(1) }
    }

    /// The image of numbers under `f`, rounded `roundings` times.
    fn image<const N: usize>(
        &self,
        x: [&Approximate; N],
        roundings: u64,
        f: impl Fn([&Ball; N]) -> Result<Ball>,
    ) -> Result<Approximate> {
        let exact = f(x.map(|x| &x.exact))?;
        let (mut carried, mut size) = (Mag::ZERO, Mag::above(exact.mid()) + exact.mag());
        if x.iter().any(|x| !x.error.is_zero()) {
            let reaches = x.map(Approximate::reach);
            let reached = f(reaches.each_ref())?;
            let distance = self.sizes.sub(&reached, &exact)?;
            carried = Mag::above(distance.mid()) + distance.mag();
            size = Mag::above(reached.mid()) + reached.mag();
        }
        Ok(Approximate { exact, error: carried + roundoff(size, roundings) })
    }

    /// `exact`, a sum of terms, where `sizes` encloses Σ|term| for all that the terms may be computed as, its radius at least what they are off by.
    fn total(exact: Ball, sizes: &Ball, roundings: u64) -> Approximate {
        let size = Mag::above(sizes.mid()) + sizes.mag();
        Approximate { exact, error: sizes.mag() + roundoff(size, roundings) }
    }

    /// The magnitudes of what numbers may be computed as.
    fn magnitudes(&self, x: &[Approximate]) -> Vec<Ball> {
        // | |x̂| − |x| | ≤ |x̂ − x|, so the midpoint's magnitude keeps the radius.
        x.iter().map(|x| Ball::new(x.exact.mid().abs(), x.exact.mag() + x.error)).collect()
    }
}

/// The exact values of numbers.
fn exacts(x: &[Approximate]) -> Vec<Ball> {
    x.iter().map(|x| x.exact.clone()).collect()
}

/// The most that this many roundings of numbers up to `size` come to.
fn roundoff(size: Mag, roundings: u64) -> Mag {
    Mag::new(roundings, U) * size + Mag::new(roundings, ETA)
}

/// Functions of one argument: the method of [`Real`], and how often it is rounded.
macro_rules! functions {
    ($($name:ident: |$this:ident| $roundings:expr;)*) => { $(
        fn $name(&self, x: &Approximate) -> Result<Approximate> {
            let $this = self;
            self.image([x], $roundings, |[x]| self.real.$name(x))
        }
    )* };
}

impl Context for Rounded {
    type Value = Approximate;

    fn datum(&self, word: u32) -> Result<Approximate> {
        Ok(Approximate { exact: self.real.datum(word)?, error: Mag::ZERO })
    }

    fn constant(&self, value: &Exact) -> Result<Approximate> {
        let word = value.dyadic().map(|value| value.normalised());
        let is_word = |x: &Dyadic| x.bits() <= 24 && x.exponent() >= -149 && x.top() <= Some(128);
        self.image([], u64::from(!word.as_ref().is_some_and(is_word)), |[]| self.real.constant(value))
    }

    fn pi(&self) -> Result<Approximate> {
        self.image([], 1, |[]| self.real.pi())
    }

    fn add(&self, x: &Approximate, y: &Approximate) -> Result<Approximate> {
        self.sum(&[x.clone(), y.clone()])
    }

    fn sub(&self, x: &Approximate, y: &Approximate) -> Result<Approximate> {
        self.sum(&[x.clone(), self.neg(y)?])
    }

    fn mul(&self, x: &Approximate, y: &Approximate) -> Result<Approximate> {
        self.image([x, y], 1, |[x, y]| self.real.mul(x, y))
    }

    fn div(&self, x: &Approximate, y: &Approximate) -> Result<Approximate> {
        self.image([x, y], 2, |[x, y]| self.real.div(x, y))
    }

    fn max(&self, x: &Approximate, y: &Approximate) -> Result<Approximate> {
        self.image([x, y], 0, |[x, y]| self.real.max(x, y))
    }

    fn min(&self, x: &Approximate, y: &Approximate) -> Result<Approximate> {
        self.image([x, y], 0, |[x, y]| self.real.min(x, y))
    }

    fn order(&self, x: &Approximate, y: &Approximate) -> Result<Option<Ordering>> {
        // A program compares what it has computed: only what holds for all of that is known.
        Ok(x.reach().compare(&y.reach()))
    }

    fn pow(&self, x: &Approximate, y: &Approximate) -> Result<Approximate> {
        self.image([x, y], self.function, |[x, y]| self.real.pow(x, y))
    }

    functions! {
        neg: |_this| 0;
        abs: |_this| 0;
        sqrt: |_this| 1;
        rsqrt: |_this| 3;
        exp: |this| this.function;
        expm1: |this| this.function;
        log: |this| this.function;
        log1p: |this| this.function;
        tanh: |this| this.function;
        erf: |this| this.function;
        sin: |this| this.function;
        cos: |this| this.function;
    }

    fn sum(&self, terms: &[Approximate]) -> Result<Approximate> {
        let sizes = self.sizes.sum(&self.magnitudes(terms))?;
        Ok(Rounded::total(self.real.sum(&exacts(terms))?, &sizes, crate::limits::wide(terms.len())))
    }

    fn dots(
        &self,
        left: &Rows<'_, Approximate>,
        right: &Rows<'_, Approximate>,
        bias: Option<&[Approximate]>,
    ) -> Result<Vec<Approximate>> {
        let both = |real: &Real, of: &dyn Fn(&[Approximate]) -> Vec<Ball>| {
            let (x, y, bias) = (of(left.pool()), of(right.pool()), bias.map(of));
            real.dots(&left.over(&x), &right.over(&y), bias.as_deref())
        };
        let exact = both(&self.real, &exacts)?;
        let sizes = both(&self.sizes, &|x| self.magnitudes(x))?;
        let roundings = crate::limits::wide(left.terms()).saturating_add(1);
        Ok(exact.into_iter().zip(sizes).map(|(exact, sizes)| Rounded::total(exact, &sizes, roundings)).collect())
    }
}
