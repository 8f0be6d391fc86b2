//! `gradient`: recorded gradients against the exact ones of reverse mode.
//!
//! Statement: for every listed input, every listed source (input or parameter) and every element, `|g − s| ≤ slack·(abs + rel·max(|g|, |s|) + ulps·ulp(g))`, where g is the recorded value and s the
//! exact one of `Jᵀ·u`: J is the derivative of the graph over ℝ by the source, u the stated cotangents of the outputs (1 for the only output, where that has one element; zero for an output that is not listed).
//! Where a node is not differentiable, s is what the conventions of `crate::spec::vjp` make of it.
//!
//! Decision: all nodes are enclosed by the `Real` reading, and the operations' reverse rules are applied to the enclosures from the last node to the first; where a branch
//! (the sign before a relu, the greatest cell of a pool) is not decided, both are enclosed. While any element is open, the precision doubles.
//!
//! Fails: an element outside (TL0271); cotangents that do not say what is differentiated (TL0270); an infinity or NaN (TL0202); undefined at the input (TL0201).
//! Declines: an element whose branches cannot be decided at the largest precision (TL0305), which is named.

use super::vectors::group;
use super::{Case, Element, Facts, Rule, Tolerance, elements, finding, forward, model_in_words};
use crate::cert::Certificate;
use crate::cert::json::Object;
use crate::context::real::{Ball, Real};
use crate::context::{Context, EvalError};
use crate::diagnostic::{Code, Diagnostic};
use crate::ir::evaluate::read;
use crate::ir::reverse::{ById, all_values, pullback};
use crate::ir::{CheckedGraph, Node, Tensor};
use crate::limits::Limits;
use crate::number::Exact;
use crate::spec::vjp::room;
use std::collections::BTreeSet;

/// A tolerance on recorded gradients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gradient {
    /// What is allowed of every element.
    pub tolerance: Tolerance,
}

impl Gradient {
    /// Decodes and consumes the key `tolerance`.
    pub(super) fn decode(claim: &mut Object) -> Result<Self, Diagnostic> {
        Ok(Gradient { tolerance: Tolerance::decode(claim)? })
    }
}

/// What a pass over all nodes and back costs, in evaluations: the value, and each rule takes one or two products of the size of the value.
const PASSES: u64 = 4;
/// What it costs beside that to keep, scatter and add up the cotangent of an element, as work.
const COTANGENT: u64 = 64;

/// The most elements that one reverse rule holds beside operands and results.
pub(super) fn beside(graph: &CheckedGraph) -> u64 {
    let shape = |&parent: &usize| graph.nodes().get(parent).map(|node| &node.shape);
    let room =
        |node: &Node| Some(room(&node.op, &node.parents.iter().map(shape).collect::<Option<Vec<_>>>()?, &node.shape));
    graph.nodes().iter().filter_map(room).max().unwrap_or(0)
}

impl Rule for Gradient {
    fn work(&self, graph: &CheckedGraph) -> u64 {
        let passes = graph.work().saturating_mul(PASSES - 1); // one is counted for every claim
        passes.saturating_add(elements(graph).saturating_mul(COTANGENT))
    }

    fn live(&self, graph: &CheckedGraph) -> u64 {
        elements(graph).saturating_mul(2).saturating_add(beside(graph))
    }

    fn decide(&self, case: &Case, _: usize, limits: &Limits) -> Result<Facts, Diagnostic> {
        let (graph, scaled) = (&case.certificate.graph, self.tolerance.scaled());
        let recorded = &case.vectors.sources;
        let none = || "no gradient is listed".to_string();
        Code::NoCase.unless(!recorded.is_empty(), format!("/claim/gradients/{}", case.number), none)?;
        let source = |id: &usize| graph.nodes().get(*id).and_then(|node| node.op.source()).unwrap_or_default();
        forward::decided(case.certificate, forward::plan(case.certificate) + DEEPER, limits, |precision| {
            let real = Real::new(precision);
            let located = |located| finding(located).with("precision", precision.to_string());
            let values = all_values(graph, &real, &case.certificate.parameters, &case.points(&real)?);
            let values = values.map_err(located)?;
            let seeds = seeds(case, &real)?;
            let wanted: BTreeSet<usize> = recorded.keys().copied().collect();
            let exact = pullback(graph, &real, &values, seeds, &wanted).map_err(located)?;
            let lost = || Diagnostic::new(Code::Internal, "/claim/gradients", "a source has no gradient");
            Code::Internal.unless(exact.keys().eq(recorded.keys()), "/claim/gradients", || lost().message)?;
            let elements = recorded.iter().zip(exact.values()).flat_map(|((id, recorded), exact)| {
                let (kind, name) = source(id);
                let elements = Element::all(("gradients", case.number, group(kind)), name, recorded);
                elements.zip(exact.data()).map(|(element, ball): (_, &Ball)| (element, ball, None))
            });
            scaled.admit(elements, (Code::OutsideGradient, "the recorded gradient is outside its tolerance"), precision)
        })
    }

    fn sentence(&self, certificate: &Certificate) -> String {
        let sources: usize = certificate.claim.vectors.iter().map(|case| case.sources.len()).sum();
        format!(
            "for each of {} listed inputs x, every element g of the {sources} recorded gradients in all satisfies |g - s| <= {}, where s is the exact real value at x of the \
             transposed derivative applied to the stated cotangents (at kinks by the conventions of the format), in {}",
            certificate.cases(),
            self.tolerance.in_words().replace("(y)", "(g)").replace("|y|", "|g|"),
            model_in_words(certificate)
        )
    }

    fn states(&self) -> Option<Vec<(&'static str, Exact)>> {
        Some(self.tolerance.figures())
    }
}

/// Bits beyond those of the forward pass: the way back is as long.
const DEEPER: u64 = 32;

const NO_OUTPUT: EvalError = EvalError::Internal { what: "an output is no node" };

/// The cotangents of the outputs, by node: where any are listed, zeros of the others, so that no rule on their ways back is passed over.
pub(super) fn seeds<C: Context>(case: &Case, context: &C) -> Result<ById<C::Value>, Diagnostic> {
    let (graph, listed) = (&case.certificate.graph, &case.vectors.cotangents);
    let place = format!("/claim/cotangents/{}", case.number);
    let failed = |error: EvalError| Diagnostic::new(Code::NotFinite, &place, error.to_string());
    if !listed.is_empty() {
        let seed = |&id: &usize| {
            let Some(words) = listed.get(&id) else {
                let (zero, node) = (context.integer(0).map_err(failed)?, graph.nodes().get(id));
                let zeros = node.and_then(|node| Tensor::new(node.shape.clone(), vec![zero; node.shape.elements()]));
                return zeros.map(|zeros| (id, zeros)).ok_or_else(|| failed(NO_OUTPUT));
            };
            Ok((id, read(context, words).map_err(failed)?))
        };
        return graph.outputs().values().map(seed).collect();
    }
    let ids: BTreeSet<usize> = graph.outputs().values().copied().collect();
    let shape = |id: &usize| graph.nodes().get(*id).map(|node| node.shape.clone()).filter(|s| s.elements() == 1);
    let only = ids.first().filter(|_| graph.outputs().len() == 1).and_then(|id| Some((*id, shape(id)?)));
    let one = only.and_then(|(id, shape)| Some((id, Tensor::new(shape, vec![context.integer(1).ok()?])?)));
    let names: Vec<&String> = graph.outputs().keys().collect();
    let message = || format!("no cotangent is given, and the outputs {names:?} are not one number");
    one.map(|one| [one].into()).ok_or_else(|| Diagnostic::new(Code::Cotangent, "/claim", message()))
}
