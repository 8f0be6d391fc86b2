//! Tolerances, and the comparison of recorded words with enclosures of exact values.
//!
//! Claim: an element holds only when every point of the enclosure is within the tolerance, and fails only when none is; both are comparisons of exact numbers.
//! The farthest point of the enclosure is compared with the smallest tolerance that a point of it allows, the nearest with the largest.

use super::{Element, Facts, word_in_words};
use crate::cert::json::{Cursor, Object};
use crate::context::real::Ball;
use crate::diagnostic::{Code, Diagnostic};
use crate::number::decimal::decimal;
use crate::number::{Direction, Dyadic, Exact};

/// `|y − s| ≤ slack·(abs + rel·max(|y|, |s|) + ulps·ulp(y))`, in reals; ulp(y) is the unit in the last place of the word y, 2^−149 at least.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tolerance {
    /// Absolute part.
    pub abs: Exact,
    /// Part relative to the greater magnitude.
    pub rel: Exact,
    /// Units in the last place of the recorded value.
    pub ulps: Exact,
    /// Factor on all of them.
    pub slack: Exact,
}

impl Tolerance {
    /// Decodes and consumes the keys of a tolerance.
    pub(super) fn decode_keys(tolerance: &mut Object) -> Result<Self, Diagnostic> {
        let optional = |value: Option<Cursor>, default| value.map_or(Ok(Exact::integer(default)), not_negative);
        Ok(Tolerance {
            abs: not_negative(tolerance.take("abs")?)?,
            rel: not_negative(tolerance.take("rel")?)?,
            ulps: optional(tolerance.optional("ulps"), 0)?,
            slack: optional(tolerance.optional("slack"), 1)?,
        })
    }

    /// `slack*(abs + rel*max(|y|, |s|))`, and the ulps where there are any.
    pub(super) fn in_words(&self) -> String {
        let [abs, rel, ulps, slack] = [&self.abs, &self.rel, &self.ulps, &self.slack].map(Exact::text);
        let ulps = if self.ulps.is_zero() { String::new() } else { format!(" + {ulps}*ulp(y)") };
        format!("{slack}*({abs} + {rel}*max(|y|, |s|){ulps})")
    }

    /// Its parts by name, the slack counted in. A part that is forgotten here does not compile: no policy may overlook it.
    pub(super) fn figures(&self) -> Vec<(&'static str, Exact)> {
        let Tolerance { abs, rel, ulps, slack } = self;
        [("abs", abs), ("rel", rel), ("ulps", ulps)].map(|(name, part)| (name, slack.times(part))).into()
    }

    /// The tolerance with a common denominator: `allowed(m) = (abs + rel·m + unit·ulp) / denominator` with integers.
    pub(super) fn scaled(&self) -> Scaled {
        let [abs, rel, unit] = [&self.abs, &self.rel, &self.ulps].map(|part| self.slack.rational() * part.rational());
        let denominator = abs.denom() * rel.denom() * unit.denom();
        let scaled = |part: num_rational::BigRational| Dyadic::new((part * &denominator).to_integer(), 0);
        Scaled { abs: scaled(abs), rel: scaled(rel), unit: scaled(unit), denominator: Dyadic::new(denominator, 0) }
    }
}

/// An exact number that is not negative.
pub(super) fn not_negative(value: Cursor) -> Result<Exact, Diagnostic> {
    let place = value.pointer();
    let value = value.exact()?;
    Code::Tolerance.unless(!value.is_negative(), place, || format!("{value} is negative"))?;
    Ok(value)
}

/// A tolerance in integers.
pub(super) struct Scaled {
    abs: Dyadic,
    rel: Dyadic,
    unit: Dyadic,
    denominator: Dyadic,
}

impl Scaled {
    /// `factor` times the unit of each element, which the caller gives.
    pub(super) fn units(factor: &Exact) -> Self {
        let [abs, rel, slack] = [0, 0, 1].map(Exact::integer);
        Tolerance { abs, rel, ulps: factor.clone(), slack }.scaled()
    }

    /// `allowed · denominator` at a magnitude.
    fn allowed(&self, magnitude: &Dyadic, unit: &Dyadic) -> Dyadic {
        self.abs.add(&self.rel.mul(magnitude)).add(&self.unit.mul(unit))
    }

    /// Whether every point of the enclosure is within the tolerance; `None` when only some are.
    pub(super) fn admits(&self, seen: &Seen) -> Option<bool> {
        let within =
            |distance: &Dyadic, magnitude| distance.mul(&self.denominator) <= self.allowed(magnitude, &seen.unit);
        match (within(&seen.farthest, &seen.least), within(&seen.nearest, &seen.greatest)) {
            (true, _) => Some(true),
            (false, false) => Some(false),
            (false, true) => None,
        }
    }

    /// That every element is within the tolerance, with the worst error and the worst error in ulps as facts. An element comes with an enclosure of its exact
    /// value and the unit of its tolerance, where that is not its ulp; `code` and `message` are those of an element that is outside.
    pub(super) fn admit<'a>(
        &self,
        elements: impl Iterator<Item = (Element<'a>, &'a Ball, Option<Dyadic>)>,
        (code, message): (Code, &str),
        precision: u64,
    ) -> Result<Facts, Diagnostic> {
        let (mut error, mut ulps, mut open, mut failed, mut outside) = (Dyadic::zero(), Dyadic::zero(), None, None, 0);
        for (element, ball, unit) in elements {
            let seen = Seen::new(&element, ball, unit)?;
            match self.admits(&seen) {
                Some(true) => (),
                Some(false) => {
                    outside += 1;
                    failed.get_or_insert_with(|| self.violation(&element, &seen, element.finding(code, message)));
                }
                None => {
                    let straddles = "the enclosure straddles the tolerance";
                    open.get_or_insert_with(|| element.finding(Code::Undecided, straddles));
                }
            }
            ulps = ulps.max(seen.farthest.scaled(-ulp_exponent(element.word)));
            error = error.max(seen.farthest);
        }
        if let Some(first) = failed {
            return Err(first.with("outside", format!("{outside} of the elements")));
        }
        if let Some(open) = open {
            return Err(open.with("precision", precision.to_string()));
        }
        let [error, ulps] = [error, ulps].map(|worst| decimal(&worst.to_rational(), 3, true));
        Ok(vec![("worst error", error), ("worst ulps", ulps)])
    }

    /// The finding about an element with the figures that say how far it is from the enclosure.
    pub(super) fn violation(&self, element: &Element, seen: &Seen, finding: Diagnostic) -> Diagnostic {
        let number = |value: &Dyadic, digits| decimal(&value.to_rational(), digits, false);
        let allowed = self.allowed(&seen.greatest, &seen.unit).to_rational() / self.denominator.to_rational();
        let ulps = Some(number(&seen.nearest.scaled(-ulp_exponent(element.word)), 4));
        Diagnostic { ulps, ..finding.comparing(word_in_words(element.word), number(&seen.lo, 12)) }
            .with("error", format!("at least {}", number(&seen.nearest, 4)))
            .with("allowed", format!("at most {}", decimal(&allowed, 4, true)))
    }
}

/// An enclosure of one exact element, seen from the recorded value.
pub(super) struct Seen {
    /// Largest and smallest distance of a point of the enclosure from the recorded value.
    farthest: Dyadic,
    nearest: Dyadic,
    /// Largest and smallest of max(|y|, |s|) over the enclosure.
    greatest: Dyadic,
    least: Dyadic,
    /// The lower end of the enclosure.
    lo: Dyadic,
    /// The unit of the tolerance.
    unit: Dyadic,
}

/// Elements beyond 2^this are not compared, and enclosures are widened to multiples of 2^−this, so that exact comparisons stay small.
pub(super) const COMPARED_BITS: i64 = 1 << 16;

impl Seen {
    /// The enclosure `ball` from a recorded element, which is a finite number, where the exact value does not exceed the compared range.
    pub(super) fn new(element: &Element, ball: &Ball, unit: Option<Dyadic>) -> Result<Self, Diagnostic> {
        let not_finite = || format!("the recorded word {:08x} is not a finite number", element.word);
        let recorded =
            Dyadic::from_binary32(element.word).ok_or_else(|| element.finding(Code::NotFinite, not_finite()))?;
        let lo = ball.lower().to_grid(-COMPARED_BITS, Direction::Down);
        let hi = ball.upper().to_grid(-COMPARED_BITS, Direction::Up);
        if lo.top().max(hi.top()).is_some_and(|top| top > COMPARED_BITS) {
            let message = format!("the exact value may exceed 2^{COMPARED_BITS}");
            return Err(element.finding(Code::LimitNumber, message));
        }
        let (below, above) = (recorded.sub(&lo), hi.sub(&recorded)); // both ≥ 0 exactly when the recorded value is inside
        let outside = below.neg().max(above.neg());
        let zero_inside = !(lo.signum() > 0 || hi.is_negative());
        let smallest = if zero_inside { Dyadic::zero() } else { lo.abs().min(hi.abs()) };
        Ok(Seen {
            farthest: below.max(above),
            nearest: outside.max(Dyadic::zero()),
            greatest: recorded.abs().max(lo.abs()).max(hi.abs()),
            least: recorded.abs().max(smallest),
            lo,
            unit: unit.unwrap_or_else(|| Dyadic::power_of_two(ulp_exponent(element.word))),
        })
    }
}

/// The exponent of one unit in the last place of a finite binary32 word.
fn ulp_exponent(word: u32) -> i64 {
    i64::from((word >> 23 & 0xff).max(1)) - 150
}
