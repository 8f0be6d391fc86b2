//! From the list of layers to a graph of the kernel's vocabulary, and to a model with initial values.
//!
//! The graph is complete but for its outputs: whoever goes on (a loss, a second head) appends nodes after [`Lowered::logits`] and names the outputs; [`Lowered::model`] names
//! the one there is. Nodes stand in the order of the layers.

use super::draft::Draft;
use super::features::{Features, Misfit};
use super::{LARGEST_BATCH, Mode, NetSpec, Parameter, initial};
use crate::error::{Code, Error};
use crate::model::{Model, limits};
use std::path::Path;
use tl_kernel::ir::evaluate::Named;
use tl_kernel::ir::{CheckedGraph, Graph, Shape};
use tl_kernel::spec::Op;

/// The name of the input.
pub const INPUT: &str = "x";
/// Most numbers that initial values are drawn for: 4 GiB of them.
pub const MOST_DRAWN: u64 = 1 << 30;
/// The name of the output.
pub const OUTPUT: &str = "logits";

/// One layer of a lowered network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its word.
    pub word: &'static str,
    /// The shape of one sample after it.
    pub output: Features,
    /// Its first node, and the first of the next layer.
    pub nodes: [usize; 2],
    /// How many numbers its parameters have.
    pub parameters: u64,
    /// Multiply-adds of its convolutions, affine maps and matrix products, for the whole batch.
    pub multiply_adds: u64,
}

/// A network as a graph, its parameters declared but not drawn.
#[derive(Clone, Debug)]
pub struct Lowered {
    /// The graph, without outputs.
    pub graph: Graph,
    /// The node of the input.
    pub input: usize,
    /// The node after the last layer.
    pub logits: usize,
    /// The parameters and constants, in the order of the graph.
    pub parameters: Vec<Parameter>,
    /// The layers.
    pub layers: Vec<Row>,
    name: String,
}

impl NetSpec {
    /// The graph for `batch` samples. The layers are checked first; a layer whose inner shapes leave what a tensor may be is named too.
    pub fn lower(&self, mode: Mode, batch: usize) -> Result<Lowered, Error> {
        let shapes = self.check()?;
        if batch == 0 || batch > LARGEST_BATCH {
            let message = format!("a batch of {batch}, it is 1 to {LARGEST_BATCH}");
            return Err(Error::new(Code::Network, &self.name, message));
        }
        let fault = |misfit: Misfit| Error::new(Code::Network, &self.name, format!("input: {}", misfit));
        let mut draft = Draft::new(mode, self.epsilon.clone());
        let input = draft.input(INPUT.into(), shapes[0].batched(batch).map_err(fault)?);
        let (mut x, mut layers) = (input, Vec::new());
        for (i, (layer, output)) in self.layers.iter().zip(&shapes[1..]).enumerate() {
            let (first, declared) = (draft.graph.nodes.len(), draft.parameters.len());
            x = draft
                .within(format!("layers.{i}"), |draft| {
                    let x = layer.lower(draft, x)?;
                    let (stated, built) = (output.batched(batch)?, &draft.graph.nodes[x].shape);
                    if stated == *built {
                        Ok(x)
                    } else {
                        Err(Misfit::new(format!("its rule states {stated}, {built} is built")))
                    }
                })
                .map_err(|misfit| self.misfit(i, misfit))?;
            let nodes = [first, draft.graph.nodes.len()];
            let counted = draft.parameters[declared..].iter().filter(|parameter| parameter.trained);
            layers.push(Row {
                word: layer.word(),
                output: output.clone(),
                nodes,
                parameters: counted.map(|parameter| parameter.shape.elements() as u64).sum(),
                multiply_adds: total((first..nodes[1]).map(|node| multiply_adds(&draft.graph, node))),
            });
        }
        Ok(Lowered {
            graph: draft.graph,
            input,
            logits: x,
            parameters: draft.parameters,
            layers,
            name: self.name.clone(),
        })
    }
}

/// The multiply-adds of a node: one for each term of each dot product. At most 2^62: the elements of the result times those of an operand.
fn multiply_adds(graph: &Graph, id: usize) -> u64 {
    let node = &graph.nodes[id];
    let parent = |i: usize| graph.nodes[node.parents[i]].shape.dimensions();
    let terms: usize = match node.op {
        Op::Conv(_) => parent(1)[1..].iter().product(),
        Op::Linear(_) | Op::Matmul(_) => *parent(0).last().unwrap_or(&1),
        _ => return 0,
    };
    node.shape.elements() as u64 * terms as u64
}

/// The sum, or the greatest number where it is more.
fn total(numbers: impl Iterator<Item = u64>) -> u64 {
    numbers.fold(0, u64::saturating_add)
}

impl Lowered {
    /// How many numbers the parameters have; running statistics are none of them.
    pub fn count(&self) -> u64 {
        self.layers.iter().map(|layer| layer.parameters).sum()
    }

    /// The multiply-adds of one evaluation.
    pub fn multiply_adds(&self) -> u64 {
        total(self.layers.iter().map(|layer| layer.multiply_adds))
    }

    /// The graph with the one output, checked by the kernel.
    pub fn checked(&self) -> Result<CheckedGraph, Error> {
        let mut graph = self.graph.clone();
        graph.outputs.insert(OUTPUT.into(), self.logits);
        graph.check("/graph", &limits()).map_err(|finding| Error::found(Path::new(&self.name), &finding))
    }

    /// The initial values of parameters and constants under a seed. Cost: about 30 ns for each normal number.
    pub fn initial(&self, seed: u64) -> Result<Named<u32>, Error> {
        if self.count() > MOST_DRAWN {
            let message =
                format!("it has {} parameters, initial values are drawn for at most {MOST_DRAWN}", self.count());
            return Err(Error::new(Code::Network, &self.name, message));
        }
        let value = |(number, parameter): (usize, &Parameter)| {
            let Parameter { name, shape, initial, .. } = parameter;
            (name.clone(), initial::tensor(seed, number as u64, shape, *initial))
        };
        // Constants draw nothing and have no number of their own, so that a parameter begins the same in both modes.
        let (trained, given): (Vec<&Parameter>, Vec<_>) =
            self.parameters.iter().partition(|parameter| parameter.trained);
        let given = given.into_iter().map(|parameter| value((0, parameter)));
        Ok(trained.into_iter().enumerate().map(value).chain(given).collect())
    }

    /// The model with initial values under a seed.
    pub fn model(&self, path: &Path, seed: u64) -> Result<Model, Error> {
        let parameters = self.initial(seed)?;
        let mut graph = self.graph.clone();
        graph.outputs.insert(OUTPUT.into(), self.logits);
        Model::new(path, graph, parameters)
    }

    /// The inputs with their shapes: the samples, then the masks of dropout.
    pub fn inputs(&self) -> impl Iterator<Item = (&str, &Shape)> {
        let sources = self.graph.nodes.iter().filter_map(|node| Some((node.op.source()?, &node.shape)));
        sources.filter(|((kind, _), _)| *kind == "input").map(|((_, name), shape)| (name, shape))
    }
}
