//! The readings: what a scalar means.
//!
//! Every operation of the vocabulary is written once (`crate::spec`) over [`Context`]; a reading of the spec is a choice of context.
//! A context value carries its own parameters (precision, rounding mode, reduction schedule), so that a specification never mentions them.
//!
//! Contract, for every method `f` and every reading: if the arguments *denote* real numbers `a, b, …` (a rational is itself, a ball or an
//! interval denotes any of its points, a finite binary32 word is its value), then `Ok(v)` denotes `f(a, b, …)` — exactly for `Rational`,
//! by containment for `Real` and `Interval`, by containment with a bound on what rounding adds for `Rounded`, by one IEEE 754 rounding for
//! `Binary32` — and `Err` says why there is no such `v`.

pub mod binary32;
pub mod chosen;
pub mod degree;
pub mod dual;
pub mod interval;
pub mod linear;
pub mod rational;
pub mod real;
pub mod rounded;

use crate::number::Exact;
use std::borrow::Cow;
use std::cmp::Ordering;
use thiserror::Error;

/// Why a reading has no value here.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EvalError {
    /// The real function is undefined at this argument (division by zero, logarithm of a negative number, …). A fact, not a weakness.
    #[error("{function} is undefined here: {reason}")]
    Undefined {
        /// The function, by its name in the spec.
        function: &'static str,
        /// Which condition fails, in words.
        reason: &'static str,
    },
    /// The enclosure is too wide to decide whether the function is defined; more precision may decide it.
    #[error("{function} cannot be decided at this precision: {reason}")]
    Undecided {
        /// The function, by its name in the spec.
        function: &'static str,
        /// What could not be decided, in words.
        reason: &'static str,
    },
    /// The result is not a rational number, and this reading has no other.
    #[error("{function} has no rational value here")]
    NotRational {
        /// The function, by its name in the spec.
        function: &'static str,
    },
    /// A datum is an infinity or NaN, which the readings over the reals do not have.
    #[error("the datum {word:08x} is not a finite number")]
    NotFinite {
        /// The binary32 word.
        word: u32,
    },
    /// A stated bound on bits, exponents, elements or work would be passed.
    #[error("a limit would be passed: {what}")]
    Limit {
        /// Which bound.
        what: &'static str,
    },
    /// A kernel invariant is broken: a bug of ours, reported instead of a wrong answer.
    #[error("internal error: {what}")]
    Internal {
        /// Which invariant.
        what: &'static str,
    },
}

/// Position that stands for an exact zero in an explicit [`Rows`] index: a padded cell.
pub const PADDING: u32 = u32::MAX;

/// A matrix whose rows are drawn from a pool of values: row `i`, term `t` is `pool[index[i·terms + t]]`, or exact (+)zero for [`PADDING`].
///
/// It describes the operands of linear, matmul and every convolution without copying a value.
#[derive(Clone, Debug)]
pub struct Rows<'a, V> {
    pool: &'a [V],
    terms: usize,
    rows: usize,
    index: Option<Cow<'a, [u32]>>,
}

impl<'a, V> Rows<'a, V> {
    /// The pool itself, cut into rows of `terms` values.
    pub fn contiguous(pool: &'a [V], terms: usize) -> Self {
        let rows = pool.len().checked_div(terms).unwrap_or(0);
        Rows { pool, terms, rows, index: None }
    }

    /// Rows of `terms` positions each into `pool`; `index.len() = rows · terms`, positions below `pool.len()` or [`PADDING`].
    pub fn gathered(pool: &'a [V], rows: usize, terms: usize, index: Vec<u32>) -> Result<Self, EvalError> {
        let in_pool = |&at: &u32| at == PADDING || usize::try_from(at).is_ok_and(|at| at < pool.len());
        if rows.checked_mul(terms) != Some(index.len()) || !index.iter().all(in_pool) {
            return Err(EvalError::Internal { what: "row index outside its pool" });
        }
        Ok(Rows { pool, terms, rows, index: Some(index.into()) })
    }

    /// The columns of the pool, a matrix of `rows` columns: row `i`, term `t` is `pool[t·rows + i]`.
    pub fn columns(pool: &'a [V], rows: usize) -> Result<Self, EvalError> {
        let terms = pool.len().checked_div(rows).unwrap_or(0);
        let index: Result<Vec<u32>, _> =
            (0..rows).flat_map(|i| (0..terms).map(move |t| u32::try_from(t * rows + i))).collect();
        Rows::gathered(
            pool,
            rows,
            terms,
            index.map_err(|_| EvalError::Internal { what: "a tensor position beyond 32 bits" })?,
        )
    }

    /// `rows` rows without a term: every dot product over them is the empty sum.
    pub fn empty(rows: usize) -> Self {
        Rows { pool: &[], terms: 0, rows, index: None }
    }

    /// The same rows of other values: `pool[p]` in the place of position p.
    pub fn over<'b, W>(&'b self, pool: &'b [W]) -> Rows<'b, W> {
        Rows { pool, terms: self.terms, rows: self.rows, index: self.index.as_deref().map(Cow::Borrowed) }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of terms in each row.
    pub fn terms(&self) -> usize {
        self.terms
    }

    /// The values that the rows are drawn from.
    pub fn pool(&self) -> &'a [V] {
        self.pool
    }

    /// Whether the rows are the pool itself, one after the other.
    pub fn is_contiguous(&self) -> bool {
        self.index.is_none()
    }

    /// The terms of a row, where they stand together in the pool.
    pub fn slice(&self, row: usize) -> Option<&'a [V]> {
        let at = row.checked_mul(self.terms)?;
        self.pool.get(at..at.checked_add(self.terms)?).filter(|_| self.is_contiguous())
    }

    /// Position in the pool of one term; `None` is a padded cell, an exact zero.
    pub fn position(&self, row: usize, term: usize) -> Option<usize> {
        let at = row * self.terms + term;
        match &self.index {
            None => Some(at),
            Some(index) => index.get(at).filter(|&&p| p != PADDING).and_then(|&p| usize::try_from(p).ok()),
        }
    }

    /// One term; `None` is a padded cell, an exact zero.
    pub fn term(&self, row: usize, term: usize) -> Option<&'a V> {
        self.position(row, term).and_then(|at| self.pool.get(at))
    }
}

/// A reading of the specification: a scalar domain with its own parameters.
///
/// Names follow IEEE 754-2019 §9.2 where it has them. Reductions take all their terms at once, because their order is a property of the
/// reading (a schedule in `Binary32`, irrelevant over ℝ), not of the spec.
pub trait Context {
    /// A scalar of this reading.
    type Value: Clone + std::fmt::Debug;

    /// The value of a binary32 datum (parameter or input).
    fn datum(&self, word: u32) -> Result<Self::Value, EvalError>;
    /// An exact constant of the spec or of an attribute (rounded once in `Binary32`).
    fn constant(&self, value: &Exact) -> Result<Self::Value, EvalError>;
    /// π.
    fn pi(&self) -> Result<Self::Value, EvalError>;

    /// `−x`.
    fn neg(&self, x: &Self::Value) -> Result<Self::Value, EvalError>;
    /// `|x|`.
    fn abs(&self, x: &Self::Value) -> Result<Self::Value, EvalError>;
    /// `|x|·|x|`: in every reading the same as `x·x`, but an interval sees that it is not negative.
    fn square(&self, x: &Self::Value) -> Result<Self::Value, EvalError> {
        let magnitude = self.abs(x)?;
        self.mul(&magnitude, &magnitude)
    }
    /// `x + y`.
    fn add(&self, x: &Self::Value, y: &Self::Value) -> Result<Self::Value, EvalError>;
    /// `x − y`.
    fn sub(&self, x: &Self::Value, y: &Self::Value) -> Result<Self::Value, EvalError>;
    /// `x · y`.
    fn mul(&self, x: &Self::Value, y: &Self::Value) -> Result<Self::Value, EvalError>;
    /// `x / y`, `y ≠ 0`.
    fn div(&self, x: &Self::Value, y: &Self::Value) -> Result<Self::Value, EvalError>;
    /// The greater; in `Binary32` IEEE 754-2019 `maximum` (NaN propagates, −0 < +0).
    fn max(&self, x: &Self::Value, y: &Self::Value) -> Result<Self::Value, EvalError>;
    /// The smaller; in `Binary32` IEEE 754-2019 `minimum`.
    fn min(&self, x: &Self::Value, y: &Self::Value) -> Result<Self::Value, EvalError>;

    /// How x compares with y; `None` where this reading cannot tell (balls that meet, a NaN).
    fn order(&self, _: &Self::Value, _: &Self::Value) -> Result<Option<Ordering>, EvalError> {
        Ok(None)
    }
    /// A value that denotes whatever x or y denotes. Asked for where two values compete and [`Context::order`] could not tell which of them is meant.
    fn hull(&self, _: &Self::Value, _: &Self::Value) -> Result<Self::Value, EvalError> {
        Err(EvalError::Undecided { function: "a derivative", reason: "which of two operands is the greater" })
    }
    /// `above` where x > y, else `otherwise`; the hull of both where the reading cannot tell. Derivatives at kinks branch; of values only those of losses do, on labels and on t = 0.
    fn choose(
        &self,
        x: &Self::Value,
        y: &Self::Value,
        above: &Self::Value,
        otherwise: &Self::Value,
    ) -> Result<Self::Value, EvalError> {
        match self.order(x, y)? {
            Some(Ordering::Greater) => Ok(above.clone()),
            Some(_) => Ok(otherwise.clone()),
            None => self.hull(above, otherwise),
        }
    }

    /// `√x`, `x ≥ 0`.
    fn sqrt(&self, x: &Self::Value) -> Result<Self::Value, EvalError>;
    /// `1/√x`, `x > 0`.
    fn rsqrt(&self, x: &Self::Value) -> Result<Self::Value, EvalError>;
    /// `e^x`.
    fn exp(&self, x: &Self::Value) -> Result<Self::Value, EvalError>;
    /// `e^x − 1`.
    fn expm1(&self, x: &Self::Value) -> Result<Self::Value, EvalError>;
    /// Natural logarithm, `x > 0`.
    fn log(&self, x: &Self::Value) -> Result<Self::Value, EvalError>;
    /// `ln(1 + x)`, `x > −1`.
    fn log1p(&self, x: &Self::Value) -> Result<Self::Value, EvalError>;
    /// `x^y`: `x > 0`, or `x = 0 < y`, or `y` an integer known exactly (and not `0^negative`); `x^0 = 1`.
    fn pow(&self, x: &Self::Value, y: &Self::Value) -> Result<Self::Value, EvalError>;
    /// Hyperbolic tangent.
    fn tanh(&self, x: &Self::Value) -> Result<Self::Value, EvalError>;
    /// The error function `2/√π ∫₀ˣ e^(−t²) dt`.
    fn erf(&self, x: &Self::Value) -> Result<Self::Value, EvalError>;
    /// Sine, radians.
    fn sin(&self, x: &Self::Value) -> Result<Self::Value, EvalError>;
    /// Cosine, radians.
    fn cos(&self, x: &Self::Value) -> Result<Self::Value, EvalError>;

    /// `Σ terms`; zero for no term.
    fn sum(&self, terms: &[Self::Value]) -> Result<Self::Value, EvalError> {
        let Some((first, rest)) = terms.split_first() else {
            return self.integer(0);
        };
        rest.iter().try_fold(first.clone(), |total, term| self.add(&total, term))
    }

    /// All dot products of a left row with a right row: `out[i · right.rows() + j] = Σ_t left[i,t] · right[j,t] (+ bias[j])`.
    /// `left.terms() = right.terms()`, and `bias`, where there is one, has `right.rows()` entries.
    fn dots(
        &self,
        left: &Rows<'_, Self::Value>,
        right: &Rows<'_, Self::Value>,
        bias: Option<&[Self::Value]>,
    ) -> Result<Vec<Self::Value>, EvalError> {
        let zero = self.integer(0)?;
        let mut out = Vec::with_capacity(left.rows() * right.rows());
        for i in 0..left.rows() {
            for j in 0..right.rows() {
                let mut terms = Vec::with_capacity(left.terms() + 1);
                for t in 0..left.terms() {
                    let (x, y) = (left.term(i, t).unwrap_or(&zero), right.term(j, t).unwrap_or(&zero));
                    terms.push(self.mul(x, y)?);
                }
                terms.extend(bias.and_then(|bias| bias.get(j)).cloned());
                out.push(self.sum(&terms)?);
            }
        }
        Ok(out)
    }

    /// The integer `n`.
    fn integer(&self, n: i64) -> Result<Self::Value, EvalError> {
        self.constant(&Exact::integer(n))
    }
}
