//! Compiled graphs against the kernel's specification.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test stops at the first surprise")]

mod networks;

use networks::Random;
use std::collections::BTreeSet;
use tl::compiled::{Compiled, Options};
use tl::{Code, Hardware32, default_schedule};
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

/// Tangents along everything, along the inputs alone and along the parameters alone; and ⟨u, J·v⟩ = ⟨Jᵀ·u, v⟩ with what goes back.
#[test]
fn tangents_agree_with_those_of_the_specification_and_with_the_gradients() {
    for (name, draft) in networks::networks() {
        let (graph, parameters, inputs) = draft.finish();
        let mut random = Random(31);
        let mut drawn = |of: &Tensor<f32>| random.tensor(of.shape().dimensions(), 1.0);
        let of_inputs: Named<f32> = inputs.iter().map(|(name, x)| (name.clone(), drawn(x))).collect();
        let floats = |words: &Tensor<u32>| words.map(|&word| f32::from_bits(word));
        let of_parameters: Named<f32> = parameters.iter().map(|(name, w)| (name.clone(), drawn(&floats(w)))).collect();
        let all: Named<f32> = of_inputs.clone().into_iter().chain(of_parameters.clone()).collect();
        let run = tl::tape::Run::default();
        let function = tl::transform::Function::new(&run, &graph, &parameters);
        let [mut one, mut two] = [1, 2].map(|threads| {
            let options = Options { threads, inputs: true, ..Options::default() };
            Compiled::new(&graph, &parameters, options).unwrap()
        });
        for directions in [&all, &of_inputs, &of_parameters, &Named::new()] {
            let (_, expected) = function.jvp(&inputs, directions).unwrap();
            let (outputs, found) = one.jvp(&inputs, directions).unwrap();
            assert!(one.forward(&inputs).unwrap() == outputs, "{name}");
            assert!(
                two.jvp(&inputs, directions).unwrap() == (outputs, found.clone()),
                "{name}: threads change a tangent"
            );
            for (output, tangent) in &expected {
                let apart = distance(&found[output], tangent);
                assert!(apart < 5e-5, "{name}, {output} along {:?}: {apart}", directions.keys());
            }
        }
        let (_, along) = one.jvp(&inputs, &all).unwrap();
        let u: Named<f32> = along.iter().map(|(name, y)| (name.clone(), drawn(y))).collect();
        let (_, back) = one.vjp(&inputs, |_| u.clone()).unwrap();
        let dot = |a: &Named<f32>, b: &Named<f32>| -> [f64; 2] {
            let pairs = a.iter().flat_map(|(name, a)| a.data().iter().zip(b[name].data()));
            let terms = pairs.map(|(&a, &b)| f64::from(a) * f64::from(b));
            terms.fold([0.0, 0.0], |[sum, size], term| [sum + term, size + term.abs()])
        };
        let ([left, size], [right, other]) = (dot(&u, &along), dot(&back, &all));
        assert!((left - right).abs() < 2e-6 * (size + other), "{name}: {left} forward, {right} backward");
    }
}

/// Where relu has its kink and all cells of a window tie, tangents follow the conventions of what goes back: 0, and the first cell.
#[test]
fn tangents_at_kinks_and_ties_are_those_of_the_specification() {
    let mut d = networks::Draft::new(12);
    let x = d.input(&[2, 3, 5, 6]);
    let pooled = d.max_pool(x, 3, 2, 1);
    d.relu(x);
    let (graph, parameters, inputs) = d.finish();
    let still: Named<f32> = inputs.iter().map(|(name, x)| (name.clone(), x.map(|_| 0.0))).collect();
    let run = tl::tape::Run::default();
    let (_, expected) = tl::transform::Function::new(&run, &graph, &parameters).jvp(&still, &inputs).unwrap();
    let options = Options { inputs: true, ..Options::default() };
    let (_, found) = Compiled::new(&graph, &parameters, options).unwrap().jvp(&still, &inputs).unwrap();
    assert!(found == expected, "{found:?}, not {expected:?}");
    assert!(found[&format!("y{pooled}")].data().iter().all(|tangent| inputs["x0"].data().contains(tangent)));
}

/// A clamp whose lower end is its upper end, or above it, is the upper end everywhere, with the slope 0.
#[test]
fn a_clamp_to_one_point_is_a_constant_in_either_mode() {
    for ends in [["2", "2"], ["3", "2"]] {
        let mut d = networks::Draft::new(13);
        let x = d.input(&[2, 3]);
        let [lo, hi] = ends.map(|end| vec![tl_kernel::number::Exact::parse(end).unwrap()]);
        d.op(Op::Clamp(tl_kernel::spec::clamp::Clamp { lo, hi }), &[x]);
        let (graph, parameters, inputs) = d.finish();
        let at = inputs.iter().map(|(name, x)| (name.clone(), x.map(|_| 2.0))).collect();
        for deterministic in [false, true] {
            let options = Options { deterministic, inputs: true, ..Options::default() };
            let mut compiled = Compiled::new(&graph, &parameters, options).unwrap();
            let ones = |y: &Named<f32>| y.iter().map(|(name, y)| (name.clone(), y.map(|_| 1.0))).collect();
            let (outputs, gradients) = compiled.vjp(&at, ones).unwrap();
            assert!(outputs.values().all(|y| y.data().iter().all(|&y| y == 2.0)), "{ends:?}: {outputs:?}");
            assert!(gradients["x0"].data().iter().all(|&g| g == 0.0), "{ends:?}: {gradients:?}");
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

/// Whether the error has this code, and says all of these.
fn refused<T: std::fmt::Debug>(found: Result<T, tl::Error>, code: Code, parts: &[&str]) {
    let error = found.unwrap_err();
    let text = error.to_string();
    assert_eq!(error.code, code.id(), "{text}");
    parts.iter().for_each(|part| assert!(text.contains(part), "{part:?} is not in {text:?}"));
}

#[test]
fn what_does_not_fit_is_refused_by_name_and_with_both_shapes() {
    let mut d = networks::Draft::new(1);
    let x = d.input(&[2, 3]);
    d.linear(x, 4);
    let (graph, parameters, inputs) = d.finish();
    let output = graph.outputs().keys().next().unwrap().clone();
    let mut random = Random(3);
    let (wrong, right) = (random.tensor(&[3, 2], 1.0), random.tensor(&[2, 4], 1.0));
    let with = |name: &str, tensor: &Tensor<f32>| -> Named<f32> {
        inputs.clone().into_iter().chain([(name.to_string(), tensor.clone())]).collect()
    };
    for deterministic in [false, true] {
        let plain = Options { deterministic, ..Options::default() };
        let mut compiled = Compiled::new(&graph, &parameters, Options { gradients: true, ..plain }).unwrap();
        refused(compiled.forward(&Named::new()), Code::InputMissing, &["input \"x0\"", "[2, 3]"]);
        refused(compiled.forward(&with("x0", &wrong)), Code::InputShape, &["input \"x0\"", "[2, 3]", "[3, 2]"]);
        refused(compiled.forward(&with("z", &wrong)), Code::InputName, &["input \"z\"", "x0"]);
        let cotangent = |name: &str, tensor: &Tensor<f32>| Named::from([(name.to_string(), tensor.clone())]);
        let shapes = [&*format!("output {output:?}"), "[2, 4]", "[3, 2]"];
        refused(compiled.vjp(&inputs, |_| cotangent(&output, &wrong)), Code::Gradient, &shapes);
        refused(compiled.step(&inputs, |_| cotangent(&output, &wrong), 0.1), Code::Gradient, &shapes);
        let unknown = ["output \"z\"", &output];
        refused(compiled.vjp(&inputs, |_| cotangent("z", &right)), Code::Gradient, &unknown);
        refused(compiled.vjp(&with("x0", &wrong), |_| Named::new()), Code::InputShape, &["input \"x0\""]);
        refused(compiled.jvp(&inputs, &cotangent("x0", &right)), Code::Gradient, &["\"x0\"", "[2, 3]", "[2, 4]"]);
        refused(compiled.jvp(&inputs, &cotangent("z", &right)), Code::Gradient, &["\"z\"", "x0"]);
        // After what was refused, it runs.
        assert!(compiled.vjp(&inputs, |_| cotangent(&output, &right)).is_ok());
        let mut compiled = Compiled::new(&graph, &parameters, plain).unwrap();
        let gradients = ["Options::gradients"];
        refused(compiled.vjp(&inputs, |_| cotangent(&output, &right)), Code::Gradient, &gradients);
        refused(compiled.step(&inputs, |_| cotangent(&output, &right), 0.1), Code::Gradient, &gradients);
        if !deterministic {
            let tangent = random.tensor(&[2, 3], 1.0);
            refused(compiled.jvp(&inputs, &cotangent("x0", &tangent)), Code::Gradient, &gradients);
            let mut compiled = Compiled::new(&graph, &parameters, Options { gradients: true, ..plain }).unwrap();
            refused(compiled.jvp(&inputs, &cotangent("x0", &tangent)), Code::Gradient, &["\"x0\"", "Options::inputs"]);
        }
        refused(Compiled::new(&graph, &Named::new(), plain), Code::InputMissing, &["parameter \"p1\"", "[4, 3]"]);
        let turned = parameters.keys().map(|name| (name.clone(), wrong.map(|x| x.to_bits()))).collect();
        let shapes = ["parameter \"p1\"", "[4, 3]", "[3, 2]"];
        refused(Compiled::new(&graph, &turned, plain), Code::InputShape, &shapes);
    }
}

/// A node that is two outputs, an output that is an input, and one that is a parameter.
#[test]
fn cotangents_of_one_value_under_several_names_add_up() {
    let mut d = networks::Draft::new(9);
    let x = d.input(&[2, 3]);
    let p = d.parameter(&[2, 3], 1.0, 0.0);
    let sum = d.op(Op::Add(tl_kernel::spec::add::Add {}), &[x, p]);
    let (graph, parameters, inputs) = d.finish();
    let outputs = [("a", sum), ("b", sum), ("x", x), ("p", p)];
    let outputs = outputs.into_iter().map(|(name, id)| (name.to_string(), id)).collect();
    let graph = tl_kernel::ir::Graph { nodes: graph.nodes().to_vec(), outputs };
    let graph = graph.check("", &tl_kernel::Limits::default()).unwrap();
    let cotangent = |value: f32| inputs["x0"].map(|_| value);
    let cotangents: Named<f32> = [("a", 1.0), ("b", 2.0), ("x", 4.0), ("p", 8.0)]
        .into_iter()
        .map(|(name, value)| (name.to_string(), cotangent(value)))
        .collect();
    for deterministic in [false, true] {
        let options = Options { deterministic, inputs: true, ..Options::default() };
        let mut compiled = Compiled::new(&graph, &parameters, options).unwrap();
        let (_, gradients) = compiled.vjp(&inputs, |_| cotangents.clone()).unwrap();
        assert_eq!(gradients["x0"], cotangent(7.0), "deterministic {deterministic}");
        assert_eq!(gradients["p1"], cotangent(11.0), "deterministic {deterministic}");
    }
}
