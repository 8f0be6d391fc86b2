//! Networks as lists of layers: what fits and what does not, what is read and what is not, and what the layers become.

use std::path::Path;
use tl::net::layers::{
    BottleneckBlock, Conv2d, ConvBn, Dense, Dropout, FireModule, Flatten, GlobalAvgPool, LayerNorm, MaxPool, MbConv,
    PatchEmbed, ResidualBlock, TransformerEncoder,
};
use tl::net::{Activation, Mode, NetSpec, Padding, Returns, Squeeze};
use tl::zoo::{NETWORKS, network, variants};
use tl_kernel::ir::Node;
use tl_kernel::number::Exact;
use tl_kernel::spec::{Op, neg::Neg};

const RELU: Activation = Activation::Relu;
const SAME: Padding = Padding::Same;

fn dense(input: usize, output: usize) -> Dense {
    Dense { input, output, activation: RELU }
}

fn conv(input: usize, output: usize, kernel: usize, stride: usize, padding: Padding) -> Conv2d {
    Conv2d { input, output, kernel, stride, padding, activation: RELU }
}

fn residual(blocks: usize, padding: Padding) -> ResidualBlock {
    ResidualBlock { input: 3, output: 3, blocks, stride: 1, padding, activation: RELU }
}

fn mb_conv(kernel: usize, padding: Padding, expand: usize) -> MbConv {
    MbConv {
        input: 3,
        output: 3,
        expand,
        kernel,
        blocks: 1,
        stride: 1,
        padding,
        squeeze: Squeeze::None,
        activation: RELU,
    }
}

fn transformer(heads: usize, hidden: usize, blocks: usize) -> TransformerEncoder {
    TransformerEncoder { width: 8, heads, hidden, blocks, returns: Returns::Class }
}

fn net(input: &[usize]) -> NetSpec {
    NetSpec::new("net", input)
}

/// Why the network is refused: the place and the message.
fn refusal(spec: &NetSpec) -> (String, String) {
    let error = spec.lower(Mode::Train, 1).map(|lowered| lowered.count()).expect_err(&spec.name);
    assert_eq!(error.code, "TL0541");
    (error.place, error.message)
}

#[test]
fn layers_that_do_not_fit_are_named_with_both_shapes() {
    let image = [3, 8, 6];
    let huge = 1_000_000_000_000_000_000;
    let rate = |text: &str| Dropout { rate: Exact::parse(text).expect("a number") };
    let table = [
        (
            network("alexnet").unwrap(),
            "AlexNet (Krizhevsky 2012) layer 9 (dense)",
            "it takes [9216], it is given [16384] by layer 8 (flatten) of [256, 8, 8]",
        ),
        (
            network("yolov1").unwrap(),
            "YOLOv1 (Redmon 2016) layer 29 (dense)",
            "it takes [50176], it is given [802816] by layer 28 (flatten) of [1024, 28, 28]",
        ),
        (net(&[784]).layer(dense(785, 2)), "net layer 0 (dense)", "it takes [785], it is given [784] by the input"),
        (net(&image).layer(dense(144, 2)), "net layer 0 (dense)", "it takes [144], it is given [3, 8, 6] by the input"),
        (net(&[5, 7]).layer(dense(8, 2)), "net layer 0 (dense)", "it takes [length, 8], it is given [5, 7]"),
        (
            net(&[5, 8]).layer(transformer(2, 4, 1)).layer(LayerNorm { width: 9 }),
            "net layer 1 (layerNorm)",
            "it takes [9] or [length, 9], it is given [8] by layer 0 (transformerEncoder)",
        ),
        (
            net(&image).layer(conv(4, 2, 3, 1, SAME)),
            "net layer 0 (conv2d)",
            "it takes [4, height, width], it is given [3, 8, 6]",
        ),
        (
            net(&image).layer(conv(3, 2, 7, 1, Padding::Valid)),
            "net layer 0 (conv2d)",
            "a window of 7 cells does not fit an axis of 6 with padding valid",
        ),
        (net(&image).layer(conv(3, 2, 0, 1, SAME)), "net layer 0 (conv2d)", "a window of 0 cells in steps of 1"),
        (net(&image).layer(conv(3, 2, 3, 0, SAME)), "net layer 0 (conv2d)", "a window of 3 cells in steps of 0"),
        (net(&image).layer(conv(3, 0, 3, 1, SAME)), "net layer 0 (conv2d)", "dimension 0 is zero"),
        (net(&image).layer(conv(3, huge, 3, 1, SAME)), "net layer 0 (conv2d)", "is more than 2147483647"),
        (net(&image).layer(conv(3, 2, huge, 1, SAME)), "net layer 0 (conv2d)", "does not fit an axis of 8"),
        (
            net(&image).layer(MaxPool { kernel: huge, stride: huge, padding: SAME }),
            "net layer 0 (maxPool)",
            "does not fit an axis of 8",
        ),
        (
            net(&[9]).layer(GlobalAvgPool {}),
            "net layer 0 (globalAvgPool)",
            "it takes [channels, height, width], it is given [9]",
        ),
        (
            net(&[9]).layer(MaxPool { kernel: 2, stride: 2, padding: SAME }),
            "net layer 0 (maxPool)",
            "it takes [channels, height, width], it is given [9]",
        ),
        (
            net(&image).layer(residual(1, Padding::Valid)),
            "net layer 0 (residualBlock)",
            "its branch gives [4, 2], which cannot be added to [8, 6] (padding valid)",
        ),
        (net(&image).layer(residual(0, SAME)), "net layer 0 (residualBlock)", "blocks is zero"),
        (
            net(&image).layer(BottleneckBlock {
                input: 3,
                output: 6,
                blocks: 1,
                stride: 1,
                padding: SAME,
                activation: RELU,
            }),
            "net layer 0 (bottleneckBlock)",
            "output 6 is not a multiple of 4",
        ),
        (
            net(&image).layer(mb_conv(4, Padding::Symmetric, 2)),
            "net layer 0 (mbConv)",
            "its branch gives [7, 5], which cannot be added to [8, 6]",
        ),
        (
            net(&image).layer(mb_conv(3, SAME, huge)),
            "net layer 0 (mbConv)",
            "its parameter layers.0.block0.expand.conv.weight: the product of",
        ),
        (net(&image).layer(mb_conv(3, SAME, usize::MAX)), "net layer 0 (mbConv)", "times 3 channels"),
        (net(&image).layer(mb_conv(3, SAME, 50_000_000)), "net layer 0 (mbConv)", "its conv node"),
        (
            net(&image).layer(FireModule { input: 3, squeeze: 2, expand1: usize::MAX, expand3: 1, activation: RELU }),
            "net layer 0 (fireModule)",
            "channels",
        ),
        (
            net(&image).layer(PatchEmbed { input: 3, width: 8, patch: 3, patches: 4 }),
            "net layer 0 (patchEmbed)",
            "8×6 does not divide into patches of 3×3",
        ),
        (
            net(&image).layer(PatchEmbed { input: 3, width: 8, patch: 2, patches: 11 }),
            "net layer 0 (patchEmbed)",
            "it states 11 patches, [3, 8, 6] has 12 of 2×2",
        ),
        (
            net(&image).layer(PatchEmbed { input: 3, width: 8, patch: 0, patches: 1 }),
            "net layer 0 (patchEmbed)",
            "patch is zero",
        ),
        (
            net(&[4, 8]).layer(transformer(3, 4, 1)),
            "net layer 0 (transformerEncoder)",
            "width 8 does not divide into 3 heads",
        ),
        (net(&[4, 8]).layer(transformer(0, 4, 1)), "net layer 0 (transformerEncoder)", "heads is zero"),
        (
            net(&[4, 8]).layer(transformer(2, 0, 1)),
            "net layer 0 (transformerEncoder)",
            "layers.0.block0.fc1.weight: dimension 0 is zero",
        ),
        (
            net(&[8]).layer(transformer(2, 4, 1)),
            "net layer 0 (transformerEncoder)",
            "it takes [length, 8], it is given [8] by the input",
        ),
        (
            net(&[100_000, 8]).layer(transformer(2, 4, 1)),
            "net layer 0 (transformerEncoder)",
            "its matmul node: the product of",
        ),
        (net(&[8]).layer(rate("1")), "net layer 0 (dropout)", "rate 1 is not a fraction"),
        (net(&[8]).layer(rate("-1/4")), "net layer 0 (dropout)", "rate -1/4 is not a fraction"),
        (net(&[8]), "net", "it has no layers"),
        (
            NetSpec { name: "\u{1b}[2J".into(), ..net(&[8]) },
            "the name of the network",
            "none of them a control character",
        ),
        (NetSpec { name: "n".repeat(201), ..net(&[8]) }, "the name of the network", "1 to 200 characters"),
        (NetSpec { name: String::new(), ..net(&[8]) }, "the name of the network", "1 to 200 characters"),
        (net(&[]).layer(Flatten {}), "net", "input: features have one to three dimensions, not 0"),
        (net(&[1, 2, 3, 4]).layer(Flatten {}), "net", "input: features have one to three dimensions, not 4"),
        (net(&[3, 0, 2]).layer(Flatten {}), "net", "input: dimension 1 is zero"),
        (net(&[huge, huge, huge]).layer(Flatten {}), "net", "input: the product of"),
        (net(&[4, 8]).layer(transformer(2, 4, huge)), "net", "blocks in 1 layers, at most 2000 are supported"),
        (
            net(&[4, 8]).layer(transformer(2, 4, usize::MAX)).layer(transformer(2, 4, usize::MAX)),
            "net",
            "at most 2000 are supported",
        ),
        (
            NetSpec { layers: vec![Flatten {}.into(); 2001], ..net(&[8]) },
            "net",
            "2001 blocks in 2001 layers, at most 2000 are supported",
        ),
        (NetSpec { epsilon: Exact::integer(-1), ..net(&[8]) }.layer(dense(8, 8)), "net", "epsilon -1 is negative"),
    ];
    for (spec, place, message) in table {
        let (found_place, found) = refusal(&spec);
        assert_eq!(found_place, place, "{found}");
        assert!(found.contains(message), "{place}: {found:?} has no {message:?}");
    }
}

#[test]
fn valid_padding_is_valid_and_even_kernels_keep_what_they_state() {
    let shapes = |spec: NetSpec| -> Vec<Vec<usize>> {
        let shapes = spec.check().unwrap_or_else(|error| panic!("{error}"));
        shapes.iter().map(|shape| shape.dimensions().to_vec()).collect()
    };
    let lenet = network("lenet5").expect("it is in the zoo");
    assert_eq!(
        shapes(lenet.clone())[1..6],
        [vec![6, 28, 28], vec![6, 14, 14], vec![16, 10, 10], vec![16, 5, 5], vec![400]]
    );
    let mut same = lenet;
    for layer in &mut same.layers {
        if let tl::net::Layer::Conv2d(conv) = layer {
            conv.padding = SAME;
        }
    }
    let expected = "it takes [400], it is given [1024] by layer 4 (flatten) of [16, 8, 8]";
    assert_eq!(refusal(&same), ("LeNet-5 layer 5 (dense)".into(), expected.into()));
    for (kernel, stride, padding, extents) in [
        (4, 1, SAME, [8, 6]),
        (2, 1, SAME, [8, 6]),
        (4, 2, SAME, [4, 3]),
        (4, 2, Padding::Symmetric, [4, 3]),
        (4, 1, Padding::Symmetric, [7, 5]),
        (4, 1, Padding::Valid, [5, 3]),
        (3, 3, SAME, [3, 2]),
        (9, 1, SAME, [8, 6]),
    ] {
        let spec = net(&[3, 8, 6]).layer(conv(3, 2, kernel, stride, padding));
        assert!(spec.lower(Mode::Train, 2).and_then(|lowered| lowered.checked()).is_ok(), "{spec:?}");
        assert_eq!(shapes(spec)[1][1..], extents, "{kernel} {stride} {padding:?}");
    }
}

#[test]
fn every_activation_is_a_node_wherever_it_is_stated() {
    for (activation, op) in [
        (RELU, Some("relu")),
        (Activation::Relu6, Some("clamp")),
        (Activation::Swish, Some("silu")),
        (Activation::HSwish, Some("hard_swish")),
        (Activation::Gelu, Some("gelu")),
        (Activation::Identity, None),
    ] {
        let layers: [tl::net::Layer; 3] = [
            Dense { activation, ..dense(3, 3) }.into(),
            Conv2d { activation, ..conv(3, 3, 3, 1, SAME) }.into(),
            ConvBn { input: 3, output: 3, kernel: 3, stride: 1, padding: SAME, bias: false, activation }.into(),
        ];
        for (layer, input) in layers.into_iter().zip([&[3][..], &[3, 4, 4], &[3, 4, 4]]) {
            let lowered = net(input).layer(layer.clone()).lower(Mode::Eval, 1).expect("it fits");
            let last = lowered.graph.nodes[lowered.logits].op.name();
            assert_eq!(op.unwrap_or(last), last, "{layer:?}");
            assert!(op.is_some() || ["linear", "conv", "batch_norm"].contains(&last), "{layer:?}");
        }
    }
}

#[test]
fn parameters_have_the_name_of_their_role() {
    let names = |name: &str| -> Vec<String> {
        let lowered = network(name).and_then(|spec| spec.lower(Mode::Eval, 1)).expect("it fits");
        lowered.parameters.into_iter().map(|parameter| format!("{} {}", parameter.name, parameter.shape)).collect()
    };
    let has = |names: &[String], expected: &[&str]| {
        for name in expected {
            assert!(names.iter().any(|found| found == name), "{name} is not among {names:?}");
        }
    };
    has(&names("mnist_mlp"), &["layers.0.weight [512, 784]", "layers.2.bias [10]"]);
    has(
        &names("resnet34"),
        &[
            "layers.0.conv.weight [64, 3, 7, 7]",
            "layers.0.norm.running_var [64]",
            "layers.3.block0.conv1.weight [128, 64, 3, 3]",
            "layers.3.block0.projection.conv.weight [128, 64, 1, 1]",
            "layers.3.block3.norm2.bias [128]",
        ],
    );
    has(
        &names("efficientnet_b0"),
        &[
            "layers.1.block0.squeeze.reduce.weight [8, 32, 1, 1]",
            "layers.2.block1.squeeze.expand.bias [144]",
            "layers.2.block0.depthwise.conv.weight [96, 1, 3, 3]",
        ],
    );
    has(
        &names("vit_tiny"),
        &[
            "layers.0.class_token [1, 1, 192]",
            "layers.0.positions [1, 197, 192]",
            "layers.1.block11.query.weight [192, 192]",
            "layers.1.norm.bias [192]",
        ],
    );
    assert!(!names("resnet34").iter().any(|name| name.starts_with("layers.2.block0.projection")));
}

#[test]
fn modes_differ_in_statistics_and_masks_and_in_no_parameter() {
    let spec = net(&[3, 8, 8])
        .layer(ConvBn { input: 3, output: 4, kernel: 3, stride: 1, padding: SAME, bias: false, activation: RELU })
        .layer(Dropout { rate: Exact::fraction(1, 2).expect("a fraction") })
        .layer(GlobalAvgPool {});
    let [train, eval] = [Mode::Train, Mode::Eval].map(|mode| spec.lower(mode, 5).expect("it fits"));
    assert_eq!(train.count(), 3 * 4 * 9 + 8);
    assert_eq!(eval.count(), train.count());
    let inputs = |lowered: &tl::net::Lowered| -> Vec<String> {
        lowered.inputs().map(|(name, shape)| format!("{name} {shape}")).collect()
    };
    assert_eq!(inputs(&train), ["x [5, 3, 8, 8]", "layers.1.mask [5, 4, 8, 8]"]);
    assert_eq!(inputs(&eval), ["x [5, 3, 8, 8]"]);
    let [train, eval] = [train, eval].map(|lowered| lowered.initial(3).expect("it is small"));
    assert_eq!(eval.len(), train.len() + 2);
    assert!(train.iter().all(|(name, tensor)| eval.get(name) == Some(tensor)));
    assert!(!train.keys().any(|name| name.contains("running")));
}

const GOLD_HE: [(usize, u32); 4] = [(0, 0xbc66_c613), (1, 0xbd82_d2a8), (2, 0xbd87_4c7e), (401_407, 0xbcd2_a206)];
const GOLD_XAVIER: [(usize, u32); 3] = [(0, 0xbd44_fd8e), (1, 0x3db3_46ea), (5119, 0x3d05_d111)];
/// The last three are of elements whose first attempt is outside the truncation.
const GOLD_TRUNCATED: [(usize, u32); 6] =
    [(0, 0x3c9d_85ea), (1, 0x3bae_986b), (191, 0x3a34_7d41), (4, 0xbcac_aab2), (68, 0x3c32_ef16), (146, 0xbd10_e951)];

/// The words were computed by another implementation of the generator, in Python, from the header of `src/net/initial.rs`.
#[test]
fn a_seed_gives_the_same_bits_everywhere() {
    let initial =
        |name: &str, seed| network(name).and_then(|spec| spec.lower(Mode::Eval, 1)?.initial(seed)).expect("it fits");
    let (mlp, vit) = (initial("mnist_mlp", 0), initial("vit_tiny", 7));
    let table: [(_, _, &[(usize, u32)]); 3] = [
        (&mlp, "layers.0.weight", &GOLD_HE),
        (&mlp, "layers.2.weight", &GOLD_XAVIER),
        (&vit, "layers.0.class_token", &GOLD_TRUNCATED),
    ];
    for (tensors, name, words) in table {
        for &(element, word) in words {
            assert_eq!(tensors[name].data()[element], word, "{name}[{element}]: {:08x}", tensors[name].data()[element]);
        }
    }
    assert_eq!(mlp, initial("mnist_mlp", 0));
    assert_ne!(mlp, initial("mnist_mlp", 1));
    let llama = network("llava_13b_lm").and_then(|spec| spec.lower(Mode::Eval, 1)).expect("it fits");
    let error = llama.initial(0).expect_err("4 GiB are enough");
    assert!(error.message.contains("10022865920 parameters"), "{error}");
}

#[test]
fn every_network_becomes_a_graph_that_the_kernel_accepts() {
    let mut networks: Vec<NetSpec> = NETWORKS.iter().map(|entry| entry.spec()).collect();
    networks.extend(variants().filter_map(|variant| variant.spec().ok()).filter(|spec| spec.check().is_ok()));
    assert!(networks.len() > 130, "{}", networks.len());
    for spec in &networks {
        let again = NetSpec::parse(spec.encode().to_string().as_bytes()).unwrap_or_else(|finding| panic!("{finding}"));
        assert_eq!(again, *spec);
        for mode in [Mode::Train, Mode::Eval] {
            let lowered = spec.lower(mode, 1).unwrap_or_else(|error| panic!("{error}"));
            lowered.checked().unwrap_or_else(|error| panic!("{}: {error}", spec.name));
            assert!(lowered.layers.windows(2).all(|rows| rows[0].nodes[1] == rows[1].nodes[0]), "{}", spec.name);
        }
    }
    let vit = network("vit_tiny").expect("it is in the zoo");
    for (batch, fits) in [(0, false), (1, true), (128, true), (1 << 20, false), (usize::MAX, false)] {
        assert_eq!(vit.lower(Mode::Train, batch).is_ok(), fits, "{batch}");
    }
}

#[test]
fn a_head_is_appended_after_the_logits() {
    let lowered = network("mnist_mlp").and_then(|spec| spec.lower(Mode::Train, 2)).expect("it fits");
    let mut graph = lowered.graph.clone();
    let shape = graph.nodes[lowered.logits].shape.clone();
    graph.nodes.push(Node { op: Op::Neg(Neg {}), parents: vec![lowered.logits], shape });
    graph.outputs.insert("loss".into(), graph.nodes.len() - 1);
    let model =
        tl::Model::new(Path::new("mlp"), graph, lowered.initial(1).expect("it is small")).expect("it is a model");
    assert_eq!(model.outputs()[0].0, "loss");
}

fn text(layers: &str) -> String {
    format!(r#"{{"format":"tl-net/1","name":"n","input":[3,8,8],"epsilon":"1e-5","layers":[{layers}]}}"#)
}

#[test]
fn what_is_not_a_specification_is_refused_where_it_stands() {
    let flatten = r#"{"layer":"flatten"}"#;
    let dense = |rest: &str| text(&format!(r#"{{"layer":"dense","input":192,"output":2,{rest}}}"#));
    assert!(NetSpec::parse(text(flatten).as_bytes()).is_ok());
    assert!(NetSpec::parse(dense(r#""activation":"relu""#).as_bytes()).is_ok());
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    let many = vec![flatten; 1_000_000].join(",");
    let table: Vec<(String, &str, &str)> = vec![
        (String::new(), "TL0101", ""),
        ("{".into(), "TL0101", ""),
        (text(flatten)[..60].into(), "TL0101", ""),
        (text(flatten) + " x", "TL0101", ""),
        (deep.clone(), "TL0101", ""),
        (text(&deep), "TL0101", ""),
        (text(&many), "TL0303", "/layers"),
        ("[]".into(), "TL0105", ""),
        (text(flatten).replace("tl-net/1", "tl-net/2"), "TL0107", "/format"),
        (text(flatten).replace(r#""name":"n","#, ""), "TL0104", ""),
        (text(flatten).replace(r#""epsilon":"1e-5","#, ""), "TL0104", ""),
        (text(flatten).replace(r#""1e-5""#, "1e-5"), "TL0105", "/epsilon"),
        (text(flatten).replace(r#""1e-5""#, r#""small""#), "TL0108", "/epsilon"),
        (text(flatten).replace("[3,8,8]", "[3,8,8.5]"), "TL0106", "/input/2"),
        (text(flatten).replace("[3,8,8]", "[3,-8,8]"), "TL0106", "/input/1"),
        (text(flatten).replace("[3,8,8]", "[3,99999999999999999999,8]"), "TL0106", "/input/1"),
        (text(flatten).replace("[3,8,8]", "3"), "TL0105", "/input"),
        (text(flatten).replace(r#""name":"n""#, r#""name":"n","name":"m""#), "TL0102", "/name"),
        (text(flatten).replace(r#""name":"n""#, r#""name":"n","batch":1"#), "TL0103", "/batch"),
        (text("3"), "TL0105", "/layers/0"),
        (text("{}"), "TL0104", "/layers/0"),
        (text(r#"{"layer":"softmax"}"#), "TL0109", "/layers/0/layer"),
        (text(r#"{"layer":"Flatten"}"#), "TL0109", "/layers/0/layer"),
        (text(r#"{"layer":"flatten","axis":1}"#), "TL0103", "/layers/0/axis"),
        (text(&format!(r#"{flatten},{{"layer":"flatten","layer":"flatten"}}"#)), "TL0102", "/layers/1/layer"),
        (dense(r#""activation":"tanh""#), "TL0109", "/layers/0/activation"),
        (dense(r#""activation":null"#), "TL0105", "/layers/0/activation"),
        (dense(r#""bias":true"#), "TL0104", "/layers/0"),
        (dense(r#""activation":"relu","bias":true"#), "TL0103", "/layers/0/bias"),
        (dense(r#""activation":"relu""#).replace("192", "\"192\""), "TL0105", "/layers/0/input"),
        (dense(r#""activation":"relu""#).replace("192", "true"), "TL0105", "/layers/0/input"),
    ];
    for (text, code, place) in table {
        let shown: String = text.chars().take(200).collect();
        let finding = NetSpec::parse(text.as_bytes()).expect_err(&shown);
        assert_eq!((finding.code.id(), finding.pointer.as_str()), (code, place), "{shown}: {finding}");
    }
    let large = " ".repeat(33 << 20);
    assert_eq!(NetSpec::parse(large.as_bytes()).map_err(|finding| finding.code.id()), Err("TL0301"));
}

/// Every byte of a file replaced, removed or cut off: an answer, whatever it is.
#[test]
fn no_damaged_file_stops_the_reader_or_the_check() {
    for entry in NETWORKS.iter().filter(|entry| entry.json().len() < 1100) {
        let bytes = entry.json().as_bytes();
        for i in 0..bytes.len() {
            let mut variants = vec![bytes[..i].to_vec(), [&bytes[..i], &bytes[i + 1..]].concat()];
            for byte in [b'9', b'0', b'"', b'}', b',', 0xff] {
                let mut damaged = bytes.to_vec();
                damaged[i] = byte;
                variants.push(damaged);
            }
            for damaged in variants {
                let _ = NetSpec::parse(&damaged).map(|spec| spec.lower(Mode::Train, 1).map(|lowered| lowered.count()));
            }
        }
    }
}
