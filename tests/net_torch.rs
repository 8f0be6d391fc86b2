//! Every layer against PyTorch: small networks with drawn parameters, biases and statistics, evaluated here on the processor and there in binary64
//! (`spec-tests/networks/layers.py`, a second implementation). SKIPPED where `TL_PYTHON` names no interpreter with torch.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;
use tl::files::{Staged, tensors};
use tl::generate::{self, Range};
use tl::net::layers::{
    BottleneckBlock, Conv2d, ConvBn, Dense, Dropout, FireModule, Flatten, GlobalAvgPool, InvertedResidual, LayerNorm,
    MaxPool, MbConv, PatchEmbed, ResidualBlock, SeparableConv, TransformerEncoder,
};
use tl::net::{Activation, Initial, Mode, NetSpec, Padding, Returns, Squeeze};
use tl::{Hardware32, Model};
use tl_kernel::ir::evaluate::{Named, evaluate};
use tl_kernel::ir::{Shape, Tensor};
use tl_kernel::number::Exact;

const ALL: &[Activation] = Activation::ALL;

fn dense(input: usize, output: usize) -> Dense {
    Dense { input, output, activation: Activation::Identity }
}

fn stem(output: usize, stride: usize, padding: Padding, activation: Activation) -> ConvBn {
    ConvBn { input: 3, output, kernel: 3, stride, padding, bias: false, activation }
}

fn tiny_resnet(padding: Padding) -> NetSpec {
    let block = |input, output, blocks, stride| ResidualBlock {
        input,
        output,
        blocks,
        stride,
        padding,
        activation: Activation::Relu,
    };
    NetSpec::new("tiny resnet", &[3, 17, 16])
        .layer(stem(8, 2, padding, Activation::Relu))
        .layer(MaxPool { kernel: 3, stride: 2, padding })
        .layer(block(8, 8, 2, 1))
        .layer(block(8, 12, 2, 2))
        .layer(GlobalAvgPool {})
        .layer(dense(12, 5))
}

fn tiny_mobilenet(padding: Padding, activation: Activation) -> NetSpec {
    let block = |input, output, expand, blocks, stride| InvertedResidual {
        input,
        output,
        expand,
        blocks,
        stride,
        padding,
        activation,
    };
    NetSpec::new("tiny mobilenet", &[3, 16, 18])
        .layer(stem(8, 2, padding, activation))
        .layer(block(8, 4, 1, 1, 1))
        .layer(block(4, 6, 6, 2, 2))
        .layer(block(6, 6, 3, 1, 1))
        .layer(SeparableConv { input: 6, output: 10, stride: 2, padding, activation })
        .layer(GlobalAvgPool {})
        .layer(dense(10, 5))
}

fn tiny_efficientnet(squeeze: Squeeze) -> NetSpec {
    let block = |input, output, expand, kernel, blocks, stride| MbConv {
        input,
        output,
        expand,
        kernel,
        blocks,
        stride,
        padding: Padding::Same,
        squeeze,
        activation: Activation::Swish,
    };
    NetSpec::new("tiny efficientnet", &[3, 16, 16])
        .layer(stem(8, 2, Padding::Same, Activation::Swish))
        .layer(block(8, 6, 1, 3, 1, 1))
        .layer(block(6, 8, 6, 5, 3, 2))
        .layer(block(8, 8, 4, 4, 1, 1))
        .layer(GlobalAvgPool {})
        .layer(dense(8, 5))
}

fn tiny_vit(returns: Returns) -> NetSpec {
    NetSpec::new("tiny vit", &[3, 12, 8])
        .layer(PatchEmbed { input: 3, width: 24, patch: 4, patches: 6 })
        .layer(TransformerEncoder { width: 24, heads: 3, hidden: 40, blocks: 2, returns })
        .layer(LayerNorm { width: 24 })
        .layer(dense(24, 5))
}

fn plain(padding: Padding, kernel: usize, activation: Activation) -> NetSpec {
    let conv = |input, output, stride| Conv2d { input, output, kernel, stride, padding, activation };
    let probe =
        NetSpec::new("plain", &[2, 15, 14]).layer(conv(2, 6, 1)).layer(MaxPool { kernel: 2, stride: 2, padding });
    let probe = probe
        .layer(conv(6, 5, 2))
        .layer(Dropout { rate: Exact::fraction(1, 4).expect("a fraction") })
        .layer(Flatten {});
    let width = probe.check().expect("it fits").last().expect("a shape").elements();
    probe.layer(Dense { input: width, output: 9, activation }).layer(dense(9, 5))
}

fn wide(activation: Activation) -> NetSpec {
    let block = |input, output, stride| BottleneckBlock {
        input,
        output,
        blocks: 2,
        stride,
        padding: Padding::Symmetric,
        activation,
    };
    NetSpec::new("wide", &[3, 9, 9])
        .layer(ConvBn { bias: true, ..stem(8, 1, Padding::Valid, activation) })
        .layer(block(8, 16, 2))
        .layer(FireModule { input: 16, squeeze: 4, expand1: 6, expand3: 5, activation })
        .layer(GlobalAvgPool {})
        .layer(dense(11, 5))
}

fn networks() -> Vec<(String, NetSpec)> {
    let mut all: Vec<(String, NetSpec)> = Vec::new();
    for padding in [Padding::Same, Padding::Symmetric] {
        all.push((format!("resnet_{}", padding.word()), tiny_resnet(padding)));
        all.push((format!("mobilenet_{}", padding.word()), tiny_mobilenet(padding, Activation::Relu6)));
    }
    for &padding in Padding::ALL {
        for kernel in [2, 3, 4] {
            all.push((format!("plain_{}_{kernel}", padding.word()), plain(padding, kernel, Activation::Relu)));
        }
    }
    for &activation in ALL {
        all.push((format!("plain_{}", activation.word()), plain(Padding::Same, 3, activation)));
        all.push((format!("wide_{}", activation.word()), wide(activation)));
    }
    for &squeeze in Squeeze::ALL {
        all.push((format!("efficientnet_{}", squeeze.word()), tiny_efficientnet(squeeze)));
    }
    for &returns in Returns::ALL {
        all.push((format!("vit_{}", returns.word()), tiny_vit(returns)));
    }
    for name in ["mnist_mlp", "mnist_cnn", "lenet5", "cifar_cnn_bn"] {
        all.push((name.into(), tl::zoo::network(name).expect("it is in the zoo")));
    }
    all
}

/// The words of `f` of every value.
fn mapped(tensor: &Tensor<u32>, f: impl Fn(f32) -> f32) -> Tensor<u32> {
    let words = tensor.data().iter().map(|&word| f(f32::from_bits(word)).to_bits()).collect();
    Tensor::new(tensor.shape().clone(), words).expect("as many words")
}

fn drawn(number: u64, shape: &Shape) -> Tensor<u32> {
    generate::tensor(11, number, shape, Range::Symmetric(0))
}

/// Writes a network, its tensors, inputs and logits for the script. What begins as ones or zeros is drawn, so that nothing is hidden behind it.
fn record(folder: &Path, name: &str, spec: &NetSpec, mode: Mode, batch: usize) {
    let lowered = spec.lower(mode, batch).unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut parameters = lowered.initial(5).expect("it is small");
    for (number, parameter) in lowered.parameters.iter().enumerate() {
        let offset = match parameter.initial {
            Initial::Ones => 1.0,
            Initial::Zeros => 0.0,
            _ => continue,
        };
        let values = mapped(&drawn(number as u64 + 100, &parameter.shape), |x| offset + 0.4 * x);
        parameters.insert(parameter.name.clone(), values);
    }
    let mut graph = lowered.graph.clone();
    graph.outputs.insert("logits".into(), lowered.logits);
    let model = Model::new(Path::new(name), graph, parameters).unwrap_or_else(|error| panic!("{error}"));
    let mut inputs: Named<u32> = Named::new();
    for (number, (input, shape)) in lowered.inputs().enumerate() {
        let values = drawn(number as u64, shape);
        let keep = |x: f32| if x < -0.5 { 0.0 } else { 1.0 };
        // Wide enough that relu6 is not relu.
        let values = if input == "x" { mapped(&values, |x| 16.0 * x) } else { mapped(&values, keep) };
        inputs.insert(input.into(), values);
    }
    let hardware = Hardware32::default();
    let given = inputs.iter().map(|(name, tensor)| {
        let values = tensor.data().iter().map(|&word| f32::from_bits(word)).collect();
        (name.clone(), Tensor::new(tensor.shape().clone(), values).expect("as many values"))
    });
    let outputs = evaluate(&model.graph, |_| &hardware, &model.parameters, &given.collect()).expect("it has a value");
    let outputs: Named<u32> = outputs
        .into_iter()
        .map(|(name, values)| {
            let words = values.data().iter().map(|value: &f32| value.to_bits()).collect();
            (name, Tensor::new(values.shape().clone(), words).expect("as many words"))
        })
        .collect();
    let mut staged = Staged::default();
    staged.add(&folder.join(format!("{name}.net.json")), spec.encode().to_string().as_bytes()).expect("it is written");
    let files = [("safetensors", &model.parameters), ("inputs.npz", &inputs), ("outputs.npz", &outputs)];
    for (extension, named) in files {
        let path = folder.join(format!("{name}.{extension}"));
        staged.add(&path, &tensors(&path, named).expect("they are tensors")).expect("it is written");
    }
    staged.commit().expect("they are written");
}

#[test]
fn every_layer_computes_what_pytorch_computes() {
    let folder = TempDir::new().expect("a temporary folder");
    let networks = networks();
    let words: std::collections::BTreeSet<&str> =
        networks.iter().flat_map(|(_, spec)| spec.layers.iter().map(|layer| layer.word())).collect();
    assert_eq!(words.len(), tl::net::Layer::WORDS.len(), "a layer is in no network: {words:?}");
    let Some(python) = python() else { return };
    for (name, spec) in &networks {
        record(folder.path(), name, spec, Mode::Eval, 3);
        if spec.layers.iter().any(|layer| !matches!(layer.word(), "dense" | "flatten")) {
            record(folder.path(), &format!("{name}_train"), spec, Mode::Train, 3);
        }
    }
    compare(&python, folder.path());
}

/// The published networks at full size: a minute. `cargo test --release --test net_torch -- --ignored --nocapture`.
#[test]
#[ignore = "it takes a minute"]
fn the_zoo_computes_what_pytorch_computes() {
    let folder = TempDir::new().expect("a temporary folder");
    let Some(python) = python() else { return };
    for entry in tl::zoo::NETWORKS {
        record(folder.path(), entry.name, &entry.spec(), Mode::Eval, 1);
    }
    compare(&python, folder.path());
}

/// The interpreter with torch; without one, a SKIPPED line.
fn python() -> Option<OsString> {
    let Some(python) = std::env::var_os("TL_PYTHON") else {
        println!("SKIPPED: TL_PYTHON names no interpreter with the packages of spec-tests/networks/requirements.txt");
        return None;
    };
    let probe = Command::new(&python).args(["-c", "import torch"]).output();
    if probe.is_ok_and(|probe| probe.status.success()) {
        return Some(python);
    }
    println!("SKIPPED: the interpreter that TL_PYTHON names has no torch");
    None
}

/// Runs the script over the folder.
fn compare(python: &OsStr, folder: &Path) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("spec-tests/networks/layers.py");
    let ran = Command::new(python).arg(&script).arg(folder).output().expect("the interpreter starts");
    println!("{}", String::from_utf8_lossy(&ran.stdout));
    assert!(ran.status.success(), "{}\n{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
}
