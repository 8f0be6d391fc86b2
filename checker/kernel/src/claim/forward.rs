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

use super::{finding, model_in_words};
use crate::cert::Certificate;
use crate::cert::json::{Cursor, below};
use crate::context::real::{Ball, MAX_PRECISION, MIN_PRECISION, Real};
use crate::context::{Context, EvalError};
use crate::diagnostic::{Code, Diagnostic};
use crate::ir::evaluate::{Located, Named, evaluate};
use crate::limits::Limits;
use crate::number::decimal::decimal;
use crate::number::{Direction, Dyadic, Exact};
use num_rational::BigRational;

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

/// Recorded outputs and their tolerance.
#[derive(Clone, Debug)]
pub struct Forward {
    pub(super) tolerance: Tolerance,
    pub(super) outputs: Vec<Named<u32>>,
}

impl Tolerance {
    pub(super) fn decode(cursor: Cursor) -> Result<Self, Diagnostic> {
        let mut object = cursor.object()?;
        let part = |value: Option<Cursor>| match value {
            None => Ok(Exact::integer(1)),
            Some(value) => {
                let place = value.pointer();
                let value = value.exact()?;
                let negative = || Diagnostic::new(Code::Tolerance, place, format!("{value} is negative"));
                if value.is_negative() { Err(negative()) } else { Ok(value) }
            }
        };
        let abs = part(Some(object.take("abs")?))?;
        let rel = part(Some(object.take("rel")?))?;
        let slack = part(object.optional("slack"))?;
        object.finish()?;
        Ok(Tolerance { abs, rel, slack })
    }

    /// The tolerance with a common denominator: `allowed(m) = (a + r·m) / d` with integers a, r, d.
    fn scaled(&self) -> Scaled {
        let abs = self.slack.rational() * self.abs.rational();
        let rel = self.slack.rational() * self.rel.rational();
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
}

/// An enclosure of one exact output element, seen from the recorded value.
struct Element {
    /// Largest and smallest distance of a point of the enclosure from the recorded value.
    farthest: Dyadic,
    nearest: Dyadic,
    /// Largest and smallest of max(|y|, |s|) over the enclosure.
    greatest: Dyadic,
    least: Dyadic,
}

/// Outputs beyond 2^this are not compared, and enclosures are widened to multiples of 2^−this, so that exact comparisons stay small.
const COMPARED_BITS: i64 = 1 << 16;

impl Element {
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
        Some(Element {
            farthest: below.max(above),
            nearest: outside.max(Dyadic::zero()),
            greatest: recorded.abs().max(lo.abs()).max(hi.abs()),
            least: recorded.abs().max(smallest),
        })
    }
}

/// Decides one case; on success the facts found.
pub(super) fn decide(
    certificate: &Certificate,
    claim: &Forward,
    case: usize,
    inputs: &Named<u32>,
    limits: &Limits,
) -> Result<Vec<(&'static str, String)>, Diagnostic> {
    let Some(outputs) = claim.outputs.get(case) else {
        return Err(Diagnostic::new(Code::Internal, "/claim/outputs", "a case without outputs"));
    };
    let Some(cap) = permitted(certificate, limits) else {
        let message = format!(
            "{} real numbers alive at one time, the limit is {} elements",
            certificate.graph.live(),
            limits.elements
        );
        return Err(Diagnostic::new(Code::LimitElements, "/model/graph", message));
    };
    let planned = certificate.precision.unwrap_or_else(|| plan(certificate));
    let mut precision = planned.clamp(MIN_PRECISION, cap);
    loop {
        let undecided = match attempt(certificate, &claim.tolerance, case, inputs, outputs, precision) {
            Err(undecided) if undecided.code == Code::Undecided && precision < cap => undecided,
            decided => return decided,
        };
        drop(undecided);
        precision = (precision * 2).min(cap);
    }
}

/// The largest precision, from the stated one down by halves, at which the evaluation of all cases stays within the limits on work and on elements
/// as [`Limits`] counts them; `None` when it does at no precision.
fn permitted(certificate: &Certificate, limits: &Limits) -> Option<u64> {
    let graph = certificate.graph();
    let work = graph.work().saturating_mul(u64::try_from(certificate.cases()).unwrap_or(u64::MAX));
    let live = u64::try_from(graph.live()).unwrap_or(u64::MAX);
    let elements = u64::try_from(limits.elements).unwrap_or(u64::MAX);
    let mut precision = limits.precision.clamp(MIN_PRECISION, MAX_PRECISION);
    loop {
        let words = precision.div_ceil(64);
        let affordable = work.saturating_mul((words * words).div_ceil(8)) <= limits.work
            && live.saturating_mul(6 + precision / 128) <= elements;
        if affordable || precision == MIN_PRECISION {
            return affordable.then_some(precision);
        }
        precision = (precision / 2).max(MIN_PRECISION);
    }
}

/// A first precision: the radius grows by a few bits with every contraction on the way, most of all in deep networks.
fn plan(certificate: &Certificate) -> u64 {
    let nodes = certificate.graph().nodes();
    let contractions =
        nodes.iter().filter(|node| matches!(node.op.name(), "linear" | "matmul" | "conv" | "conv_transpose"));
    64 + 64 * u64::try_from(contractions.count() / 12).unwrap_or(0)
}

/// Decides one case at one precision.
fn attempt(
    certificate: &Certificate,
    tolerance: &Tolerance,
    case: usize,
    inputs: &Named<u32>,
    outputs: &Named<u32>,
    precision: u64,
) -> Result<Vec<(&'static str, String)>, Diagnostic> {
    let real = Real::new(precision);
    let mut points = Named::new();
    for (name, tensor) in inputs {
        let place = below(&format!("/inputs/{case}"), name);
        let not_finite = |error: EvalError| Diagnostic::new(Code::NotFinite, &place, error.to_string());
        points.insert(name.clone(), tensor.try_map(|&word| real.datum(word)).map_err(not_finite)?);
    }
    let exact = evaluate(&certificate.graph, |_| &real, &certificate.parameters, &points, |_, _| ());
    let exact = exact.map_err(|located: Located| finding(located).with("precision", precision.to_string()))?;
    let scaled = tolerance.scaled();
    let (mut worst, mut open, mut failed) = (Worst::default(), None, Failed::default());
    for (name, recorded) in outputs {
        let Some(balls) = exact.get(name) else {
            return Err(Diagnostic::new(Code::Internal, "/claim/outputs", "an output was not evaluated"));
        };
        for (position, (&word, ball)) in recorded.data().iter().zip(balls.data()).enumerate() {
            let at = || Place { case, name, index: recorded.shape().index_of(position), shape: recorded.dimensions() };
            let Some(y) = Dyadic::from_binary32(word) else {
                let message = format!("the recorded output {word:08x} is not a finite number");
                return Err(at().finding(Code::NotFinite, message));
            };
            let Some(element) = Element::new(&y, ball) else {
                return Err(at().finding(Code::LimitNumber, format!("the exact value may exceed 2^{COMPARED_BITS}")));
            };
            if !scaled.allows(&element.nearest, &element.greatest) {
                failed.add(|| at().outside(word, &y, ball, &element, tolerance));
            } else if !scaled.allows(&element.farthest, &element.least) {
                open.get_or_insert_with(|| {
                    at().finding(Code::Undecided, "the enclosure straddles the tolerance".into())
                });
            }
            worst.add(word, element.farthest);
        }
    }
    if let Some(first) = failed.first {
        return Err(first.with("outside", format!("{} of the case's elements", failed.count)));
    }
    match open {
        Some(open) => Err(open.with("precision", precision.to_string())),
        None => Ok(worst.facts(precision)),
    }
}

/// The first element that fails, and how many do.
#[derive(Default)]
struct Failed {
    first: Option<Diagnostic>,
    count: usize,
}

impl Failed {
    fn add(&mut self, diagnostic: impl FnOnce() -> Diagnostic) {
        self.count += 1;
        self.first.get_or_insert_with(diagnostic);
    }
}

/// The largest error so far, absolutely and in units in the last place.
#[derive(Default)]
struct Worst {
    error: Option<Dyadic>,
    ulps: Option<Dyadic>,
}

impl Worst {
    fn add(&mut self, word: u32, error: Dyadic) {
        let ulps = error.scaled(-ulp_exponent(word));
        if self.ulps.as_ref().is_none_or(|most| *most < ulps) {
            self.ulps = Some(ulps);
        }
        if self.error.as_ref().is_none_or(|most| *most < error) {
            self.error = Some(error);
        }
    }

    fn facts(self, precision: u64) -> Vec<(&'static str, String)> {
        let text = |value: Option<Dyadic>| decimal(&value.unwrap_or_else(Dyadic::zero).to_rational(), 3, true);
        vec![("worst error", text(self.error)), ("worst ulps", text(self.ulps)), ("precision", precision.to_string())]
    }
}

/// The exponent of one unit in the last place of a finite binary32 word.
fn ulp_exponent(word: u32) -> i64 {
    i64::from((word >> 23 & 0xff).max(1)) - 150
}

/// Where an output element stands.
struct Place<'a> {
    case: usize,
    name: &'a str,
    index: Vec<usize>,
    shape: &'a [usize],
}

impl Place<'_> {
    fn finding(self, code: Code, message: String) -> Diagnostic {
        let mut diagnostic = Diagnostic::new(code, below(&format!("/claim/outputs/{}", self.case), self.name), message);
        diagnostic.index = Some((self.index, self.shape.to_vec()));
        diagnostic
    }

    fn outside(self, word: u32, y: &Dyadic, ball: &Ball, element: &Element, tolerance: &Tolerance) -> Diagnostic {
        let number = |value: &Dyadic, digits| decimal(&value.to_rational(), digits, false);
        let mut diagnostic =
            self.finding(Code::OutsideTolerance, "the recorded output is outside its tolerance".into());
        diagnostic.claimed = Some(format!("{word:08x} = {}", number(y, 9)));
        diagnostic.derived = Some(number(&ball.lower().to_grid(-COMPARED_BITS, Direction::Down), 12));
        diagnostic.ulps = Some(number(&element.nearest.scaled(-ulp_exponent(word)), 4));
        let allowed = |m: &Dyadic| -> BigRational {
            tolerance.slack.rational() * (tolerance.abs.rational() + tolerance.rel.rational() * m.to_rational())
        };
        diagnostic
            .with("error", format!("at least {}", number(&element.nearest, 4)))
            .with("allowed", format!("at most {}", decimal(&allowed(&element.greatest), 4, true)))
    }
}

/// The claim in words.
pub(super) fn sentence(certificate: &Certificate, claim: &Forward) -> String {
    let [abs, rel, slack] = [&claim.tolerance.abs, &claim.tolerance.rel, &claim.tolerance.slack].map(Exact::text);
    format!(
        "for each of {} listed inputs x, every element y of the recorded outputs satisfies \
         |y - s| <= {slack}*({abs} + {rel}*max(|y|, |s|)), where s is the exact real value at x of {}",
        certificate.cases(),
        model_in_words(certificate)
    )
}
