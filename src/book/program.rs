//! The graphs of an item: the function, and its backward function.

use super::sheet::Sheet;
use super::{Case, Definition};
use crate::error::{Code, Error};
use crate::generate::draft::{Draft, values};
use crate::model::Model;
use std::collections::BTreeMap;
use std::path::Path;
use tl_kernel::context::Context;
use tl_kernel::context::real::{Ball, Real};
use tl_kernel::ir::evaluate::Named;
use tl_kernel::ir::{Graph, Tensor, evaluate};

/// The variable.
pub(super) const X: &str = "x";
/// The value.
pub(super) const Y: &str = "y";
/// The cotangent of the value.
pub(super) const DY: &str = "dy";
/// What comes back.
pub(super) const DX: &str = "dx";
/// An operation less its definition.
pub(super) const DIFFERENCE: &str = "difference";

/// The model with this output, without the nodes that do not lead to it.
fn model(sheet: Sheet, output: &str, id: usize) -> Result<Model, Error> {
    let Draft { graph: Graph { nodes, .. }, mut parameters, .. } = sheet.into_draft();
    let mut needed = vec![false; nodes.len()];
    needed[id] = true;
    for at in (0..nodes.len()).rev().filter(|&at| at <= id) {
        if needed[at] {
            nodes[at].parents.iter().for_each(|&parent| needed[parent] = true);
        }
    }
    let mut renamed = BTreeMap::new();
    let mut graph = Graph::default();
    for (at, mut node) in nodes.into_iter().enumerate().filter(|&(at, _)| needed[at]) {
        node.parents.iter_mut().for_each(|parent| *parent = renamed[parent]);
        renamed.insert(at, graph.nodes.len());
        graph.nodes.push(node);
    }
    graph.outputs.insert(output.into(), renamed[&id]);
    let used: Vec<String> =
        graph.nodes.iter().filter_map(|node| node.op.source()).map(|(_, name)| name.to_string()).collect();
    parameters.retain(|name, _| used.contains(name));
    Model::new(Path::new("a graph of the book"), graph, parameters)
}

impl Case {
    fn zeros(dimensions: &[usize]) -> Tensor<u32> {
        values(dimensions, &vec![0.0; dimensions.iter().product()])
    }

    /// The point as a tensor.
    pub(super) fn tensor(&self, point: &[f32]) -> Tensor<u32> {
        values(&self.dimensions, point)
    }

    /// A sheet with the variable and the value of the function.
    fn sheet(&self) -> (Sheet, usize, usize) {
        let mut s = Sheet::default();
        let x = s.input(X, Self::zeros(&self.dimensions));
        let y = (self.record.forward)(&mut s, x);
        // The identity returns its operand: an output is a node of its own.
        (s, x, y)
    }

    /// The shape of the value.
    pub(super) fn value_dimensions(&self) -> Vec<usize> {
        let (s, _, y) = self.sheet();
        s.extents(y)
    }

    /// x ↦ f(x).
    pub(super) fn forward(&self) -> Result<Model, Error> {
        let (s, _, y) = self.sheet();
        model(s, Y, y)
    }

    /// x, dy ↦ dx.
    pub(super) fn backward(&self) -> Result<Model, Error> {
        let (mut s, x, y) = self.sheet();
        let dimensions = s.extents(y);
        let dy = s.input(DY, Self::zeros(&dimensions));
        let dx = (self.record.backward)(&mut s, x, dy);
        model(s, DX, dx)
    }
}

impl Definition {
    /// x ↦ operation(x) − definition(x).
    pub(super) fn difference(&self) -> Result<Model, Error> {
        let mut s = Sheet::default();
        let x = s.input(X, Case::zeros(&self.dimensions));
        let (operation, written_out) = ((self.operation)(&mut s, x), (self.written_out)(&mut s, x));
        let difference = s.sub(operation, written_out);
        model(s, DIFFERENCE, difference)
    }
}

/// The values of the graph over the reals; an input that it does not use may be given.
pub(super) fn real(model: &Model, bits: u64, inputs: &[(&str, &Tensor<Ball>)]) -> Result<Tensor<Ball>, Error> {
    let used = |name: &str| model.graph.inputs().any(|(input, _)| input == name);
    let inputs: Named<Ball> = inputs
        .iter()
        .filter(|(name, _)| used(name))
        .map(|&(name, tensor)| (name.to_string(), tensor.clone()))
        .collect();
    let reading = Real::new(bits);
    let outputs = evaluate(&model.graph, |_| &reading, &model.parameters, &inputs);
    let outputs = outputs.map_err(|located| Error::at_node(&model.path, &located))?;
    outputs.into_values().next().ok_or_else(|| Error::new(Code::Evaluation, model.path.display(), "it has no output"))
}

/// The exact values of these words.
pub(super) fn exact(tensor: &Tensor<u32>) -> Result<Tensor<Ball>, Error> {
    let reading = Real::new(64);
    tensor
        .try_map(|&word| reading.datum(word))
        .map_err(|error| Error::new(Code::Evaluation, "a point", error.to_string()))
}

/// The values of the graph at these words, each made a word.
pub(super) fn exact_words(
    model: &Model,
    bits: u64,
    inputs: &[(&str, &Tensor<u32>)],
    word: impl Fn(&Ball) -> u32,
) -> Result<Vec<u32>, Error> {
    let points = inputs.iter().map(|&(name, tensor)| Ok((name, exact(tensor)?))).collect::<Result<Vec<_>, Error>>()?;
    let points: Vec<(&str, &Tensor<Ball>)> = points.iter().map(|(name, tensor)| (*name, tensor)).collect();
    Ok(real(model, bits, &points)?.data().iter().map(word).collect())
}
