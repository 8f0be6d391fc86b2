//! The eager tape: what it records, what it refuses, checkpoints, anomalies, and graphs as deep as memory allows.

use tl::tape::{Id, Keep, Role, Run, Tape, tensor};
use tl_kernel::ir::Tensor;
use tl_kernel::number::Exact;
use tl_kernel::spec::Op;
use tl_kernel::spec::masked_softmax::{FullyBlocked, MaskedSoftmax};
use tl_kernel::spec::scale::Scale;
use tl_kernel::spec::softmax::Softmax;

fn ramp(dimensions: &[usize]) -> Tensor<f32> {
    let count = dimensions.iter().product::<usize>();
    tensor(dimensions, &(0..count).map(|i| 0.25 + i as f32 * 0.375).collect::<Vec<_>>())
}

fn bits(tensor: &Tensor<f32>) -> Vec<u32> {
    tensor.data().iter().map(|x| x.to_bits()).collect()
}

#[test]
fn a_node_says_what_was_applied_to_what() {
    let run = Run::default();
    let mut tape = Tape::new(&run);
    let x = tape.input("x", tensor(&[1, 2], &[3.0, 1.0])).unwrap();
    let w = tape.parameter("w", tensor(&[3, 2], &[1.0, -1.0, 2.0, 0.25, 0.5, 3.0])).unwrap();
    let b = tape.parameter("b", tensor(&[3], &[0.5, -8.0, 0.0])).unwrap();
    let s = tape.linear(x, w, Some(b)).unwrap();
    let y = tape.relu(s).unwrap();
    tape.rename(y, "y").unwrap();
    let node = tape.node(y).unwrap();
    assert_eq!(
        (node.name(), node.op().name(), node.parents(), node.role()),
        (Some("y"), "relu", &[s][..], Role::Result)
    );
    assert_eq!(tape.value(y).unwrap().data(), [2.5, 0.0, 4.5]);
    let gradients = tape.backward(y, Some(tensor(&[1, 3], &[1.0, 1.0, 2.0]))).unwrap();
    assert_eq!(gradients.of(x).unwrap().data(), [1.0 + 1.0, -1.0 + 6.0]);
    assert_eq!(gradients.of(w).unwrap().data(), [3.0, 1.0, 0.0, 0.0, 6.0, 2.0]);
    assert_eq!(gradients.of(b).unwrap().data(), [1.0, 0.0, 2.0]);
    let order: Vec<usize> = gradients.steps().iter().map(|step| step.node.0).collect();
    assert_eq!(order, [4, 3, 2, 1, 0], "from the last to the first");
    assert_eq!(gradients.steps()[1].contributions.iter().map(|(to, _)| to.0).collect::<Vec<_>>(), [0, 1, 2]);
}

#[test]
fn a_value_that_is_used_twice_is_told_who_contributed_what() {
    let run = Run::default();
    let mut tape = Tape::new(&run);
    let x = tape.input("x", tensor(&[], &[3.0])).unwrap();
    let square = tape.mul(x, x).unwrap();
    let y = tape.add(square, x).unwrap();
    let gradients = tape.backward(y, None).unwrap();
    assert_eq!(gradients.of(x).unwrap().data(), [7.0]);
    let sent: Vec<(usize, f32)> = gradients.contributions(x).map(|(from, g)| (from.0, g.data()[0])).collect();
    assert_eq!(sent, [(2, 1.0), (1, 3.0), (1, 3.0)]);
    let lean = tape.pullback(&[(y, tensor(&[], &[1.0]))], &[x, square], Keep::Wanted).unwrap();
    assert!(lean.steps().is_empty());
    assert_eq!(lean.of(square).unwrap().data(), [1.0]);
}

#[test]
fn nothing_flows_back_through_what_is_detached() {
    let run = Run::default();
    let mut tape = Tape::new(&run);
    let x = tape.input("x", tensor(&[2], &[3.0, -5.0])).unwrap();
    let y = tape.tanh(x).unwrap();
    let still = tape.detach(y).unwrap();
    let product = tape.mul(x, still).unwrap();
    let loss = tape.sum(product, &[0]).unwrap();
    assert_eq!(tape.node(still).unwrap().role(), Role::Constant);
    let gradients = tape.backward(loss, None).unwrap();
    assert_eq!(bits(gradients.of(x).unwrap()), bits(tape.value(y).unwrap()));
    assert!(gradients.of(still).is_none(), "nothing is asked of a constant");
}

#[test]
fn a_source_that_leads_nowhere_has_the_gradient_zero() {
    let run = Run::default();
    let mut tape = Tape::new(&run);
    let (x, z) = (tape.input("x", ramp(&[2])).unwrap(), tape.input("z", ramp(&[3])).unwrap());
    let loss = tape.sum(x, &[0]).unwrap();
    assert_eq!(tape.backward(loss, None).unwrap().of(z).unwrap().data(), [0.0; 3]);
}

/// A chain of blocks x ← x + tanh(linear(x)), each in a checkpoint or not, nested two deep where asked for.
fn blocks<'a>(run: &'a Run, checkpoints: bool) -> (Tape<'a>, Id) {
    let mut tape = Tape::new(run);
    let mut x = tape.input("x", ramp(&[2, 8])).unwrap();
    for block in 0..6 {
        let w = tape.parameter(&format!("w{block}"), ramp(&[8, 8]).map(|w| (w - 12.0) * 0.0625)).unwrap();
        let body = move |tape: &mut Tape| {
            let y = tape.linear(x, w, None)?;
            let y = tape.tanh(y)?;
            let y = tape.add(x, y)?;
            tape.scale(y, "1/2")
        };
        let nested = move |tape: &mut Tape| {
            let y = tape.checkpoint(body)?;
            tape.sigmoid(y)
        };
        x = match (checkpoints, block % 2) {
            (false, 0) => body(&mut tape),
            (true, 0) => tape.checkpoint(body),
            (false, _) => body(&mut tape).and_then(|y| tape.sigmoid(y)),
            (true, _) => tape.checkpoint(nested),
        }
        .unwrap();
    }
    let loss = tape.mean(x, &[0, 1]).unwrap();
    (tape, loss)
}

#[test]
fn a_checkpoint_stores_less_and_changes_no_bit() {
    let run = Run::default();
    let ((plain, loss), (checked, same)) = (blocks(&run, false), blocks(&run, true));
    assert_eq!(loss, same);
    assert_eq!(bits(plain.value(loss).unwrap()), bits(checked.value(loss).unwrap()));
    let (left, right) = (plain.backward(loss, None).unwrap(), checked.backward(loss, None).unwrap());
    assert_eq!(left.iter().count(), 7);
    for ((id, a), (other, b)) in left.iter().zip(right.iter()) {
        assert_eq!((id, bits(a)), (other, bits(b)));
    }
    // Of six blocks with 3 or 4 values of 64 bytes inside, which are not kept.
    assert_eq!(plain.stored_bytes() - checked.stored_bytes(), (3 * 3 + 3 * 4) * 64);
    let recorded = [plain.graph(&[("loss", loss)]).unwrap(), checked.graph(&[("loss", loss)]).unwrap()];
    assert_eq!(recorded[0].model.graph, recorded[1].model.graph);
}

#[test]
fn what_failed_inside_a_checkpoint_leaves_no_trace() {
    let run = Run::default();
    let mut tape = Tape::new(&run);
    let x = tape.input("x", ramp(&[2])).unwrap();
    let failed = tape.checkpoint(|tape| {
        let w = tape.parameter("w", ramp(&[3]))?;
        tape.add(x, w)
    });
    assert_eq!(failed.unwrap_err().code, "TL0531");
    assert_eq!(tape.nodes().len(), 1);
    assert!(tape.parameter("w", ramp(&[3])).is_ok(), "the name is free");
}

/// A thousand times a thousand nodes, one after the other.
#[test]
fn a_million_nodes_run_both_ways() {
    let run = Run::default();
    let mut tape = Tape::new(&run);
    let x = tape.input("x", tensor(&[], &[0.5])).unwrap();
    let mut y = x;
    let scale = Op::Scale(Scale { factor: Exact::integer(-1) });
    for _ in 0..1_000_000 {
        y = tape.apply(scale.clone(), &[y], None).unwrap();
    }
    assert_eq!(tape.value(y).unwrap().data(), [0.5]);
    let gradients = tape.pullback(&[(y, tensor(&[], &[3.0]))], &[x], Keep::Wanted).unwrap();
    assert_eq!(gradients.of(x).unwrap().data(), [3.0]);
    let recorded = tape.graph(&[("y", y)]).unwrap();
    assert_eq!(recorded.model.graph.nodes().len(), 1_000_001);
    let inputs = [("x".to_string(), tensor(&[], &[0.5]))].into();
    let again = Tape::replay(&run, &recorded.model.graph, &recorded.model.parameters, &inputs).unwrap();
    assert_eq!(again.nodes().len(), tape.nodes().len());
}

#[test]
fn an_anomaly_is_named_where_it_begins() {
    let mut run = Run::default();
    run.detect_anomaly = true;
    let attempt = |run: &Run, x: f32| {
        let mut tape = Tape::new(run);
        let x = tape.input("x", tensor(&[2], &[1.0, x]))?;
        let root = tape.sqrt(x)?;
        tape.rename(root, "root")?;
        let loss = tape.sum(root, &[0])?;
        tape.backward(loss, None).map(|gradients| gradients.of(x).unwrap().data().to_vec())
    };
    for (x, message) in [
        (f32::NAN, r#"the value of input "x" is NaN at index [1]"#),
        (-1.0, "the value of node 1 (sqrt) is NaN at index [1]"),
        (0.0, r#"what node 1 (sqrt) "root" contributes to the cotangent of node 0 (input) "x" is inf at index [1]"#),
    ] {
        let error = attempt(&run, x).unwrap_err();
        assert_eq!((error.code, error.message.as_str()), ("TL0533", message));
    }
    assert_eq!(attempt(&run, 4.0).unwrap(), [0.5, 0.25]);
    run.detect_anomaly = false;
    assert_eq!(attempt(&run, 0.0).unwrap(), [0.5, f32::INFINITY]);
}

/// A tape with x [2, 3], w [4, 5], scalar s, labels, and a result inside a checkpoint.
fn refused(build: impl FnOnce(&mut Tape) -> Result<(), tl::Error>) -> (String, String) {
    let run = Run::default();
    let mut tape = Tape::new(&run);
    let x = tape.input("x", ramp(&[2, 3])).unwrap();
    tape.parameter("w", ramp(&[4, 5])).unwrap();
    tape.constant("mask", tensor(&[2, 3], &[1.0; 6])).unwrap();
    tape.checkpoint(|tape| {
        let y = tape.neg(x)?;
        tape.neg(y)
    })
    .unwrap();
    let error = build(&mut tape).unwrap_err();
    (error.code.to_string(), format!("{}: {}", error.place, error.message))
}

const X: Id = Id(0);
const W: Id = Id(1);
const MASK: Id = Id(2);
const INSIDE: Id = Id(3);

type Build = fn(&mut Tape) -> Result<(), tl::Error>;

#[test]
fn every_refusal_says_what_does_not_fit() {
    let cases: &[(&str, &str, Build)] = &[
        (
            "TL0531",
            "node 5 (matmul): matmul_c2: x [2, 3] has rows of 3, w [4, 5] columns of 4; the operands have the shapes [2, 3], [4, 5]",
            |tape| tape.matmul(X, W).map(drop),
        ),
        ("TL0531", "node 5 (add): add_c1: ", |tape| tape.add(X, W).map(drop)),
        ("TL0531", "the operands have the shapes [2, 3], [4, 5]", |tape| tape.linear(X, W, None).map(drop)),
        ("TL0531", r#"node 5 (softmax) "p": softmax_c1: "#, |tape| {
            tape.apply(Op::Softmax(Softmax { axis: 2 }), &[X], Some("p")).map(drop)
        }),
        ("TL0531", "takes 2 to 2 operands, has 1", |tape| {
            tape.apply(Op::Add(tl_kernel::spec::add::Add {}), &[X], None).map(drop)
        }),
        ("TL0531", "reshape: dimension 0 is zero", |tape| tape.reshape(X, &[0]).map(drop)),
        ("TL0531", "scale: ", |tape| tape.scale(X, "1e").map(drop)),
        ("TL0534", r#"input "x": node 0 of the tape has this name already"#, |tape| {
            tape.input("x", ramp(&[1])).map(drop)
        }),
        ("TL0534", r#"const "mask": node 2"#, |tape| tape.parameter("mask", ramp(&[1])).map(drop)),
        ("TL0534", "node 9: the tape has 5 nodes", |tape| tape.relu(Id(9)).map(drop)),
        ("TL0534", "node 3 (neg): its value was not kept", |tape| tape.relu(INSIDE).map(drop)),
        ("TL0534", "a source is recorded with its value", |tape| {
            tape.apply(Op::Input(tl_kernel::spec::input::Input { name: "z".into() }), &[], None).map(drop)
        }),
        ("TL0534", "node 0: a source keeps its name", |tape| tape.rename(X, "z")),
        ("TL0532", "its value has the shape [2, 3], not one element", |tape| tape.backward(X, None).map(drop)),
        ("TL0532", "its value has the shape [2, 3], the cotangent [3]", |tape| {
            tape.backward(X, Some(ramp(&[3]))).map(drop)
        }),
        ("TL0532", "it has no derivative by its mask, labels or weights; its operands are node 4, mask", |tape| {
            let op = MaskedSoftmax { axis: 1, fully_blocked: FullyBlocked::Zeros };
            let y = tape.apply(Op::MaskedSoftmax(op), &[Id(4), MASK], None)?;
            tape.pullback(&[(y, ramp(&[2, 3]))], &[MASK], Keep::Wanted).map(drop)
        }),
        ("TL0137", "a graph has at least one output", |tape| tape.graph(&[]).map(drop)),
    ];
    for (code, message, build) in cases {
        let (found, said) = refused(build);
        assert!(found == *code && said.contains(message), "{code} {message}: {found} {said}");
    }
}

#[test]
fn what_ran_eagerly_is_a_graph_of_the_kernel() {
    let run = Run::default();
    let mut tape = Tape::new(&run);
    let x = tape.input("x", ramp(&[2])).unwrap();
    let unused = tape.exp(x).unwrap();
    let w = tape.parameter("w", ramp(&[2])).unwrap();
    let y = tape.mul(x, w).unwrap();
    let recorded = tape.graph(&[("y", y)]).unwrap();
    assert_eq!(recorded.nodes, [Some(0), None, Some(1), Some(2)]);
    assert_eq!(tape.value(unused).unwrap().data().len(), 2);
    assert_eq!(recorded.model.parameters.keys().collect::<Vec<_>>(), ["w"]);
    assert_eq!(recorded.inputs["x"].data(), bits(tape.value(x).unwrap()));
}
