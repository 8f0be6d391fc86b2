//! Claims: what a certificate may state, one file a kind, and how a verdict follows.
//!
//! A claim about several inputs is as many [`Obligation`]s, independent of one another. [`discharge`] decides one of them; the evidence that
//! it returns can be built nowhere else. [`conclude`] accepts only when it is shown evidence for every obligation of the certificate.

mod exec;
mod forward;

use crate::cert::Certificate;
use crate::cert::json::Cursor;
use crate::cert::tensor::TensorSource;
use crate::context::EvalError;
use crate::diagnostic::{Code, Diagnostic, Outcome};
use crate::ir::CheckedGraph;
use crate::ir::evaluate::{Located, Named};
use crate::limits::Limits;
use std::collections::BTreeMap;

pub use exec::{Exec, Execution};
pub use forward::{Forward, Tolerance};

/// A claim, complete.
#[derive(Clone, Debug)]
pub enum Claim {
    /// Recorded outputs are within a tolerance of the exact real values.
    Forward(Forward),
    /// Recorded outputs are, bit for bit, those of a stated binary32 execution.
    Exec(Exec),
}

/// A claim as decoded, its outputs still to be looked up.
#[derive(Debug)]
pub(crate) struct ClaimDraft {
    kind: Kind,
    outputs: Vec<BTreeMap<String, TensorSource>>,
}

#[derive(Debug)]
enum Kind {
    Forward(Tolerance),
    Exec(Box<exec::Execution>),
}

/// Kinds that the format names and later versions decide.
const LATER: &[&str] =
    &["trace", "divergence", "gradient", "adjoint", "region", "region32", "counterexample", "error_bound", "step"];

impl ClaimDraft {
    pub(crate) fn decode(cursor: Cursor) -> Result<Self, Diagnostic> {
        let mut object = cursor.object()?;
        let kind = object.take("kind")?;
        let place = kind.pointer();
        let kind = match kind.string()?.as_str() {
            "forward" => Kind::Forward(Tolerance::decode(object.take("tolerance")?)?),
            "exec" => Kind::Exec(Box::new(exec::Execution::decode(object.take("execution")?)?)),
            later if LATER.contains(&later) => {
                let message = format!("claims of kind {later:?} are not decided by this version");
                return Err(Diagnostic::new(Code::UnsupportedClaim, place, message));
            }
            other => {
                return Err(Diagnostic::new(Code::UnknownKeyword, place, format!("no claim is of kind {other:?}")));
            }
        };
        let outputs = object.take("outputs")?.array()?;
        let outputs = outputs.map(TensorSource::decode_named).collect::<Result<_, _>>()?;
        object.finish()?;
        Ok(ClaimDraft { kind, outputs })
    }

    /// What a step of the evaluation costs beside one of a dot product over the reals at 64 bits (about 5 ns): binary32 words take about 25 ns.
    pub(crate) fn cost_of_a_step(&self) -> u64 {
        match self.kind {
            Kind::Forward(_) => 1,
            Kind::Exec(_) => 5,
        }
    }

    /// The claim with its outputs, looked up by `fit(outputs, place)`; there are as many as `cases`, and at least one.
    pub(crate) fn bind(
        self,
        graph: &CheckedGraph,
        cases: usize,
        mut fit: impl FnMut(BTreeMap<String, TensorSource>, String) -> Result<Named<u32>, Diagnostic>,
    ) -> Result<Claim, Diagnostic> {
        if cases == 0 || self.outputs.len() != cases {
            let message = format!("{cases} inputs and {} outputs are listed", self.outputs.len());
            return Err(Diagnostic::new(Code::NoCase, "/claim/outputs", message));
        }
        let outputs = self.outputs.into_iter().enumerate();
        let outputs = outputs.map(|(i, case)| fit(case, format!("/claim/outputs/{i}"))).collect::<Result<_, _>>()?;
        match self.kind {
            Kind::Forward(tolerance) => Ok(Claim::Forward(Forward { tolerance, outputs })),
            Kind::Exec(execution) => {
                execution.check(graph)?;
                Ok(Claim::Exec(Exec { execution: *execution, outputs }))
            }
        }
    }
}

impl Claim {
    /// The kind, as certificates write it.
    pub fn kind(&self) -> &'static str {
        match self {
            Claim::Forward(_) => "forward",
            Claim::Exec(_) => "exec",
        }
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
    facts: Vec<(&'static str, String)>,
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
    let case = obligation.0;
    let Some(inputs) = certificate.inputs.get(case) else {
        return Err(Diagnostic::new(Code::Internal, "", "an obligation of another certificate"));
    };
    let facts = match &certificate.claim {
        Claim::Forward(claim) => forward::decide(certificate, claim, case, inputs, limits),
        Claim::Exec(claim) => exec::decide(certificate, claim, case, inputs),
    }?;
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
    facts: Vec<(&'static str, String)>,
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
        let sentence = match &certificate.claim {
            Claim::Forward(claim) => forward::sentence(certificate, claim),
            Claim::Exec(claim) => exec::sentence(certificate, claim),
        };
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
