//! Policies: whether what a certificate states is enough for someone who wrote down what must be stated.
//!
//! Claim: if a certificate is accepted and [`Demand::met_by`] what it [states](Stated::by), then its sentence implies the same sentence with the kind, the
//! model and the figures of the demand, and rests on no assumption that the demand does not list. For a tolerance: claimed `a ≤ A` and `r ≤ R`, so
//! |y − s| ≤ a + r·max(|y|, |s|) ≤ A + R·max(|y|, |s|).
//!
//! What a demand does not mention is not permitted: a figure that grows as the claim weakens must then be zero, and an assumption absent. Digests that are
//! not mentioned may be any. Nothing here decides whether the claim holds; a policy only narrows what is accepted.

use crate::cert::Certificate;
use crate::cert::digest::Digest;
use crate::diagnostic::{Code, Diagnostic};
use crate::number::Exact;
use std::collections::BTreeMap;

/// Figures that weaken a claim as they shrink; every other one weakens it as it grows.
pub const LEAST: &[&str] = &["cases", "gap", "nodes"];

/// What the sentence about a certificate would state.
#[derive(Clone, Debug)]
pub struct Stated {
    /// The kind of claim.
    pub kind: &'static str,
    /// Digests of the graph, …
    pub graph: Digest,
    /// … of the parameters, …
    pub parameters: Digest,
    /// … and of the model file that the sentence names, if it names one.
    pub file: Option<Digest>,
    /// Exact figures by name, `cases` (the number of listed inputs) and in a trace `nodes` (the fewest recorded at an input) among them; `None` when no policy can speak of this kind.
    pub figures: Option<Vec<(&'static str, Exact)>>,
    /// What it rests on beside the kernel.
    pub assumptions: Vec<&'static str>,
}

impl Stated {
    /// What a certificate states by itself: of no file, on no assumption.
    pub fn by(certificate: &Certificate) -> Self {
        let cases = ("cases", Exact::integer(i64::try_from(certificate.cases()).unwrap_or(i64::MAX)));
        let (graph, parameters) = (certificate.graph_digest(), certificate.parameter_digest());
        let figures = certificate.claim.states().map(|figures| figures.into_iter().chain([cases]).collect());
        Stated { kind: certificate.kind(), graph, parameters, file: None, figures, assumptions: Vec::new() }
    }
}

/// What must be stated.
#[derive(Clone, Debug, Default)]
pub struct Demand {
    /// The kinds of claim that will do.
    pub kinds: Vec<String>,
    /// Digests of the graph, …
    pub graph: Option<Digest>,
    /// … of the parameters, …
    pub parameters: Option<Digest>,
    /// … and of the model file that the sentence must name; `None`: any, or none.
    pub file: Option<Digest>,
    /// The weakest figure that will do, by name; `None`: any.
    pub figures: BTreeMap<&'static str, Option<Exact>>,
    /// Assumptions that are permitted.
    pub assumptions: Vec<String>,
}

impl Demand {
    /// Whether this is enough; else the first demand that is not met, with what is claimed and what is demanded.
    pub fn met_by(&self, stated: &Stated) -> Result<(), Diagnostic> {
        let text = |digest: Option<Digest>| digest.map_or("none".into(), |digest| digest.to_string());
        for (what, place, demanded, claimed) in [
            ("graph", "/model/graph", self.graph, Some(stated.graph)),
            ("parameters", "/model/parameters", self.parameters, Some(stated.parameters)),
            ("model file", "/model", self.file, stated.file),
        ] {
            let met = demanded.is_none() || demanded == claimed;
            weigh(met, Code::PolicyModel, place, what, text(claimed), text(demanded))?;
        }
        let kinds = format!("one of {:?}", self.kinds);
        let known = stated.figures.as_ref().filter(|_| self.kinds.iter().any(|kind| kind == stated.kind));
        weigh(known.is_some(), Code::PolicyClaim, "/claim/kind", "kind of claim", stated.kind.into(), kinds)?;
        let stated_figures = known.into_iter().flatten().map(|(name, value)| (*name, Some(value)));
        let absent = |name: &&&str| stated_figures.clone().all(|(stated, _)| stated != **name);
        let absent = self.figures.keys().filter(absent).map(|name| (*name, None));
        for (name, value) in stated_figures.clone().chain(absent) {
            let (least, zero) = (LEAST.contains(&name), Exact::integer(0));
            let unmentioned = if least { None } else { Some(&zero) };
            let Some(limit) = self.figures.get(name).map_or(unmentioned, Option::as_ref) else { continue };
            let met = |value| if least { value >= limit } else { value <= limit };
            let place = if name == "cases" { "/inputs" } else { "/claim" };
            let demanded = format!("{} {}", if least { "at least" } else { "at most" }, limit.text());
            let claimed = value.map_or("not stated".into(), Exact::text);
            weigh(value.is_some_and(met), Code::PolicyFigure, place, name, claimed, demanded)?;
        }
        stated.assumptions.iter().try_for_each(|&name| {
            let permitted = self.assumptions.iter().any(|one| one == name);
            let only = format!("only {:?}", self.assumptions);
            weigh(permitted, Code::PolicyAssumption, "/model", "assumption", name.into(), only)
        })
    }
}

/// The finding that one demand is not met, unless it is.
fn weigh(met: bool, code: Code, place: &str, what: &str, claimed: String, demanded: String) -> Result<(), Diagnostic> {
    let finding = code.unless(met, place, || format!("{} ({what})", code.title()));
    finding.map_err(|finding| Diagnostic { claimed: Some(claimed), ..finding.with("demanded", demanded) })
}
