//! From the claim as it stands in the certificate to the claim with its tensors.
//!
//! Claim: a [`Claim`] exists only if there is at least one case, every case has exactly the outputs that the graph asks for, and where the kind records nodes,
//! these are nodes with an operation, once each, in their shapes; and all that is to be evaluated is within the limit on work.

use super::case::Recorded;
use super::vectors::Listed;
use super::{Claim, KINDS, Kind, LATER, Lists, Rule};
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
    vectors: Vec<Listed>,
}

/// Names and shapes of tensors that a certificate has to give.
type Wanted<'a> = Vec<(&'a str, &'a Shape)>;

impl Stated {
    /// Whether the checker draws the only case itself.
    pub(crate) fn draws(&self) -> bool {
        self.rule.draws()
    }

    pub(crate) fn decode(cursor: Cursor) -> Result<Self, Diagnostic> {
        cursor.record(|claim| {
            let (keyword, place) = claim.text("kind")?;
            Code::UnsupportedClaim.unless(!LATER.contains(&keyword.as_str()), &place, || {
                format!("claims of kind {keyword:?} are not decided by this version")
            })?;
            let unknown = || Diagnostic::new(Code::UnknownKeyword, place, format!("no claim is of kind {keyword:?}"));
            let kind = KINDS.iter().find(|kind| kind.keyword == keyword).ok_or_else(unknown)?;
            let mut stated =
                Stated { kind, rule: (kind.decode)(claim)?, outputs: vec![], nodes: vec![], vectors: vec![] };
            if let Lists::Vectors(key) = kind.lists {
                stated.vectors = Listed::decode(claim, key)?;
                return Ok(stated);
            }
            if kind.lists == Lists::Nodes {
                stated.nodes = TensorSource::decode_cases(claim.take("nodes")?)?;
            }
            stated.outputs = TensorSource::decode_cases(claim.take("outputs")?)?;
            Ok(stated)
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
        let counts = match self.kind.lists {
            Lists::Outputs => vec![("outputs", self.outputs.len())],
            Lists::Nodes => vec![("outputs", self.outputs.len()), ("nodes", self.nodes.len())],
            Lists::Vectors(key) => vec![(key, self.vectors.len())],
        };
        let listed = if self.rule.draws() { 0 } else { cases }; // the only case is drawn
        let paired = cases > 0 && counts.iter().all(|(_, count)| *count == listed);
        let first = counts.first().map_or("outputs", |(key, _)| key);
        Code::NoCase.unless(paired, format!("/claim/{first}"), || {
            let counts: Vec<String> = counts.iter().map(|(key, count)| format!("{count} of {key}")).collect();
            format!("{cases} cases of inputs, {} are listed", counts.join(" and "))
        })?;
        let shape_of = |id: usize| graph.nodes().get(id).map(|node| &node.shape);
        let mut claim =
            Claim { kind: self.kind, rule: self.rule, outputs: vec![], nodes: vec![], vectors: vec![], work: 0 };
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
        if let Lists::Vectors(key) = claim.kind.lists {
            for (i, listed) in self.vectors.into_iter().enumerate() {
                claim.vectors.push(listed.bind(graph, (key, i), &mut fit)?);
            }
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
