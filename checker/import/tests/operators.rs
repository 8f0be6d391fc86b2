//! Small models that the ONNX node tests lack, compared with what ONNX Runtime computes; `data/make_operators.py` writes them.

mod common;

use std::collections::BTreeMap;
use tl_import::{ImportOptions, import_onnx_bytes};
use tl_kernel::ir::{Shape, Tensor};

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap()).collect()
}

/// `NAME[d,d]:WORDS;…`
fn tensors(text: &str) -> Vec<(String, Tensor<u32>)> {
    let tensor = |text: &str| {
        let (name, rest) = text.split_once('[').unwrap();
        let (dimensions, words) = rest.split_once("]:").unwrap();
        let dimensions = dimensions.split(',').filter(|d| !d.is_empty()).map(|d| d.parse().unwrap()).collect();
        let words = bytes(words).chunks(4).map(|b| u32::from_be_bytes(b.try_into().unwrap())).collect();
        (name.to_string(), Tensor::new(Shape::new(dimensions).unwrap(), words).unwrap())
    };
    text.split(';').map(tensor).collect()
}

#[test]
fn models_of_every_age_mean_what_onnx_runtime_computes() {
    let mut wrong = Vec::new();
    let mut number = 0;
    for line in include_str!("data/operators.txt").lines() {
        let columns: Vec<&str> = line.split('\t').collect();
        let (name, inputs, outputs) = (columns[0], tensors(columns[2]), tensors(columns[3]));
        let inputs: BTreeMap<_, _> = inputs.into_iter().collect();
        let outputs: Vec<_> = outputs.into_iter().map(|(_, tensor)| tensor).collect();
        number += 1;
        let compared = match import_onnx_bytes(&bytes(columns[1]), None, &ImportOptions::default()) {
            Ok(model) => common::compare(&model, &inputs, &outputs, 1e-5, 1e-6),
            Err(error) => Err(error.to_string()),
        };
        if let Err(reason) = compared {
            wrong.push(format!("{name}: {reason}"));
        }
    }
    println!("{number} models");
    assert!(wrong.is_empty() && number > 100, "{} differ\n{}", wrong.len(), wrong.join("\n"));
}
