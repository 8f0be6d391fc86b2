//! Claims: what a certificate may state, one file a kind, and how a verdict follows.
//!
//! A claim about several inputs is as many [`Obligation`]s, independent of one another. [`discharge`] decides one of them; the evidence that
//! it returns can be built nowhere else. [`conclude`] accepts only when it is shown evidence for every obligation of the certificate.
//!
//! A kind is a type that implements `Rule` in a file of its own and a row of `KINDS`; cases, recorded outputs and findings about their elements are
//! the same for all and stand here.

mod exec;
mod forward;

use crate::cert::Certificate;
use crate::cert::json::{Cursor, Object, below};
use crate::cert::tensor::TensorSource;
use crate::context::EvalError;
use crate::diagnostic::{Code, Diagnostic, Outcome};
use crate::ir::evaluate::{Located, Named};
use crate::ir::{CheckedGraph, Tensor};
use crate::limits::Limits;
use crate::number::decimal::decimal;
use crate::number::{Dyadic, Exact};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

pub use exec::Execution;
pub use forward::Tolerance;

/// What was found on the way to a verdict: named exact figures.
pub type Facts = Vec<(&'static str, String)>;

/// What a claim states beside the recorded outputs: how one case of it is decided, and how it reads. One type a kind.
trait Rule: fmt::Debug + Send + Sync {
    /// Whether it speaks of this graph.
    fn check(&self, _: &CheckedGraph) -> Result<(), Diagnostic> {
        Ok(())
    }

    /// Decides one case; on success the facts found.
    fn decide(&self, case: &Case, limits: &Limits) -> Result<Facts, Diagnostic>;

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
    pub(crate) cost: u64,
    /// Decodes and consumes the keys of this kind; the caller finishes the object.
    decode: fn(&mut Object) -> Result<Box<dyn Rule>, Diagnostic>,
}

const KINDS: &[Kind] = &[
    Kind { keyword: "forward", cost: 1, decode: |claim| Ok(Box::new(Tolerance::decode(claim)?)) },
    Kind { keyword: "exec", cost: 5, decode: |claim| Ok(Box::new(Execution::decode(claim)?)) },
];

/// Kinds that the format names and later versions decide.
const LATER: &[&str] =
    &["trace", "divergence", "gradient", "adjoint", "region", "region32", "counterexample", "error_bound", "step"];

/// Whether the format names this kind of claim.
pub fn is_kind(keyword: &str) -> bool {
    KINDS.iter().any(|kind| kind.keyword == keyword) || LATER.contains(&keyword)
}

/// A rule and the outputs that are recorded for each case: as decoded, or looked up.
#[derive(Debug)]
pub(crate) struct Claim<T> {
    pub(crate) kind: &'static Kind,
    rule: Box<dyn Rule>,
    outputs: Vec<BTreeMap<String, T>>,
}

impl Claim<TensorSource> {
    pub(crate) fn decode(cursor: Cursor) -> Result<Self, Diagnostic> {
        cursor.record(|claim| {
            let (keyword, place) = claim.text("kind")?;
            Code::UnsupportedClaim.unless(!LATER.contains(&keyword.as_str()), &place, || {
                format!("claims of kind {keyword:?} are not decided by this version")
            })?;
            let unknown = || Diagnostic::new(Code::UnknownKeyword, place, format!("no claim is of kind {keyword:?}"));
            let kind = KINDS.iter().find(|kind| kind.keyword == keyword).ok_or_else(unknown)?;
            Ok(Claim {
                kind,
                rule: (kind.decode)(claim)?,
                outputs: TensorSource::decode_cases(claim.take("outputs")?)?,
            })
        })
    }

    /// The claim with its outputs, looked up by `fit(outputs, place)`; there are as many as `cases`, and at least one.
    pub(crate) fn bind(
        self,
        graph: &CheckedGraph,
        cases: usize,
        mut fit: impl FnMut(BTreeMap<String, TensorSource>, String) -> Result<Named<u32>, Diagnostic>,
    ) -> Result<Claim<Tensor<u32>>, Diagnostic> {
        let paired = cases > 0 && self.outputs.len() == cases;
        let message = || format!("{cases} inputs and {} outputs are listed", self.outputs.len());
        Code::NoCase.unless(paired, "/claim/outputs", message)?;
        let outputs = self.outputs.into_iter().enumerate();
        let outputs = outputs.map(|(i, case)| fit(case, format!("/claim/outputs/{i}"))).collect::<Result<_, _>>()?;
        self.rule.check(graph)?;
        Ok(Claim { kind: self.kind, rule: self.rule, outputs })
    }
}

impl Claim<Tensor<u32>> {
    /// The figures that it states; see [`crate::policy`].
    pub(crate) fn states(&self) -> Option<Vec<(&'static str, Exact)>> {
        self.rule.states()
    }
}

/// A listed input and the outputs recorded for it.
struct Case<'a> {
    certificate: &'a Certificate,
    number: usize,
    inputs: &'a Named<u32>,
    outputs: &'a Named<u32>,
}

/// An element of a recorded output.
struct Element<'a> {
    case: usize,
    name: &'a str,
    recorded: &'a Tensor<u32>,
    position: usize,
    word: u32,
}

impl<'a> Case<'a> {
    /// Every element of the recorded outputs with the derived one.
    fn elements<V>(&self, derived: &'a Named<V>) -> Result<impl Iterator<Item = (Element<'a>, &'a V)>, Diagnostic> {
        let (case, same) = (self.number, self.outputs.keys().eq(derived.keys()));
        Code::Internal.unless(same, "/claim/outputs", || "an output was not evaluated".into())?;
        Ok(self.outputs.iter().zip(derived.values()).flat_map(move |((name, recorded), derived)| {
            let words = recorded.data().iter().zip(derived.data()).enumerate();
            words.map(move |(position, (&word, value))| (Element { case, name, recorded, position, word }, value))
        }))
    }
}

impl Element<'_> {
    /// A finding about this element.
    fn finding(&self, code: Code, message: impl Into<String>) -> Diagnostic {
        let place = below(&format!("/claim/outputs/{}", self.case), self.name);
        let index = (self.recorded.shape().index_of(self.position), self.recorded.dimensions().to_vec());
        Diagnostic { index: Some(index), ..Diagnostic::new(code, place, message) }
    }
}

/// One independent part of a claim: a listed input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Obligation(usize);

/// Evidence that an obligation of one certificate holds. Only the deciding rules build it.
#[derive(Debug)]
pub struct Discharged<'a> {
    certificate: &'a Certificate,
    case: usize,
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
    (0..certificate.cases()).map(Obligation).collect()
}

/// Decides one obligation: evidence that it holds, or why it does not or cannot be decided.
pub fn discharge<'a>(
    certificate: &'a Certificate,
    obligation: Obligation,
    limits: &Limits,
) -> Result<Discharged<'a>, Diagnostic> {
    let (case, Claim { rule, outputs, .. }) = (obligation.0, &certificate.claim);
    let (Some(inputs), Some(outputs)) = (certificate.inputs.get(case), outputs.get(case)) else {
        return Err(Diagnostic::new(Code::Internal, "", "an obligation of another certificate"));
    };
    let facts = rule.decide(&Case { certificate, number: case, inputs, outputs }, limits)?;
    Ok(Discharged { certificate, case, facts })
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
                held.insert(evidence.case);
                facts.extend(evidence.facts);
            }
            Ok(_) => findings.push(Diagnostic::new(Code::Internal, "", "evidence about another certificate")),
            Err(finding) => findings.push(finding),
        }
    }
    let cases = certificate.cases();
    if findings.is_empty() && (0..cases).all(|case| held.contains(&case)) && cases > 0 {
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

/// A word and its value.
fn word_in_words(word: u32) -> String {
    let value = Dyadic::from_binary32(word).map(|x| decimal(&x.to_rational(), 9, false));
    let special = || if word << 9 == 0 { "an infinity" } else { "NaN" }.to_string();
    format!("{word:08x} = {}", value.unwrap_or_else(special))
}
