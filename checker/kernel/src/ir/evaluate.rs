//! Reading a graph over a context: the denotation ⟦G⟧ in that reading.
//!
//! Claim: `evaluate` applies the value rule of every node, in order, to the values of its parents, and returns the values of the outputs.
//! Nothing else gives a graph meaning. Each value is dropped after its last use, so memory is what graph_c6 bounded.

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
/// reduction schedules may differ from node to node. `visit` sees every node's value as it is computed.
pub fn evaluate<'a, C: Context + 'a>(
    graph: &CheckedGraph,
    context: impl Fn(usize) -> &'a C,
    parameters: &Named<u32>,
    inputs: &Named<C::Value>,
    mut visit: impl FnMut(usize, &Tensor<C::Value>),
) -> Result<Named<C::Value>, Located> {
    let mut values: Vec<Option<Tensor<C::Value>>> = Vec::with_capacity(graph.nodes().len());
    for (id, node) in graph.nodes().iter().enumerate() {
        let context = context(id);
        let at_node = |error| Located { node: id, op: node.op.name(), error };
        let value = match &node.op {
            Op::Input(source) => inputs.get(&source.name).cloned().ok_or(MISSING),
            Op::Const(source) => {
                let words = parameters.get(&source.name).ok_or(MISSING);
                words.and_then(|words| words.try_map(|&word| context.datum(word)))
            }
            op => {
                let parents: Option<Vec<_>> = node.parents.iter().map(|&p| values.get(p)?.as_ref()).collect();
                let parents = parents.ok_or_else(|| at_node(EvalError::Internal { what: "a parent has no value" }))?;
                op.value(context, &parents, &node.shape)
                    .and_then(|data| Tensor::new(node.shape.clone(), data).ok_or(WRONG_SIZE))
            }
        };
        let value = value.map_err(at_node)?;
        if *value.shape() != node.shape {
            return Err(at_node(WRONG_SIZE));
        }
        visit(id, &value);
        values.push(Some(value));
        for &parent in &node.parents {
            if let Some(value) = values.get_mut(parent).filter(|_| graph.last_use(parent) == id) {
                *value = None;
            }
        }
    }
    let output = |(name, &id): (&String, &usize)| {
        let value = values.get(id).and_then(Option::as_ref).cloned();
        let missing = Located { node: id, op: "output", error: EvalError::Internal { what: "an output has no value" } };
        value.map(|value| (name.clone(), value)).ok_or(missing)
    };
    graph.outputs().iter().map(output).collect()
}

const MISSING: EvalError = EvalError::Internal { what: "a source has no tensor" };
const WRONG_SIZE: EvalError = EvalError::Internal { what: "a value does not fill its shape" };
