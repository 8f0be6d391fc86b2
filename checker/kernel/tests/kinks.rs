//! The conventions where no derivative exists: what the reverse rules give there, over ℚ, and that the claim `adjoint` refuses such points.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use tl_kernel::cert::json::{Cursor, parse};
use tl_kernel::context::dual::{Dual, Pair};
use tl_kernel::context::rational::Rational;
use tl_kernel::context::real::Real;
use tl_kernel::context::{Context, EvalError};
use tl_kernel::ir::{Shape, Tensor};
use tl_kernel::number::Exact;
use tl_kernel::spec::Op;
use tl_kernel::{Limits, Verdict, conclude, decode, discharge, obligations};

/// Keyword, attributes, parents as `[shape] numbers`, and the cotangents of the parents where those of the value are 1, 2, 3, … (one a parent, apart by `|`).
type Row = (&'static str, &'static str, &'static [(&'static [usize], &'static str)], &'static str);

/// At kinks.
const CONVENTIONS: &[Row] = &[
    // relu'(0) = 0, abs'(0) = 0.
    ("relu", "{}", &[(&[3], "-1 0 1")], "0 0 3"),
    ("abs", "{}", &[(&[3], "-1 0 1")], "-1 0 3"),
    // The lower branch.
    ("leaky_relu", r#"{"slope":"1/10"}"#, &[(&[3], "-1 0 1")], "1/10 1/5 3"),
    ("leaky_relu", r#"{"slope":"-2"}"#, &[(&[3], "-1 0 1")], "-2 -4 3"),
    ("elu", r#"{"alpha":"3/2"}"#, &[(&[2], "0 1")], "3/2 2"),
    // Inside and on the bounds; a clamp to one point is a constant.
    ("clamp", r#"{"lo":["-1"],"hi":["1"]}"#, &[(&[5], "-2 -1 0 1 2")], "0 2 3 4 0"),
    ("clamp", r#"{"lo":["-1"],"hi":[]}"#, &[(&[3], "-2 -1 0")], "0 2 3"),
    ("clamp", r#"{"lo":["1"],"hi":["1"]}"#, &[(&[3], "0 1 2")], "0 0 0"),
    ("hard_sigmoid", r#"{"alpha":"1/2","beta":"1/2"}"#, &[(&[5], "-2 -1 0 1 2")], "0 1 3/2 2 0"),
    ("hard_swish", "{}", &[(&[5], "-4 -3 0 3 4")], "0 -1 3/2 6 5"),
    // The first operand, cell or term.
    ("max", "{}", &[(&[3], "1 2 3"), (&[3], "3 2 1")], "0 2 3 | 1 0 0"),
    ("min", "{}", &[(&[3], "1 2 3"), (&[3], "3 2 1")], "1 2 0 | 0 0 3"),
    ("reduce_max", r#"{"axes":[1],"keepdims":false}"#, &[(&[2, 3], "1 7 7 2 2 2")], "0 1 0 2 0 0"),
    ("reduce_min", r#"{"axes":[1],"keepdims":false}"#, &[(&[2, 3], "7 1 1 2 2 2")], "0 1 0 2 0 0"),
    ("reduce_max", r#"{"axes":[0,2],"keepdims":true}"#, &[(&[2, 1, 2], "1 5 5 5")], "0 1 0 0"),
    (
        "max_pool",
        r#"{"kernel":[2,2],"stride":[1,1],"dilation":[1,1],"pad_before":[0,0],"pad_after":[0,0],"ceil_mode":false}"#,
        &[(&[1, 1, 2, 3], "1 4 4 4 4 4")],
        "0 3 0 0 0 0",
    ),
    (
        "max_pool",
        r#"{"kernel":[2],"stride":[1],"dilation":[1],"pad_before":[1],"pad_after":[1],"ceil_mode":false}"#,
        &[(&[1, 1, 2], "5 5")],
        "3 3",
    ),
    // Losses: 0 where they bend.
    ("mae", r#"{"reduction":"none"}"#, &[(&[3], "1 2 3"), (&[3], "3 2 1")], "-1 0 3 | 1 0 -3"),
    ("hinge", r#"{"margin":"1","reduction":"none"}"#, &[(&[3], "1/2 1 2"), (&[3], "1 1 1")], "-1 0 0 | -1/2 0 0"),
    (
        "huber",
        r#"{"delta":"1","reduction":"none"}"#,
        &[(&[5], "-2 -1 0 1 2"), (&[5], "0 0 0 0 0")],
        "-1 -2 0 4 5 | 1 2 0 -4 -5",
    ),
];

fn op(keyword: &str, attributes: &str) -> Op {
    let attributes = if attributes == "{}" { String::new() } else { format!(r#","attributes":{attributes}"#) };
    let node = parse(format!(r#"{{"op":"{keyword}"{attributes}}}"#).as_bytes()).unwrap();
    Op::decode(&mut Cursor::root(node).object().unwrap()).unwrap()
}

fn exact(texts: &str) -> Vec<Exact> {
    texts.split_whitespace().map(|text| Exact::parse(text).unwrap()).collect()
}

#[test]
fn the_reverse_rules_follow_the_written_conventions_at_kinks() {
    let context = Rational::default();
    for (keyword, attributes, parents, expected) in CONVENTIONS {
        let op = op(keyword, attributes);
        let numbers = |exact: Vec<Exact>| exact.iter().map(|x| context.constant(x).unwrap()).collect();
        let tensor = |(dimensions, text): &(&[usize], &str)| {
            Tensor::new(Shape::new(dimensions.to_vec()).unwrap(), numbers(exact(text))).unwrap()
        };
        let parents: Vec<_> = parents.iter().map(tensor).collect();
        let parents: Vec<_> = parents.iter().collect();
        let shape = op.shape(&parents.iter().map(|x| x.shape()).collect::<Vec<_>>()).unwrap();
        let y = Tensor::new(shape.clone(), op.value(&context, &parents, &shape).unwrap()).unwrap();
        let dy = (1..).take(shape.elements()).map(Exact::integer).collect();
        let dy = Tensor::new(shape, numbers(dy)).unwrap();
        let cotangents = op.vjp(&context, &parents, &y, &dy, &vec![true; parents.len()]).unwrap();
        let cotangents: Vec<String> = cotangents
            .into_iter()
            .map(|x| x.unwrap().iter().map(|x| x.to_rational().to_string()).collect::<Vec<_>>().join(" "))
            .collect();
        assert_eq!(cotangents.join(" | "), *expected, "{keyword} {attributes}");
    }
}

/// Keyword, attributes, parents with their tangents.
type Point = (&'static str, &'static str, &'static [(&'static [usize], &'static str, &'static str)]);

/// The code of the first finding of the certificate `adjoint` of one operation at a point, with cotangents of one.
fn found((keyword, attributes, parents): &Point, method: &str) -> &'static str {
    let op = op(keyword, attributes);
    let shapes: Vec<Shape> = parents.iter().map(|(shape, ..)| Shape::new(shape.to_vec()).unwrap()).collect();
    let shape = op.shape(&shapes.iter().collect::<Vec<_>>()).unwrap();
    let words = |shape: &Shape, texts: &str| {
        let words: Vec<_> = texts.split(' ').map(|x| format!("{:08x}", x.parse::<f32>().unwrap().to_bits())).collect();
        format!(r#"{{"shape":{shape},"words":"{}"}}"#, words.join(" "))
    };
    let all = |text: &dyn Fn(usize, &Shape) -> String| {
        shapes.iter().enumerate().map(|(i, shape)| text(i, shape)).collect::<Vec<_>>().join(",")
    };
    let sources =
        all(&|i, shape| format!(r#"{{"op":"input","attributes":{{"name":"x{i}"}},"parents":[],"shape":{shape}}}"#));
    let x = all(&|i, shape| format!(r#""x{i}":{}"#, words(shape, parents[i].1)));
    let moving = (0..parents.len()).filter(|&i| !parents[i].2.is_empty());
    let v = moving.map(|i| format!(r#""x{i}":{}"#, words(&shapes[i], parents[i].2))).collect::<Vec<_>>().join(",");
    let attributes = if *attributes == "{}" { String::new() } else { format!(r#""attributes":{attributes},"#) };
    let (ids, last) = ((0..parents.len()).collect::<Vec<_>>(), parents.len());
    let text = format!(
        r#"{{"format":"tl-cert/1","claim":{{"kind":"adjoint","method":"{method}","tangents":[{{"inputs":{{{v}}}}}],"cotangents":[{{"y":{u}}}]}},
            "model":{{"graph":{{"nodes":[{sources},{{"op":"{keyword}",{attributes}"parents":{ids:?},"shape":{shape}}}],"outputs":{{"y":{last}}}}},
            "parameters":{{}}}},"inputs":[{{{x}}}]}}"#,
        u = words(&shape, &vec!["1"; shape.elements()].join(" "))
    );
    let limits = Limits::default();
    let certificate = decode(text.as_bytes(), &limits).unwrap().bind(&Default::default(), &limits).unwrap();
    let results = obligations(&certificate).into_iter().map(|part| discharge(&certificate, part, &limits)).collect();
    match conclude(&certificate, results) {
        Verdict::Accepted(_) => "accepted",
        Verdict::Rejected(findings) | Verdict::Declined(findings) => findings[0].code.id(),
    }
}

const POOL: &str = r#"{"kernel":[2],"stride":[1],"dilation":[1],"pad_before":[0],"pad_after":[0],"ceil_mode":false}"#;

/// Points where the one-sided derivatives along the tangents differ.
const KINKS: &[Point] = &[
    ("relu", "{}", &[(&[2], "0 1", "1 1")]),
    ("abs", "{}", &[(&[2], "0 1", "1 1")]),
    ("leaky_relu", r#"{"slope":"1/10"}"#, &[(&[2], "0 1", "1 1")]),
    ("clamp", r#"{"lo":["-1"],"hi":["1"]}"#, &[(&[2], "0 1", "1 1")]),
    ("max", "{}", &[(&[1], "1", "1"), (&[1], "1", "2")]),
    ("min", "{}", &[(&[1], "1", "1"), (&[1], "1", "2")]),
    ("reduce_max", r#"{"axes":[0],"keepdims":false}"#, &[(&[2], "1 1", "1 2")]),
    ("max_pool", POOL, &[(&[1, 1, 2], "1 1", "1 2")]),
    ("mae", r#"{"reduction":"sum"}"#, &[(&[2], "0 1", "1 1"), (&[2], "0 2", "3 1")]),
    ("hinge", r#"{"margin":"1","reduction":"sum"}"#, &[(&[1], "1", "1"), (&[1], "1", "1")]),
];
/// Points where they agree, though two operands tie.
const TIES: &[Point] = &[
    ("relu", "{}", &[(&[2], "0 1", "0 1")]),
    ("max", "{}", &[(&[1], "1", "1"), (&[1], "1", "1")]),
    ("reduce_max", r#"{"axes":[0],"keepdims":false}"#, &[(&[2], "1 1", "2 2")]),
    ("max_pool", POOL, &[(&[1, 1, 2], "1 1", "2 2")]),
    ("mae", r#"{"reduction":"sum"}"#, &[(&[2], "0 1", "3 1"), (&[2], "0 2", "3 1")]),
    ("mse", r#"{"reduction":"sum"}"#, &[(&[2], "0 1", "1 1"), (&[2], "0 2", "3 1")]),
    ("mse", r#"{"reduction":"none"}"#, &[(&[2], "1 1", "1 2"), (&[2], "1 1", "0 5")]),
];
/// Points where nothing is bent, but the order of operations has a tie: `exact` refuses them all the same. What an enclosure finds (a tie that is multiplied by zero is decided).
const SEEMING: &[(Point, &str)] = &[
    (("huber", r#"{"delta":"1","reduction":"sum"}"#, &[(&[1], "1", "1"), (&[1], "0", "0")]), "TL0305"),
    (("huber", r#"{"delta":"1","reduction":"sum"}"#, &[(&[1], "1", "1"), (&[1], "1", "0")]), "accepted"),
];
/// Irrational operations: points without a kink where their squares have a zero.
const SQUARES: &[Point] = &[
    ("layer_norm", r#"{"axis":0,"epsilon":"1"}"#, &[(&[3], "0 1 2", "1 2 5")]),
    ("cosine", r#"{"margin":"0","reduction":"sum"}"#, &[(&[2], "0 1", "1 2"), (&[2], "1 0", "3 1"), (&[], "1", "")]),
    ("gelu", r#"{"form":"tanh"}"#, &[(&[1], "0", "1")]),
];

#[test]
fn a_claim_of_adjointness_is_refused_at_a_kink() {
    for (point, enclosed) in
        KINKS.iter().map(|point| (point, "TL0305")).chain(SEEMING.iter().map(|(p, code)| (p, *code)))
    {
        assert_eq!((found(point, "exact"), found(point, "enclosure")), ("TL0201", enclosed), "{point:?}");
    }
}

#[test]
fn a_square_of_zero_is_no_kink() {
    for point in SQUARES {
        assert_eq!(found(point, "enclosure"), "accepted", "{point:?}");
    }
}

#[test]
fn a_tie_that_makes_no_difference_is_no_kink() {
    for point in TIES {
        assert_eq!((found(point, "exact"), found(point, "enclosure")), ("accepted", "accepted"), "{point:?}");
    }
}

#[test]
fn the_hull_of_equal_values_keeps_both_tangents() {
    let number = |n: i64| Rational::default().integer(n).unwrap();
    let pair = |value, tangent| Pair { value: number(value), tangent: Some(number(tangent)) };
    let rational = Rational::default();
    let dual = Dual(&rational);
    assert!(matches!(dual.hull(&pair(1, 2), &pair(1, 3)), Err(EvalError::Undefined { .. })));
    let same = dual.hull(&pair(1, 2), &pair(1, 2)).unwrap().tangent;
    assert!(same.is_some_and(|tangent| tangent.to_rational() == number(2).to_rational()));
    let real = Real::new(64);
    let ball =
        |value, tangent| Pair { value: real.integer(value).unwrap(), tangent: Some(real.integer(tangent).unwrap()) };
    let both = Dual(&real).hull(&ball(1, 2), &ball(1, 3)).unwrap().tangent.unwrap();
    for tangent in [2, 3] {
        assert!(both.contains(real.integer(tangent).unwrap().mid()), "{both:?} has no {tangent}");
    }
}
