//! `tl diff` and `tl bisect` from outside: recordings that the engine makes in another order of summation, broken ones, bad ones, and one that ONNX Runtime and PyTorch make.

mod folder;
mod onnx;

use folder::Folder;
use onnx::{message, model, node, number, parameter};
use std::collections::BTreeMap;
use std::fs;
use tl::files::tensors;
use tl::generate::reference;
use tl::{Hardware32, Model};
use tl_import::ImportOptions;
use tl_kernel::cert::json::{Json, parse};
use tl_kernel::context::binary32::schedule::{BiasPosition, Order, Schedule};
use tl_kernel::ir::evaluate::Named;
use tl_kernel::ir::{Shape, Tensor};
use tl_kernel::number::Exact;
use tl_kernel::spec::{self, Op};

/// Writes tensors in the format that the name asks for.
fn write_tensors(folder: &Folder, name: &str, named: &Named<u32>) {
    folder.write(name, tensors(&folder.path(name), named).expect("a format"));
}

/// The value of every node on the processor's floats, one operation exchanged.
fn values(
    model: &Model,
    inputs: &Named<u32>,
    order: Order,
    broken: Option<(usize, &Op)>,
) -> BTreeMap<usize, Tensor<u32>> {
    let context = Hardware32::new(Schedule::new(order, true, BiasPosition::First));
    let mut values: BTreeMap<usize, Tensor<f32>> = BTreeMap::new();
    let floats = |words: &Tensor<u32>| words.try_map(|&word| Ok::<f32, ()>(f32::from_bits(word))).unwrap();
    for (id, node) in model.graph.nodes().iter().enumerate() {
        let value = match node.op.source() {
            Some(("const", name)) => floats(&model.parameters[name]),
            Some((_, name)) => floats(&inputs[name]),
            None => {
                let op = broken.filter(|(at, _)| *at == id).map_or(&node.op, |(_, op)| op);
                let parents: Vec<&Tensor<f32>> = node.parents.iter().map(|parent| &values[parent]).collect();
                Tensor::new(node.shape.clone(), op.value(&context, &parents, &node.shape).unwrap()).unwrap()
            }
        };
        values.insert(id, value);
    }
    values.into_iter().map(|(id, value)| (id, value.try_map(|x| Ok::<u32, ()>(x.to_bits())).unwrap())).collect()
}

/// The computed nodes by id, as a trace has them.
fn traced(model: &Model, values: &BTreeMap<usize, Tensor<u32>>) -> Named<u32> {
    let computed = values.iter().filter(|(id, _)| !model.graph.nodes()[**id].op.is_source());
    computed.map(|(id, tensor)| (id.to_string(), tensor.clone())).collect()
}

/// The reference model `attention` with its input and two recordings: `sequential` and `pairwise`, traces and outputs, and the node of its first layer norm.
fn attention() -> (Folder, Model, Named<u32>, usize) {
    let folder = Folder::new();
    let made = reference("attention").expect("it exists");
    assert_eq!(folder.tl("generate attention -o @").exit, 0);
    for (label, order) in [("sequential", Order::Sequential), ("pairwise", Order::Pairwise { leaf: 2 })] {
        let values = values(&made.model, &made.inputs, order, None);
        write_tensors(&folder, &format!("{label}.npz"), &traced(&made.model, &values));
        let outputs = made.model.graph.outputs().iter();
        let outputs: Named<u32> = outputs.map(|(name, id)| (name.clone(), values[id].clone())).collect();
        write_tensors(&folder, &format!("{label}.npy"), &outputs);
    }
    let norm = made.model.graph.nodes().iter().position(|node| matches!(node.op, Op::LayerNorm(_))).unwrap();
    (folder, made.model, made.inputs, norm)
}

const DIFF: &str = "diff @attention.json --input @attention.input.npz";

#[test]
fn another_order_of_summation_is_rounding_and_is_proved_to_be() {
    let (folder, ..) = attention();
    let ran = folder.tl(&format!("{DIFF} --trace @sequential.npz -o @c.json"));
    assert_eq!(ran.exit, 0, "{ran:?}");
    assert!(ran.out.contains("sequential: rounding: every element of "), "{}", ran.out);
    assert!(
        ran.out.contains("ACCEPTED @c.json: ") && ran.out.contains("what rounding to nearest can explain"),
        "{}",
        ran.out
    );
    let ran = folder
        .tl(&format!("{DIFF} --output a:@sequential.npy --output b:@pairwise.npy --trace b:@pairwise.npz -o @d.json"));
    assert!(ran.out.contains("a and b: y differs by at most "), "{}", ran.out);
    assert!(ran.out.contains("is nearer the exact values") && ran.out.contains("b: rounding: "), "{}", ran.out);
    assert!(ran.out.contains("ACCEPTED @d.json: for each of 2 listed inputs, at each of "), "{}", ran.out);
}

#[test]
fn without_a_trace_the_certificate_has_the_smallest_tolerance() {
    let (folder, ..) = attention();
    let ran = folder.tl(&format!("{DIFF} --output @sequential.npy -o @c.json"));
    let tolerance =
        ran.out.lines().find_map(|line| line.strip_prefix("  tolerance   |y - s| <= ")).expect("a tolerance");
    let abs = tolerance.split(',').next().unwrap();
    assert!(ran.out.contains(&format!("ACCEPTED @c.json: for each of 1 listed inputs x, every element y of the recorded outputs satisfies |y - s| <= 1*({abs} + 0")), "{}", ran.out);
    // One unit less in the second digit does not hold.
    let (digits, exponent) = abs.split_once('e').expect("a small number");
    let tenths = (digits.parse::<f64>().unwrap() * 10.0).round() as i64 - 1;
    let less = format!("{}.{}e{exponent}", tenths / 10, tenths % 10);
    let ran = folder.tl(&format!(
        "certify @attention.json --input @attention.input.npz --output @sequential.npy --abs {less} -o @less.json"
    ));
    assert_eq!(ran.exit, 1, "{less}: {ran:?}");
}

#[test]
fn a_broken_operation_is_named_and_explained_and_what_holds_is_proved() {
    let (folder, model, inputs, norm) = attention();
    let Op::LayerNorm(stated) = &model.graph.nodes()[norm].op else { panic!("it is one") };
    let epsilon = Exact::parse("1e-3").unwrap();
    let broken = Op::LayerNorm(spec::layer_norm::LayerNorm { epsilon, ..stated.clone() });
    let values = values(&model, &inputs, Order::Sequential, Some((norm, &broken)));
    write_tensors(&folder, "broken.npz", &traced(&model, &values));
    let ran = folder.tl(&format!("{DIFF} --trace torch:@broken.npz -o @c.json"));
    assert_eq!(ran.exit, 1, "{ran:?}");
    let sentence = format!("torch: not rounding: first node at fault: {norm} (layer_norm), ");
    assert!(ran.out.contains(&sentence) && ran.out.contains("explained by: an epsilon of 1e-3\n"), "{}", ran.out);
    assert!(ran.out.contains("ACCEPTED @c.json") && ran.out.contains("at layer_norm 1*(0.0"), "{}", ran.out);
    let about = fs::read_to_string(folder.path("c.json")).unwrap();
    assert!(about.contains(&format!("first node at fault: {norm} (layer_norm)")), "{about}");
}

#[test]
fn a_bound_that_is_too_wide_is_open() {
    let folder = Folder::new();
    let made = reference("mlp").expect("it exists");
    assert_eq!(folder.tl("generate mlp -o @").exit, 0);
    let values = values(&made.model, &made.inputs, Order::Sequential, None);
    let output = made.model.graph.outputs()["logits"];
    write_tensors(&folder, "y.npy", &[("logits".to_string(), values[&output].clone())].into());
    let ran = folder.tl("diff @mlp.json --input @mlp.input.npz --output @y.npy");
    assert_eq!(ran.exit, 2, "{ran:?}");
    assert!(
        ran.out.contains("y: open: every element is within ") && ran.out.contains("through 3 contractions"),
        "{}",
        ran.out
    );
    assert!(ran.out.contains("(--trace), or let tl bisect do it"), "{}", ran.out);
}

#[test]
fn one_node_can_be_looked_into() {
    let (folder, _, _, norm) = attention();
    let ran = folder.tl(&format!("{DIFF} --trace @sequential.npz --node {norm}"));
    let lines: Vec<&str> = ran.out.lines().collect();
    let heading =
        format!("sequential: node {norm} (layer_norm) [1, 8, 16] beside its operation at the recorded operands");
    let at = lines.iter().position(|line| *line == heading).expect("the heading");
    assert!(lines[at + 1].starts_with("  absolute    max ") && ran.exit == 0, "{}", ran.out);
    let ran = folder.tl(&format!("{DIFF} --trace @sequential.npz --node 9999"));
    assert!(ran.exit == 3 && ran.err.contains("error[TL0501]"), "{ran:?}");
}

#[test]
fn the_answer_is_data_too() {
    let (folder, ..) = attention();
    let ran = folder.tl(&format!("{DIFF} --trace @sequential.npz --format json --svg @h.svg --png @h.png -o @c.json"));
    let json = parse(ran.out.as_bytes()).expect("it is JSON");
    let Json::Object(entries) = &json else { panic!("it is an object") };
    let keys: Vec<&str> = entries.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["model", "runtimes", "certificate"]);
    for part in
        [r#""answer":"rounding""#, r#""histogram":{"0":"#, r#""certificate":"ACCEPTED "#, r#""explanations":[]"#]
    {
        assert!(json.to_string().contains(part), "{part}: {json}");
    }
    assert!(fs::read_to_string(folder.path("h.svg")).unwrap().starts_with("<svg "));
    assert!(fs::read(folder.path("h.png")).unwrap().starts_with(b"\x89PNG"));
}

#[test]
fn what_is_not_finite_is_not_rounding_and_is_not_certified() {
    let (folder, model, inputs, norm) = attention();
    let mut values = values(&model, &inputs, Order::Sequential, None);
    let nan = |tensor: &Tensor<u32>| {
        let mut words = tensor.data().to_vec();
        words[3] = f32::NAN.to_bits();
        Tensor::new(tensor.shape().clone(), words).unwrap()
    };
    let poisoned = nan(&values[&norm]);
    values.insert(norm, poisoned);
    write_tensors(&folder, "nan.npz", &traced(&model, &values));
    let ran = folder.tl(&format!("{DIFF} --trace @nan.npz -o @c.json"));
    assert_eq!(ran.exit, 1, "{ran:?}");
    assert!(ran.out.contains(&format!("first node at fault: {norm} (layer_norm), 1 of ")), "{}", ran.out);
    assert!(ran.out.contains("recorded NaN, exact ") && ran.out.contains("no certificate: node "), "{}", ran.out);
    assert!(!folder.path("c.json").exists());
    let output = model.graph.outputs()["y"];
    write_tensors(&folder, "nan.npy", &[("y".to_string(), nan(&values[&output]))].into());
    let ran = folder.tl(&format!("{DIFF} --output @nan.npy -o @c.json"));
    assert!(ran.exit == 1 && ran.out.contains("1 elements are infinities or NaN"), "{ran:?}");
    assert!(ran.out.contains("no certificate: an output has an infinity or NaN"), "{}", ran.out);
}

#[test]
fn a_recording_that_does_not_fit_is_refused_with_its_code() {
    let (folder, model, inputs, norm) = attention();
    let values = values(&model, &inputs, Order::Sequential, None);
    let good = traced(&model, &values);
    let with = |name: &str, tensor: &Tensor<u32>| {
        let mut trace = good.clone();
        trace.insert(name.to_string(), tensor.clone());
        trace
    };
    let output = model.graph.outputs()["y"];
    let flat = |tensor: &Tensor<u32>| {
        Tensor::new(Shape::new(vec![tensor.data().len()]).unwrap(), tensor.data().to_vec()).unwrap()
    };
    write_tensors(&folder, "unknown.npz", &with("layer1.conv", &values[&norm]));
    write_tensors(&folder, "flat.npz", &with(&norm.to_string(), &flat(&values[&norm])));
    write_tensors(&folder, "empty.npz", &Named::new());
    write_tensors(&folder, "flat.npy", &[("y".to_string(), flat(&values[&output]))].into());
    let mut short = good.clone();
    short.remove(&output.to_string());
    write_tensors(&folder, "short.npz", &short);
    write_tensors(&folder, "far.npz", &with("99999", &values[&norm]));
    let two = "--output a:@sequential.npy --output b:@pairwise.npy";
    let cases = [
        ("--trace @unknown.npz".to_string(), "TL0504"),
        ("--trace @far.npz".into(), "TL0504"),
        ("--trace @flat.npz".into(), "TL0505"),
        ("--trace @empty.npz".into(), "TL0"),
        ("--trace @short.npz".into(), "TL0503"),
        ("--trace @absent.npz".into(), "TL0411"),
        ("--output @flat.npy".into(), "TL0505"),
        ("--output y=@sequential.npy --output z=@sequential.npy".into(), "TL0504"),
        ("--output a:@sequential.npy --output a:@pairwise.npy".into(), "TL0506"),
        ("--output @sequential.npy --output @sequential.npy".into(), "TL0501"),
        ("--output a:@sequential.npy --trace a:@pairwise.npz".into(), "TL0521"),
        (format!("{two} --trace @pairwise.npz"), "TL0501"),
        ("--output @sequential.npy -o @c.cert".into(), "TL0501"),
        ("--output @sequential.npy --input @attention.input.npz".into(), "TL0506"),
        (String::new(), "TL0503"),
    ];
    for (options, code) in cases {
        let line = format!("{DIFF} {options}");
        let ran = folder.tl(line.trim());
        assert_eq!((ran.exit, ran.out.as_str()), (3, ""), "{options}: {ran:?}");
        assert!(ran.err.contains(&format!("error[{code}")), "{options}: {ran:?}");
    }
    assert_eq!(folder.tl(&format!("{DIFF} --trace @flat.npz --reshape")).exit, 0);
    let ran = folder.tl(&format!("{DIFF} --trace @unknown.npz --skip-unknown"));
    assert!(
        ran.exit == 0 && ran.out.contains("left out    1 recorded values that are no nodes: layer1.conv"),
        "{ran:?}"
    );
}

/// An ONNX model in bytes: `h = x Wᵀ + b`, `g = Gelu(h)` (erf), `y = relu(g)`, with x [1, 4], W [3, 4].
fn onnx() -> Vec<u8> {
    let transposed = message(5, [message(1, "transB"), number(3, 1), number(20, 2)].concat());
    let weight: Vec<f32> = (0..12).map(|i| (i as f32 - 5.5) / 7.0).collect();
    let parts = [
        node("Gemm", &["x", "W", "b"], "/fc/h", &transposed),
        node("Gelu", &["/fc/h"], "g", &[]),
        node("Relu", &["g"], "y", &[]),
        parameter("W", &[3, 4], &weight),
        parameter("b", &[3], &[0.5, -0.25, 0.125]),
    ];
    model(&parts, &[1, 4], &[1, 3], 9, 20)
}

/// The ONNX model and its input.
fn small() -> (Folder, Model, Named<u32>) {
    let folder = Folder::new();
    fs::write(folder.path("small.onnx"), onnx()).unwrap();
    let words = [0.3f32, -1.7, 2.9, 0.01].map(f32::to_bits).to_vec();
    let inputs: Named<u32> = [("x".to_string(), Tensor::new(Shape::new(vec![1, 4]).unwrap(), words).unwrap())].into();
    write_tensors(&folder, "x.npy", &inputs);
    let model = Model::load(&folder.path("small.onnx"), &ImportOptions::default()).expect("it is a model");
    (folder, model, inputs)
}

#[test]
fn a_trace_may_have_the_names_of_the_onnx_file() {
    let (folder, model, inputs) = small();
    let gelu = model.values["g"];
    let tanh = Op::Gelu(spec::gelu::Gelu { form: spec::gelu::Form::Tanh });
    let values = values(&model, &inputs, Order::Sequential, Some((gelu, &tanh)));
    let named = ["x", "W", "/fc/h", "g", "y"].map(|name| (name.to_string(), values[&model.values[name]].clone()));
    write_tensors(&folder, "torch.npz", &named.into());
    let ran = folder.tl("diff @small.onnx --input @x.npy --trace @torch.npz -o @c.json");
    assert_eq!(ran.exit, 1, "{ran:?}");
    let sentence = format!("torch: not rounding: first node at fault: {gelu} (gelu \"g\"), ");
    assert!(ran.out.contains(&sentence) && ran.out.contains("explained by: the tanh form of GELU"), "{}", ran.out);
    assert!(ran.out.contains("ACCEPTED @c.json"), "{}", ran.out);
    // Without the value between, the part from /fc/h to y is at fault as a whole.
    let few = ["/fc/h", "y"].map(|name| (name.to_string(), values[&model.values[name]].clone()));
    write_tensors(&folder, "few.npz", &few.into());
    let ran = folder.tl("diff @small.onnx --input @x.npy --trace @few.npz");
    assert!(ran.out.contains("(relu \"y\")") && ran.out.contains("explained by: the tanh form of GELU"), "{}", ran.out);
}

#[test]
fn a_recorder_that_cannot_run_is_an_error_that_says_what_it_needs() {
    let (folder, ..) = small();
    let ran = folder.tl("bisect @small.onnx --input @x.npy --python @no/python");
    assert!(ran.exit == 3 && ran.err.contains("error[TL0522]") && ran.err.contains("requirements.txt"), "{ran:?}");
    assert!(ran.err.contains("onnxruntime=="), "{ran:?}");
    assert_eq!(folder.tl("import @small.onnx -o @small.json").exit, 0);
    let ran = folder.tl("bisect @small.json --input @x.npy");
    assert!(ran.exit == 3 && ran.err.contains("error[TL0522]") && ran.err.contains("ONNX"), "{ran:?}");
    let ran = folder.tl("bisect @small.onnx --input @x.npy --runtime tensorflow");
    assert!(ran.exit == 3 && ran.err.contains("onnxruntime[:none|basic|extended|all] and torch"), "{ran:?}");
}

#[test]
fn onnx_runtime_and_pytorch_are_recorded_where_they_are_installed() {
    if std::env::var_os("TL_PYTHON").is_none() {
        return println!(
            "SKIPPED: TL_PYTHON names no interpreter with the packages of src/diff/record/requirements.txt"
        );
    }
    let (folder, ..) = small();
    let probe = folder.tl("bisect @small.onnx --input @x.npy --runtime onnxruntime:none");
    if probe.err.contains("missing package") || probe.err.contains("cannot be started") {
        return println!("SKIPPED: {}", probe.err.trim());
    }
    assert!(
        probe.exit == 0 && probe.out.contains("onnxruntime-none: rounding: every element of 3 recorded nodes"),
        "{probe:?}"
    );
    let ran = folder.tl("bisect @small.onnx --input @x.npy --runtime onnxruntime --keep @kept -o @c.json");
    assert!(ran.exit == 0 && ran.out.contains("ACCEPTED @c.json"), "{ran:?}");
    assert!(folder.path("kept/onnxruntime-all.npz").is_file());
    let ran = folder.tl("bisect @small.onnx --input @x.npy --runtime onnxruntime:none --against torch");
    if ran.err.contains("missing package") {
        return println!("SKIPPED: {}", ran.err.trim());
    }
    assert!(ran.exit == 0 && ran.out.contains("torch: rounding: every element of 3 recorded nodes"), "{ran:?}");
    assert!(ran.out.contains("onnxruntime-none and torch: y differs by at most "), "{}", ran.out);
    let ran = folder.tl("bisect @small.onnx --input @x.npy --runtime torch --against torch");
    assert!(ran.exit == 3 && ran.err.contains("compared with itself"), "{ran:?}");
}
