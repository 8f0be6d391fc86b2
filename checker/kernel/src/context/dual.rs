//! `Dual<C>`: forward mode over another reading (Clifford 1873; Wengert 1964).
//!
//! Claim: where the tangents of the arguments denote their derivatives along one direction, the tangent of the result denotes its derivative along it; values are
//! those of `C`. Evaluating the specification here is its directional derivative, so that no derivative of an operation is believed but those of the
//! elementary functions below, one line each.
//! At a tie of `max` or `min`, or at the zero of `abs`, the one-sided derivatives along the direction must agree: the tangent is the hull of both, which an exact
//! reading refuses where they differ. A tie without a finite derivative (√x at zero) is undefined in `C` itself.
//! Invariant: no tangent stands for a tangent that is exactly zero, whatever the value.

use super::{Context, EvalError, Rows};
use crate::number::Exact;
use std::cmp::Ordering;

/// Forward mode over the reading `C`.
#[derive(Clone, Debug)]
pub struct Dual<'a, C>(pub &'a C);

/// A value with its derivative along a direction; `None` is zero.
#[derive(Clone, Debug)]
pub struct Pair<V> {
    /// The value.
    pub value: V,
    /// The derivative.
    pub tangent: Option<V>,
}

type Result<T> = std::result::Result<T, EvalError>;

impl<V> Pair<V> {
    /// A value that does not depend on the direction.
    pub fn still(value: V) -> Self {
        Pair { value, tangent: None }
    }
}

impl<C: Context> Dual<'_, C> {
    /// `f(x)` with the derivative `slope()` at x times the tangent of x.
    fn along(
        &self,
        x: &Pair<C::Value>,
        value: C::Value,
        slope: impl FnOnce(&C::Value) -> Result<C::Value>,
    ) -> Result<Pair<C::Value>> {
        let tangent = x.tangent.as_ref().map(|dx| self.0.mul(&slope(&value)?, dx)).transpose()?;
        Ok(Pair { value, tangent })
    }

    /// The sum of two tangents.
    fn both(&self, a: Option<C::Value>, b: Option<C::Value>) -> Result<Option<C::Value>> {
        match (a, b) {
            (Some(a), Some(b)) => self.0.add(&a, &b).map(Some),
            (a, b) => Ok(a.or(b)),
        }
    }

    /// A factor times a tangent.
    fn times(&self, factor: &C::Value, tangent: &Option<C::Value>) -> Result<Option<C::Value>> {
        tangent.as_ref().map(|tangent| self.0.mul(factor, tangent)).transpose()
    }

    /// The hull of two tangents.
    fn either(&self, a: &Option<C::Value>, b: &Option<C::Value>) -> Result<Option<C::Value>> {
        if a.is_none() && b.is_none() {
            return Ok(None);
        }
        let zero = self.0.integer(0)?;
        self.0.hull(a.as_ref().unwrap_or(&zero), b.as_ref().unwrap_or(&zero)).map(Some)
    }

    /// `value`, which follows x where x comes `first` before y, and y where it comes after.
    fn follow(
        &self,
        value: C::Value,
        first: Ordering,
        x: &Pair<C::Value>,
        y: &Pair<C::Value>,
    ) -> Result<Pair<C::Value>> {
        let tangent = match (self.0.order(&x.value, &y.value)?, &x.tangent, &y.tangent) {
            (Some(order), dx, _) if order == first => dx.clone(),
            (Some(order), _, dy) if order == first.reverse() => dy.clone(),
            (_, dx, dy) => self.either(dx, dy)?,
        };
        Ok(Pair { value, tangent })
    }

    /// All tangents, zeros written out; `None` when every one is zero.
    fn tangents(&self, x: &[Pair<C::Value>]) -> Result<Option<Vec<C::Value>>> {
        if x.iter().all(|x| x.tangent.is_none()) {
            return Ok(None);
        }
        let zero = self.0.integer(0)?;
        Ok(Some(x.iter().map(|x| x.tangent.clone().unwrap_or_else(|| zero.clone())).collect()))
    }
}

/// The values of a list of pairs.
fn values<V: Clone>(x: &[Pair<V>]) -> Vec<V> {
    x.iter().map(|x| x.value.clone()).collect()
}

/// Functions of one argument: name, and the derivative at `x` where the value is `y`.
macro_rules! slopes {
    ($($name:ident: |$c:ident, $x:ident, $y:ident| $slope:expr;)*) => { $(
        fn $name(&self, x: &Pair<C::Value>) -> Result<Pair<C::Value>> {
            let ($c, $x) = (self.0, &x.value);
            self.along(x, $c.$name($x)?, |$y| $slope)
        }
    )* };
}

impl<C: Context> Context for Dual<'_, C> {
    type Value = Pair<C::Value>;

    slopes! {
        neg: |c, _x, _y| c.integer(-1);
        sqrt: |c, _x, y| c.div(&c.integer(1)?, &c.add(y, y)?);
        rsqrt: |c, x, y| c.neg(&c.div(y, &c.add(x, x)?)?);
        exp: |_c, _x, y| Ok(y.clone());
        expm1: |c, x, _y| c.exp(x);
        log: |c, x, _y| c.div(&c.integer(1)?, x);
        log1p: |c, x, _y| c.div(&c.integer(1)?, &c.add(&c.integer(1)?, x)?);
        tanh: |c, _x, y| c.sub(&c.integer(1)?, &c.mul(y, y)?);
        erf: |c, x, _y| c.mul(&c.div(&c.integer(2)?, &c.sqrt(&c.pi()?)?)?, &c.exp(&c.neg(&c.mul(x, x)?)?)?);
        sin: |c, x, _y| c.cos(x);
        cos: |c, x, _y| c.neg(&c.sin(x)?);
        square: |c, x, _y| c.add(x, x);
    }

    fn datum(&self, word: u32) -> Result<Pair<C::Value>> {
        self.0.datum(word).map(Pair::still)
    }

    fn constant(&self, value: &Exact) -> Result<Pair<C::Value>> {
        self.0.constant(value).map(Pair::still)
    }

    fn pi(&self) -> Result<Pair<C::Value>> {
        self.0.pi().map(Pair::still)
    }

    fn abs(&self, x: &Pair<C::Value>) -> Result<Pair<C::Value>> {
        // |x| = max(x, −x).
        self.follow(self.0.abs(&x.value)?, Ordering::Greater, x, &self.neg(x)?)
    }

    fn add(&self, x: &Pair<C::Value>, y: &Pair<C::Value>) -> Result<Pair<C::Value>> {
        let tangent = self.both(x.tangent.clone(), y.tangent.clone())?;
        Ok(Pair { value: self.0.add(&x.value, &y.value)?, tangent })
    }

    fn sub(&self, x: &Pair<C::Value>, y: &Pair<C::Value>) -> Result<Pair<C::Value>> {
        let minus = y.tangent.as_ref().map(|dy| self.0.neg(dy)).transpose()?;
        Ok(Pair { value: self.0.sub(&x.value, &y.value)?, tangent: self.both(x.tangent.clone(), minus)? })
    }

    fn mul(&self, x: &Pair<C::Value>, y: &Pair<C::Value>) -> Result<Pair<C::Value>> {
        let tangent = self.both(self.times(&y.value, &x.tangent)?, self.times(&x.value, &y.tangent)?)?;
        Ok(Pair { value: self.0.mul(&x.value, &y.value)?, tangent })
    }

    fn div(&self, x: &Pair<C::Value>, y: &Pair<C::Value>) -> Result<Pair<C::Value>> {
        // (x/y)' = (x' − (x/y) y') / y.
        let value = self.0.div(&x.value, &y.value)?;
        let minus = self.times(&self.0.neg(&value)?, &y.tangent)?;
        let tangent = self.both(x.tangent.clone(), minus)?;
        Ok(Pair { value, tangent: tangent.map(|tangent| self.0.div(&tangent, &y.value)).transpose()? })
    }

    fn max(&self, x: &Pair<C::Value>, y: &Pair<C::Value>) -> Result<Pair<C::Value>> {
        self.follow(self.0.max(&x.value, &y.value)?, Ordering::Greater, x, y)
    }

    fn min(&self, x: &Pair<C::Value>, y: &Pair<C::Value>) -> Result<Pair<C::Value>> {
        self.follow(self.0.min(&x.value, &y.value)?, Ordering::Less, x, y)
    }

    fn order(&self, x: &Pair<C::Value>, y: &Pair<C::Value>) -> Result<Option<Ordering>> {
        self.0.order(&x.value, &y.value)
    }

    fn hull(&self, x: &Pair<C::Value>, y: &Pair<C::Value>) -> Result<Pair<C::Value>> {
        Ok(Pair { value: self.0.hull(&x.value, &y.value)?, tangent: self.either(&x.tangent, &y.tangent)? })
    }

    fn pow(&self, x: &Pair<C::Value>, y: &Pair<C::Value>) -> Result<Pair<C::Value>> {
        let (c, value) = (self.0, self.0.pow(&x.value, &y.value)?);
        let base = |dx: &C::Value| {
            let power = c.pow(&x.value, &c.sub(&y.value, &c.integer(1)?)?)?;
            c.mul(&c.mul(&y.value, &power)?, dx)
        };
        let exponent = |dy: &C::Value| c.mul(&c.mul(&value, &c.log(&x.value)?)?, dy);
        let base = x.tangent.as_ref().map(base).transpose()?;
        let exponent = y.tangent.as_ref().map(exponent).transpose()?;
        Ok(Pair { tangent: self.both(base, exponent)?, value })
    }

    fn sum(&self, terms: &[Pair<C::Value>]) -> Result<Pair<C::Value>> {
        let tangent = self.tangents(terms)?.map(|tangents| self.0.sum(&tangents)).transpose()?;
        Ok(Pair { value: self.0.sum(&values(terms))?, tangent })
    }

    /// The product rule, term by term: `Σ x'y + Σ xy' + b'`.
    fn dots(
        &self,
        left: &Rows<'_, Pair<C::Value>>,
        right: &Rows<'_, Pair<C::Value>>,
        bias: Option<&[Pair<C::Value>]>,
    ) -> Result<Vec<Pair<C::Value>>> {
        let (x, y) = (values(left.pool()), values(right.pool()));
        let [dx, dy, db] = [Some(left.pool()), Some(right.pool()), bias].map(|x| x.map(|x| self.tangents(x)));
        let [dx, dy, db] = [dx, dy, db].map(|tangents| tangents.transpose().map(Option::flatten));
        let (dx, dy, db, b) = (dx?, dy?, db?, bias.map(values));
        let value = self.0.dots(&left.over(&x), &right.over(&y), b.as_deref())?;
        let of_left = dx.map(|dx| self.0.dots(&left.over(&dx), &right.over(&y), None)).transpose()?;
        let of_right = dy.map(|dy| self.0.dots(&left.over(&x), &right.over(&dy), None)).transpose()?;
        let part = |list: &Option<Vec<C::Value>>, at| list.as_ref().and_then(|list| list.get(at)).cloned();
        let pair = |(at, value)| {
            let bias = at % right.rows().max(1);
            let tangent = self.both(part(&of_left, at), part(&of_right, at))?;
            Ok(Pair { value, tangent: self.both(tangent, part(&db, bias))? })
        };
        value.into_iter().enumerate().map(pair).collect()
    }
}
