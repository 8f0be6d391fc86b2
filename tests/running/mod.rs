//! `Running`: a reading that bounds what binary32 rounding can do to a result (running error analysis, Wilkinson 1963; Higham 2002, §3.3).
//!
//! Claim: let a program evaluate the graph in binary32, each arithmetic operation within one rounding to nearest (a fused multiply-add or more precision is
//! allowed anywhere), each elementary function within [`LIBM`] ulps, each sum and dot product in any order. Then every value that it computes is within
//! `error` of the real one, as long as nothing overflows. The bound follows the data: it is no relative tolerance, and it is zero where nothing is rounded.
//! Method: a value is the real number to binary64 precision beside its bound. An operation carries the bounds of its operands through (by the product rule, or
//! for a monotone function by its values at both ends), and adds the roundings of its own. [`U`] is widened by 2^−10 of itself, which pays for the arithmetic here.

#![allow(dead_code, reason = "each test binary uses a part")]

use num_traits::ToPrimitive;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use tl_kernel::context::{Context, EvalError};
use tl_kernel::ir::evaluate::Named;
use tl_kernel::ir::{CheckedGraph, Tensor, evaluate};
use tl_kernel::number::{Dyadic, Exact};

/// The unit roundoff of binary32, widened.
const U: f64 = (1.0 + 1.0 / 1024.0) / (1u32 << 24) as f64;
/// Half of the least positive binary32 number, widened: the rounding of a result that underflows.
const TINY: f64 = 1e-45;
/// What an elementary function of a mathematics library may be wrong by, in ulps; numpy's are documented to keep within 4.
pub(crate) const LIBM: f64 = 4.0;

/// A real number and how far a binary32 program may be from it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounded {
    pub(crate) value: f64,
    pub(crate) error: f64,
}

/// The reading.
pub(crate) struct Running;

impl Bounded {
    /// `value`, reached within `carried`, then rounded `roundings` times.
    fn rounded(value: f64, carried: f64, roundings: f64) -> Result<Self, EvalError> {
        let error = carried + roundings * (U * (value.abs() + carried) + TINY);
        Ok(Bounded { value, error: if error.is_nan() { f64::INFINITY } else { error } })
    }

    /// The image under a function that is monotone between the ends of the bound.
    fn monotone(self, f: impl Fn(f64) -> f64, roundings: f64) -> Result<Self, EvalError> {
        let value = f(self.value);
        let far = |x: f64| (f(x) - value).abs();
        let (low, high) = (far(self.value - self.error), far(self.value + self.error));
        // A NaN is an end where the function is not defined: no bound.
        let carried = if low.is_nan() || high.is_nan() { f64::INFINITY } else { low.max(high) };
        Bounded::rounded(value, carried, roundings)
    }
}

/// An elementary function of `LIBM` ulps; an ulp is at most two units of roundoff.
const FUNCTION: f64 = 2.0 * LIBM;

impl Context for Running {
    type Value = Bounded;

    fn datum(&self, word: u32) -> Result<Bounded, EvalError> {
        let value = f32::from_bits(word);
        if value.is_finite() {
            Ok(Bounded { value: value.into(), error: 0.0 })
        } else {
            Err(EvalError::NotFinite { word })
        }
    }
    fn constant(&self, value: &Exact) -> Result<Bounded, EvalError> {
        let near = value.rational().to_f64().unwrap_or(f64::NAN);
        let exact = Exact::from_binary32((near as f32).to_bits()).as_ref() == Some(value);
        Bounded::rounded(near, 0.0, if exact { 0.0 } else { 1.0 })
    }
    fn pi(&self) -> Result<Bounded, EvalError> {
        Bounded::rounded(std::f64::consts::PI, 0.0, 1.0)
    }
    fn neg(&self, x: &Bounded) -> Result<Bounded, EvalError> {
        Ok(Bounded { value: -x.value, ..*x })
    }
    fn abs(&self, x: &Bounded) -> Result<Bounded, EvalError> {
        Ok(Bounded { value: x.value.abs(), ..*x })
    }
    fn add(&self, x: &Bounded, y: &Bounded) -> Result<Bounded, EvalError> {
        Bounded::rounded(x.value + y.value, x.error + y.error, 1.0)
    }
    fn sub(&self, x: &Bounded, y: &Bounded) -> Result<Bounded, EvalError> {
        Bounded::rounded(x.value - y.value, x.error + y.error, 1.0)
    }
    fn mul(&self, x: &Bounded, y: &Bounded) -> Result<Bounded, EvalError> {
        let carried = x.value.abs() * y.error + y.value.abs() * x.error + x.error * y.error;
        Bounded::rounded(x.value * y.value, carried, 1.0)
    }
    fn div(&self, x: &Bounded, y: &Bounded) -> Result<Bounded, EvalError> {
        if y.value == 0.0 {
            return Err(EvalError::Undefined { function: "div", reason: "division by zero" });
        }
        let (quotient, room) = (x.value / y.value, y.value.abs() - y.error);
        let carried = if room > 0.0 { (x.error + quotient.abs() * y.error) / room } else { f64::INFINITY };
        Bounded::rounded(quotient, carried, 1.0)
    }
    fn max(&self, x: &Bounded, y: &Bounded) -> Result<Bounded, EvalError> {
        Ok(Bounded { value: x.value.max(y.value), error: x.error.max(y.error) })
    }
    fn min(&self, x: &Bounded, y: &Bounded) -> Result<Bounded, EvalError> {
        Ok(Bounded { value: x.value.min(y.value), error: x.error.max(y.error) })
    }
    /// What every program that keeps within the bounds finds.
    fn order(&self, x: &Bounded, y: &Bounded) -> Result<Option<Ordering>, EvalError> {
        let known = (x.value - y.value).abs() > x.error + y.error || x.error == 0.0 && y.error == 0.0;
        Ok(if known { x.value.partial_cmp(&y.value) } else { None })
    }
    fn sqrt(&self, x: &Bounded) -> Result<Bounded, EvalError> {
        x.monotone(|x| x.max(0.0).sqrt(), 1.0)
    }
    /// As one function, or as a root and a division.
    fn rsqrt(&self, x: &Bounded) -> Result<Bounded, EvalError> {
        x.monotone(|x| 1.0 / x.sqrt(), 3.0)
    }
    fn exp(&self, x: &Bounded) -> Result<Bounded, EvalError> {
        x.monotone(f64::exp, FUNCTION)
    }
    fn expm1(&self, x: &Bounded) -> Result<Bounded, EvalError> {
        x.monotone(f64::exp_m1, FUNCTION)
    }
    fn log(&self, x: &Bounded) -> Result<Bounded, EvalError> {
        if x.value <= 0.0 {
            return Err(EvalError::Undefined { function: "log", reason: "not positive" });
        }
        x.monotone(f64::ln, FUNCTION)
    }
    fn log1p(&self, x: &Bounded) -> Result<Bounded, EvalError> {
        x.monotone(f64::ln_1p, FUNCTION)
    }
    /// Monotone in each operand where the base is positive.
    fn pow(&self, x: &Bounded, y: &Bounded) -> Result<Bounded, EvalError> {
        let value = x.value.powf(y.value);
        let exact = x.error == 0.0 && y.error == 0.0;
        let corners = [(-1.0, -1.0), (-1.0, 1.0), (1.0, -1.0), (1.0, 1.0)];
        let corner = |(a, b): &(f64, f64)| (x.value + a * x.error).powf(y.value + b * y.error) - value;
        let carried = if exact { 0.0 } else { corners.iter().map(|at| corner(at).abs()).fold(0.0, f64::max) };
        let defined = exact || x.value - x.error > 0.0;
        Bounded::rounded(value, if defined { carried } else { f64::INFINITY }, FUNCTION)
    }
    fn tanh(&self, x: &Bounded) -> Result<Bounded, EvalError> {
        x.monotone(f64::tanh, FUNCTION)
    }
    fn erf(&self, x: &Bounded) -> Result<Bounded, EvalError> {
        x.monotone(libm::erf, FUNCTION)
    }
    /// No steeper than 1, as the cosine.
    fn sin(&self, x: &Bounded) -> Result<Bounded, EvalError> {
        Bounded::rounded(x.value.sin(), x.error, FUNCTION)
    }
    fn cos(&self, x: &Bounded) -> Result<Bounded, EvalError> {
        Bounded::rounded(x.value.cos(), x.error, FUNCTION)
    }
    /// In any order n terms meet at most n − 1 roundings each, so that γ_{n−1} Σ|x| bounds them (Higham 2002, §4.2).
    fn sum(&self, terms: &[Bounded]) -> Result<Bounded, EvalError> {
        let carried: f64 = terms.iter().map(|x| x.error).sum();
        let size: f64 = terms.iter().map(|x| x.value.abs() + x.error).sum();
        let n = terms.len().saturating_sub(1) as f64 * U;
        Bounded::rounded(terms.iter().map(|x| x.value).sum(), carried + n / (1.0 - n) * size, 0.0)
    }
}

/// The number of a binary64.
pub(crate) fn dyadic(x: f64) -> Dyadic {
    let (bits, exponent) = (x.to_bits() & ((1 << 52) - 1), (x.to_bits() >> 52 & 0x7ff) as i64);
    let mantissa = if exponent == 0 { bits } else { bits | 1 << 52 } as i64;
    Dyadic::integer(mantissa).scaled(exponent.max(1) - 1075)
}

/// The outputs of a graph in the reading `context`, from binary32 data.
pub(crate) fn evaluated<C: Context>(
    graph: &CheckedGraph,
    parameters: &Named<u32>,
    inputs: &Named<u32>,
    context: &C,
) -> Result<Named<C::Value>, EvalError> {
    let inputs: Result<BTreeMap<_, _>, EvalError> = inputs
        .iter()
        .map(|(name, tensor): (_, &Tensor<u32>)| Ok((name.clone(), tensor.try_map(|&word| context.datum(word))?)))
        .collect();
    evaluate(graph, |_| context, parameters, &inputs?).map_err(|located| located.error)
}
