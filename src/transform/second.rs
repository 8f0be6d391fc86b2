//! Second derivatives, forward over reverse: the kernel's reverse pass over [`Dual`], whose tangents are then those of the gradient (Christianson 1992).

use super::branch::Branch;
use super::forward;
use crate::error::{Code, Error};
use crate::tape::{Id, Run, Tape};
use std::collections::{BTreeMap, BTreeSet};
use tl_kernel::context::dual::{Dual, Pair};
use tl_kernel::ir::reverse::{ById, pullback};
use tl_kernel::ir::{CheckedGraph, Tensor};

/// The derivative along `directions` of the gradient of node `of` by the nodes `wanted`.
pub(super) fn hvp(
    run: &Run,
    graph: &CheckedGraph,
    tape: &Tape,
    of: usize,
    directions: &BTreeMap<usize, Tensor<f32>>,
    wanted: &[usize],
) -> Result<BTreeMap<usize, Tensor<f32>>, Error> {
    let moved = forward::tangents(run, graph, tape, directions)?;
    let value = |(id, dx): (usize, &Option<Tensor<f32>>)| Ok((id, forward::pair(tape.value(Id(id))?, dx.as_ref())));
    let values = moved.iter().enumerate().map(value).collect::<Result<ById<Pair<f32>>, Error>>()?;
    let seed = tape.value(Id(of))?.map(|_| Pair::still(1.0));
    let wanted: BTreeSet<usize> = wanted.iter().copied().collect();
    let branch = Branch(run.hardware());
    let gradients = pullback(graph, &Dual(&branch), &values, [(of, seed)].into(), &wanted).map_err(|located| {
        let place = format!("node {} ({})", located.node, located.op);
        Error::new(Code::Gradient, place, located.error.to_string())
    })?;
    let tangent = |gradient: Tensor<Pair<f32>>| gradient.map(|pair| pair.tangent.unwrap_or(0.0));
    Ok(gradients.into_iter().map(|(id, gradient)| (id, tangent(gradient))).collect())
}
