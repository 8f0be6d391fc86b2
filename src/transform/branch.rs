//! `Branch`: the hardware reading for forward mode, which takes a side at kinks.
//!
//! Claim: it has the values of [`Hardware32`]. Where two operands of a maximum or minimum tie, the tangent follows the first, as the reverse rules send the cotangent to the first; the kernel's
//! `Dual` alone would ask for the hull of both, which a number of binary32 cannot be.
//! An intermediate tie that cancels (the greatest element that softmax subtracts, the sign inside softplus) has the derivative of the side taken, which is that of the function.

use crate::hardware::Hardware32;
use std::cmp::Ordering;
use tl_kernel::context::{Context, EvalError, Rows};
use tl_kernel::number::Exact;

/// The reading.
#[derive(Clone, Copy, Debug)]
pub(super) struct Branch<'a>(pub(super) &'a Hardware32);

type Result = std::result::Result<f32, EvalError>;

macro_rules! as_hardware {
    ($($name:ident($($x:ident),*);)*) => { $(fn $name(&self, $($x: &f32),*) -> Result { self.0.$name($($x),*) })* };
}

impl Context for Branch<'_> {
    type Value = f32;

    as_hardware! {
        pi(); neg(x); abs(x); add(x, y); sub(x, y); mul(x, y); div(x, y); max(x, y); min(x, y); sqrt(x); rsqrt(x); exp(x); expm1(x); log(x); log1p(x);
        pow(x, y); tanh(x); erf(x); sin(x); cos(x);
    }

    fn datum(&self, word: u32) -> Result {
        self.0.datum(word)
    }
    fn constant(&self, value: &Exact) -> Result {
        self.0.constant(value)
    }
    fn order(&self, x: &f32, y: &f32) -> std::result::Result<Option<Ordering>, EvalError> {
        self.0.order(x, y)
    }
    fn hull(&self, x: &f32, _: &f32) -> Result {
        Ok(*x)
    }
    fn choose(&self, x: &f32, y: &f32, above: &f32, otherwise: &f32) -> Result {
        self.0.choose(x, y, above, otherwise)
    }
    fn sum(&self, terms: &[f32]) -> Result {
        self.0.sum(terms)
    }
    fn dots(
        &self,
        left: &Rows<'_, f32>,
        right: &Rows<'_, f32>,
        bias: Option<&[f32]>,
    ) -> std::result::Result<Vec<f32>, EvalError> {
        self.0.dots(left, right, bias)
    }
}
