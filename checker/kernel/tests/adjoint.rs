//! Every reverse rule against the operation's own value, differentiated forward: a certificate `adjoint` for each operation of the vocabulary, decided by the kernel.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::float_arithmetic,
    reason = "a test fails by panicking, and makes its words of floats"
)]

use tl_kernel::cert::json::{Cursor, parse};
use tl_kernel::ir::Shape;
use tl_kernel::spec::Op;
use tl_kernel::{Limits, Verdict, conclude, decode, discharge, obligations};

/// Keyword, attributes, shapes of the parents.
type Row<'a> = (&'a str, &'a str, &'a [&'a [usize]]);

/// Rational operations: identities.
const RATIONAL: &[Row] = &[
    ("reshape", r#"{"shape":[3,2]}"#, &[&[2, 3]]),
    ("flatten", r#"{"first_axis":1,"last_axis":2}"#, &[&[2, 3, 2]]),
    ("transpose", r#"{"first":0,"second":1}"#, &[&[2, 3]]),
    ("permute", r#"{"order":[2,0,1]}"#, &[&[2, 3, 2]]),
    ("concat", r#"{"axis":1}"#, &[&[2, 1, 2], &[2, 3, 2], &[2, 2, 2]]),
    ("slice", r#"{"start":[0,3],"end":[2,-1],"step":[1,-2]}"#, &[&[2, 4]]),
    ("pad", r#"{"before":[1,0],"after":[0,2],"mode":"constant","value":["7/3"]}"#, &[&[2, 3]]),
    ("pad", r#"{"before":[0,2],"after":[1,1],"mode":"reflect","value":[]}"#, &[&[2, 3]]),
    ("pad", r#"{"before":[1,2],"after":[0,1],"mode":"edge","value":[]}"#, &[&[2, 3]]),
    ("pad", r#"{"before":[0,2],"after":[0,4],"mode":"wrap","value":[]}"#, &[&[2, 3]]),
    ("gather", r#"{"axis":1,"indices":[2,0,2,2],"indices_shape":[2,2]}"#, &[&[2, 3, 2]]),
    ("broadcast", r#"{"shape":[2,3,4]}"#, &[&[3, 1]]),
    ("add", "{}", &[&[2, 3], &[2, 3]]),
    ("sub", "{}", &[&[2, 3], &[2, 3]]),
    ("mul", "{}", &[&[2, 3], &[2, 3]]),
    ("div", "{}", &[&[2, 3], &[2, 3]]),
    ("neg", "{}", &[&[2, 3]]),
    ("scale", r#"{"factor":"-5/7"}"#, &[&[2, 3]]),
    ("reciprocal", "{}", &[&[2, 3]]),
    ("sum", r#"{"axes":[0,2],"keepdims":false}"#, &[&[2, 3, 2]]),
    ("mean", r#"{"axes":[1],"keepdims":true}"#, &[&[2, 3, 2]]),
    ("matmul", "{}", &[&[2, 3], &[3, 4]]),
    ("matmul", "{}", &[&[3], &[3, 4]]),
    ("matmul", "{}", &[&[2, 3], &[3]]),
    ("matmul", "{}", &[&[3], &[3]]),
    ("matmul", "{}", &[&[2, 1, 2, 3], &[3, 3, 2]]),
    ("matmul", "{}", &[&[2, 3], &[2, 3, 2]]),
    ("matmul", "{}", &[&[2, 2, 3], &[3, 2]]),
    ("linear", "{}", &[&[2, 3], &[4, 3], &[4]]),
    ("linear", "{}", &[&[2, 2, 3], &[4, 3]]),
    (
        "conv",
        r#"{"stride":[2],"dilation":[2],"pad_before":[1],"pad_after":[2],"groups":1}"#,
        &[&[2, 2, 6], &[3, 2, 2], &[3]],
    ),
    // A stride beyond the kernel, beyond x, and with a divisor in common with the dilation; three axes.
    (
        "conv",
        r#"{"stride":[3,7],"dilation":[1,1],"pad_before":[1,0],"pad_after":[0,1],"groups":1}"#,
        &[&[1, 2, 7, 5], &[2, 2, 2, 3]],
    ),
    (
        "conv",
        r#"{"stride":[4],"dilation":[2],"pad_before":[3],"pad_after":[1],"groups":2}"#,
        &[&[2, 2, 9], &[4, 1, 4], &[4]],
    ),
    (
        "conv",
        r#"{"stride":[2,1,3],"dilation":[1,1,1],"pad_before":[0,1,2],"pad_after":[1,0,0],"groups":1}"#,
        &[&[1, 1, 4, 2, 5], &[2, 1, 3, 2, 4]],
    ),
    (
        "conv",
        r#"{"stride":[2,1],"dilation":[1,2],"pad_before":[1,0],"pad_after":[0,2],"groups":2}"#,
        &[&[2, 4, 4, 5], &[4, 2, 2, 2], &[4]],
    ),
    (
        "conv",
        r#"{"stride":[1,1,2],"dilation":[1,1,1],"pad_before":[1,0,0],"pad_after":[0,0,1],"groups":1}"#,
        &[&[1, 2, 2, 2, 3], &[2, 2, 2, 1, 2]],
    ),
    (
        "conv_transpose",
        r#"{"stride":[2,1],"dilation":[1,2],"pad_before":[1,0],"pad_after":[0,1],"output_padding":[1,0],"groups":2}"#,
        &[&[2, 4, 2, 3], &[4, 2, 2, 2], &[4]],
    ),
    (
        "avg_pool",
        r#"{"kernel":[2,3],"stride":[2,1],"dilation":[1,1],"pad_before":[1,1],"pad_after":[0,1],"ceil_mode":false,"count_include_pad":false,"divisor":[]}"#,
        &[&[1, 2, 4, 3]],
    ),
    ("global_avg_pool", "{}", &[&[2, 3, 2, 2]]),
    ("adaptive_avg_pool", r#"{"output":[2,2]}"#, &[&[1, 2, 3, 5]]),
    ("upsample", r#"{"mode":"linear","coordinates":"half_pixel","size":[5,3],"scale":["5/2","1"]}"#, &[&[1, 2, 2, 3]]),
    ("mse", r#"{"reduction":"none"}"#, &[&[2, 3], &[2, 3]]),
    ("mse", r#"{"reduction":"batch_mean"}"#, &[&[2, 3], &[2, 3]]),
    ("upsample", r#"{"mode":"nearest_floor","coordinates":"asymmetric","size":[4],"scale":["2"]}"#, &[&[1, 2, 2]]),
];

/// Piecewise rational operations: exactly, at points that are no kinks.
const PIECEWISE: &[Row] = &[
    ("abs", "{}", &[&[2, 3]]),
    ("max", "{}", &[&[2, 3], &[2, 3]]),
    ("min", "{}", &[&[2, 3], &[2, 3]]),
    ("relu", "{}", &[&[2, 3]]),
    ("leaky_relu", r#"{"slope":"1/100"}"#, &[&[2, 3]]),
    ("clamp", r#"{"lo":["-1/2"],"hi":["3/4"]}"#, &[&[2, 5]]),
    ("clamp", r#"{"lo":["-1/2"],"hi":[]}"#, &[&[2, 5]]),
    ("hard_sigmoid", r#"{"alpha":"1/6","beta":"1/2"}"#, &[&[3, 5]]),
    ("hard_swish", "{}", &[&[3, 5]]),
    ("reduce_max", r#"{"axes":[1],"keepdims":false}"#, &[&[2, 3, 2]]),
    ("reduce_min", r#"{"axes":[0,2],"keepdims":true}"#, &[&[2, 3, 2]]),
    (
        "max_pool",
        r#"{"kernel":[2,2],"stride":[1,2],"dilation":[1,1],"pad_before":[0,1],"pad_after":[1,0],"ceil_mode":false}"#,
        &[&[1, 2, 4, 4]],
    ),
];

/// Smooth operations: by enclosures.
const SMOOTH: &[Row] = &[
    ("elu", r#"{"alpha":"3/2"}"#, &[&[2, 3]]),
    ("exp", "{}", &[&[2, 3]]),
    ("log", "{}", &[&[2, 3]]),
    ("sqrt", "{}", &[&[2, 3]]),
    ("rsqrt", "{}", &[&[2, 3]]),
    ("pow", "{}", &[&[2, 3], &[2, 3]]),
    ("tanh", "{}", &[&[2, 3]]),
    ("sigmoid", "{}", &[&[2, 3]]),
    ("softplus", r#"{"beta":"2"}"#, &[&[2, 3]]),
    ("silu", "{}", &[&[2, 3]]),
    ("mish", "{}", &[&[2, 3]]),
    ("erf", "{}", &[&[2, 3]]),
    ("gelu", r#"{"form":"erf"}"#, &[&[2, 3]]),
    ("gelu", r#"{"form":"tanh"}"#, &[&[2, 3]]),
    ("sin", "{}", &[&[2, 3]]),
    ("cos", "{}", &[&[2, 3]]),
    ("softmax", r#"{"axis":1}"#, &[&[2, 3, 2]]),
    ("log_softmax", r#"{"axis":0}"#, &[&[3, 2]]),
    ("logsumexp", r#"{"axes":[1],"keepdims":false}"#, &[&[2, 3, 2]]),
    ("layer_norm", r#"{"axis":1,"epsilon":"1/1000"}"#, &[&[2, 3, 2], &[3, 2], &[3, 2]]),
    ("layer_norm", r#"{"axis":2,"epsilon":"1/1000"}"#, &[&[2, 2, 3]]),
    ("rms_norm", r#"{"axis":1,"epsilon":"1/1000"}"#, &[&[2, 3], &[3]]),
    ("group_norm", r#"{"groups":2,"epsilon":"1/1000"}"#, &[&[2, 4, 3], &[4], &[4]]),
    ("instance_norm", r#"{"epsilon":"1/1000"}"#, &[&[2, 2, 3], &[2], &[2]]),
    ("batch_norm", r#"{"statistics":"batch","epsilon":"1/1000"}"#, &[&[3, 2, 2], &[2], &[2]]),
    ("batch_norm", r#"{"statistics":"given","epsilon":"1/1000"}"#, &[&[2, 3, 2], &[3], &[3], &[3], &[3]]),
];

/// Losses: a row, what numbers each parent has (as [`words`] names them), and the method.
const LOSSES: &[(Row, &str, &str)] = &[
    (("mse", r#"{"reduction":"none"}"#, &[&[2, 3], &[2, 3]]), "ss", "exact"),
    (("mse", r#"{"reduction":"mean"}"#, &[&[2, 3], &[2, 3]]), "ss", "exact"),
    (("mse", r#"{"reduction":"sum"}"#, &[&[3], &[3]]), "ss", "exact"),
    (("mse", r#"{"reduction":"batch_mean"}"#, &[&[2, 3], &[2, 3]]), "ss", "exact"),
    (("mae", r#"{"reduction":"none"}"#, &[&[2, 3], &[2, 3]]), "ss", "exact"),
    (("mae", r#"{"reduction":"batch_mean"}"#, &[&[2, 3], &[2, 3]]), "ss", "exact"),
    (("huber", r#"{"delta":"15/7","reduction":"none"}"#, &[&[3, 4], &[3, 4]]), "ss", "exact"),
    (("huber", r#"{"delta":"7/3","reduction":"mean"}"#, &[&[3, 4], &[3, 4]]), "ss", "exact"),
    (("hinge", r#"{"margin":"1","reduction":"none"}"#, &[&[2, 3], &[2, 3]]), "s±", "exact"),
    (("hinge", r#"{"margin":"1","reduction":"sum"}"#, &[&[2, 3], &[2, 3]]), "ss", "exact"),
    (("bce", r#"{"reduction":"none"}"#, &[&[2, 3], &[2, 3]]), "qq", "enclosure"),
    (("bce", r#"{"reduction":"mean"}"#, &[&[2, 3], &[2, 3]]), "qs", "enclosure"),
    (("bce_with_logits", r#"{"positive_weight":"1","reduction":"none"}"#, &[&[2, 3], &[2, 3]]), "sq", "enclosure"),
    (("bce_with_logits", r#"{"positive_weight":"5/2","reduction":"mean"}"#, &[&[2, 3], &[2, 3]]), "ss", "enclosure"),
    (("kl", r#"{"reduction":"none"}"#, &[&[2, 3], &[2, 3]]), "sq", "enclosure"),
    (("kl", r#"{"reduction":"batch_mean"}"#, &[&[2, 3], &[2, 3]]), "sp", "enclosure"),
    (("poisson", r#"{"log_input":true,"epsilon":"0","reduction":"none"}"#, &[&[2, 3], &[2, 3]]), "sp", "enclosure"),
    (("poisson", r#"{"log_input":false,"epsilon":"1/8","reduction":"mean"}"#, &[&[2, 3], &[2, 3]]), "pp", "enclosure"),
    (("cosine", r#"{"margin":"-1/2","reduction":"none"}"#, &[&[4, 3], &[4, 3], &[4]]), "ss±", "enclosure"),
    (("cosine", r#"{"margin":"0","reduction":"mean"}"#, &[&[2, 2, 3], &[2, 2, 3], &[2, 2]]), "ss±", "enclosure"),
    (("cosine", r#"{"margin":"0","reduction":"sum"}"#, &[&[3], &[3], &[]]), "ss±", "enclosure"),
    (("nll", r#"{"targets":"labels","ignore_index":[],"reduction":"none"}"#, &[&[4, 3], &[4]]), "sL", "exact"),
    (
        ("nll", r#"{"targets":"labels","ignore_index":[1],"reduction":"mean"}"#, &[&[4, 3, 2], &[4, 2], &[3]]),
        "sLW",
        "exact",
    ),
    (
        ("nll", r#"{"targets":"probabilities","ignore_index":[],"reduction":"sum"}"#, &[&[2, 3, 2], &[2, 3, 2], &[3]]),
        "sWW",
        "exact",
    ),
    (
        (
            "cross_entropy",
            r#"{"predictions":"logits","targets":"labels","label_smoothing":"0","ignore_index":[],"reduction":"none"}"#,
            &[&[4, 3], &[4]],
        ),
        "sL",
        "enclosure",
    ),
    (
        (
            "cross_entropy",
            r#"{"predictions":"logits","targets":"labels","label_smoothing":"1/5","ignore_index":[2],"reduction":"mean"}"#,
            &[&[4, 3, 2], &[4, 2], &[3]],
        ),
        "sLW",
        "enclosure",
    ),
    (
        (
            "cross_entropy",
            r#"{"predictions":"logits","targets":"probabilities","label_smoothing":"1/5","ignore_index":[],"reduction":"mean"}"#,
            &[&[2, 3, 2], &[2, 3, 2], &[3]],
        ),
        "sWW",
        "enclosure",
    ),
    (
        (
            "cross_entropy",
            r#"{"predictions":"probabilities","targets":"labels","label_smoothing":"1/5","ignore_index":[],"reduction":"sum"}"#,
            &[&[4, 3], &[4]],
        ),
        "qL",
        "enclosure",
    ),
    (
        (
            "cross_entropy",
            r#"{"predictions":"probabilities","targets":"probabilities","label_smoothing":"0","ignore_index":[],"reduction":"none"}"#,
            &[&[2, 3, 2], &[2, 3, 2], &[3]],
        ),
        "qWW",
        "enclosure",
    ),
];

/// Operations without a row above, and why.
const ELSEWHERE: &[(&str, &str)] = &[
    ("input", "a source"),
    ("const", "a source"),
    ("masked_softmax", "its mask takes no cotangent: a_masked_softmax_is_differentiated_at_a_mask_of_zeros_and_ones"),
];

/// A graph of one operation, and the shapes of its parents and its value.
fn graph(keyword: &str, attributes: &str, parents: &[&[usize]]) -> (String, Vec<Shape>, Shape) {
    let attributes = if attributes == "{}" { String::new() } else { format!(r#","attributes":{attributes}"#) };
    let node = format!(r#""op":"{keyword}"{attributes}"#);
    let mut object = Cursor::root(parse(format!("{{{node}}}").as_bytes()).unwrap()).object().unwrap();
    let op = Op::decode(&mut object).unwrap();
    let shapes: Vec<Shape> = parents.iter().map(|dimensions| Shape::new(dimensions.to_vec()).unwrap()).collect();
    let shape = op.shape(&shapes.iter().collect::<Vec<_>>()).unwrap();
    let source = |(i, shape): (usize, &Shape)| {
        format!(r#"{{"op":"input","attributes":{{"name":"x{i}"}},"parents":[],"shape":{shape}}}"#)
    };
    let sources: Vec<String> = shapes.iter().enumerate().map(source).collect();
    let ids: Vec<usize> = (0..parents.len()).collect();
    let last = format!(r#"{{{node},"parents":{ids:?},"shape":{shape}}}"#);
    let nodes = format!(r#"{{"nodes":[{},{last}],"outputs":{{"y":{}}}}}"#, sources.join(","), ids.len());
    (nodes, shapes, shape)
}

/// Words of a tensor. Their kinds: `p` positive, `s` of either sign, `q` probabilities; and for parents that take no tangent `W` positive, `±` 1 or −1, `L` labels below 3, `M` 0 or 1, `2` 1 or 2.
/// The former are multiples of 1/64 between 1/8 and 8 (of 1/1024 below 1/2 for `q`), no two alike within a tensor.
fn words(shape: &Shape, seed: u64, kind: char) -> String {
    let mut state = seed;
    let mut seen = std::collections::BTreeSet::new();
    let mut next = |i: usize| loop {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        let size = 8 + (state >> 33) % 504;
        if !seen.insert(size) {
            continue;
        }
        let (value, odd) = (size as f32 / 64.0, state >> 60 & 1 == 1);
        return match kind {
            's' | '±' if odd => {
                if kind == 's' {
                    -value
                } else {
                    -1.0
                }
            }
            '±' => 1.0,
            'q' => value / 16.0,
            'L' => ((i + seed as usize) % 3) as f32,
            'M' => f32::from(odd),
            '2' => 1.0 + f32::from(odd),
            _ => value,
        };
    };
    let words: Vec<String> = (0..shape.elements()).map(|i| format!("{:08x}", next(i).to_bits())).collect();
    format!(r#"{{"shape":{shape},"words":"{}"}}"#, words.join(" "))
}

/// Whether the parents with words of this kind take a tangent.
fn moves(kind: char) -> bool {
    matches!(kind, 'p' | 's' | 'q')
}

fn verdict(text: &str) -> Verdict {
    let limits = Limits::default();
    let decide = || {
        let certificate = decode(text.as_bytes(), &limits)?.bind(&Default::default(), &limits)?;
        let results =
            obligations(&certificate).into_iter().map(|part| discharge(&certificate, part, &limits)).collect();
        Ok(conclude(&certificate, results))
    };
    decide().unwrap_or_else(|finding| tl_kernel::refuse(vec![finding]))
}

/// The verdict at one point, where the parents have words of these `kinds` and those that are `asked` for take a tangent.
fn at_point(row: &Row, method: &str, kinds: &str, asked: impl Fn(char) -> bool, seed: u64) -> Verdict {
    let (graph, shapes, shape) = graph(row.0, row.1, row.2);
    let parents = || shapes.iter().zip(kinds.chars()).enumerate();
    assert_eq!(parents().count(), shapes.len(), "{row:?}");
    let x = parents().map(|(i, (shape, kind))| format!(r#""x{i}":{}"#, words(shape, seed + i as u64, kind)));
    let v = parents().filter(|(_, (_, kind))| asked(*kind));
    let v = v.map(|(i, (shape, _))| format!(r#""x{i}":{}"#, words(shape, seed + 10 + i as u64, 's')));
    let (x, v) = (x.collect::<Vec<_>>().join(","), v.collect::<Vec<_>>().join(","));
    let u = words(&shape, seed + 20, 's');
    verdict(&format!(
        r#"{{"format":"tl-cert/1","claim":{{"kind":"adjoint","method":"{method}","tangents":[{{"inputs":{{{v}}}}}],"cotangents":[{{"y":{u}}}]}},
            "model":{{"graph":{graph},"parameters":{{}}}},"inputs":[{{{x}}}]}}"#
    ))
}

/// The same for parents of one kind.
fn at_points(row: &Row, method: &str, signed: bool, seed: u64) -> Verdict {
    at_point(row, method, &(if signed { "s" } else { "p" }).repeat(row.2.len()), moves, seed)
}

/// The code of the first finding.
fn code(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Accepted(_) => "accepted",
        Verdict::Rejected(findings) | Verdict::Declined(findings) => findings[0].code.id(),
    }
}

fn identity(graph: &str) -> Verdict {
    verdict(&format!(
        r#"{{"format":"tl-cert/1","claim":{{"kind":"adjoint","method":"identity"}},"model":{{"graph":{graph},"parameters":{{}}}},"inputs":[]}}"#
    ))
}

#[test]
fn the_rules_of_rational_operations_are_adjoint_as_identities() {
    for row in RATIONAL {
        let verdict = identity(&graph(row.0, row.1, row.2).0);
        assert!(matches!(&verdict, Verdict::Accepted(_)), "{row:?}: {verdict:?}");
    }
}

#[test]
fn the_rules_of_piecewise_operations_are_adjoint_beside_the_kinks() {
    for row in PIECEWISE {
        for seed in 1..=3 {
            let verdict = at_points(row, "exact", true, seed);
            assert!(matches!(&verdict, Verdict::Accepted(_)), "{row:?}: {verdict:?}");
        }
    }
}

#[test]
fn the_rules_of_smooth_operations_are_adjoint_to_a_hundred_digits() {
    for row in SMOOTH {
        let signed = !matches!(row.0, "log" | "sqrt" | "rsqrt" | "pow" | "batch_norm");
        let verdict = at_points(row, "enclosure", signed, 5);
        assert!(matches!(&verdict, Verdict::Accepted(_)), "{row:?}: {verdict:?}");
    }
}

#[test]
fn the_rules_of_losses_are_adjoint_beside_the_kinks() {
    for (row, kinds, method) in LOSSES {
        for seed in 1..=3 {
            let verdict = at_point(row, method, kinds, moves, seed);
            assert!(matches!(&verdict, Verdict::Accepted(_)), "{row:?} {seed}: {verdict:?}");
        }
    }
}

#[test]
fn no_derivative_is_taken_by_labels_by_weights_of_classes_or_by_the_sign_of_a_pair() {
    for (row, kinds, method) in LOSSES.iter().filter(|(row, ..)| matches!(row.0, "nll" | "cross_entropy" | "cosine")) {
        for still in kinds.chars().filter(|&kind| !moves(kind)) {
            let verdict = at_point(row, method, kinds, |kind| moves(kind) || kind == still, 1);
            assert_eq!(code(&verdict), "TL0201", "{row:?} {still}: {verdict:?}");
        }
    }
}

#[test]
fn a_masked_softmax_is_differentiated_at_a_mask_of_zeros_and_ones() {
    for blocked in ["zeros", "undefined"] {
        let attributes = format!(r#"{{"axis":1,"fully_blocked":"{blocked}"}}"#);
        let row: (&str, &str, &[&[usize]]) = ("masked_softmax", &attributes, &[&[3, 5], &[3, 5]]);
        for seed in 1..=3 {
            let verdict = at_point(&row, "enclosure", "sM", moves, seed);
            assert!(matches!(&verdict, Verdict::Accepted(_)), "{blocked} {seed}: {verdict:?}");
        }
        assert_eq!(code(&at_point(&row, "enclosure", "s2", moves, 1)), "TL0201");
        assert_eq!(code(&at_point(&row, "enclosure", "sM", |_| true, 1)), "TL0201");
    }
}

#[test]
fn every_operation_has_a_row() {
    for keyword in Op::KEYWORDS {
        let losses = LOSSES.iter().map(|(row, ..)| row);
        let rows = RATIONAL.iter().chain(PIECEWISE).chain(SMOOTH).chain(losses).map(|row| row.0);
        let known = rows.chain(ELSEWHERE.iter().map(|(keyword, _)| *keyword)).any(|known| known == *keyword);
        assert!(known, "{keyword} has no row and no reason");
    }
}
