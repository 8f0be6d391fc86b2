//! The node tests of ONNX: what imports is evaluated over the reals and compared with the published outputs.
//!
//! An input that is not float32 is bound to its published value; where an operator needs a constant, so are all inputs but the first.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;
use tl_import::{Array, Dtype, ImportError, ImportOptions, Model, import_onnx_bytes, operators, parse_tensor};
use tl_kernel::ir::Tensor;

/// How many cases whose operators are all supported are refused, by code.
const REFUSED: [(&str, usize); 7] = [
    ("TL0416", 8),  // a preview operator set beside the default one
    ("TL0417", 4),  // training mode of BatchNormalization and Dropout
    ("TL0418", 27), // RMSNormalization before version 23, ReduceProd of floats
    ("TL0419", 25), // Resize: cubic, antialias, crops, aspect policies, an undecided corner; modes of later versions
    ("TL0421", 8),  // Range of floats, uint64 exponents
    ("TL0429", 27), // comparisons of computed values
    ("TL0430", 20), // tensors without elements
];

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
    let mut cases: BTreeMap<String, Case> = BTreeMap::new();
    for (path, bytes) in members(tar) {
        let parts: Vec<&str> = path.trim_start_matches("./").split('/').collect();
        match parts.as_slice() {
            [case, "model.onnx"] => cases.entry(case.to_string()).or_default().model = as_version_22(bytes),
            [case, "test_data_set_0", file] if file.ends_with(".pb") => {
                if let Ok(named) = parse_tensor(bytes) {
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

    /// The published float32 inputs and outputs.
    fn published(&self) -> (BTreeMap<String, Tensor<u32>>, Vec<Tensor<u32>>) {
        let inputs =
            self.numbered("input").into_iter().filter_map(|(name, array)| Some((name.clone(), array.tensor().ok()?)));
        (inputs.collect(), self.numbered("output").iter().filter_map(|(_, array)| array.tensor().ok()).collect())
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
                let (inputs, outputs) = case.published();
                let [rtol, atol] = [columns[3], columns[4]].map(|text| text.parse().unwrap());
                match common::compare(&model, &inputs, &outputs, rtol, atol) {
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
    let mut codes: BTreeMap<&str, usize> = BTreeMap::new();
    for ((code, _), reasons) in &refused {
        *codes.entry(code).or_default() += reasons.len();
    }
    println!("{passed} agree, {} skipped, {} differ; refused of the vocabulary: {codes:?}", skipped.len(), wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(codes.into_iter().collect::<Vec<_>>(), REFUSED);
    assert_eq!((passed, skipped.len()), (535, 0));
}
