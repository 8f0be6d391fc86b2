//! Lowering: from a checked graph to a program.
//!
//! Values keep the layout of the graph, except around convolutions and pools over two axes, where they are images (channels innermost, a halo for the padding).
//! What is fused: an affine layer or a convolution with the relu after it, an addition with the relu after it, and, where no gradient is wanted, a batch
//! normalisation with given statistics into the weights of the convolution before it. Where no gradient is wanted, what depends on constants alone is computed
//! here. Reshapes are names for the same memory; a flatten of an image is one too, where the layer that reads it can take its features in another order.

mod emit;
mod pattern;

use super::batches::{Affine, Copy, Moved, Specified, WRONG_SIZE};
use super::convolutions::{Convolve, Depthwise};
use super::images::{Arrange, Combine, Copied, Kind, Pointwise, Pooling};
use super::memory::Home;
use super::program::{Action, Step, Value};
use super::rows::{Apply, GivenNorm, Join, LayerNorm, Measure, Products, Softmax};
use super::weights::{Packing, Weights};
use crate::hardware::Hardware32;
use crate::ops::fast::convolution::Convolution;
use crate::ops::fast::image::Image;
use crate::ops::fast::pointwise::{Binary, Function};
use crate::ops::fast::pool::Pool;
use crate::ops::fast::product::Panels;
use std::collections::{BTreeMap, BTreeSet};
use tl_kernel::context::binary32::{Binary32, Environment};
use tl_kernel::context::{Context, EvalError};
use tl_kernel::ir::{CheckedGraph, Node, Shape, Tensor};
use tl_kernel::number::Exact;
use tl_kernel::spec::Op;
use tl_kernel::spec::batch_norm::Statistics;
use tl_kernel::spec::gelu::Form;

/// Where a parameter or an input is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source {
    /// In the weights of this number.
    Packed(usize, Packing),
    /// In the constant of this number, which is this value.
    Plain(usize, usize),
    /// In this value, an input.
    Input(usize),
}

/// What becomes of a graph.
#[derive(Debug, Default)]
pub(super) struct Lowered {
    pub(super) values: Vec<Value>,
    pub(super) steps: Vec<Step>,
    pub(super) constants: Vec<Vec<f32>>,
    pub(super) weights: Vec<Weights>,
    /// For every parameter and input, by node: where it is.
    pub(super) sources: BTreeMap<usize, Vec<Source>>,
    /// Inputs: names and values, in the order of their numbers.
    pub(super) inputs: Vec<(String, usize)>,
    /// Outputs: names and values.
    pub(super) outputs: Vec<(String, usize)>,
}

struct Lowering<'a> {
    graph: &'a CheckedGraph,
    parameters: &'a BTreeMap<usize, Vec<f32>>,
    training: bool,
    context: Hardware32,
    /// The nodes that read each node.
    readers: Vec<Vec<usize>>,
    /// For every node whether a gradient goes through it.
    slopes: Vec<bool>,
    /// The layout of the nodes that are images, or are read as such.
    images: BTreeMap<usize, Image>,
    /// Nodes whose own layout is that of an image.
    native: BTreeSet<usize>,
    /// The node that a fused node is part of.
    ends: BTreeMap<usize, usize>,
    plain: BTreeMap<usize, usize>,
    image: BTreeMap<usize, usize>,
    /// Values whose features are in the order of an image, channels innermost.
    permuted: BTreeMap<usize, Image>,
    /// Nodes that something fused has taken in.
    taken: BTreeSet<usize>,
    out: Lowered,
}

/// Lowers the graph; `parameters` are the values of its constants, by node, and `wanted` the sources that gradients are asked of, where any will be.
pub(super) fn lower(
    graph: &CheckedGraph,
    parameters: &BTreeMap<usize, Vec<f32>>,
    wanted: Option<&BTreeSet<usize>>,
    context: Hardware32,
) -> Result<Lowered, (usize, EvalError)> {
    let nodes = graph.nodes();
    let mut readers = vec![Vec::new(); nodes.len()];
    for (id, node) in nodes.iter().enumerate() {
        node.parents.iter().for_each(|&parent| readers[parent].push(id));
    }
    let mut slopes = vec![false; nodes.len()];
    for (id, node) in nodes.iter().enumerate() {
        slopes[id] = wanted.is_some_and(|wanted| wanted.contains(&id)) || node.parents.iter().any(|&p| slopes[p]);
    }
    let mut lowering = Lowering {
        graph,
        parameters,
        training: wanted.is_some(),
        context,
        readers,
        slopes,
        images: BTreeMap::new(),
        native: BTreeSet::new(),
        ends: BTreeMap::new(),
        plain: BTreeMap::new(),
        image: BTreeMap::new(),
        permuted: BTreeMap::new(),
        taken: BTreeSet::new(),
        out: Lowered::default(),
    };
    lowering.layouts();
    lowering.halos();
    for id in 0..nodes.len() {
        lowering.node(id).map_err(|error| (id, error))?;
    }
    for (name, &id) in graph.outputs() {
        let value = lowering.as_plain(id);
        lowering.out.outputs.push((name.clone(), value));
    }
    let read: BTreeSet<usize> = lowering.out.steps.iter().flat_map(|step| step.inputs.iter().copied()).collect();
    for (value, Value { source, .. }) in lowering.out.values.iter().enumerate() {
        let output = lowering.out.outputs.iter().any(|&(_, output)| output == value);
        if let (Home::Constant(index), false) = (source, output || read.contains(&value)) {
            lowering.out.constants[*index] = Vec::new(); // what was computed of it is known
        }
    }
    Ok(lowering.out)
}

/// The pair in a list of two.
fn pair(list: &[usize]) -> Option<[usize; 2]> {
    list.try_into().ok()
}

impl Lowering<'_> {
    fn at(&self, id: usize) -> &Node {
        &self.graph.nodes()[id]
    }

    fn dims(&self, id: usize) -> &[usize] {
        self.at(id).shape.dimensions()
    }

    /// The one node that reads it, where it is no output.
    fn only_reader(&self, id: usize) -> Option<usize> {
        let [reader] = self.readers[id][..] else { return None };
        (!self.graph.outputs().values().any(|&output| output == id)).then_some(reader)
    }

    /// The relu that alone reads it.
    fn relu_after(&self, id: usize) -> Option<usize> {
        self.only_reader(id).filter(|&reader| matches!(self.at(reader).op, Op::Relu(_)))
    }

    fn constant(&self, id: usize) -> Option<&[f32]> {
        self.parameters.get(&id).map(Vec::as_slice)
    }

    fn number(&self, exact: &Exact) -> Result<f32, EvalError> {
        self.context.constant(exact)
    }

    fn add_value(&mut self, each: usize, batch: usize, slope: bool) -> usize {
        self.out.values.push(Value { each, batch, source: Home::None, slope, leaf: false });
        self.out.values.len() - 1
    }

    fn add_step(&mut self, action: Action, inputs: Vec<usize>, output: usize, weights: Option<usize>, node: usize) {
        let mut inputs = inputs;
        // A value that is given twice is copied, so that its two cotangents have two places.
        for k in 1..inputs.len() {
            if inputs[..k].contains(&inputs[k]) {
                let Value { each, batch, slope, .. } = self.out.values[inputs[k]];
                let copy = self.add_value(each, batch, slope);
                let from = vec![inputs[k]];
                self.out.steps.push(Step {
                    action: Action::Image(Box::new(Copied)),
                    inputs: from,
                    output: copy,
                    weights: None,
                    node,
                });
                inputs[k] = copy;
            }
        }
        self.out.steps.push(Step { action, inputs, output, weights, node });
    }

    fn batch(&self, id: usize) -> usize {
        self.dims(id).first().copied().unwrap_or(1)
    }

    /// A value for the node, in the layout of the graph.
    fn plain_value(&mut self, id: usize) -> usize {
        let batch = self.batch(id);
        let value = self.add_value(self.at(id).shape.elements() / batch, batch, self.slopes[id]);
        self.plain.insert(id, value);
        value
    }

    /// A value for the node, as an image.
    fn image_value(&mut self, id: usize) -> usize {
        let (batch, size) = (self.batch(id), self.images[&id].size());
        let value = self.add_value(size, batch, self.slopes[id]);
        self.image.insert(id, value);
        value
    }

    /// The value of the node in the layout of the graph.
    fn as_plain(&mut self, id: usize) -> usize {
        if let Some(&value) = self.plain.get(&id) {
            return value;
        }
        let (from, image) = (self.image[&id], self.images[&id]);
        if image.size() == image.elements() && (image.channels == 1 || image.extent == [1, 1]) {
            self.plain.insert(id, from); // the two layouts are the same
            return from;
        }
        let to = self.plain_value(id);
        self.add_step(Action::Image(Box::new(Arrange { image, store: false })), vec![from], to, None, id);
        to
    }

    /// The value of the node as an image.
    fn as_image(&mut self, id: usize) -> usize {
        if let Some(&value) = self.image.get(&id) {
            return value;
        }
        let (from, image) = (self.plain[&id], self.images[&id]);
        if image.size() == image.elements() && (image.channels == 1 || image.extent == [1, 1]) {
            self.image.insert(id, from);
            return from;
        }
        let to = self.image_value(id);
        self.add_step(Action::Image(Box::new(Arrange { image, store: true })), vec![from], to, None, id);
        to
    }

    fn add_weights(&mut self, weights: Weights) -> usize {
        self.out.weights.push(weights);
        self.out.weights.len() - 1
    }

    /// Packs the constant of a node into weights, and says so.
    fn pack(&mut self, constant: usize, weights: usize, packing: Packing) {
        packing.pack(&self.parameters[&constant], &mut self.out.weights[weights]);
        if let Op::Const(_) = &self.at(constant).op {
            self.out.sources.entry(constant).or_default().push(Source::Packed(weights, packing));
        }
    }

    fn node(&mut self, id: usize) -> Result<(), EvalError> {
        if self.plain.contains_key(&id) || self.image.contains_key(&id) {
            return Ok(()); // the end of something fused
        }
        if self.taken.contains(&id) {
            return Ok(());
        }
        if self.ends.get(&id).is_some_and(|&end| end != id) && !self.begins(id) {
            return Ok(()); // the middle of something fused
        }
        let node = self.at(id).clone();
        match &node.op {
            Op::Input(source) => {
                let value = self.plain_value(id);
                self.out.values[value].source = Home::Input(self.out.inputs.len());
                self.out.values[value].leaf = self.slopes[id];
                self.out.sources.entry(id).or_default().push(Source::Input(value));
                self.out.inputs.push((source.name.clone(), value));
                return Ok(());
            }
            Op::Const(_) => {
                let packed = |reader: usize, this: &Self| {
                    if this.taken.contains(&reader) {
                        return true;
                    }
                    let weight = this.at(reader).parents.iter().position(|&p| p == id) != Some(0);
                    let folded =
                        this.ends.get(&reader).is_some_and(|_| this.folds(reader)) && this.native.contains(&reader);
                    let batch = matches!(&this.at(reader).op, Op::BatchNorm(norm) if norm.statistics == Statistics::Batch)
                        && this.normalises(reader);
                    let matrix = this.matrix(reader).is_some();
                    weight
                        && (folded
                            || batch
                            || matrix
                            || this.convolution(reader).is_some()
                            || matches!(this.at(reader).op, Op::Linear(_)) && this.is_affine(reader))
                };
                let output = self.graph.outputs().values().any(|&output| output == id);
                if output || self.readers[id].iter().any(|&reader| !packed(reader, self)) {
                    let (value, index) = self.constant_value(id, self.parameters[&id].clone());
                    self.out.values[value].leaf = self.slopes[id];
                    self.out.sources.entry(id).or_default().push(Source::Plain(index, value));
                }
                return Ok(());
            }
            _ => {}
        }
        if let Some(convolution) = self.convolution(id) {
            return self.lower_convolution(id, convolution);
        }
        if let Some(pool) = self.pool(id) {
            return self.lower_pool(id, pool);
        }
        if matches!(node.op, Op::Linear(_)) && self.is_affine(id) {
            return self.lower_affine(id);
        }
        if let Some([fan, out]) = self.matrix(id) {
            let x = self.as_plain(node.parents[0]);
            let rows = self.at(node.parents[0]).shape.elements() / fan;
            let bias = self.bias_after(id).map(|(_, _, bias)| bias);
            let vectors = bias.map(|_| vec![0.0; out]).into_iter().collect();
            let w = self.add_weights(Weights { panels: vec![Panels::zeros(fan, out)], vectors });
            self.pack(node.parents[1], w, Packing::Matrix);
            if let Some(bias) = bias {
                self.pack(bias, w, Packing::Vector(0));
            }
            let end = self.end(id);
            let to = self.plain_value(end);
            self.add_step(Action::Batch(Box::new(Affine::new(rows, false))), vec![x], to, Some(w), end);
            return Ok(());
        }
        if self.normalises(id) {
            return self.lower_norm(id, &node);
        }
        if let Some(function) = self.function(id)? {
            let parent = node.parents[0];
            let action = |images| Action::Image(Box::new(Pointwise { function, images }));
            if self.native.contains(&id) {
                let (from, images) = (self.as_image(parent), [self.images[&parent], self.images[&id]]);
                let to = self.image_value(id);
                self.add_step(action(Some(images)), vec![from], to, None, id);
            } else {
                let from = self.as_plain(parent);
                let to = self.plain_value(id);
                self.add_step(action(None), vec![from], to, None, id);
            }
            return Ok(());
        }
        if let Some(function) = self.binary(id) {
            let [a, b] = [node.parents[0], node.parents[1]];
            let end = self.end(id);
            let one = match (function, self.uniform(a), self.uniform(b)) {
                (Binary::Mul, None, Some(factor)) | (Binary::Mul, Some(factor), None) => {
                    Some(Function::Scale { factor })
                }
                (Binary::Add, None, Some(by)) | (Binary::Add, Some(by), None) => Some(Function::Shift { by }),
                _ => None,
            };
            if let (Some(function), false, true) = (one, self.native.contains(&id), end == id) {
                let from = if self.uniform(b).is_some() { a } else { b };
                let (from, to) = (self.as_plain(from), self.plain_value(id));
                self.add_step(Action::Image(Box::new(Pointwise { function, images: None })), vec![from], to, None, id);
                return Ok(());
            }
            let action = |images| Action::Image(Box::new(Combine { function, relu: end != id, images }));
            if self.native.contains(&id) && self.images.contains_key(&a) && self.images.contains_key(&b) {
                let (x, y) = (self.as_image(a), self.as_image(b));
                let images = [self.images[&a], self.images[&b], self.images[&end]];
                let to = self.image_value(end);
                self.add_step(action(Some(images)), vec![x, y], to, None, end);
            } else {
                let (x, y) = (self.as_plain(a), self.as_plain(b));
                let to = self.plain_value(end);
                self.add_step(action(None), vec![x, y], to, None, end);
            }
            return Ok(());
        }
        self.lower_other(id, &node)
    }

    /// Whether something fused begins at this node.
    fn begins(&self, id: usize) -> bool {
        !self
            .at(id)
            .parents
            .iter()
            .any(|parent| self.ends.get(parent) == self.ends.get(&id) && self.ends.contains_key(parent))
    }

    /// A value that is known: a parameter, or what was computed of some; the value, and the number of the constant.
    fn constant_value(&mut self, id: usize, data: Vec<f32>) -> (usize, usize) {
        let (value, index) = (self.plain_value(id), self.out.constants.len());
        self.out.constants.push(data);
        self.out.values[value].source = Home::Constant(index);
        (value, index)
    }
}
