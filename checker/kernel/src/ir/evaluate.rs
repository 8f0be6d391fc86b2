//! Evaluation: the graph, node after node, in one reading.
//!
//! Claim: [`evaluate`] applies every operation's specification to the values of its parents, in the order of the nodes, and returns the values of the outputs.
//! [`Cut::values`] does so for a part of the graph, where the values of some nodes are given. Nothing else gives a graph meaning. Each value is dropped after its
//! last use, so memory is what graph_c6 bounded.

use crate::context::{Context, EvalError};
use crate::ir::{CheckedGraph, Tensor};
use crate::spec::Op;
use std::collections::BTreeMap;

/// Tensors by name.
pub type Named<V> = BTreeMap<String, Tensor<V>>;

/// An evaluation error and the node where it arose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    /// Id of the node.
    pub node: usize,
    /// Name of its operation.
    pub op: &'static str,
    /// What went wrong there.
    pub error: EvalError,
}

/// The outputs of the graph, by name. `context(id)` is the reading of node `id`: one for the whole graph, except that
/// reduction schedules may differ from node to node.
pub fn evaluate<'a, C: Context + 'a>(
    graph: &CheckedGraph,
    context: impl Fn(usize) -> &'a C,
    parameters: &Named<u32>,
    inputs: &Named<C::Value>,
) -> Result<Named<C::Value>, Located> {
    let cut = Cut::of(graph, graph.outputs().values().copied(), |_| false);
    let values = cut.values(graph, &context, |id| source(graph, id, context(id), parameters, inputs))?;
    let missing = |node| Located { node, op: "output", error: EvalError::Internal { what: "an output has no value" } };
    let output =
        |(name, id): (&String, &usize)| Ok((name.clone(), values.get(id).cloned().ok_or_else(|| missing(*id))?));
    graph.outputs().iter().map(output).collect()
}

/// The tensor of a source, or why the reading has none.
pub type Read<C> = Result<Tensor<<C as Context>::Value>, EvalError>;

/// Words in a reading.
pub fn read<C: Context>(context: &C, words: &Tensor<u32>) -> Read<C> {
    words.try_map(|&word| context.datum(word))
}

/// The tensor of node `id` where that is a source.
pub fn source<C: Context>(
    graph: &CheckedGraph,
    id: usize,
    context: &C,
    parameters: &Named<u32>,
    inputs: &Named<C::Value>,
) -> Option<Read<C>> {
    match &graph.nodes().get(id)?.op {
        Op::Input(input) => Some(inputs.get(&input.name).cloned().ok_or(MISSING)),
        Op::Const(parameter) => {
            Some(parameters.get(&parameter.name).ok_or(MISSING).and_then(|words| read(context, words)))
        }
        _ => None,
    }
}

/// What some nodes depend on, down to the nodes whose values are given: ids, with that of the last node here that uses the value.
#[derive(Clone, Debug)]
pub struct Cut(BTreeMap<usize, usize>);

impl Cut {
    /// The part of the graph that `targets` depend on; `given` says at which nodes it ends. Cost: its size.
    pub fn of(graph: &CheckedGraph, targets: impl Iterator<Item = usize>, given: impl Fn(usize) -> bool) -> Self {
        // From the last node down, so that the first to ask for a value is the last to use it.
        let mut open: BTreeMap<usize, usize> = targets.map(|id| (id, usize::MAX)).collect();
        let mut cut = BTreeMap::new();
        while let Some((id, last_use)) = open.pop_last() {
            cut.insert(id, last_use);
            for &parent in graph.nodes().get(id).filter(|_| !given(id)).iter().flat_map(|node| &node.parents) {
                open.entry(parent).or_insert(id);
            }
        }
        Cut(cut)
    }

    /// The ids, in order.
    pub fn ids(&self) -> impl Iterator<Item = usize> {
        self.0.keys().copied()
    }

    /// The values of the targets, where `given(id)` are those of the nodes at which the cut ends, the sources among them.
    pub fn values<'a, C: Context + 'a>(
        &self,
        graph: &CheckedGraph,
        context: impl Fn(usize) -> &'a C,
        given: impl Fn(usize) -> Option<Read<C>>,
    ) -> Result<BTreeMap<usize, Tensor<C::Value>>, Located> {
        let mut values: BTreeMap<usize, Tensor<C::Value>> = BTreeMap::new();
        for &id in self.0.keys() {
            let node = graph.nodes().get(id).ok_or(Located { node: id, op: "", error: MISSING })?;
            let (context, at_node) = (context(id), |error| Located { node: id, op: node.op.name(), error });
            let value = match given(id) {
                Some(given) => given,
                None if node.op.is_source() => Err(MISSING),
                None => {
                    let parents: Option<Vec<_>> = node.parents.iter().map(|parent| values.get(parent)).collect();
                    let no_value = || at_node(EvalError::Internal { what: "a parent has no value" });
                    node.op
                        .value(context, &parents.ok_or_else(no_value)?, &node.shape)
                        .and_then(|data| Tensor::new(node.shape.clone(), data).ok_or(WRONG_SIZE))
                }
            };
            let value = value.map_err(at_node)?;
            if *value.shape() != node.shape {
                return Err(at_node(WRONG_SIZE));
            }
            values.insert(id, value);
            for parent in &node.parents {
                if self.0.get(parent) == Some(&id) {
                    values.remove(parent);
                }
            }
        }
        Ok(values)
    }
}

const MISSING: EvalError = EvalError::Internal { what: "a source has no tensor" };
const WRONG_SIZE: EvalError = EvalError::Internal { what: "a value does not fill its shape" };
