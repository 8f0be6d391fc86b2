//! Forward mode on a graph: tangents of all nodes, from those of sources.
//!
//! Kinks: an operation of one operand that is not differentiable everywhere (relu, abs, clamp …) acts element by element, so its derivative is its own transpose, and its reverse rule, with its
//! conventions, is the forward rule too. Everything else is its own value, differentiated ([`Dual`] over [`Branch`]).

use super::branch::Branch;
use crate::error::{Code, Error};
use crate::hardware::Hardware32;
use crate::tape::{Id, Run, Tape};
use std::collections::BTreeMap;
use tl_kernel::context::EvalError;
use tl_kernel::context::dual::{Dual, Pair};
use tl_kernel::ir::{CheckedGraph, Tensor};
use tl_kernel::spec::Op;

/// The tangents of all nodes; none stands for zero.
pub(super) fn tangents(
    run: &Run,
    graph: &CheckedGraph,
    tape: &Tape,
    directions: &BTreeMap<usize, Tensor<f32>>,
) -> Result<Vec<Option<Tensor<f32>>>, Error> {
    let mut moved: Vec<Option<Tensor<f32>>> = Vec::with_capacity(graph.nodes().len());
    for (id, node) in graph.nodes().iter().enumerate() {
        let of_parents: Vec<Option<&Tensor<f32>>> = node.parents.iter().map(|&p| moved[p].as_ref()).collect();
        let tangent = if node.op.is_source() {
            directions.get(&id).cloned()
        } else if of_parents.iter().all(Option::is_none) {
            None
        } else {
            let parents = node.parents.iter().map(|&p| tape.value(Id(p))).collect::<Result<Vec<_>, _>>()?;
            let y = tape.value(Id(id))?;
            let failed = |error: EvalError| {
                Error::new(Code::Evaluation, format!("node {id} ({}), forward", node.op.name()), error.to_string())
            };
            tangent(run.hardware(), &node.op, &parents, &of_parents, y).map_err(failed)?
        };
        moved.push(tangent);
    }
    Ok(moved)
}

/// The tangent of one operation with value `y`; none stands for zero.
pub(crate) fn tangent(
    hardware: &Hardware32,
    op: &Op,
    parents: &[&Tensor<f32>],
    tangents: &[Option<&Tensor<f32>>],
    y: &Tensor<f32>,
) -> Result<Option<Tensor<f32>>, EvalError> {
    if let ([Some(dx)], true) = (tangents, bends(op)) {
        let along = op.vjp(hardware, parents, y, dx, &[true])?.pop().flatten();
        return Ok(along.and_then(|values| Tensor::new(y.shape().clone(), values)));
    }
    let pairs: Vec<Tensor<Pair<f32>>> = parents.iter().zip(tangents).map(|(x, dx)| pair(x, *dx)).collect();
    let values = op.value(&Dual(&Branch(hardware)), &pairs.iter().collect::<Vec<_>>(), y.shape())?;
    let moves = values.iter().any(|pair| pair.tangent.is_some());
    let tangent = || Tensor::new(y.shape().clone(), values.iter().map(|pair| pair.tangent.unwrap_or(0.0)).collect());
    Ok(moves.then(tangent).flatten())
}

/// Values with their tangents.
pub(super) fn pair(x: &Tensor<f32>, dx: Option<&Tensor<f32>>) -> Tensor<Pair<f32>> {
    let mut dx = dx.map(|dx| dx.data().iter().copied());
    x.map(|&value| Pair { value, tangent: dx.as_mut().and_then(Iterator::next) })
}

/// Whether it is an operation of one operand, element by element, with a kink.
fn bends(op: &Op) -> bool {
    use Op::{Abs, Clamp, Elu, HardSigmoid, HardSwish, LeakyRelu, Relu};
    matches!(op, Abs(_) | Clamp(_) | Elu(_) | HardSigmoid(_) | HardSwish(_) | LeakyRelu(_) | Relu(_))
}

/// The sources that can be differentiated by, and the others. By the first no path enters an operation as labels, a mask or weights that it has no derivative by.
pub(super) fn differentiable(graph: &CheckedGraph) -> (Vec<usize>, Vec<usize>) {
    let nodes = graph.nodes();
    let mut blocked = vec![false; nodes.len()];
    for (id, node) in nodes.iter().enumerate().rev() {
        let all = blocked[id];
        for (at, &parent) in node.parents.iter().enumerate() {
            blocked[parent] |= all || !has_derivative(&node.op, at);
        }
    }
    (0..nodes.len()).filter(|&id| nodes[id].op.is_source()).partition(|&id| !blocked[id])
}

/// Whether an operation has a cotangent for one of its operands: for all but labels, masks and class weights.
fn has_derivative(op: &Op, operand: usize) -> bool {
    match op {
        Op::MaskedSoftmax(_) | Op::CrossEntropy(_) | Op::Nll(_) => operand == 0,
        Op::Cosine(_) => operand < 2,
        _ => true,
    }
}
