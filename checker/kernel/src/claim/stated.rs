//! From the claim as it stands in the certificate to the claim with its tensors.
//!
//! Claim: a [`Claim`] exists only if there is at least one case, every case has exactly the outputs that the graph asks for, and where the kind records nodes,
//! these are nodes with an operation, once each, in their shapes; and all that is to be evaluated is within the limit on work.

use super::case::Recorded;
use super::{Claim, KINDS, Kind, LATER, Rule};
use crate::cert::json::{Cursor, below};
use crate::cert::tensor::TensorSource;
use crate::diagnostic::{Code, Diagnostic};
use crate::ir::evaluate::Named;
use crate::ir::{CheckedGraph, Shape};
use crate::limits::{Limits, wide};
use std::collections::{BTreeMap, BTreeSet};

/// A claim as it stands in the certificate.
#[derive(Debug)]
pub(crate) struct Stated {
    kind: &'static Kind,
    rule: Box<dyn Rule>,
    outputs: Vec<BTreeMap<String, TensorSource>>,
    nodes: Vec<BTreeMap<String, TensorSource>>,
}

/// Names and shapes of tensors that a certificate has to give.
type Wanted<'a> = Vec<(&'a str, &'a Shape)>;

impl Stated {
    pub(crate) fn decode(cursor: Cursor) -> Result<Self, Diagnostic> {
        cursor.record(|claim| {
            let (keyword, place) = claim.text("kind")?;
            Code::UnsupportedClaim.unless(!LATER.contains(&keyword.as_str()), &place, || {
                format!("claims of kind {keyword:?} are not decided by this version")
            })?;
            let unknown = || Diagnostic::new(Code::UnknownKeyword, place, format!("no claim is of kind {keyword:?}"));
            let kind = KINDS.iter().find(|kind| kind.keyword == keyword).ok_or_else(unknown)?;
            let nodes = kind.nodes.then(|| TensorSource::decode_cases(claim.take("nodes")?)).transpose()?;
            Ok(Stated {
                kind,
                rule: (kind.decode)(claim)?,
                outputs: TensorSource::decode_cases(claim.take("outputs")?)?,
                nodes: nodes.unwrap_or_default(),
            })
        })
    }

    /// The claim with its tensors, looked up by `fit(given, wanted, place)`; there are as many as `cases`, and at least one.
    pub(crate) fn bind(
        self,
        graph: &CheckedGraph,
        cases: usize,
        limits: &Limits,
        mut fit: impl FnMut(BTreeMap<String, TensorSource>, Wanted, &str) -> Result<Named<u32>, Diagnostic>,
    ) -> Result<Claim, Diagnostic> {
        let paired = cases > 0 && self.outputs.len() == cases && (!self.kind.nodes || self.nodes.len() == cases);
        let message = || {
            let nodes = if self.kind.nodes { format!(" and {} of nodes", self.nodes.len()) } else { String::new() };
            format!("{cases} cases of inputs, {} of outputs{nodes} are listed", self.outputs.len())
        };
        Code::NoCase.unless(paired, "/claim/outputs", message)?;
        let shape_of = |id: usize| graph.nodes().get(id).map(|node| &node.shape);
        let mut claim = Claim { kind: self.kind, rule: self.rule, outputs: vec![], nodes: vec![], work: 0 };
        for (i, given) in self.outputs.into_iter().enumerate() {
            let wanted = graph.outputs().iter().filter_map(|(name, &id)| Some((name.as_str(), shape_of(id)?)));
            claim.outputs.push(fit(given, wanted.collect(), &format!("/claim/outputs/{i}"))?);
        }
        let ends: BTreeSet<usize> = graph.outputs().values().copied().collect();
        for (i, (given, outputs)) in self.nodes.into_iter().zip(&claim.outputs).enumerate() {
            let place = format!("/claim/nodes/{i}");
            let names: Vec<String> = given.keys().cloned().collect();
            let ids = names.iter().map(|name| Ok((name.as_str(), recorded_node(graph, &ends, name, &place)?)));
            let ids = ids.collect::<Result<Vec<_>, _>>()?;
            let wanted = ids.iter().filter_map(|&(name, id)| Some((name, shape_of(id)?)));
            let mut tensors = fit(given, wanted.collect(), &place)?;
            let recorded = |(name, id)| Some((id, Recorded { output: None, tensor: tensors.remove(name)? }));
            claim.nodes.push(with_outputs(ids.into_iter().filter_map(recorded).collect(), graph, outputs, i)?);
        }
        claim.rule.check(graph)?;
        claim.work = claim.cost(graph, wide(cases), limits.work).saturating_mul(claim.kind.cost);
        Code::LimitWork.unless(claim.work <= limits.work, "/inputs", || {
            format!("{cases} cases at the cost of {} multiply-adds or more, the limit is {}", claim.work, limits.work)
        })?;
        Ok(claim)
    }
}

/// The id of a node that may be recorded, from its name; `outputs` are recorded elsewhere.
fn recorded_node(
    graph: &CheckedGraph,
    outputs: &BTreeSet<usize>,
    name: &str,
    place: &str,
) -> Result<usize, Diagnostic> {
    let id = name.parse().ok().filter(|id: &usize| id.to_string() == name);
    let computed = |id: &usize| graph.nodes().get(*id).is_some_and(|node| !node.op.is_source());
    let message = || format!("{name:?} is not the id of a node with an operation that is no output");
    let found = id.filter(|id| computed(id) && !outputs.contains(id));
    found.ok_or_else(|| Diagnostic::new(Code::Binding, below(place, name), message()))
}

/// The recorded nodes of a case, outputs among them. Two outputs that are one node are recorded alike.
fn with_outputs(
    mut nodes: BTreeMap<usize, Recorded>,
    graph: &CheckedGraph,
    outputs: &Named<u32>,
    case: usize,
) -> Result<BTreeMap<usize, Recorded>, Diagnostic> {
    for ((name, tensor), &id) in outputs.iter().zip(graph.outputs().values()) {
        let recorded = Recorded { output: Some(name.clone()), tensor: tensor.clone() };
        let same = nodes.insert(id, recorded).is_none_or(|earlier| earlier.tensor == *tensor);
        Code::Binding.unless(same, below(&format!("/claim/outputs/{case}"), name), || {
            format!("node {id} is recorded under another name with other words")
        })?;
    }
    Ok(nodes)
}
