//! Lowering: from a checked graph to a program.
//!
//! Values keep the layout of the graph, except around convolutions and pools over two axes, where they are images (channels innermost, a halo for the padding).
//! What is fused: an affine layer or a convolution with the relu after it, an addition with the relu after it, and, where no gradient is wanted, a batch
//! normalisation with given statistics into the weights of the convolution before it. Where no gradient is wanted, what depends on constants alone is computed
//! here. Reshapes are names for the same memory; a flatten of an image is one too, where the layer that reads it can take its features in another order.

use super::batches::{Affine, Copy, Moved, Specified};
use super::images::{Arrange, Combine, Convolve, Copied, Depthwise, Kind, Pointwise, Pooling};
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

/// Where a parameter is packed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source {
    /// In the weights of this number.
    Packed(usize, Packing),
    /// In the constant of this number, which is this value.
    Plain(usize, usize),
}

/// What becomes of a graph.
#[derive(Debug, Default)]
pub(super) struct Lowered {
    pub(super) values: Vec<Value>,
    pub(super) steps: Vec<Step>,
    pub(super) constants: Vec<Vec<f32>>,
    pub(super) weights: Vec<Weights>,
    /// For every parameter that a gradient is wanted of: where it is packed.
    pub(super) sources: BTreeMap<String, Vec<Source>>,
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

/// Lowers the graph; `parameters` are the values of its constants, by node.
pub(super) fn lower(
    graph: &CheckedGraph,
    parameters: &BTreeMap<usize, Vec<f32>>,
    training: bool,
    context: Hardware32,
) -> Result<Lowered, (usize, EvalError)> {
    let nodes = graph.nodes();
    let mut readers = vec![Vec::new(); nodes.len()];
    for (id, node) in nodes.iter().enumerate() {
        node.parents.iter().for_each(|&parent| readers[parent].push(id));
    }
    let mut slopes = vec![false; nodes.len()];
    for (id, node) in nodes.iter().enumerate() {
        slopes[id] =
            training && (matches!(node.op, Op::Const(_) | Op::Input(_)) || node.parents.iter().any(|&p| slopes[p]));
        if matches!(node.op, Op::Input(_)) {
            slopes[id] = false;
        }
    }
    let mut lowering = Lowering {
        graph,
        parameters,
        training,
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

    /// The sizes of a convolution that has fast code.
    fn convolution(&self, id: usize) -> Option<Convolution> {
        let node = self.at(id);
        let Op::Conv(conv) = &node.op else { return None };
        let (&x, &w) = (node.parents.first()?, node.parents.get(1)?);
        let (&[_, channels, h, wide], &[out, _, kh, kw]) = (self.dims(x), self.dims(w)) else { return None };
        let &[_, _, oh, ow] = self.dims(id) else { return None };
        let constants = node.parents[1..].iter().all(|&p| matches!(self.at(p).op, Op::Const(_)));
        constants.then_some(Convolution {
            input: self.images.get(&x).copied().unwrap_or(Image::new(channels, [h, wide])),
            output: Image::new(out, [oh, ow]),
            kernel: [kh, kw],
            stride: pair(&conv.stride)?,
            dilation: pair(&conv.dilation)?,
            pad: pair(&conv.pad_before)?,
            groups: conv.groups,
        })
    }

    fn pool(&self, id: usize) -> Option<Pool> {
        let node = self.at(id);
        let x = *node.parents.first()?;
        let (&[_, channels, h, w], &[_, _, oh, ow]) = (self.dims(x), self.dims(id)) else { return None };
        let (kernel, stride, dilation, pad) = match &node.op {
            Op::MaxPool(p) => (&p.kernel, &p.stride, &p.dilation, &p.pad_before),
            Op::AvgPool(p) => (&p.kernel, &p.stride, &p.dilation, &p.pad_before),
            Op::GlobalAvgPool(_) => {
                let whole = Pool {
                    input: Image::new(channels, [h, w]),
                    output: Image::new(channels, [1, 1]),
                    kernel: [h, w],
                    stride: [1, 1],
                    dilation: [1, 1],
                    pad: [0, 0],
                };
                return Some(whole);
            }
            _ => return None,
        };
        Some(Pool {
            input: Image::new(channels, [h, w]),
            output: Image::new(channels, [oh, ow]),
            kernel: pair(kernel)?,
            stride: pair(stride)?,
            dilation: pair(dilation)?,
            pad: pair(pad)?,
        })
    }

    /// Whether it is a batch normalisation of images with fast code: of a batch, or by given statistics where no gradient is wanted.
    fn normalises(&self, id: usize) -> bool {
        let node = self.at(id);
        let Op::BatchNorm(norm) = &node.op else { return false };
        let constant = node.parents[1..].iter().all(|&p| matches!(self.at(p).op, Op::Const(_)));
        let given = norm.statistics == Statistics::Given;
        constant && self.native.contains(&node.parents[0]) && !(given && self.training)
    }

    /// The matrix [k, n] by which a product multiplies, where it is a constant.
    fn matrix(&self, id: usize) -> Option<[usize; 2]> {
        let node = self.at(id);
        let [x, w] = node.parents[..] else { return None };
        let constant =
            matches!(node.op, Op::Matmul(_)) && matches!(self.at(w).op, Op::Const(_)) && self.dims(x).len() > 1;
        pair(self.dims(w)).filter(|_| constant)
    }

    /// The vector that an addition after a product adds to every row: the addition, the broadcast in between, and the constant.
    fn bias_after(&self, id: usize) -> Option<(usize, usize, usize)> {
        let bare = matches!(self.at(id).op, Op::Linear(_)) && self.at(id).parents.len() == 2 && self.is_affine(id);
        let columns = if bare { *self.dims(id).last()? } else { self.matrix(id)?[1] };
        let add = self.only_reader(id).filter(|&reader| matches!(self.at(reader).op, Op::Add(_)))?;
        let other = *self.at(add).parents.iter().find(|&&p| p != id)?;
        let from = *self.at(other).parents.first().filter(|_| matches!(self.at(other).op, Op::Broadcast(_)))?;
        let row = self.dims(from).last() == Some(&columns) && self.at(from).shape.elements() == columns;
        let fits = row && matches!(self.at(from).op, Op::Const(_)) && self.only_reader(other) == Some(add);
        fits.then_some((add, other, from))
    }

    /// The one value of a constant that has no other.
    fn uniform(&self, id: usize) -> Option<f32> {
        let Home::Constant(index) = self.out.values[*self.plain.get(&id)?].source else { return None };
        let (&first, rest) = self.out.constants[index].split_first().filter(|_| !self.training)?;
        rest.iter().all(|value| value.to_bits() == first.to_bits()).then_some(first)
    }

    fn function(&self, id: usize) -> Result<Option<Function>, EvalError> {
        Ok(Some(match &self.at(id).op {
            Op::Relu(_) => Function::Relu,
            Op::LeakyRelu(op) => Function::LeakyRelu { slope: self.number(&op.slope)? },
            Op::Elu(op) => Function::Elu { alpha: self.number(&op.alpha)? },
            Op::Neg(_) => Function::Neg,
            Op::Abs(_) => Function::Abs,
            Op::Scale(op) => Function::Scale { factor: self.number(&op.factor)? },
            Op::Clamp(op) => {
                let end = |end: &[Exact], none| end.first().map_or(Ok(none), |end| self.number(end));
                Function::Clamp { lo: end(&op.lo, f32::NEG_INFINITY)?, hi: end(&op.hi, f32::INFINITY)? }
            }
            Op::Exp(_) => Function::Exp,
            Op::Sqrt(_) => Function::Sqrt,
            Op::Rsqrt(_) => Function::Rsqrt,
            Op::Reciprocal(_) => Function::Reciprocal,
            Op::Tanh(_) => Function::Tanh,
            Op::Sigmoid(_) => Function::Sigmoid,
            Op::Silu(_) => Function::Silu,
            Op::Erf(_) => Function::Erf,
            Op::Gelu(op) if op.form == Form::Erf => Function::GeluErf,
            Op::Gelu(_) => Function::GeluTanh,
            _ => return Ok(None),
        }))
    }

    fn binary(&self, id: usize) -> Option<Binary> {
        match &self.at(id).op {
            Op::Add(_) => Some(Binary::Add),
            Op::Sub(_) => Some(Binary::Sub),
            Op::Mul(_) => Some(Binary::Mul),
            Op::Div(_) => Some(Binary::Div),
            _ => None,
        }
    }

    /// Which nodes are images, and which are fused.
    fn layouts(&mut self) {
        for id in 0..self.graph.nodes().len() {
            let parents = self.at(id).parents.clone();
            let image = |this: &Self, id: usize| match *this.dims(id) {
                [_, c, h, w] => Some(Image::new(c, [h, w])),
                _ => None,
            };
            let is_image = parents.iter().any(|p| self.native.contains(p));
            let fast = self.convolution(id).is_some()
                || self.pool(id).is_some()
                || self.normalises(id)
                || is_image && matches!(self.function(id), Ok(Some(_)))
                || is_image && self.binary(id).is_some();
            let fused = self.ends.contains_key(&id);
            if let (true, Some(layout)) = (fast || fused && is_image, image(self, id)) {
                self.native.insert(id);
                self.images.insert(id, layout);
                for &parent in &parents {
                    let weight = matches!(self.at(parent).op, Op::Const(_)) && self.binary(id).is_none();
                    if let Some(layout) = image(self, parent).filter(|_| !weight) {
                        self.images.entry(parent).or_insert(layout);
                    }
                }
            }
            if fused {
                continue;
            }
            let mut end = id;
            if self.convolution(id).is_some() {
                if let Some(norm) = self.only_reader(id).filter(|&norm| self.folds(norm)) {
                    end = norm;
                }
                end = self.relu_after(end).unwrap_or(end);
            } else if let Some((add, broadcast, _)) = self.bias_after(id) {
                end = add;
                self.taken.insert(broadcast);
            } else if matches!(&self.at(id).op, Op::BatchNorm(norm) if norm.statistics == Statistics::Batch)
                && self.normalises(id)
                || matches!(self.at(id).op, Op::Linear(_)) && self.is_affine(id)
                || matches!(self.at(id).op, Op::Add(_)) && is_image
            {
                end = self.relu_after(id).unwrap_or(id);
            }
            let mut part = id;
            while part != end {
                self.ends.insert(part, end);
                part = self.readers[part][0];
            }
            self.ends.insert(end, end);
            if end == id {
                self.ends.remove(&id);
            }
        }
    }

    /// Whether it is a batch normalisation that goes into the weights before it.
    fn folds(&self, id: usize) -> bool {
        let node = self.at(id);
        let given = matches!(&node.op, Op::BatchNorm(norm) if norm.statistics == Statistics::Given);
        given && !self.training && node.parents[1..].iter().all(|&p| self.constant(p).is_some())
    }

    /// Whether it is an affine layer with constant weights.
    fn is_affine(&self, id: usize) -> bool {
        self.at(id).parents[1..].iter().all(|&p| matches!(self.at(p).op, Op::Const(_)))
    }

    /// The node that holds the result of what begins at this node.
    fn end(&self, id: usize) -> usize {
        self.ends.get(&id).copied().unwrap_or(id)
    }

    fn halos(&mut self) {
        for id in 0..self.graph.nodes().len() {
            let Some(convolution) = self.convolution(id) else { continue };
            let x = self.at(id).parents[0];
            let (before, after) = convolution.halo();
            if let Some(image) = self.images.get_mut(&x) {
                image.widen(before, after);
            }
            if self.training && convolution.turns() {
                let plain = Convolution {
                    input: Image::new(convolution.input.channels, convolution.input.extent),
                    ..convolution
                };
                let (before, after) = plain.turned().halo();
                let end = self.end(id);
                if let Some(image) = self.images.get_mut(&end) {
                    image.widen(before, after);
                }
            }
        }
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
        if let Op::Const(source) = &self.at(constant).op {
            self.out.sources.entry(source.name.clone()).or_default().push(Source::Packed(weights, packing));
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
                self.out.inputs.push((source.name.clone(), value));
                return Ok(());
            }
            Op::Const(source) => {
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
                    let name = source.name.clone();
                    self.constant_value(id, self.parameters[&id].clone(), Some(name));
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

    /// A value that is known: a parameter, by its name, or what was computed of some.
    fn constant_value(&mut self, id: usize, data: Vec<f32>, name: Option<String>) {
        let value = self.plain_value(id);
        let index = self.out.constants.len();
        self.out.constants.push(data);
        self.out.values[value].source = Home::Constant(index);
        if let Some(name) = name {
            self.out.values[value].leaf = self.training;
            self.out.sources.entry(name).or_default().push(Source::Plain(index, value));
        }
    }

    fn lower_convolution(&mut self, id: usize, mut convolution: Convolution) -> Result<(), EvalError> {
        let (node, end) = (self.at(id).clone(), self.end(id));
        let x = self.as_image(node.parents[0]);
        convolution.input = self.images[&node.parents[0]];
        convolution.output = self.images[&end];
        let norm = self
            .only_reader(id)
            .filter(|&norm| self.folds(norm) && self.ends.get(&id) == Some(&self.end(norm)) && end != id);
        let relu = matches!(self.at(end).op, Op::Relu(_)) && end != id;
        let cells = convolution.kernel[0] * convolution.kernel[1];
        let depthwise = convolution.is_depthwise();
        let out = convolution.output.channels;
        let biased = node.parents.len() > 2 || norm.is_some();
        let mut weights = Weights::default();
        if depthwise {
            weights.vectors.push(vec![0.0; cells * out]);
        }
        weights.vectors.extend(biased.then(|| vec![0.0; out]));
        let bias_at = usize::from(depthwise);
        let w = self.add_weights(weights);
        let packing = if depthwise { Packing::Depthwise(cells) } else { Packing::Convolution(convolution) };
        if let Some(norm) = norm {
            let (weight, bias) = self.folded(&node, norm)?;
            packing.pack(&weight, &mut self.out.weights[w]);
            Packing::Vector(bias_at).pack(&bias, &mut self.out.weights[w]);
        } else {
            self.pack(node.parents[1], w, packing);
            if let Some(&bias) = node.parents.get(2) {
                self.pack(bias, w, Packing::Vector(bias_at));
            }
        }
        let to = self.image_value(end);
        let action: Action = if depthwise {
            Action::Image(Box::new(Depthwise { convolution, relu }))
        } else {
            Action::Image(Box::new(Convolve::new(convolution, relu)))
        };
        self.add_step(action, vec![x], to, Some(w), end);
        Ok(())
    }

    /// Weight and bias of a convolution with the batch normalisation after it: w · g and (b − μ) · g + β with g = γ/√(σ² + ε).
    fn folded(&self, conv: &Node, norm: usize) -> Result<(Vec<f32>, Vec<f32>), EvalError> {
        const MISSING: EvalError = EvalError::Internal { what: "a folded normalisation lacks a parameter" };
        let Op::BatchNorm(op) = &self.at(norm).op else { return Err(MISSING) };
        let epsilon = f64::from(self.number(&op.epsilon)?);
        let [_, gamma, beta, mean, var] = self.at(norm).parents[..] else { return Err(MISSING) };
        let of = |id: usize| self.constant(id).ok_or(MISSING);
        let (gamma, beta, mean, var) = (of(gamma)?, of(beta)?, of(mean)?, of(var)?);
        let gains: Vec<f64> =
            gamma.iter().zip(var).map(|(&g, &v)| f64::from(g) / (f64::from(v) + epsilon).sqrt()).collect();
        let weight = of(conv.parents[1])?;
        let each = weight.len() / gains.len();
        let scaled = weight
            .chunks_exact(each)
            .zip(&gains)
            .flat_map(|(row, &g)| row.iter().map(move |&w| (f64::from(w) * g) as f32));
        let old = conv.parents.get(2).map(|&bias| of(bias)).transpose()?;
        let bias = (0..gains.len()).map(|o| {
            let old = old.map_or(0.0, |old| f64::from(old[o]));
            ((old - f64::from(mean[o])) * gains[o] + f64::from(beta[o])) as f32
        });
        Ok((scaled.collect(), bias.collect()))
    }

    fn lower_pool(&mut self, id: usize, mut pool: Pool) -> Result<(), EvalError> {
        let node = self.at(id).clone();
        let x = self.as_image(node.parents[0]);
        pool.input = self.images[&node.parents[0]];
        pool.output = self.images[&id];
        let kind = match &node.op {
            Op::MaxPool(_) => Kind::Max,
            Op::AvgPool(op) if op.count_include_pad || !op.divisor.is_empty() => {
                // The mean of ones is the number of cells seen, divided by the divisor.
                let shape = |[h, w]: [usize; 2]| Shape::new(vec![1, 1, h, w]).map_err(|_| super::batches::WRONG_SIZE);
                let (from, to) = (shape(pool.input.extent)?, shape(pool.output.extent)?);
                let ones = Tensor::new(from.clone(), vec![1.0; from.elements()]).ok_or(super::batches::WRONG_SIZE)?;
                let means = node.op.value(&self.context, &[&ones], &to)?;
                let counts = pool.counts();
                let whole = |divisor: f64| if op.divisor.is_empty() { divisor.round() } else { divisor };
                let divisors =
                    means.iter().zip(counts).map(|(&mean, seen)| whole(seen as f64 / f64::from(mean)) as f32);
                Kind::Mean(Some(divisors.collect()))
            }
            _ => Kind::Mean(None),
        };
        let to = self.image_value(id);
        self.add_step(Action::Image(Box::new(Pooling { pool, kind })), vec![x], to, None, id);
        Ok(())
    }

    fn lower_norm(&mut self, id: usize, node: &Node) -> Result<(), EvalError> {
        let (end, Op::BatchNorm(norm)) = (self.end(id), &node.op) else { return Ok(()) };
        let epsilon = self.number(&norm.epsilon)?;
        let mut inputs = vec![self.as_image(node.parents[0])];
        let (input, output) = (self.images[&node.parents[0]], self.images[&end]);
        if norm.statistics == Statistics::Given {
            for &parent in &node.parents[1..] {
                inputs.push(self.as_plain(parent));
            }
            let to = self.image_value(id);
            self.add_step(Action::Batch(Box::new(GivenNorm { input, output, epsilon })), inputs, to, None, id);
            return Ok(());
        }
        let w = self.add_weights(Weights { panels: Vec::new(), vectors: vec![vec![0.0; input.channels]; 2] });
        for (index, &parent) in node.parents[1..].iter().enumerate() {
            self.pack(parent, w, Packing::Vector(index));
        }
        let (batch, slope) = (self.batch(id), self.slopes[id]);
        let measured = self.add_value(2 * input.channels, batch, slope);
        self.add_step(Action::Image(Box::new(Measure(input))), inputs.clone(), measured, None, id);
        let joined = self.add_value(2 * input.channels, batch, slope);
        self.add_step(Action::Batch(Box::new(Join { image: input, epsilon })), vec![measured], joined, None, id);
        let to = self.image_value(end);
        inputs.push(joined);
        self.add_step(Action::Image(Box::new(Apply { input, output, relu: end != id })), inputs, to, Some(w), end);
        Ok(())
    }

    /// What works on rows and has fast code.
    fn rows(&self, node: &Node, shapes: &[Shape]) -> Result<Option<Action>, EvalError> {
        let dims = |k: usize| shapes.get(k).map_or(&[][..], Shape::dimensions);
        let width = dims(0).last().copied().unwrap_or(1);
        let last = |axis: usize| axis + 1 == dims(0).len();
        Ok(match &node.op {
            Op::Softmax(op) if last(op.axis) => Some(Action::Batch(Box::new(Softmax { width, logarithm: false }))),
            Op::LogSoftmax(op) if last(op.axis) => Some(Action::Batch(Box::new(Softmax { width, logarithm: true }))),
            Op::LayerNorm(op) if !self.training => {
                let width = dims(0)[op.axis..].iter().product();
                Some(Action::Batch(Box::new(LayerNorm { width, epsilon: self.number(&op.epsilon)? })))
            }
            Op::Matmul(_) => match (dims(0), dims(1)) {
                ([a @ .., m, k], [b @ .., _, n]) if a == b => {
                    Some(Action::Batch(Box::new(Products { count: a.iter().product(), sizes: [*m, *k, *n] })))
                }
                _ => None,
            },
            _ => None,
        })
    }

    fn lower_affine(&mut self, id: usize) -> Result<(), EvalError> {
        let (node, end) = (self.at(id).clone(), self.end(id));
        let x = self.as_plain(node.parents[0]);
        let &[out, fan] = self.dims(node.parents[1]) else { return Err(super::batches::WRONG_SIZE) };
        let rows = self.at(id).shape.elements() / out;
        let after = self.bias_after(id).filter(|&(add, _, _)| add == end).map(|(_, _, bias)| bias);
        let bias = node.parents.get(2).copied().or(after);
        let vectors = bias.map(|_| vec![0.0; out]).into_iter().collect();
        let w = self.add_weights(Weights { panels: vec![Panels::zeros(fan, out)], vectors });
        self.pack(node.parents[1], w, Packing::Linear(self.permuted.get(&x).copied()));
        if let Some(bias) = bias {
            self.pack(bias, w, Packing::Vector(0));
        }
        let relu = matches!(self.at(end).op, Op::Relu(_));
        let to = self.plain_value(end);
        self.add_step(Action::Batch(Box::new(Affine::new(rows, relu))), vec![x], to, Some(w), end);
        Ok(())
    }

    /// Whether a reshape of an image to rows may keep the order of the image.
    fn keeps_order(&self, id: usize, parent: usize) -> Option<Image> {
        let image = *self.images.get(&parent)?;
        let rows =
            matches!(self.dims(id), &[batch, features] if batch == self.batch(parent) && features == image.elements());
        let readers = !self.readers[id].is_empty()
            && self.readers[id]
                .iter()
                .all(|&r| matches!(self.at(r).op, Op::Linear(_)) && self.is_affine(r) && self.at(r).parents[0] == id);
        let output = self.graph.outputs().values().any(|&output| output == id);
        (rows && readers && !output && image.size() == image.elements() && self.native.contains(&parent))
            .then_some(image)
    }

    fn lower_other(&mut self, id: usize, node: &Node) -> Result<(), EvalError> {
        let parents = &node.parents;
        let known = |this: &Self, p: usize| {
            this.plain.get(&p).and_then(|&value| match this.out.values[value].source {
                Home::Constant(index) => Some(this.out.constants[index].clone()),
                _ => None,
            })
        };
        if !self.training && !parents.is_empty() {
            let data: Option<Vec<Vec<f32>>> = parents.iter().map(|&p| known(self, p)).collect();
            if let Some(data) = data {
                let tensors = parents.iter().zip(data).map(|(&p, data)| Tensor::new(self.at(p).shape.clone(), data));
                let tensors = tensors.collect::<Option<Vec<_>>>().ok_or(super::batches::WRONG_SIZE)?;
                let values = node.op.value(&self.context, &tensors.iter().collect::<Vec<_>>(), &node.shape)?;
                self.constant_value(id, values, None);
                return Ok(());
            }
        }
        if matches!(node.op, Op::Reshape(_) | Op::Flatten(_)) {
            if let Some(image) = self.keeps_order(id, parents[0]) {
                let value = self.image[&parents[0]];
                self.plain.insert(id, value);
                self.permuted.insert(value, image);
                return Ok(());
            }
            let from = self.as_plain(parents[0]);
            if self.batch(id) == self.batch(parents[0]) {
                self.plain.insert(id, from);
            } else {
                let to = self.plain_value(id);
                self.add_step(Action::Batch(Box::new(Copy)), vec![from], to, None, id);
            }
            return Ok(());
        }
        let inputs: Vec<usize> = parents.iter().map(|&p| self.as_plain(p)).collect();
        let shapes: Vec<Shape> = parents.iter().map(|&p| self.at(p).shape.clone()).collect();
        let (moved, rows) = (self.moved(node, &shapes)?, self.rows(node, &shapes)?);
        let to = self.plain_value(id);
        let action: Action = match (moved, rows) {
            (Some(moved), _) => Action::Batch(Box::new(moved)),
            (None, Some(rows)) => rows,
            (None, None) => {
                let (op, shape) = (node.op.clone(), node.shape.clone());
                Action::Batch(Box::new(Specified { op, shapes, shape, context: self.context.clone() }))
            }
        };
        self.add_step(action, inputs, to, None, id);
        Ok(())
    }

    /// An operation that only moves values: the kernel's specification, asked where the words go.
    fn moved(&self, node: &Node, shapes: &[Shape]) -> Result<Option<Moved>, EvalError> {
        match &node.op {
            Op::Pad(pad) if pad.value.iter().any(|value| !value.is_zero()) => return Ok(None),
            Op::Transpose(_)
            | Op::Permute(_)
            | Op::Concat(_)
            | Op::Slice(_)
            | Op::Pad(_)
            | Op::Gather(_)
            | Op::Broadcast(_) => {}
            _ => return Ok(None),
        }
        let (mut next, mut tensors, mut starts) = (1u32, Vec::new(), Vec::new());
        for shape in shapes {
            let Ok(count) = u32::try_from(shape.elements()) else { return Ok(None) };
            let Some(end) = next.checked_add(count) else { return Ok(None) };
            tensors.push(Tensor::new(shape.clone(), (next..end).collect()).ok_or(super::batches::WRONG_SIZE)?);
            starts.push(next);
            next = end;
        }
        let words = Binary32::new(Environment::default(), self.context.schedule().clone());
        let places = node.op.value(&words, &tensors.iter().collect::<Vec<_>>(), &node.shape)?;
        Ok(Some(Moved::new(&places, &starts)))
    }
}
