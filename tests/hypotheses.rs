//! Every hypothesis explains a node that was computed that way, and no unrelated one does.
//!
//! What is recorded is computed here, in binary64 and by plain loops, not by the hypotheses' own graphs; then it is rounded to binary32.

use std::collections::{BTreeMap, BTreeSet};
use tl::diff::judge::judge_part;
use tl::diff::part::Part;
use tl::generate::{Range, tensor};
use tl_kernel::ir::{Node, Shape, Tensor};
use tl_kernel::number::Exact;
use tl_kernel::spec::input::Input;
use tl_kernel::spec::{self, Op};

fn shape(dimensions: &[usize]) -> Shape {
    Shape::new(dimensions.to_vec()).expect("it is a shape")
}

/// Words in [-scale, scale) of the seed `number`.
fn data(number: u64, dimensions: &[usize], scale: f32) -> Tensor<u32> {
    let words = tensor(77, number, &shape(dimensions), Range::Symmetric(0));
    words.try_map(|&word| Ok::<u32, ()>((f32::from_bits(word) * scale).to_bits())).expect("no word is refused")
}

fn of(dimensions: &[usize], values: impl IntoIterator<Item = f64>) -> Tensor<u32> {
    let words = values.into_iter().map(|x| (x as f32).to_bits()).collect();
    Tensor::new(shape(dimensions), words).expect("as many values as the shape has elements")
}

fn values(words: &Tensor<u32>) -> Vec<f64> {
    words.data().iter().map(|&word| f64::from(f32::from_bits(word))).collect()
}

fn exact(text: &str) -> Exact {
    Exact::parse(text).expect("it is a number")
}

/// The part that applies `op` to sources, of which those from `first_parameter` on are parameters.
fn part(op: Op, sources: &[&Tensor<u32>], first_parameter: usize) -> Part {
    let source = |words: &&Tensor<u32>| Node {
        op: Op::Input(Input { name: String::new() }),
        parents: Vec::new(),
        shape: words.shape().clone(),
    };
    let mut part = Part {
        nodes: sources.iter().map(source).collect(),
        words: sources.iter().map(|&words| words.clone()).enumerate().collect::<BTreeMap<_, _>>(),
        parameters: (first_parameter..sources.len()).collect::<BTreeSet<_>>(),
        target: 0,
    };
    let parents: Vec<usize> = (0..sources.len()).collect();
    part.target = part.push(op, &parents).expect("the operation takes these operands");
    part
}

/// Units in the last place that the elementary functions here may be wrong by: binary64 rounded once.
const LIBRARY: u64 = 1;

/// Checks that what was recorded is beside rounding, that `expected` explains it, and that nothing does but what is called `related`: all that the data do not tell from it.
fn explained(part: &Part, recorded: &Tensor<u32>, expected: &str, related: &[&str]) {
    let judgement = judge_part(part, 0, recorded, LIBRARY, true);
    assert_eq!(judgement.trouble, None, "{expected}");
    assert!(judgement.outside > 0, "{expected}: it is within what rounding can explain ({})", judgement.share());
    let found = &judgement.explanations;
    assert!(found.iter().any(|name| name == expected), "{expected}: {found:?}");
    let unrelated = found.iter().find(|name| *name != expected && !related.iter().any(|r| name.contains(r)));
    assert_eq!(unrelated, None, "{expected}: {found:?}");
}

/// Checks that the node computed as the model says is within what rounding can explain.
fn plain(part: &Part, recorded: &Tensor<u32>) {
    let judgement = judge_part(part, 0, recorded, LIBRARY, true);
    assert!(judgement.holds() && judgement.nearer.is_none(), "{judgement:?}");
}

/// x Wᵀ + b in binary64, of operands that went through `f`.
fn affine(x: &Tensor<u32>, w: &Tensor<u32>, b: Option<&Tensor<u32>>, f: impl Fn(f64) -> f64) -> Tensor<u32> {
    let (rows, columns, terms) = (x.dimensions()[0], w.dimensions()[0], w.dimensions()[1]);
    let (x, w, b) = (values(x), values(w), b.map(values));
    let element = |i: usize, j: usize| {
        let dot: f64 = (0..terms).map(|t| f(x[i * terms + t]) * f(w[j * terms + t])).sum();
        dot + b.as_ref().map_or(0.0, |b| b[j])
    };
    of(&[rows, columns], (0..rows * columns).map(|at| element(at / columns, at % columns)))
}

/// x to this many significant bits, ties to even.
fn short(x: f64, bits: i32) -> f64 {
    let unit = 2f64.powi(x.abs().log2().floor() as i32 - bits + 1);
    if x == 0.0 { x } else { (x / unit).round_ties_even() * unit }
}

/// x as a float16.
fn half(x: f64) -> f64 {
    let least = 2f64.powi(-24);
    if x.abs() < 2f64.powi(-14) { (x / least).round_ties_even() * least } else { short(x, 11) }
}

fn linear() -> Op {
    Op::Linear(spec::linear::Linear {})
}

#[test]
fn products_of_short_operands() {
    let (x, w, b) = (data(1, &[3, 24], 1.0), data(2, &[8, 24], 1.0), data(3, &[8], 1.0));
    let layer = part(linear(), &[&x, &w, &b], 1);
    plain(&layer, &affine(&x, &w, Some(&b), |x| x));
    let tf32 = affine(&x, &w, Some(&b), |x| short(x, 11));
    explained(&layer, &tf32, "TF32-like products (operands of 10 fraction bits)", &["float16 products"]);
    let bfloat16 = affine(&x, &w, Some(&b), |x| short(x, 8));
    explained(&layer, &bfloat16, "bfloat16 products", &[]);
    let stored = values(&bfloat16).into_iter().map(|y| short(y, 8));
    explained(&layer, &of(&[3, 8], stored), "bfloat16 products, stored so", &["bfloat16"]);
    let result = values(&affine(&x, &w, Some(&b), |x| x)).into_iter().map(|y| short(y, 8));
    explained(&layer, &of(&[3, 8], result), "a result stored in bfloat16", &[]);
    // Numbers whose float16 is subnormal have fewer than eleven bits.
    let tiny = data(1, &[3, 24], 1.0 / 65536.0);
    let layer = part(linear(), &[&tiny, &w], 1);
    explained(&layer, &affine(&tiny, &w, None, half), "float16 products", &[]);
}

#[test]
fn a_long_sum_keeps_its_bound_with_short_operands_and_is_suspected() {
    let (x, w) = (data(4, &[1, 4096], 1.0), data(5, &[16, 4096], 1.0));
    let layer = part(linear(), &[&x, &w], 1);
    plain(&layer, &affine(&x, &w, None, |x| x));
    let judgement = judge_part(&layer, 0, &affine(&x, &w, None, |x| short(x, 11)), LIBRARY, true);
    assert!(judgement.holds(), "{judgement:?}");
    let (name, times) = judgement.nearer.expect("a suspicion");
    assert!((name.contains("TF32") || name.contains("float16")) && times > 100.0, "{name} {times}");
}

#[test]
fn weights_in_another_layout() {
    let (x, w) = (data(6, &[3, 8], 1.0), data(7, &[8, 8], 1.0));
    let transposed = of(&[8, 8], (0..64).map(|at| values(&w)[at % 8 * 8 + at / 8]));
    explained(&part(linear(), &[&x, &w], 1), &affine(&x, &transposed, None, |x| x), "a transposed weight", &[]);
    let product = Op::Matmul(spec::matmul::Matmul {});
    explained(&part(product, &[&x, &w], 1), &affine(&x, &w, None, |x| x), "a transposed weight", &[]);
}

#[test]
fn biases_and_factors_left_out() {
    let (x, w, b) = (data(8, &[3, 8], 1.0), data(9, &[5, 8], 1.0), data(10, &[5], 1.0));
    explained(&part(linear(), &[&x, &w, &b], 1), &affine(&x, &w, None, |x| x), "a missing bias", &[]);
    let y = data(11, &[3, 8], 1.0);
    explained(&part(Op::Add(spec::add::Add {}), &[&x, &y], 1), &x, "a missing bias", &[]);
    explained(&part(Op::Mul(spec::mul::Mul {}), &[&x, &y], 1), &x, "a missing factor", &[]);
    explained(&part(Op::Scale(spec::scale::Scale { factor: exact("0.125") }), &[&x], 1), &x, "a missing factor", &[]);
    // Two values that are computed are no bias.
    let judgement = judge_part(&part(Op::Add(spec::add::Add {}), &[&x, &y], 2), 0, &x, LIBRARY, true);
    assert!(judgement.outside > 0 && judgement.explanations.is_empty(), "{judgement:?}");
}

/// The convolution of x [1, I, n, n] with w [O, I, 3, 3], the padding `before` and `after` in both axes.
fn convolution(x: &Tensor<u32>, w: &Tensor<u32>, before: usize, after: usize) -> Tensor<u32> {
    let ([_, channels, n, _], [outputs, ..]) =
        (<[usize; 4]>::try_from(x.dimensions()).unwrap(), <[usize; 4]>::try_from(w.dimensions()).unwrap());
    let (x, w, m) = (values(x), values(w), n + before + after - 2);
    let cell = |c: usize, i: usize, j: usize| {
        let inside = |k: usize| k.checked_sub(before).filter(|&k| k < n);
        inside(i).zip(inside(j)).map_or(0.0, |(i, j)| x[(c * n + i) * n + j])
    };
    let element = |at: usize| {
        let (o, i, j) = (at / m / m, at / m % m, at % m);
        let taps = (0..channels * 9).map(|tap| cell(tap / 9, i + tap % 9 / 3, j + tap % 3) * w[o * channels * 9 + tap]);
        taps.sum::<f64>()
    };
    of(&[1, outputs, m, m], (0..outputs * m * m).map(element))
}

#[test]
fn convolutions_with_exchanged_axes_or_sides() {
    let conv = |before: usize, after: usize| {
        let (stride, dilation) = (vec![1, 1], vec![1, 1]);
        Op::Conv(spec::conv::Conv {
            stride,
            dilation,
            pad_before: vec![before; 2],
            pad_after: vec![after; 2],
            groups: 1,
        })
    };
    let (x, w) = (data(12, &[1, 2, 5, 5], 1.0), data(13, &[2, 2, 3, 3], 1.0));
    let even = part(conv(1, 1), &[&x, &w], 1);
    plain(&even, &convolution(&x, &w, 1, 1));
    let moved = |at: &dyn Fn(usize) -> usize| of(&[2, 2, 3, 3], (0..36).map(|i| values(&w)[at(i)]));
    let flipped = moved(&|i| i / 9 * 9 + 8 - i % 9);
    explained(&even, &convolution(&x, &flipped, 1, 1), "a flipped kernel (convolution instead of correlation)", &[]);
    let exchanged = moved(&|i| (i / 9 % 2 * 2 + i / 18) * 9 + i % 9);
    explained(&even, &convolution(&x, &exchanged, 1, 1), "a weight with input and output channels exchanged", &[]);
    let turned = moved(&|i| i / 9 * 9 + i % 3 * 3 + i % 9 / 3);
    explained(&even, &convolution(&x, &turned, 1, 1), "a kernel with its spatial axes exchanged", &[]);
    let sided = part(conv(0, 1), &[&x, &w], 1);
    explained(&sided, &convolution(&x, &w, 1, 0), "padding on the other side", &[]);
}

/// How a normalisation is computed.
#[derive(Clone, Copy)]
struct Normal {
    epsilon: f64,
    outside: bool,
    unbiased: bool,
}

/// The line normalised.
fn normal(line: &[f64], centred: bool, how: Normal) -> Vec<f64> {
    let n = line.len() as f64;
    let mean = if centred { line.iter().sum::<f64>() / n } else { 0.0 };
    let squares: f64 = line.iter().map(|x| (x - mean) * (x - mean)).sum();
    let variance = squares / if how.unbiased { n - 1.0 } else { n };
    let root = if how.outside { variance.sqrt() + how.epsilon } else { (variance + how.epsilon).sqrt() };
    line.iter().map(|x| (x - mean) / root).collect()
}

#[test]
fn normalisations_with_another_epsilon_or_variance() {
    let stated = Normal { epsilon: 1e-5, outside: false, unbiased: false };
    let epsilon = || exact("1e-5");
    // A deviation of about 0.01, beside which every epsilon counts.
    let x = data(14, &[4, 3, 8], 0.02);
    let (w, b) = (data(15, &[8], 1.0), data(16, &[8], 1.0));
    let layer = part(Op::LayerNorm(spec::layer_norm::LayerNorm { axis: 2, epsilon: epsilon() }), &[&x, &w, &b], 1);
    let rms = part(Op::RmsNorm(spec::rms_norm::RmsNorm { axis: 2, epsilon: epsilon() }), &[&x, &w], 1);
    let instance = part(Op::InstanceNorm(spec::instance_norm::InstanceNorm { epsilon: epsilon() }), &[&x], 1);
    let group = part(Op::GroupNorm(spec::group_norm::GroupNorm { groups: 3, epsilon: epsilon() }), &[&x], 1);
    let lines = |centred: bool, how: Normal| -> Vec<f64> {
        values(&x).chunks(8).flat_map(|line| normal(line, centred, how)).collect()
    };
    let scaled = |lines: Vec<f64>, bias: bool| {
        let (w, b) = (values(&w), values(&b));
        let value = |(i, y): (usize, f64)| y * w[i % 8] + if bias { b[i % 8] } else { 0.0 };
        lines.into_iter().enumerate().map(value).collect::<Vec<f64>>()
    };
    let recorded = |how: Normal| {
        let centred = lines(true, how);
        [
            (&layer, of(&[4, 3, 8], scaled(centred.clone(), true))),
            (&rms, of(&[4, 3, 8], scaled(lines(false, how), false))),
            (&instance, of(&[4, 3, 8], centred.clone())),
            (&group, of(&[4, 3, 8], centred)),
        ]
    };
    for (part, words) in recorded(stated) {
        plain(part, &words);
    }
    // Epsilons of no effect here are not told apart from none.
    let none = ["a missing epsilon", "an epsilon of 1e-1", "an epsilon of 1e-8"];
    for (how, expected, related) in [
        (Normal { epsilon: 1e-3, ..stated }, "an epsilon of 1e-3", &none[..0]),
        (Normal { epsilon: 1e-6, ..stated }, "an epsilon of 1e-6", &none[..0]),
        (Normal { epsilon: 0.0, ..stated }, "a missing epsilon", &none),
        (Normal { outside: true, ..stated }, "an epsilon outside the square root", &none[..0]),
    ] {
        for (part, words) in recorded(how) {
            explained(part, &words, expected, related);
        }
    }
    for (part, words) in
        recorded(Normal { unbiased: true, ..stated }).iter().filter(|(part, _)| !std::ptr::eq(*part, &rms))
    {
        explained(part, words, "an unbiased variance", &[]);
    }
    let unscaled = of(&[4, 3, 8], scaled(lines(true, stated), false));
    explained(&layer, &unscaled, "a missing bias", &[]);
}

#[test]
fn a_variance_that_cancels() {
    // A mean of 200 and a deviation of about 0.6: in binary32 the squares, about 40,000, are known to 0.002 each.
    let x = of(&[8, 8], values(&data(34, &[8, 8], 1.0)).into_iter().map(|x| x + 200.0));
    let layer = part(Op::LayerNorm(spec::layer_norm::LayerNorm { axis: 1, epsilon: exact("1e-5") }), &[&x], 1);
    let floats: Vec<f32> = x.data().iter().map(|&word| f32::from_bits(word)).collect();
    let one_pass = |line: &[f32]| {
        let n = line.len() as f32;
        let mean = line.iter().sum::<f32>() / n;
        let variance = line.iter().map(|x| x * x).sum::<f32>() / n - mean * mean;
        line.iter().map(|x| f64::from((x - mean) / (variance + 1e-5).sqrt())).collect::<Vec<f64>>()
    };
    let recorded = of(&[8, 8], floats.chunks(8).flat_map(one_pass));
    explained(&layer, &recorded, "a variance in one pass, E[x²] - E[x]²", &[]);
}

#[test]
fn batch_normalisation_with_other_statistics() {
    use spec::batch_norm::{BatchNorm, Statistics};
    let dimensions = [3, 2, 4];
    let x = data(17, &dimensions, 1.0);
    let (w, b, mean) = (data(18, &[2], 1.0), data(19, &[2], 1.0), data(20, &[2], 0.1));
    let variance = of(&[2], [0.01, 0.02]);
    let op = |statistics| Op::BatchNorm(BatchNorm { statistics, epsilon: exact("1e-5") });
    let given = part(op(Statistics::Given), &[&x, &w, &b, &mean, &variance], 1);
    let own = part(op(Statistics::Batch), &[&x, &w, &b], 1);
    let (xs, ws, bs) = (values(&x), values(&w), values(&b));
    let affine = |at: usize, y: f64| y * ws[at / 4 % 2] + bs[at / 4 % 2];
    let batch = |how: Normal| {
        let channel = |c: usize| {
            xs.iter().copied().enumerate().filter(|(at, _)| at / 4 % 2 == c).map(|(_, x)| x).collect::<Vec<f64>>()
        };
        let lines = [0, 1].map(|c| normal(&channel(c), true, how));
        of(&dimensions, (0..24).map(|at| affine(at, lines[at / 4 % 2][at / 8 * 4 + at % 4])))
    };
    let running = |epsilon: f64| {
        let (mean, variance) = (values(&mean), values(&variance));
        let y = |at: usize| (xs[at] - mean[at / 4 % 2]) / (variance[at / 4 % 2] + epsilon).sqrt();
        of(&dimensions, (0..24).map(|at| affine(at, y(at))))
    };
    let stated = Normal { epsilon: 1e-5, outside: false, unbiased: false };
    let unbiased = Normal { unbiased: true, ..stated };
    plain(&given, &running(1e-5));
    plain(&own, &batch(stated));
    explained(&given, &running(1e-3), "an epsilon of 1e-3", &[]);
    explained(&given, &batch(stated), "the statistics of the batch instead of the given ones", &[]);
    explained(&given, &batch(unbiased), "the statistics of the batch, the variance unbiased", &[]);
    explained(&own, &batch(unbiased), "an unbiased variance", &[]);
}

#[test]
fn an_epsilon_that_is_added_by_itself() {
    let x = data(21, &[6], 1e-3);
    let epsilon = of(&[1], [1e-5]);
    let mut sum = part(Op::Broadcast(spec::broadcast::Broadcast { shape: shape(&[6]) }), &[&epsilon], 0);
    let broadcast = sum.target;
    let source = sum.nodes.len();
    sum.nodes.push(Node { op: Op::Input(Input { name: String::new() }), parents: Vec::new(), shape: shape(&[6]) });
    sum.words.insert(source, x.clone());
    sum.target = sum.push(Op::Add(spec::add::Add {}), &[source, broadcast]).expect("a sum");
    let plus = |epsilon: f64| of(&[6], values(&x).into_iter().map(|x| x + epsilon));
    plain(&sum, &plus(f64::from(1e-5f32)));
    explained(&sum, &plus(f64::from(1e-8f32)), "an epsilon of 1e-8", &[]);
    explained(&sum, &x, "a missing epsilon", &["a missing bias", "an epsilon of 1e-1"]);
}

#[test]
fn activations_of_another_form() {
    let x = data(22, &[40], 3.0);
    let each = |f: &dyn Fn(f64) -> f64| of(&[40], values(&x).into_iter().map(f));
    let erf = |x: f64| x / 2.0 * (1.0 + libm::erf(x / 2f64.sqrt()));
    let tanh = |x: f64| x / 2.0 * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x)).tanh());
    use spec::gelu::{Form, Gelu};
    let gelu = |form| part(Op::Gelu(Gelu { form }), &[&x], 1);
    plain(&gelu(Form::Erf), &each(&erf));
    plain(&gelu(Form::Tanh), &each(&tanh));
    explained(&gelu(Form::Erf), &each(&tanh), "the tanh form of GELU", &[]);
    explained(&gelu(Form::Tanh), &each(&erf), "the exact (erf) form of GELU", &[]);
    let leaky = part(Op::LeakyRelu(spec::leaky_relu::LeakyRelu { slope: exact("0.01") }), &[&x], 1);
    explained(&leaky, &each(&|x| if x > 0.0 { x } else { 0.2 * x }), "a slope of 0.2 below zero", &[]);
    explained(&leaky, &each(&|x| x.max(0.0)), "a slope of 0 below zero", &["recorded after a relu"]);
    let relu = part(Op::Relu(spec::relu::Relu {}), &[&x], 1);
    explained(&relu, &each(&|x| if x > 0.0 { x } else { 0.01 * x }), "a slope of 0.01 below zero", &[]);
    let sigmoid = spec::hard_sigmoid::HardSigmoid { alpha: exact("0.2"), beta: exact("0.5") };
    let other = each(&|x| (x / 6.0 + 0.5).clamp(0.0, 1.0));
    explained(&part(Op::HardSigmoid(sigmoid), &[&x], 1), &other, "a hard sigmoid of slope 1/6", &[]);
    let elu = part(Op::Elu(spec::elu::Elu { alpha: exact("0.5") }), &[&x], 1);
    explained(&elu, &each(&|x| if x > 0.0 { x } else { x.exp_m1() }), "an alpha of 1", &[]);
    let (a, b) = (data(23, &[40], 1.0), data(24, &[40], 1.0));
    let sums = values(&a).into_iter().zip(values(&b)).map(|(a, b)| (a + b).max(0.0));
    let sum = part(Op::Add(spec::add::Add {}), &[&a, &b], 2);
    explained(&sum, &of(&[40], sums), "a value that was recorded after a relu", &[]);
}

#[test]
fn gelu_that_the_model_spells_out() {
    // x/2 · (1 + erf(x·√½)) as four nodes, none recorded but the last.
    let x = data(25, &[20], 3.0);
    let mut gelu = part(Op::Scale(spec::scale::Scale { factor: exact("0x1.6a09e6p-1") }), &[&x], 1);
    let one = gelu.scalar(1f32.to_bits());
    let erf = gelu.push(Op::Erf(spec::erf::Erf {}), &[gelu.target]).unwrap();
    let one = gelu.push(Op::Broadcast(spec::broadcast::Broadcast { shape: shape(&[20]) }), &[one]).unwrap();
    let gate = gelu.push(Op::Add(spec::add::Add {}), &[erf, one]).unwrap();
    let half = gelu.push(Op::Scale(spec::scale::Scale { factor: exact("0.5") }), &[0]).unwrap();
    gelu.target = gelu.push(Op::Mul(spec::mul::Mul {}), &[half, gate]).unwrap();
    let tanh = |x: f64| x / 2.0 * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x)).tanh());
    explained(&gelu, &of(&[20], values(&x).into_iter().map(tanh)), "the tanh form of GELU", &[]);
}

#[test]
fn means_over_windows_that_count_padding_or_do_not() {
    let x = data(26, &[1, 1, 4, 4], 1.0);
    let pool = |count_include_pad| {
        let two = vec![2, 2];
        let (kernel, stride, dilation, pad_before, pad_after) = (vec![3, 3], two, vec![1, 1], vec![1, 1], vec![1, 1]);
        let (ceil_mode, divisor) = (false, Vec::new());
        let op = spec::avg_pool::AvgPool {
            kernel,
            stride,
            dilation,
            pad_before,
            pad_after,
            ceil_mode,
            count_include_pad,
            divisor,
        };
        part(Op::AvgPool(op), &[&x], 1)
    };
    let mean = |counted: bool| {
        let xs = values(&x);
        let window = |at: usize| {
            let cells = |o: usize| (2 * o..2 * o + 3).filter_map(|k| k.checked_sub(1)).filter(|&k| k < 4);
            let (rows, columns) = (cells(at / 2), cells(at % 2));
            let seen: Vec<f64> =
                rows.flat_map(|i| columns.clone().map(move |j| (i, j))).map(|(i, j)| xs[i * 4 + j]).collect();
            seen.iter().sum::<f64>() / if counted { 9.0 } else { seen.len() as f64 }
        };
        of(&[1, 1, 2, 2], (0..4).map(window))
    };
    plain(&pool(true), &mean(true));
    plain(&pool(false), &mean(false));
    explained(&pool(false), &mean(true), "average pooling that counts padding", &[]);
    explained(&pool(true), &mean(false), "average pooling that does not count padding", &[]);
}

#[test]
fn softmax_over_another_axis_or_behind_a_finite_mask() {
    let x = data(27, &[4, 4], 2.0);
    let softmax = |line: Vec<f64>| {
        let sum: f64 = line.iter().map(|x| x.exp()).sum();
        line.into_iter().map(move |x| x.exp() / sum).collect::<Vec<f64>>()
    };
    let xs = values(&x);
    let rows: Vec<f64> = xs.chunks(4).flat_map(|row| softmax(row.to_vec())).collect();
    let columns: Vec<Vec<f64>> = (0..4).map(|j| softmax((0..4).map(|i| xs[i * 4 + j]).collect())).collect();
    let by_columns: Vec<f64> = (0..16).map(|at| columns[at % 4][at / 4]).collect();
    let over = part(Op::Softmax(spec::softmax::Softmax { axis: 1 }), &[&x], 1);
    plain(&over, &of(&[4, 4], rows.clone()));
    explained(&over, &of(&[4, 4], by_columns.clone()), "softmax over axis 0", &[]);
    let logs = by_columns.iter().map(|y| y.ln());
    let log = part(Op::LogSoftmax(spec::log_softmax::LogSoftmax { axis: 1 }), &[&x], 1);
    explained(&log, &of(&[4, 4], logs), "softmax over axis 0", &[]);
    // The last row is blocked, the others are open.
    let mask = of(&[4, 4], (0..16).map(|at| if at < 12 { 1.0 } else { 0.0 }));
    let masked =
        spec::masked_softmax::MaskedSoftmax { axis: 1, fully_blocked: spec::masked_softmax::FullyBlocked::Zeros };
    let masked = part(Op::MaskedSoftmax(masked), &[&x, &mask], 1);
    let with_last = |last: f64| of(&[4, 4], rows.iter().take(12).copied().chain([last; 4]));
    plain(&masked, &with_last(0.0));
    explained(&masked, &with_last(0.25), "a finite mask such as -1e9 (a blocked row is uniform)", &[]);
}

#[test]
fn resizes_by_other_coordinates() {
    use spec::upsample::{Coordinates, Interpolation, Upsample};
    let x = data(28, &[1, 1, 4], 1.0);
    let (size, scale) = (vec![8], vec![exact("2")]);
    let op = Upsample { mode: Interpolation::Linear, coordinates: Coordinates::HalfPixel, size, scale };
    let xs = values(&x);
    let corners = |i: usize| {
        let at = i as f64 * 3.0 / 7.0;
        let (low, t) = ((at.floor() as usize).min(2), at - at.floor().min(2.0));
        xs[low] * (1.0 - t) + xs[low + 1] * t
    };
    let recorded = of(&[1, 1, 8], (0..8).map(corners));
    explained(&part(Op::Upsample(op), &[&x], 1), &recorded, "a resize with coordinates align_corners (linear)", &[]);
}

#[test]
fn subnormal_numbers_flushed_to_zero() {
    let (x, y) = (of(&[3], [1e-20, 3.0, 2e-19]), of(&[3], [3e-20, 2.0, 1e-21]));
    let product = part(Op::Mul(spec::mul::Mul {}), &[&x, &y], 2);
    explained(&product, &of(&[3], [0.0, 6.0, 0.0]), "flush-to-zero of subnormal numbers", &["recorded after a relu"]);
    let (x, y) = (of(&[2], [1e-40, 1.0]), of(&[2], [1e10, 1.0]));
    let product = part(Op::Mul(spec::mul::Mul {}), &[&x, &y], 2);
    explained(&product, &of(&[2], [0.0, 1.0]), "flush-to-zero of subnormal numbers", &[]);
}

#[test]
fn noise_is_explained_by_nothing() {
    let (x, w, b) = (data(30, &[2, 8], 1.0), data(31, &[8, 8], 1.0), data(32, &[8], 1.0));
    let layer = part(linear(), &[&x, &w, &b], 1);
    let noise = values(&data(33, &[2, 8], 1e-3));
    let recorded = values(&affine(&x, &w, Some(&b), |x| x)).into_iter().zip(noise).map(|(y, e)| y + e);
    let judgement = judge_part(&layer, 0, &of(&[2, 8], recorded), LIBRARY, true);
    assert!(judgement.outside > 0 && judgement.explanations.is_empty(), "{judgement:?}");
}

#[test]
fn what_is_not_finite_is_outside_and_what_depends_on_it_is_not_judged() {
    let x = of(&[2], [1.0, 2.0]);
    let relu = part(Op::Relu(spec::relu::Relu {}), &[&x], 1);
    let judgement = judge_part(&relu, 0, &of(&[2], [1.0, f64::NAN]), LIBRARY, true);
    assert_eq!((judgement.outside, judgement.error, judgement.trouble), (1, None, None));
    let relu = part(Op::Relu(spec::relu::Relu {}), &[&of(&[2], [1.0, f64::INFINITY])], 1);
    assert!(judge_part(&relu, 0, &x, LIBRARY, true).trouble.is_some());
}
