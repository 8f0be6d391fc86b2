//! What `Rounded` promises, against executions: under any schedule, no binary32 result is farther from the exact one than the bound.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use tl_kernel::cert::json::{Cursor, parse};
use tl_kernel::context::binary32::schedule::{BiasPosition, Combine, Order, Schedule, Start};
use tl_kernel::context::binary32::{Binary32, Environment};
use tl_kernel::context::rounded::{Approximate, Rounded};
use tl_kernel::context::{Context, EvalError};
use tl_kernel::ir::{Shape, Tensor};
use tl_kernel::number::{Dyadic, Exact};
use tl_kernel::spec::Op;

/// Operations one after the other: each takes the previous result, then the numbered data beside it.
type Program = (&'static str, &'static [&'static [usize]], &'static [(&'static str, &'static str, &'static [usize])]);

const PROGRAMS: &[Program] = &[
    ("a dot product", &[&[2, 37], &[3, 37], &[3]], &[("linear", "", &[1, 2])]),
    ("two dot products", &[&[2, 9], &[9, 7], &[7, 5]], &[("matmul", "", &[1]), ("matmul", "", &[2])]),
    (
        "a perceptron",
        &[&[1, 12], &[8, 12], &[8], &[4, 8], &[4]],
        &[("linear", "", &[1, 2]), ("relu", "", &[]), ("linear", "", &[3, 4]), ("softmax", r#""axis":1"#, &[])],
    ),
    (
        "a block of a transformer",
        &[&[3, 8], &[8], &[8], &[6, 8], &[6]],
        &[
            ("layer_norm", r#""axis":1,"epsilon":"1/100000""#, &[1, 2]),
            ("linear", "", &[3, 4]),
            ("gelu", r#""form":"erf""#, &[]),
            ("log_softmax", r#""axis":1"#, &[]),
        ],
    ),
    (
        "a convolution and its norm",
        &[&[1, 2, 6], &[4, 2, 3], &[4], &[4], &[4], &[4], &[4]],
        &[
            ("conv", r#""stride":[1],"dilation":[1],"pad_before":[1],"pad_after":[1],"groups":1"#, &[1, 2]),
            ("batch_norm", r#""statistics":"given","epsilon":"1/1000""#, &[3, 4, 5, 6]),
            ("silu", "", &[]),
            (
                "avg_pool",
                r#""kernel":[2],"stride":[2],"dilation":[1],"pad_before":[0],"pad_after":[1],"ceil_mode":false,"count_include_pad":true,"divisor":[]"#,
                &[],
            ),
        ],
    ),
    ("sums and differences", &[&[4, 5], &[4, 5], &[4, 5]], &[("add", "", &[1]), ("sub", "", &[2]), ("mul", "", &[1])]),
    ("a quotient", &[&[7], &[7]], &[("div", "", &[1]), ("tanh", "", &[]), ("abs", "", &[]), ("sqrt", "", &[])]),
    (
        "a mean",
        &[&[3, 50]],
        &[("mean", r#""axes":[1],"keepdims":true"#, &[]), ("exp", "", &[]), ("reciprocal", "", &[])],
    ),
    ("elementary functions", &[&[9]], &[("sigmoid", "", &[]), ("log", "", &[]), ("sin", "", &[]), ("erf", "", &[])]),
    ("extremes", &[&[6], &[6]], &[("max", "", &[1]), ("leaky_relu", r#""slope":"1/100""#, &[]), ("cos", "", &[])]),
    ("norms of groups", &[&[1, 4, 5]], &[("group_norm", r#""groups":2,"epsilon":"0""#, &[]), ("mish", "", &[])]),
    (
        "a root mean square",
        &[&[2, 11]],
        &[("rms_norm", r#""axis":1,"epsilon":"1/100""#, &[]), ("softplus", r#""beta":"1""#, &[])],
    ),
    (
        "a logarithm of a sum",
        &[&[2, 6]],
        &[("logsumexp", r#""axes":[1],"keepdims":false"#, &[]), ("elu", r#""alpha":"2""#, &[])],
    ),
];

fn op(keyword: &str, attributes: &str) -> Op {
    let attributes = if attributes.is_empty() { String::new() } else { format!(r#","attributes":{{{attributes}}}"#) };
    let json = parse(format!(r#"{{"op":"{keyword}"{attributes}}}"#).as_bytes()).unwrap();
    Op::decode(&mut Cursor::root(json).object().unwrap()).unwrap_or_else(|d| panic!("{keyword}{attributes}: {d}"))
}

fn run<C: Context>(
    context: &C,
    data: &[Tensor<u32>],
    steps: &[(Op, &'static [usize])],
) -> Result<Tensor<C::Value>, EvalError> {
    let data: Result<Vec<_>, _> = data.iter().map(|t| t.try_map(|&word| context.datum(word))).collect();
    let data = data?;
    let mut value = data[0].clone();
    for (op, others) in steps {
        let parents: Vec<_> = [&value].into_iter().chain(others.iter().map(|&i| &data[i])).collect();
        let shapes: Vec<_> = parents.iter().map(|p| p.shape()).collect();
        let shape = op.shape(&shapes).unwrap_or_else(|fault| panic!("{op:?}: {fault:?}"));
        value = Tensor::new(shape.clone(), op.value(context, &parents, &shape)?).unwrap();
    }
    Ok(value)
}

/// Words from a generator (splitmix64) whose seed is listed: numbers of very different sizes, or of much the same size so that they cancel.
fn words(seed: &mut u64, n: usize, wild: bool) -> Vec<u32> {
    let next = |seed: &mut u64| {
        *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (*seed ^ *seed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    };
    let word = |_| {
        let bits = next(seed);
        let exponent = if wild { 107 + (bits >> 32) % 30 } else { 126 + (bits >> 32) % 2 };
        u32::try_from((bits >> 63) << 31 | exponent << 23 | bits & 0x7f_ffff).unwrap()
    };
    (0..n).map(word).collect()
}

fn schedules() -> Vec<Schedule> {
    let orders = [
        Order::Sequential,
        Order::Pairwise { leaf: 1 },
        Order::Lanes { width: 4, combine: Combine::Halving },
        Order::Blocks { size: 3, inner: Box::new(Order::Sequential) },
    ];
    let mut all = Vec::new();
    for order in orders {
        for fma in [false, true] {
            for (start, bias) in [(Start::FirstTerm, BiasPosition::Last), (Start::Zero, BiasPosition::First)] {
                all.push(Schedule { order: order.clone(), fma, start, bias });
            }
        }
    }
    all
}

/// `|word − exact|` at most and at least, and the bound.
fn distances(word: u32, y: &Approximate) -> Option<(Dyadic, Dyadic)> {
    let distance = Dyadic::from_binary32(word)?.sub(y.exact().mid()).abs();
    Some((distance.add(&y.exact().rad()), y.error().to_dyadic()))
}

#[test]
fn no_execution_in_any_order_is_farther_away_than_the_bound() {
    let (mut compared, mut seed) = (0, 20);
    for (name, shapes, steps) in PROGRAMS {
        let steps: Vec<(Op, &[usize])> = steps.iter().map(|&(k, a, others)| (op(k, a), others)).collect();
        for round in 0..12 {
            let data: Vec<_> = shapes
                .iter()
                .map(|shape| {
                    let shape = Shape::new(shape.to_vec()).unwrap();
                    let mut words = words(&mut seed, shape.elements(), round % 2 == 0);
                    // The variance of batch_norm is the last of its data, and not negative.
                    words.iter_mut().for_each(|word| *word &= if name.contains("its norm") { 0x7fff_ffff } else { !0 });
                    Tensor::new(shape, words).unwrap()
                })
                .collect();
            let rounded = match run(&Rounded::new(128, 0), &data, &steps) {
                Err(EvalError::Undefined { .. } | EvalError::Undecided { .. }) => continue,
                other => other.unwrap(),
            };
            for schedule in schedules() {
                let reading = Binary32::new(Environment::default(), schedule.clone());
                let executed = run(&reading, &data, &steps).unwrap();
                for (&word, y) in executed.data().iter().zip(rounded.data()) {
                    if let Some((distance, bound)) = distances(word, y) {
                        assert!(distance <= bound, "{name}, round {round}, {schedule:?}: {word:08x} {y:?}");
                        compared += 1;
                    }
                }
            }
        }
    }
    assert!(compared > 10_000, "{compared}");
}

/// A bound that is never reached explains too much.
#[test]
fn the_bound_of_a_sum_is_within_a_small_factor_of_what_some_order_loses() {
    let x: Vec<f32> = [16_777_216.0].into_iter().chain([1.0; 63]).collect(); // from left to right every 1 is lost
    let words: Vec<u32> = x.iter().map(|x| x.to_bits()).collect();
    let data = [Tensor::new(Shape::new(vec![64]).unwrap(), words).unwrap()];
    let steps = [(op("sum", r#""axes":[0],"keepdims":false"#), &[][..])];
    let bound = run(&Rounded::new(64, 0), &data, &steps).unwrap();
    let lost = run(&Binary32::new(Environment::default(), Schedule::default()), &data, &steps).unwrap();
    let (distance, bound) = distances(lost.data()[0], &bound.data()[0]).unwrap();
    assert_eq!(distance, Dyadic::integer(63));
    assert!(distance <= bound && bound <= Dyadic::integer(66), "{bound:?}");
}

#[test]
fn a_constant_is_rounded_unless_it_is_a_word() {
    let error = |text| Rounded::new(64, 0).constant(&Exact::parse(text).unwrap()).unwrap().error();
    for word in ["0", "1", "-0x1.fffffep127", "0x1p-149", "16777215", "0x1.8p-148"] {
        assert!(error(word).is_zero(), "{word}");
    }
    for other in ["1/3", "16777217", "0x1p-150", "0x1.8p-149", "0x1p128"] {
        assert!(!error(other).is_zero(), "{other}");
    }
}

#[test]
fn what_rounds_nothing_has_no_bound_above_zero() {
    let data = [Tensor::new(Shape::new(vec![3]).unwrap(), vec![0x3dcc_cccd, 0xbf80_0001, 0x0000_0001]).unwrap()];
    for keyword in ["relu", "neg", "abs"] {
        let y = run(&Rounded::new(64, 4), &data, &[(op(keyword, ""), &[][..])]).unwrap();
        assert!(y.data().iter().all(|y| y.error().is_zero()), "{keyword}: {y:?}");
    }
}

#[test]
fn an_inaccurate_library_widens_the_bound_of_elementary_functions_alone() {
    let data = [Tensor::new(Shape::new(vec![1]).unwrap(), vec![0x3fc0_0000]).unwrap()];
    let bound = |library, keyword| {
        let y = run(&Rounded::new(64, library), &data, &[(op(keyword, ""), &[][..])]).unwrap();
        y.data()[0].error().to_dyadic()
    };
    assert!(bound(4, "exp") > bound(0, "exp").mul(&Dyadic::integer(7)));
    assert_eq!(bound(4, "sqrt"), bound(0, "sqrt"));
}
