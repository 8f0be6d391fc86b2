//! `Real`: the spec over ℝ in rigorous ball arithmetic.
//!
//! Claim: if every argument ball contains the real number that it stands for, the result ball contains the exact result, for every operation,
//! precision and argument; nothing is trusted to be "close enough". Each function file states how narrow its result is.
//! Values: [`Ball`], a dyadic midpoint with a radius. Results are rounded to the precision of the reading and the rounding error is in the radius.
//! A result beyond `2^EXPONENT_LIMIT` is an [`EvalError::Limit`]; one whose last bit lies below `2^−EXPONENT_LIMIT` becomes `0 ± r`, `r` its
//! magnitude or `2^(64 − EXPONENT_LIMIT)`, whichever is greater; a smaller nonzero radius is widened to the latter.
//! Domains: a ball wholly outside gives `Undefined`, one that straddles the border `Undecided` (ask again with more precision).
//! Cost at 128 bits: about 0.2 µs an arithmetic operation, 0.15 to 0.6 µs an elementary function, 0.2 to 1 ns a term of [`Context::dots`]
//! where each operand serves many results, 10 to 40 ns where it serves one.

mod atan;
mod ball;
mod constants;
mod digits;
mod dots;
mod erf;
mod exp;
mod hyperbolic;
mod library;
mod limbs;
mod log;
mod mag;
mod power;
mod sinh;
mod strip;
mod tables;
#[cfg(test)]
mod tests;
mod trig;

pub use ball::Ball;
pub use mag::Mag;

use super::{Context, EvalError, Rows};
use crate::number::{Direction, Dyadic, Exact, dyadic::EXPONENT_LIMIT};
use constants::Constant;
use std::cmp::Ordering;

/// Least precision of the reading, in bits.
pub const MIN_PRECISION: u64 = 32;
/// Greatest precision of the reading, in bits.
pub const MAX_PRECISION: u64 = 4096;

/// Results nearer to zero than `2^SMALLEST` are not told apart from zero.
const SMALLEST: i64 = 64 - EXPONENT_LIMIT;

/// The reading over ℝ, at a precision in bits.
#[derive(Clone, Debug)]
pub struct Real {
    precision: u64,
}

const INTERNAL: EvalError = EvalError::Internal { what: "a real function met an argument that its caller excludes" };

/// A precision as a signed number of bits.
fn signed(precision: u64) -> i64 {
    i64::try_from(precision).unwrap_or(i64::MAX >> 2)
}

fn too_large() -> EvalError {
    EvalError::Limit { what: "2^40 as the binary exponent of a real number" }
}

fn undefined(function: &'static str, reason: &'static str) -> EvalError {
    EvalError::Undefined { function, reason }
}

fn undecided(function: &'static str, reason: &'static str) -> EvalError {
    EvalError::Undecided { function, reason }
}

/// Whether every point of the ball is positive; why not, otherwise.
fn positive(x: &Ball, function: &'static str) -> Result<(), EvalError> {
    match x.sign() {
        Some(Ordering::Greater) => Ok(()),
        None if x.upper().signum() > 0 => Err(undecided(function, "the argument may be zero or negative")),
        _ => Err(undefined(function, "the argument is not positive")),
    }
}

/// Methods that compute a ball at the precision of the reading, and finish it.
macro_rules! finished {
    ($($(#[$doc:meta])* $visibility:vis fn $name:ident = $ball:ident;)*) => { $(
        $(#[$doc])*
        $visibility fn $name(&self, x: &Ball) -> Result<Ball, EvalError> {
            self.finish(self.$ball(x, self.precision)?)
        }
    )* };
}

impl Real {
    /// The reading at `precision` bits, clamped to [`MIN_PRECISION`] ..= [`MAX_PRECISION`].
    pub fn new(precision: u64) -> Self {
        Real { precision: precision.clamp(MIN_PRECISION, MAX_PRECISION) }
    }

    /// The precision in bits.
    pub fn precision(&self) -> u64 {
        self.precision
    }

    /// The ball rounded to the precision, or a limit when an exponent is out of range.
    fn finish(&self, ball: Ball) -> Result<Ball, EvalError> {
        let ball = ball.round(self.precision);
        if ball.mid().top().max(ball.mag().top()) > Some(EXPONENT_LIMIT) {
            return Err(too_large());
        }
        let smallest = Mag::power_of_two(SMALLEST);
        if ball.mid().exponent() < -EXPONENT_LIMIT {
            return Ok(Ball::new(Dyadic::zero(), ball.magnitude().max(smallest)));
        }
        if ball.mag().is_zero() || ball.mag() >= smallest {
            return Ok(ball);
        }
        Ok(ball.widened(smallest))
    }

    /// A function of a ball from its values at points (`at`): at the midpoint of a narrow ball, widened by a bound `slope` of the derivative
    /// over the ball (given the value at the midpoint) times the radius; at both ends of another, which asks for a monotone function.
    fn lift(
        &self,
        x: &Ball,
        narrow: bool,
        at: impl Fn(&Dyadic) -> Result<Ball, EvalError>,
        slope: impl FnOnce(&Ball) -> Mag,
    ) -> Result<Ball, EvalError> {
        if x.is_exact() {
            return at(x.mid());
        }
        if narrow {
            let value = at(x.mid())?;
            let extra = slope(&value) * x.mag();
            return Ok(value.widened(extra));
        }
        let (a, b) = (at(&x.lower())?, at(&x.upper())?);
        let (lo, hi) = (a.lower().min(b.lower()), a.upper().max(b.upper()));
        Ok(Ball::hull(&lo, &hi, self.precision))
    }

    finished! {
        /// `2^x`; exact at integers.
        pub fn exp2 = exp2_ball;
        /// Binary logarithm, `x > 0`; exact at powers of two.
        pub fn log2 = log2_ball;
        /// Decimal logarithm, `x > 0`; exact at the nonnegative integer powers of ten.
        pub fn log10 = log10_ball;
        /// Tangent, radians; `Undecided` when the ball may contain an odd multiple of π/2.
        pub fn tan = tan_ball;
        /// Inverse tangent, in (−π/2, π/2).
        pub fn atan = atan_ball;
        /// Hyperbolic sine.
        pub fn sinh = sinh_ball;
        /// Hyperbolic cosine.
        pub fn cosh = cosh_ball;
        /// `erfc x = 1 − erf x`.
        pub fn erfc = erfc_ball;
        /// Real cube root; exact at cubes.
        pub fn cbrt = cbrt_ball;
    }
}

impl Context for Real {
    type Value = Ball;

    fn datum(&self, word: u32) -> Result<Ball, EvalError> {
        Dyadic::from_binary32(word).map(Ball::exact).ok_or(EvalError::NotFinite { word })
    }

    fn constant(&self, value: &Exact) -> Result<Ball, EvalError> {
        if let Some(exact) = value.dyadic() {
            return Ok(Ball::exact(exact));
        }
        let (p, q) = (value.rational().numer(), value.rational().denom());
        let quotient =
            Dyadic::new(p.clone(), 0).div_rounded(&Dyadic::new(q.clone(), 0), self.precision, Direction::Nearest);
        Ok(Ball::rounded(quotient.ok_or(INTERNAL)?, Mag::ZERO))
    }

    fn pi(&self) -> Result<Ball, EvalError> {
        self.finish(Constant::Pi.ball(self.precision))
    }

    fn neg(&self, x: &Ball) -> Result<Ball, EvalError> {
        Ok(x.neg())
    }

    fn abs(&self, x: &Ball) -> Result<Ball, EvalError> {
        Ok(x.abs())
    }

    fn add(&self, x: &Ball, y: &Ball) -> Result<Ball, EvalError> {
        self.finish(x.add(y, self.precision))
    }

    fn sub(&self, x: &Ball, y: &Ball) -> Result<Ball, EvalError> {
        self.finish(x.sub(y, self.precision))
    }

    fn mul(&self, x: &Ball, y: &Ball) -> Result<Ball, EvalError> {
        self.finish(x.mul(y, self.precision))
    }

    fn div(&self, x: &Ball, y: &Ball) -> Result<Ball, EvalError> {
        if y.is_zero() {
            return Err(undefined("div", "the divisor is zero"));
        }
        match x.div(y, self.precision) {
            Some(quotient) => self.finish(quotient),
            None => Err(undecided("div", "the divisor may be zero")),
        }
    }

    fn max(&self, x: &Ball, y: &Ball) -> Result<Ball, EvalError> {
        match x.at_most(y) {
            Some(true) => Ok(y.clone()),
            Some(false) => Ok(x.clone()),
            None => {
                let (lo, hi) = (x.lower().max(y.lower()), x.upper().max(y.upper()));
                self.finish(Ball::hull(&lo, &hi, self.precision))
            }
        }
    }

    fn min(&self, x: &Ball, y: &Ball) -> Result<Ball, EvalError> {
        Ok(self.max(&x.neg(), &y.neg())?.neg())
    }

    fn order(&self, x: &Ball, y: &Ball) -> Result<Option<Ordering>, EvalError> {
        Ok(x.compare(y))
    }

    fn hull(&self, x: &Ball, y: &Ball) -> Result<Ball, EvalError> {
        self.finish(Ball::hull(&x.lower().min(y.lower()), &x.upper().max(y.upper()), self.precision))
    }

    finished! {
        fn sqrt = sqrt_ball;
        fn rsqrt = rsqrt_ball;
        fn exp = exp_ball;
        fn expm1 = expm1_ball;
        fn log = log_ball;
        fn log1p = log1p_ball;
        fn tanh = tanh_ball;
        fn erf = erf_ball;
    }

    fn pow(&self, x: &Ball, y: &Ball) -> Result<Ball, EvalError> {
        self.finish(self.pow_ball(x, y, self.precision)?)
    }

    fn sin(&self, x: &Ball) -> Result<Ball, EvalError> {
        self.finish(self.sin_cos_ball(x, self.precision).0)
    }

    fn cos(&self, x: &Ball) -> Result<Ball, EvalError> {
        self.finish(self.sin_cos_ball(x, self.precision).1)
    }

    fn sum(&self, terms: &[Ball]) -> Result<Ball, EvalError> {
        self.finish(dots::sum(terms.iter().cloned(), self.precision))
    }

    fn dots(
        &self,
        left: &Rows<'_, Ball>,
        right: &Rows<'_, Ball>,
        bias: Option<&[Ball]>,
    ) -> Result<Vec<Ball>, EvalError> {
        dots::dots(left, right, bias, self.precision)?.into_iter().map(|ball| self.finish(ball)).collect()
    }
}
