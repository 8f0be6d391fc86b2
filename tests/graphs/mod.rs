//! Random graphs of the whole vocabulary, with data, from a seed: every graph is well-formed, and what is drawn for an operation lies where the operation is defined.

#![allow(dead_code, reason = "each test binary uses a part")]

use std::collections::BTreeSet;
use tl::Hardware32;
use tl_kernel::Limits;
use tl_kernel::cert::json::{Cursor, parse};
use tl_kernel::ir::evaluate::Named;
use tl_kernel::ir::{CheckedGraph, Graph, Node, Shape, Tensor};
use tl_kernel::spec::Op;
use tl_kernel::spec::constant::Const;
use tl_kernel::spec::input::Input;

/// SplitMix64 (Steele, Lea, Flood 2014).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.bits() % n.max(1) as u64) as usize
    }

    pub(crate) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// A number in [−2, 2).
    pub(crate) fn number(&mut self) -> f32 {
        ((self.bits() >> 40) as f32 / (1u32 << 24) as f32) * 4.0 - 2.0
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// A graph with the data that it asks for.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) graph: CheckedGraph,
    pub(crate) parameters: Named<u32>,
    pub(crate) inputs: Named<u32>,
}

/// Of what kind the data of a source are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Data {
    Plain,
    /// Away from zero, for variances.
    Positive,
    /// 0 or 1: masks, targets between classes.
    Bits,
    /// −1 or 1.
    Signs,
    /// Between 0 and 1.
    Probabilities,
    /// Below this number of classes, or −100.
    Labels(usize),
}

struct Draft {
    random: Random,
    nodes: Vec<Node>,
    /// The values of all nodes.
    values: Vec<Tensor<f32>>,
    inputs: Named<u32>,
    parameters: Named<u32>,
}

/// Most elements of one tensor.
const ELEMENTS: usize = 96;
/// Largest magnitude of a value, so that gradients stay in range.
const LARGEST: f32 = 64.0;

/// The case of a seed: two to eight operations; every value is finite and moderate.
pub(crate) fn case(seed: u64) -> Case {
    let mut draft = Draft {
        random: Random(seed),
        nodes: Vec::new(),
        values: Vec::new(),
        inputs: Named::new(),
        parameters: Named::new(),
    };
    let rank = *draft.random.pick(&[1, 2, 2, 3, 3, 4, 4, 4, 5]);
    let dimensions = (0..rank).map(|_| 1 + draft.random.below(4)).collect();
    let shape = Shape::new(dimensions).ok().filter(|shape| shape.elements() <= ELEMENTS).unwrap_or_else(Shape::scalar);
    draft.source(shape, Data::Plain);
    let wanted = 2 + draft.random.below(7);
    for _ in 0..200 {
        draft.step();
        if draft.nodes.iter().filter(|node| !node.op.is_source()).count() >= wanted {
            break;
        }
    }
    let Draft { nodes, inputs, parameters, .. } = draft;
    let used: BTreeSet<usize> = nodes.iter().flat_map(|node| node.parents.iter().copied()).collect();
    let outputs = (0..nodes.len()).filter(|id| !used.contains(id)).map(|id| (format!("y{id}"), id)).collect();
    let graph = Graph { nodes, outputs }.check("", &Limits::default()).expect("a generated graph is well-formed");
    Case { graph, parameters, inputs }
}

pub(crate) fn decoded(keyword: &str, attributes: &str) -> Op {
    let text = format!(r#"{{"op":"{keyword}","attributes":{attributes}}}"#);
    let mut node = Cursor::root(parse(text.as_bytes()).expect("JSON")).object().expect("an object");
    Op::decode(&mut node).unwrap_or_else(|finding| panic!("{text}: {finding:?}"))
}

impl Draft {
    fn source(&mut self, shape: Shape, data: Data) -> usize {
        let (id, name) = (self.nodes.len(), format!("s{}", self.nodes.len()));
        let random = &mut self.random;
        let values: Vec<f32> = (0..shape.elements())
            .map(|_| match data {
                Data::Plain => random.number(),
                Data::Positive => random.number().abs() + 0.25,
                Data::Bits => random.below(2) as f32,
                Data::Signs => random.below(2) as f32 * 2.0 - 1.0,
                Data::Probabilities => (random.number() + 2.0) * 0.2 + 0.1,
                Data::Labels(_) if random.one_in(5) => -100.0,
                Data::Labels(classes) => random.below(classes) as f32,
            })
            .collect();
        let value = Tensor::new(shape.clone(), values).expect("as many values as elements");
        let is_input = data == Data::Plain && random.one_in(2);
        let (op, list) = match is_input {
            true => (Op::Input(Input { name: name.clone() }), &mut self.inputs),
            false => (Op::Const(Const { name: name.clone() }), &mut self.parameters),
        };
        list.insert(name, value.map(|x| x.to_bits()));
        self.nodes.push(Node { op, parents: Vec::new(), shape });
        self.values.push(value);
        id
    }

    /// Adds the operation where its rules allow it and its value is moderate.
    fn add(&mut self, op: Op, parents: &[usize]) -> Option<usize> {
        let of_parents: Vec<&Tensor<f32>> = parents.iter().map(|&id| &self.values[id]).collect();
        let shapes: Vec<&Shape> = of_parents.iter().map(|value| value.shape()).collect();
        let shape = op.shape(&shapes).ok().filter(|shape| shape.elements() <= ELEMENTS)?;
        let value = tl::ops::value(&Hardware32::default(), &op, &of_parents, &shape).ok()?;
        if !value.iter().all(|x| x.abs() <= LARGEST) {
            return None;
        }
        self.values.push(Tensor::new(shape.clone(), value)?);
        self.nodes.push(Node { op, parents: parents.to_vec(), shape });
        Some(self.nodes.len() - 1)
    }

    /// Tries one operation on an earlier node; what is refused leaves no trace.
    fn step(&mut self) {
        let keyword = *self.random.pick(Op::KEYWORDS);
        let (count, inputs, parameters) = (self.nodes.len(), self.inputs.clone(), self.parameters.clone());
        let parent = if self.random.one_in(3) { self.random.below(count) } else { count - 1 };
        if self.applied(keyword, parent).is_none() {
            self.nodes.truncate(count);
            self.values.truncate(count);
            (self.inputs, self.parameters) = (inputs, parameters);
        }
    }

    /// Something of this shape: an earlier node where there is one, or a new source.
    fn companion(&mut self, dimensions: &[usize], data: Data) -> Option<usize> {
        let shape = Shape::new(dimensions.to_vec()).ok().filter(|shape| shape.elements() <= ELEMENTS)?;
        let alike: Vec<usize> = (0..self.nodes.len()).filter(|&id| self.nodes[id].shape == shape).collect();
        if data != Data::Plain || alike.is_empty() || self.random.one_in(2) {
            return Some(self.source(shape, data));
        }
        Some(*self.random.pick(&alike))
    }

    /// A node of positive values between 0.36 and 2.72, made from another.
    fn positive(&mut self, id: usize) -> Option<usize> {
        let bounded = self.add(decoded("tanh", "{}"), &[id])?;
        self.add(decoded("exp", "{}"), &[bounded])
    }

    fn applied(&mut self, keyword: &str, parent: usize) -> Option<usize> {
        let dims = self.nodes[parent].shape.dimensions().to_vec();
        let (rank, last) = (dims.len(), dims.last().copied().unwrap_or(1));
        let channels = dims.get(1).copied().unwrap_or(1);
        let axis = self.random.below(rank);
        let out = 1 + self.random.below(3);
        let coin = self.random.one_in(2);
        let mut x = parent;
        let mut others: Vec<(Vec<usize>, Data)> = Vec::new();
        let plain = |dimensions: &[usize]| (dimensions.to_vec(), Data::Plain);
        let spatial: Vec<usize> = dims.iter().skip(2).copied().collect();
        let mut list = |f: &mut dyn FnMut(&mut Random, usize) -> usize| {
            let values: Vec<usize> = spatial.iter().map(|&n| f(&mut self.random, n)).collect();
            format!("{values:?}")
        };
        let attributes = match keyword {
            "input" | "const" => return None,
            "reshape" => {
                let elements = dims.iter().product::<usize>();
                let divisors: Vec<usize> = (1..=elements).filter(|d| elements % d == 0).collect();
                let d = *self.random.pick(&divisors);
                format!(r#"{{"shape":{:?}}}"#, if coin { vec![d, elements / d] } else { vec![1, d, elements / d] })
            }
            "flatten" => format!(r#"{{"first_axis":{axis},"last_axis":{}}}"#, rank.checked_sub(1)?),
            "transpose" => format!(r#"{{"first":{axis},"second":{}}}"#, rank.checked_sub(1)?),
            "permute" => {
                let mut order: Vec<usize> = (0..rank).collect();
                (1..rank).rev().for_each(|i| order.swap(i, self.random.below(i + 1)));
                format!(r#"{{"order":{order:?}}}"#)
            }
            "concat" => {
                let mut other = dims.clone();
                *other.get_mut(axis)? = out;
                others.push(plain(&other));
                format!(r#"{{"axis":{axis}}}"#)
            }
            "slice" => {
                let (mut start, mut end, mut step) = (Vec::new(), Vec::new(), Vec::new());
                for &n in &dims {
                    let back = self.random.one_in(3);
                    let first = if back { n - 1 } else { self.random.below(n) };
                    start.push(first);
                    end.push(if back { -1 } else { n as i64 });
                    step.push(if back { -1 } else { 1 + self.random.below(2) as i64 });
                }
                format!(r#"{{"start":{start:?},"end":{end:?},"step":{step:?}}}"#)
            }
            "pad" => {
                let mode = *self.random.pick(&["constant", "reflect", "edge", "wrap"]);
                let most = |n: usize| if mode == "constant" || mode == "edge" { 3 } else { n.min(3) };
                // PyTorch pads all axes with a constant, and the last ones in other modes.
                let pads: Vec<[usize; 2]> = (0..rank)
                    .map(|at| match mode == "constant" || at + 1 == rank && rank > 1 {
                        true => [self.random.below(most(dims[at])), self.random.below(most(dims[at]))],
                        false => [0, 0],
                    })
                    .collect();
                let (before, after): (Vec<usize>, Vec<usize>) = pads.iter().map(|&[b, a]| (b, a)).unzip();
                let value = if mode == "constant" { r#"["3/2"]"# } else { "[]" };
                format!(r#"{{"before":{before:?},"after":{after:?},"mode":"{mode}","value":{value}}}"#)
            }
            "gather" => {
                let n = *dims.get(axis)?;
                let indices: Vec<usize> = (0..out + 1).map(|_| self.random.below(n)).collect();
                format!(r#"{{"axis":{axis},"indices":{indices:?},"indices_shape":[{}]}}"#, indices.len())
            }
            "broadcast" => {
                let mut shape: Vec<usize> = dims.iter().map(|&n| if n == 1 { out } else { n }).collect();
                if coin {
                    shape.insert(0, 2);
                }
                format!(r#"{{"shape":{shape:?}}}"#)
            }
            "add" | "sub" | "mul" | "max" | "min" => {
                others.push(plain(&dims));
                "{}".into()
            }
            "div" | "pow" => {
                let other = self.companion(&dims, Data::Plain)?;
                let (a, b) = if keyword == "div" { (x, self.positive(other)?) } else { (self.positive(x)?, other) };
                return self.add(decoded(keyword, "{}"), &[a, b]);
            }
            "log" | "sqrt" | "rsqrt" | "reciprocal" => {
                x = self.positive(x)?;
                "{}".into()
            }
            "scale" => r#"{"factor":"-3/2"}"#.into(),
            "clamp" => if coin { r#"{"lo":["-1/2"],"hi":["3/4"]}"# } else { r#"{"lo":[],"hi":["1"]}"# }.into(),
            "leaky_relu" => r#"{"slope":"1/4"}"#.into(),
            "elu" => r#"{"alpha":"3/2"}"#.into(),
            "hard_sigmoid" => r#"{"alpha":"1/6","beta":"1/2"}"#.into(),
            "softplus" => r#"{"beta":"2"}"#.into(),
            "gelu" => format!(r#"{{"form":"{}"}}"#, if coin { "erf" } else { "tanh" }),
            "sum" | "mean" | "reduce_max" | "reduce_min" | "logsumexp" => {
                let axes: Vec<usize> = (0..rank).filter(|_| self.random.one_in(2)).collect();
                format!(r#"{{"axes":{axes:?},"keepdims":{coin}}}"#)
            }
            "matmul" => {
                let mut other = if coin && rank > 2 { dims[..rank - 2].to_vec() } else { Vec::new() };
                other.push(last);
                other.push(out);
                others.push(plain(&other));
                "{}".into()
            }
            "linear" => {
                others.push(plain(&[out, last]));
                others.extend(coin.then(|| plain(&[out])));
                "{}".into()
            }
            "conv" | "conv_transpose" => {
                if !(3..=5).contains(&rank) {
                    return None;
                }
                let groups = if coin { channels } else { 1 };
                let kernel: Vec<usize> = spatial.iter().map(|_| 1 + self.random.below(3)).collect();
                let pads: Vec<usize> = kernel.iter().map(|&k| self.random.below(k)).collect();
                let stride: Vec<usize> = spatial.iter().map(|_| 1 + self.random.below(2)).collect();
                let dilation: Vec<usize> = spatial.iter().map(|_| 1 + self.random.below(2)).collect();
                let weight = if keyword == "conv" { [groups * out, channels / groups] } else { [channels, out] };
                others.push(plain(&[&weight[..], &kernel].concat()));
                others.extend(self.random.one_in(2).then(|| plain(&[groups * out])));
                let padding =
                    if keyword == "conv" { "" } else { &format!(r#","output_padding":{:?}"#, vec![0; spatial.len()]) };
                format!(
                    r#"{{"stride":{stride:?},"dilation":{dilation:?},"pad_before":{pads:?},"pad_after":{pads:?}{padding},"groups":{groups}}}"#
                )
            }
            "max_pool" | "avg_pool" => {
                let kernel = list(&mut |random, n| 1 + random.below(n.min(3)));
                let stride = list(&mut |random, _| 1 + random.below(2));
                let (ones, zeros) = (list(&mut |_, _| 1), list(&mut |_, _| 0));
                let mut text = format!(
                    r#"{{"kernel":{kernel},"stride":{stride},"dilation":{ones},"pad_before":{zeros},"pad_after":{zeros},"ceil_mode":false"#
                );
                if keyword == "avg_pool" {
                    text += &format!(r#","count_include_pad":{coin},"divisor":[]"#);
                }
                text + "}"
            }
            "adaptive_avg_pool" => format!(r#"{{"output":{}}}"#, list(&mut |random, n| 1 + random.below(n))),
            "upsample" => {
                if !(3..=5).contains(&rank) {
                    return None;
                }
                let size: Vec<usize> = spatial.iter().map(|n| n * 2).collect();
                let scale = vec!["2"; spatial.len()];
                let (mode, coordinates) = *self.random.pick(&[
                    ("nearest_floor", "asymmetric"),
                    ("linear", "half_pixel"),
                    ("linear", "align_corners"),
                ]);
                format!(r#"{{"mode":"{mode}","coordinates":"{coordinates}","size":{size:?},"scale":{scale:?}}}"#)
            }
            "batch_norm" => {
                others.extend([plain(&[channels]), plain(&[channels])]);
                if coin {
                    others.extend([plain(&[channels]), (vec![channels], Data::Positive)]);
                }
                let statistics = if coin { "given" } else { "batch" };
                format!(r#"{{"statistics":"{statistics}","epsilon":"1/100"}}"#)
            }
            "layer_norm" | "rms_norm" => {
                others.extend(coin.then(|| plain(dims.get(axis..).unwrap_or_default())));
                others.extend((coin && keyword == "layer_norm").then(|| plain(dims.get(axis..).unwrap_or_default())));
                format!(r#"{{"axis":{axis},"epsilon":"1/100"}}"#)
            }
            "group_norm" => {
                others.extend([plain(&[channels]), plain(&[channels])].into_iter().take(if coin { 2 } else { 0 }));
                let divisors: Vec<usize> = (1..=channels).filter(|d| channels % d == 0).collect();
                format!(r#"{{"groups":{},"epsilon":"1/100"}}"#, self.random.pick(&divisors))
            }
            "instance_norm" => {
                others.extend([plain(&[channels]), plain(&[channels])].into_iter().take(if coin { 2 } else { 0 }));
                r#"{"epsilon":"1/100"}"#.into()
            }
            "softmax" | "log_softmax" => format!(r#"{{"axis":{axis}}}"#),
            "masked_softmax" => {
                others.push((dims.clone(), Data::Bits));
                format!(r#"{{"axis":{axis},"fully_blocked":"zeros"}}"#)
            }
            "mse" | "mae" | "huber" | "bce" | "bce_with_logits" | "kl" | "hinge" | "poisson" | "cosine" => {
                let reduction = *self.random.pick(&["none", "sum", "mean"]);
                let (data, more) = match keyword {
                    "huber" => (Data::Plain, r#""delta":"1/2","#),
                    "bce" => (Data::Probabilities, ""),
                    "bce_with_logits" => (Data::Probabilities, r#""positive_weight":"3","#),
                    "kl" => (Data::Probabilities, ""),
                    "hinge" => (Data::Signs, r#""margin":"1","#),
                    "poisson" => (Data::Probabilities, r#""log_input":true,"epsilon":"0","#),
                    "cosine" => (Data::Signs, r#""margin":"1/4","#),
                    _ => (Data::Plain, ""),
                };
                if keyword == "bce" {
                    x = self.add(decoded("sigmoid", "{}"), &[x])?;
                }
                if keyword == "cosine" {
                    (rank > 0).then_some(())?;
                    others.extend([plain(&dims), (dims[..rank - 1].to_vec(), data)]);
                } else {
                    others.push((dims.clone(), data));
                }
                format!(r#"{{{more}"reduction":"{reduction}"}}"#)
            }
            "cross_entropy" | "nll" => {
                (rank >= 2).then_some(())?;
                let reduction = *self.random.pick(&["none", "sum", "mean"]);
                let labels = keyword == "nll" || self.random.one_in(2);
                let positions: Vec<usize> =
                    dims.iter().enumerate().filter(|(at, _)| *at != 1).map(|(_, &n)| n).collect();
                others.push(if labels {
                    (positions, Data::Labels(channels))
                } else {
                    (dims.clone(), Data::Probabilities)
                });
                others.extend(coin.then(|| (vec![channels], Data::Positive)));
                let targets = if labels { "labels" } else { "probabilities" };
                let more = if keyword == "nll" { "" } else { r#""predictions":"logits","label_smoothing":"1/8","# };
                let ignore = if labels { "[-100]" } else { "[]" };
                format!(r#"{{{more}"targets":"{targets}","ignore_index":{ignore},"reduction":"{reduction}"}}"#)
            }
            _ => "{}".into(),
        };
        let mut parents = vec![x];
        for (dimensions, data) in others {
            parents.push(self.companion(&dimensions, data)?);
        }
        self.add(decoded(keyword, &attributes), &parents)
    }
}

/// The inputs of a case as numbers.
pub(crate) fn numbers(words: &Named<u32>) -> Named<f32> {
    words.iter().map(|(name, tensor)| (name.clone(), tensor.map(|&word| f32::from_bits(word)))).collect()
}

/// A cotangent for every output.
pub(crate) fn cotangents(case: &Case, seed: u64) -> Named<f32> {
    let mut random = Random(seed);
    let outputs = case.graph.outputs().iter();
    outputs
        .map(|(name, &id)| {
            let shape = case.graph.nodes()[id].shape.clone();
            let values = (0..shape.elements()).map(|_| random.number()).collect();
            (name.clone(), Tensor::new(shape, values).expect("as many values as elements"))
        })
        .collect()
}
