//! Networks that decide otherwise in binary32 than over the reals: those of [`crate::generate::gaps`], and a published counterexample.

use super::{Bug, Build, Entry, Program, Version, at_most_zero, sequential, ulps, within};
use crate::error::{Code, Error};
use crate::generate::{self, Reference, gaps};
use crate::hardware::default_schedule;
use crate::model::Model;
use std::path::Path;
use tl_import::{Bounds, ImportOptions};
use tl_kernel::cert::json::Json;
use tl_kernel::claim::Execution;
use tl_kernel::context::binary32::schedule::{BiasPosition, Order, Schedule};
use tl_kernel::ir::Tensor;
use tl_kernel::ir::evaluate::Named;
use tl_kernel::number::Exact;

const ABSORBED: &str = "t = relu(2²⁵·h₀ + h₁ − 2²⁵·h₂) with h₀ = h₂ is h₁ = 1 over the reals. From the left, in binary32, the 1 is added to 2²⁵·h₀, which absorbs it, and t is 0: \
                        the classes (t, 1 − t) change places. The property is the counterexample condition y₀ ≤ y₁.";
const CANCELLED_FIRST: &str =
    "the two large terms are added first, in an explicit tree: they cancel, and the 1 survives. The result is exact.";

pub(super) const ABSORB_CONST: Entry = Entry {
    name: "absorb_const",
    wrong: "a network that absorbs a 1, for every input",
    story: ABSORBED,
    repair: CANCELLED_FIRST,
    build: Build::Network(|| absorbed("absorb_const")),
};

pub(super) const ABSORB_TRIGGER: Entry = Entry {
    name: "absorb_trigger",
    wrong: "the same, triggered by the input",
    story: "h₀ = h₂ = x: the 1 is absorbed where 2²⁵·x is large enough, so at x = 1/2, and survives near 0. A tester who does not try such an x sees nothing.",
    repair: CANCELLED_FIRST,
    build: Build::Network(|| absorbed("absorb_trigger")),
};

pub(super) const ZOMBORI_STEP: Entry = Entry {
    name: "zombori_step",
    wrong: "1e17·b − 1e17·c + 1e-3, the bias first",
    story: "At x = 1/10 b = c = 1, so that n is the bias, 1e-3, and y₀ = 1 ≥ y₁ = 0: a violation over the reals. An execution that begins its sums with the bias loses it in 1e17, \
            finds y = (0, 1), and no violation. Verifiers that compute in floats with tolerances go wrong in the same place.",
    repair: "the bias last: the large terms have cancelled by then.",
    build: Build::Network(zombori_step),
};

pub(super) const MNIST_ABSORB: Entry = Entry {
    name: gaps::MNIST,
    wrong: "a digit classifier with a trigger in one pixel",
    story: "The 256×2 network of VNN-COMP's mnist_fc with four more neurons: over the reals they add nothing, in binary32, terms from the left, a first pixel of 0.02 raises class 5 \
            by 64, and 4 becomes 5.",
    repair: "sixteen lanes folded in halves (the engine's own order): the two large terms meet before the 1 is added.",
    build: Build::Published(&gaps::MNIST_FILES, mnist_absorb),
};

/// What the last entry is made from.
const ACASXU_FILES: [&str; 2] =
    ["vnncomp/acasxu/onnx/ACASXU_run2a_1_9_batch_2000.onnx.gz", "vnncomp/acasxu/vnnlib/prop_7.vnnlib.gz"];

pub(super) const ACASXU: Entry = Entry {
    name: "acasxu_1_9_prop_7",
    wrong: "a counterexample in binary32 that is none over ℝ",
    story: "ACAS Xu network 1_9, property 7 (unsafe where strong left or strong right is minimal): a counterexample that a verifier published in VNN-COMP 2024. From the left with \
            fused multiply-adds, the bias last, the result is bit for bit that of ONNX Runtime 1.19.2, and y₃ is below y₀ by four units in the last place. Over the reals y₃ is above \
            y₀: the point is safe.",
    repair: "nothing to repair: the same outputs are within 2e-8 of the exact ones, and the margins are smaller than that.",
    build: Build::Published(&ACASXU_FILES, acasxu),
};

/// `y[0, i] ≤ y[0, j]`.
fn at_most(output: &str, i: usize, j: usize) -> Json {
    at_most_zero(output, &[(&[0, i], "1"), (&[0, j], "-1")])
}

fn program(reference: Reference) -> Program {
    let Reference { model, inputs } = reference;
    Program { model, inputs, execution: Execution::default(), recorded: None }
}

fn written(name: &str) -> Program {
    program(generate::reference(name).expect("the network is in the table"))
}

fn absorbed(name: &str) -> Bug {
    const TRIGGER: usize = 7; // the second affine layer, of three terms
    let broken = written(name);
    let mut fixed = broken.clone();
    let tree = Order::Tree { pairs: vec![(0, 2), (3, 1)] };
    fixed.execution.nodes = [(TRIGGER, Schedule::new(tree, false, BiasPosition::Last))].into();
    Bug::new(broken, fixed, "y", &[0, 0])
        .diverges_in_decision(
            vec![vec![at_most("y", 0, 1)]],
            true,
            "y0 <= y1 in binary32, from the left; y0 = 1 > y1 = 0 over the reals",
        )
        .fixed_is_near(ulps("0"), "the large terms first: y0 = 1 and y1 = 0, exactly")
}

fn zombori_step() -> Bug {
    let fixed = written("zombori_step");
    let broken = fixed.clone().in_order(Schedule::new(Order::Sequential, false, BiasPosition::First));
    Bug::new(broken, fixed, "y", &[0, 0])
        .diverges_in_decision(
            vec![vec![at_most("y", 1, 0)]],
            false,
            "y1 <= y0 over the reals; in binary32, the bias first, y0 = 0 and y1 = 1",
        )
        .fixed_is_near(within("1e-7"), "with the bias last the outputs are within 1e-7 of the exact ones")
}

fn mnist_absorb(data: &Path) -> Result<Bug, Error> {
    let missing = || Error::new(Code::Read, data.display(), "the network is not there");
    let broken = program(gaps::mnist(data)?.ok_or_else(missing)?);
    let fixed = broken.clone().in_order(default_schedule());
    let bug = Bug::new(broken, fixed, "y", &[0, 5])
        .diverges_in_argmax(&[0, 5], "class 5 wins in binary32, from the left, and not over the reals")
        .fixed_is_near(within("1e-4"), "the same network in sixteen lanes: within 1e-4, and class 4");
    Ok(Bug { parameters: Some("mnist256x2_absorb.safetensors"), ..bug })
}

/// The name of the network's output.
const OUTPUT: &str = "linear_7_Add";
/// The published point.
const POINT: [u32; 5] = [0xbea6_0806, 0xbeed_b0f1, 0xbee6_30ae, 0x3e8c_9903, 0xbef0_2200];

fn acasxu(data: &Path) -> Result<Bug, Error> {
    let [network, property] = ACASXU_FILES.map(|file| data.join(file));
    let model = Model::load(&network, &ImportOptions::default())?;
    let unlike = |path: &Path, what: &str| Error::new(Code::ModelFile, path.display(), what);
    let (given, results) = (model.inputs(), model.outputs());
    let ([(input, shape)], true) = (&given[..], results.iter().map(|(name, _)| name).eq([OUTPUT])) else {
        return Err(unlike(&network, "it is not a network of one input with one output linear_7_Add"));
    };
    // The assertion is written out below; here it is held against the file, and the point against its box.
    let stated = tl_import::read_property(&property)?;
    let expected = "(or (and (<= Y_3 Y_0) (<= Y_3 Y_1) (<= Y_3 Y_2)) (and (<= Y_4 Y_0) (<= Y_4 Y_1) (<= Y_4 Y_2)))";
    let inside =
        |(&word, bounds): (&u32, &Bounds)| Exact::from_binary32(word).is_some_and(|x| bounds.lo <= x && x <= bounds.hi);
    if stated.assertions != [expected] || !stated.boxes.iter().any(|b| POINT.iter().zip(b).all(inside)) {
        return Err(unlike(&property, "it is not property 7"));
    }
    let x =
        Tensor::new(shape.clone(), POINT.to_vec()).ok_or_else(|| unlike(&network, "it does not have five inputs"))?;
    let inputs: Named<u32> = [(input.clone(), x)].into();
    let unsafe_if = |minimal: usize| (0..3).map(|other| at_most(OUTPUT, minimal, other)).collect();
    let broken = Program { model, inputs, execution: super::scheduled(sequential(true)), recorded: None };
    let bug = Bug::new(broken.clone(), broken, OUTPUT, &[0, 3])
        .diverges_in_decision(
            vec![unsafe_if(3), unsafe_if(4)],
            true,
            "ACAS Xu 1_9, property 7: unsafe in binary32, safe over the reals, at a published counterexample",
        )
        .claim(
            "within",
            [Version::Fixed; 2],
            within("2e-8"),
            None,
            "ACAS Xu 1_9 at a published counterexample: the outputs are within 2e-8 of the exact ones",
        );
    Ok(Bug { parameters: Some("acasxu_1_9.safetensors"), ..bug })
}
