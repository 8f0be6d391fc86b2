//! Compiled graphs against the kernel's specification.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test stops at the first surprise")]

mod networks;

use networks::Random;
use std::collections::BTreeSet;
use tl::compiled::{Compiled, Options};
use tl::{Hardware32, default_schedule};
use tl_kernel::ir::evaluate::Named;
use tl_kernel::ir::reverse::{all_values, pullback};
use tl_kernel::ir::{CheckedGraph, Tensor, evaluate};
use tl_kernel::spec::Op;

fn specified(graph: &CheckedGraph, parameters: &Named<u32>, inputs: &Named<f32>) -> Named<f32> {
    let context = Hardware32::new(default_schedule());
    evaluate(graph, |_| &context, parameters, inputs).unwrap()
}

/// The greatest distance of two tensors, relative to the greatest magnitude.
fn distance(x: &Tensor<f32>, y: &Tensor<f32>) -> f32 {
    assert_eq!(x.shape(), y.shape());
    let scale = y.data().iter().fold(1e-6f32, |most, v| most.max(v.abs()));
    x.data().iter().zip(y.data()).fold(0.0f32, |most, (x, y)| most.max((x - y).abs())) / scale
}

/// Every network of `networks::networks`, compiled, on one thread and on two, with and without gradients.
#[test]
fn the_fast_plan_agrees_with_the_specification() {
    for (name, draft) in networks::networks() {
        let (graph, parameters, inputs) = draft.finish();
        let expected = specified(&graph, &parameters, &inputs);
        for (threads, gradients) in [(1, false), (2, false), (1, true), (2, true)] {
            let options = Options { threads, gradients, ..Options::default() };
            let mut compiled = Compiled::new(&graph, &parameters, options).unwrap();
            for run in 0..2 {
                let outputs = compiled.forward(&inputs).unwrap();
                for (output, value) in &outputs {
                    let found = distance(value, &expected[output]);
                    assert!(found < 2e-5, "{name}, {output}, {options:?}, run {run}: {found}");
                }
            }
        }
    }
}

/// Every element of every gradient, against the kernel's reverse rules over the same floats.
#[test]
fn gradients_agree_with_the_reverse_rules_of_the_specification() {
    for (name, draft) in networks::networks() {
        let (graph, parameters, inputs) = draft.finish();
        let mut random = Random(77);
        let context = Hardware32::new(default_schedule());
        let values = all_values(&graph, &context, &parameters, &inputs).unwrap();
        let cotangents: Named<f32> = graph
            .outputs()
            .iter()
            .map(|(name, id)| (name.clone(), random.tensor(values[id].shape().dimensions(), 1.0)))
            .collect();
        let by_id = graph.outputs().iter().map(|(name, id)| (*id, cotangents[name].clone())).collect();
        let named = |id: usize| match &graph.nodes()[id].op {
            Op::Const(source) => Some(source.name.clone()),
            _ => None,
        };
        let wanted: BTreeSet<usize> = (0..graph.nodes().len()).filter(|&id| named(id).is_some()).collect();
        let expected = pullback(&graph, &context, &values, by_id, &wanted).unwrap();
        let options = Options { gradients: true, ..Options::default() };
        let (_, gradients) =
            Compiled::new(&graph, &parameters, options).unwrap().vjp(&inputs, |_| cotangents.clone()).unwrap();
        let two = Options { threads: 2, ..options };
        let (_, again) = Compiled::new(&graph, &parameters, two).unwrap().vjp(&inputs, |_| cotangents.clone()).unwrap();
        assert!(again == gradients, "{name}: threads change a gradient");
        assert_eq!(gradients.len(), expected.len(), "{name}");
        for (id, gradient) in &expected {
            let parameter = named(*id).unwrap();
            let found = distance(&gradients[&parameter], gradient);
            assert!(found < 5e-5, "{name}, {parameter}: {found}");
        }
    }
}

/// One step moves every parameter by −rate times its gradient.
#[test]
fn a_step_is_a_gradient_times_a_rate() {
    for (name, draft) in networks::networks() {
        let (graph, parameters, inputs) = draft.finish();
        let mut random = Random(5);
        let cotangents: Named<f32> = specified(&graph, &parameters, &inputs)
            .iter()
            .map(|(name, value)| (name.clone(), random.tensor(value.shape().dimensions(), 1.0)))
            .collect();
        let options = Options { gradients: true, ..Options::default() };
        let mut compiled = Compiled::new(&graph, &parameters, options).unwrap();
        let (_, gradients) = compiled.vjp(&inputs, |_| cotangents.clone()).unwrap();
        let before = compiled.parameters();
        compiled.step(&inputs, |_| cotangents.clone(), 0.125).unwrap();
        let after = compiled.parameters();
        for (parameter, gradient) in &gradients {
            let moved = before[parameter].data().iter().zip(gradient.data()).map(|(w, g)| w - 0.125 * g).collect();
            let expected = Tensor::new(gradient.shape().clone(), moved).unwrap();
            let found = distance(&after[parameter], &expected);
            assert!(found < 1e-5, "{name}, {parameter}: {found}");
        }
    }
}

#[test]
fn a_deterministic_plan_has_the_bits_of_the_specification() {
    for (name, draft) in networks::networks() {
        let (graph, parameters, inputs) = draft.finish();
        let options = Options { deterministic: true, threads: 2, ..Options::default() };
        let mut compiled = Compiled::new(&graph, &parameters, options).unwrap();
        assert!(compiled.schedule().is_some());
        assert!(compiled.forward(&inputs).unwrap() == specified(&graph, &parameters, &inputs), "{name}");
    }
}
