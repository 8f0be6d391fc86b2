//! A graph under construction by the layers, with the parameters that they declare but no values: nothing here costs memory by the size of a tensor.
//!
//! Invariant: every node has the shape that the kernel's rule infers for it, so that the graph passes the kernel's check, within its limits. A parameter is declared where
//! it is used, once; counts, names and initial values all derive from that declaration.

use super::Mode;
use super::features::{Fitting, Misfit, shape};
use super::initial::Initial;
use super::words::{Activation, Padding, Window};
use tl_kernel::ir::{Graph, Node, Shape};
use tl_kernel::number::Exact;
use tl_kernel::spec::{
    Op, add::Add, batch_norm::BatchNorm, batch_norm::Statistics, broadcast::Broadcast, clamp::Clamp, constant::Const,
    conv::Conv, flatten::Flatten, gelu, global_avg_pool::GlobalAvgPool, hard_swish::HardSwish, input::Input,
    layer_norm::LayerNorm, linear::Linear, max_pool::MaxPool, mul::Mul, permute::Permute, relu::Relu, reshape::Reshape,
    sigmoid::Sigmoid, silu::Silu, slice::Slice,
};

/// A tensor that a layer declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name, such as `layers.3.block0.conv1.weight`.
    pub name: String,
    /// Its shape.
    pub shape: Shape,
    /// What it begins as.
    pub initial: Initial,
    /// Whether it is a parameter; the statistics of batch normalisation are constants of the graph but no parameters of the network.
    pub trained: bool,
    /// The node that it is in the graph.
    pub node: usize,
}

/// A two-dimensional convolution with a square kernel, the channels of its input and the extents left to the node that it is applied to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Convolution {
    pub(crate) output: usize,
    pub(crate) kernel: usize,
    pub(crate) stride: usize,
    pub(crate) padding: Padding,
    /// Whether every channel is convolved by itself; then there are as many as before.
    pub(crate) depthwise: bool,
    pub(crate) bias: bool,
}

impl Convolution {
    /// A 1×1 convolution without bias.
    pub(crate) fn pointwise(output: usize) -> Self {
        Convolution { output, kernel: 1, stride: 1, padding: Padding::Valid, depthwise: false, bias: false }
    }
}

/// The graph so far.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) graph: Graph,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) mode: Mode,
    epsilon: Exact,
    scope: Vec<String>,
}

impl Draft {
    pub(crate) fn new(mode: Mode, epsilon: Exact) -> Self {
        Draft { graph: Graph::default(), parameters: Vec::new(), mode, epsilon, scope: Vec::new() }
    }

    /// What `build` adds, its parameters named below `name`; an empty name adds nothing.
    pub(crate) fn within<T>(
        &mut self,
        name: impl Into<String>,
        build: impl FnOnce(&mut Self) -> Fitting<T>,
    ) -> Fitting<T> {
        self.scope.push(name.into());
        let built = build(self);
        self.scope.pop();
        built
    }

    fn named(&self, name: &str) -> String {
        let words = self.scope.iter().map(String::as_str).chain([name]).filter(|word| !word.is_empty());
        words.collect::<Vec<_>>().join(".")
    }

    /// The dimensions of a node.
    pub(crate) fn dimensions(&self, node: usize) -> &[usize] {
        self.graph.nodes[node].shape.dimensions()
    }

    /// Batch, channels, height and width of an image.
    fn image(&self, node: usize) -> Fitting<[usize; 4]> {
        let dimensions = self.dimensions(node);
        dimensions.try_into().map_err(|_| Misfit::new(format!("{dimensions:?} is not a batch of images")))
    }

    fn push(&mut self, op: Op, parents: &[usize], shape: Shape) -> usize {
        self.graph.nodes.push(Node { op, parents: parents.to_vec(), shape });
        self.graph.nodes.len() - 1
    }

    /// A node of the inferred shape.
    pub(crate) fn node(&mut self, op: Op, parents: &[usize]) -> Fitting<usize> {
        let shapes: Vec<&Shape> = parents.iter().map(|&parent| &self.graph.nodes[parent].shape).collect();
        let shape =
            op.shape(&shapes).map_err(|fault| Misfit::new(format!("its {} node: {}", op.name(), fault.message)))?;
        Ok(self.push(op, parents, shape))
    }

    /// An input of the graph, named as it is.
    pub(crate) fn input(&mut self, name: String, shape: Shape) -> usize {
        self.push(Op::Input(Input { name }), &[], shape)
    }

    /// A mask of the shape of `x`, which is an input of the graph, named in the scope.
    pub(crate) fn mask(&mut self, x: usize) -> usize {
        let shape = self.graph.nodes[x].shape.clone();
        self.input(self.named("mask"), shape)
    }

    fn declare(&mut self, name: &str, dimensions: &[usize], initial: Initial, trained: bool) -> Fitting<usize> {
        let name = self.named(name);
        let shape = shape(dimensions).map_err(|misfit| Misfit::new(format!("its parameter {name}: {}", misfit)))?;
        let node = self.push(Op::Const(Const { name: name.clone() }), &[], shape.clone());
        self.parameters.push(Parameter { name, shape, initial, trained, node });
        Ok(node)
    }

    /// A parameter.
    pub(crate) fn parameter(&mut self, name: &str, dimensions: &[usize], initial: Initial) -> Fitting<usize> {
        self.declare(name, dimensions, initial, true)
    }

    /// The affine map of the last axis to `output` features.
    pub(crate) fn linear(&mut self, name: &str, x: usize, output: usize, initial: Initial) -> Fitting<usize> {
        let input = self.dimensions(x).last().copied().unwrap_or(1);
        self.within(name, |draft| {
            let weight = draft.parameter("weight", &[output, input], initial)?;
            let bias = draft.parameter("bias", &[output], Initial::Zeros)?;
            draft.node(Op::Linear(Linear {}), &[x, weight, bias])
        })
    }

    /// A convolution of the images `x`; `initial` is given its fan-in.
    pub(crate) fn conv(
        &mut self,
        name: &str,
        x: usize,
        conv: Convolution,
        initial: impl FnOnce(usize) -> Initial,
    ) -> Fitting<usize> {
        let [_, channels, height, width] = self.image(x)?;
        let Convolution { output, kernel, stride, padding, depthwise, bias } = conv;
        let windows = [padding.window(height, kernel, stride)?, padding.window(width, kernel, stride)?];
        let fan = if depthwise { 1 } else { channels };
        let op = Conv {
            stride: vec![stride; 2],
            dilation: vec![1; 2],
            pad_before: windows.map(|window: Window| window.before).to_vec(),
            pad_after: windows.map(|window| window.after).to_vec(),
            groups: if depthwise { channels } else { 1 },
        };
        self.within(name, |draft| {
            let fan_in = fan.saturating_mul(kernel).saturating_mul(kernel);
            let weight = draft.parameter("weight", &[output, fan, kernel, kernel], initial(fan_in))?;
            let bias = bias.then(|| draft.parameter("bias", &[output], Initial::Zeros)).transpose()?;
            let parents: Vec<usize> = [x, weight].into_iter().chain(bias).collect();
            draft.node(Op::Conv(op), &parents)
        })
    }

    /// Batch normalisation, channel by channel, by the statistics that the mode names.
    pub(crate) fn batch_norm(&mut self, name: &str, x: usize) -> Fitting<usize> {
        let [_, channels, _, _] = self.image(x)?;
        let epsilon = self.epsilon.clone();
        self.within(name, |draft| {
            let mut parents = vec![x, draft.parameter("weight", &[channels], Initial::Ones)?];
            parents.push(draft.parameter("bias", &[channels], Initial::Zeros)?);
            let statistics = match draft.mode {
                Mode::Train => Statistics::Batch,
                Mode::Eval => {
                    parents.push(draft.declare("running_mean", &[channels], Initial::Zeros, false)?);
                    parents.push(draft.declare("running_var", &[channels], Initial::Ones, false)?);
                    Statistics::Given
                }
            };
            draft.node(Op::BatchNorm(BatchNorm { statistics, epsilon }), &parents)
        })
    }

    /// Convolution, batch normalisation, activation: `NAME.conv` and `NAME.norm`, or `conv` and `norm` where the name is empty.
    pub(crate) fn conv_norm(
        &mut self,
        name: &str,
        x: usize,
        conv: Convolution,
        activation: Activation,
    ) -> Fitting<usize> {
        self.within(name, |draft| {
            let x = draft.conv("conv", x, conv, |fan_in| Initial::He { fan_in })?;
            let x = draft.batch_norm("norm", x)?;
            draft.activation(activation, x)
        })
    }

    /// Layer normalisation of the last axis.
    pub(crate) fn layer_norm(&mut self, name: &str, x: usize) -> Fitting<usize> {
        let (axis, width) = match self.dimensions(x) {
            [before @ .., width] => (before.len(), *width),
            [] => return Err(Misfit::new("a scalar has no axis to normalise")),
        };
        let epsilon = self.epsilon.clone();
        self.within(name, |draft| {
            let weight = draft.parameter("weight", &[width], Initial::Ones)?;
            let bias = draft.parameter("bias", &[width], Initial::Zeros)?;
            draft.node(Op::LayerNorm(LayerNorm { axis, epsilon }), &[x, weight, bias])
        })
    }

    /// The activation of `x`.
    pub(crate) fn activation(&mut self, activation: Activation, x: usize) -> Fitting<usize> {
        let op = match activation {
            Activation::Identity => return Ok(x),
            Activation::Relu => Op::Relu(Relu {}),
            Activation::Relu6 => Op::Clamp(Clamp { lo: vec![Exact::integer(0)], hi: vec![Exact::integer(6)] }),
            Activation::Swish => Op::Silu(Silu {}),
            Activation::HSwish => Op::HardSwish(HardSwish {}),
            Activation::Gelu => Op::Gelu(gelu::Gelu { form: gelu::Form::Erf }),
        };
        self.node(op, &[x])
    }

    /// The maximum over square windows.
    pub(crate) fn max_pool(&mut self, x: usize, kernel: usize, stride: usize, padding: Padding) -> Fitting<usize> {
        let [_, _, height, width] = self.image(x)?;
        let windows = [padding.window(height, kernel, stride)?, padding.window(width, kernel, stride)?];
        let op = MaxPool {
            kernel: vec![kernel; 2],
            stride: vec![stride; 2],
            dilation: vec![1; 2],
            pad_before: windows.map(|window| window.before).to_vec(),
            pad_after: windows.map(|window| window.after).to_vec(),
            ceil_mode: false,
        };
        self.node(Op::MaxPool(op), &[x])
    }

    /// The mean of every channel, [batch, channels, 1, 1].
    pub(crate) fn mean_of_channels(&mut self, x: usize) -> Fitting<usize> {
        self.node(Op::GlobalAvgPool(GlobalAvgPool {}), &[x])
    }

    /// The sum.
    pub(crate) fn add(&mut self, x: usize, y: usize) -> Fitting<usize> {
        self.node(Op::Add(Add {}), &[x, y])
    }

    /// The product with a gate, which is 1 wide where `x` is wider.
    pub(crate) fn gated(&mut self, x: usize, gate: usize) -> Fitting<usize> {
        let gate = self.node(Op::Sigmoid(Sigmoid {}), &[gate])?;
        let shape = self.graph.nodes[x].shape.clone();
        let gate = self.node(Op::Broadcast(Broadcast { shape }), &[gate])?;
        self.node(Op::Mul(Mul {}), &[x, gate])
    }

    /// `x` repeated to these dimensions.
    pub(crate) fn broadcast(&mut self, x: usize, dimensions: &[usize]) -> Fitting<usize> {
        self.node(Op::Broadcast(Broadcast { shape: shape(dimensions)? }), &[x])
    }

    /// The values of `x` in these dimensions.
    pub(crate) fn reshape(&mut self, x: usize, dimensions: &[usize]) -> Fitting<usize> {
        self.node(Op::Reshape(Reshape { shape: shape(dimensions)? }), &[x])
    }

    /// The axes in this order.
    pub(crate) fn permute(&mut self, x: usize, order: &[usize]) -> Fitting<usize> {
        self.node(Op::Permute(Permute { order: order.to_vec() }), &[x])
    }

    /// The axes from `first_axis` on, as one.
    pub(crate) fn flatten(&mut self, x: usize, first_axis: usize) -> Fitting<usize> {
        let last_axis = self.dimensions(x).len() - 1;
        self.node(Op::Flatten(Flatten { first_axis, last_axis }), &[x])
    }

    /// Position 0 of axis 1, without that axis.
    pub(crate) fn first_token(&mut self, x: usize) -> Fitting<usize> {
        let &[batch, _, width] = self.dimensions(x) else {
            return Err(Misfit::new(format!("{:?} are not tokens", self.dimensions(x))));
        };
        let end = [batch, 1, width].map(|n| n as i64).to_vec(); // below 2^31
        let token = self.node(Op::Slice(Slice { start: vec![0; 3], end, step: vec![1; 3] }), &[x])?;
        self.reshape(token, &[batch, width])
    }
}
