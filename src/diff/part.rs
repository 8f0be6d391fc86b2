//! A part of a graph that stands alone: one node, what it depends on, and the recorded words at which that ends.
//!
//! Everything that the part starts from (recorded values, inputs, parameters) is a source with its words, so that a hypothesis can change an operation, an operand or
//! the wiring, and have the result read by the kernel as any other graph. Invariant: `target` and all parents are positions in `nodes`; the order of the
//! nodes is free until [`Part::graph`] sorts what the target needs.

use crate::model::{Model, limits};
use std::collections::{BTreeMap, BTreeSet};
use tl_kernel::context::{Context, EvalError};
use tl_kernel::ir::evaluate::{Cut, Named, evaluate};
use tl_kernel::ir::{CheckedGraph, Graph, Node, Shape, Tensor};
use tl_kernel::spec::Op;
use tl_kernel::spec::input::Input;

/// The part.
#[derive(Clone, Debug)]
pub struct Part {
    /// The nodes; a source is an input.
    pub nodes: Vec<Node>,
    /// The words of the sources.
    pub words: BTreeMap<usize, Tensor<u32>>,
    /// Sources that are parameters of the model.
    pub parameters: BTreeSet<usize>,
    /// The node whose value is asked for.
    pub target: usize,
}

impl Part {
    /// What node `target` depends on, down to the nodes in `recorded` (the target's own value is not used), inputs and parameters.
    pub fn of(model: &Model, inputs: &Named<u32>, recorded: &BTreeMap<usize, Tensor<u32>>, target: usize) -> Self {
        let given = |id: usize| id != target && recorded.contains_key(&id);
        let ids: Vec<usize> = Cut::of(&model.graph, [target].into_iter(), given).ids().collect();
        let place: BTreeMap<usize, usize> = ids.iter().enumerate().map(|(place, &id)| (id, place)).collect();
        let mut part =
            Part { nodes: Vec::new(), words: BTreeMap::new(), parameters: BTreeSet::new(), target: place[&target] };
        for (position, &id) in ids.iter().enumerate() {
            let node = &model.graph.nodes()[id]; // the cut has ids of the graph
            let words = match node.op.source() {
                Some(("const", name)) => {
                    part.parameters.insert(position);
                    model.parameters.get(name)
                }
                Some((_, name)) => inputs.get(name),
                None if given(id) => recorded.get(&id),
                None => None,
            };
            match words {
                Some(words) => {
                    part.words.insert(position, words.clone());
                    part.nodes.push(Node { op: source(), parents: Vec::new(), shape: node.shape.clone() });
                }
                None => {
                    let parents = node.parents.iter().map(|parent| place[parent]).collect();
                    part.nodes.push(Node { op: node.op.clone(), parents, shape: node.shape.clone() });
                }
            }
        }
        part
    }

    /// The operation and the parents of a node.
    pub fn node(&self, id: usize) -> (&Op, &[usize]) {
        (&self.nodes[id].op, &self.nodes[id].parents)
    }

    /// The number of contractions.
    pub fn contractions(&self) -> usize {
        let is_contraction =
            |node: &&Node| matches!(node.op, Op::Linear(_) | Op::Matmul(_) | Op::Conv(_) | Op::ConvTranspose(_));
        self.nodes.iter().filter(is_contraction).count()
    }

    /// The dimensions of a node.
    pub fn dimensions(&self, id: usize) -> &[usize] {
        self.nodes[id].shape.dimensions()
    }

    /// A new node; nothing where the operation does not take these parents.
    pub fn push(&mut self, op: Op, parents: &[usize]) -> Option<usize> {
        let shapes: Vec<&Shape> = parents.iter().map(|&parent| &self.nodes[parent].shape).collect();
        let shape = op.shape(&shapes).ok().filter(|_| op.arity().contains(&parents.len()))?;
        self.nodes.push(Node { op, parents: parents.to_vec(), shape });
        Some(self.nodes.len() - 1)
    }

    /// A new scalar source.
    pub fn scalar(&mut self, word: u32) -> usize {
        let shape = Shape::scalar();
        let id = self.nodes.len();
        self.words.insert(id, Tensor::new(shape.clone(), vec![word]).expect("a scalar is one word"));
        self.parameters.insert(id);
        self.nodes.push(Node { op: source(), parents: Vec::new(), shape });
        id
    }

    /// The part with `by` wherever `old` was used; nothing where the shapes differ. Nodes from `new` on keep their parents: they may be made of the old one.
    pub fn replaced(mut self, old: usize, by: usize, new: usize) -> Option<Self> {
        if self.dimensions(old) != self.dimensions(by) {
            return None;
        }
        for node in self.nodes.iter_mut().take(new) {
            for parent in node.parents.iter_mut().filter(|parent| **parent == old) {
                *parent = by;
            }
        }
        if self.target == old {
            self.target = by;
        }
        Some(self)
    }

    /// The part with the operation of one node replaced, where its shape stays the same.
    pub fn with_op(&self, id: usize, op: Op) -> Option<Self> {
        let shapes: Vec<&Shape> = self.nodes[id].parents.iter().map(|&parent| &self.nodes[parent].shape).collect();
        let same = op.shape(&shapes).is_ok_and(|shape| shape == self.nodes[id].shape) && op != self.nodes[id].op;
        same.then(|| {
            let mut part = self.clone();
            part.nodes[id].op = op;
            part
        })
    }

    /// The checked graph of what the target needs, its sources named by their positions, and their words.
    fn graph(&self) -> Option<(CheckedGraph, Named<u32>)> {
        let (mut order, mut done) = (Vec::new(), BTreeSet::new());
        let mut open = vec![(self.target, false)];
        while let Some((id, parents_done)) = open.pop() {
            if done.contains(&id) {
                continue;
            }
            if parents_done {
                done.insert(id);
                order.push(id);
            } else {
                open.push((id, true));
                open.extend(self.nodes[id].parents.iter().rev().map(|&parent| (parent, false)));
            }
            if open.len() > self.nodes.len().saturating_mul(8) + 64 {
                return None; // a circle: a replaced node is made of itself
            }
        }
        let place: BTreeMap<usize, usize> = order.iter().enumerate().map(|(place, &id)| (id, place)).collect();
        let (mut graph, mut words) = (Graph::default(), Named::new());
        for &id in &order {
            let node = &self.nodes[id];
            let op = match self.words.get(&id) {
                Some(source) => {
                    words.insert(id.to_string(), source.clone());
                    Op::Input(Input { name: id.to_string() })
                }
                None => node.op.clone(),
            };
            let parents = node.parents.iter().map(|parent| place[parent]).collect();
            graph.nodes.push(Node { op, parents, shape: node.shape.clone() });
        }
        graph.outputs.insert(String::new(), place[&self.target]);
        Some((graph.check("", &limits()).ok()?, words))
    }

    /// The value of the target in a reading.
    pub fn value<C: Context>(&self, context: &C) -> Result<Tensor<C::Value>, EvalError> {
        const WRONG: EvalError = EvalError::Internal { what: "a part of a graph is no graph" };
        let (graph, words) = self.graph().ok_or(WRONG)?;
        let inputs = words.into_iter().map(|(name, words)| Ok((name, words.try_map(|&word| context.datum(word))?)));
        let inputs = inputs.collect::<Result<Named<C::Value>, EvalError>>()?;
        let mut outputs = evaluate(&graph, |_| context, &Named::new(), &inputs).map_err(|located| located.error)?;
        outputs.pop_first().map(|(_, value)| value).ok_or(WRONG)
    }
}

/// The operation of a source; [`Part::graph`] names it.
fn source() -> Op {
    Op::Input(Input { name: String::new() })
}
