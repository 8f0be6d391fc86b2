//! Compiled graphs against the kernel's specification.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test stops at the first surprise")]

mod graphs;

use graphs::{Draft, Random};
use tl::compiled::{Compiled, Options};
use tl::{Hardware32, default_schedule};
use tl_kernel::ir::evaluate::Named;
use tl_kernel::ir::{CheckedGraph, Tensor, evaluate};

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

/// Every network of `graphs::networks`, compiled, on one thread and on two, with and without gradients.
#[test]
fn the_fast_plan_agrees_with_the_specification() {
    for (name, draft) in graphs::networks() {
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

/// A directional derivative of ⟨c, f(θ)⟩ by central differences in the specification, against the inner product with the gradient.
#[test]
fn gradients_predict_differences() {
    for (name, draft) in graphs::networks() {
        let (graph, parameters, inputs) = draft.finish();
        let mut random = Random(77);
        let options = Options { gradients: true, ..Options::default() };
        let mut compiled = Compiled::new(&graph, &parameters, options).unwrap();
        let cotangents: Named<f32> = specified(&graph, &parameters, &inputs)
            .iter()
            .map(|(name, value)| (name.clone(), random.tensor(value.shape().dimensions(), 1.0)))
            .collect();
        let Ok((_, gradients)) = compiled.vjp(&inputs, |_| cotangents.clone()) else {
            eprintln!("SKIPPED {name}: an operation has no way back yet");
            continue;
        };
        let two = Options { threads: 2, ..options };
        let (_, again) = Compiled::new(&graph, &parameters, two).unwrap().vjp(&inputs, |_| cotangents.clone()).unwrap();
        assert!(again == gradients, "{name}: threads change a gradient");
        for (parameter, gradient) in &gradients {
            let direction = random.tensor(gradient.shape().dimensions(), 1.0);
            let predicted: f64 = gradient.data().iter().zip(direction.data()).map(|(g, d)| f64::from(*g) * f64::from(*d)).sum();
            let value = |sign: f32| -> f64 {
                let step = 1.0 / 512.0 * sign;
                let mut moved = parameters.clone();
                let old = &parameters[parameter];
                let words = old.data().iter().zip(direction.data()).map(|(w, d)| (f32::from_bits(*w) + step * d).to_bits());
                moved.insert(parameter.clone(), Tensor::new(old.shape().clone(), words.collect()).unwrap());
                let outputs = specified(&graph, &moved, &inputs);
                let products = outputs.iter().map(|(name, y)| {
                    y.data().iter().zip(cotangents[name].data()).map(|(y, c)| f64::from(*y) * f64::from(*c)).sum::<f64>()
                });
                products.sum()
            };
            let found = (value(1.0) - value(-1.0)) * 256.0;
            let size: f64 = gradient.data().iter().map(|g| f64::from(*g) * f64::from(*g)).sum::<f64>().sqrt();
            assert!((found - predicted).abs() < 0.02 * size + 2e-3, "{name}, {parameter}: {found} for {predicted}, norm {size}");
        }
    }
}

/// One step moves every parameter by −rate times its gradient.
#[test]
fn a_step_is_a_gradient_times_a_rate() {
    for (name, draft) in graphs::networks() {
        let (graph, parameters, inputs) = draft.finish();
        let mut random = Random(5);
        let cotangents: Named<f32> = specified(&graph, &parameters, &inputs)
            .iter()
            .map(|(name, value)| (name.clone(), random.tensor(value.shape().dimensions(), 1.0)))
            .collect();
        let options = Options { gradients: true, ..Options::default() };
        let mut compiled = Compiled::new(&graph, &parameters, options).unwrap();
        let Ok((_, gradients)) = compiled.vjp(&inputs, |_| cotangents.clone()) else { continue };
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
    for (name, draft) in graphs::networks() {
        let Draft { .. } = &draft;
        let (graph, parameters, inputs) = draft.finish();
        let options = Options { deterministic: true, threads: 2, ..Options::default() };
        let mut compiled = Compiled::new(&graph, &parameters, options).unwrap();
        assert!(compiled.schedule().is_some());
        assert!(compiled.forward(&inputs).unwrap() == specified(&graph, &parameters, &inputs), "{name}");
    }
}
