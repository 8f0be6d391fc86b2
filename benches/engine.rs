//! The compiled engine on networks from ONNX files, for the scripts of `benches/peers`.
//!
//! `-- --forward FILE THREADS RUNS` prints the milliseconds of each forward pass and, first, those of the planning and the bytes of the plan; `-- --step FILE THREADS
//! RUNS` those of one step of gradient descent: forward, the gradient of the mean cross entropy, and the update; `-- --tangent FILE THREADS RUNS` those of the
//! outputs with their tangents along one direction of all inputs and parameters. `--output FILE` stores the outputs of the first
//! pass as .npy. Inputs are spread evenly over (−1, 1) by a linear congruential generator, or are those of `--input FILE`.
#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark stops at the first surprise")]

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Instant;
use tl::compiled::{Compiled, Options};
use tl::{Model, cases, files};
use tl_import::ImportOptions;
use tl_kernel::Limits;
use tl_kernel::ir::evaluate::Named;
use tl_kernel::ir::{CheckedGraph, Graph, Node, Shape, Tensor};
use tl_kernel::spec::Op;
use tl_kernel::spec::batch_norm::Statistics;

/// Values spread evenly over (−1, 1).
fn data(shape: &Shape, seed: u64) -> Tensor<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / 8_388_608.0 - 1.0
    };
    Tensor::new(shape.clone(), (0..shape.elements()).map(|_| next()).collect()).unwrap()
}

/// (softmax − one-hot) / rows: the cotangent of logits under the mean cross entropy, where row i has the label i mod 10.
fn cross_entropy(outputs: &Named<f32>) -> Named<f32> {
    let of = |logits: &Tensor<f32>| {
        let &classes = logits.dimensions().last().unwrap();
        let rows = logits.data().len() / classes;
        let mut slopes = Vec::with_capacity(logits.data().len());
        for (i, row) in logits.data().chunks_exact(classes).enumerate() {
            let most = row.iter().copied().fold(f32::MIN, f32::max);
            let exps: Vec<f32> = row.iter().map(|x| (x - most).exp()).collect();
            let total: f32 = exps.iter().sum();
            slopes.extend(
                exps.iter().enumerate().map(|(j, e)| (e / total - f32::from(u8::from(j == i % 10))) / rows as f32),
            );
        }
        Tensor::new(logits.shape().clone(), slopes).unwrap()
    };
    outputs.iter().map(|(name, logits)| (name.clone(), of(logits))).collect()
}

/// The same graph, where every batch normalisation takes the statistics of its batch.
fn in_training(graph: &CheckedGraph) -> CheckedGraph {
    let mut graph = graph.graph().clone();
    for node in &mut graph.nodes {
        if let Op::BatchNorm(norm) = &mut node.op {
            norm.statistics = Statistics::Batch;
            node.parents.truncate(3);
        }
    }
    let read: BTreeSet<usize> =
        graph.nodes.iter().flat_map(|node| node.parents.clone()).chain(graph.outputs.values().copied()).collect();
    let place: Vec<usize> = (0..graph.nodes.len()).map(|id| read.range(..id).count()).collect();
    let kept = graph.nodes.into_iter().enumerate().filter(|(id, _)| read.contains(id));
    let moved = |(_, node): (usize, Node)| Node { parents: node.parents.iter().map(|&p| place[p]).collect(), ..node };
    let outputs = graph.outputs.into_iter().map(|(name, id)| (name, place[id])).collect();
    let limits = Limits { work: u64::MAX, elements: usize::MAX, ..Limits::default() };
    Graph { nodes: kept.map(moved).collect(), outputs }.check("", &limits).unwrap()
}

/// The peak of the memory of this process, in MiB, where the system tells it.
fn peak() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse::<f64>().ok().map(|kib| kib / 1024.0)
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let option = |name: &str| arguments.iter().position(|a| a == name).map(|at| arguments[at + 1..].to_vec());
    let modes = ["--forward", "--step", "--tangent"].map(|name| (name, option(name)));
    let Some((mode, given)) = modes.into_iter().find_map(|(name, given)| Some((name, given?))) else {
        return println!(
            "give -- --forward FILE THREADS RUNS, --step FILE THREADS RUNS or --tangent FILE THREADS RUNS"
        );
    };
    let (path, threads, runs): (PathBuf, usize, usize) =
        (PathBuf::from(&given[0]), given[1].parse().unwrap(), given[2].parse().unwrap());
    let model = Model::load(&path, &ImportOptions::default()).unwrap();
    let inputs: Named<f32> = match option("--input") {
        Some(file) => {
            let read = cases::read_inputs(&model, &[file[0].clone()], false).unwrap().remove(0);
            read.iter()
                .map(|(name, words)| (name.clone(), words.try_map(|&w| Ok::<f32, ()>(f32::from_bits(w))).unwrap()))
                .collect()
        }
        None => model.inputs().iter().map(|(name, shape)| (name.clone(), data(shape, 7))).collect(),
    };
    let start = Instant::now();
    let graph = if mode == "--forward" { model.graph.clone() } else { in_training(&model.graph) };
    let options = Options { threads, gradients: mode == "--step", inputs: mode == "--tangent", ..Options::default() };
    let mut compiled = Compiled::new(&graph, &model.parameters, options).unwrap();
    let sources =
        graph.inputs().chain(graph.constants()).filter(|(name, _)| compiled.differentiable().any(|d| d == *name));
    let tangents: Named<f32> = sources.map(|(name, shape)| (name.to_string(), data(shape, 11))).collect();
    let (planning, (steps, stages)) = (start.elapsed().as_secs_f64() * 1e3, compiled.counts());
    println!("plan {planning:.3} ms, {} bytes, {steps} steps, {stages} stages", compiled.bytes());
    let mut first = true;
    for _ in 0..runs + 2 {
        let start = Instant::now();
        let outputs = match mode {
            "--step" => compiled.step(&inputs, cross_entropy, 0.01).unwrap(),
            "--tangent" => compiled.jvp(&inputs, &tangents).unwrap().1,
            _ => compiled.forward(&inputs).unwrap(),
        };
        let spent = start.elapsed().as_secs_f64() * 1e3;
        if first && let Some(file) = option("--output") {
            let words = outputs
                .into_iter()
                .map(|(name, t)| (name, t.try_map(|x| Ok::<u32, ()>(x.to_bits())).unwrap()))
                .collect();
            std::fs::write(&file[0], files::tensors(file[0].as_ref(), &words).unwrap()).unwrap();
        }
        println!("{spent:.4}");
        first = false;
    }
    if let Some(peak) = peak() {
        println!("peak {peak:.1} MiB");
    }
}
