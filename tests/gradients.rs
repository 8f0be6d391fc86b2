//! Derivatives of functions: exact values for polynomials, forward mode against reverse mode, second derivatives, the conventions at kinks, `tl grad`, `tl certify --claim gradient`, and all that is
//! refused.

mod folder;
mod graphs;

use folder::Folder;
use graphs::{case, numbers};
use tl::files::{Staged, tensors};
use tl::tape::{Id, Recorded, Run, Tape, tensor};
use tl::transform::{Function, clip_by_norm, clip_by_value, named};
use tl_kernel::cert::json::{Cursor, parse};
use tl_kernel::ir::Tensor;
use tl_kernel::ir::evaluate::Named;
use tl_kernel::spec::Op;

/// `f(x, y) = Σ x²·y + y`, x and y of two elements.
fn cubic(run: &Run) -> Recorded {
    let mut tape = Tape::new(run);
    let x = tape.input("x", tensor(&[2], &[3.0, -1.0])).unwrap();
    let y = tape.parameter("y", tensor(&[2], &[0.5, 2.0])).unwrap();
    let square = tape.mul(x, x).unwrap();
    let product = tape.mul(square, y).unwrap();
    let sums = tape.add(product, y).unwrap();
    let f = tape.sum(sums, &[0]).unwrap();
    tape.graph(&[("f", f), ("square", square)]).unwrap()
}

fn at() -> Named<f32> {
    named([("x", tensor(&[2], &[3.0, -1.0]))])
}

#[test]
fn a_polynomial_has_exact_derivatives_of_both_orders() {
    let run = Run::default();
    let recorded = cubic(&run);
    let f = Function::of(&run, &recorded.model);
    assert_eq!(f.value(&at()).unwrap()["f"].data(), [9.0 * 0.5 + 0.5 + 1.0 * 2.0 + 2.0]);
    let (value, gradient) = f.value_and_grad(&at(), "f", &["x", "y"]).unwrap();
    assert_eq!(value, 9.0);
    assert_eq!(gradient["x"].data(), [3.0, -4.0]);
    assert_eq!(gradient["y"].data(), [10.0, 2.0]);
    assert_eq!(f.grad(&at(), "f", &["x"]).unwrap()["x"].data(), [3.0, -4.0]);
    let (_, along) =
        f.jvp(&at(), &named([("x", tensor(&[2], &[1.0, 2.0])), ("y", tensor(&[2], &[0.0, -1.0]))])).unwrap();
    assert_eq!(along["f"].data(), [3.0 - 8.0 - 2.0]);
    assert_eq!(along["square"].data(), [6.0, -4.0]);
    let (values, back) = f.vjp(&at(), &["x"], &named([("square", tensor(&[2], &[1.0, -1.0]))])).unwrap();
    assert_eq!((values["square"].data(), back["x"].data()), (&[9.0, 1.0][..], &[6.0, 2.0][..]));
    let both = ["x", "y"];
    for jacobians in [f.jacrev(&at(), "square", &both).unwrap(), f.jacfwd(&at(), "square", &both).unwrap()] {
        assert_eq!(jacobians["x"], tensor(&[2, 2], &[6.0, 0.0, 0.0, -2.0]));
        assert_eq!(jacobians["y"], tensor(&[2, 2], &[0.0; 4]));
    }
    let hessian = f.hessian(&at(), "f", &both).unwrap();
    let block = |a: &str, b: &str| hessian[&(a.to_string(), b.to_string())].data().to_vec();
    assert_eq!(block("x", "x"), [1.0, 0.0, 0.0, 4.0]);
    assert_eq!(block("x", "y"), [6.0, 0.0, 0.0, -2.0]);
    assert_eq!(block("y", "x"), [6.0, 0.0, 0.0, -2.0]);
    assert_eq!(block("y", "y"), [0.0; 4]);
    let v = named([("x", tensor(&[2], &[2.0, -3.0])), ("y", tensor(&[2], &[1.0, 4.0]))]);
    let product = f.hvp(&at(), "f", &v).unwrap();
    assert_eq!(product["x"].data(), [2.0 + 6.0, -12.0 - 8.0], "the Hessian times v");
    assert_eq!(product["y"].data(), [12.0, 6.0]);
}

/// The largest magnitude.
fn norm(tensor: &Tensor<f32>) -> f32 {
    tensor.data().iter().fold(0.0, |most, x| most.max(x.abs()))
}

/// Both modes compute the same derivative with some hundred roundings each; 2⁻¹² of the largest entry is 4,000 units of roundoff.
fn near(a: &Tensor<f32>, b: &Tensor<f32>) -> bool {
    let allowed = norm(a).max(norm(b)).max(1.0) / 4096.0;
    a.shape() == b.shape() && a.data().iter().zip(b.data()).all(|(a, b)| (a - b).abs() <= allowed)
}

#[test]
fn forward_and_reverse_mode_agree_on_random_graphs() {
    let (run, mut compared) = (Run::default(), 0);
    for seed in 0..120 {
        let case = case(seed);
        let f = Function::new(&run, &case.graph, &case.parameters);
        let (names, inputs) = (f.differentiable().0, numbers(&case.inputs));
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        for of in case.graph.outputs().keys() {
            let (reverse, forward) = (f.jacrev(&inputs, of, &names), f.jacfwd(&inputs, of, &names));
            let too_wide = |error: &tl::Error| error.message.contains("dimensions, at most");
            let (reverse, forward) = match (reverse, forward) {
                (Ok(reverse), Ok(forward)) => (reverse, forward),
                (Err(error), Err(_)) if too_wide(&error) => continue,
                (reverse, forward) => panic!("seed {seed}, {of}: {reverse:?} {forward:?}"),
            };
            for (name, a) in &reverse {
                let b = &forward[name];
                if a.data().iter().chain(b.data()).all(|x| x.is_finite()) {
                    compared += 1;
                    assert!(near(a, b), "seed {seed}, {of} by {name}:\n{a:?}\n{b:?}\n{:?}", case.graph.graph());
                }
            }
        }
    }
    assert!(compared > 300, "{compared} Jacobians");
}

/// A small classifier with a smooth activation: x [3, 4], two layers, cross-entropy with labels 2, 0, 1.
fn classifier(run: &Run, activation: fn(&mut Tape, Id) -> Result<Id, tl::Error>) -> Recorded {
    let mut tape = Tape::new(run);
    let values = |n: usize, seed: f32| (0..n).map(|i| ((i as f32 + seed) * 1.7).sin()).collect::<Vec<_>>();
    let x = tape.input("x", tensor(&[3, 4], &values(12, 0.5))).unwrap();
    let w1 = tape.parameter("w1", tensor(&[3, 4], &values(12, 3.0))).unwrap();
    let b1 = tape.parameter("b1", tensor(&[3], &values(3, 1.0))).unwrap();
    let w2 = tape.parameter("w2", tensor(&[3, 3], &values(9, 2.0))).unwrap();
    let labels = tape.input("labels", tensor(&[3], &[2.0, 0.0, 1.0])).unwrap();
    let h = tape.linear(x, w1, Some(b1)).unwrap();
    let h = activation(&mut tape, h).unwrap();
    let logits = tape.linear(h, w2, None).unwrap();
    let text = r#"{"op":"cross_entropy","attributes":{"predictions":"logits","targets":"labels","label_smoothing":"0","ignore_index":[],"reduction":"mean"}}"#;
    let op = Op::decode(&mut Cursor::root(parse(text.as_bytes()).unwrap()).object().unwrap()).unwrap();
    let loss = tape.apply(op, &[logits, labels], Some("loss")).unwrap();
    tape.graph(&[("loss", loss), ("logits", logits)]).unwrap()
}

#[test]
fn a_hessian_is_symmetric_and_what_central_differences_of_the_gradient_suggest() {
    let run = Run::default();
    let recorded = classifier(&run, |tape, x| tape.tanh(x));
    let f = Function::of(&run, &recorded.model);
    let inputs = numbers(&recorded.inputs);
    let names = ["x", "w1", "b1", "w2"];
    let hessian = f.hessian(&inputs, "loss", &names).unwrap();
    let entry = |a: &str, b: &str, i: usize, j: usize| {
        let block = &hessian[&(a.to_string(), b.to_string())];
        block.data()[i * (block.data().len() / count(&recorded, a)) + j]
    };
    for a in names {
        for b in names {
            for i in 0..count(&recorded, a) {
                for j in 0..count(&recorded, b) {
                    let (one, other) = (entry(a, b, i, j), entry(b, a, j, i));
                    assert!((one - other).abs() <= 1e-5, "{a}[{i}] {b}[{j}]: {one} {other}");
                }
            }
        }
    }
    // By x: a step of 2⁻⁷ leaves about 2⁻¹⁴ of curvature and 2⁻²⁴/2⁻⁷ of rounding.
    for j in 0..12 {
        let moved = |by: f32| {
            let mut inputs = inputs.clone();
            let mut position = 0..;
            let x = inputs["x"].map(|x| x + if position.next() == Some(j) { by } else { 0.0 });
            inputs.insert("x".into(), x);
            f.grad(&inputs, "loss", &["x"]).unwrap()["x"].clone()
        };
        let step = 1.0 / 128.0;
        let (up, down) = (moved(step), moved(-step));
        for i in 0..12 {
            let slope = (up.data()[i] - down.data()[i]) / (2.0 * step);
            assert!((slope - entry("x", "x", i, j)).abs() <= 1e-3, "{i} {j}: {slope} {}", entry("x", "x", i, j));
        }
    }
    // The product with a vector is the Hessian times it.
    let v = named([("x", tensor(&[3, 4], &(0..12).map(|i| 0.5 - i as f32 / 8.0).collect::<Vec<_>>()))]);
    let product = f.hvp(&inputs, "loss", &v).unwrap();
    for i in 0..12 {
        let sum: f32 = (0..12).map(|j| entry("x", "x", i, j) * v["x"].data()[j]).sum();
        assert!((product["x"].data()[i] - sum).abs() <= 1e-5, "{i}: {} {sum}", product["x"].data()[i]);
    }
}

fn count(recorded: &Recorded, name: &str) -> usize {
    recorded.inputs.get(name).or_else(|| recorded.model.parameters.get(name)).map_or(0, |tensor| tensor.data().len())
}

/// Keyword, attributes, operands, and what the cotangent 1 of every element becomes: docs/gradients.md, "Kinks".
type Kink = (&'static str, &'static str, &'static [&'static [f32]], &'static [&'static [f32]]);

const KINKS: &[Kink] = &[
    ("relu", "{}", &[&[-1.0, 0.0, 1.0]], &[&[0.0, 0.0, 1.0]]),
    ("leaky_relu", r#"{"slope":"1/4"}"#, &[&[-1.0, 0.0, 1.0]], &[&[0.25, 0.25, 1.0]]),
    ("elu", r#"{"alpha":"1/2"}"#, &[&[0.0, 1.0]], &[&[0.5, 1.0]]),
    ("abs", "{}", &[&[-1.0, 0.0, 1.0]], &[&[-1.0, 0.0, 1.0]]),
    ("clamp", r#"{"lo":["-1"],"hi":["1"]}"#, &[&[-2.0, -1.0, 0.0, 1.0, 2.0]], &[&[0.0, 1.0, 1.0, 1.0, 0.0]]),
    (
        "hard_sigmoid",
        r#"{"alpha":"1/4","beta":"1/2"}"#,
        &[&[-3.0, -2.0, 0.0, 2.0, 3.0]],
        &[&[0.0, 0.25, 0.25, 0.25, 0.0]],
    ),
    ("hard_swish", "{}", &[&[-4.0, -3.0, 3.0, 4.0]], &[&[0.0, -0.5, 1.5, 1.0]]),
    ("max", "{}", &[&[1.0, 2.0, 3.0], &[2.0, 2.0, 2.0]], &[&[0.0, 1.0, 1.0], &[1.0, 0.0, 0.0]]),
    ("min", "{}", &[&[1.0, 2.0, 3.0], &[2.0, 2.0, 2.0]], &[&[1.0, 1.0, 0.0], &[0.0, 0.0, 1.0]]),
    ("reduce_max", r#"{"axes":[0],"keepdims":false}"#, &[&[1.0, 2.0, 2.0, 0.0]], &[&[0.0, 1.0, 0.0, 0.0]]),
    ("reduce_min", r#"{"axes":[0],"keepdims":false}"#, &[&[1.0, 2.0, 1.0, 3.0]], &[&[1.0, 0.0, 0.0, 0.0]]),
    ("mae", r#"{"reduction":"none"}"#, &[&[1.0, 2.0, 3.0], &[2.0, 2.0, 2.0]], &[&[-1.0, 0.0, 1.0], &[1.0, 0.0, -1.0]]),
    (
        "hinge",
        r#"{"margin":"1","reduction":"none"}"#,
        &[&[0.5, 1.0, 2.0], &[1.0, 1.0, 1.0]],
        &[&[-1.0, 0.0, 0.0], &[-0.5, 0.0, 0.0]],
    ),
];

#[test]
fn kinks_have_the_stated_slopes_in_both_modes() {
    let run = Run::default();
    for (keyword, attributes, operands, expected) in KINKS {
        let text = format!(r#"{{"op":"{keyword}","attributes":{attributes}}}"#);
        let op = Op::decode(&mut Cursor::root(parse(text.as_bytes()).unwrap()).object().unwrap()).unwrap();
        let mut tape = Tape::new(&run);
        let of = |(i, values): (usize, &&[f32])| tape.input(&format!("x{i}"), tensor(&[values.len()], values)).unwrap();
        let ids: Vec<Id> = operands.iter().enumerate().map(of).collect();
        let y = tape.apply(op, &ids, None).unwrap();
        let ones = tape.value(y).unwrap().map(|_| 1.0);
        let gradients = tape.backward(y, Some(ones.clone())).unwrap();
        for (id, expected) in ids.iter().zip(*expected) {
            assert_eq!(gradients.of(*id).unwrap().data(), *expected, "{keyword}, operand {id}");
        }
        // Forward: the derivative along one operand, summed, is the gradient summed.
        if matches!(*keyword, "mae" | "hinge") {
            continue; // their values are no single operation on a tie: docs/gradients.md
        }
        let recorded = tape.graph(&[("y", y)]).unwrap();
        let f = Function::of(&run, &recorded.model);
        for (i, (values, expected)) in operands.iter().zip(*expected).enumerate() {
            let one = Named::from([(format!("x{i}"), tensor(&[values.len()], &vec![1.0; values.len()]))]);
            let (_, along) = f.jvp(&numbers(&recorded.inputs), &one).unwrap();
            let (forward, reverse): (f32, f32) = (along["y"].data().iter().sum(), expected.iter().sum());
            assert_eq!(forward, reverse, "{keyword} along operand {i}");
        }
    }
}

#[test]
fn a_tie_that_cancels_does_not_bend_a_smooth_function() {
    let run = Run::default();
    for (apply, slope) in [
        ((|tape, x| tape.softmax(x, 0)) as fn(&mut Tape, Id) -> Result<Id, tl::Error>, 0.25f32),
        (|tape, x| tape.log_softmax(x, 0), 0.5),
        (|tape, x| tape.apply(softplus(), &[x], None), 0.5),
    ] {
        let mut tape = Tape::new(&run);
        let x = tape.input("x", tensor(&[2], &[0.0, 0.0])).unwrap();
        let y = apply(&mut tape, x).unwrap();
        let recorded = tape.graph(&[("y", y)]).unwrap();
        let f = Function::of(&run, &recorded.model);
        let inputs = numbers(&recorded.inputs);
        let (reverse, forward) = (f.jacrev(&inputs, "y", &["x"]).unwrap(), f.jacfwd(&inputs, "y", &["x"]).unwrap());
        assert_eq!(reverse["x"].data()[0], slope);
        assert!(near(&reverse["x"], &forward["x"]), "{reverse:?} {forward:?}");
    }
}

fn softplus() -> Op {
    let text = r#"{"op":"softplus","attributes":{"beta":"1"}}"#;
    Op::decode(&mut Cursor::root(parse(text.as_bytes()).unwrap()).object().unwrap()).unwrap()
}

#[test]
fn gradients_are_clipped_by_value_and_by_norm() {
    let gradients = || named([("a", tensor(&[2], &[3.0, -0.5])), ("b", tensor(&[1], &[-4.0]))]);
    let mut by_value = gradients();
    clip_by_value(&mut by_value, 1.0);
    assert_eq!((by_value["a"].data(), by_value["b"].data()), (&[1.0, -0.5][..], &[-1.0][..]));
    let mut by_norm = named([("a", tensor(&[1], &[3.0])), ("b", tensor(&[1], &[-4.0]))]);
    assert_eq!(clip_by_norm(&mut by_norm, 1.0), 5.0);
    assert_eq!((by_norm["a"].data(), by_norm["b"].data()), (&[0.6][..], &[-0.8][..]));
    let mut small = gradients();
    assert!(clip_by_norm(&mut small, 8.0) < 8.0);
    assert_eq!(small, gradients());
    let mut infinite = named([("a", tensor(&[2], &[f32::INFINITY, 1.0]))]);
    assert_eq!(clip_by_norm(&mut infinite, 1.0), f64::INFINITY);
    assert_eq!(infinite["a"].data(), [f32::INFINITY, 1.0]);
    let mut huge = named([("a", tensor(&[2], &[3e38, 0.0]))]);
    clip_by_norm(&mut huge, 1.0);
    assert_eq!(huge["a"].data(), [1.0, 0.0], "the norm does not overflow");
}

#[test]
fn a_function_refuses_what_has_no_derivative() {
    let run = Run::default();
    let recorded = classifier(&run, |tape, x| tape.relu(x));
    let f = Function::of(&run, &recorded.model);
    let (free, blocked) = f.differentiable();
    assert_eq!((free, blocked), (["x", "w1", "b1", "w2"].map(String::from).to_vec(), vec!["labels".to_string()]));
    let inputs = numbers(&recorded.inputs);
    let none = Named::new();
    let short = named([("x", tensor(&[2], &[0.0; 2]))]);
    let refused = [
        (f.grad(&inputs, "logits", &["x"]).map(drop), "TL0532", "not one element: a cotangent of that shape is needed"),
        (
            f.grad(&inputs, "nothing", &["x"]).map(drop),
            "TL0532",
            "the graph has no output of this name, but logits, loss",
        ),
        (f.grad(&inputs, "loss", &["nothing"]).map(drop), "TL0532", "no input or parameter of this name"),
        (
            f.grad(&inputs, "loss", &["labels"]).map(drop),
            "TL0532",
            "it has no derivative by its mask, labels or weights",
        ),
        (f.grad(&inputs, "loss", &["inputs/w1"]).map(drop), "TL0532", "no input or parameter of this name"),
        (f.vjp(&inputs, &["x"], &short).map(drop), "TL0532", "the graph has no output of this name"),
        (
            f.vjp(&inputs, &["x"], &named([("logits", tensor(&[3], &[1.0; 3]))])).map(drop),
            "TL0532",
            "the cotangent [3]",
        ),
        (f.jvp(&inputs, &short).map(drop), "TL0532", "it has the shape [3, 4], its tangent [2]"),
        (f.hvp(&inputs, "logits", &inputs).map(drop), "TL0532", "not one element"),
        (f.hessian(&inputs, "loss", &["labels"]).map(drop), "TL0532", "it has no derivative by its mask"),
        (f.value(&none).map(drop), "TL0503", "nothing is given for the shape"),
        (
            f.value(&named([("x", tensor(&[1], &[0.0])), ("labels", tensor(&[3], &[0.0; 3]))])).map(drop),
            "TL0505",
            "[1]",
        ),
        (f.value(&named([("z", tensor(&[1], &[0.0]))])).map(drop), "TL0532", "no input of this name"),
    ];
    for (i, (result, code, message)) in refused.into_iter().enumerate() {
        let error = result.unwrap_err();
        assert!(error.code == code && error.message.contains(message), "{i}: {error}");
    }
}

/// The classifier in a folder, with its inputs in one file and a cotangent of the logits.
fn written() -> Folder {
    let (folder, run) = (Folder::new(), Run::default());
    let recorded = classifier(&run, |tape, x| tape.relu(x));
    let mut staged = Staged::default();
    recorded.model.save(&folder.path("net.json"), &mut staged).unwrap();
    staged.commit().unwrap();
    folder.write("in.npz", tensors(&folder.path("in.npz"), &recorded.inputs).unwrap());
    let ones = [("u".to_string(), tensor(&[3, 3], &[0.5; 9]).map(|x| x.to_bits()))].into();
    folder.write("u.npy", tensors(&folder.path("u.npy"), &ones).unwrap());
    folder
}

#[test]
fn gradients_are_written_and_certified() {
    let folder = written();
    let ran = folder.tl("grad @net.json --input @in.npz --of loss -o @g.npz");
    assert_eq!(ran.exit, 0, "{ran:?}");
    assert!(ran.out.contains("w1 [3, 4]\n") && ran.out.contains("written     @g.npz"), "{}", ran.out);
    assert_eq!(ran.err, "note: not by labels: labels, masks or weights of classes\n");
    let own = folder.tl("certify @net.json --input @in.npz --claim gradient --of loss -o @own.json");
    assert!(
        own.exit == 0
            && own.out.starts_with("ACCEPTED @own.json: for each of 1 listed inputs x, every element g of the 4"),
        "{own:?}"
    );
    let recorded = "certify @net.json --input @in.npz --claim gradient --of loss --gradient @g.npz";
    for (options, exit) in [("--abs 1e-6", 0), ("--abs 1e-12", 1), ("--ulps 64 --abs 1e-9", 0)] {
        let ran = folder.tl(&format!("{recorded} {options} -o @c.json"));
        assert_eq!(ran.exit, exit, "{options}: {ran:?}");
        assert_eq!(ran.err.contains("error[TL0271]"), exit == 1, "{}", ran.err);
    }
    // One gradient of several, an output of many elements, and a file beside the certificate.
    let part = "certify @net.json --input @in.npz --claim gradient --of logits --cotangent @u.npy --wrt x --wrt w2";
    let ran = folder.tl(&format!("{part} --inline-limit 8 -o @part.json"));
    assert!(ran.exit == 0 && folder.names().contains("part.safetensors"), "{ran:?}");
    assert!(folder.read("part.json").contains("cotangents"));
    let ran = folder.tl("grad @net.json --input @in.npz --of logits --cotangent @u.npy --wrt b1 -o @b.npy");
    assert_eq!(ran.exit, 0, "{ran:?}");
}

#[test]
fn what_cannot_be_differentiated_is_refused_by_name() {
    let folder = written();
    let grad = "grad @net.json --input @in.npz";
    let certify = "certify @net.json --input @in.npz --claim gradient";
    folder.write(
        "short.npy",
        tensors(&folder.path("short.npy"), &[("u".into(), tensor(&[3], &[1.0; 3]).map(|x| x.to_bits()))].into())
            .unwrap(),
    );
    let cases = [
        (grad.to_string(), "TL0532", "the graph has several outputs, say which: logits, loss"),
        (format!("{grad} --of nothing"), "TL0532", "the outputs of the graph are logits, loss"),
        (format!("{grad} --of logits"), "TL0532", "not one element: --cotangent gives a tensor of that shape"),
        (format!("{grad} --of logits --cotangent @short.npy"), "TL0505", "has shape [3, 3], the file has [3]"),
        (format!("{grad} --of logits --cotangent @u.npy --cotangent @u.npy"), "TL0506", "2 of cotangents"),
        (format!("{grad} --of loss --wrt nothing"), "TL0532", "no input or parameter of this name"),
        (format!("{grad} --of loss --wrt labels"), "TL0532", "it has no derivative by its mask, labels or weights"),
        (format!("{grad} --of loss -o @g.npy"), "TL0510", "an npy file holds one tensor"),
        (format!("{certify} -o @c.json"), "TL0532", "say which"),
        (format!("{certify} --of loss --output @u.npy -o @c.json"), "TL0501", "records gradients"),
        (
            format!("{certify} --of loss --gradient w1=@u.npy -o @c.json"),
            "TL0505",
            "the gradient \"w1\" has shape [3, 4]",
        ),
        (format!("{certify} --of loss --gradient z=@u.npy -o @c.json"), "TL0504", "no gradient \"z\""),
        ("certify @net.json --input @in.npz --of loss -o @c.json".into(), "TL0501", "only it has --of"),
    ];
    for (line, code, message) in cases {
        let ran = folder.tl(&line);
        assert!(
            ran.exit == 3 && ran.err.contains(&format!("error[{code}]")) && ran.err.contains(message),
            "{line}: {ran:?}"
        );
        assert!(ran.out.is_empty(), "{line}");
    }
    // 0 · ∞ on the way back.
    let run = Run::default();
    let mut tape = Tape::new(&run);
    let x = tape.input("x", tensor(&[], &[0.0])).unwrap();
    let root = tape.sqrt(x).unwrap();
    let mut staged = Staged::default();
    tape.graph(&[("y", root)]).unwrap().model.save(&folder.path("root.json"), &mut staged).unwrap();
    staged.commit().unwrap();
    folder.write(
        "zero.npy",
        tensors(&folder.path("zero.npy"), &[("x".into(), tensor(&[], &[0.0]).map(|x| x.to_bits()))].into()).unwrap(),
    );
    let ran = folder.tl("grad @root.json --input @zero.npy");
    assert!(ran.exit == 0 && ran.out.contains("7f800000  inf"), "{ran:?}");
    let ran = folder.tl("grad @root.json --input @zero.npy --detect-anomaly");
    assert!(ran.exit == 3 && ran.err.contains("error[TL0533]: what node 1 (sqrt) contributes"), "{ran:?}");
}
