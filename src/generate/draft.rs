//! Graphs written down node by node, in the words of certificates: `relu`, or `sum {"axes":[1],"keepdims":true}`.
//!
//! What is written here is ours, so that a node that does not fit is our mistake: it panics, and the test that builds every model finds it.

use tl_kernel::cert::json::{Cursor, Json, parse};
use tl_kernel::ir::evaluate::Named;
use tl_kernel::ir::{Graph, Node, Shape, Tensor};
use tl_kernel::spec::{Op, constant::Const, input::Input};

/// A graph under construction, with its parameters and inputs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Draft {
    /// The graph.
    pub(crate) graph: Graph,
    /// Its parameters.
    pub(crate) parameters: Named<u32>,
    /// Its inputs.
    pub(crate) inputs: Named<u32>,
}

/// The shape of these dimensions.
pub(crate) fn shape(dimensions: &[usize]) -> Shape {
    Shape::new(dimensions.to_vec()).expect("the shapes of our models are shapes")
}

/// The tensor of these values, row-major.
pub(crate) fn values(dimensions: &[usize], values: &[f32]) -> Tensor<u32> {
    let words = values.iter().map(|value| value.to_bits()).collect();
    Tensor::new(shape(dimensions), words).expect("as many values as the shape has elements")
}

/// The operation that is written so.
fn operation(text: &str) -> Op {
    let (keyword, attributes) = text.split_once(' ').unwrap_or((text, "{}"));
    let attributes = parse(attributes.as_bytes()).expect("attributes are JSON");
    let node = Json::object([("op", Json::string(keyword)), ("attributes", attributes)]);
    let mut node = Cursor::root(node).object().expect("a node is an object");
    Op::decode(&mut node).expect("the operations of our models are in the vocabulary")
}

impl Draft {
    fn push(&mut self, op: Op, parents: &[usize], shape: Shape) -> usize {
        self.graph.nodes.push(Node { op, parents: parents.to_vec(), shape });
        self.graph.nodes.len() - 1
    }

    /// A node of the inferred shape.
    pub(crate) fn op(&mut self, op: Op, parents: &[usize]) -> usize {
        let shapes: Vec<&Shape> = parents.iter().map(|&p| &self.graph.nodes[p].shape).collect();
        let shape = op.shape(&shapes).expect("the operands of our models fit");
        self.push(op, parents, shape)
    }

    /// A node of the operation that is written so.
    pub(crate) fn node(&mut self, text: &str, parents: &[usize]) -> usize {
        self.op(operation(text), parents)
    }

    /// An input.
    pub(crate) fn input(&mut self, name: &str, tensor: Tensor<u32>) -> usize {
        let shape = tensor.shape().clone();
        self.inputs.insert(name.into(), tensor);
        self.push(Op::Input(Input { name: name.into() }), &[], shape)
    }

    /// A parameter.
    pub(crate) fn parameter(&mut self, name: &str, tensor: Tensor<u32>) -> usize {
        let shape = tensor.shape().clone();
        self.parameters.insert(name.into(), tensor);
        self.push(Op::Const(Const { name: name.into() }), &[], shape)
    }

    /// The value of the node in a larger shape.
    pub(crate) fn broadcast(&mut self, x: usize, dimensions: &[usize]) -> usize {
        self.node(&format!(r#"broadcast {{"shape":{dimensions:?}}}"#), &[x])
    }

    /// The graph with this output.
    pub(crate) fn output(mut self, name: &str, id: usize) -> Self {
        self.graph.outputs.insert(name.into(), id);
        self
    }
}
