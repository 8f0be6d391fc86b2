//! Closed intervals with dyadic ends, and what can be said of them without rounding.
//!
//! Invariant: `lo ≤ hi`. Outside the reading an interval is only built by [`Enclosure::new`] and [`Enclosure::point`].

use crate::context::EvalError;
use crate::number::Dyadic;

/// The reals from `lo` to `hi`, both included; `lo ≤ hi`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enclosure {
    pub(super) lo: Dyadic,
    pub(super) hi: Dyadic,
}

impl Enclosure {
    /// `[lo, hi]`; `None` when `lo > hi`.
    pub fn new(lo: Dyadic, hi: Dyadic) -> Option<Self> {
        (lo <= hi).then_some(Enclosure { lo, hi })
    }

    /// `[x, x]`.
    pub fn point(x: Dyadic) -> Self {
        Enclosure { lo: x.clone(), hi: x }
    }

    /// The lower end.
    pub fn lo(&self) -> &Dyadic {
        &self.lo
    }

    /// The upper end.
    pub fn hi(&self) -> &Dyadic {
        &self.hi
    }

    /// Whether the ends are one number.
    pub fn is_point(&self) -> bool {
        self.lo == self.hi
    }

    /// Whether `lo ≤ x ≤ hi`.
    pub fn contains(&self, x: &Dyadic) -> bool {
        self.lo <= *x && *x <= self.hi
    }

    /// 1 when no point is negative, else −1 when none is positive, else 0.
    pub(super) fn side(&self) -> i32 {
        if self.lo.signum() >= 0 {
            1
        } else if self.hi.signum() <= 0 {
            -1
        } else {
            0
        }
    }

    pub(super) fn neg(&self) -> Self {
        Enclosure { lo: self.hi.neg(), hi: self.lo.neg() }
    }

    pub(super) fn abs(&self) -> Self {
        match self.side() {
            1 => self.clone(),
            -1 => self.neg(),
            _ => Enclosure { lo: Dyadic::zero(), hi: self.hi.clone().max(self.lo.neg()) },
        }
    }

    /// The least and the greatest product, exactly: which ends meet follows from the signs, except where both intervals straddle zero.
    pub(super) fn product(&self, other: &Self) -> (Dyadic, Dyadic) {
        let (a, b, c, d) = (&self.lo, &self.hi, &other.lo, &other.hi);
        let ((p, q), (r, s)) = match (self.side(), other.side()) {
            (1, 1) => ((a, c), (b, d)),
            (1, 0) => ((b, c), (b, d)),
            (1, _) => ((b, c), (a, d)),
            (0, 1) => ((a, d), (b, d)),
            (0, 0) => return (a.mul(d).min(b.mul(c)), a.mul(c).max(b.mul(d))),
            (0, _) => ((b, c), (a, c)),
            (_, 1) => ((a, d), (b, c)),
            (_, 0) => ((a, d), (a, c)),
            (_, _) => ((b, d), (a, c)),
        };
        (p.mul(q), r.mul(s))
    }

    /// The part within `[lo, hi]`, where the caller knows all values to lie; `None` is no bound.
    pub(super) fn clipped(self, lo: Option<Dyadic>, hi: Option<Dyadic>) -> Result<Self, EvalError> {
        let lo = lo.into_iter().fold(self.lo, Dyadic::max);
        let hi = hi.into_iter().fold(self.hi, Dyadic::min);
        Enclosure::new(lo, hi).ok_or(super::INTERNAL)
    }
}
