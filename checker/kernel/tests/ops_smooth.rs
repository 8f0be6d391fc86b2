//! The smooth operations: their values over ℚ where those are rational, and over ℝ against `data/ops_smooth.txt`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use tl_kernel::cert::json::{Cursor, Json, parse};
use tl_kernel::context::rational::Rational;
use tl_kernel::context::real::Real;
use tl_kernel::context::{Context, EvalError};
use tl_kernel::ir::{Shape, Tensor};
use tl_kernel::number::{Dyadic, Exact};
use tl_kernel::spec::Op;

/// The operation that a node `{"op": …, "attributes": {…}}` denotes.
fn op(keyword: &str, attributes: &str) -> Op {
    let attributes = if attributes.is_empty() { String::new() } else { format!(r#","attributes":{{{attributes}}}"#) };
    let json = parse(format!(r#"{{"op":"{keyword}"{attributes}}}"#).as_bytes()).unwrap();
    let mut node = Cursor::root(json).object().unwrap();
    let op = Op::decode(&mut node).unwrap();
    node.finish().unwrap();
    op
}

fn shape(dimensions: &[usize]) -> Shape {
    Shape::new(dimensions.to_vec()).unwrap()
}

fn infer(op: &Op, parents: &[&[usize]]) -> Result<Vec<usize>, &'static str> {
    let parents: Vec<Shape> = parents.iter().map(|d| shape(d)).collect();
    let parents: Vec<&Shape> = parents.iter().collect();
    assert!(op.arity().contains(&parents.len()), "{}", op.name());
    op.shape(&parents).map(|s| s.dimensions().to_vec()).map_err(|fault| fault.constraint)
}

fn accepts(op: &Op, parents: &[&[usize]], result: &[usize]) {
    assert_eq!(infer(op, parents), Ok(result.to_vec()), "{op:?}");
}

/// A tensor of exact numbers over ℚ.
fn tensor(dimensions: &[usize], text: &str) -> Tensor<<Rational as Context>::Value> {
    let number = |text: &str| Rational::default().constant(&Exact::parse(text).unwrap()).unwrap();
    let data = text.split_whitespace().map(number).collect();
    Tensor::new(shape(dimensions), data).unwrap()
}

/// The values over ℚ, as canonical texts.
fn over_q(op: &Op, parents: &[(&[usize], &str)]) -> Result<String, EvalError> {
    let parents: Vec<_> = parents.iter().map(|(d, text)| tensor(d, text)).collect();
    let parents: Vec<_> = parents.iter().collect();
    let shapes: Vec<_> = parents.iter().map(|p| p.shape()).collect();
    let shape = op.shape(&shapes).unwrap();
    let values = op.value(&Rational::default(), &parents, &shape)?;
    assert_eq!(values.len(), shape.elements());
    let texts: Vec<_> = values.iter().map(|v| v.to_rational().to_string()).collect();
    Ok(texts.join(" "))
}

fn unary_over_q(keyword: &str, attributes: &str, x: &str) -> Result<String, EvalError> {
    let n = x.split_whitespace().count();
    over_q(&op(keyword, attributes), &[(&[n], x)])
}

const UNARY: &[(&str, &str)] = &[
    ("exp", ""),
    ("log", ""),
    ("sqrt", ""),
    ("rsqrt", ""),
    ("reciprocal", ""),
    ("tanh", ""),
    ("sigmoid", ""),
    ("hard_sigmoid", r#""alpha":"1/5","beta":"1/2""#),
    ("softplus", r#""beta":"1""#),
    ("silu", ""),
    ("hard_swish", ""),
    ("mish", ""),
    ("erf", ""),
    ("gelu", r#""form":"erf""#),
    ("gelu", r#""form":"tanh""#),
    ("sin", ""),
    ("cos", ""),
];

#[test]
fn elementwise_operations_keep_any_shape() {
    for (keyword, attributes) in UNARY {
        for dimensions in [&[][..], &[1], &[2, 3, 4]] {
            accepts(&op(keyword, attributes), &[dimensions], dimensions);
        }
    }
}

#[test]
fn attributes_survive_encoding_and_decoding() {
    for (keyword, attributes) in UNARY.iter().chain(&[
        ("pow", ""),
        ("log_softmax", r#""axis":1"#),
        ("masked_softmax", r#""axis":0,"fully_blocked":"undefined""#),
        ("logsumexp", r#""axes":[0,2],"keepdims":true"#),
        ("layer_norm", r#""axis":1,"epsilon":"1e-5""#),
        ("rms_norm", r#""axis":1,"epsilon":"0""#),
        ("group_norm", r#""groups":4,"epsilon":"1/3""#),
        ("instance_norm", r#""epsilon":"1e-5""#),
    ]) {
        let op = op(keyword, attributes);
        let mut node = Cursor::root(Json::Object(op.encode())).object().unwrap();
        assert_eq!(Op::decode(&mut node).unwrap(), op);
    }
}

#[test]
fn unknown_missing_and_mistyped_attributes_are_rejected() {
    for attributes in [
        r#""op":"gelu","attributes":{"form":"none"}"#,
        r#""op":"gelu""#,
        r#""op":"exp","attributes":{"base":"2"}"#,
        r#""op":"layer_norm","attributes":{"axis":-1,"epsilon":"1e-5"}"#,
        r#""op":"layer_norm","attributes":{"axis":0,"epsilon":1}"#,
        r#""op":"softplus","attributes":{"beta":"1","threshold":"20"}"#,
        r#""op":"masked_softmax","attributes":{"axis":0,"fully_blocked":"nan"}"#,
    ] {
        let json = parse(format!("{{{attributes}}}").as_bytes()).unwrap();
        let mut node = Cursor::root(json).object().unwrap();
        assert!(Op::decode(&mut node).is_err(), "{attributes}");
    }
}

#[test]
fn rational_values_are_exact() {
    for (keyword, attributes, x, expected) in [
        ("exp", "", "0", "1"),
        ("log", "", "1", "0"),
        ("sqrt", "", "0 4 9/16 1e-2", "0 2 3/4 1/10"),
        ("rsqrt", "", "4 9/16 1/100", "1/2 4/3 10"),
        ("reciprocal", "", "3 -1/7", "1/3 -7"),
        ("tanh", "", "0", "0"),
        ("sigmoid", "", "0", "1/2"),
        ("silu", "", "0", "0"),
        ("erf", "", "0", "0"),
        ("sin", "", "0", "0"),
        ("cos", "", "0", "1"),
        ("hard_sigmoid", r#""alpha":"1/6","beta":"1/2""#, "-100 -3 -1 0 1/3 3 4", "0 0 1/3 1/2 5/9 1 1"),
        ("hard_sigmoid", r#""alpha":"0.2","beta":"0.5""#, "-5/2 1 2.4 9", "0 7/10 49/50 1"),
        ("hard_swish", "", "-4 -3 -1.5 0 1 3 5", "0 0 -3/8 0 2/3 3 5"),
    ] {
        let values = unary_over_q(keyword, attributes, x);
        assert_eq!(values.as_deref(), Ok(expected), "{keyword}");
    }
    let powers = over_q(&op("pow", ""), &[(&[5], "2 -2/3 0 0 5"), (&[5], "10 -3 0 2 -1")]);
    assert_eq!(powers.as_deref(), Ok("1024 -27/8 1 0 1/5"));
}

#[test]
fn irrational_values_are_refused_and_undefined_ones_named() {
    let not_rational = |function| Err(EvalError::NotRational { function });
    for (keyword, attributes, x, function) in [
        ("exp", "", "1", "exp"),
        ("log", "", "2", "log"),
        ("sqrt", "", "2", "sqrt"),
        ("rsqrt", "", "1/2", "sqrt"),
        ("tanh", "", "1", "tanh"),
        ("sigmoid", "", "1", "exp"),
        ("softplus", r#""beta":"2""#, "0", "log1p"),
        ("mish", "", "0", "log1p"),
        ("gelu", r#""form":"erf""#, "0", "sqrt"),
        ("gelu", r#""form":"tanh""#, "0", "pi"),
        ("log_softmax", r#""axis":0"#, "0 0", "log"),
        ("softmax", r#""axis":0"#, "0 1", "exp"),
    ] {
        assert_eq!(unary_over_q(keyword, attributes, x), not_rational(function), "{keyword}");
    }
    for (keyword, x) in [("log", "0"), ("sqrt", "-1"), ("rsqrt", "0"), ("reciprocal", "0")] {
        let value = unary_over_q(keyword, "", x);
        assert!(matches!(value, Err(EvalError::Undefined { .. })), "{keyword}");
    }
}

#[test]
fn the_softmax_family_is_exact_where_every_exponential_is_one() {
    let softmax = over_q(&op("softmax", r#""axis":0"#), &[(&[3, 1], "7 7 7")]);
    assert_eq!(softmax.as_deref(), Ok("1/3 1/3 1/3"));
    assert_eq!(unary_over_q("log_softmax", r#""axis":0"#, "5").as_deref(), Ok("0"));
    let one = op("logsumexp", r#""axes":[1],"keepdims":false"#);
    assert_eq!(over_q(&one, &[(&[3, 1], "5 6 -1/3")]).as_deref(), Ok("5 6 -1/3"));
}

#[test]
fn a_blocked_position_is_an_exact_zero_whatever_stands_there() {
    let x = (&[2, 4][..], "5 1000000 5 5  1 -3 -100 1");
    let mask = (&[2, 4][..], "1 0 1 0  1 0 0 1");
    for blocked in ["zeros", "undefined"] {
        let attributes = format!(r#""axis":1,"fully_blocked":"{blocked}""#);
        let op = op("masked_softmax", &attributes);
        let irrational = over_q(&op, &[x, mask]);
        assert_eq!(irrational, Err(EvalError::NotRational { function: "exp" }));
        let x = (&[2, 4][..], "5 1000000 5 5  1 1 9 1");
        let values = over_q(&op, &[x, mask]);
        assert_eq!(values.as_deref(), Ok("1/2 0 1/2 0 1/2 0 0 1/2"));
    }
}

#[test]
fn a_fully_blocked_row_follows_its_attribute() {
    let row = |blocked: &str| {
        let attributes = format!(r#""axis":0,"fully_blocked":"{blocked}""#);
        over_q(&op("masked_softmax", &attributes), &[(&[3], "1 -2 300"), (&[3], "0 0 0")])
    };
    assert_eq!(row("zeros").as_deref(), Ok("0 0 0"));
    assert!(matches!(row("undefined"), Err(EvalError::Undefined { function: "div", .. })));
}

#[test]
fn masked_softmax_runs_along_its_axis() {
    let op = op("masked_softmax", r#""axis":0,"fully_blocked":"zeros""#);
    let values = over_q(&op, &[(&[2, 3], "2 2 4 2 2 4"), (&[2, 3], "1 0 1 1 1 0")]);
    assert_eq!(values.as_deref(), Ok("1/2 0 1 1/2 1 0"));
}

#[test]
fn layer_norm_takes_the_biased_variance_with_epsilon_inside_the_root() {
    let op = op("layer_norm", r#""axis":1,"epsilon":"7/4""#);
    // Lines (0,1,2,3) and (4,4,0,0): variances 5/4 and 4; 5/4 + 7/4 = 3 has no rational root, so scale the first line by 2: 5 + 4 = 9.
    let epsilon_four = self::op("layer_norm", r#""axis":1,"epsilon":"4""#);
    let x = (&[2, 4][..], "0 2 4 6  5 5 5 5");
    let values = over_q(&epsilon_four, &[x]);
    assert_eq!(values.as_deref(), Ok("-1 -1/3 1/3 1 0 0 0 0"));
    let weight = (&[4][..], "1 2 3 4");
    let bias = (&[4][..], "10 20 30 40");
    let values = over_q(&epsilon_four, &[x, weight]);
    assert_eq!(values.as_deref(), Ok("-1 -2/3 1 4 0 0 0 0"));
    let values = over_q(&epsilon_four, &[x, weight, bias]);
    assert_eq!(values.as_deref(), Ok("9 58/3 31 44 10 20 30 40"));
    assert_eq!(over_q(&op, &[(&[1, 4], "0 1 2 3")]), Err(EvalError::NotRational { function: "sqrt" }));
}

#[test]
fn layer_norm_over_two_axes_has_a_parameter_for_each_of_their_positions() {
    let op = op("layer_norm", r#""axis":1,"epsilon":"4""#);
    let x = (&[1, 2, 2][..], "0 2 4 6");
    let values = over_q(&op, &[x, (&[2, 2], "3 6 9 12")]);
    assert_eq!(values.as_deref(), Ok("-3 -2 3 12"));
}

#[test]
fn a_constant_line_without_epsilon_has_no_value() {
    let op = op("layer_norm", r#""axis":0,"epsilon":"0""#);
    let value = over_q(&op, &[(&[3], "2 2 2")]);
    assert!(matches!(value, Err(EvalError::Undefined { function: "rsqrt", .. })));
}

#[test]
fn rms_norm_takes_no_mean_off() {
    let op = op("rms_norm", r#""axis":1,"epsilon":"7/2""#);
    // (3² + 4²)/2 + 7/2 = 16, and (0 + 5²)/2 + 7/2 = 16.
    let x = (&[2, 2][..], "3 -4 0 5");
    assert_eq!(over_q(&op, &[x]).as_deref(), Ok("3/4 -1 0 5/4"));
    let values = over_q(&op, &[x, (&[2], "4 8")]);
    assert_eq!(values.as_deref(), Ok("3 -8 0 10"));
}

#[test]
fn group_norm_normalises_neighbouring_channels_of_one_sample() {
    let op = op("group_norm", r#""groups":2,"epsilon":"4""#);
    // x [1, 4, 2]: groups (0 2 | 4 6) and (3 3 | 3 3).
    let x = (&[1, 4, 2][..], "0 2 4 6 3 3 3 3");
    assert_eq!(over_q(&op, &[x]).as_deref(), Ok("-1 -1/3 1/3 1 0 0 0 0"));
    let (weight, bias) = ((&[4][..], "3 6 1 1"), (&[4][..], "0 1 5 7"));
    let values = over_q(&op, &[x, weight, bias]);
    assert_eq!(values.as_deref(), Ok("-3 -1 3 7 5 5 7 7"));
}

#[test]
fn instance_norm_is_group_norm_with_a_group_for_each_channel() {
    let x = (&[2, 2, 4][..], "0 2 4 6 1 1 1 1 8 8 8 8 6 4 2 0");
    let (weight, bias) = ((&[2][..], "3 -3"), (&[2][..], "0 1/2"));
    let instance = op("instance_norm", r#""epsilon":"4""#);
    let group = op("group_norm", r#""groups":2,"epsilon":"4""#);
    let values = over_q(&instance, &[x, weight, bias]);
    let expected = "-3 -1 1 3 1/2 1/2 1/2 1/2 0 0 0 0 -5/2 -1/2 3/2 7/2";
    assert_eq!(values.as_deref(), Ok(expected));
    assert_eq!(over_q(&group, &[x, weight, bias]), values);
}

#[test]
fn values_of_unchecked_nodes_are_errors_not_panics() {
    let x = tensor(&[2, 3], "1 2 3 4 5 6");
    for (keyword, attributes) in [
        ("softmax", r#""axis":7"#),
        ("log_softmax", r#""axis":7"#),
        ("layer_norm", r#""axis":7,"epsilon":"1""#),
        ("rms_norm", r#""axis":7,"epsilon":"1""#),
        ("group_norm", r#""groups":0,"epsilon":"1""#),
        ("group_norm", r#""groups":99,"epsilon":"1""#),
        ("masked_softmax", r#""axis":0,"fully_blocked":"zeros""#),
    ] {
        let value = op(keyword, attributes).value(&Rational::default(), &[&x], x.shape());
        assert!(matches!(value, Err(EvalError::Internal { .. })), "{keyword}");
    }
    let short = tensor(&[1], "1");
    for (keyword, attributes) in
        [("layer_norm", r#""axis":1,"epsilon":"1/3""#), ("group_norm", r#""groups":1,"epsilon":"1/3""#)]
    {
        let value = op(keyword, attributes).value(&Rational::default(), &[&x, &short], x.shape());
        assert!(matches!(value, Err(EvalError::Internal { .. })), "{keyword}");
    }
}

/// A parent of a reference line, `dimensions:words`.
fn words(field: &str) -> Tensor<u32> {
    let (dimensions, words) = field.split_once(':').unwrap();
    let dimensions: Vec<usize> = dimensions.split('x').map(|d| d.parse().unwrap()).collect();
    let word = |word: &str| u32::from_str_radix(word, 16).unwrap();
    Tensor::new(shape(&dimensions), words.split(' ').map(word).collect()).unwrap()
}

#[test]
fn every_value_over_the_reals_encloses_its_reference_narrowly() {
    let references = include_str!("data/ops_smooth.txt");
    let last_digit = Exact::parse("1e-59").unwrap();
    let mut operations = std::collections::BTreeSet::new();
    let mut values = 0;
    for precision in [128, 200] {
        let real = Real::new(precision);
        let narrow = Dyadic::power_of_two(-100);
        for line in references.lines() {
            let fields: Vec<&str> = line.split(';').collect();
            let (expected, fields) = fields.split_last().unwrap();
            let (&[keyword, attributes], parents) = fields.split_first_chunk().unwrap();
            let op = op(keyword, attributes);
            let datum = |&word: &u32| real.datum(word);
            let parents: Vec<_> = parents.iter().map(|field| words(field).try_map(datum).unwrap()).collect();
            let parents: Vec<_> = parents.iter().collect();
            let shapes: Vec<_> = parents.iter().map(|p| p.shape()).collect();
            let shape = op.shape(&shapes).unwrap();
            let balls = op.value(&real, &parents, &shape).unwrap();
            let expected: Vec<&str> = expected.split(' ').collect();
            assert_eq!(balls.len(), expected.len(), "{keyword}");
            for (i, (ball, text)) in balls.iter().zip(expected).enumerate() {
                let reference = Exact::parse(text).unwrap();
                let reference = reference.rational();
                let zero = Exact::integer(0).rational().clone();
                let magnitude = reference.max(&(zero - reference)).clone();
                let slack = magnitude * last_digit.rational();
                let (lo, hi) = (ball.lower().to_rational(), ball.upper().to_rational());
                let encloses = lo - &slack <= *reference && *reference <= hi + &slack;
                assert!(encloses, "{keyword} {attributes} [{i}]: {text} {ball:?}");
                let scale = ball.mid().abs().max(Dyadic::one());
                assert!(ball.rad() <= scale.mul(&narrow), "{keyword} {attributes} [{i}]: {ball:?}");
                values += 1;
            }
            operations.insert(op.name());
        }
    }
    assert_eq!((operations.len(), values), (36, 2 * 1890));
}
