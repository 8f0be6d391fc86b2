//! Claims: what a certificate may state, one file a kind, and how a verdict follows.
//!
//! A claim about several inputs is as many [`Obligation`]s, independent of one another, and one about recorded nodes has one for each of them.
//! [`discharge`] decides one of them; the evidence that it returns can be built nowhere else. [`conclude`] accepts only when it is shown evidence for every obligation of the certificate.
//!
//! A kind is a type that implements `Rule` in a file of its own and a row of `KINDS`; cases, recorded outputs and findings about their elements are
//! the same for all and stand here.

mod adjoint;
mod case;
mod divergence;
mod exec;
mod forward;
mod gradient;
mod property;
mod stated;
mod tolerance;
mod trace;
mod vectors;

use crate::cert::Certificate;
use crate::cert::json::Object;
use crate::context::EvalError;
use crate::diagnostic::{Code, Diagnostic, Outcome};
use crate::ir::CheckedGraph;
use crate::ir::evaluate::{Cut, Located, Named};
use crate::limits::{Limits, wide};
use crate::number::decimal::decimal;
use crate::number::{Dyadic, Exact};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

pub use adjoint::{Adjoint, Method};
use case::{Case, Element, Recorded};
pub use divergence::{Divergence, Gap};
pub use exec::Execution;
pub use gradient::Gradient;
pub use property::{Linear, Property};
pub(crate) use stated::Stated;
use tolerance::COMPARED_BITS;
pub use tolerance::Tolerance;
pub use trace::{Allowance, Trace};
use vectors::Vectors;

/// What was found on the way to a verdict: named exact figures.
pub type Facts = Vec<(&'static str, String)>;

/// What a claim states beside the recorded outputs: how one case of it is decided, and how it reads. One type a kind.
trait Rule: fmt::Debug + Send + Sync {
    /// Whether it speaks of this graph.
    fn check(&self, _: &CheckedGraph) -> Result<(), Diagnostic> {
        Ok(())
    }

    /// Whether the checker draws the only case itself, so that none is listed.
    fn draws(&self) -> bool {
        false
    }

    /// What deciding a case costs beside the evaluation of the graph, in the unit of `Op::work`.
    fn work(&self, _: &CheckedGraph) -> u64 {
        0
    }

    /// The most elements alive at one time.
    fn live(&self, graph: &CheckedGraph) -> u64 {
        wide(graph.live())
    }

    /// Decides one case, or what is recorded for node `part` of it where the kind records nodes; on success the facts found.
    fn decide(&self, case: &Case, part: usize, limits: &Limits) -> Result<Facts, Diagnostic>;

    /// The claim in words.
    fn sentence(&self, certificate: &Certificate) -> String;

    /// The exact figures that the claim states, by name, as a policy compares them; `None` when no policy can speak of this kind.
    fn states(&self) -> Option<Vec<(&'static str, Exact)>> {
        None
    }
}

/// A kind of claim.
#[derive(Debug)]
pub(crate) struct Kind {
    /// As certificates write it.
    pub(crate) keyword: &'static str,
    /// What a step of the evaluation costs beside one of a dot product over the reals at 64 bits (about 5 ns): binary32 words take about 25 ns.
    cost: u64,
    /// Elements as which one value at 64 bits counts.
    value: u64,
    /// What is listed for each case beside the inputs.
    lists: Lists,
    /// Decodes and consumes the keys of this kind; the caller finishes the object.
    decode: fn(&mut Object) -> Result<Box<dyn Rule>, Diagnostic>,
}

/// What a kind lists for each case beside the inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lists {
    /// Recorded outputs.
    Outputs,
    /// These, and recorded nodes.
    Nodes,
    /// Tensors of sources under this key, and cotangents of outputs.
    Vectors(&'static str),
}

macro_rules! kinds {
    ($($keyword:literal => $rule:ty, cost: $cost:literal, value: $value:literal, lists: $lists:expr;)*) => {
        const KINDS: &[Kind] = &[$(Kind {
            keyword: $keyword,
            cost: $cost,
            value: $value,
            lists: $lists,
            decode: |claim| Ok(Box::new(<$rule>::decode(claim)?)),
        }),*];
    };
}

kinds! {
    "forward" => Tolerance, cost: 1, value: 6, lists: Lists::Outputs;
    "exec" => Execution, cost: 5, value: 1, lists: Lists::Outputs;
    "trace" => Trace, cost: 3, value: 12, lists: Lists::Nodes;
    "divergence" => Divergence, cost: 6, value: 6, lists: Lists::Outputs;
    "gradient" => Gradient, cost: 1, value: 6, lists: Lists::Vectors("gradients");
    "adjoint" => Adjoint, cost: 1, value: 6, lists: Lists::Vectors("tangents");
}

/// Kinds that the format names and later versions decide.
const LATER: &[&str] = &["region", "region32", "counterexample", "error_bound", "step"];

/// Whether the format names this kind of claim.
pub fn is_kind(keyword: &str) -> bool {
    KINDS.iter().any(|kind| kind.keyword == keyword) || LATER.contains(&keyword)
}

/// A rule and what is recorded for each case, with its tensors.
#[derive(Debug)]
pub(crate) struct Claim {
    pub(crate) kind: &'static Kind,
    rule: Box<dyn Rule>,
    outputs: Vec<Named<u32>>,
    /// Per case the recorded nodes, outputs among them, where the kind records nodes.
    nodes: Vec<BTreeMap<usize, Recorded>>,
    /// Per case the tensors of sources and the cotangents, where the kind lists them.
    vectors: Vec<Vectors>,
    /// The cost of all obligations, in the unit of `Op::work`.
    work: u64,
}

/// What visiting a node for one obligation costs beside its operation, as work: enough that finding out what all visits cost is soon over.
const VISIT: u64 = 1 << 13;

/// Words of the denominators of a tolerance that cost nothing, and what each further one costs at every element, as work.
const LONG: u64 = 8;
const COMPARED: u64 = 256;

/// The elements of all nodes together.
fn elements(graph: &CheckedGraph) -> u64 {
    graph.nodes().iter().fold(0, |sum: u64, node| sum.saturating_add(wide(node.shape.elements())))
}

impl Claim {
    /// The obligations of one case.
    fn parts(&self, case: usize) -> Vec<usize> {
        self.nodes.get(case).map_or_else(|| vec![0], |nodes| nodes.keys().copied().collect())
    }

    /// The figures that it states, the fewest nodes recorded of a case among them; see [`crate::policy`].
    pub(crate) fn states(&self) -> Option<Vec<(&'static str, Exact)>> {
        let fewest = self.nodes.iter().map(|nodes| i64::try_from(nodes.len()).unwrap_or(i64::MAX)).min();
        let nodes = fewest.filter(|_| self.kind.lists == Lists::Nodes).map(|fewest| ("nodes", Exact::integer(fewest)));
        Some(self.rule.states()?.into_iter().chain(nodes).collect())
    }

    /// The cost of all obligations; no more than the first beyond `limit` are counted.
    fn cost(&self, graph: &CheckedGraph, cases: u64, limit: u64) -> u64 {
        // Comparing exactly takes long where a tolerance has many digits.
        let bits = self.rule.states().into_iter().flatten().map(|(_, figure)| figure.rational().denom().bits());
        let long = (bits.fold(0, u64::saturating_add) / 64).saturating_sub(LONG).saturating_mul(COMPARED);
        let mut work = elements(graph).saturating_mul(cases).saturating_mul(long);
        if self.kind.lists != Lists::Nodes {
            return graph.work().saturating_add(self.rule.work(graph)).saturating_mul(cases).saturating_add(work);
        }
        for (nodes, id) in self.nodes.iter().flat_map(|nodes| nodes.keys().map(move |&id| (nodes, id))) {
            let cut = Cut::of(graph, [id].into_iter(), |other| other != id && nodes.contains_key(&other));
            let of_cut = cut.ids().map(|id| graph.work_of(id).saturating_add(VISIT));
            work = of_cut.fold(work, u64::saturating_add);
            if work > limit {
                break;
            }
        }
        work
    }
}

/// One independent part of a claim: a listed input, or a recorded node of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Obligation {
    case: usize,
    part: usize,
}

/// Evidence that an obligation of one certificate holds. Only the deciding rules build it.
#[derive(Debug)]
pub struct Discharged<'a> {
    certificate: &'a Certificate,
    obligation: Obligation,
    facts: Facts,
}

impl Discharged<'_> {
    /// What was found on the way (worst error, precision), as named exact figures.
    pub fn facts(&self) -> &[(&'static str, String)] {
        &self.facts
    }
}

/// The obligations of a certificate, in order.
pub fn obligations(certificate: &Certificate) -> Vec<Obligation> {
    let parts = |case| certificate.claim.parts(case).into_iter().map(move |part| Obligation { case, part });
    (0..certificate.cases()).flat_map(parts).collect()
}

/// Decides one obligation: evidence that it holds, or why it does not or cannot be decided.
pub fn discharge<'a>(
    certificate: &'a Certificate,
    obligation: Obligation,
    limits: &Limits,
) -> Result<Discharged<'a>, Diagnostic> {
    let (Obligation { case, part }, Claim { rule, outputs, nodes, vectors, .. }) = (obligation, &certificate.claim);
    let Some(inputs) = certificate.inputs.get(case) else {
        return Err(Diagnostic::new(Code::Internal, "", "an obligation of another certificate"));
    };
    let outputs = outputs.get(case).unwrap_or(const { &BTreeMap::new() });
    let nodes = nodes.get(case).unwrap_or(const { &BTreeMap::new() });
    let vectors = vectors.get(case).unwrap_or(const { &Vectors::NONE });
    let facts = rule.decide(&Case { certificate, number: case, inputs, outputs, nodes, vectors }, part, limits)?;
    Ok(Discharged { certificate, obligation, facts })
}

/// A verdict on a certificate.
#[derive(Debug)]
pub enum Verdict {
    /// The claim holds.
    Accepted(Accepted),
    /// The certificate is malformed or its claim is false.
    Rejected(Vec<Diagnostic>),
    /// Not decided.
    Declined(Vec<Diagnostic>),
}

/// That a claim holds, in words and figures. Only [`conclude`] builds it.
#[derive(Debug)]
pub struct Accepted {
    sentence: String,
    facts: Facts,
}

impl Accepted {
    /// The claim that holds, as one sentence.
    pub fn sentence(&self) -> &str {
        &self.sentence
    }

    /// What was found on the way, by case.
    pub fn facts(&self) -> &[(&'static str, String)] {
        &self.facts
    }
}

/// The verdict that follows from the results on all obligations, in any order.
pub fn conclude(certificate: &Certificate, results: Vec<Result<Discharged<'_>, Diagnostic>>) -> Verdict {
    let (mut held, mut findings, mut facts) = (BTreeSet::new(), Vec::new(), Vec::new());
    for result in results {
        match result {
            Ok(evidence) if std::ptr::eq(evidence.certificate, certificate) => {
                held.insert(evidence.obligation);
                facts.extend(evidence.facts);
            }
            Ok(_) => findings.push(Diagnostic::new(Code::Internal, "", "evidence about another certificate")),
            Err(finding) => findings.push(finding),
        }
    }
    let all = obligations(certificate);
    if findings.is_empty() && all.iter().all(|obligation| held.contains(obligation)) && !all.is_empty() {
        let sentence = certificate.claim.rule.sentence(certificate);
        return Verdict::Accepted(Accepted { sentence, facts });
    }
    if findings.is_empty() {
        findings.push(Diagnostic::new(Code::Internal, "", "an obligation was left undecided"));
    }
    refuse(findings)
}

/// The verdict that findings lead to: REJECTED when any of them says so.
pub fn refuse(findings: Vec<Diagnostic>) -> Verdict {
    if findings.iter().any(|finding| finding.code.outcome() == Outcome::Rejected) {
        Verdict::Rejected(findings)
    } else {
        Verdict::Declined(findings)
    }
}

/// `the graph sha256:… with the parameters sha256:…`.
fn model_in_words(certificate: &Certificate) -> String {
    let (graph, parameters) = (certificate.graph_digest(), certificate.parameter_digest());
    format!("the graph {graph:?} with the parameters {parameters:?}")
}

/// The finding that an evaluation error leads to.
fn finding(located: Located) -> Diagnostic {
    let code = match located.error {
        EvalError::Undefined { .. } => Code::Undefined,
        EvalError::NotFinite { .. } => Code::NotFinite,
        EvalError::Limit { .. } => Code::LimitNumber,
        EvalError::Undecided { .. } => Code::Undecided,
        EvalError::NotRational { .. } | EvalError::Internal { .. } => Code::Internal,
    };
    Diagnostic::new(code, format!("/model/graph/nodes/{}", located.node), located.error.to_string())
        .at_node(located.node, located.op)
}

/// A number with so many digits, rounded up in magnitude when `up`; of one too large or small to be written out, its leading bit, or the power of two above.
fn figure(value: &Dyadic, digits: u32, up: bool) -> String {
    let Some(top) = value.top().filter(|top| top.abs() > COMPARED_BITS) else {
        return decimal(&value.to_rational(), digits, up);
    };
    let sign = if value.is_negative() { "-" } else { "" };
    if up { format!("{sign}2^{top}") } else { format!("{sign}2^{}…", top - 1) }
}

/// A word and its value.
fn word_in_words(word: u32) -> String {
    let value = Dyadic::from_binary32(word).map(|x| decimal(&x.to_rational(), 9, false));
    let special = || if word << 9 == 0 { "an infinity" } else { "NaN" }.to_string();
    format!("{word:08x} = {}", value.unwrap_or_else(special))
}
