//! Reverse mode: cotangents of a graph's sources, in one reading (Linnainmaa 1976).
//!
//! Claim: [`pullback`] is the composition of the operations' reverse rules ([`crate::spec::vjp`]) from the last node to the first: where every rule is the transposed derivative of its operation, so
//! is it of the graph. A value that is used twice gets the sum of both cotangents. Only nodes between a wanted source and a cotangent are visited.
//! All values stay alive, so memory is the sum of all shapes, twice.

use crate::context::{Context, EvalError};
use crate::ir::evaluate::{Cut, Located, Named, source};
use crate::ir::{CheckedGraph, Tensor};
use std::collections::{BTreeMap, BTreeSet};

/// Tensors by node id.
pub type ById<V> = BTreeMap<usize, Tensor<V>>;

/// The values of all nodes, by id.
pub fn all_values<C: Context>(
    graph: &CheckedGraph,
    context: &C,
    parameters: &Named<u32>,
    inputs: &Named<C::Value>,
) -> Result<ById<C::Value>, Located> {
    let given = |id| source(graph, id, context, parameters, inputs);
    Cut::of(graph, 0..graph.nodes().len(), |_| false).values(graph, |_| context, given)
}

/// The cotangents of the nodes `wanted`, from those of other nodes: `cotangents` by id, each in the shape of its node; `values` are those of all nodes.
pub fn pullback<C: Context>(
    graph: &CheckedGraph,
    context: &C,
    values: &ById<C::Value>,
    mut cotangents: ById<C::Value>,
    wanted: &BTreeSet<usize>,
) -> Result<ById<C::Value>, Located> {
    let mut leads = vec![false; graph.nodes().len()];
    for (id, node) in graph.nodes().iter().enumerate() {
        let needed = wanted.contains(&id) || node.parents.iter().any(|&p| leads.get(p) == Some(&true));
        leads.get_mut(id).into_iter().for_each(|leads| *leads = needed);
    }
    let mut found = BTreeMap::new();
    while let Some((id, dy)) = cotangents.pop_last() {
        let node = graph.nodes().get(id).ok_or(Located { node: id, op: "", error: MISSING })?;
        let at_node = |error| Located { node: id, op: node.op.name(), error };
        if wanted.contains(&id) {
            found.insert(id, dy.clone());
        }
        let asked: Vec<bool> = node.parents.iter().map(|&p| leads.get(p) == Some(&true)).collect();
        if !asked.contains(&true) {
            continue;
        }
        let parents: Option<Vec<_>> = node.parents.iter().map(|parent| values.get(parent)).collect();
        let (parents, y) = parents.zip(values.get(&id)).ok_or_else(|| at_node(MISSING))?;
        let of_parents = node.op.vjp(context, &parents, y, &dy, &asked).map_err(at_node)?;
        for (((&parent, x), asked), cotangent) in node.parents.iter().zip(&parents).zip(asked).zip(of_parents) {
            if !asked {
                continue;
            }
            let cotangent = cotangent.and_then(|values| Tensor::new(x.shape().clone(), values));
            let cotangent = cotangent.ok_or_else(|| at_node(MISSING))?;
            let total = match cotangents.remove(&parent) {
                None => cotangent,
                Some(earlier) => sum(context, &earlier, &cotangent).map_err(at_node)?,
            };
            cotangents.insert(parent, total);
        }
    }
    for &id in wanted {
        if let (None, Some(value)) = (found.get(&id), values.get(&id)) {
            // It leads to no cotangent.
            let zero = value.try_map(|_| context.integer(0));
            found.insert(id, zero.map_err(|error| Located { node: id, op: "", error })?);
        }
    }
    Ok(found)
}

fn sum<C: Context>(context: &C, a: &Tensor<C::Value>, b: &Tensor<C::Value>) -> Result<Tensor<C::Value>, EvalError> {
    let mut other = b.data().iter();
    a.try_map(|a| context.add(a, other.next().ok_or(MISSING)?))
}

const MISSING: EvalError = EvalError::Internal { what: "a node has no value or no cotangent" };
