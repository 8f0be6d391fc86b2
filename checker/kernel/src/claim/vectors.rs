//! Tensors of the sources of a graph, inputs and parameters, and cotangents of its outputs: what claims about derivatives list for each case.
//!
//! Claim: [`Vectors`] exist only if every tensor has the shape of its source or output, and nothing is listed that the graph has not; sources and outputs may be left out.

use crate::cert::json::{Cursor, Object, below};
use crate::cert::tensor::TensorSource;
use crate::diagnostic::{Code, Diagnostic};
use crate::ir::evaluate::Named;
use crate::ir::reverse::ById;
use crate::ir::{CheckedGraph, Shape};
use std::collections::BTreeMap;

/// As they stand in the certificate, by name.
#[derive(Debug)]
pub(super) struct Listed {
    inputs: BTreeMap<String, TensorSource>,
    parameters: BTreeMap<String, TensorSource>,
    cotangents: BTreeMap<String, TensorSource>,
}

/// By node id.
#[derive(Debug)]
pub(super) struct Vectors {
    /// Of sources.
    pub(super) sources: ById<u32>,
    /// Of outputs.
    pub(super) cotangents: ById<u32>,
}

impl Vectors {
    /// None listed.
    pub(super) const NONE: Vectors = Vectors { sources: BTreeMap::new(), cotangents: BTreeMap::new() };
}

/// Looks up the tensors of a name: those given, the names and shapes that are wanted, and the place.
pub(super) type Fit<'a> = dyn for<'w> FnMut(BTreeMap<String, TensorSource>, Vec<(&'w str, &'w Shape)>, &str) -> Result<Named<u32>, Diagnostic>
    + 'a;

/// The name of the list of certificates that a source's tensor stands in.
pub(super) fn group(kind: &str) -> &'static str {
    if kind == "input" { "inputs" } else { "parameters" }
}

impl Listed {
    /// Decodes and consumes the list `key`, where there is one, and the list `cotangents`, where there is one.
    pub(super) fn decode(claim: &mut Object, key: &str) -> Result<Vec<Self>, Diagnostic> {
        let named = |tensors: Option<Cursor>| tensors.map_or(Ok(BTreeMap::new()), TensorSource::decode_named);
        let case = |case: Cursor| {
            case.record(|case| {
                let inputs = named(case.optional("inputs"))?;
                Ok(Listed { inputs, parameters: named(case.optional("parameters"))?, cotangents: BTreeMap::new() })
            })
        };
        let cases = claim.optional(key).map(Cursor::array).transpose()?.into_iter().flatten();
        let mut cases = cases.map(case).collect::<Result<Vec<_>, _>>()?;
        if let Some(cotangents) = claim.optional("cotangents") {
            let cotangents = TensorSource::decode_cases(cotangents)?;
            let message = || format!("{} cases of {key}, {} of cotangents are listed", cases.len(), cotangents.len());
            Code::NoCase.unless(cotangents.len() == cases.len(), "/claim/cotangents", message)?;
            for (number, (case, cotangents)) in cases.iter_mut().zip(cotangents).enumerate() {
                let place = format!("/claim/cotangents/{number}");
                Code::Cotangent.unless(!cotangents.is_empty(), place, || "no cotangent is listed".into())?; // {} is not their absence
                case.cotangents = cotangents;
            }
        }
        Ok(cases)
    }

    /// The tensors of case `number`, which stand under `/claim/KEY`.
    pub(super) fn bind(
        self,
        graph: &CheckedGraph,
        (key, number): (&str, usize),
        fit: &mut Fit,
    ) -> Result<Vectors, Diagnostic> {
        let shape = |id: usize| graph.nodes().get(id).map(|node| &node.shape);
        let mut vectors = Vectors::NONE;
        for (list, kind) in [(self.inputs, "input"), (self.parameters, "const")] {
            let sources = graph.nodes().iter().enumerate().filter_map(|(id, node)| Some((id, node.op.source()?)));
            let sources = sources.filter(|(_, (of, name))| *of == kind && list.contains_key(*name));
            let ids: Vec<(usize, &str)> = sources.map(|(id, (_, name))| (id, name)).collect();
            let wanted = ids.iter().filter_map(|&(id, name)| Some((name, shape(id)?))).collect();
            let mut tensors = fit(list, wanted, &format!("/claim/{key}/{number}/{}", group(kind)))?;
            vectors.sources.extend(ids.into_iter().filter_map(|(id, name)| Some((id, tensors.remove(name)?))));
        }
        let outputs = graph.outputs().iter().filter(|(name, _)| self.cotangents.contains_key(*name));
        let outputs: Vec<(&str, usize)> = outputs.map(|(name, &id)| (name.as_str(), id)).collect();
        let wanted = outputs.iter().filter_map(|&(name, id)| Some((name, shape(id)?))).collect();
        let mut tensors = fit(self.cotangents, wanted, &format!("/claim/cotangents/{number}"))?;
        for (name, id) in outputs {
            let earlier = tensors.remove(name).and_then(|tensor| vectors.cotangents.insert(id, tensor));
            let place = below(&format!("/claim/cotangents/{number}"), name);
            Code::Binding
                .unless(earlier.is_none(), place, || format!("node {id} has a cotangent under another name"))?;
        }
        Ok(vectors)
    }
}
