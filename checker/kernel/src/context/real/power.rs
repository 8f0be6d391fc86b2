//! Roots and powers.
//!
//! Claim: `√x` of an exact argument is within 0.75 of the last bit, and exact when the root fits; `x^y` is within one unit of the
//! last requested bit, and exact where the result is dyadic, fits the precision and `y` has a denominator of at most 2^64.
//! Wide balls are evaluated at both ends; roots of narrow ones widen by their slope at the minimum.

use super::limbs::length;
use super::{Ball, INTERNAL, Mag, Real, undecided, undefined};
use crate::context::EvalError;
use crate::number::{Direction, Dyadic};
use num_bigint::BigInt;
use num_traits::One;
use std::cmp::Ordering;

/// Integer exponents up to this magnitude are powered by repeated squaring.
const SQUARING: u64 = 1 << 10;

impl Real {
    /// `√x`, `x ≥ 0`.
    pub(super) fn sqrt_ball(&self, x: &Ball, precision: u64) -> Result<Ball, EvalError> {
        match x.sign() {
            Some(Ordering::Less) => return Err(undefined("sqrt", "the argument is negative")),
            None if x.lower().is_negative() => {
                return Err(undecided("sqrt", "the argument may be negative"));
            }
            _ => {}
        }
        let at = |x: &Dyadic| sqrt_at(x, precision);
        let nearest = x.mignitude();
        let narrow = x.mag().scaled(10) <= nearest;
        self.lift(x, narrow, at, |_| root_slope(nearest))
    }

    /// `1/√x`, `x > 0`; the slope is at most `1/(2 √min · min)`.
    pub(super) fn rsqrt_ball(&self, x: &Ball, precision: u64) -> Result<Ball, EvalError> {
        super::positive(x, "rsqrt")?;
        let at = |x: &Dyadic| {
            let root = sqrt_at(x, precision + 4)?;
            let one = Ball::exact(Dyadic::one());
            one.div(&root, precision + 2).ok_or(INTERNAL)
        };
        let nearest = x.mignitude();
        let narrow = x.mag().scaled(10) <= nearest;
        self.lift(x, narrow, at, |_| root_slope(nearest).over(nearest).unwrap_or(Mag::ZERO))
    }

    /// `x^y`: `x > 0`, or `x = 0 < y`, or `y` an integer known exactly (and not `0^negative`); `x^0 = 1`.
    pub(super) fn pow_ball(&self, x: &Ball, y: &Ball, precision: u64) -> Result<Ball, EvalError> {
        if y.is_zero() {
            return Ok(Ball::exact(Dyadic::one()));
        }
        if x.is_zero() {
            return match y.sign() {
                Some(Ordering::Greater) => Ok(Ball::exact(Dyadic::zero())),
                Some(_) => Err(undefined("pow", "zero to a negative power")),
                None => Err(undecided("pow", "zero to a power that may be negative")),
            };
        }
        let short = y.mid().normalised();
        if y.is_exact() && short.exponent() >= 0 {
            return self.integer_power(x, y.mid(), precision);
        }
        match x.sign() {
            Some(Ordering::Greater) => {}
            Some(_) => {
                return Err(if y.is_exact() {
                    undefined("pow", "a negative number to a power that is not an integer")
                } else {
                    undecided("pow", "a negative number to a power that is not known to be an integer")
                });
            }
            None => return Err(undecided("pow", "the base may be negative")),
        }
        if let (true, Some((root, exponent))) = (x.is_exact() && y.is_exact(), exact_root(x.mid(), &short)) {
            return self.integer_power(&Ball::exact(root), &exponent, precision);
        }
        self.general_power(x, y, precision)
    }

    /// `e^(y ln x)`, `x > 0`. A result within range has `|y ln x| < 2^41`, so that 48 more bits leave six beyond the precision.
    fn general_power(&self, x: &Ball, y: &Ball, precision: u64) -> Result<Ball, EvalError> {
        let p = precision + 48;
        let exponent = self.log_ball(x, p)?.mul(y, p);
        self.exp_ball(&exponent, precision + 4)
    }

    /// `x^n` for an exact integer `n ≠ 0` and `x` not the number zero.
    fn integer_power(&self, x: &Ball, n: &Dyadic, precision: u64) -> Result<Ball, EvalError> {
        let Some(sign) = x.sign() else {
            return self.power_around_zero(x, n, precision);
        };
        let odd = n.normalised().exponent() == 0;
        let size = x.abs();
        let base = size.mid().normalised();
        let narrow = size.mag().scaled(20) <= size.mignitude();
        let count = n.top().filter(|&top| top <= 40).map(|_| n.floor());
        let count = count.and_then(|count| i64::try_from(count).ok());
        let power = match count {
            Some(count) if size.is_exact() && base.mantissa().is_one() => {
                // Exact; what the clamp cuts off is beyond the exponent limit and treated as such.
                let exponent = base.exponent().saturating_mul(count);
                Ball::exact(Dyadic::power_of_two(exponent.clamp(-1 << 42, 1 << 42)))
            }
            // Each of the fewer than 2 length(n) products costs half a unit, and is multiplied by at most n in relative terms.
            Some(count) if count.unsigned_abs() <= SQUARING && narrow => {
                let p = precision + 6 + 2 * length(count.unsigned_abs());
                let power = squarings(&size, count.unsigned_abs(), p);
                if count < 0 {
                    let one = Ball::exact(Dyadic::one());
                    one.div(&power, precision + 2).ok_or(INTERNAL)?
                } else {
                    power
                }
            }
            _ if narrow => self.general_power(&size, &Ball::exact(n.clone()), precision)?,
            _ => {
                self.lift(&size, false, |x| self.integer_power(&Ball::exact(x.clone()), n, precision), |_| Mag::ZERO)?
            }
        };
        Ok(if odd && sign.is_lt() { power.neg() } else { power })
    }

    /// `x^n` for a ball that contains zero and other numbers: `[−u, u]` or `[0, u]` with `u` the power of the greatest magnitude.
    fn power_around_zero(&self, x: &Ball, n: &Dyadic, precision: u64) -> Result<Ball, EvalError> {
        if n.is_negative() {
            return Err(undecided("pow", "the base of a negative power may be zero"));
        }
        let greatest = Ball::exact(x.magnitude().to_dyadic());
        let power = self.integer_power(&greatest, n, precision)?.magnitude();
        let both = Ball::new(Dyadic::zero(), power);
        Ok(if n.normalised().exponent() == 0 { both } else { both.abs() })
    }
}

/// `√x` at a point `x ≥ 0`.
fn sqrt_at(x: &Dyadic, precision: u64) -> Result<Ball, EvalError> {
    let root = x.sqrt_rounded(precision, Direction::Nearest);
    Ok(Ball::rounded(root.ok_or(INTERNAL)?, Mag::ZERO))
}

/// `1/(2 √nearest)`, rounded up; `nearest` is positive where this is used (a narrow ball is bounded away from zero).
fn root_slope(nearest: Mag) -> Mag {
    let root = nearest.to_dyadic().sqrt_rounded(30, Direction::Down);
    let root = root.map_or(Mag::ZERO, |(root, _)| Mag::below(&root));
    Mag::power_of_two(-1).over(root).unwrap_or(Mag::ZERO)
}

/// `x^n`, `n ≥ 1`, from the leading bit of `n` down.
fn squarings(x: &Ball, n: u64, precision: u64) -> Ball {
    let mut power = x.clone();
    for bit in (0..length(n).saturating_sub(1)).rev() {
        power = power.mul(&power, precision);
        if n >> bit & 1 == 1 {
            power = power.mul(x, precision);
        }
    }
    power
}

/// `x^(1/2^j)` and `m`, when `y = m/2^j` with `j ≤ 64` and that root is dyadic.
fn exact_root(x: &Dyadic, y: &Dyadic) -> Option<(Dyadic, Dyadic)> {
    let j = u32::try_from(y.exponent().checked_neg()?).ok()?;
    if j > 64 {
        return None;
    }
    let mut root = x.normalised();
    // An odd square is 1 modulo 8.
    if root.exponent() % 2 != 0 || &*root.mantissa() % 8u32 != BigInt::one() {
        return None;
    }
    for _ in 0..j {
        let (next, exact) = root.sqrt_rounded(root.bits(), Direction::Down)?;
        if !exact {
            return None;
        }
        root = next.normalised();
    }
    Some((root, y.scaled(y.exponent().saturating_neg())))
}
