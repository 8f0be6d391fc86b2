//! Random graphs of the whole vocabulary, compiled: in deterministic mode bit for bit what the tape and the kernel have, and in the fast plan what rounding explains.
//!
//! The bound of the fast plan is derived, not fitted: the kernel's `Rounded` reading, forward and through the reverse rules, bounds what any binary32 execution of them may be wrong by, with
//! elementary functions within 4 units in the last place and sums in any order. Every element is held to its own bound. Left out, and counted, are graphs in which rounding could choose
//! another branch. `TL_GRAPHS` asks for another number of graphs.

mod folder;
mod graphs;
mod rounded;

use folder::Folder;
use graphs::{Case, case, cotangents, numbers};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use tl::Model;
use tl::certificate::{Certificate, Statement};
use tl::compiled::{Compiled, Options};
use tl::files::Staged;
use tl::tape::{Run, Tape};
use tl::transform::Function;
use tl_check::{Judged, judge};
use tl_kernel::Verdict;
use tl_kernel::claim::Execution;
use tl_kernel::context::EvalError;
use tl_kernel::context::binary32::{Binary32, Environment};
use tl_kernel::context::real::Ball;
use tl_kernel::ir::Tensor;
use tl_kernel::ir::evaluate::Named;
use tl_kernel::ir::reverse::{all_values, pullback};
use tl_kernel::number::Dyadic;
use tl_kernel::number::decimal::decimal;
use tl_kernel::spec::Op;

fn seeds() -> std::ops::Range<u64> {
    0..std::env::var("TL_GRAPHS").ok().and_then(|n| n.parse().ok()).unwrap_or(200)
}

/// Tensors as certificates have them: every NaN the canonical one.
fn words(named: &Named<f32>) -> Named<u32> {
    named.iter().map(|(name, tensor)| (name.clone(), Tape::words(tensor))).collect()
}

fn canonical(tensor: &Tensor<u32>) -> Tensor<u32> {
    Tape::words(&tensor.map(|&word| f32::from_bits(word)))
}

/// The sources that can be differentiated by: names and nodes.
fn wanted(run: &Run, case: &Case) -> BTreeMap<String, usize> {
    let function = Function::new(run, &case.graph, &case.parameters);
    let (names, _) = function.differentiable();
    names.into_iter().map(|name| (name.clone(), function.find(&name).unwrap())).collect()
}

/// A tangent for every source that can be differentiated by.
fn tangents(case: &Case, wanted: &BTreeMap<String, usize>, seed: u64) -> Named<f32> {
    let mut random = graphs::Random(seed);
    let tangent = |(name, &id): (&String, &usize)| {
        let shape = case.graph.nodes()[id].shape.clone();
        let values = (0..shape.elements()).map(|_| random.number()).collect();
        (name.clone(), Tensor::new(shape, values).unwrap())
    };
    wanted.iter().map(tangent).collect()
}

/// The verdict on a certificate about outputs.
fn judged(folder: &Folder, case: &Case, outputs: &Named<f32>, statement: &Statement) -> Judged {
    let model = Model::new(Path::new("random"), case.graph.graph().clone(), case.parameters.clone()).unwrap();
    let certificate = Certificate {
        model: &model,
        inputs: std::slice::from_ref(&case.inputs),
        outputs: &[words(outputs)],
        statement,
        about: None,
        inline_limit: 4096,
        parameter_file: None,
    };
    let path = folder.path("certificate.json");
    let mut staged = Staged::default();
    certificate.stage(&path, &mut staged).unwrap();
    staged.commit().unwrap();
    judge(&path, &tl_check::Settings { limits: tl_kernel::Limits::default(), model: None, jobs: 1 }, 1)
}

#[test]
fn deterministic_runs_have_the_bits_of_the_tape_and_of_the_kernel_both_ways() {
    let (folder, run) = (Folder::new(), Run::default());
    let (mut forward, mut backward, mut accepted) = (0, 0, 0);
    for seed in seeds() {
        let case = case(seed);
        let inputs = numbers(&case.inputs);
        let options = Options { threads: 2, deterministic: true, gradients: true, inputs: true };
        let mut compiled = Compiled::new(&case.graph, &case.parameters, options).unwrap();
        let schedule = compiled.schedule().expect("it keeps one").clone();
        let model = Binary32::new(Environment::default(), schedule.clone());
        let exact = all_values(&case.graph, &model, &case.parameters, &case.inputs).unwrap();
        let outputs = compiled.forward(&inputs).unwrap();
        for (name, id) in case.graph.outputs() {
            assert_eq!(Tape::words(&outputs[name]), canonical(&exact[id]), "seed {seed}, {name}");
        }
        // Back, by everything that can be differentiated by.
        let (wanted, cotangents) = (wanted(&run, &case), cotangents(&case, !seed));
        let names: Vec<&str> = wanted.keys().map(String::as_str).collect();
        let function = Function::new(&run, &case.graph, &case.parameters);
        let (again, gradients) = compiled.vjp(&inputs, |_| cotangents.clone()).unwrap();
        let (_, eager) = function.vjp(&inputs, &names, &cotangents).unwrap();
        assert_eq!(words(&again), words(&outputs), "seed {seed}");
        assert_eq!(words(&gradients), words(&eager), "seed {seed}: gradients");
        let ids = wanted.values().copied().collect();
        let of_outputs = case.graph.outputs().iter();
        let seeds = of_outputs.map(|(name, &id)| (id, cotangents[name].map(|x| x.to_bits()))).collect();
        match pullback(&case.graph, &model, &exact, seeds, &ids) {
            Ok(right) => {
                backward += 1;
                for (name, id) in &wanted {
                    assert_eq!(Tape::words(&gradients[name]), canonical(&right[id]), "seed {seed}, {name}");
                }
            }
            Err(located) => assert!(matches!(located.error, EvalError::Undecided { .. }), "seed {seed}: {located:?}"),
        }
        // Forward, and a step.
        let directions = tangents(&case, &wanted, seed);
        let tangents = |found: Result<(Named<f32>, Named<f32>), tl::Error>| found.map(|(_, along)| words(&along));
        let along = tangents(compiled.jvp(&inputs, &directions));
        forward += usize::from(along.is_ok());
        assert_eq!(along, tangents(function.jvp(&inputs, &directions)), "seed {seed}: tangents");
        if seed % 8 == 0 {
            let statement = Statement::Exec(Execution { schedule, ..Execution::default() });
            let judged = judged(&folder, &case, &outputs, &statement);
            assert!(matches!(&judged, Judged::Verdict(Verdict::Accepted(_), _)), "seed {seed}: {judged:?}");
            accepted += 1;
        }
        compiled.step(&inputs, |_| cotangents.clone(), 0.125).unwrap();
        let after = compiled.parameters();
        for (name, before) in &case.parameters {
            let id = case.graph.nodes().iter().position(|node| node.op.source() == Some(("const", name))).unwrap();
            let gradient = wanted.iter().find(|&(_, &of)| of == id).map(|(name, _)| gradients[name].data());
            let mut gradient = gradient.into_iter().flatten();
            let moved = before.map(|&word| {
                let w = f32::from_bits(word);
                gradient.next().map_or(w, |g| w + -0.125 * g).to_bits()
            });
            assert_eq!(Tape::words(&after[name]), canonical(&moved), "seed {seed}, {name} after a step");
        }
    }
    println!(
        "{} graphs, {backward} reverse and {forward} forward passes bit for bit, {accepted} exec certificates accepted",
        seeds().count()
    );
}

fn to_f64(x: &Dyadic) -> f64 {
    num_traits::ToPrimitive::to_f64(&x.to_rational()).unwrap_or(f64::INFINITY)
}

/// The share of its bound that each element uses, the greatest; what exceeds it is noted.
fn compare(
    what: &str,
    case: &Case,
    found: &Tensor<f32>,
    bounds: &[(Ball, Dyadic)],
    failures: &mut Vec<String>,
    worst: &mut f64,
) {
    for (position, (x, (exact, bound))) in found.data().iter().zip(bounds).enumerate() {
        let Some(near) = Dyadic::from_binary32(x.to_bits()) else {
            failures.push(format!("{what}, position {position}: {x}"));
            return;
        };
        // What the fast `exp` has below the normal numbers is zero.
        let (error, bound) = (near.sub(exact.mid()).abs(), bound.add(&Dyadic::power_of_two(-126)));
        let share = to_f64(&error) / to_f64(&bound);
        *worst = worst.max(share);
        if error > bound.add(&exact.rad()) {
            failures.push(format!(
                "{what}, position {position}: {x} is off by {}, allowed {}\n{:?}",
                decimal(&error.to_rational(), 3, true),
                decimal(&bound.add(&exact.rad()).to_rational(), 3, true),
                case.graph.graph().nodes
            ));
            return;
        }
    }
}

#[test]
fn fast_runs_differ_from_the_exact_values_by_what_rounding_explains() {
    let (folder, run) = (Folder::new(), Run::default());
    let (mut forward, mut backward, mut along, mut accepted, mut elements) = (0, 0, 0, 0, 0);
    let (mut worst, mut failures, mut seen) = ([0.0f64; 3], Vec::new(), BTreeSet::new());
    for seed in seeds() {
        let case = case(seed);
        let (inputs, cotangents, wanted) = (numbers(&case.inputs), cotangents(&case, !seed), wanted(&run, &case));
        let [values, gradients] = rounded::both(&case, &cotangents, &wanted.values().copied().collect());
        let directions = tangents(&case, &wanted, seed);
        for differentiable in [false, true] {
            let options = Options { inputs: differentiable, ..Options::default() };
            let mut runs = [1, 2].map(|threads| {
                let options = Options { threads, ..options };
                let mut compiled = Compiled::new(&case.graph, &case.parameters, options).unwrap();
                compiled.forward(&inputs).unwrap(); // the second run finds what the first has left
                if !differentiable {
                    return [compiled.forward(&inputs).unwrap(), Named::new(), Named::new()];
                }
                let (outputs, slopes) = compiled.vjp(&inputs, |_| cotangents.clone()).unwrap();
                let (again, tangents) = compiled.jvp(&inputs, &directions).unwrap();
                assert_eq!(words(&again), words(&outputs), "seed {seed}");
                [outputs, slopes, tangents]
            });
            let [[outputs, slopes, tangents], two] = &mut runs;
            assert_eq!([&*outputs, slopes, tangents].map(words), two.each_ref().map(words), "seed {seed}: threads");
            if let Some(values) = &values {
                forward += 1;
                for (name, id) in case.graph.outputs() {
                    let what = format!("seed {seed}, output {name}, gradients {differentiable}");
                    elements += values[id].len();
                    compare(&what, &case, &outputs[name], &values[id], &mut failures, &mut worst[0]);
                }
                if seed % 8 == 0 && failures.is_empty() {
                    let bounds =
                        case.graph.outputs().values().flat_map(|id| &values[id]).map(|(_, bound)| bound.clone());
                    let most = bounds.max().unwrap_or_else(Dyadic::zero);
                    let [zero, one] = ["0", "1"].map(str::to_string);
                    let abs = decimal(&most.to_rational(), 6, true).replace('…', "");
                    let statement = Statement::Forward { abs, rel: zero.clone(), ulps: zero, slack: one };
                    let judged = judged(&folder, &case, outputs, &statement);
                    assert!(matches!(&judged, Judged::Verdict(Verdict::Accepted(_), _)), "seed {seed}: {judged:?}");
                    accepted += 1;
                }
            }
            if !differentiable {
                continue;
            }
            assert!(slopes.keys().eq(wanted.keys()), "seed {seed}: {:?}, not {:?}", slopes.keys(), wanted.keys());
            if let Some(bounds) = rounded::tangents(&case, &directions, &wanted) {
                along += 1;
                for (name, id) in case.graph.outputs() {
                    let what = format!("seed {seed}, tangent of {name}");
                    elements += bounds[id].len();
                    compare(&what, &case, &tangents[name], &bounds[id], &mut failures, &mut worst[2]);
                }
            }
            if let Some(bounds) = &gradients {
                backward += 1;
                seen.extend(case.graph.nodes().iter().map(|node| node.op.name()));
                for (name, id) in &wanted {
                    let what = format!("seed {seed}, gradient of {name}");
                    elements += bounds[id].len();
                    compare(&what, &case, &slopes[name], &bounds[id], &mut failures, &mut worst[1]);
                }
            }
        }
    }
    let missing: Vec<&&str> = Op::KEYWORDS.iter().filter(|keyword| !seen.contains(*keyword)).collect();
    println!(
        "{} graphs, {forward} forward runs, {backward} backward and {along} along a direction, {elements} elements, {accepted} forward certificates accepted, worst {worst:.3?} of the bound, not seen {missing:?}",
        seeds().count(),
    );
    assert!(failures.is_empty(), "{} failures\n{}", failures.len(), failures[..failures.len().min(40)].join("\n"));
}
