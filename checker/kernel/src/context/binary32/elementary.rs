//! Correctly rounded elementary functions (IEEE 754-2019 §9.2), in every rounding mode.
//!
//! Claim: the result is the one rounding of the exact value `f(x)`, and the flags are those of that rounding.
//! Method: named special values; arguments so small or large that the rounding follows from an inequality (`extreme`); otherwise Ziv's strategy
//! (A. Ziv, "Fast evaluation of elementary mathematical functions with correctly rounded last bit", 1991): enclose `f(x)` in a ball of the `Real`
//! reading at 40, 64, 128, … 4096 bits until both ends round to the same word with the same flags. Rounding is monotone, so that word is right
//! whatever the reason for which the loop ends; a value too close to a boundary even then is a limit, never a guess.
//!
//! Why the loop ends. It can fail to at a fixed argument only if `f(x)` *is* a boundary (a word, a midpoint of two, the tininess threshold), a
//! rational number. At a rational `x` other than the special values,
//! - `exp`, `expm1`, `log`, `log1p`, `sin`, `cos`, `tan`, `sinh`, `cosh`, `tanh`, `atan` are transcendental (Lindemann 1882);
//! - `2^x` is rational only for an integer `x`; `log₂ x` only for a power of two, `log₁₀ x`, at a dyadic, only for `10^k`, `k ≥ 0` (unique
//!   factorisation). There `Real` returns an exact ball, whose rounding is the answer;
//! - `x^y` is algebraic (`y` is rational) and a boundary only if it is dyadic with 25 bits or fewer: then `x = r^(2^j)` with `r` dyadic,
//!   `y = n/2^j`, and `Real` forms `r^n` exactly at 40 bits (n ≥ 0, or `r` a power of two);
//! - of `erf` and `erfc` no such theorem is known (2/√π is a factor). No midpoint is among their values: all arguments have been scanned.
//!   Should a value be a word, a directed mode ends in the limit.
//!
//! How far the loop goes is not proved. In scans of all arguments of 14 functions no value came nearer to a midpoint than 2^−67 of itself.

#![expect(
    clippy::as_conversions,
    reason = "between integer types of the fields of a word: widening, or masked to width where it stands"
)]

use super::environment::{Environment, Flags};
use super::word::{
    Finite, INFINITY, ONE, abs, invalid, is_nan, is_sign_minus, is_signaling, is_special, is_zero, neg, propagate,
    round_dyadic, signed, unpack,
};
use crate::context::real::{Ball, Real};
use crate::context::{Context, EvalError};
use crate::number::Dyadic;

/// A function of one argument that is not algebraic (`arithmetic` has `sqrt`, `rsqrt`, `cbrt`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// `e^x`.
    Exp,
    /// `2^x`.
    Exp2,
    /// `e^x − 1`.
    Expm1,
    /// Natural logarithm.
    Log,
    /// Binary logarithm.
    Log2,
    /// Decimal logarithm.
    Log10,
    /// `ln(1 + x)`.
    Log1p,
    /// Sine, radians.
    Sin,
    /// Cosine, radians.
    Cos,
    /// Tangent, radians.
    Tan,
    /// Inverse tangent, radians.
    Atan,
    /// Hyperbolic sine.
    Sinh,
    /// Hyperbolic cosine.
    Cosh,
    /// Hyperbolic tangent.
    Tanh,
    /// The error function.
    Erf,
    /// `1 − erf x`.
    Erfc,
}
use Function::{Atan, Cos, Cosh, Erf, Erfc, Exp, Exp2, Expm1, Log, Log1p, Log2, Log10, Sin, Sinh, Tan, Tanh};

/// The evaluator: one `Real` reading for each precision of the Ziv loop. At 40 bits a function is computed on one limb.
#[derive(Clone, Debug)]
pub struct Elementary {
    readings: [Real; 8],
}

impl Default for Elementary {
    fn default() -> Self {
        Elementary { readings: [40, 64, 128, 256, 512, 1024, 2048, 4096].map(Real::new) }
    }
}

impl Elementary {
    /// `f(x)`, correctly rounded; an error only where 4096 bits do not decide it.
    pub fn evaluate(&self, f: Function, x: u32, env: Environment) -> Result<(u32, Flags), EvalError> {
        if is_nan(x) {
            return Ok(propagate(&[x], env.nan));
        }
        if let Some(result) = special(f, x, env) {
            return Ok(result);
        }
        if let Some(value) = extreme(f, x) {
            return Ok(value.round(env.rounding));
        }
        self.enclose(env, |real| {
            let x = real.datum(x)?;
            match f {
                Exp => real.exp(&x),
                Exp2 => real.exp2(&x),
                Expm1 => real.expm1(&x),
                Log => real.log(&x),
                Log2 => real.log2(&x),
                Log10 => real.log10(&x),
                Log1p => real.log1p(&x),
                Sin => real.sin(&x),
                Cos => real.cos(&x),
                Tan => real.tan(&x),
                Atan => real.atan(&x),
                Sinh => real.sinh(&x),
                Cosh => real.cosh(&x),
                Tanh => real.tanh(&x),
                Erf => real.erf(&x),
                Erfc => real.erfc(&x),
            }
        })
    }

    /// `x^y`, correctly rounded, with the special values of §9.2.1; an error only where 4096 bits do not decide it.
    pub fn pow(&self, x: u32, y: u32, env: Environment) -> Result<(u32, Flags), EvalError> {
        let signaling = is_signaling(x) || is_signaling(y);
        if (is_zero(y) || x == ONE) && !signaling {
            return Ok((ONE, Flags::NONE)); // even beside a quiet NaN
        }
        if is_nan(x) || is_nan(y) {
            return Ok(propagate(&[x, y], env.nan));
        }
        let (integer, odd) = parity(y);
        let negative = is_sign_minus(x) && odd;
        let rising = !is_sign_minus(y);
        let exact = |magnitude| Ok((signed(magnitude, negative), Flags::NONE));
        if is_zero(x) {
            return match (rising, is_special(y)) {
                (true, _) => exact(0),
                (false, true) => exact(INFINITY),
                (false, false) => Ok((signed(INFINITY, negative), Flags::DIVIDE_BY_ZERO)),
            };
        }
        if is_special(x) {
            return exact(if rising { INFINITY } else { 0 });
        }
        if abs(x) == ONE && integer {
            return exact(ONE);
        }
        let grows = rising == (abs(x) > ONE);
        if is_special(y) {
            return exact(if grows { INFINITY } else { 0 });
        }
        if is_sign_minus(x) && !integer {
            return Ok(invalid(env.nan));
        }
        if let Some(value) = extreme_power(abs(x), y, grows, negative) {
            return Ok(value.round(env.rounding));
        }
        self.enclose(env, |real| {
            let power = real.pow(&real.datum(abs(x))?, &real.datum(y)?)?;
            Ok(if negative { power.neg() } else { power })
        })
    }

    /// Ziv's loop over the readings.
    fn enclose(
        &self,
        env: Environment,
        value: impl Fn(&Real) -> Result<Ball, EvalError>,
    ) -> Result<(u32, Flags), EvalError> {
        for real in &self.readings {
            let ball = match value(real) {
                Ok(ball) => ball,
                Err(EvalError::Undecided { .. }) => continue,
                Err(error) => return Err(error),
            };
            let lower = round_dyadic(&ball.lower(), env.rounding);
            if ball.is_exact() {
                return Ok(lower);
            }
            // The value is no boundary, so it is inexact even where an end of the ball is a word.
            let upper = round_dyadic(&ball.upper(), env.rounding);
            let flags = lower.1 | Flags::INEXACT;
            if lower.0 == upper.0 && flags == upper.1 | Flags::INEXACT {
                return Ok((lower.0, flags));
            }
        }
        Err(EvalError::Limit { what: "4096 bits in the rounding of an elementary function" })
    }
}

/// Whether a number or infinity is an integer, and whether it is an odd one; infinities count as even.
fn parity(y: u32) -> (bool, bool) {
    if is_special(y) {
        return (true, false);
    }
    let Finite { exponent, significand, .. } = unpack(y);
    let last_bit = exponent + significand.trailing_zeros() as i32; // at most 64
    (last_bit >= 0, last_bit == 0)
}

/// Infinities, zeros, and arguments outside the domain (§9.2.1).
fn special(f: Function, x: u32, env: Environment) -> Option<(u32, Flags)> {
    const MINUS_ONE: u32 = 0xbf80_0000;
    const TWO: u32 = 0x4000_0000;
    let minus_infinity = neg(INFINITY);
    let word = match f {
        Log | Log2 | Log10 if is_zero(x) => return Some((minus_infinity, Flags::DIVIDE_BY_ZERO)),
        Log1p if x == MINUS_ONE => return Some((minus_infinity, Flags::DIVIDE_BY_ZERO)),
        Log | Log2 | Log10 if is_sign_minus(x) => return Some(invalid(env.nan)),
        Log1p if x > MINUS_ONE => return Some(invalid(env.nan)),
        Sin | Cos | Tan if is_special(x) => return Some(invalid(env.nan)),
        Log if x == ONE => 0,
        Exp | Exp2 | Cos | Cosh | Erfc if is_zero(x) => ONE,
        Expm1 | Log1p | Sin | Tan | Atan | Sinh | Tanh | Erf if is_zero(x) => x,
        Log | Log2 | Log10 | Log1p | Sinh if is_special(x) => x,
        Exp | Exp2 | Expm1 if x == INFINITY => x,
        Cosh if is_special(x) => INFINITY,
        Exp | Exp2 if x == minus_infinity => 0,
        Expm1 if x == minus_infinity => MINUS_ONE,
        Tanh | Erf if is_special(x) => signed(ONE, is_sign_minus(x)),
        Erfc if x == INFINITY => 0,
        Erfc if x == minus_infinity => TWO,
        Atan if is_special(x) => {
            // π/2 = ⌊2^63 · π/2⌋ · 2^−63 + …
            let half_pi = Finite { negative: is_sign_minus(x), exponent: -63, significand: super::PI | 1 };
            return Some(half_pi.round(env.rounding));
        }
        _ => return None,
    };
    Some((word, Flags::NONE))
}

/// A number that stands for `f(x)` (see `word`) where an inequality decides the rounding; `x` is finite and not zero.
fn extreme(f: Function, x: u32) -> Option<Finite> {
    let negative = is_sign_minus(x);
    // Words of one sign are ordered as their magnitudes are: `at_least` is |x| ≥ bound, `below` is |x| < 2^k.
    let at_least = |bound: u32| abs(x) >= bound;
    let below = |k: u32| abs(x) < (127 - k) << 23; // 2^−k
    match f {
        // e^89 > 2^128; e^90/2 > 2^128.
        Exp | Expm1 if !negative && at_least(0x42b2_0000) => Some(huge(false)), // 89
        Exp2 if !negative && at_least(0x4300_0000) => Some(huge(false)),        // 128
        Sinh | Cosh if at_least(0x42b4_0000) => Some(huge(negative && f == Sinh)), // 90
        // 0 < e^−105 < 2^−151; 2^x < 2^−150; erfc 11 < e^−121 < 2^−174.
        Exp if negative && at_least(0x42d2_0000) => Some(vanishing(false)), // 105
        Exp2 if negative && abs(x) > 0x4316_0000 => Some(vanishing(false)), // 150
        Erfc if !negative && at_least(0x4130_0000) => Some(vanishing(false)), // 11
        // e^−19 < 2^−27; 1 − tanh 10 < 2 e^−20 < 2^−27; erfc 5 < 2^−39.
        Expm1 if negative && at_least(0x4198_0000) => Some(beside(neg(ONE), false)), // 19
        Tanh if at_least(0x4120_0000) => Some(beside(signed(ONE, negative), false)), // 10
        Erf if at_least(0x40a0_0000) => Some(beside(signed(ONE, negative), false)),  // 5
        Erfc if negative && at_least(0x40a0_0000) => Some(beside(0x4000_0000, false)), // 5; 2
        // f(x) = x (1 + δ) with |δ| ≤ x²/2.9 < 2^−26 of the stated sign (alternating or positive series).
        Sin | Tanh | Atan if below(13) => Some(beside(x, false)),
        Sinh | Tan if below(13) => Some(beside(x, true)),
        // e^x − 1 = x + x²/2 + …, ln(1 + x) = x − x²/2 + …
        Expm1 if below(26) => Some(beside(x, !negative)),
        Log1p if below(26) => Some(beside(x, negative)),
        // e^x = 1 + x + …, 2^x = 1 + x ln 2 + …, cos x = 1 − x²/2 + …, cosh x = 1 + x²/2 + …, erfc x = 1 − 1.13 x + …
        Exp | Exp2 if below(27) => Some(beside(ONE, !negative)),
        Cos if below(13) => Some(beside(ONE, false)),
        Cosh if below(13) => Some(beside(ONE, true)),
        Erfc if below(27) => Some(beside(ONE, negative)),
        _ => None,
    }
}

/// The same for `x^y`, `0 < x ≠ 1` and `y ≠ 0` finite; `grows` tells whether the power is above 1.
fn extreme_power(x: u32, y: u32, grows: bool, negative: bool) -> Option<Finite> {
    // |ln x| < 104, so |y ln x| < 2^−27 and |x^y − 1| < 2^−26.
    if abs(y) < (127 - 34) << 23 {
        return Some(beside(signed(ONE, negative), grows));
    }
    // |log₂ x| ≥ min(|x − 1|, 1): log₂ is concave with log₂ 1 = 0 and log₂ 2 = 1, and −log₂ x ≥ 1 − x below 1. So |y log₂ x| ≥ 151.
    let one = Dyadic::one();
    let least = Dyadic::from_binary32(x)?.sub(&one).abs().min(one);
    if Dyadic::from_binary32(abs(y))?.mul(&least) < Dyadic::integer(151) {
        return None;
    }
    Some(if grows { huge(negative) } else { vanishing(negative) })
}

/// Stands for any value of magnitude 2^128 or more: all overflow alike.
fn huge(negative: bool) -> Finite {
    Finite { negative, exponent: 200, significand: 1 }
}

/// Stands for any value of magnitude between 0 and 2^−150, both excluded: all underflow alike.
fn vanishing(negative: bool) -> Finite {
    Finite { negative, exponent: -200, significand: 1 }
}

/// Stands for `x (1 + δ)`, `0 < |δ| < 2^−26`, away from zero (`δ > 0`) if `outward`: 27 bits of `x`, then one unit, less than 2^−26 of it, up or down.
fn beside(x: u32, outward: bool) -> Finite {
    let whole = unpack(x).normalised();
    let significand = whole.significand >> 35; // 2^26 ≤ significand < 2^27, and its last three bits are zero
    Finite {
        exponent: whole.exponent + 35,
        significand: if outward { significand + 1 } else { significand - 1 },
        ..whole
    }
}
