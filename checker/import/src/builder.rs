//! The graph under construction: nodes of the intermediate representation, and the constants that became parameters.
//!
//! Shapes are inferred by the kernel's own rules as each node is pushed. A constant becomes a parameter when a computed value first needs it,
//! under the name that the model gives it; [`Builder::finish`] drops what no output needs and renumbers the rest, and says which node each value became.

use crate::array::{Array, MAX_FOLDED};
use crate::error::{ImportError, fault};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use tl_kernel::ir::{Graph, Node, Shape, Tensor};
use tl_kernel::spec::Op;
use tl_kernel::spec::constant::Const;
use tl_kernel::spec::input::Input;

/// What a name of the model stands for.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// A float32 tensor that the graph computes, by its node.
    Node(usize),
    /// A constant.
    Constant(Constant),
}

/// A constant and the name that a parameter made of it gets.
#[derive(Clone, Debug)]
pub(crate) struct Constant {
    pub(crate) name: Rc<str>,
    pub(crate) array: Rc<Array>,
}

impl Value {
    /// A constant; one without a name gets that of the output it is bound to.
    pub(crate) fn constant(name: &str, array: Array) -> Self {
        Value::Constant(Constant { name: name.into(), array: Rc::new(array) })
    }
}

/// The nodes and parameters so far.
#[derive(Default)]
pub(crate) struct Builder {
    nodes: Vec<Node>,
    parameters: BTreeMap<String, Tensor<u32>>,
    /// For each parameter its node.
    constants: BTreeMap<String, usize>,
    /// For a node that stands for −∞ where its mask is 0, and for its value where that is 1: the mask, in the node's dimensions.
    masks: BTreeMap<usize, Array>,
    /// Elements of all masks.
    masked: usize,
}

impl Builder {
    /// The node that applies `op` to `parents`.
    pub(crate) fn push(&mut self, op: Op, parents: &[usize]) -> Result<usize, ImportError> {
        let shapes: Option<Vec<&Shape>> = parents.iter().map(|&p| self.nodes.get(p).map(|node| &node.shape)).collect();
        let shapes = shapes.ok_or_else(|| fault!(Graph, "a parent of {} does not exist", op.name()))?;
        let shape = op.shape(&shapes).map_err(|fault| fault!(Shapes, "{}: {}", fault.constraint, fault.message))?;
        self.nodes.push(Node { op, parents: parents.to_vec(), shape });
        Ok(self.nodes.len() - 1)
    }

    /// The node of an input.
    pub(crate) fn input(&mut self, name: &str, shape: Shape) -> usize {
        self.source(Op::Input(Input { name: name.to_string() }), shape)
    }

    fn source(&mut self, op: Op, shape: Shape) -> usize {
        self.nodes.push(Node { op, parents: Vec::new(), shape });
        self.nodes.len() - 1
    }

    /// The node of a value; a constant becomes a parameter, whose name gets a number where another array has it already.
    pub(crate) fn node(&mut self, value: &Value) -> Result<usize, ImportError> {
        let constant = match value {
            Value::Node(id) if self.masks.contains_key(id) => {
                return Err(fault!(UnsupportedFeature, "what is −∞ behind a mask is read by a softmax alone"));
            }
            Value::Node(id) => return Ok(*id),
            Value::Constant(constant) => constant,
        };
        let tensor = constant.array.tensor().map_err(|error| error.at(format!("constant {:?}", constant.name)))?;
        let mut name = constant.name.to_string();
        let mut number = 1u64;
        while let Some(id) = self.constants.get(&name) {
            if self.parameters.get(&name) == Some(&tensor) {
                return Ok(*id);
            }
            number += 1;
            name = format!("{}#{number}", constant.name);
        }
        let id = self.source(Op::Const(Const { name: name.clone() }), tensor.shape().clone());
        self.parameters.insert(name.clone(), tensor);
        self.constants.insert(name, id);
        Ok(id)
    }

    /// Lets a node that nothing else uses stand for −∞ where `mask` is 0.
    pub(crate) fn mask(&mut self, value: Value, mask: Array) -> Result<Value, ImportError> {
        self.masked += mask.dimensions().iter().product::<usize>(); // below 2^25 each
        if self.masked > MAX_FOLDED {
            return Err(fault!(LimitElements, "masks of more than {MAX_FOLDED} elements"));
        }
        if let Value::Node(id) = value {
            self.masks.insert(id, mask);
        }
        Ok(value)
    }

    /// `op` of a masked value and its mask, which gets this name; nothing when there is no mask.
    pub(crate) fn apply_masked(&mut self, op: Op, value: &Value, name: &str) -> Result<Option<Value>, ImportError> {
        let Value::Node(id) = value else {
            return Ok(None);
        };
        let Some(mask) = self.masks.get(id).cloned() else {
            return Ok(None);
        };
        let mask = self.node(&Value::constant(name, mask))?;
        self.push(op, &[*id, mask]).map(|id| Some(Value::Node(id)))
    }

    /// The dimensions of a value.
    pub(crate) fn dimensions(&self, value: &Value) -> Vec<usize> {
        match value {
            Value::Node(id) => self.nodes.get(*id).map(|node| node.shape.dimensions().to_vec()).unwrap_or_default(),
            Value::Constant(constant) => constant.array.dimensions().to_vec(),
        }
    }

    /// The node whose value is exactly this one, if there is any so far.
    pub(crate) fn stands_for(&self, value: &Value) -> Option<usize> {
        match value {
            Value::Node(id) => (!self.masks.contains_key(id)).then_some(*id),
            Value::Constant(constant) => {
                let id = self.constants.get(&*constant.name)?;
                let tensor = constant.array.tensor().ok()?;
                (self.parameters.get(&*constant.name) == Some(&tensor)).then_some(*id)
            }
        }
    }

    /// The graph of what these outputs need, its parameters, the names of the inputs that no output needs, and the nodes of the named `values` that are left.
    pub(crate) fn finish(self, outputs: BTreeMap<String, usize>, values: BTreeMap<String, usize>) -> Finished {
        let mut needed: BTreeSet<usize> = outputs.values().copied().collect();
        for (id, node) in self.nodes.iter().enumerate().rev() {
            if needed.contains(&id) {
                needed.extend(&node.parents);
            }
        }
        let place: BTreeMap<usize, usize> = needed.iter().enumerate().map(|(new, &old)| (old, new)).collect();
        let moved = |old: &usize| place.get(old).copied().unwrap_or(usize::MAX); // every needed node has a place
        let mut finished = Finished { parameters: self.parameters, ..Finished::default() };
        for (id, mut node) in self.nodes.into_iter().enumerate() {
            if needed.contains(&id) {
                node.parents = node.parents.iter().map(moved).collect();
                finished.graph.nodes.push(node);
            } else if let Op::Const(source) = &node.op {
                finished.parameters.remove(&source.name);
            } else if let Op::Input(source) = node.op {
                finished.unused_inputs.push(source.name);
            }
        }
        finished.graph.outputs = outputs.iter().map(|(name, id)| (name.clone(), moved(id))).collect();
        finished.values = values.into_iter().filter_map(|(name, id)| Some((name, *place.get(&id)?))).collect();
        finished
    }
}

/// What [`Builder::finish`] leaves.
#[derive(Default)]
pub(crate) struct Finished {
    pub(crate) graph: Graph,
    pub(crate) parameters: BTreeMap<String, Tensor<u32>>,
    pub(crate) unused_inputs: Vec<String>,
    pub(crate) values: BTreeMap<String, usize>,
}
