//! Networks whose binary32 execution and real meaning decide differently, after Zombori et al. (ICLR 2021) and Jia and Rinard (SAS 2021).
//!
//! | network | layers | over ℝ | in binary32, terms from the left |
//! |---|---|---|---|
//! | `absorb_const` | 1-3-1-2 | t = 1 for every x | t = 0 for every x: 2²⁵ absorbs the 1 |
//! | `absorb_trigger` | 1-3-1-2 | t = 1 for every x | t = 0 where 2²⁵·x absorbs the 1, so at x = 1/2 |
//! | `zombori_step` | 1-2-2-1-2 | y₀ = 1 > y₁ = 0 exactly for x ≥ 1/20 | the same while the bias comes last; with the bias first y₀ = 0 |
//! | `mnist256x2_absorb` | 784-259-257-10 | a digit classifier | class 5 is raised by 64 where 2³¹·x₀ absorbs a 1 |
//!
//! t = relu(2²⁵·h₀ + h₁ − 2²⁵·h₂) and y = (t, 1 − t). The last network is the 256×2 classifier of VNN-COMP's `mnist_fc` with three more hidden neurons, (x₀, 1, x₀), and one, t as
//! above with 2³¹; class 5 gets 64 − 64·t, which over ℝ is nothing. Its weights are read from the published network.

use super::Reference;
use super::draft::{Draft, values};
use crate::error::{Code, Error};
use std::path::Path;
use tl_import::ImportOptions;
use tl_kernel::ir::Tensor;
use tl_kernel::ir::evaluate::Named;
use tl_kernel::number::Exact;

/// The name of the network that is made from a published one.
pub const MNIST: &str = "mnist256x2_absorb";
/// What it is made from, below the data folder: the network, and the property whose box holds its input.
pub const MNIST_FILES: [&str; 2] =
    ["vnncomp/mnist_fc/onnx/mnist-net_256x2.onnx.gz", "vnncomp/mnist_fc/vnnlib/prop_0_0.03.vnnlib.gz"];

/// `SKIPPED NAME: no data at …`.
pub fn skipped(name: &str, data: &Path, files: &[&str]) -> String {
    let missing = files.iter().map(|file| data.join(file)).find(|path| !path.exists());
    format!("SKIPPED {name}: no data at {} (set TL_DATA)\n", missing.unwrap_or_default().display())
}

/// Affine layers with relu between them: y = … relu(W₀ x + b₀) …; parameters `W0`, `b0`, `W1`, ….
fn dense(x: Tensor<u32>, layers: Vec<[Tensor<u32>; 2]>) -> Draft {
    let mut d = Draft::default();
    let mut y = d.input("x", x);
    for (i, [weight, bias]) in layers.into_iter().enumerate() {
        if i > 0 {
            y = d.node("relu", &[y]);
        }
        let parents = [y, d.parameter(&format!("W{i}"), weight), d.parameter(&format!("b{i}"), bias)];
        y = d.node("linear", &parents);
    }
    d.output("y", y)
}

/// A layer of written numbers.
fn layer(fan_in: usize, weight: &[f32], bias: &[f32]) -> [Tensor<u32>; 2] {
    [values(&[bias.len(), fan_in], weight), values(&[bias.len()], bias)]
}

/// 2²⁵, where neighbouring binary32 numbers are 4 apart; half of it absorbs a 1 as well.
const BIG: f32 = (1u32 << 25) as f32;

/// (t, 1 − t) for h₀, h₁, h₂.
fn absorb(weight: [f32; 3], bias: [f32; 3], x: f32) -> Draft {
    let trigger = layer(3, &[BIG, 1.0, -BIG], &[0.0]);
    let outputs = layer(1, &[1.0, -1.0], &[0.0, 1.0]);
    dense(values(&[1, 1], &[x]), vec![layer(1, &weight, &bias), trigger, outputs])
}

pub(super) fn absorb_const() -> Draft {
    absorb([0.0; 3], [1.0; 3], 0.5)
}

pub(super) fn absorb_trigger() -> Draft {
    absorb([1.0, 0.0, 1.0], [0.0, 1.0, 0.0], 0.5)
}

/// a = relu(1 − 20x), b = relu(1 − 2a), c = 1, n = relu(10¹⁷·b − 10¹⁷·c + 10⁻³), y = (10³·n, 1 − 10³·n).
pub(super) fn zombori_step() -> Draft {
    let layers = vec![
        layer(1, &[-20.0, 0.0], &[1.0, 1.0]),
        layer(2, &[-2.0, 0.0, 0.0, 1.0], &[1.0, 0.0]),
        layer(2, &[1e17, -1e17], &[1e-3]),
        layer(1, &[1e3, -1e3], &[0.0, 1.0]),
    ];
    dense(values(&[1, 1], &[0.1]), layers)
}

/// `mnist256x2_absorb`, its input the middle of the property's box but for x₀ = 0.02; `None` where the data are not there.
pub fn mnist(data: &Path) -> Result<Option<Reference>, Error> {
    let [network, property] = MNIST_FILES.map(|file| data.join(file));
    if !network.exists() || !property.exists() {
        return Ok(None);
    }
    let mut found = tl_import::import_onnx(&network, &ImportOptions::default())?.parameters;
    let unlike = || Error::new(Code::ModelFile, network.display(), "it is not the network 784-256-256-10");
    let [first, second, last] = ["layers.0", "layers.2", "layers.4"].map(|name| taken(&mut found, name));
    let layers = [first, second, last].into_iter().collect::<Option<Vec<_>>>().ok_or_else(unlike)?;
    let layers = triggered(layers).ok_or_else(unlike)?;
    let boxes = tl_import::read_property(&property)?.boxes;
    let mut x: Vec<f32> =
        boxes.first().into_iter().flatten().map(|b| (nearest(&b.lo) + nearest(&b.hi)) / 2.0).collect();
    let other = || Error::new(Code::ModelFile, property.display(), "it is not a box of 784 inputs");
    *x.first_mut().ok_or_else(other)? = 0.02;
    if x.len() != 784 {
        return Err(other());
    }
    Reference::of(MNIST, dense(values(&[1, 784], &x), layers)).map(Some)
}

/// The binary32 number nearest to an exact one.
fn nearest(x: &Exact) -> f32 {
    use tl_kernel::context::binary32::{RoundingMode, word::round_exact};
    f32::from_bits(round_exact(x, RoundingMode::NearestEven).0)
}

/// Weight and bias of a layer, as rows of numbers.
type Rows = (Vec<Vec<f32>>, Vec<f32>);

fn taken(found: &mut Named<u32>, name: &str) -> Option<Rows> {
    let numbers = |tensor: &Tensor<u32>| tensor.data().iter().map(|&word| f32::from_bits(word)).collect::<Vec<f32>>();
    let (weight, bias) = (found.remove(&format!("{name}.weight"))?, found.remove(&format!("{name}.bias"))?);
    let &[_, fan_in] = weight.dimensions() else { return None };
    Some((numbers(&weight).chunks(fan_in).map(<[f32]>::to_vec).collect(), numbers(&bias)))
}

/// The three layers with the trigger added; `None` where they are not of the expected sizes.
fn triggered(layers: Vec<Rows>) -> Option<Vec<[Tensor<u32>; 2]>> {
    const HUGE: f32 = (1u32 << 31) as f32;
    const RAISE: f32 = 64.0;
    let sizes: Vec<_> = layers.iter().map(|(weight, bias)| (weight.len(), weight[0].len(), bias.len())).collect();
    let [(mut w0, mut b0), (mut w1, mut b1), (mut w2, mut b2)] = <[Rows; 3]>::try_from(layers).ok()?;
    if sizes != [(256, 784, 256), (256, 256, 256), (10, 256, 10)] {
        return None;
    }
    let row = |fan_in: usize, set: &[(usize, f32)]| {
        let mut row = vec![0.0; fan_in];
        set.iter().for_each(|&(i, value)| row[i] = value);
        row
    };
    w0.extend([row(784, &[(0, 1.0)]), row(784, &[]), row(784, &[(0, 1.0)])]);
    b0.extend([0.0, 1.0, 0.0]);
    w1.iter_mut().for_each(|row| row.extend([0.0; 3]));
    w1.push(row(259, &[(256, HUGE), (257, 1.0), (258, -HUGE)]));
    b1.push(0.0);
    w2.iter_mut().enumerate().for_each(|(class, row)| row.push(if class == 5 { -RAISE } else { 0.0 }));
    b2[5] += RAISE;
    let tensors =
        |(w, b): (Vec<Vec<f32>>, Vec<f32>)| [values(&[w.len(), w[0].len()], &w.concat()), values(&[b.len()], &b)];
    Some([(w0, b0), (w1, b1), (w2, b2)].map(tensors).into())
}
