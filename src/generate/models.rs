//! The reference models: an MLP, the convolutional network for MNIST, an attention block, and a convolution with every convention away from its usual value.

use super::draft::{Draft, shape};
use super::{Range, gaps, range_for, tensor};
use tl_kernel::number::Exact;
use tl_kernel::spec::{
    Op, add::Add, conv::Conv, flatten::Flatten, gelu, layer_norm::LayerNorm, linear::Linear, matmul::Matmul,
    max_pool::MaxPool, permute::Permute, relu::Relu, reshape::Reshape, scale::Scale, softmax::Softmax,
};

/// The model of this name, complete but for its check.
pub(super) fn draft(name: &str) -> Option<Draft> {
    let draft = match name {
        "mlp" => mlp(),
        "mnist_cnn" => mnist_cnn(),
        "attention" => attention(),
        "conv_groups" => conv_groups(),
        "absorb_const" => gaps::absorb_const(),
        "absorb_trigger" => gaps::absorb_trigger(),
        "zombori_step" => gaps::zombori_step(),
        _ => return None,
    };
    Some(draft)
}

/// A graph under construction whose tensors are drawn from a seed.
struct Recipe {
    seed: u64,
    draft: Draft,
}

impl Recipe {
    fn new(seed: u64) -> Self {
        Recipe { seed, draft: Draft::default() }
    }

    /// A node of the inferred shape.
    fn node(&mut self, op: Op, parents: &[usize]) -> usize {
        self.draft.op(op, parents)
    }

    fn input(&mut self, name: &str, dimensions: &[usize], range: Range) -> usize {
        self.draft.input(name, tensor(self.seed, 0, &shape(dimensions), range))
    }

    fn parameter(&mut self, name: String, dimensions: &[usize], range: Range) -> usize {
        let number = self.draft.parameters.len() as u64 + 1;
        self.draft.parameter(&name, tensor(self.seed, number, &shape(dimensions), range))
    }

    /// Weight and bias of a layer whose weight has these dimensions, the first of them the outputs.
    fn affine(&mut self, name: &str, weight: &[usize]) -> [usize; 2] {
        let range = range_for(weight.iter().skip(1).product());
        [
            self.parameter(format!("{name}.weight"), weight, range),
            self.parameter(format!("{name}.bias"), &weight[..1], range),
        ]
    }

    fn linear(&mut self, name: &str, x: usize, fan_in: usize, out: usize) -> usize {
        let [weight, bias] = self.affine(name, &[out, fan_in]);
        self.node(Op::Linear(Linear {}), &[x, weight, bias])
    }

    fn conv(&mut self, name: &str, x: usize, weight: &[usize], conv: Conv) -> usize {
        let [weight, bias] = self.affine(name, weight);
        self.node(Op::Conv(conv), &[x, weight, bias])
    }

    fn relu(&mut self, x: usize) -> usize {
        self.node(Op::Relu(Relu {}), &[x])
    }

    fn layer_norm(&mut self, name: &str, x: usize, axis: usize, width: usize) -> usize {
        let weight = self.parameter(format!("{name}.weight"), &[width], Range::Symmetric(0));
        let bias = self.parameter(format!("{name}.bias"), &[width], Range::Symmetric(0));
        let epsilon = Exact::fraction(1, 100_000).expect("the denominator is not zero");
        self.node(Op::LayerNorm(LayerNorm { axis, epsilon }), &[x, weight, bias])
    }

    fn output(self, name: &str, id: usize) -> Draft {
        self.draft.output(name, id)
    }
}

/// 784-512-512-10 with ReLU: 669,706 parameters.
fn mlp() -> Draft {
    let mut r = Recipe::new(1);
    let mut x = r.input("x", &[1, 784], Range::Unit);
    x = r.linear("fc1", x, 784, 512);
    x = r.relu(x);
    x = r.linear("fc2", x, 512, 512);
    x = r.relu(x);
    x = r.linear("fc3", x, 512, 10);
    r.output("logits", x)
}

fn same_3x3() -> Conv {
    Conv { stride: vec![1, 1], dilation: vec![1, 1], pad_before: vec![1, 1], pad_after: vec![1, 1], groups: 1 }
}

/// Two convolutions, a pooling and three dense layers over a 28×28 image: 3,489,130 parameters.
fn mnist_cnn() -> Draft {
    let mut r = Recipe::new(2);
    let mut x = r.input("x", &[1, 1, 28, 28], Range::Unit);
    x = r.conv("conv1", x, &[32, 1, 3, 3], same_3x3());
    x = r.relu(x);
    x = r.conv("conv2", x, &[32, 32, 3, 3], same_3x3());
    x = r.relu(x);
    let pool = MaxPool {
        kernel: vec![2, 2],
        stride: vec![2, 2],
        dilation: vec![1, 1],
        pad_before: vec![0, 0],
        pad_after: vec![0, 0],
        ceil_mode: false,
    };
    x = r.node(Op::MaxPool(pool), &[x]);
    x = r.node(Op::Flatten(Flatten { first_axis: 1, last_axis: 3 }), &[x]);
    x = r.linear("fc1", x, 6272, 512);
    x = r.relu(x);
    x = r.linear("fc2", x, 512, 512);
    x = r.relu(x);
    x = r.linear("fc3", x, 512, 10);
    r.output("logits", x)
}

/// A transformer block, normalisation first: 8 positions of width 16, 2 heads, a feed-forward layer of 64 with the exact GELU.
fn attention() -> Draft {
    const LENGTH: usize = 8;
    const WIDTH: usize = 16;
    const HEADS: usize = 2;
    let mut r = Recipe::new(3);
    let x = r.input("x", &[1, LENGTH, WIDTH], Range::Symmetric(0));
    let normal = r.layer_norm("norm1", x, 2, WIDTH);
    let head = |r: &mut Recipe, name: &str, order: [usize; 4]| {
        let y = r.linear(name, normal, WIDTH, WIDTH);
        let split = shape(&[1, LENGTH, HEADS, WIDTH / HEADS]);
        let y = r.node(Op::Reshape(Reshape { shape: split }), &[y]);
        r.node(Op::Permute(Permute { order: order.to_vec() }), &[y])
    };
    let query = head(&mut r, "query", [0, 2, 1, 3]);
    let key = head(&mut r, "key", [0, 2, 3, 1]);
    let value = head(&mut r, "value", [0, 2, 1, 3]);
    let scores = r.node(Op::Matmul(Matmul {}), &[query, key]);
    // 1/√8 as the binary32 number nearest to it, so that it is the same in every runtime.
    let factor = Exact::from_binary32((1.0f32 / 8.0f32.sqrt()).to_bits()).expect("a finite word");
    let scores = r.node(Op::Scale(Scale { factor }), &[scores]);
    let weights = r.node(Op::Softmax(Softmax { axis: 3 }), &[scores]);
    let mixed = r.node(Op::Matmul(Matmul {}), &[weights, value]);
    let mixed = r.node(Op::Permute(Permute { order: vec![0, 2, 1, 3] }), &[mixed]);
    let joined = r.node(Op::Reshape(Reshape { shape: shape(&[1, LENGTH, WIDTH]) }), &[mixed]);
    let out = r.linear("out", joined, WIDTH, WIDTH);
    let x = r.node(Op::Add(Add {}), &[x, out]);
    let normal = r.layer_norm("norm2", x, 2, WIDTH);
    let hidden = r.linear("fc1", normal, WIDTH, 4 * WIDTH);
    let hidden = r.node(Op::Gelu(gelu::Gelu { form: gelu::Form::Erf }), &[hidden]);
    let out = r.linear("fc2", hidden, 4 * WIDTH, WIDTH);
    let y = r.node(Op::Add(Add {}), &[x, out]);
    r.output("y", y)
}

/// Convolutions with groups, dilation, stride and asymmetric padding.
fn conv_groups() -> Draft {
    let mut r = Recipe::new(4);
    let x = r.input("x", &[2, 4, 9, 10], Range::Symmetric(0));
    let first =
        Conv { stride: vec![1, 2], dilation: vec![2, 1], pad_before: vec![2, 0], pad_after: vec![1, 3], groups: 2 };
    let x = r.conv("conv1", x, &[8, 2, 3, 3], first);
    let x = r.relu(x);
    let second =
        Conv { stride: vec![2, 1], dilation: vec![1, 2], pad_before: vec![0, 1], pad_after: vec![1, 0], groups: 8 };
    let x = r.conv("conv2", x, &[16, 1, 2, 2], second);
    r.output("y", x)
}
