//! Every model of the collections imports, or is refused for the reason that stands in the table here.

mod common;

use common::data;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tl_import::{ImportOptions, import_onnx, read_property};
use tl_kernel::context::binary32::schedule::{BiasPosition, Order, Schedule};
use tl_kernel::context::binary32::{Binary32, Environment};
use tl_kernel::ir::evaluate::{Cut, evaluate, source};
use tl_kernel::ir::{Shape, Tensor};
use tl_kernel::limits::Limits;

/// The models that are refused, with the code.
const REFUSED: [(&str, &str); 1] = [("dropout_training_mode_true.onnx", "TL0417")];

fn models(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.to_string_lossy();
        if path.is_dir() {
            models(&path, found);
        } else if name.ends_with(".onnx") || name.ends_with(".onnx.gz") {
            found.push(path);
        }
    }
    found.sort();
}

#[test]
fn every_model_of_the_collections_imports_or_is_refused_for_its_listed_reason() {
    let mut found = Vec::new();
    for folder in ["small_models", "vnncomp", "fp_gap"] {
        match data(folder) {
            Ok(path) => models(&path, &mut found),
            Err(reason) => return println!("{reason}"),
        }
    }
    let refused: BTreeMap<_, _> = REFUSED.into_iter().collect();
    let mut wrong = Vec::new();
    for path in &found {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        match (import_onnx(path, &ImportOptions::default()), refused.get(name.as_str())) {
            (Ok(model), None) => {
                let again = import_onnx(path, &ImportOptions::default()).unwrap();
                assert_eq!(model, again, "{name} twice");
                let checked = model.graph.clone().check("", &Limits::default()).unwrap();
                let names: Vec<_> = checked.constants().map(|(name, _)| name.to_string()).collect();
                assert!(
                    names.iter().all(|name| model.parameters.contains_key(name))
                        && names.len() == model.parameters.len(),
                    "{name}"
                );
            }
            (Err(error), Some(code)) if error.code() == *code => {}
            (Ok(_), Some(code)) => wrong.push(format!("{name} imports, {code} was expected")),
            (Err(error), _) => wrong.push(error.to_string()),
        }
    }
    println!("{} models, {} refused as listed", found.len(), refused.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn published_parameter_counts_are_reproduced() {
    let root = match data("vnncomp") {
        Ok(root) => root,
        Err(reason) => return println!("{reason}"),
    };
    for (file, count) in [
        ("acasxu/onnx/ACASXU_run2a_1_1_batch_2000.onnx.gz", 13_310),
        ("mnist_fc/onnx/mnist-net_256x2.onnx.gz", 269_322),
        ("mnist_fc/onnx/mnist-net_256x4.onnx.gz", 400_906),
        ("mnist_fc/onnx/mnist-net_256x6.onnx.gz", 532_490),
        ("cifar10_resnet/onnx/resnet_2b.onnx.gz", 112_006),
        ("cifar10_resnet/onnx/resnet_4b.onnx.gz", 123_734),
        ("eran_mnist/onnx/mnist_relu_9_200.onnx.gz", 440_410),
        ("eran_mnist/onnx/ffnnSIGMOID__Point_6x200.onnx.gz", 360_010),
        ("marabou_cifar10/onnx/cifar10_small.onnx.gz", 85_220),
    ] {
        let model = import_onnx(root.join(file), &ImportOptions::default()).unwrap();
        let total: usize = model.parameters.values().map(|tensor| tensor.data().len()).sum();
        println!("{file}: {total} {:?}", model.parameters.keys().take(4).collect::<Vec<_>>());
        // Beside the parameters the files have the constants of Sub and Div, and the published count of the last one has the target of a Reshape.
        assert!(total.abs_diff(count) <= 2, "{file}: {total} parameters, {count} are published");
    }
}

#[test]
fn every_property_of_the_collections_has_as_many_bounds_as_its_network_has_inputs() {
    let root = match data("vnncomp") {
        Ok(root) => root,
        Err(reason) => return println!("{reason}"),
    };
    for (folder, inputs, outputs) in [
        ("acasxu", 5, 5),
        ("cifar10_resnet", 3072, 10),
        ("eran_mnist", 784, 10),
        ("marabou_cifar10", 3072, 10),
        ("mnist_fc", 784, 10),
    ] {
        let mut number = 0;
        for entry in std::fs::read_dir(root.join(folder).join("vnnlib")).unwrap() {
            let property = read_property(entry.unwrap().path()).unwrap_or_else(|error| panic!("{error}"));
            assert!(property.boxes.iter().all(|bounds| bounds.len() == inputs) && property.outputs == outputs);
            assert!(!property.assertions.is_empty());
            number += 1;
        }
        println!("{folder}: {number} properties");
    }
}

/// The file with every one of these values as a further output: a protobuf message that occurs again is merged into the first, so the graph (field 7) gets an output (12) of each name (1).
fn with_outputs<'a>(bytes: &[u8], names: impl Iterator<Item = &'a str>) -> Vec<u8> {
    fn message(field: u8, content: &[u8]) -> Vec<u8> {
        let (mut head, mut length) = (vec![field << 3 | 2], content.len());
        while length > 127 {
            head.push(length as u8 | 128);
            length >>= 7;
        }
        [&head[..], &[length as u8], content].concat()
    }
    let outputs: Vec<u8> = names.flat_map(|name| message(12, &message(1, name.as_bytes()))).collect();
    [bytes, &message(7, &outputs)].concat()
}

#[test]
fn every_named_value_is_the_value_of_its_node() {
    let mut found = Vec::new();
    for folder in ["small_models", "fp_gap"] {
        match data(folder) {
            Ok(path) => models(&path, &mut found),
            Err(reason) => return println!("{reason}"),
        }
    }
    const LARGEST: u64 = 3_000_000;
    let (mut looked_into, mut named, mut inner) = (0, 0, 0);
    for path in found {
        let Ok(bytes) = std::fs::read(&path) else { continue };
        if bytes.starts_with(&[0x1f, 0x8b]) {
            continue; // nothing can be appended
        }
        let Ok(model) = import_onnx(&path, &ImportOptions::default()) else { continue };
        let graph = model.graph.clone().check("", &Limits::default()).unwrap();
        if graph.work() > LARGEST {
            continue;
        }
        assert!(
            model.outputs.iter().all(|name| model.values.get(name) == graph.outputs().get(name)),
            "{}",
            path.display()
        );
        assert!(model.inputs.iter().all(|(name, _)| model.values.contains_key(name)), "{}", path.display());
        let extra = model.values.keys().map(String::as_str).filter(|name| !model.outputs.iter().any(|o| o == name));
        let all = with_outputs(&bytes, extra);
        let all = tl_import::import_onnx_bytes(&all, path.parent(), &ImportOptions::default()).unwrap();
        let checked = all.graph.clone().check("", &Limits::default()).unwrap();
        // The values in binary32, with an input that is nowhere regular.
        let context =
            Binary32::new(Environment::default(), Schedule::new(Order::Sequential, false, BiasPosition::Last));
        let word = |i: usize| ((i * 7919 % 1000) as f32 / 500.0 - 1.0).to_bits();
        let input = |(name, shape): &(String, Shape)| {
            (name.clone(), Tensor::new(shape.clone(), (0..shape.elements()).map(word).collect()).unwrap())
        };
        let inputs: BTreeMap<String, Tensor<u32>> = model.inputs.iter().map(input).collect();
        let outputs = evaluate(&checked, |_| &context, &all.parameters, &inputs).unwrap();
        let cut = Cut::of(&graph, model.values.values().copied(), |_| false);
        let nodes =
            cut.values(&graph, |_| &context, |id| source(&graph, id, &context, &model.parameters, &inputs)).unwrap();
        for (name, id) in &model.values {
            assert_eq!(outputs.get(name), nodes.get(id), "{} {name:?} node {id}", path.display());
            inner += usize::from(!graph.nodes()[*id].op.is_source());
        }
        (looked_into, named) = (looked_into + 1, named + model.values.len());
    }
    println!("{looked_into} models, {named} named values, {inner} of them computed");
    assert!(looked_into > 0 && inner > looked_into);
}
