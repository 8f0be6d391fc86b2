//! What the checks of the book rest on: they fail where they should, and central differences see no other derivative.

use super::check::Clerk;
use super::images::{self, Conv};
use super::layers::{self, Dense};
use super::program::{DY, X, exact, real};
use super::record::{Correction, Record, chain, diagonal, fan_in, rank_one, toeplitz};
use super::sheet::Sheet;
use super::transformer::Attention;
use super::*;
use crate::generate::draft::values;
use crate::model::Model;
use std::rc::Rc;
use tempfile::TempDir;
use tl_kernel::context::real::Ball;
use tl_kernel::ir::Tensor;
use tl_kernel::number::Dyadic;

#[test]
fn there_are_81_items_numbered_from_1_on_as_the_book_divides_them() {
    let numbers: Vec<u32> = items().map(|(_, item)| item.number).collect();
    assert_eq!(numbers, (1..=81).collect::<Vec<_>>());
    let count = |kind| items().filter(|(_, item)| item.kind == kind).count();
    assert_eq!([Kind::Axiom, Kind::Theorem, Kind::Definition].map(count), [10, 65, 6]);
    // Last number of each chapter, from the table in the book's second chapter.
    let last: Vec<(u32, u32)> =
        CHAPTERS.iter().map(|c| (c.number, c.items.last().map_or(0, |item| item.number))).collect();
    assert_eq!(last, [(2, 28), (3, 37), (4, 43), (5, 50), (6, 51), (7, 55), (8, 56), (9, 61), (10, 81)]);
    let axioms = items().filter(|(_, item)| item.kind == Kind::Axiom);
    assert_eq!(axioms.map(|(_, item)| item.number).collect::<Vec<_>>(), [31, 36, 37, 39, 43, 53, 68, 69, 70, 71]);
}

/// Bits of the readings, and of the step of the differences.
const BITS: u64 = 1000;
const STEP: i64 = -200;

fn dot(u: &Tensor<Ball>, v: &Tensor<Ball>) -> Ball {
    let terms = u.data().iter().zip(v.data()).map(|(u, v)| u.mul(v, BITS));
    terms.reduce(|sum, term| sum.add(&term, BITS)).expect("a tensor has elements")
}

/// A smoke test, not a proof: central differences with a step of 2⁻²⁰⁰, in 1000-bit arithmetic, agree with every backward function to 2⁻²⁵⁰.
#[test]
fn central_differences_agree_with_every_backward_function() {
    for (_, item) in items() {
        let (Check::Backward(case) | Check::Jacobian(case)) = item.check else {
            continue;
        };
        let case = case();
        let (forward, backward) = (case.forward().expect("a model"), case.backward().expect("a model"));
        let dimensions = case.value_dimensions();
        for (k, point) in case.points.iter().enumerate() {
            let x = exact(&case.tensor(point)).expect("finite");
            let of = |name: &str, dimensions: &[usize]| {
                let data = quarters(&format!("{name} {k}"), dimensions.iter().product());
                exact(&values(dimensions, &data)).expect("finite")
            };
            let (v, u) = (of("tangent", &case.dimensions), of("cotangent", &dimensions));
            let moved = |sign: i64| {
                let step = Ball::exact(Dyadic::power_of_two(STEP).mul(&Dyadic::integer(sign)));
                let data = x.data().iter().zip(v.data()).map(|(x, v)| x.add(&v.mul(&step, BITS), BITS));
                Tensor::new(x.shape().clone(), data.collect()).expect("the shape of x")
            };
            let at =
                |x: &Tensor<Ball>| real(&forward, BITS, &[(X, x)]).unwrap_or_else(|e| panic!("{}: {e}", item.name));
            let (above, below) = (dot(&u, &at(&moved(1))), dot(&u, &at(&moved(-1))));
            let slope = above.sub(&below, BITS).scaled(-STEP - 1);
            let dx = real(&backward, BITS, &[(X, &x), (DY, &u)]).unwrap_or_else(|e| panic!("{}: {e}", item.name));
            let distance = slope.sub(&dot(&dx, &v), BITS).abs();
            let bound = Ball::exact(Dyadic::power_of_two(-250));
            assert!(
                distance.compare(&bound).is_some_and(|order| order.is_lt()),
                "{}: point {k}: {distance:?}",
                item.name
            );
        }
    }
}

/// The steps of a check.
fn steps(check: impl FnOnce(&mut Clerk) -> Result<(), crate::Error>) -> Vec<Step> {
    let folder = TempDir::new().expect("a temporary folder");
    let mut clerk = Clerk { folder: folder.path(), stem: "item", steps: Vec::new() };
    check(&mut clerk).unwrap_or_else(|error| panic!("{error}"));
    clerk.steps
}

fn named<'a>(steps: &'a [Step], name: &str) -> &'a Step {
    steps.iter().find(|step| step.name == name).unwrap_or_else(|| panic!("no step {name}: {steps:?}"))
}

/// The function of a record with another backward function.
fn instead(right: Record, backward: impl Fn(&mut Sheet, usize, usize) -> usize + 'static) -> Record {
    Record { forward: right.forward, backward: Rc::new(backward) }
}

const SELF_ATTENTION: Attention = Attention { tokens: 3, width: 8, heads: 2 };

/// Backward functions with one mistake each: what is wrong, the record, the shape of x.
fn mistakes() -> Vec<(&'static str, Record, Vec<usize>)> {
    let square = Dense::new("dense", 3, 3);
    let (conv, depthwise) = (Conv::new("conv", 2, 2), Conv::depthwise("depthwise", 3));
    let norm = || layers::normalised(&[0]);
    let softmax = |s: &mut Sheet, x: usize| s.node(r#"softmax {"axis":0}"#, &[x]);
    let statistics = |s: &mut Sheet, x: usize| layers::statistics(s, x, &[0]);
    vec![
        (
            "the weight is not transposed",
            instead(square.record(), move |s, _, dy| {
                let weight = square.weight(s);
                let weight = s.transpose(weight);
                s.matmul(dy, weight)
            }),
            vec![3],
        ),
        (
            "the bias gets the cotangent of one sample only",
            instead(square.of_bias(2), |s, _, dy| s.row(dy, 0)),
            vec![3],
        ),
        (
            "the weight gradient is the outer product the other way around",
            instead(square.of_weight(2), |s, _, dy| {
                let (x, dy) = (s.weight("x", &[2, 3]), s.reshape(dy, &[2, 3]));
                let x = s.transpose(x);
                s.matmul(x, dy)
            }),
            vec![3, 3],
        ),
        (
            "the outer function is differentiated at x in place of f(x)",
            instead(chain(layers::square(), layers::square()), |s, x, dy| {
                let dy = (layers::square().backward)(s, x, dy);
                (layers::square().backward)(s, x, dy)
            }),
            vec![3],
        ),
        (
            "one path of a sum is forgotten",
            instead(fan_in(square.record(), layers::identity()), move |s, x, dy| (square.record().backward)(s, x, dy)),
            vec![3],
        ),
        (
            "each factor gets the cotangent times its own value",
            instead(record::product(square.record(), layers::square()), move |s, x, dy| {
                let (f, g) = (square.record(), layers::square());
                let (y, z) = ((f.forward)(s, x), (g.forward)(s, x));
                let (to_f, to_g) = (s.mul(dy, y), s.mul(z, dy));
                let (left, right) = ((f.backward)(s, x, to_f), (g.backward)(s, x, to_g));
                s.add(left, right)
            }),
            vec![3],
        ),
        (
            "the kernel is not reversed",
            toeplitz(
                conv.record().forward_of(),
                move |s| {
                    let weight = conv.weight(s);
                    s.permute(weight, &[1, 0, 2, 3])
                },
                1,
                1,
            ),
            vec![1, 2, 4, 4],
        ),
        (
            "the channels are not exchanged",
            toeplitz(
                conv.record().forward_of(),
                move |s| {
                    let weight = conv.weight(s);
                    s.slice(weight, &[0, 0, 2, 2], &[2, 2, -1, -1], &[1, 1, -1, -1])
                },
                1,
                1,
            ),
            vec![1, 2, 4, 4],
        ),
        (
            "a depthwise bias gets the mean of its channel",
            instead(depthwise.of_bias(4), |s, _, dy| {
                let dy = s.sum_away(dy, &[0, 2, 3]);
                s.scale(dy, "1/16")
            }),
            vec![3],
        ),
        (
            "every pixel of a window gets the cotangent",
            instead(images::max_pool(), |s, x, dy| {
                let dy = s.reshape(dy, &[2, 1, 2, 1]);
                let dy = s.broadcast(dy, &[2, 2, 2, 2]);
                s.reshape_like(dy, x)
            }),
            vec![1, 1, 4, 4],
        ),
        ("relu lets everything through", diagonal(layers::relu().forward_of(), |s, x| s.node("div", &[x, x])), vec![4]),
        ("softmax without its correction", diagonal(softmax, softmax), vec![4]),
        (
            "softmax with the correction on the wrong side",
            rank_one(&[0], softmax, move |s, x| {
                let (p, one) = (softmax(s, x), s.ones(&[1]));
                let one = s.broadcast_like(one, x);
                Correction { diagonal: p, pairs: vec![(one, p)] }
            }),
            vec![4],
        ),
        (
            "normalisation without its third term",
            rank_one(&[0], norm().forward_of(), move |s, x| {
                let (istd, _, per) = statistics(s, x);
                let (share, one) = (s.scale(istd, &per), s.ones(&[1]));
                let one = s.broadcast_like(one, x);
                Correction { diagonal: istd, pairs: vec![(share, one)] }
            }),
            vec![4],
        ),
        (
            "normalisation without the mean of the cotangent",
            rank_one(&[0], norm().forward_of(), move |s, x| {
                let (istd, hat, per) = statistics(s, x);
                let share = s.scale(istd, &per);
                let tilted = s.mul(share, hat);
                Correction { diagonal: istd, pairs: vec![(tilted, hat)] }
            }),
            vec![4],
        ),
        ("GELU as if its gate did not move", diagonal(layers::gelu().forward_of(), layers::distribution), vec![3]),
        (
            "attention with half of what comes back",
            instead(SELF_ATTENTION.record(), |s, x, dy| {
                let half = (SELF_ATTENTION.record().backward)(s, x, dy);
                s.scale(half, "1/2")
            }),
            vec![3, 8],
        ),
        (
            "patches folded back with rows and columns exchanged",
            instead(images::patch_embedding(4), |s, _, dy| {
                let weight = s.weight("patch weight", &[4, 3, 2, 2]);
                let weight = s.reshape(weight, &[4, 12]);
                let tokens = s.slice(dy, &[1, 0], &[5, 4], &[1, 1]);
                let patches = s.matmul(tokens, weight);
                let cells = s.reshape(patches, &[2, 2, 3, 2, 2]);
                let cells = s.permute(cells, &[2, 1, 3, 0, 4]);
                s.reshape(cells, &[1, 3, 4, 4])
            }),
            vec![1, 3, 4, 4],
        ),
    ]
}

#[test]
fn a_wrong_backward_function_fails_in_the_engine_and_is_rejected_by_the_checker() {
    for (mistake, record, dimensions) in mistakes() {
        let steps = steps(|clerk| clerk.backward(&Case::new(record, &dimensions), false));
        assert!(named(&steps, "adjoint").holds, "{mistake}: the function itself is right: {steps:?}");
        let formula = named(&steps, "formula");
        assert!(!formula.holds && formula.result.contains("backward function"), "{mistake}: {formula:?}");
        let gradient = named(&steps, "gradient");
        assert!(!gradient.holds && gradient.result == "REJECTED TL0271", "{mistake}: {gradient:?}");
    }
}

#[test]
fn an_identity_for_all_weights_is_not_fooled_by_weights_at_which_a_mistake_does_not_show() {
    // With a symmetric weight the transposed one is the same; for all weights it is not.
    let symmetric = |s: &mut Sheet| s.constant("w", &[2, 2], &[1.0, 2.0, 2.0, 3.0]);
    let record = Record::new(
        move |s, x| {
            let weight = symmetric(s);
            s.node("linear", &[x, weight])
        },
        move |s, _, dy| {
            let weight = symmetric(s);
            let weight = s.transpose(weight);
            s.matmul(dy, weight)
        },
    );
    let steps = steps(|clerk| clerk.backward(&Case::new(record, &[2]), false));
    assert!(named(&steps, "gradient").holds, "{steps:?}");
    let formula = named(&steps, "formula");
    assert!(formula.result.contains("at a random point"), "{formula:?}");
}

#[test]
fn a_kink_that_is_none_and_a_convention_that_is_not_ours_are_found() {
    let relu = || Case::new(layers::relu(), &[2]);
    let at_a_kink = |case: Case| steps(|clerk| clerk.backward(&case, false));
    let right = at_a_kink(relu().kink(&[0.0, 1.0], &[-1.0, 0.0], "from below"));
    assert!(right.iter().all(|step| step.holds), "{right:?}");
    let wrong = at_a_kink(relu().kink(&[0.0, 1.0], &[1.0, 0.0], "from above"));
    assert_eq!(named(&wrong, "convention").result, "REJECTED TL0271");
    let none = at_a_kink(relu().kink(&[2.0, 1.0], &[-1.0, 0.0], "nowhere"));
    assert_eq!((named(&none, "kink").result.as_str(), named(&none, "kink").holds), ("ACCEPTED", false));
    // Of two equal pixels the first is the maximum, not the second.
    let tie: Vec<f32> = (0..16).map(|at| if at < 2 { 9.0 } else { at as f32 / 4.0 }).collect();
    let second: Vec<f32> = (0..16).map(|at| if at == 1 { 1.0 } else { 0.0 }).collect();
    let pool = Case::new(images::max_pool(), &[1, 1, 4, 4]).kink(&tie, &second, "the second");
    assert_eq!(named(&at_a_kink(pool), "convention").result, "REJECTED TL0271");
}

#[test]
fn a_definition_that_is_another_function_is_rejected() {
    let conv = Conv::new("conv", 2, 3);
    let other: [(&str, Function, Function, Vec<usize>); 2] = [
        (
            "true convolution, its kernel reversed, for cross-correlation",
            conv.record().forward,
            Rc::new(move |s, x| {
                let extents = s.extents(x);
                let ends: Vec<i64> = vec![1, 2, -1, -1];
                let start = [0, 0, extents[2] - 1, extents[3] - 1];
                let turned = s.slice(x, &start, &ends, &[1, 1, -1, -1]);
                conv.written_out(s, turned)
            }),
            vec![1, 2, 4, 4],
        ),
        (
            "the tanh form of GELU for the erf form",
            layers::gelu().forward,
            Rc::new(|s, x| s.node(r#"gelu {"form":"tanh"}"#, &[x])),
            vec![5],
        ),
    ];
    for (what, operation, written_out, dimensions) in other {
        let steps = steps(|clerk| clerk.definition(&Definition { operation, written_out, dimensions }));
        assert_eq!(named(&steps, "definition").result, "REJECTED TL0231", "{what}");
    }
}

/// The function of one input of this shape as a model.
fn model(dimensions: &[usize], forward: impl Fn(&mut Sheet, usize) -> usize + 'static) -> Model {
    Case::new(Record::new(forward, |_, _, dy| dy), dimensions).forward().expect("a model")
}

#[test]
fn smoothness_is_refused_where_an_operation_has_a_kink_or_an_argument_may_leave_its_domain() {
    let root = |s: &mut Sheet, x: usize, epsilon: bool| {
        let square = s.mul(x, x);
        let mut sum = s.sum(square, &[0]);
        if epsilon {
            let one = s.ones(&[1]);
            sum = s.add(sum, one);
        }
        s.node("rsqrt", &[sum])
    };
    let smooth: Vec<(&str, Model)> = vec![
        ("attention", Case::new(SELF_ATTENTION.record(), &[3, 8]).forward().expect("a model")),
        ("a root of a sum of squares and one", model(&[3], move |s, x| root(s, x, true))),
        (
            "the logarithm of an exponential",
            model(&[3], |s, x| {
                let y = s.node("exp", &[x]);
                s.node("log", &[y])
            }),
        ),
    ];
    for (what, model) in smooth {
        assert_eq!(smooth::fault(&model), None, "{what}");
    }
    let attention_with_relu = chain(SELF_ATTENTION.record(), layers::relu());
    let kinked: Vec<(&str, &str, Model)> = vec![
        ("relu inside", "relu: it is not", Case::new(attention_with_relu, &[3, 8]).forward().expect("a model")),
        ("a magnitude", "abs: it is not", model(&[3], |s, x| s.node("abs", &[x]))),
        ("a maximum", "max_pool: it is not", Case::new(images::max_pool(), &[1, 1, 4, 4]).forward().expect("a model")),
        ("a root of squares alone", "rsqrt: its argument", model(&[3], move |s, x| root(s, x, false))),
        ("a logarithm", "log: its argument", model(&[3], |s, x| s.node("log", &[x]))),
        (
            "a quotient",
            "div: its argument",
            model(&[3], |s, x| {
                let square = s.mul(x, x);
                s.node("div", &[x, square])
            }),
        ),
        (
            "a normalisation without ε",
            "layer_norm: with epsilon 0",
            model(&[2, 3], |s, x| s.node(r#"layer_norm {"axis":1,"epsilon":"0"}"#, &[x])),
        ),
    ];
    for (what, reason, model) in kinked {
        let fault = smooth::fault(&model).map(|(_, fault)| fault);
        assert!(fault.as_ref().is_some_and(|fault| fault.starts_with(reason)), "{what}: {fault:?}");
    }
}

#[test]
fn towers_of_every_depth_up_to_three_have_the_backward_function_of_the_chain() {
    for depth in 0..=3 {
        let steps = steps(|clerk| clerk.backward(&Case::new(attention::tower(depth), &[3, 4]), false));
        assert!(steps.iter().all(|step| step.holds), "{depth}: {steps:?}");
    }
}
