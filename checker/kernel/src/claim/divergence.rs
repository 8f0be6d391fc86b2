//! `divergence`: a binary32 execution and the reals part ways.
//!
//! Statement: for every listed pair (x, y), y = ⟦G⟧₃₂,σ(x), every bit (as in `exec`), and with s = ⟦G⟧(x), which is defined, the gap is there:
//!
//! - `element`: the stated element of y is an infinity or NaN, or outside the stated tolerance of that of s;
//! - `argmax`: the stated element of y is the greatest of its row (along the last axis), and that of s is not;
//! - `decision`: the stated property of outputs holds of y and not of s, or the other way around, as stated.
//!
//! Decision: y as in `exec`; s is enclosed by the `Real` reading, whose precision doubles until the gap is decided. What is compared of y are the exact values of its words.
//!
//! Fails: words that differ (TL0241); no such gap (TL0261); a comparison that asks for an infinity or NaN (TL0202).

use super::property::{Property, element, extreme, is_element};
use super::tolerance::Seen;
use super::{
    Case, Element, Execution, Facts, Rule, Tolerance, figure, finding, forward, model_in_words, word_in_words,
};
use crate::cert::Certificate;
use crate::cert::json::{Object, below};
use crate::context::real::{Ball, Real};
use crate::context::{Context, EvalError};
use crate::diagnostic::{Code, Diagnostic};
use crate::ir::CheckedGraph;
use crate::ir::evaluate::{Located, Named};
use crate::limits::{Limits, wide};
use crate::number::{Dyadic, Exact};

/// In what an execution and the reals part ways.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gap {
    /// An element is not finite, or farther from the exact one than a tolerance.
    Element {
        /// Name of the output.
        output: String,
        /// The element.
        index: Vec<usize>,
        /// The tolerance that it is outside of.
        beyond: Box<Tolerance>,
    },
    /// An element is the greatest of its row in binary32 and not over the reals.
    Argmax {
        /// Name of the output.
        output: String,
        /// The element.
        index: Vec<usize>,
    },
    /// A property holds of one and not of the other.
    Decision {
        /// The property.
        property: Property,
        /// Whether it holds of the execution; over the reals the opposite is the case.
        binary32: bool,
    },
}

/// What a term of a property costs beside a step of the evaluation: an exact coefficient is divided out, and words and exact values are weighed.
const TERM: u64 = 1 << 6;

/// An execution, and in what it differs from the reals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Divergence {
    /// The execution that gives the recorded outputs.
    pub execution: Execution,
    /// What it is that differs.
    pub gap: Gap,
}

impl Divergence {
    /// Decodes and consumes the keys `execution` and `gap`.
    pub(super) fn decode(claim: &mut Object) -> Result<Self, Diagnostic> {
        let execution = Execution::decode(claim)?;
        let gap = claim.take("gap")?.record(|gap| {
            let (kind, place) = gap.text("kind")?;
            Ok(match kind.as_str() {
                "element" => Gap::Element {
                    output: gap.decode("output")?,
                    index: gap.decode("index")?,
                    beyond: Box::new(gap.take("beyond")?.record(Tolerance::decode_keys)?),
                },
                "argmax" => Gap::Argmax { output: gap.decode("output")?, index: gap.decode("index")? },
                "decision" => Gap::Decision {
                    property: Property::decode(gap.take("property")?)?,
                    binary32: gap.decode("binary32")?,
                },
                kind => {
                    return Err(Diagnostic::new(Code::UnknownKeyword, place, format!("no gap is of kind {kind:?}")));
                }
            })
        })?;
        Ok(Divergence { execution, gap })
    }
}

impl Rule for Divergence {
    fn check(&self, graph: &CheckedGraph) -> Result<(), Diagnostic> {
        self.execution.check(graph)?;
        match &self.gap {
            Gap::Element { output, index, .. } => is_element(graph, output, index, "/claim/gap"),
            Gap::Argmax { output, index } => {
                is_element(graph, output, index, "/claim/gap")?;
                Code::Gap.unless(!index.is_empty(), below("/claim/gap", "index"), || "a scalar has no row".into())
            }
            Gap::Decision { property, .. } => property.check(graph, "/claim/gap/property"),
        }
    }

    fn work(&self, graph: &CheckedGraph) -> u64 {
        let terms = if let Gap::Decision { property, .. } = &self.gap { property.terms().count() } else { 0 };
        wide(terms).saturating_mul(TERM).saturating_add(self.execution.work(graph))
    }

    fn decide(&self, case: &Case, part: usize, limits: &Limits) -> Result<Facts, Diagnostic> {
        self.execution.decide(case, part, limits)?;
        forward::decided(case.certificate, forward::plan(case.certificate), limits, |precision| {
            let exact = forward::exact_outputs(case, precision)?;
            match &self.gap {
                Gap::Element { output, index, beyond } => outside(case, &exact, output, index, beyond),
                gap => flipped(case, &exact, gap, !matches!(gap, Gap::Decision { binary32: false, .. }), precision),
            }
        })
    }

    fn sentence(&self, certificate: &Certificate) -> String {
        let gap = match &self.gap {
            Gap::Element { output, index, beyond } => {
                format!("at {output:?}{index:?} y is not finite or |y - s| > {}", beyond.in_words())
            }
            Gap::Argmax { output, index } => {
                format!("{output:?}{index:?} is the greatest element of its row in y and not in s")
            }
            Gap::Decision { property, binary32 } => {
                let [y, s] = if *binary32 { ["holds", "does not"] } else { ["does not hold", "does"] };
                format!("the property {} {y} of y and {s} of s", property.in_words())
            }
        };
        format!(
            "for each of {} listed inputs x, where y are the recorded outputs, which are, bit for bit, the result at x of executing {} {}, and s the exact real \
             value at x: {gap}",
            certificate.cases(),
            model_in_words(certificate),
            self.execution.in_words()
        )
    }

    /// The absolute part of the tolerance that an element is outside of; the other parts only widen the gap.
    fn states(&self) -> Option<Vec<(&'static str, Exact)>> {
        Some(match &self.gap {
            Gap::Element { beyond, .. } => vec![("gap", beyond.slack.times(&beyond.abs))],
            Gap::Argmax { .. } | Gap::Decision { .. } => Vec::new(),
        })
    }
}

const LOST: EvalError = EvalError::Internal { what: "an element without a value" };

/// A bug of ours: an element that `check` found is not there.
fn lost() -> Diagnostic {
    Diagnostic::new(Code::Internal, "/claim/gap", "an element without a value")
}

/// Whether an element is not finite, or outside a tolerance.
fn outside(
    case: &Case,
    exact: &Named<Ball>,
    output: &str,
    index: &[usize],
    beyond: &Tolerance,
) -> Result<Facts, Diagnostic> {
    let (name, recorded) = case.outputs.get_key_value(output).ok_or_else(lost)?;
    let position = recorded.shape().position_of(index).ok_or_else(lost)?;
    let ball = element(exact, output, index).ok_or_else(lost)?;
    let word = *recorded.data().get(position).ok_or_else(lost)?;
    let element = Element { list: ("outputs", case.number, ""), name, recorded, position, word };
    let facts = vec![("binary32", word_in_words(word)), ("real", figure(ball.mid(), 12, false))];
    if word << 1 >= 0xff << 24 {
        return Ok(facts);
    }
    let (scaled, seen) = (beyond.scaled(), Seen::new(&element, ball, None)?);
    match scaled.admits(&seen) {
        Some(false) => Ok(facts),
        Some(true) => Err(scaled.violation(
            &element,
            &seen,
            element.finding(Code::NoGap, "the recorded element is within the tolerance"),
        )),
        None => Err(element.finding(Code::Undecided, "the enclosure straddles the tolerance")),
    }
}

/// A margin of some outputs in a reading: what is stated holds of them where it is not positive. `None` where there is none.
fn margin<C: Context>(gap: &Gap, context: &C, outputs: &Named<C::Value>) -> Result<Option<C::Value>, EvalError> {
    match gap {
        Gap::Decision { property, .. } => property.margin(context, outputs),
        // By how much the greatest of the others in the row exceeds the element.
        Gap::Argmax { output, index } | Gap::Element { output, index, .. } => {
            let tensor = outputs.get(output).ok_or(LOST)?;
            let at = tensor.shape().position_of(index).ok_or(LOST)?;
            let (first, row) = (at - index.last().unwrap_or(&0), tensor.dimensions().last().unwrap_or(&1));
            let mut greatest = None;
            for (_, y) in tensor.data().iter().enumerate().skip(first).take(*row).filter(|&(k, _)| k != at) {
                greatest = extreme(greatest, y.clone(), |x, y| context.max(x, y))?;
            }
            let element = tensor.data().get(at).ok_or(LOST)?;
            greatest.map(|greatest| context.sub(&greatest, element)).transpose()
        }
    }
}

/// Whether what the gap speaks of holds of the words (`binary32`) and of the exact values not, or the other way around.
fn flipped(case: &Case, exact: &Named<Ball>, gap: &Gap, binary32: bool, precision: u64) -> Result<Facts, Diagnostic> {
    let place = |error| finding(Located { node: 0, op: "property", error });
    let real = Real::new(precision);
    let mut words = Named::new();
    for (name, tensor) in case.outputs {
        let not_finite = |error: EvalError| {
            Diagnostic::new(Code::NotFinite, below(&format!("/claim/outputs/{}", case.number), name), error.to_string())
        };
        words.insert(name.clone(), tensor.try_map(|&word| real.datum(word)).map_err(not_finite)?);
    }
    let missing = || Diagnostic::new(Code::NoGap, "/claim/gap", "the row has one element");
    let y = margin(gap, &real, &words).map_err(place)?.ok_or_else(missing)?;
    let s = margin(gap, &real, exact).map_err(place)?.ok_or_else(missing)?;
    let holds = |margin: &Ball| margin.at_most(&Ball::exact(Dyadic::zero()));
    let facts = vec![("binary32 margin", figure(y.mid(), 12, false)), ("real margin", figure(s.mid(), 12, false))];
    match (holds(&y), holds(&s)) {
        (Some(y), Some(s)) if y == binary32 && s != binary32 => Ok(facts),
        (Some(_), Some(_)) => {
            let finding = Diagnostic::new(Code::NoGap, "/claim/gap", "the two do not differ as stated");
            Err(facts.into_iter().fold(finding, |finding, (name, value)| finding.with(name, value)))
        }
        _ => Err(Diagnostic::new(Code::Undecided, "/claim/gap", "the sign of a margin is open")
            .with("precision", precision.to_string())),
    }
}
