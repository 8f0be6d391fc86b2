//! The reals, enclosed: both ends are MPFR numbers of so many bits, rounded outward by every operation.

use super::evaluation::{Function, Reading, Trouble};
use rug::float::Round;
use rug::ops::{AddAssignRound, DivAssignRound, MulAssignRound, PowAssignRound, SubAssignRound};
use rug::{Float, Integer, Rational};
use std::cmp::Ordering;

/// Bits of a datum; there may be millions.
const NARROW: u32 = 24;

/// All reals from `lo` to `hi`.
#[derive(Clone, Debug)]
pub struct Enclosure {
    lo: Float,
    hi: Float,
}

impl Enclosure {
    /// Both ends, exactly but that one nearer to zero than 2^−16384 is moved outward; `None` where one is not finite, or beyond 2^1048576.
    pub fn ends(&self) -> Option<(Rational, Rational)> {
        if [&self.lo, &self.hi].iter().any(|end| end.get_exp().is_some_and(|exponent| exponent > 1 << 20)) {
            return None;
        }
        let least = || Rational::from((1, Integer::from(1) << 16384u32));
        let tiny = |x: &Float| x.get_exp().is_some_and(|exponent| exponent < -16384);
        let end = |x: &Float, outward: bool| match (tiny(x), outward) {
            (false, _) => x.to_rational(),
            (true, true) => Some(if x.is_sign_negative() { -least() } else { least() }),
            (true, false) => Some(Rational::new()),
        };
        Some((end(&self.lo, self.lo.is_sign_negative())?, end(&self.hi, self.hi.is_sign_positive())?))
    }

    fn point(&self) -> bool {
        self.lo == self.hi
    }

    /// How two numbers compare; `None` where their enclosures do not tell.
    pub(super) fn compare(&self, other: &Self) -> Option<Ordering> {
        match () {
            () if self.lo > other.hi => Some(Ordering::Greater),
            () if self.hi < other.lo => Some(Ordering::Less),
            () if self.point() && other.point() => Some(Ordering::Equal),
            () => None,
        }
    }

    /// Everything between two.
    pub(super) fn hull(&self, other: &Self) -> Self {
        Enclosure { lo: self.lo.clone().min(&other.lo), hi: self.hi.clone().max(&other.hi) }
    }

    fn checked(self) -> Result<Self, Trouble> {
        let fine = self.lo.is_finite() && self.hi.is_finite();
        if fine { Ok(self) } else { Err(Trouble::Undecided("a number too large".into())) }
    }
}

/// The number of a finite word.
pub fn rational(word: u32) -> Option<Rational> {
    Rational::from_f32(f32::from_bits(word))
}

/// The distance of neighbours at the magnitude of a binary32 number.
pub fn ulp(y: &Rational) -> Rational {
    let word = y.to_f32().to_bits();
    Rational::from_f32(f32::from_bits(1)).expect("finite") << ((word >> 23 & 255).max(1) - 1)
}

/// The reading, with ends of so many bits.
#[derive(Clone, Copy, Debug)]
pub struct Reals(pub u32);

/// What values are computed with.
pub const REALS: Reals = Reals(448);

impl Reals {
    fn wide(self, x: &Float) -> Float {
        Float::with_val(self.0, x)
    }

    /// With room for a result.
    fn room(self, x: &Enclosure) -> Enclosure {
        Enclosure { lo: self.wide(&x.lo), hi: self.wide(&x.hi) }
    }

    /// From each end of one operand and one of another, the least and the greatest result.
    fn of_ends(self, x: &Enclosure, y: &Enclosure, f: impl Fn(&mut Float, &Float, Round) -> Ordering) -> Enclosure {
        let results = |round| {
            [(&x.lo, &y.lo), (&x.lo, &y.hi), (&x.hi, &y.lo), (&x.hi, &y.hi)].map(|(x, y)| {
                let mut z = self.wide(x);
                f(&mut z, y, round);
                z
            })
        };
        let lo = results(Round::Down).into_iter().reduce(|x, y| x.min(&y)).expect("four");
        let hi = results(Round::Up).into_iter().reduce(|x, y| x.max(&y)).expect("four");
        Enclosure { lo, hi }
    }
}

impl Reading for Reals {
    type Value = Enclosure;

    fn word(&self, word: u32) -> Result<Enclosure, Trouble> {
        let number = f32::from_bits(word);
        if !number.is_finite() {
            return Err(Trouble::False("a datum that is not finite".into()));
        }
        let number = Float::with_val(NARROW, number) + 0u32; // −0 is 0
        Ok(Enclosure { lo: number.clone(), hi: number })
    }

    fn constant(&self, number: &Rational) -> Enclosure {
        let end = |round| Float::with_val_round(self.0, number, round).0;
        Enclosure { lo: end(Round::Down), hi: end(Round::Up) }
    }

    fn add(&self, x: &Enclosure, y: &Enclosure) -> Result<Enclosure, Trouble> {
        let mut z = self.room(x);
        z.lo.add_assign_round(&y.lo, Round::Down);
        z.hi.add_assign_round(&y.hi, Round::Up);
        z.checked()
    }

    fn sub(&self, x: &Enclosure, y: &Enclosure) -> Result<Enclosure, Trouble> {
        let mut z = self.room(x);
        z.lo.sub_assign_round(&y.hi, Round::Down);
        z.hi.sub_assign_round(&y.lo, Round::Up);
        z.checked()
    }

    fn mul(&self, x: &Enclosure, y: &Enclosure) -> Result<Enclosure, Trouble> {
        self.of_ends(x, y, |z, y, round| z.mul_assign_round(y, round)).checked()
    }

    fn div(&self, x: &Enclosure, y: &Enclosure) -> Result<Enclosure, Trouble> {
        if y.lo <= 0 && y.hi >= 0 {
            let only = y.point();
            return Err(if only { Trouble::False("0 divides".into()) } else { Trouble::Undecided("a divisor".into()) });
        }
        self.of_ends(x, y, |z, y, round| z.div_assign_round(y, round)).checked()
    }

    fn pow(&self, x: &Enclosure, y: &Enclosure) -> Result<Enclosure, Trouble> {
        if x.lo <= 0 {
            return Err(Trouble::Unsupported("a power of what may not be positive".into()));
        }
        self.of_ends(x, y, |z, y, round| z.pow_assign_round(y, round)).checked()
    }

    fn neg(&self, x: &Enclosure) -> Enclosure {
        Enclosure { lo: Float::with_val(self.0, -&x.hi), hi: Float::with_val(self.0, -&x.lo) }
    }

    fn abs(&self, x: &Enclosure) -> Enclosure {
        let zero = Float::with_val(self.0, 0);
        let low = x.lo.clone().max(&Float::with_val(self.0, -&x.hi)).max(&zero);
        Enclosure { lo: low, hi: x.lo.clone().abs().max(&x.hi.clone().abs()) }
    }

    fn max(&self, x: &Enclosure, y: &Enclosure) -> Enclosure {
        Enclosure { lo: x.lo.clone().max(&y.lo), hi: x.hi.clone().max(&y.hi) }
    }

    fn min(&self, x: &Enclosure, y: &Enclosure) -> Enclosure {
        Enclosure { lo: x.lo.clone().min(&y.lo), hi: x.hi.clone().min(&y.hi) }
    }

    fn function(&self, f: Function, x: &Enclosure) -> Result<Enclosure, Trouble> {
        let least = match f {
            Function::Log | Function::Rsqrt => Some(false),
            Function::Log1p => return self.function(Function::Log, &self.add(&self.constant(&1.into()), x)?),
            Function::Sqrt => Some(true),
            _ => None,
        };
        if let Some(closed) = least {
            let outside = |end: &Float| if closed { *end < 0 } else { *end <= 0 };
            if outside(&x.hi) {
                return Err(Trouble::False("outside the domain".into()));
            } else if outside(&x.lo) {
                return Err(Trouble::Undecided("at the end of the domain".into()));
            }
        }
        let at = |end: &Float, round| {
            let mut y = self.wide(end);
            match f {
                Function::Exp => y.exp_round(round),
                Function::Expm1 => y.exp_m1_round(round),
                Function::Log | Function::Log1p => y.ln_round(round),
                Function::Tanh => y.tanh_round(round),
                Function::Erf => y.erf_round(round),
                Function::Sin => y.sin_round(round),
                Function::Cos => y.cos_round(round),
                Function::Sqrt => y.sqrt_round(round),
                Function::Rsqrt => y.recip_sqrt_round(round),
            };
            y
        };
        match f {
            // |f(x) − f(lo)| ≤ hi − lo
            Function::Sin | Function::Cos => {
                let mut width = self.wide(&x.hi);
                width.sub_assign_round(&x.lo, Round::Up);
                let (mut lo, mut hi) = (at(&x.lo, Round::Down), at(&x.lo, Round::Up));
                lo.sub_assign_round(&width, Round::Down);
                hi.add_assign_round(&width, Round::Up);
                Enclosure { lo, hi }.checked()
            }
            Function::Rsqrt => Enclosure { lo: at(&x.hi, Round::Down), hi: at(&x.lo, Round::Up) }.checked(),
            _ => Enclosure { lo: at(&x.lo, Round::Down), hi: at(&x.hi, Round::Up) }.checked(),
        }
    }

    fn sum(&self, _: usize, terms: &[&Enclosure]) -> Result<Enclosure, Trouble> {
        let zero = self.constant(&Rational::new());
        terms.iter().try_fold(zero, |sum, term| self.add(&sum, term))
    }

    fn dot(
        &self,
        _: usize,
        pairs: &[(&Enclosure, &Enclosure)],
        bias: Option<&Enclosure>,
    ) -> Result<Enclosure, Trouble> {
        let mut z = bias.map_or_else(|| self.constant(&Rational::new()), |bias| self.room(bias));
        for &(x, y) in pairs {
            let (x, y) = if x.point() { (y, x) } else { (x, y) };
            if y.point() {
                let (lo, hi) = if y.lo.is_sign_negative() { (&x.hi, &x.lo) } else { (&x.lo, &x.hi) };
                z.lo.add_assign_round(lo * &y.lo, Round::Down);
                z.hi.add_assign_round(hi * &y.lo, Round::Up);
            } else {
                z = self.add(&z, &self.mul(x, y)?)?;
            }
        }
        z.checked()
    }
}
