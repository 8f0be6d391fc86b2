//! Random graphs of the whole vocabulary: the tape, the kernel's reverse pass and the kernel's bit-exact execution agree in every bit; claim `exec` says so.

mod folder;
mod graphs;

use folder::Folder;
use graphs::{case, cotangents, numbers};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use tl::certificate::{Certificate, Statement};
use tl::files::Staged;
use tl::tape::{Id, Keep, Run, Tape};
use tl::transform::Function;
use tl::{Model, default_schedule};
use tl_check::{Judged, judge};
use tl_kernel::Verdict;
use tl_kernel::claim::Execution;
use tl_kernel::context::EvalError;
use tl_kernel::context::binary32::{Binary32, Environment};
use tl_kernel::ir::Tensor;
use tl_kernel::ir::reverse::{all_values, pullback};
use tl_kernel::spec::Op;

const SEEDS: std::ops::Range<u64> = 0..400;

fn words(tensor: &Tensor<f32>) -> Tensor<u32> {
    Tape::words(tensor)
}

/// Words with every NaN the canonical one.
fn canonical(tensor: &Tensor<u32>) -> Tensor<u32> {
    words(&tensor.map(|&word| f32::from_bits(word)))
}

#[test]
fn the_tape_has_the_bits_of_the_kernels_binary32_both_ways() {
    let run = Run::default();
    let model = Binary32::new(Environment::default(), default_schedule());
    let (mut seen, mut backward) = (BTreeSet::new(), 0);
    for seed in SEEDS {
        let case = case(seed);
        seen.extend(case.graph.nodes().iter().map(|node| node.op.name()));
        let tape = Tape::replay(&run, &case.graph, &case.parameters, &numbers(&case.inputs)).unwrap();
        let exact = all_values(&case.graph, &model, &case.parameters, &case.inputs).unwrap();
        for (id, value) in &exact {
            assert_eq!(words(tape.value(Id(*id)).unwrap()), canonical(value), "seed {seed}, node {id}");
        }
        // Back, by everything that can be differentiated by.
        let function = Function::new(&run, &case.graph, &case.parameters);
        let wanted: BTreeSet<usize> =
            function.differentiable().0.iter().filter_map(|name| tape.find(name)).map(|id| id.0).collect();
        let seeds = cotangents(&case, !seed);
        let seeds: BTreeMap<usize, &Tensor<f32>> =
            case.graph.outputs().iter().map(|(name, &id)| (id, &seeds[name])).collect();
        let given: Vec<(Id, Tensor<f32>)> = seeds.iter().map(|(&id, &seed)| (Id(id), seed.clone())).collect();
        let ids: Vec<Id> = wanted.iter().copied().map(Id).collect();
        let found = tape.pullback(&given, &ids, Keep::Wanted).unwrap();
        let seeds = seeds.into_iter().map(|(id, seed)| (id, seed.map(|x| x.to_bits()))).collect();
        match pullback(&case.graph, &model, &exact, seeds, &wanted) {
            Ok(right) => {
                backward += 1;
                for (id, gradient) in &right {
                    let found = words(found.of(Id(*id)).unwrap());
                    assert_eq!(found, canonical(gradient), "seed {seed}, the gradient of node {id}");
                }
            }
            Err(located) => assert!(
                matches!(located.error, EvalError::Undecided { .. }) && found.iter().count() == wanted.len(),
                "seed {seed}: {located:?}"
            ),
        }
    }
    let missing: Vec<&&str> = Op::KEYWORDS.iter().filter(|keyword| !seen.contains(*keyword)).collect();
    assert!(missing.is_empty(), "no graph has {missing:?}");
    println!("{} graphs, {} operations, {backward} reverse passes bit for bit", SEEDS.count(), seen.len());
}

#[test]
fn what_the_tape_computes_is_certified_bit_for_bit() {
    let (folder, run) = (Folder::new(), Run::default());
    for seed in SEEDS.step_by(4) {
        let case = case(seed);
        let inputs = numbers(&case.inputs);
        let tape = Tape::replay(&run, &case.graph, &case.parameters, &inputs).unwrap();
        let outputs = case.graph.outputs().iter();
        let outputs = outputs.map(|(name, &id)| (name.clone(), words(tape.value(Id(id)).unwrap()))).collect();
        let model = Model::new(Path::new("random"), case.graph.graph().clone(), case.parameters.clone()).unwrap();
        let certificate = Certificate {
            model: &model,
            inputs: std::slice::from_ref(&case.inputs),
            outputs: &[outputs],
            statement: &Statement::Exec(Execution { schedule: default_schedule(), ..Execution::default() }),
            about: None,
            inline_limit: 4096,
            parameter_file: None,
        };
        let path = folder.path(&format!("{seed}.json"));
        let mut staged = Staged::default();
        certificate.stage(&path, &mut staged).unwrap();
        staged.commit().unwrap();
        let settings = tl_check::Settings { limits: tl_kernel::Limits::default(), model: None, jobs: 1 };
        let judged = judge(&path, &settings, 1);
        assert!(matches!(&judged, Judged::Verdict(Verdict::Accepted(_), _)), "seed {seed}: {judged:?}");
    }
}
