//! `forward`: recorded outputs against the exact real values.
//!
//! Statement: for every listed pair (x, y), every output and every element, `|y − ⟦G⟧(x)| ≤ slack·(abs + rel·max(|y|, |⟦G⟧(x)|) + ulps·ulp(y))`, where ⟦G⟧ is the
//! denotation of the graph over ℝ, and x, y and the parameters are the exact values of their binary32 words.
//!
//! Decision: ⟦G⟧(x) is enclosed by the `Real` reading and compared ([`super::tolerance`]). While any element is open, the precision doubles, up to the largest
//! that the limits permit.
//!
//! Fails: an element outside (TL0231); an infinity or NaN in x, y or a parameter (TL0202); ⟦G⟧ undefined at x (TL0201).
//! Declines: open at the largest precision (TL0305); a number beyond the supported range (TL0306).

use super::{Case, Facts, Rule, Tolerance, finding, model_in_words};
use crate::cert::Certificate;
use crate::cert::json::Object;
use crate::context::real::{Ball, MAX_PRECISION, MIN_PRECISION, Real};
use crate::diagnostic::{Code, Diagnostic};
use crate::ir::evaluate::{Named, evaluate};
use crate::limits::{Limits, wide};
use crate::number::Exact;
use std::iter;

impl Rule for Tolerance {
    fn decide(&self, case: &Case, _: usize, limits: &Limits) -> Result<Facts, Diagnostic> {
        let scaled = self.scaled();
        decided(case.certificate, plan(case.certificate), limits, |precision| {
            let exact = exact_outputs(case, precision)?;
            let elements = case.elements(&exact)?.map(|(element, ball)| (element, ball, None));
            scaled.admit(elements, (Code::OutsideTolerance, "the recorded output is outside its tolerance"), precision)
        })
    }

    fn sentence(&self, certificate: &Certificate) -> String {
        format!(
            "for each of {} listed inputs x, every element y of the recorded outputs satisfies \
             |y - s| <= {}, where s is the exact real value at x of {}",
            certificate.cases(),
            self.in_words(),
            model_in_words(certificate)
        )
    }

    fn states(&self) -> Option<Vec<(&'static str, Exact)>> {
        Some(self.figures())
    }
}

impl Tolerance {
    /// Decodes and consumes the key `tolerance`.
    pub(super) fn decode(claim: &mut Object) -> Result<Self, Diagnostic> {
        claim.take("tolerance")?.record(Tolerance::decode_keys)
    }
}

/// Enclosures of the exact outputs of a case.
pub(super) fn exact_outputs(case: &Case, precision: u64) -> Result<Named<Ball>, Diagnostic> {
    let real = Real::new(precision);
    let exact = evaluate(&case.certificate.graph, |_| &real, &case.certificate.parameters, &case.points(&real)?);
    exact.map_err(|located| finding(located).with("precision", precision.to_string()))
}

/// What `attempt(precision)` decides, at the precision of the witness (else `start`) and, while it is undecided, at twice that, up to the largest
/// that the limits permit.
pub(super) fn decided(
    certificate: &Certificate,
    start: u64,
    limits: &Limits,
    attempt: impl Fn(u64) -> Result<Facts, Diagnostic>,
) -> Result<Facts, Diagnostic> {
    let cap = permitted(certificate, limits).ok_or_else(|| {
        let (live, most) = (certificate.claim.rule.live(certificate.graph()), limits.elements);
        let message = format!("{live} real numbers alive at one time, the limit is {most} elements");
        Diagnostic::new(Code::LimitElements, "/model/graph", message)
    })?;
    let mut precision = certificate.precision.unwrap_or(start).clamp(MIN_PRECISION, cap);
    loop {
        match attempt(precision) {
            Err(undecided) if undecided.code == Code::Undecided && precision < cap => (),
            Ok(facts) => return Ok(facts.into_iter().chain([("precision", precision.to_string())]).collect()),
            refused => return refused,
        }
        precision = (precision * 2).min(cap);
    }
}

/// The largest precision, from the stated one down by halves, at which the evaluation of all cases stays within the limits on work and on elements
/// as [`Limits`] counts them; `None` when it does at no precision.
fn permitted(certificate: &Certificate, limits: &Limits) -> Option<u64> {
    let (work, live) = (certificate.claim.work, certificate.claim.rule.live(certificate.graph()));
    let affordable = |precision: &u64| {
        // Products grow with the square; beyond 1,024 bits elementary functions have up to eight times the cost of that.
        let (words, few) = (precision.div_ceil(64), *precision <= 1024);
        work.saturating_mul((words * words).div_ceil(if few { 8 } else { 1 })) <= limits.work
            && live.saturating_mul(certificate.claim.kind.value + precision / 128) <= wide(limits.elements)
    };
    let half = |&precision: &u64| (precision > MIN_PRECISION).then(|| (precision / 2).max(MIN_PRECISION));
    iter::successors(Some(limits.precision.clamp(MIN_PRECISION, MAX_PRECISION)), half).find(affordable)
}

/// A first precision: the radius grows with every contraction on the way, by about `‖W‖∞`, five bits at 512 terms.
pub(super) fn plan(certificate: &Certificate) -> u64 {
    let nodes = certificate.graph().nodes();
    let contractions =
        nodes.iter().filter(|node| matches!(node.op.name(), "linear" | "matmul" | "conv" | "conv_transpose"));
    48 + 5 * wide(contractions.count())
}
