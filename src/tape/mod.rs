//! The eager tape: every operation is computed when it is applied, and recorded as a node of the graph that the kernel reads.
//!
//! Claim: a tape is a graph in static single assignment together with the value of every node. [`Tape::graph`] gives it as a model that the kernel can check, so whatever ran eagerly can be
//! certified; [`Tape::backward`] returns gradients as data. Nothing is hidden: a node says what it is called, what was applied to what, its shape and its value, and the gradients who contributed what.
//! Values are those of [`crate::ops`]; shapes are those of the kernel's rules, which name the constraint that does not hold.
//! No function here recurses on the graph, so that its depth is bounded by memory alone.
//!
//! ```
//! use tl::tape::{Run, Tape, tensor};
//!
//! let run = Run::default();
//! let mut tape = Tape::new(&run);
//! let x = tape.input("x", tensor(&[2], &[3.0, -1.0]))?;
//! let w = tape.parameter("w", tensor(&[2], &[0.5, 2.0]))?;
//! let y = tape.mul(x, w)?;
//! let y = tape.relu(y)?; // [1.5, 0]
//! let loss = tape.sum(y, &[0])?;
//! let gradients = tape.backward(loss, None)?;
//! assert_eq!(gradients.of(w).map(|g| g.data()), Some(&[3.0, 0.0][..]));
//! # Ok::<(), tl::Error>(())
//! ```

mod checkpoint;
mod operations;
mod record;
mod reverse;
mod run;

pub use record::Recorded;
pub use reverse::{Gradients, Keep, Step};
pub use run::Run;

use crate::error::{Code, Error};
use checkpoint::Segment;
use std::collections::BTreeMap;
use std::fmt;
use tl_kernel::ir::{Shape, Tensor};
use tl_kernel::spec::constant::Const;
use tl_kernel::spec::input::Input;
use tl_kernel::spec::{Fault, Op};

/// A node of a tape, by its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub usize);

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a node was before anything was applied to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// An input of the graph.
    Input,
    /// A parameter.
    Parameter,
    /// Data without a gradient: labels, masks, what was detached. A parameter of the graph.
    Constant,
    /// The result of an operation.
    Result,
}

/// What was applied to what, and what came of it.
#[derive(Clone, Debug)]
pub struct Node {
    name: Option<String>,
    role: Role,
    op: Op,
    parents: Vec<Id>,
    shape: Shape,
    value: Option<Tensor<f32>>,
}

impl Node {
    /// Its name, where it was given one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Whether it is an input, a parameter, a constant, or a result.
    pub fn role(&self) -> Role {
        self.role
    }

    /// The operation.
    pub fn op(&self) -> &Op {
        &self.op
    }

    /// What it was applied to.
    pub fn parents(&self) -> &[Id] {
        &self.parents
    }

    /// The shape of its value.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Its value; none inside a checkpoint.
    pub fn value(&self) -> Option<&Tensor<f32>> {
        self.value.as_ref()
    }
}

/// Nodes with their values, in the order in which they were computed.
#[derive(Clone, Debug)]
pub struct Tape<'a> {
    run: &'a Run,
    nodes: Vec<Node>,
    /// The names of inputs (`true`), and of parameters and constants.
    sources: BTreeMap<(bool, String), Id>,
    segments: Vec<Segment>,
}

impl<'a> Tape<'a> {
    /// An empty tape.
    pub fn new(run: &'a Run) -> Self {
        Tape { run, nodes: Vec::new(), sources: BTreeMap::new(), segments: Vec::new() }
    }

    /// How its operations are run.
    pub fn run(&self) -> &'a Run {
        self.run
    }

    /// A new input.
    pub fn input(&mut self, name: &str, value: Tensor<f32>) -> Result<Id, Error> {
        self.source(name, Op::Input(Input { name: name.into() }), Role::Input, value)
    }

    /// A new parameter.
    pub fn parameter(&mut self, name: &str, value: Tensor<f32>) -> Result<Id, Error> {
        self.source(name, Op::Const(Const { name: name.into() }), Role::Parameter, value)
    }

    /// New data that no gradient is asked of, such as labels and masks.
    pub fn constant(&mut self, name: &str, value: Tensor<f32>) -> Result<Id, Error> {
        self.source(name, Op::Const(Const { name: name.into() }), Role::Constant, value)
    }

    /// The value of a node as a constant: no gradient flows back through it.
    pub fn detach(&mut self, id: Id) -> Result<Id, Error> {
        let value = self.value(id)?.clone();
        let name = format!("{}.detached.{}", self.name(id), self.nodes.len());
        self.constant(&name, value)
    }

    fn source(&mut self, name: &str, op: Op, role: Role, value: Tensor<f32>) -> Result<Id, Error> {
        let (id, key) = (Id(self.nodes.len()), (role == Role::Input, name.to_string()));
        if let Some(earlier) = self.sources.get(&key) {
            let message = format!("node {earlier} of the tape has this name already");
            return Err(Error::new(Code::Tape, format!("{} {name:?}", op.name()), message));
        }
        self.run.refuse_anomaly(value.data(), value.shape(), || format!("the value of {} {name:?}", op.name()))?;
        let shape = value.shape().clone();
        self.nodes.push(Node { name: Some(name.into()), role, op, parents: Vec::new(), shape, value: Some(value) });
        self.sources.insert(key, id);
        Ok(id)
    }

    /// Applies an operation: checks the shapes, computes, records.
    pub fn apply(&mut self, op: Op, parents: &[Id], name: Option<&str>) -> Result<Id, Error> {
        let place = || format!("node {} ({}){}", self.nodes.len(), op.name(), quoted(name));
        let (arity, count) = (op.arity(), parents.len());
        if op.is_source() {
            return Err(Error::new(Code::Tape, place(), "a source is recorded with its value, by its own function"));
        }
        if !arity.contains(&count) {
            let message = format!("takes {} to {} operands, has {count}", arity.start(), arity.end());
            return Err(Error::new(Code::Operands, place(), message));
        }
        let values = parents.iter().map(|&parent| self.value(parent)).collect::<Result<Vec<_>, _>>()?;
        let shapes: Vec<&Shape> = values.iter().map(|value| value.shape()).collect();
        let shape = op.shape(&shapes).map_err(|fault| misfit(&fault, &shapes, place()))?;
        let value = self.run.value(&op, &values, &shape, &place)?;
        let (name, parents) = (name.map(str::to_string), parents.to_vec());
        self.nodes.push(Node { name, role: Role::Result, op, parents, shape, value: Some(value) });
        Ok(Id(self.nodes.len() - 1))
    }

    /// Gives a result a name, for views and messages.
    pub fn rename(&mut self, id: Id, name: &str) -> Result<(), Error> {
        self.node(id)?;
        let node = &mut self.nodes[id.0];
        if node.role == Role::Result {
            node.name = Some(name.into());
            return Ok(());
        }
        Err(Error::new(Code::Tape, format!("node {id}"), "a source keeps its name"))
    }

    /// All nodes; the id of a node is its position.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// One node.
    pub fn node(&self, id: Id) -> Result<&Node, Error> {
        let missing =
            || Error::new(Code::Tape, format!("node {id}"), format!("the tape has {} nodes", self.nodes.len()));
        self.nodes.get(id.0).ok_or_else(missing)
    }

    /// The value of a node.
    pub fn value(&self, id: Id) -> Result<&Tensor<f32>, Error> {
        let message = "its value was not kept: it is inside a checkpoint, and only the result of that can be used";
        self.node(id)?.value.as_ref().ok_or_else(|| Error::new(Code::Tape, self.place(id), message))
    }

    /// The input, parameter or constant of this name; an input where there are two.
    pub fn find(&self, name: &str) -> Option<Id> {
        [true, false].into_iter().find_map(|input| self.sources.get(&(input, name.to_string())).copied())
    }

    /// The bytes of all values that are kept.
    pub fn stored_bytes(&self) -> usize {
        let values = self.nodes.iter().filter_map(|node| node.value.as_ref());
        values.map(|value| size_of_val(value.data())).sum()
    }

    /// `w`, or `node 5` for want of a name.
    fn name(&self, id: Id) -> String {
        let name = self.nodes.get(id.0).and_then(|node| node.name.clone());
        name.unwrap_or_else(|| format!("node {id}"))
    }

    /// `node 5 (relu) "h"`, as messages say it.
    fn place(&self, id: Id) -> String {
        self.nodes.get(id.0).map_or_else(
            || format!("node {id}"),
            |node| format!("node {id} ({}){}", node.op.name(), quoted(node.name.as_deref())),
        )
    }
}

fn quoted(name: Option<&str>) -> String {
    name.map_or_else(String::new, |name| format!(" {name:?}"))
}

/// The constraint that does not hold, and the shapes that it does not hold for.
fn misfit(fault: &Fault, shapes: &[&Shape], place: String) -> Error {
    let shapes: Vec<String> = shapes.iter().map(|shape| shape.to_string()).collect();
    let message =
        format!("{}: {}; the operands have the shapes {}", fault.constraint, fault.message, shapes.join(", "));
    Error::new(Code::Operands, place, message)
}

/// A tensor of these dimensions and values.
///
/// # Panics
/// Where the values do not fill the dimensions: for literals. [`Tensor::new`] is for data.
pub fn tensor(dimensions: &[usize], values: &[f32]) -> Tensor<f32> {
    let shape = Shape::new(dimensions.to_vec()).unwrap_or_else(|fault| panic!("{dimensions:?}: {fault}"));
    let count = shape.elements();
    Tensor::new(shape, values.to_vec())
        .unwrap_or_else(|| panic!("{} values do not fill {dimensions:?}, which has {count}", values.len()))
}
