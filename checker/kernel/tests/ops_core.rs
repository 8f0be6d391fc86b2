//! The core operations: hand-made values over ℚ, PyTorch's values bit for bit (`data/ops_core.txt`), hostile attributes.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use tl_kernel::cert::json::{Cursor, parse};
use tl_kernel::context::rational::Rational;
use tl_kernel::context::{Context, EvalError};
use tl_kernel::ir::attributes::Attribute;
use tl_kernel::ir::{Shape, Tensor};
use tl_kernel::number::Exact;
use tl_kernel::spec::Op;

type Value = <Rational as Context>::Value;

fn cursor(text: &str) -> Cursor {
    Cursor::root(parse(text.as_bytes()).unwrap_or_else(|d| panic!("{text}: {d:?}")))
}

/// The operation with attributes written as the inside of a JSON object.
fn op(keyword: &str, attributes: &str) -> Op {
    let text = format!(r#"{{"op":"{keyword}","attributes":{{{attributes}}}}}"#);
    let op = Op::decode(&mut cursor(&text).object().unwrap());
    op.unwrap_or_else(|d| panic!("{text}: {d:?}"))
}

/// Shapes written `[2,3] [3]`.
fn shapes(text: &str) -> Vec<Shape> {
    let shape = |text: &str| Shape::decode(cursor(text)).unwrap();
    text.split_whitespace().map(shape).collect()
}

/// A tensor written `[2,2] 1 -1/2 3 4`.
fn tensor(text: &str) -> Tensor<Value> {
    let (shape, numbers) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
    let number = |text: &str| Rational::default().constant(&Exact::parse(text).unwrap()).unwrap();
    let data = numbers.split_whitespace().map(number).collect();
    Tensor::new(shapes(shape).remove(0), data).unwrap()
}

fn evaluate(op: &Op, parents: &[Tensor<Value>]) -> Result<Tensor<Value>, EvalError> {
    let shapes: Vec<&Shape> = parents.iter().map(Tensor::shape).collect();
    let shape = op.shape(&shapes).unwrap_or_else(|fault| panic!("{op:?}: {fault:?}"));
    let parents: Vec<&Tensor<Value>> = parents.iter().collect();
    let data = op.value(&Rational::default(), &parents, &shape)?;
    Ok(Tensor::new(shape, data).unwrap())
}

fn text(tensor: &Tensor<Value>) -> String {
    let dimensions: Vec<String> = tensor.dimensions().iter().map(usize::to_string).collect();
    let data = tensor.data().iter().map(|x| format!(" {}", x.to_rational()));
    format!("[{}]{}", dimensions.join(","), data.collect::<String>())
}

const RESIZE: &str = r#""size":[5],"scale":["5/2"]"#;

#[test]
fn values_are_those_computed_by_hand() {
    let pool = |kernel: usize, ceil: bool| {
        format!(
            r#""kernel":[{kernel}],"stride":[2],"dilation":[1],"pad_before":[1],"pad_after":[1],"ceil_mode":{ceil}"#
        )
    };
    let resize = |mode: &str, rule: &str| format!(r#""mode":"{mode}","coordinates":"{rule}",{RESIZE}"#);
    let table: Vec<(&str, String, &str, &str)> = vec![
        ("elu", r#""alpha":"3""#.into(), "[3] 0 1/2 7", "[3] 0 1/2 7"),
        ("leaky_relu", r#""slope":"1/3""#.into(), "[3] -6 0 7", "[3] -2 0 7"),
        ("scale", r#""factor":"1/3""#.into(), "[2] 1 -6", "[2] 1/3 -2"),
        ("clamp", r#""lo":[],"hi":[]"#.into(), "[2] 1 -6", "[2] 1 -6"),
        ("mean", r#""axes":[1],"keepdims":false"#.into(), "[2,3] 1 2 4 0 0 1", "[2] 7/3 1/3"),
        ("mean", r#""axes":[],"keepdims":false"#.into(), "[2] 1 2", "[2] 1 2"),
        // Padding further than one bounce or one round.
        (
            "pad",
            r#""before":[5],"after":[3],"mode":"reflect","value":[]"#.into(),
            "[3] 1 2 3",
            "[11] 2 1 2 3 2 1 2 3 2 1 2",
        ),
        (
            "pad",
            r#""before":[4],"after":[4],"mode":"wrap","value":[]"#.into(),
            "[3] 1 2 3",
            "[11] 3 1 2 3 1 2 3 1 2 3 1",
        ),
        ("pad", r#""before":[1],"after":[0],"mode":"constant","value":["1/3"]"#.into(), "[1] 1", "[2] 1/3 1"),
        ("slice", r#""start":[4],"end":[0],"step":[-3]"#.into(), "[5] 0 1 2 3 4", "[2] 4 1"),
        ("broadcast", r#""shape":[2,2]"#.into(), "[2,1] 1 2", "[2,2] 1 1 2 2"),
        // A last window beyond the padding: three cells of kernel, two of input and padding.
        ("avg_pool", pool(3, true) + r#","count_include_pad":true,"divisor":[]"#, "[1,1,4] 1 2 3 4", "[1,1,3] 1 3 2"),
        (
            "avg_pool",
            pool(3, true) + r#","count_include_pad":false,"divisor":[]"#,
            "[1,1,4] 1 2 3 4",
            "[1,1,3] 3/2 3 4",
        ),
        (
            "avg_pool",
            pool(3, true) + r#","count_include_pad":false,"divisor":["3"]"#,
            "[1,1,4] 1 2 3 4",
            "[1,1,3] 1 3 4/3",
        ),
        ("max_pool", pool(3, false), "[1,1,4] -1 -2 -3 -4", "[1,1,2] -1 -2"),
        // c = (2i + 1)/5 − 1/2: −0.3, 0.1, 0.5, 0.9, 1.3 → clamped to 0 … 1.
        ("upsample", resize("linear", "half_pixel"), "[1,1,2] 0 10", "[1,1,5] 0 1 5 9 10"),
        ("upsample", resize("nearest_floor", "half_pixel"), "[1,1,2] 0 10", "[1,1,5] 0 0 0 0 10"),
        ("upsample", resize("nearest_ceil", "half_pixel"), "[1,1,2] 0 10", "[1,1,5] 0 10 10 10 10"),
        ("upsample", resize("nearest_round_prefer_floor", "half_pixel"), "[1,1,2] 0 10", "[1,1,5] 0 0 0 10 10"),
        ("upsample", resize("nearest_round_prefer_ceil", "half_pixel"), "[1,1,2] 0 10", "[1,1,5] 0 0 10 10 10"),
        // c = 2i/5: 0, 0.4, 0.8, 1.2, 1.6.
        ("upsample", resize("linear", "asymmetric"), "[1,1,2] 0 10", "[1,1,5] 0 4 8 10 10"),
        ("upsample", resize("linear", "align_corners"), "[1,1,2] 0 10", "[1,1,5] 0 5/2 5 15/2 10"),
        // The size agrees with the scale, so the symmetric rule is the plain one; then not: n = 4, s = 1/2, m = 1.
        ("upsample", resize("linear", "half_pixel_symmetric"), "[1,1,2] 0 10", "[1,1,5] 0 1 5 9 10"),
        (
            "upsample",
            r#""mode":"linear","coordinates":"half_pixel_symmetric","size":[1],"scale":["1/2"]"#.into(),
            "[1,1,4] 0 1 2 3",
            "[1,1,1] 3/2",
        ),
        (
            "upsample",
            r#""mode":"linear","coordinates":"half_pixel","size":[1],"scale":["1/2"]"#.into(),
            "[1,1,4] 0 1 2 3",
            "[1,1,1] 1/2",
        ),
        (
            "upsample",
            r#""mode":"linear","coordinates":"pytorch_half_pixel","size":[1],"scale":["1/2"]"#.into(),
            "[1,1,4] 5 1 2 3",
            "[1,1,1] 5",
        ),
    ];
    for (keyword, attributes, x, expected) in table {
        let result = evaluate(&op(keyword, &attributes), &[tensor(x)]).unwrap();
        assert_eq!(text(&result), expected, "{keyword} {attributes}");
    }
}

#[test]
fn what_is_undefined_has_no_value() {
    let zero = evaluate(&op("div", ""), &[tensor("[1] 1"), tensor("[1] 0")]);
    assert!(matches!(zero, Err(EvalError::Undefined { .. })));
    // Windows at −6, −4, −2, 0, …: the third steps over the one cell.
    let holes = r#""kernel":[3],"stride":[2],"dilation":[3],"pad_before":[6],"pad_after":[6],"ceil_mode":false"#;
    let hole = evaluate(&op("max_pool", holes), &[tensor("[1,1,1] 1")]);
    assert!(matches!(hole, Err(EvalError::Undefined { .. })), "{hole:?}");
}

#[test]
fn values_are_those_of_pytorch() {
    let mut covered = BTreeSet::new();
    for (number, line) in include_str!("data/ops_core.txt").lines().enumerate() {
        let mut case = cursor(line).object().unwrap();
        let tensor = |cursor: Cursor| {
            let mut entries = cursor.array().unwrap();
            let shape = Shape::decode(entries.next().unwrap()).unwrap();
            let words = entries.next().unwrap().string().unwrap();
            let datum = |word| Rational::default().datum(u32::from_str_radix(word, 16).unwrap());
            let data: Result<Vec<_>, _> = words.split_whitespace().map(datum).collect();
            Tensor::new(shape, data.unwrap()).unwrap()
        };
        let op = Op::decode(&mut case.take("node").unwrap().object().unwrap()).unwrap();
        let parents = case.take("parents").unwrap().array().unwrap();
        let parents: Vec<_> = parents.map(tensor).collect();
        let expected = tensor(case.take("result").unwrap());
        let result = evaluate(&op, &parents);
        let result = result.unwrap_or_else(|error| panic!("line {}: {error}", number + 1));
        assert_eq!(text(&result), text(&expected), "line {}: {op:?}", number + 1);
        covered.insert(op.name());
    }
    assert_eq!(covered.len(), 35, "{covered:?}");
}

/// A deterministic stream (Knuth's MMIX constants).
struct Random(u64);

impl Random {
    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        &from[usize::try_from(self.0 >> 33).unwrap() % from.len()]
    }

    fn list(&mut self, length: usize, from: &[&str]) -> String {
        let entries: Vec<&str> = (0..length).map(|_| *self.pick(from)).collect();
        format!("[{}]", entries.join(","))
    }
}

#[test]
fn hostile_attributes_give_a_fault_or_a_value_and_never_a_panic() {
    const SIZES: &[&str] =
        &["0", "1", "1", "2", "2", "3", "4", "2147483647", "1000000000000000000", "9223372036854775807"];
    const SIGNED: &[&str] = &["-9223372036854775808", "-2", "-1", "0", "1", "2", "9223372036854775807"];
    const EXACT: &[&str] =
        &["\"1\"", "\"5/3\"", "\"0\"", "\"-1\"", "\"1e30\"", "\"2305843009213693951\"", "\"1/2305843009213693951\""];
    const PARENTS: &[&str] = &["[]", "[3]", "[2,3]", "[1,2,3]", "[2,2,1]", "[2,1,3,2]", "[1,2,2,1,3]"];
    let mut random = Random(20261121);
    let (mut faults, mut values) = (0, 0);
    for (keyword, arity, attributes) in Op::schemas() {
        for _ in 0..3000 {
            let rank = *random.pick(&[1, 1, 2, 3]);
            let mut parts = Vec::new();
            for (name, schema) in &attributes {
                let schema = schema.to_string();
                let number = |schema: &str| match schema {
                    s if s.contains("exact") => EXACT,
                    s if s.contains("minimum") || s.contains("shape") => SIZES,
                    _ => SIGNED,
                };
                let value = if schema.contains("enum") {
                    let keywords: Vec<&str> = schema.split('"').skip(3).step_by(2).collect();
                    format!("\"{}\"", random.pick(&keywords))
                } else if schema.contains("boolean") {
                    (*random.pick(&["true", "false"])).to_string()
                } else if schema.contains("string") {
                    "\"name\"".to_string()
                } else if schema.contains("array") || schema.contains("shape") {
                    random.list(rank, number(&schema))
                } else {
                    (*random.pick(number(&schema))).to_string()
                };
                parts.push(format!("\"{name}\":{value}"));
            }
            let text = format!(r#"{{"op":"{keyword}","attributes":{{{}}}}}"#, parts.join(","));
            let Ok(op) = Op::decode(&mut cursor(&text).object().unwrap()) else {
                continue;
            };
            let count = *arity.start() + usize::from(*random.pick(&[true, false]));
            let parents: Vec<Shape> =
                (0..count.min(*arity.end())).map(|_| shapes(random.pick::<&str>(PARENTS)).remove(0)).collect();
            let shapes: Vec<&Shape> = parents.iter().collect();
            let Ok(shape) = op.shape(&shapes) else {
                faults += 1;
                continue;
            };
            if op.work(&shapes, &shape) > 10_000 || shape.elements() > 10_000 {
                continue;
            }
            let one = Rational::default().integer(1).unwrap();
            let parents: Vec<_> =
                parents.iter().map(|s| Tensor::new(s.clone(), vec![one.clone(); s.elements()]).unwrap()).collect();
            let parents: Vec<_> = parents.iter().collect();
            if let Ok(data) = op.value(&Rational::default(), &parents, &shape) {
                assert_eq!(data.len(), shape.elements(), "{text}");
                values += 1;
            }
        }
    }
    assert!(faults > 10_000 && values > 1_000, "{faults} {values}");
}
