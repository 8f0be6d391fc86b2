//! Gradients by PyTorch autograd on 100 random graphs of the vocabulary, each judged by the kernel: a `gradient` certificate with PyTorch's gradients and a tolerance that rounding derives.
//!
//! The tolerance: the kernel's `Rounded` reading, applied to the forward pass and to the reverse rules, bounds what any binary32 execution of them may be wrong by, with elementary functions within
//! 4 units in the last place, in any order of sums. Nothing in it is fitted to PyTorch, whose reverse rules have other intermediate values than ours; the line that is printed says how much of it is used.
//! Every element is held to its own bound; the certificate, whose tolerance is one for all elements of a tensor, to the largest of the tensor.
//! Left out are graphs in which two operands tie exactly (there the conventions differ: docs/gradients.md), and graphs in which rounding could choose another branch.
//! `spec-tests/networks/autograd.py` computes; SKIPPED where `TL_PYTHON` (or python3) has no torch.

mod folder;
mod graphs;
mod rounded;

use folder::Folder;
use graphs::{Case, case, cotangents, numbers};
use std::cell::Cell;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use tl::certificate::{Certificate, Statement, tolerance};
use tl::files::{Staged, tensors};
use tl::tape::{Id, Run, Tape};
use tl::transform::Function;
use tl::{Hardware32, Model};
use tl_check::{Judged, Settings, judge};
use tl_kernel::context::{Context, EvalError, Rows};
use tl_kernel::ir::Tensor;
use tl_kernel::ir::evaluate::Named;
use tl_kernel::number::decimal::decimal;
use tl_kernel::number::{Dyadic, Exact};
use tl_kernel::spec::Op;
use tl_kernel::{Limits, Verdict};

/// Graphs that are compared; `TL_GRAPHS` asks for another number.
const GRAPHS: usize = 100;

/// A graph, what is differentiated by, and for every element an enclosure of the exact gradient with what rounding may add.
struct Prepared {
    seed: u64,
    case: Case,
    cotangents: Named<f32>,
    wanted: BTreeMap<String, usize>,
    bounds: rounded::Bounds,
}

/// The hardware reading, which notices when two operands of a comparison are equal.
struct Ties<'a>(&'a Hardware32, Cell<bool>);

macro_rules! as_hardware {
    ($($name:ident($($x:ident),*);)*) => { $(fn $name(&self, $($x: &f32),*) -> Result<f32, EvalError> { self.0.$name($($x),*) })* };
}

impl Context for Ties<'_> {
    type Value = f32;
    as_hardware! {
        pi(); neg(x); abs(x); add(x, y); sub(x, y); mul(x, y); div(x, y); max(x, y); min(x, y); sqrt(x); rsqrt(x); exp(x); expm1(x); log(x); log1p(x);
        pow(x, y); tanh(x); erf(x); sin(x); cos(x); hull(x, y);
    }
    fn datum(&self, word: u32) -> Result<f32, EvalError> {
        self.0.datum(word)
    }
    fn constant(&self, value: &Exact) -> Result<f32, EvalError> {
        self.0.constant(value)
    }
    fn order(&self, x: &f32, y: &f32) -> Result<Option<Ordering>, EvalError> {
        self.1.set(self.1.get() || x == y);
        self.0.order(x, y)
    }
    fn dots(&self, x: &Rows<'_, f32>, y: &Rows<'_, f32>, bias: Option<&[f32]>) -> Result<Vec<f32>, EvalError> {
        self.0.dots(x, y, bias)
    }
}

/// Whether a reverse rule meets a tie, labels and masks aside, which are compared for equality.
fn has_tie(run: &Run, case: &Case) -> bool {
    let tape = Tape::replay(run, &case.graph, &case.parameters, &numbers(&case.inputs)).unwrap();
    let ties = Ties(run.hardware(), Cell::new(false));
    for (id, node) in case.graph.nodes().iter().enumerate() {
        if node.op.is_source() || matches!(node.op, Op::CrossEntropy(_) | Op::Nll(_) | Op::MaskedSoftmax(_)) {
            continue;
        }
        let parents: Vec<&Tensor<f32>> = node.parents.iter().map(|&id| tape.value(Id(id)).unwrap()).collect();
        let y = tape.value(Id(id)).unwrap();
        let wanted: Vec<bool> = (0..parents.len()).map(|at| !(at == 2 && matches!(node.op, Op::Cosine(_)))).collect();
        node.op.vjp(&ties, &parents, y, &y.map(|_| 1.0), &wanted).unwrap();
    }
    ties.1.get()
}

/// The first graphs that can be compared, and how many were left out for a tie, and for a branch that rounding may change.
fn prepared(run: &Run) -> (Vec<Prepared>, usize, usize) {
    let graphs = std::env::var("TL_GRAPHS").ok().and_then(|n| n.parse().ok()).unwrap_or(GRAPHS);
    let (mut chosen, mut ties, mut undecided) = (Vec::new(), 0, 0);
    for seed in 0.. {
        if chosen.len() == graphs {
            break;
        }
        let case = case(seed);
        let wanted: BTreeMap<String, usize> = {
            let f = Function::new(run, &case.graph, &case.parameters);
            f.differentiable().0.into_iter().map(|name| (name.clone(), f.find(&name).unwrap())).collect()
        };
        if wanted.is_empty() || has_tie(run, &case) {
            ties += 1;
            continue;
        }
        let cotangents = cotangents(&case, !seed);
        let [_, bounds] = rounded::both(&case, &cotangents, &wanted.values().copied().collect());
        match bounds {
            Some(bounds) => chosen.push(Prepared { seed, case, cotangents, wanted, bounds }),
            None => undecided += 1,
        }
    }
    (chosen, ties, undecided)
}

/// `inputs/NAME` or `parameters/NAME`.
fn qualified(case: &Case, id: usize) -> String {
    match case.graph.nodes()[id].op.source() {
        Some(("input", name)) => format!("inputs/{name}"),
        source => format!("parameters/{}", source.map_or("", |(_, name)| name)),
    }
}

fn write(folder: &Folder, prepared: &Prepared) -> Model {
    let Prepared { seed, case, cotangents, wanted, .. } = prepared;
    let model = Model::new(Path::new("random"), case.graph.graph().clone(), case.parameters.clone()).unwrap();
    let mut staged = Staged::default();
    model.save(&folder.path(&format!("{seed}.json")), &mut staged).unwrap();
    staged.commit().unwrap();
    let list = |list: &str, named: &Named<u32>| -> Named<u32> {
        named.iter().map(|(name, tensor)| (format!("{list}/{name}"), tensor.clone())).collect()
    };
    let cotangents = cotangents.iter().map(|(name, u)| (name.clone(), u.map(|x| x.to_bits()))).collect();
    let mut arrays = list("inputs", &case.inputs);
    arrays.extend(list("parameters", &case.parameters));
    arrays.extend(list("cotangents", &cotangents));
    let path = folder.path(&format!("{seed}.npz"));
    std::fs::write(&path, tensors(&path, &arrays).unwrap()).unwrap();
    let names: String = wanted.values().map(|&id| qualified(case, id) + "\n").collect();
    folder.write(&format!("{seed}.wrt"), names);
    model
}

/// Runs the script; the version of torch, or why it was not run.
fn autograd(folder: &Folder) -> Result<String, String> {
    let python = std::env::var_os("TL_PYTHON").unwrap_or_else(|| OsString::from("python3"));
    let has_torch = Command::new(&python).args(["-c", "import torch, numpy"]).output();
    if !has_torch.is_ok_and(|ran| ran.status.success()) {
        return Err(format!(
            "{python:?} has no torch (TL_PYTHON names an interpreter with spec-tests/networks/requirements.txt)"
        ));
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/spec-tests/networks/autograd.py");
    let ran = Command::new(&python).arg(script).arg(folder.0.path()).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    Ok(String::from_utf8_lossy(&ran.stdout).trim().to_string())
}

/// The verdict on a certificate with one recorded gradient.
fn judged(
    folder: &Folder,
    model: &Model,
    prepared: &Prepared,
    id: usize,
    recorded: &Tensor<u32>,
    abs: &Dyadic,
) -> Judged {
    let Prepared { case, cotangents, .. } = prepared;
    let one = |kind: &str| match case.graph.nodes()[id].op.source() {
        Some((of, name)) if of == kind => Named::from([(name.to_string(), recorded.clone())]),
        _ => Named::new(),
    };
    let abs = decimal(&abs.to_rational(), 3, true);
    let statement = Statement::Gradient {
        tolerance: tolerance(&abs, "0", "0", "1"),
        gradients: vec![[one("input"), one("const")]],
        cotangents: vec![cotangents.iter().map(|(name, u)| (name.clone(), u.map(|x| x.to_bits()))).collect()],
    };
    let inputs = [case.inputs.clone()];
    let certificate = Certificate {
        model,
        inputs: &inputs,
        outputs: &[],
        statement: &statement,
        about: None,
        inline_limit: 4096,
        parameter_file: None,
    };
    let path = folder.path("certificate.json");
    let mut staged = Staged::default();
    certificate.stage(&path, &mut staged).unwrap();
    staged.commit().unwrap();
    judge(&path, &Settings { limits: Limits::default(), model: None, jobs: 1 }, 1)
}

fn to_f64(x: &Dyadic) -> f64 {
    num_traits::ToPrimitive::to_f64(&x.to_rational()).unwrap_or(f64::INFINITY)
}

/// The tensor with its first element moved by at least this much, and at least to the next word.
fn off_by(recorded: &Tensor<u32>, error: f64) -> Tensor<u32> {
    let mut first = true;
    recorded.map(|&word| {
        if !std::mem::take(&mut first) {
            return word;
        }
        let moved = (f64::from(f32::from_bits(word)) + error) as f32;
        if moved == f32::from_bits(word) { moved.next_up().to_bits() } else { moved.to_bits() }
    })
}

#[test]
fn gradients_of_pytorch_differ_by_what_rounding_explains() {
    let (folder, run) = (Folder::new(), Run::default());
    let (prepared, ties, undecided) = prepared(&run);
    let models: Vec<Model> = prepared.iter().map(|prepared| write(&folder, prepared)).collect();
    let version = match autograd(&folder) {
        Ok(version) => version,
        Err(reason) => return println!("SKIPPED gradients_torch: {reason}"),
    };
    let (mut elements, mut equal, mut accepted, mut refused, mut worst) = (0, 0, 0, 0, 0.0f64);
    let (mut seen, mut failures) = (BTreeSet::new(), Vec::new());
    for (prepared, model) in prepared.iter().zip(&models) {
        seen.extend(prepared.case.graph.nodes().iter().map(|node| node.op.name()));
        let recorded = tl_import::read_tensors(folder.path(&format!("{}.gradients.npz", prepared.seed))).unwrap();
        let ours = Function::new(&run, &prepared.case.graph, &prepared.case.parameters);
        let names: Vec<&str> = prepared.wanted.keys().map(String::as_str).collect();
        let (_, ours) = ours.vjp(&numbers(&prepared.case.inputs), &names, &prepared.cotangents).unwrap();
        for (name, &id) in &prepared.wanted {
            let (torch, bounds) = (&recorded[&qualified(&prepared.case, id)], &prepared.bounds[&id]);
            let mut most = Dyadic::zero();
            for (position, (&word, (exact, bound))) in torch.data().iter().zip(bounds).enumerate() {
                elements += 1;
                equal += usize::from(word == ours[name].data()[position].to_bits());
                most = most.max(bound.clone());
                let g = Dyadic::from_binary32(word).expect("a finite gradient");
                let error = g.sub(exact.mid()).abs();
                let allowed = bound.add(&exact.rad());
                if error > allowed {
                    failures.push(format!(
                        "seed {}, {name}, position {position}: off by {}, allowed {}\n{:?}",
                        prepared.seed,
                        decimal(&error.to_rational(), 3, true),
                        decimal(&allowed.to_rational(), 3, true),
                        prepared.case.graph.graph().nodes
                    ));
                }
                if !bound.is_zero() {
                    worst = worst.max(to_f64(&error) / to_f64(bound));
                }
            }
            match judged(&folder, model, prepared, id, torch, &most) {
                Judged::Verdict(Verdict::Accepted(_), _) => accepted += 1,
                verdict => failures.push(format!("seed {}, {name}: {verdict:?}", prepared.seed)),
            }
            // What is off by three times the bound is no rounding.
            let off = off_by(torch, 3.0 * to_f64(&most));
            match judged(&folder, model, prepared, id, &off, &most) {
                Judged::Verdict(Verdict::Rejected(findings), _) if findings[0].code.id() == "TL0271" => refused += 1,
                verdict => failures.push(format!("seed {}, {name}, spoilt: {verdict:?}", prepared.seed)),
            }
        }
    }
    let missing: Vec<&&str> = Op::KEYWORDS.iter().filter(|keyword| !seen.contains(*keyword)).collect();
    println!(
        "gradients_torch {version}: {} graphs, {} operations (not {missing:?}), {accepted} certificates accepted and {refused} spoilt ones refused, {elements} elements, {equal} with our bits, worst {worst:.3} of the bound; \
         left out {ties} with ties, {undecided} with branches that rounding may change",
        prepared.len(),
        seen.len()
    );
    assert!(failures.is_empty(), "{} failures\n{}", failures.len(), failures[..failures.len().min(6)].join("\n"));
}

/// Where PyTorch's convention at a kink is another one (docs/gradients.md, "PyTorch"): operation, operands, ours, PyTorch's.
type Convention =
    (&'static str, &'static str, &'static [&'static [f32]], &'static [&'static [f32]], &'static [&'static [f32]]);

const CONVENTIONS: &[Convention] = &[
    ("max", "{}", &[&[2.0], &[2.0]], &[&[1.0], &[0.0]], &[&[0.5], &[0.5]]),
    ("min", "{}", &[&[2.0], &[2.0]], &[&[1.0], &[0.0]], &[&[0.5], &[0.5]]),
    ("reduce_max", r#"{"axes":[0],"keepdims":false}"#, &[&[2.0, 2.0]], &[&[1.0, 0.0]], &[&[0.5, 0.5]]),
    ("reduce_min", r#"{"axes":[0],"keepdims":false}"#, &[&[2.0, 2.0]], &[&[1.0, 0.0]], &[&[0.5, 0.5]]),
    ("clamp", r#"{"lo":["-1"],"hi":["1"]}"#, &[&[-1.0, 1.0]], &[&[1.0, 1.0]], &[&[0.0, 0.0]]),
    (
        "hard_sigmoid",
        r#"{"alpha":"1/6","beta":"1/2"}"#,
        &[&[-3.0, 3.0]],
        &[&[0.166_666_67, 0.166_666_67]],
        &[&[0.0, 0.0]],
    ),
    ("hard_swish", "{}", &[&[-3.0, 3.0]], &[&[-0.5, 1.5]], &[&[0.0, 1.0]]),
];

/// The same at these kinks.
const AGREED: &[Convention] = &[
    ("relu", "{}", &[&[0.0]], &[&[0.0]], &[&[0.0]]),
    ("leaky_relu", r#"{"slope":"1/4"}"#, &[&[0.0]], &[&[0.25]], &[&[0.25]]),
    ("abs", "{}", &[&[0.0]], &[&[0.0]], &[&[0.0]]),
    ("elu", r#"{"alpha":"1/2"}"#, &[&[0.0]], &[&[0.5]], &[&[0.5]]),
    ("mae", r#"{"reduction":"none"}"#, &[&[2.0], &[2.0]], &[&[0.0], &[0.0]], &[&[0.0], &[0.0]]),
    ("hinge", r#"{"margin":"1","reduction":"none"}"#, &[&[1.0], &[1.0]], &[&[0.0], &[0.0]], &[&[0.0], &[0.0]]),
];

#[test]
fn conventions_at_kinks_are_those_that_the_documentation_lists() {
    let (folder, run) = (Folder::new(), Run::default());
    let rows: Vec<&Convention> = CONVENTIONS.iter().chain(AGREED).collect();
    let names: Vec<Vec<String>> = rows
        .iter()
        .enumerate()
        .map(|(seed, (keyword, attributes, operands, ours, _))| {
            let mut tape = Tape::new(&run);
            let of = |(i, x): (usize, &&[f32])| tape.input(&format!("x{i}"), tl::tape::tensor(&[x.len()], x)).unwrap();
            let ids: Vec<Id> = operands.iter().enumerate().map(of).collect();
            let y = tape.apply(graphs::decoded(keyword, attributes), &ids, None).unwrap();
            let ones = tape.value(y).unwrap().map(|_| 1.0);
            let gradients = tape.backward(y, Some(ones.clone())).unwrap();
            for (id, expected) in ids.iter().zip(*ours) {
                assert_eq!(gradients.of(*id).unwrap().data(), *expected, "{keyword}");
            }
            let recorded = tape.graph(&[("y", y)]).unwrap();
            let names: Vec<String> = recorded.inputs.keys().cloned().collect();
            let wanted = names.iter().enumerate().map(|(id, name)| (name.clone(), id)).collect();
            let case = Case { graph: recorded.model.graph, parameters: Named::new(), inputs: recorded.inputs };
            let cotangents = Named::from([("y".to_string(), ones)]);
            write(&folder, &Prepared { seed: seed as u64, case, cotangents, wanted, bounds: BTreeMap::new() });
            names
        })
        .collect();
    if let Err(reason) = autograd(&folder) {
        return println!("SKIPPED conventions: {reason}");
    }
    for (seed, ((keyword, .., expected), names)) in rows.iter().zip(&names).enumerate() {
        let torch = tl_import::read_tensors(folder.path(&format!("{seed}.gradients.npz"))).unwrap();
        for (name, expected) in names.iter().zip(*expected) {
            let found = torch[&format!("inputs/{name}")].map(|&word| f32::from_bits(word));
            assert_eq!(found.data(), *expected, "{keyword}, PyTorch");
        }
    }
}
