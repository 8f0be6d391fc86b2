//! Small networks for the tests, drawn from listed seeds.

use std::collections::BTreeMap;
use tl_kernel::Limits;
use tl_kernel::ir::evaluate::Named;
use tl_kernel::ir::{CheckedGraph, Graph, Node, Shape, Tensor};
use tl_kernel::number::Exact;
use tl_kernel::spec::Op;
use tl_kernel::spec::*;

/// A linear congruential generator.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// A number in (−1, 1).
    pub(crate) fn unit(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / 8_388_608.0 - 1.0
    }

    /// Numbers in (−scale, scale).
    pub(crate) fn tensor(&mut self, dimensions: &[usize], scale: f32) -> Tensor<f32> {
        let shape = Shape::new(dimensions.to_vec()).unwrap();
        let data = (0..shape.elements()).map(|_| self.unit() * scale).collect();
        Tensor::new(shape, data).unwrap()
    }
}

/// A graph that is being written, with its data.
pub(crate) struct Draft {
    nodes: Vec<Node>,
    parameters: Named<u32>,
    inputs: Named<f32>,
    random: Random,
}

impl Draft {
    /// Nothing yet.
    pub(crate) fn new(seed: u64) -> Self {
        Draft { nodes: Vec::new(), parameters: BTreeMap::new(), inputs: BTreeMap::new(), random: Random(seed) }
    }

    fn push(&mut self, op: Op, parents: &[usize], shape: Shape) -> usize {
        self.nodes.push(Node { op, parents: parents.to_vec(), shape });
        self.nodes.len() - 1
    }

    /// An input.
    pub(crate) fn input(&mut self, dimensions: &[usize]) -> usize {
        let name = format!("x{}", self.nodes.len());
        let tensor = self.random.tensor(dimensions, 1.0);
        let shape = tensor.shape().clone();
        self.inputs.insert(name.clone(), tensor);
        self.push(Op::Input(input::Input { name }), &[], shape)
    }

    /// A parameter in (−scale, scale) + shift.
    pub(crate) fn parameter(&mut self, dimensions: &[usize], scale: f32, shift: f32) -> usize {
        let name = format!("p{}", self.nodes.len());
        let tensor = self.random.tensor(dimensions, scale);
        let shape = tensor.shape().clone();
        let words = tensor.try_map(|x| Ok::<u32, ()>((x + shift).to_bits())).unwrap();
        self.parameters.insert(name.clone(), words);
        self.push(Op::Const(constant::Const { name }), &[], shape)
    }

    /// An operation on earlier nodes.
    pub(crate) fn op(&mut self, op: Op, parents: &[usize]) -> usize {
        let shapes: Vec<&Shape> = parents.iter().map(|&p| &self.nodes[p].shape).collect();
        let shape = op.shape(&shapes).unwrap_or_else(|fault| panic!("{op:?}: {fault:?}"));
        self.push(op, parents, shape)
    }

    fn dims(&self, id: usize) -> Vec<usize> {
        self.nodes[id].shape.dimensions().to_vec()
    }

    /// relu
    pub(crate) fn relu(&mut self, x: usize) -> usize {
        self.op(Op::Relu(relu::Relu {}), &[x])
    }

    /// An affine layer.
    pub(crate) fn linear(&mut self, x: usize, out: usize) -> usize {
        let fan = *self.dims(x).last().unwrap();
        let scale = (3.0 / fan as f32).sqrt();
        let (w, b) = (self.parameter(&[out, fan], scale, 0.0), self.parameter(&[out], 0.5, 0.0));
        self.op(Op::Linear(linear::Linear {}), &[x, w, b])
    }

    /// A convolution over two axes.
    #[allow(clippy::too_many_arguments, reason = "as many as a convolution has attributes")]
    pub(crate) fn conv(
        &mut self,
        x: usize,
        out: usize,
        kernel: [usize; 2],
        stride: [usize; 2],
        dilation: [usize; 2],
        pads: [usize; 4],
        groups: usize,
        bias: bool,
    ) -> usize {
        let fan = self.dims(x)[1] / groups;
        let scale = (3.0 / (fan * kernel[0] * kernel[1]) as f32).sqrt();
        let w = self.parameter(&[out, fan, kernel[0], kernel[1]], scale, 0.0);
        let mut parents = vec![x, w];
        if bias {
            parents.push(self.parameter(&[out], 0.5, 0.0));
        }
        let conv = conv::Conv {
            stride: stride.to_vec(),
            dilation: dilation.to_vec(),
            pad_before: pads[..2].to_vec(),
            pad_after: pads[2..].to_vec(),
            groups,
        };
        self.op(Op::Conv(conv), &parents)
    }

    /// A 3×3 convolution that keeps the size.
    pub(crate) fn same(&mut self, x: usize, out: usize) -> usize {
        self.conv(x, out, [3, 3], [1, 1], [1, 1], [1; 4], 1, true)
    }

    /// Batch normalisation with given statistics.
    pub(crate) fn norm(&mut self, x: usize) -> usize {
        let c = self.dims(x)[1];
        let parents = [
            x,
            self.parameter(&[c], 0.5, 1.0),
            self.parameter(&[c], 0.5, 0.0),
            self.parameter(&[c], 0.3, 0.0),
            self.parameter(&[c], 0.3, 1.0),
        ];
        let epsilon = Exact::parse("0.001").unwrap();
        let op = batch_norm::BatchNorm { statistics: batch_norm::Statistics::Given, epsilon };
        self.op(Op::BatchNorm(op), &parents)
    }

    /// Batch normalisation by the statistics of the batch.
    pub(crate) fn batch_norm(&mut self, x: usize) -> usize {
        let c = self.dims(x)[1];
        let parents = [x, self.parameter(&[c], 0.5, 1.0), self.parameter(&[c], 0.5, 0.0)];
        let epsilon = Exact::parse("0.001").unwrap();
        let op = batch_norm::BatchNorm { statistics: batch_norm::Statistics::Batch, epsilon };
        self.op(Op::BatchNorm(op), &parents)
    }

    /// A maximum over windows.
    pub(crate) fn max_pool(&mut self, x: usize, kernel: usize, stride: usize, pad: usize) -> usize {
        let pool = max_pool::MaxPool {
            kernel: vec![kernel; 2],
            stride: vec![stride; 2],
            dilation: vec![1; 2],
            pad_before: vec![pad; 2],
            pad_after: vec![pad; 2],
            ceil_mode: false,
        };
        self.op(Op::MaxPool(pool), &[x])
    }

    /// A mean over windows.
    pub(crate) fn avg_pool(
        &mut self,
        x: usize,
        kernel: usize,
        stride: usize,
        pad: usize,
        count_include_pad: bool,
    ) -> usize {
        let pool = avg_pool::AvgPool {
            kernel: vec![kernel; 2],
            stride: vec![stride; 2],
            dilation: vec![1; 2],
            pad_before: vec![pad; 2],
            pad_after: vec![pad; 2],
            ceil_mode: false,
            count_include_pad,
            divisor: Vec::new(),
        };
        self.op(Op::AvgPool(pool), &[x])
    }

    /// Everything but the batch in one axis.
    pub(crate) fn flatten(&mut self, x: usize) -> usize {
        let last_axis = self.dims(x).len() - 1;
        self.op(Op::Flatten(flatten::Flatten { first_axis: 1, last_axis }), &[x])
    }

    /// The graph, whose outputs are the nodes that nobody reads.
    pub(crate) fn finish(self) -> (CheckedGraph, Named<u32>, Named<f32>) {
        let read: Vec<usize> = self.nodes.iter().flat_map(|node| node.parents.clone()).collect();
        let outputs = (0..self.nodes.len()).filter(|id| !read.contains(id)).map(|id| (format!("y{id}"), id)).collect();
        let limits = Limits { work: u64::MAX, elements: usize::MAX, ..Limits::default() };
        let graph = Graph { nodes: self.nodes, outputs }.check("", &limits).unwrap();
        (graph, self.parameters, self.inputs)
    }
}

/// Networks that use what has fast code, with sizes that are no multiples of a tile.
pub(crate) fn networks() -> Vec<(&'static str, Draft)> {
    let mut list = Vec::new();
    let mut d = Draft::new(1);
    let x = d.input(&[5, 37]);
    let h = d.linear(x, 45);
    let h = d.relu(h);
    let h = d.linear(h, 33);
    let h = d.relu(h);
    d.linear(h, 10);
    list.push(("perceptron", d));

    let mut d = Draft::new(2);
    let x = d.input(&[3, 1, 12, 10]);
    let h = d.same(x, 6);
    let h = d.relu(h);
    let h = d.same(h, 5);
    let h = d.relu(h);
    let h = d.max_pool(h, 2, 2, 0);
    let h = d.flatten(h);
    let h = d.linear(h, 20);
    let h = d.relu(h);
    d.linear(h, 4);
    list.push(("small convolutional network", d));

    let mut d = Draft::new(3);
    let x = d.input(&[2, 3, 9, 11]);
    let a = d.conv(x, 34, [3, 2], [2, 1], [1, 2], [1, 0, 2, 1], 1, false);
    let a = d.relu(a);
    let b = d.conv(a, 34, [1, 1], [1, 1], [1, 1], [0; 4], 1, true);
    let s = d.op(Op::Add(add::Add {}), &[a, b]);
    let s = d.relu(s);
    let g = d.op(Op::GlobalAvgPool(global_avg_pool::GlobalAvgPool {}), &[s]);
    let g = d.flatten(g);
    d.linear(g, 7);
    list.push(("residual block", d));

    let mut d = Draft::new(4);
    let x = d.input(&[2, 6, 7, 8]);
    let a = d.conv(x, 12, [3, 3], [1, 2], [2, 1], [2, 1, 1, 1], 3, true);
    let a = d.relu(a);
    let a = d.conv(a, 12, [3, 3], [1, 1], [1, 1], [1; 4], 12, true);
    let a = d.max_pool(a, 3, 2, 1);
    let a = d.avg_pool(a, 2, 1, 1, true);
    d.avg_pool(a, 2, 1, 1, false);
    list.push(("groups, depthwise and pools", d));

    let mut d = Draft::new(6);
    let x = d.input(&[2, 4, 6, 6]);
    let a = d.same(x, 8);
    let a = d.op(Op::Tanh(tanh::Tanh {}), &[a]);
    let b = d.conv(a, 8, [5, 5], [1, 1], [1, 1], [2; 4], 1, true);
    let b = d.op(Op::Sigmoid(sigmoid::Sigmoid {}), &[b]);
    let c = d.op(Op::Mul(mul::Mul {}), &[a, b]);
    let c = d.op(Op::Add(add::Add {}), &[c, c]);
    let e = d.op(Op::Gelu(gelu::Gelu { form: gelu::Form::Erf }), &[c]);
    let f = d.flatten(e);
    let f = d.linear(f, 5);
    d.op(Op::Silu(silu::Silu {}), &[f]);
    list.push(("gates", d));

    let mut d = Draft::new(7);
    let x = d.input(&[2, 3, 8, 8]);
    let a = d.conv(x, 10, [3, 3], [2, 2], [1, 1], [1; 4], 1, false);
    let a = d.norm(a);
    let a = d.relu(a);
    let b = d.same(a, 10);
    let b = d.norm(b);
    let a = d.op(Op::Add(add::Add {}), &[a, b]);
    let a = d.relu(a);
    let a = d.op(Op::Permute(permute::Permute { order: vec![0, 2, 3, 1] }), &[a]);
    let a = d.op(Op::Softmax(softmax::Softmax { axis: 3 }), &[a]);
    d.op(Op::Slice(slice::Slice { start: vec![0, 1, 0, 2], end: vec![2, 4, 4, 9], step: vec![1, 1, 2, 3] }), &[a]);
    list.push(("normalised, then moved", d));

    let mut d = Draft::new(8);
    let x = d.input(&[3, 2, 6, 5]);
    let a = d.conv(x, 7, [3, 3], [1, 1], [1, 1], [1; 4], 1, false);
    let a = d.batch_norm(a);
    let a = d.relu(a);
    let a = d.conv(a, 9, [3, 3], [1, 1], [1, 1], [1; 4], 1, false);
    let a = d.batch_norm(a);
    let a = d.op(Op::Tanh(tanh::Tanh {}), &[a]);
    let a = d.flatten(a);
    d.linear(a, 3);
    list.push(("normalised by the batch", d));

    let mut d = Draft::new(9);
    let (q, k, v) =
        (d.input(&[2, 3, 5, 4]), d.parameter(&[2, 3, 4, 5], 1.0, 0.0), d.parameter(&[2, 3, 5, 4], 1.0, 0.0));
    let w = d.parameter(&[4, 4], 0.5, 0.0);
    let q = d.op(Op::Matmul(matmul::Matmul {}), &[q, w]);
    let s = d.op(Op::Matmul(matmul::Matmul {}), &[q, k]);
    let s = d.op(Op::Softmax(softmax::Softmax { axis: 3 }), &[s]);
    let y = d.op(Op::Matmul(matmul::Matmul {}), &[s, v]);
    let y = d.op(Op::Permute(permute::Permute { order: vec![0, 2, 1, 3] }), &[y]);
    let y = d.op(Op::Reshape(reshape::Reshape { shape: Shape::new(vec![10, 12]).unwrap() }), &[y]);
    let (g, b) = (d.parameter(&[12], 0.5, 1.0), d.parameter(&[12], 0.5, 0.0));
    let y = d.op(Op::LayerNorm(layer_norm::LayerNorm { axis: 1, epsilon: Exact::parse("0.01").unwrap() }), &[y, g, b]);
    let y = d.linear(y, 6);
    d.op(Op::LogSoftmax(log_softmax::LogSoftmax { axis: 1 }), &[y]);
    list.push(("attention", d));
    list
}
