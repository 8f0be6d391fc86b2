//! `tan`, `log₂`, `log₁₀` and `∛x`: functions of the reading that no operation has, made of those that one has.
//!
//! Claim: for an exact argument the result is within one unit of the last requested bit; exact at integer powers of 2 and 10, and where the root fits. Wide balls are evaluated at both ends.

use super::constants::Constant;
use super::{Ball, INTERNAL, Mag, Real};
use crate::context::EvalError;
use crate::number::Dyadic;
use num_bigint::BigInt;
use num_traits::One;

impl Real {
    /// `tan x`, `x` not an odd multiple of π/2.
    ///
    /// With `t = tan m` and `|h| ≤ r`: `|tan(m + h) − t| = |tan h| (1 + t²) / |1 − t tan h|`, and `tan r ≤ r (1 + r²)` for `r ≤ 1/2`.
    pub(super) fn tan_ball(&self, x: &Ball, precision: u64) -> Result<Ball, EvalError> {
        let undecided = super::undecided("tan", "the argument may be an odd multiple of pi/2");
        if x.mag() > Mag::power_of_two(-1) || x.mid().top() > self.trig_top() {
            return Err(undecided);
        }
        let (sin, cos) = self.sin_cos_at(x.mid(), precision + 4);
        let Some(tan) = sin.div(&cos, precision) else {
            return Err(undecided);
        };
        let size = tan.magnitude();
        let tan_r = x.mag() * (x.mag() * x.mag()).plus_one();
        let one = Dyadic::one();
        let denominator = Ball::new(one, size * tan_r).mignitude();
        match (tan_r * (size * size).plus_one()).over(denominator) {
            Some(extra) => Ok(tan.widened(extra)),
            None => Err(undecided),
        }
    }

    /// `log₂ x`, `x > 0`.
    pub(super) fn log2_ball(&self, x: &Ball, precision: u64) -> Result<Ball, EvalError> {
        super::positive(x, "log2")?;
        let odd = x.mid().normalised();
        if x.is_exact() && odd.mantissa().is_one() {
            return Ok(Ball::exact(Dyadic::integer(odd.exponent())));
        }
        self.over_constant(x, Constant::Ln2, precision)
    }

    /// `log₁₀ x`, `x > 0`.
    pub(super) fn log10_ball(&self, x: &Ball, precision: u64) -> Result<Ball, EvalError> {
        super::positive(x, "log10")?;
        let odd = x.mid().normalised();
        if let Ok(k) = u32::try_from(odd.exponent()) {
            // 10^k = 5^k · 2^k; a mantissa of b bits cannot be 5^k unless k ≤ b/2.
            let possible = x.is_exact() && u64::from(k) <= odd.bits() / 2;
            if possible && *odd.mantissa() == BigInt::from(5).pow(k) {
                return Ok(Ball::exact(Dyadic::integer(k.into())));
            }
        }
        self.over_constant(x, Constant::Ln10, precision)
    }

    fn over_constant(&self, x: &Ball, constant: Constant, precision: u64) -> Result<Ball, EvalError> {
        let p = precision + 4;
        let quotient = self.log_ball(x, p)?.div(&constant.ball(p), p);
        quotient.ok_or(INTERNAL)
    }

    /// `∛x`.
    pub(super) fn cbrt_ball(&self, x: &Ball, precision: u64) -> Result<Ball, EvalError> {
        let at = |x: &Dyadic| {
            // An integer root of at least precision + 2 bits of m · 2^shift, the exponent then a multiple of three.
            let mut shift = (3 * precision + 6).saturating_sub(x.bits());
            shift += u64::try_from(x.exponent().saturating_sub_unsigned(shift).rem_euclid(3)).unwrap_or(0);
            let exponent = x.exponent().saturating_sub_unsigned(shift) / 3;
            let radicand = &*x.mantissa() << shift;
            let root = radicand.cbrt();
            let error = u64::from(root.pow(3) != radicand);
            Ok(Ball::fixed(root, exponent, error, precision))
        };
        self.lift(x, false, at, |_| Mag::ZERO)
    }
}
