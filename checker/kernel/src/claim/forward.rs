//! `forward`: recorded outputs against the exact real values.
//!
//! Statement: for every listed pair (x, y), every output and every element, `|y − ⟦G⟧(x)| ≤ slack·(abs + rel·max(|y|, |⟦G⟧(x)|))`, where ⟦G⟧ is the
//! denotation of the graph over ℝ, and x, y and the parameters are the exact values of their binary32 words.
//!
//! Decision: ⟦G⟧(x) is enclosed by the `Real` reading, `s ∈ [lo, hi]`. The element holds when the farthest point of the enclosure is within the smallest
//! tolerance that a point of it allows, and fails when the nearest point is outside the largest; both are comparisons of exact numbers. While any
//! element is open, the precision doubles, up to the largest that the limits permit.
//!
//! Fails: an element outside (TL0231); an infinity or NaN in x, y or a parameter (TL0202); ⟦G⟧ undefined at x (TL0201).
//! Declines: open at the largest precision (TL0305); a number beyond the supported range (TL0306).

use super::{Case, Element, Facts, Rule, finding, model_in_words, word_in_words};
use crate::cert::Certificate;
use crate::cert::json::{Cursor, Object, below};
use crate::context::real::{Ball, MAX_PRECISION, MIN_PRECISION, Real};
use crate::context::{Context, EvalError};
use crate::diagnostic::{Code, Diagnostic};
use crate::ir::evaluate::{Named, evaluate};
use crate::limits::{Limits, wide};
use crate::number::decimal::decimal;
use crate::number::{Direction, Dyadic, Exact};
use std::iter;

/// `|y − s| ≤ slack·(abs + rel·max(|y|, |s|))`, in reals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tolerance {
    /// Absolute part.
    pub abs: Exact,
    /// Part relative to the greater magnitude.
    pub rel: Exact,
    /// Factor on both.
    pub slack: Exact,
}

impl Rule for Tolerance {
    fn decide(&self, case: &Case, limits: &Limits) -> Result<Facts, Diagnostic> {
        let certificate = case.certificate;
        let cap = permitted(certificate, limits).ok_or_else(|| {
            let (live, most) = (certificate.graph.live(), limits.elements);
            let message = format!("{live} real numbers alive at one time, the limit is {most} elements");
            Diagnostic::new(Code::LimitElements, "/model/graph", message)
        })?;
        let mut precision = certificate.precision.unwrap_or_else(|| plan(certificate)).clamp(MIN_PRECISION, cap);
        loop {
            match self.attempt(case, precision) {
                Err(undecided) if undecided.code == Code::Undecided && precision < cap => (),
                decided => return decided,
            }
            precision = (precision * 2).min(cap);
        }
    }

    fn sentence(&self, certificate: &Certificate) -> String {
        let [abs, rel, slack] = [&self.abs, &self.rel, &self.slack].map(Exact::text);
        format!(
            "for each of {} listed inputs x, every element y of the recorded outputs satisfies \
             |y - s| <= {slack}*({abs} + {rel}*max(|y|, |s|)), where s is the exact real value at x of {}",
            certificate.cases(),
            model_in_words(certificate)
        )
    }

    fn states(&self) -> Option<Vec<(&'static str, Exact)>> {
        Some(vec![("abs", self.slack.times(&self.abs)), ("rel", self.slack.times(&self.rel))])
    }
}

impl Tolerance {
    /// Decodes and consumes the key `tolerance`.
    pub(super) fn decode(claim: &mut Object) -> Result<Self, Diagnostic> {
        let part = |value: Cursor| {
            let place = value.pointer();
            let value = value.exact()?;
            Code::Tolerance.unless(!value.is_negative(), place, || format!("{value} is negative"))?;
            Ok(value)
        };
        claim.take("tolerance")?.record(|tolerance| {
            let (abs, rel) = (part(tolerance.take("abs")?)?, part(tolerance.take("rel")?)?);
            Ok(Tolerance { abs, rel, slack: tolerance.optional("slack").map_or(Ok(Exact::integer(1)), part)? })
        })
    }

    /// Decides one case at one precision.
    fn attempt(&self, case: &Case, precision: u64) -> Result<Facts, Diagnostic> {
        let Case { certificate, inputs, .. } = case;
        let real = Real::new(precision);
        let mut points = Named::new();
        for (name, tensor) in *inputs {
            let place = below(&format!("/inputs/{}", case.number), name);
            let not_finite = |error: EvalError| Diagnostic::new(Code::NotFinite, &place, error.to_string());
            points.insert(name.clone(), tensor.try_map(|&word| real.datum(word)).map_err(not_finite)?);
        }
        let exact = evaluate(&certificate.graph, |_| &real, &certificate.parameters, &points, |_, _| ());
        let exact = exact.map_err(|located| finding(located).with("precision", precision.to_string()))?;
        let scaled = self.scaled();
        let (mut error, mut ulps, mut open, mut failed, mut outside) = (Dyadic::zero(), Dyadic::zero(), None, None, 0);
        for (element, ball) in case.elements(&exact)? {
            let not_finite = || format!("the recorded output {:08x} is not a finite number", element.word);
            let y =
                Dyadic::from_binary32(element.word).ok_or_else(|| element.finding(Code::NotFinite, not_finite()))?;
            let beyond = || element.finding(Code::LimitNumber, format!("the exact value may exceed 2^{COMPARED_BITS}"));
            let seen = Seen::new(&y, ball).ok_or_else(beyond)?;
            if !scaled.allows(&seen.nearest, &seen.greatest) {
                outside += 1;
                failed.get_or_insert_with(|| scaled.violation(&element, ball, &seen));
            } else if !scaled.allows(&seen.farthest, &seen.least) {
                open.get_or_insert_with(|| element.finding(Code::Undecided, "the enclosure straddles the tolerance"));
            }
            ulps = ulps.max(seen.farthest.scaled(-ulp_exponent(element.word)));
            error = error.max(seen.farthest);
        }
        if let Some(first) = failed {
            return Err(first.with("outside", format!("{outside} of the case's elements")));
        }
        if let Some(open) = open {
            return Err(open.with("precision", precision.to_string()));
        }
        let [error, ulps] = [error, ulps].map(|worst| decimal(&worst.to_rational(), 3, true));
        Ok(vec![("worst error", error), ("worst ulps", ulps), ("precision", precision.to_string())])
    }

    /// The tolerance with a common denominator: `allowed(m) = (a + r·m) / d` with integers a, r, d.
    fn scaled(&self) -> Scaled {
        let [abs, rel] = [&self.abs, &self.rel].map(|part| self.slack.rational() * part.rational());
        let integer = |n| Dyadic::new(n, 0);
        Scaled {
            abs: integer(abs.numer() * rel.denom()),
            rel: integer(rel.numer() * abs.denom()),
            denominator: integer(abs.denom() * rel.denom()),
        }
    }
}

struct Scaled {
    abs: Dyadic,
    rel: Dyadic,
    denominator: Dyadic,
}

impl Scaled {
    fn allows(&self, distance: &Dyadic, magnitude: &Dyadic) -> bool {
        distance.mul(&self.denominator) <= self.abs.add(&self.rel.mul(magnitude))
    }

    /// The finding that no point of the enclosure is within the tolerance.
    fn violation(&self, element: &Element, ball: &Ball, seen: &Seen) -> Diagnostic {
        let number = |value: &Dyadic, digits| decimal(&value.to_rational(), digits, false);
        let derived = number(&ball.lower().to_grid(-COMPARED_BITS, Direction::Down), 12);
        let allowed = self.abs.add(&self.rel.mul(&seen.greatest)).to_rational() / self.denominator.to_rational();
        let finding = element.finding(Code::OutsideTolerance, "the recorded output is outside its tolerance");
        let ulps = Some(number(&seen.nearest.scaled(-ulp_exponent(element.word)), 4));
        Diagnostic { ulps, ..finding.comparing(word_in_words(element.word), derived) }
            .with("error", format!("at least {}", number(&seen.nearest, 4)))
            .with("allowed", format!("at most {}", decimal(&allowed, 4, true)))
    }
}

/// An enclosure of one exact output element, seen from the recorded value.
struct Seen {
    /// Largest and smallest distance of a point of the enclosure from the recorded value.
    farthest: Dyadic,
    nearest: Dyadic,
    /// Largest and smallest of max(|y|, |s|) over the enclosure.
    greatest: Dyadic,
    least: Dyadic,
}

/// Outputs beyond 2^this are not compared, and enclosures are widened to multiples of 2^−this, so that exact comparisons stay small.
const COMPARED_BITS: i64 = 1 << 16;

impl Seen {
    /// `None` when the enclosure reaches beyond the compared range.
    fn new(recorded: &Dyadic, ball: &Ball) -> Option<Self> {
        let lo = ball.lower().to_grid(-COMPARED_BITS, Direction::Down);
        let hi = ball.upper().to_grid(-COMPARED_BITS, Direction::Up);
        if lo.top().max(hi.top()).is_some_and(|top| top > COMPARED_BITS) {
            return None;
        }
        let (below, above) = (recorded.sub(&lo), hi.sub(recorded)); // both ≥ 0 exactly when the recorded value is inside
        let outside = below.neg().max(above.neg());
        let zero_inside = !(lo.signum() > 0 || hi.is_negative());
        let smallest = if zero_inside { Dyadic::zero() } else { lo.abs().min(hi.abs()) };
        Some(Seen {
            farthest: below.max(above),
            nearest: outside.max(Dyadic::zero()),
            greatest: recorded.abs().max(lo.abs()).max(hi.abs()),
            least: recorded.abs().max(smallest),
        })
    }
}

/// The largest precision, from the stated one down by halves, at which the evaluation of all cases stays within the limits on work and on elements
/// as [`Limits`] counts them; `None` when it does at no precision.
fn permitted(certificate: &Certificate, limits: &Limits) -> Option<u64> {
    let graph = certificate.graph();
    let work = graph.work().saturating_mul(wide(certificate.cases()));
    let affordable = |precision: &u64| {
        let words = precision.div_ceil(64);
        work.saturating_mul((words * words).div_ceil(8)) <= limits.work
            && wide(graph.live()).saturating_mul(6 + precision / 128) <= wide(limits.elements)
    };
    let half = |&precision: &u64| (precision > MIN_PRECISION).then(|| (precision / 2).max(MIN_PRECISION));
    iter::successors(Some(limits.precision.clamp(MIN_PRECISION, MAX_PRECISION)), half).find(affordable)
}

/// A first precision: the radius grows with every contraction on the way, by about `‖W‖∞`, five bits at 512 terms.
fn plan(certificate: &Certificate) -> u64 {
    let nodes = certificate.graph().nodes();
    let contractions =
        nodes.iter().filter(|node| matches!(node.op.name(), "linear" | "matmul" | "conv" | "conv_transpose"));
    48 + 5 * wide(contractions.count())
}

/// The exponent of one unit in the last place of a finite binary32 word.
fn ulp_exponent(word: u32) -> i64 {
    i64::from((word >> 23 & 0xff).max(1)) - 150
}
