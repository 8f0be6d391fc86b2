//! The node tests of ONNX: what imports is evaluated over the reals and compared with the published outputs.
//!
//! An input that is not float32 is bound to its published value; where an operator needs a constant, so are all inputs but the first.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;
use tl_import::{Array, Dtype, ImportError, ImportOptions, Model, import_onnx_bytes, operators, read_arrays};
use tl_kernel::context::EvalError;
use tl_kernel::context::real::Real;
use tl_kernel::ir::evaluate::Named;
use tl_kernel::ir::{Tensor, evaluate};
use tl_kernel::limits::Limits;
use tl_kernel::number::Dyadic;

/// One test: the model, and the tensors by the part of the file name before `.pb`.
#[derive(Default)]
struct Case {
    model: Vec<u8>,
    tensors: BTreeMap<String, (String, Array)>,
}

/// The members of an uncompressed tar archive: names and contents.
fn members(mut tar: &[u8]) -> Vec<(String, &[u8])> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes.split(|&b| b == 0).next().unwrap()).trim().to_string();
    let (mut found, mut long) = (Vec::new(), None);
    while let Some((header, rest)) = tar.split_first_chunk::<512>() {
        let name = text(&header[..100]);
        if name.is_empty() {
            break;
        }
        let size = usize::from_str_radix(&text(&header[124..136]), 8).unwrap();
        match header[156] {
            b'L' => long = Some(text(&rest[..size])), // the name of the next member, too long for its header
            _ => found.push((long.take().unwrap_or(name), &rest[..size])),
        }
        tar = &rest[size.next_multiple_of(512)..];
    }
    found
}

/// The model with a version 23 to 28 of the operator set called 22: these versions add types and operators, and change no float32 operator.
fn as_version_22(model: &[u8]) -> Vec<u8> {
    let mut model = model.to_vec();
    for head in [[0x42, 0x04, 0x0a, 0x00, 0x10].as_slice(), &[0x42, 0x02, 0x10]] {
        let ends = |at: &usize| model[*at..].starts_with(head) && at + head.len() + 1 == model.len();
        if let Some(at) = (0..model.len()).rev().take(8).find(ends)
            && (23..=28).contains(&model[at + head.len()])
        {
            model[at + head.len()] = 22;
        }
    }
    model
}

fn cases(tar: &[u8]) -> BTreeMap<String, Case> {
    let folder = tempfile::tempdir().unwrap();
    let mut cases: BTreeMap<String, Case> = BTreeMap::new();
    for (path, bytes) in members(tar) {
        let parts: Vec<&str> = path.trim_start_matches("./").split('/').collect();
        match parts.as_slice() {
            [case, "model.onnx"] => cases.entry(case.to_string()).or_default().model = as_version_22(bytes),
            [case, "test_data_set_0", file] if file.ends_with(".pb") => {
                let path = folder.path().join("tensor.pb");
                std::fs::write(&path, bytes).unwrap();
                if let Ok(mut arrays) = read_arrays(&path) {
                    let named = arrays.pop_first().unwrap();
                    cases
                        .entry(case.to_string())
                        .or_default()
                        .tensors
                        .insert(file.trim_end_matches(".pb").to_string(), named);
                }
            }
            _ => {}
        }
    }
    cases
}

impl Case {
    fn numbered(&self, kind: &str) -> Vec<&(String, Array)> {
        (0..).map_while(|i| self.tensors.get(&format!("{kind}_{i}"))).collect()
    }

    /// The model with as few inputs bound as it allows.
    fn import(&self) -> Result<Model, ImportError> {
        let inputs = self.numbered("input");
        let bound = |bind: &dyn Fn(usize, &Array) -> bool| {
            let chosen = inputs.iter().enumerate().filter(|(i, (_, array))| bind(*i, array));
            let bindings = chosen.map(|(_, (name, array))| (name.clone(), array.clone())).collect();
            import_onnx_bytes(&self.model, None, &ImportOptions { bindings, ..ImportOptions::default() })
        };
        let integer = |_: usize, array: &Array| array.dtype() != Dtype::Float32;
        match bound(&integer) {
            Err(ImportError::NotConstant(_)) => bound(&|i, array| i > 0 || integer(i, array)),
            result => result,
        }
    }

    /// Whether every output of the real reading is near the published one; what differs, otherwise.
    fn compare(&self, model: &Model, rtol: &Dyadic, atol: &Dyadic) -> Result<(), String> {
        let checked = model.graph.clone().check("", &Limits::default()).map_err(|error| error.to_string())?;
        let real = Real::new(128);
        let datum = |word: &u32| tl_kernel::context::Context::datum(&real, *word);
        let mut inputs = Named::new();
        for (name, array) in self.numbered("input") {
            if model.inputs.iter().any(|(input, _)| input == name) {
                let tensor: Tensor<u32> = array.tensor().map_err(|error| error.to_string())?;
                inputs.insert(name.clone(), tensor.try_map(datum).map_err(|error| error.to_string())?);
            }
        }
        let outputs = evaluate(&checked, |_| &real, &model.parameters, &inputs, |_, _| ()).map_err(|located| {
            match located.error {
                EvalError::NotFinite { .. } => "SKIP a datum is not finite".to_string(),
                EvalError::Undefined { .. } => format!("SKIP {}", located.error),
                error => format!("node {} ({}): {error}", located.node, located.op),
            }
        })?;
        for ((_, expected), name) in self.numbered("output").into_iter().zip(&model.outputs) {
            let (expected, found) = (expected.tensor().map_err(|error| error.to_string())?, &outputs[name]);
            if expected.dimensions() != found.dimensions() {
                return Err(format!(
                    "{name} has shape {:?}, published is {:?}",
                    found.dimensions(),
                    expected.dimensions()
                ));
            }
            for (i, (word, ball)) in expected.data().iter().zip(found.data()).enumerate() {
                let Some(y) = Dyadic::from_binary32(*word) else {
                    return Err("SKIP a published output is not finite".to_string());
                };
                let allowed = atol.add(&rtol.mul(&y.abs()));
                if ball.mid().sub(&y).abs() > allowed {
                    return Err(format!("{name}[{i}] is {:?}, published is {}", ball.mid(), f32::from_bits(*word)));
                }
            }
        }
        Ok(())
    }
}

#[test]
fn node_tests_of_the_vocabulary_import_and_mean_what_onnx_publishes() {
    let (archive, table) =
        match (common::data("onnx_node/onnx_node_1.23.2.tar.xz"), common::data("onnx_node/cases.tsv")) {
            (Ok(archive), Ok(table)) => (std::fs::read(archive).unwrap(), std::fs::read_to_string(table).unwrap()),
            (Err(reason), _) | (_, Err(reason)) => return println!("{reason}"),
        };
    let mut tar = Vec::new();
    lzma_rs::xz_decompress(&mut Cursor::new(archive), &mut tar).unwrap();
    let cases = cases(&tar);
    let known: BTreeSet<&str> = operators().collect();
    let (mut passed, mut skipped, mut refused, mut wrong) = (0, Vec::new(), BTreeMap::new(), Vec::new());
    for row in table.lines().skip(1) {
        let columns: Vec<&str> = row.split('\t').collect();
        let (name, ops, inputs, outputs) = (columns[0], columns[1], columns[5], columns[6]);
        let Some(case) = cases.get(name).filter(|_| outputs.split(';').all(|output| output.starts_with("float32")))
        else {
            continue;
        };
        let in_vocabulary = ops.split(',').all(|op| known.contains(op));
        match case.import() {
            Ok(model) => {
                let tolerance = |text: &str| Dyadic::from_binary32(text.parse::<f32>().unwrap().to_bits()).unwrap();
                match case.compare(&model, &tolerance(columns[3]), &tolerance(columns[4])) {
                    Ok(()) => passed += 1,
                    Err(reason) if reason.starts_with("SKIP") => skipped.push(format!("{name}: {reason}")),
                    Err(reason) => wrong.push(format!("{name} ({ops}, {}): {reason}", columns[2])),
                }
            }
            Err(error) if in_vocabulary => {
                refused.entry((error.code(), ops)).or_insert_with(Vec::new).push(format!("{name} {inputs}: {error}"));
            }
            Err(_) => {}
        }
    }
    for ((code, ops), reasons) in &refused {
        println!("{code} {ops}: {} refused, for example {}", reasons.len(), reasons[0]);
    }
    println!("{}", skipped.join("\n"));
    let number: usize = refused.values().map(Vec::len).sum();
    println!("{passed} agree, {} skipped, {number} of the vocabulary refused, {} differ", skipped.len(), wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
