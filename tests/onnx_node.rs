//! The node tests of ONNX, under every reading that can run them.
//!
//! The cases: every float32 case all of whose operators are in [`OPERATORS`] (they are made of operations of the vocabulary) or in [`SHAPES`] (arithmetic of
//! shapes, indices and masks), and which has one of the former at least. float32: every output, and every floating-point input. Cases that ONNX wrote out as
//! functions (`…_expanded`) count by their nodes; one that compares or selects by computed values is outside, as no operation of the vocabulary does.
//! An input that is not float32 is bound to its published value; where an operator needs a constant, so are all inputs but the first.
//!
//! What is asserted of a case that runs, for each element of each published output y:
//!
//! 1. |y − s| ≤ E, s the real value (the ball of `Real` at [`PRECISION`] bits, its radius added), and E the bound of [`running`]: the most that the roundings of a
//!    binary32 program that evaluates the same formula, in any order, with functions of 4 ulp, can add up to on *this* input. It is zero for what moves elements.
//!    The formula is that of the kernel, or that of the function body which ONNX publishes for the operator (the `…_expanded` twin), whichever has the larger bound.
//! 2. The word that `Hardware32`, the engine's float32 reading, computes is within the bound of its own formula, and is the word of the kernel's `Binary32`, bit by bit.
//! 3. E is no loophole: y is also within what ONNX itself allows, atol + rtol·|y| of the table of cases, and the number of elements whose E exceeds that is stated.
//! 4. Where y is an infinity (a logarithm or an extremum of nothing), the real value does not exist and `Real` says so, and both float readings give y.
//!
//! The other cases are named with the reason, and are at most one in twenty. The column of `spec-tests/STATUS.md` that counts the cases by operation is compared with
//! what ran; `BLESS=1` renews it.

mod matrix;
mod running;

use num_traits::ToPrimitive;
use running::{Bounded, Running, dyadic, evaluated};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use tl::Hardware32;
use tl_import::{Array, Dtype, ImportError, ImportOptions, Model, import_onnx_bytes, operators, parse_tensor};
use tl_kernel::context::binary32::{Binary32, Environment};
use tl_kernel::context::real::Real;
use tl_kernel::context::{Context, EvalError};
use tl_kernel::ir::evaluate::Named;
use tl_kernel::ir::{CheckedGraph, Tensor};
use tl_kernel::limits::Limits;
use tl_kernel::number::Dyadic;

/// The operators of ONNX that are operations of the design's groups *core*, *smooth* and *losses*, or made of some.
const OPERATORS: &str = "Abs Add AveragePool BatchNormalization Celu Clip Concat Conv ConvTranspose Cos DepthToSpace Div \
    Dropout Elu Erf Exp Expand Flatten Gather Gelu Gemm GlobalAveragePool GlobalMaxPool GroupNormalization HardSigmoid HardSwish \
    Identity InstanceNormalization LayerNormalization LeakyRelu Log LogSoftmax MatMul Max MaxPool Mean Min Mish Mul Neg \
    NegativeLogLikelihoodLoss PRelu Pad Pow RMSNormalization Reciprocal ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax \
    ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Resize Selu Sigmoid Sin Slice Softmax \
    SoftmaxCrossEntropyLoss Softplus Softsign SpaceToDepth Split Sqrt Squeeze Sub Sum SwiGLU \
    Swish Tanh Tile Transpose Unsqueeze Upsample";
/// The operators that are read where they act on constants.
const SHAPES: &str = "And Cast CastLike Constant ConstantOfShape Equal Greater GreaterOrEqual Less LessOrEqual Mod Not Or Range Shape Size \
    Where Xor";
/// Operators that decide by their operands; of `Where` that is the first one alone.
const DECIDING: &str = "And Equal Greater GreaterOrEqual Less LessOrEqual Mod Not Or Range Where Xor";
/// A case whose inputs and outputs were typed with this many decimals: half a unit of the last one for the inputs, which it averages, and half a unit for the output.
const TYPED: (&str, i32) = ("test_averagepool_2d_ceil_last_window_starts_on_pad", 4);
/// How many of the cases run, of how many.
const RUN: (usize, usize) = (740, 760);
/// Bits of the real balls.
const PRECISION: u64 = 64;

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

fn cases(tar: &[u8]) -> BTreeMap<String, Case> {
    let mut cases: BTreeMap<String, Case> = BTreeMap::new();
    for (path, bytes) in members(tar) {
        let parts: Vec<&str> = path.trim_start_matches("./").split('/').collect();
        match parts.as_slice() {
            [case, "model.onnx"] => cases.entry(case.to_string()).or_default().model = bytes.to_vec(),
            [case, "test_data_set_0", file] if file.ends_with(".pb") => {
                if let Ok(named) = parse_tensor(bytes) {
                    let tensors = &mut cases.entry(case.to_string()).or_default().tensors;
                    tensors.insert(file.trim_end_matches(".pb").to_string(), named);
                }
            }
            _ => {}
        }
    }
    cases
}

/// The fields of a protobuf message that have a length: number and contents.
fn fields(mut message: &[u8]) -> Vec<(u64, &[u8])> {
    fn varint(message: &mut &[u8]) -> u64 {
        let end = message.iter().position(|byte| byte & 0x80 == 0).unwrap();
        let (bytes, rest) = message.split_at(end + 1);
        *message = rest;
        bytes.iter().rev().fold(0, |value, &byte| value << 7 | u64::from(byte & 0x7f))
    }
    let mut found = Vec::new();
    while !message.is_empty() {
        let key = varint(&mut message);
        let length = match key & 7 {
            0 => {
                varint(&mut message);
                continue;
            }
            1 => 8,
            5 => 4,
            _ => varint(&mut message) as usize,
        };
        let (contents, rest) = message.split_at(length);
        found.extend((key & 7 == 2).then_some((key >> 3, contents)));
        message = rest;
    }
    found
}

/// A node of a model: operator (one of another domain with its name), names of inputs and outputs.
struct Node {
    operator: String,
    inputs: Vec<String>,
    outputs: Vec<String>,
}

impl Case {
    fn nodes(&self) -> Vec<Node> {
        let all =
            |message, number| fields(message).into_iter().filter(move |field| field.0 == number).map(|field| field.1);
        let texts = |node, number| all(node, number).map(|bytes| String::from_utf8_lossy(bytes).to_string());
        let nodes = all(&self.model, 7).flat_map(|graph| all(graph, 1));
        let node = |node| Node {
            operator: texts(node, 7).chain(texts(node, 4)).collect(),
            inputs: texts(node, 1).collect(),
            outputs: texts(node, 2).collect(),
        };
        nodes.map(node).collect()
    }

    /// Whether a node compares or selects by what is computed from the float32 inputs; a shape is not.
    fn decides_by_computed_values(&self) -> bool {
        let float = |(name, array): &&(String, Array)| (array.dtype() == Dtype::Float32).then(|| name.clone());
        let mut computed: BTreeSet<String> = self.numbered("input").iter().filter_map(float).collect();
        for node in self.nodes() {
            let deciding = if node.operator == "Where" { &node.inputs[..1] } else { &node.inputs };
            if DECIDING.split(' ').any(|operator| operator == node.operator)
                && deciding.iter().any(|name| computed.contains(name))
            {
                return true;
            }
            if !["Shape", "Size"].contains(&node.operator.as_str())
                && node.inputs.iter().any(|name| computed.contains(name))
            {
                computed.extend(node.outputs);
            }
        }
        false
    }

    /// The published float32 tensors of one kind.
    fn published(&self, kind: &str) -> Vec<(String, Tensor<u32>)> {
        self.numbered(kind).into_iter().filter_map(|(name, array)| Some((name.clone(), array.tensor().ok()?))).collect()
    }

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
}

/// A model that can be evaluated, with its inputs.
struct Runnable {
    model: Model,
    graph: CheckedGraph,
    inputs: Named<u32>,
}

impl Runnable {
    fn of(case: &Case) -> Result<Self, String> {
        let model = case.import().map_err(|error| error.to_string())?;
        let graph = model.graph.clone().check("", &Limits::default()).map_err(|error| error.to_string())?;
        let is_input = |(name, _): &(String, _)| model.inputs.iter().any(|(input, _)| input == name);
        let inputs = case.published("input").into_iter().filter(is_input).collect();
        Ok(Runnable { graph, inputs, model })
    }

    /// The outputs in one reading, in the order of the file.
    fn read<C: Context>(&self, context: &C) -> Result<Vec<Tensor<C::Value>>, EvalError> {
        let mut outputs = evaluated(&self.graph, &self.model.parameters, &self.inputs, context)?;
        Ok(self.model.outputs.iter().filter_map(|name| outputs.remove(name)).collect())
    }
}

/// What was seen of the bounds.
#[derive(Default)]
struct Tightness {
    /// The largest part of its bound that a published element, and one of the engine, uses up.
    published: f64,
    engine: f64,
    /// Elements that are compared, and those whose bound is above what ONNX allows.
    elements: usize,
    wide: usize,
}

/// Why a case is not what the head of this file says.
enum Otherwise {
    /// The reading over the reals has no value, for a reason that is not in the output.
    NotRun(String),
    Wrong(String),
}

/// Whether the published outputs are what the head of this file says. `twin` has the bounds of the published function body, `allowed` what ONNX allows for an element.
fn agree(
    runnable: &Runnable,
    outputs: &[Tensor<u32>],
    twin: Option<&[Tensor<Bounded>]>,
    allowed: impl Fn(f64) -> f64,
    typed: f64,
    tightness: &mut Tightness,
) -> Result<(), Otherwise> {
    let wrong = |what: String| Err(Otherwise::Wrong(what));
    let failed = |error: EvalError| Otherwise::Wrong(error.to_string());
    let engine = Hardware32::default();
    let model = Binary32::new(Environment::default(), engine.schedule().clone());
    let (floats, words) = (runnable.read(&engine).map_err(failed)?, runnable.read(&model).map_err(failed)?);
    let (real, bound) = (runnable.read(&Real::new(PRECISION)), runnable.read(&Running));
    if outputs.len() != floats.len() {
        return wrong(format!("{} outputs, published are {}", floats.len(), outputs.len()));
    }
    for (place, expected) in outputs.iter().enumerate() {
        let (floats, words) = (&floats[place], &words[place]);
        if expected.dimensions() != floats.dimensions() {
            return wrong(format!(
                "output {place} has shape {:?}, published is {:?}",
                floats.dimensions(),
                expected.dimensions()
            ));
        }
        for (i, ((&y, &float), &word)) in expected.data().iter().zip(floats.data()).zip(words.data()).enumerate() {
            let published = f32::from_bits(y);
            let fault = |what: String| wrong(format!("output {place}, element {i}, published {published:e}: {what}"));
            if float.to_bits() != word && !(float.is_nan() && f32::from_bits(word).is_nan()) {
                return fault(format!("the engine has {float:e}, binary32 is {:e}", f32::from_bits(word)));
            }
            let Some(exact) = Dyadic::from_binary32(y) else {
                let undefined = matches!(real, Err(EvalError::Undefined { .. } | EvalError::NotFinite { .. }));
                if !undefined || float.to_bits() != y {
                    return fault(format!("the engine has {float:e}, the reals {:?}", real.as_ref().err()));
                }
                continue;
            };
            let (ball, bound) = match (&real, &bound) {
                (Ok(real), Ok(bound)) => (&real[place].data()[i], &bound[place].data()[i]),
                (Err(error @ (EvalError::NotFinite { .. } | EvalError::Undefined { .. })), _) => {
                    return Err(Otherwise::NotRun(format!("over the reals: {error}")));
                }
                (real, bound) => return fault(format!("{:?}, {:?}", real.as_ref().err(), bound.as_ref().err())),
            };
            let allowed = allowed(published.into());
            let other = twin.map_or(0.0, |twin| twin[place].data()[i].error);
            // Where a bound is infinite, what ONNX allows is all that is asked.
            let finite = |bound: f64| if bound.is_finite() { bound } else { allowed };
            let limit = |most: f64| ball.rad().add(&dyadic(most));
            let far = |x: &Dyadic| ball.mid().sub(x).abs();
            let explained = finite(bound.error.max(other)) + typed;
            if far(&exact) > limit(explained) || far(&exact) > limit(allowed) {
                return fault(format!("the real value is {:e}, the bound {explained:e}", bound.value));
            }
            if Dyadic::from_binary32(word).is_none_or(|word| far(&word) > limit(finite(bound.error))) {
                return fault(format!(
                    "the engine has {float:e}, the real value is {:e}, the bound {:e}",
                    bound.value, bound.error
                ));
            }
            tightness.elements += 1;
            tightness.wide += usize::from(bound.error > allowed);
            let part = |x: f32, bound: f64| {
                if bound > 0.0 {
                    (f64::from(x) - ball.mid().to_rational().to_f64().unwrap()).abs() / bound
                } else {
                    0.0
                }
            };
            tightness.published = tightness.published.max(part(published, explained));
            tightness.engine = tightness.engine.max(part(float, finite(bound.error)));
        }
    }
    Ok(())
}

/// The file or folder of test data, or why there is none.
fn data(name: &str) -> Result<std::path::PathBuf, String> {
    let root = std::env::var_os("TL_DATA").map(std::path::PathBuf::from);
    let path = root.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data")).join(name);
    if path.exists() {
        Ok(path)
    } else {
        Err(format!("SKIPPED ONNX node tests: no data at {} (set TL_DATA)", path.display()))
    }
}

#[test]
fn the_operators_are_those_of_the_importer() {
    let named: BTreeSet<&str> = OPERATORS.split_whitespace().chain(SHAPES.split_whitespace()).collect();
    assert_eq!(named, operators().collect());
}

#[test]
fn published_outputs_are_explained_by_the_roundings_of_binary32() {
    let (archive, table) = match (data("onnx_node/onnx_node_1.23.2.tar.xz"), data("onnx_node/cases.tsv")) {
        (Ok(archive), Ok(table)) => (std::fs::read(archive).unwrap(), std::fs::read_to_string(table).unwrap()),
        (Err(reason), _) | (_, Err(reason)) => return println!("{reason}"),
    };
    let mut tar = Vec::new();
    lzma_rs::xz_decompress(&mut archive.as_slice(), &mut tar).unwrap();
    let cases = cases(&tar);
    let (mut run, mut all, mut wrong, mut tightness) = (0, 0, Vec::new(), Tightness::default());
    let (mut refused, mut outside): (BTreeMap<String, Vec<&str>>, Vec<&str>) = (BTreeMap::new(), Vec::new());
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for row in table.lines().skip(1) {
        let columns: Vec<&str> = row.split('\t').collect();
        let [name, _, _, rtol, atol, inputs, outputs, ..] = columns[..] else { panic!("{row}") };
        let case = &cases[name];
        let float32 = |of: &str| {
            of.split(';').all(|t| t.starts_with("float32") || !(t.contains("float") || t.starts_with("complex")))
        };
        let is_one = |set: &str, node: &Node| set.split_whitespace().any(|operator| operator == node.operator);
        let nodes = case.nodes();
        if !float32(inputs)
            || !outputs.split(';').all(|t| t.starts_with("float32"))
            || !nodes.iter().all(|node| is_one(OPERATORS, node) || is_one(SHAPES, node))
            || !nodes.iter().any(|node| is_one(OPERATORS, node))
        {
            continue;
        } else if case.decides_by_computed_values() {
            outside.push(name);
            continue;
        }
        all += 1;
        let allowed = |y: f64| atol.parse::<f64>().unwrap() + rtol.parse::<f64>().unwrap() * y.abs();
        let typed = if name == TYPED.0 { 1.0 / 10f64.powi(TYPED.1) } else { 0.0 };
        let published: Vec<_> = case.published("output").into_iter().map(|(_, tensor)| tensor).collect();
        let twins =
            ["_expanded", "_expanded_ver18"].into_iter().filter_map(|suffix| cases.get(&format!("{name}{suffix}")));
        let twin = twins.filter_map(|twin| Runnable::of(twin).ok()?.read(&Running).ok()).next();
        let result = Runnable::of(case).map_err(Otherwise::NotRun).and_then(|runnable| {
            agree(&runnable, &published, twin.as_deref(), allowed, typed, &mut tightness)?;
            Ok(runnable)
        });
        match result {
            Ok(runnable) => {
                run += 1;
                let operations: BTreeSet<&str> = runnable.graph.nodes().iter().map(|node| node.op.name()).collect();
                operations.into_iter().for_each(|operation| *counts.entry(operation).or_default() += 1);
            }
            Err(Otherwise::NotRun(reason)) => refused.entry(reason).or_default().push(name),
            Err(Otherwise::Wrong(reason)) => wrong.push(format!("{name}: {reason}")),
        }
    }
    println!("outside, because they compare or select by computed values ({}): {}", outside.len(), outside.join(" "));
    for (reason, names) in &refused {
        println!("not run: {}\n    {reason}", names.join(" "));
    }
    println!(
        "ONNX node tests: {all} float32 cases of groups 1, 2 and 5, {} run ({:.1}%), {run} passed, {} refused by name; {} elements, of which {} have a bound above ONNX's own; \
         a published element uses up to {:.2} of its bound, one of the engine up to {:.2}",
        run + wrong.len(),
        100.0 * run as f64 / all as f64,
        all - run - wrong.len(),
        tightness.elements,
        tightness.wide,
        tightness.published,
        tightness.engine,
    );
    assert!(wrong.is_empty(), "{} differ\n{}", wrong.len(), wrong.join("\n"));
    assert!(run * 20 >= all * 19, "{run} of {all}");
    assert_eq!((run, all), RUN);
    matrix::cases_are_recorded(&counts);
}
