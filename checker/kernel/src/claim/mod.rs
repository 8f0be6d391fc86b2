//! Claims: what a certificate may state, one file a kind, and how a verdict follows.
//!
//! A claim about several inputs is as many [`Obligation`]s, independent of one another. [`discharge`] decides one of them; the evidence that
//! it returns can be built nowhere else. [`conclude`] accepts only when it is shown evidence for every obligation of the certificate.

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
use crate::number::Dyadic;
use crate::number::decimal::decimal;
use std::collections::BTreeMap;

pub use exec::Execution;
pub use forward::Tolerance;

/// What was found on the way to a verdict: named exact figures.
pub type Facts = Vec<(&'static str, String)>;

/// A kind of claim: what it states beside the recorded outputs, how one case of it is decided, and how it reads.
trait Rule: Sized {
    /// Decodes and consumes the keys of this kind; the caller finishes the object.
    fn decode(claim: &mut Object) -> Result<Self, Diagnostic>;

    /// Whether it speaks of this graph.
    fn check(&self, _: &CheckedGraph) -> Result<(), Diagnostic> {
        Ok(())
    }

    /// Decides one case; on success the facts found.
    fn decide(&self, case: &Case, limits: &Limits) -> Result<Facts, Diagnostic>;

    /// The claim in words.
    fn sentence(&self, certificate: &Certificate) -> String;
}

macro_rules! claims {
    ($($(#[$meta:meta])* $keyword:literal => $file:ident::$type:ident as $variant:ident, $cost:literal;)*) => {
        /// What a certificate states of its cases.
        #[derive(Clone, Debug)]
        pub(crate) enum Statement { $($(#[$meta])* $variant($file::$type),)* }

        impl Statement {
            /// The statement of this kind; `None` when there is no such kind.
            fn decode(kind: &str, claim: &mut Object) -> Option<Result<Self, Diagnostic>> {
                match kind { $($keyword => Some(Rule::decode(claim).map(Statement::$variant)),)* _ => None }
            }

            fn kind(&self) -> &'static str {
                match self { $(Statement::$variant(_) => $keyword,)* }
            }

            fn cost(&self) -> u64 {
                match self { $(Statement::$variant(_) => $cost,)* }
            }

            fn check(&self, graph: &CheckedGraph) -> Result<(), Diagnostic> {
                match self { $(Statement::$variant(rule) => rule.check(graph),)* }
            }

            fn decide(&self, case: &Case, limits: &Limits) -> Result<Facts, Diagnostic> {
                match self { $(Statement::$variant(rule) => rule.decide(case, limits),)* }
            }

            fn sentence(&self, certificate: &Certificate) -> String {
                match self { $(Statement::$variant(rule) => rule.sentence(certificate),)* }
            }
        }
    };
}

// Keyword in certificates, type, and what a step of the evaluation costs beside one of a dot product over the reals at 64 bits (about 5 ns):
// binary32 words take about 25 ns.
claims! {
    /// Recorded outputs are within a tolerance of the exact real values.
    "forward" => forward::Tolerance as Forward, 1;
    /// Recorded outputs are, bit for bit, those of a stated binary32 execution.
    "exec" => exec::Execution as Exec, 5;
}

/// Kinds that the format names and later versions decide.
const LATER: &[&str] =
    &["trace", "divergence", "gradient", "adjoint", "region", "region32", "counterexample", "error_bound", "step"];

/// A statement and the outputs that are recorded for each case: as decoded, or looked up.
#[derive(Clone, Debug)]
pub(crate) struct Claim<T> {
    statement: Statement,
    outputs: Vec<BTreeMap<String, T>>,
}

impl Claim<TensorSource> {
    pub(crate) fn decode(cursor: Cursor) -> Result<Self, Diagnostic> {
        let mut object = cursor.object()?;
        let kind = object.take("kind")?;
        let place = kind.pointer();
        let kind = kind.string()?;
        let statement = Statement::decode(&kind, &mut object).unwrap_or_else(|| {
            Err(if LATER.contains(&kind.as_str()) {
                let message = format!("claims of kind {kind:?} are not decided by this version");
                Diagnostic::new(Code::UnsupportedClaim, place, message)
            } else {
                Diagnostic::new(Code::UnknownKeyword, place, format!("no claim is of kind {kind:?}"))
            })
        })?;
        let outputs = TensorSource::decode_cases(object.take("outputs")?)?;
        object.finish()?;
        Ok(Claim { statement, outputs })
    }

    /// What a step of the evaluation costs beside one of a dot product over the reals.
    pub(crate) fn cost_of_a_step(&self) -> u64 {
        self.statement.cost()
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
        self.statement.check(graph)?;
        Ok(Claim { statement: self.statement, outputs })
    }
}

impl Claim<Tensor<u32>> {
    /// The kind, as certificates write it.
    pub(crate) fn kind(&self) -> &'static str {
        self.statement.kind()
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
    let (case, Claim { statement, outputs }) = (obligation.0, &certificate.claim);
    let (Some(inputs), Some(outputs)) = (certificate.inputs.get(case), outputs.get(case)) else {
        return Err(Diagnostic::new(Code::Internal, "", "an obligation of another certificate"));
    };
    let facts = statement.decide(&Case { certificate, number: case, inputs, outputs }, limits)?;
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
    let mut holds = vec![false; certificate.cases()];
    let (mut findings, mut facts) = (Vec::new(), Vec::new());
    for result in results {
        match result {
            Ok(evidence) if std::ptr::eq(evidence.certificate, certificate) => {
                if let Some(holds) = holds.get_mut(evidence.case) {
                    *holds = true;
                }
                facts.extend(evidence.facts);
            }
            Ok(_) => findings.push(Diagnostic::new(Code::Internal, "", "evidence about another certificate")),
            Err(finding) => findings.push(finding),
        }
    }
    if findings.is_empty() && holds.iter().all(|&holds| holds) && !holds.is_empty() {
        let sentence = certificate.claim.statement.sentence(certificate);
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
