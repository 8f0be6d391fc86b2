//! What rounding can do to the values, gradients and tangents of a random graph: the kernel's `Rounded` reading, applied forward, through the reverse rules, and differentiated.

#![allow(dead_code, reason = "each test binary uses a part")]

use crate::graphs::Case;
use std::collections::{BTreeMap, BTreeSet};
use tl_kernel::context::dual::{Dual, Pair};
use tl_kernel::context::real::Ball;
use tl_kernel::context::rounded::{Approximate, Rounded};
use tl_kernel::ir::Tensor;
use tl_kernel::ir::evaluate::{Named, read};
use tl_kernel::ir::reverse::{all_values, pullback};
use tl_kernel::number::Dyadic;

/// Units in the last place that an elementary function may be wrong by.
const LIBRARY: u64 = 4;

/// For every element of nodes an enclosure of the exact number, and what rounding may add to its distance.
pub(crate) type Bounds = BTreeMap<usize, Vec<(Ball, Dyadic)>>;

fn bounds(tensors: impl IntoIterator<Item = (usize, Tensor<Approximate>)>) -> Bounds {
    let of = |x: &Approximate| (x.exact().clone(), x.error().to_dyadic());
    tensors.into_iter().map(|(id, tensor)| (id, tensor.data().iter().map(of).collect())).collect()
}

/// Bounds of all values, and of the gradients of the nodes `wanted`; none where rounding could choose another branch.
pub(crate) fn both(case: &Case, cotangents: &Named<f32>, wanted: &BTreeSet<usize>) -> [Option<Bounds>; 2] {
    let rounded = Rounded::new(256, LIBRARY);
    let words = |tensor: &Tensor<u32>| read(&rounded, tensor).expect("finite data");
    let inputs = case.inputs.iter().map(|(name, tensor)| (name.clone(), words(tensor))).collect();
    let Ok(values) = all_values(&case.graph, &rounded, &case.parameters, &inputs) else { return [None, None] };
    let outputs = case.graph.outputs();
    let seeds = cotangents.iter().map(|(name, u)| (outputs[name], words(&u.map(|x| x.to_bits())))).collect();
    let gradients = pullback(&case.graph, &rounded, &values, seeds, wanted).ok().map(bounds);
    [Some(bounds(values)), gradients]
}

/// Bounds of the tangents of all nodes along `directions` of sources, by node, where one is not zero; none where rounding could choose another branch.
pub(crate) fn tangents(case: &Case, directions: &Named<f32>, sources: &BTreeMap<String, usize>) -> Option<Bounds> {
    let rounded = Rounded::new(256, LIBRARY);
    let words = |tensor: &Tensor<u32>| read(&rounded, tensor).expect("finite data");
    let mut pairs: Vec<Tensor<Pair<Approximate>>> = Vec::new();
    for (id, node) in case.graph.nodes().iter().enumerate() {
        let pair = match node.op.source() {
            Some((kind, name)) => {
                let values = words(if kind == "input" { &case.inputs[name] } else { &case.parameters[name] });
                let direction = sources
                    .iter()
                    .find(|&(_, &of)| of == id)
                    .map(|(name, _)| words(&directions[name].map(|x| x.to_bits())));
                let mut tangents = direction.iter().flat_map(|direction| direction.data()).cloned();
                values.map(|value| Pair { value: value.clone(), tangent: tangents.next() })
            }
            None => {
                let parents: Vec<&Tensor<_>> = node.parents.iter().map(|&parent| &pairs[parent]).collect();
                Tensor::new(node.shape.clone(), node.op.value(&Dual(&rounded), &parents, &node.shape).ok()?)?
            }
        };
        pairs.push(pair);
    }
    let tangent = |pair: &Pair<Approximate>| match &pair.tangent {
        Some(x) => (x.exact().clone(), x.error().to_dyadic()),
        None => (Ball::exact(Dyadic::zero()), Dyadic::zero()),
    };
    Some(pairs.iter().enumerate().map(|(id, pairs)| (id, pairs.data().iter().map(tangent).collect())).collect())
}
