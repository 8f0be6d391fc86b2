//! The interval reading: containment of exact results, tightness, domains, limits, and boxes through operations of the spec.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use std::cmp::Ordering::{self, Equal, Less};
use tl_kernel::cert::json::{Cursor, parse};
use tl_kernel::context::interval::{Enclosure, Interval};
use tl_kernel::context::rational::{Number, Rational};
use tl_kernel::context::real::{Ball, MIN_PRECISION, Real};
use tl_kernel::context::{Context, EvalError, PADDING, Rows};
use tl_kernel::ir::{Shape, Tensor};
use tl_kernel::number::{Direction, Dyadic, Exact, dyadic::EXPONENT_LIMIT};
use tl_kernel::spec::Op;

fn d(m: i64, e: i64) -> Dyadic {
    Dyadic::new(m.into(), e)
}

fn interval(lo: Dyadic, hi: Dyadic) -> Enclosure {
    Enclosure::new(lo, hi).unwrap()
}

/// `[lo, hi]` from exact texts that denote dyadic numbers.
fn between(lo: &str, hi: &str) -> Enclosure {
    let end = |text: &str| Exact::parse(text).unwrap().dyadic().unwrap();
    interval(end(lo), end(hi))
}

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 400,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(0x7157_0001),
        ..ProptestConfig::default()
    }
}

/// Ends of every size: ordinary, subnormal and huge binary32 numbers, and far beyond.
fn end() -> impl Strategy<Value = Dyadic> {
    let exponent = prop_oneof![-12..4i64, -149..-126i64, 80..104i64, -1000..1000i64];
    let mantissa = prop_oneof![
        4 => -(1i64 << 40)..1 << 40,
        4 => -(1i64 << 24)..1 << 24,
        1 => -2..3i64,
    ];
    (mantissa, exponent).prop_map(|(m, e)| d(m, e))
}

/// An interval: two ends at random, or one end and a small width, or a point.
fn enclosure() -> impl Strategy<Value = Enclosure> {
    let apart = (end(), end()).prop_map(|(a, b)| interval(a.clone().min(b.clone()), a.max(b)));
    let near = (end(), 0..1000i64, -30..0i64).prop_map(|(a, w, shift)| {
        let width = a.abs().mul(&d(w, shift));
        interval(a.clone(), a.add(&width))
    });
    prop_oneof![2 => apart, 2 => near, 1 => end().prop_map(Enclosure::point)]
}

/// The point `k/8` of the way from the lower to the upper end.
fn inside(x: &Enclosure, k: i64) -> Dyadic {
    x.lo().mul(&d(8 - k, -3)).add(&x.hi().mul(&d(k, -3)))
}

fn encloses(x: &Enclosure, value: &Number) -> bool {
    let value = value.to_rational();
    x.lo().to_rational() <= value && value <= x.hi().to_rational()
}

/// Containment of the exact value at one point; an undefined interval result means undefined values.
fn check(
    name: &str,
    image: &Result<Enclosure, EvalError>,
    value: Result<Number, EvalError>,
) -> Result<(), TestCaseError> {
    match (image, value) {
        (Ok(image), Ok(value)) => {
            prop_assert!(encloses(image, &value), "{name}: {image:?} {value:?}");
        }
        (Ok(_), Err(error)) => {
            prop_assert!(matches!(error, EvalError::NotRational { .. }), "{name}: {error}");
        }
        (Err(EvalError::Undefined { .. }), value) => {
            prop_assert!(matches!(value, Err(EvalError::Undefined { .. })), "{name}: {value:?}");
        }
        (Err(error), _) => {
            prop_assert!(matches!(error, EvalError::Undecided { .. }), "{name}: {error}");
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn arithmetic_contains_the_exact_result_at_every_point(
        x in enclosure(), y in enclosure(), i in 0..=8i64, j in 0..=8i64, precision in 32..140u64,
    ) {
        type Binary<C> = fn(&C, &<C as Context>::Value, &<C as Context>::Value) -> Result<<C as Context>::Value, EvalError>;
        let operations: [(&str, Binary<Interval>, Binary<Rational>); 6] = [
            ("add", Interval::add, Rational::add),
            ("sub", Interval::sub, Rational::sub),
            ("mul", Interval::mul, Rational::mul),
            ("div", Interval::div, Rational::div),
            ("max", Interval::max, Rational::max),
            ("min", Interval::min, Rational::min),
        ];
        let context = Interval::new(precision);
        let (a, b) = (Number::Dyadic(inside(&x, i)), Number::Dyadic(inside(&y, j)));
        for (name, over_intervals, over_q) in operations {
            let image = over_intervals(&context, &x, &y);
            let decided = name != "div" || !y.contains(&Dyadic::zero()) || y.is_point();
            prop_assert_eq!(decided, !matches!(image, Err(EvalError::Undecided { .. })));
            check(name, &image, over_q(&Rational::default(), &a, &b))?;
        }
        check("neg", &context.neg(&x), Rational::default().neg(&a))?;
        check("abs", &context.abs(&x), Rational::default().abs(&a))?;
    }

    #[test]
    fn a_product_is_its_exact_image_rounded_outward(x in enclosure(), y in enclosure(), precision in 32..140u64) {
        let image = Interval::new(precision).mul(&x, &y).unwrap();
        let products = [x.lo().mul(y.lo()), x.lo().mul(y.hi()), x.hi().mul(y.lo()), x.hi().mul(y.hi())];
        let (least, greatest) = (products.iter().min().unwrap(), products.iter().max().unwrap());
        prop_assert_eq!(image.lo(), &least.round(precision, Direction::Down).0);
        prop_assert_eq!(image.hi(), &greatest.round(precision, Direction::Up).0);
    }

    #[test]
    fn roots_contain_the_root_of_every_point(x in enclosure(), i in 0..=8i64, precision in 32..140u64) {
        let context = Interval::new(precision);
        let (x, point) = (context.abs(&x).unwrap(), inside(&context.abs(&x).unwrap(), i));
        let root = context.sqrt(&x).unwrap();
        prop_assert!(root.lo().mul(root.lo()) <= point && point <= root.hi().mul(root.hi()));
        if x.lo().signum() > 0 {
            let inverse = context.rsqrt(&x).unwrap();
            prop_assert!(inverse.lo().mul(inverse.lo()).mul(&point) <= Dyadic::one());
            prop_assert!(inverse.hi().mul(inverse.hi()).mul(&point) >= Dyadic::one());
        }
    }

    #[test]
    fn integer_powers_contain_the_power_of_every_point(x in enclosure(), i in 0..=8i64, n in -6..=6i64, precision in 32..140u64) {
        let context = Interval::new(precision);
        let value = Rational::default().pow(&Number::Dyadic(inside(&x, i)), &Number::Dyadic(Dyadic::integer(n)));
        check("pow", &context.pow(&x, &Enclosure::point(Dyadic::integer(n))), value)?;
    }

    #[test]
    fn sums_and_dot_products_contain_every_exact_value_and_are_rounded_once(
        x in proptest::collection::vec(enclosure(), 10),
        y in proptest::collection::vec(enclosure(), 10),
        b in proptest::collection::vec(enclosure(), 2),
        i in proptest::collection::vec(0..=8i64, 10),
        hole in 0..10usize,
    ) {
        let context = Interval::new(64);
        let at = |x: &[Enclosure]| -> Vec<Number> {
            x.iter().zip(&i).map(|(x, &k)| Number::Dyadic(inside(x, k))).collect()
        };
        let (p, q, r) = (at(&x), at(&y), at(&b));
        check("sum", &context.sum(&x), Rational::default().sum(&p))?;
        let lo = x.iter().fold(Dyadic::zero(), |sum, x| sum.add(x.lo()));
        let sum = context.sum(&x).unwrap();
        prop_assert_eq!(sum.lo(), &lo.round(64, Direction::Down).0);
        let index: Vec<u32> = (0..10).map(|k| if k == hole { PADDING } else { u32::try_from(k).unwrap() }).collect();
        let left = Rows::gathered(&x, 2, 5, index.clone()).unwrap();
        let images = context.dots(&left, &Rows::contiguous(&y, 5), Some(&b)).unwrap();
        let left = Rows::gathered(&p, 2, 5, index).unwrap();
        let values = Rational::default().dots(&left, &Rows::contiguous(&q, 5), Some(&r)).unwrap();
        prop_assert_eq!(images.len(), 4);
        for (image, value) in images.into_iter().zip(values) {
            check("dots", &Ok(image), Ok(value))?;
        }
    }

    #[test]
    fn elementary_functions_contain_the_value_at_every_point(
        lo in -20_000..20_000i64, width in prop_oneof![0..50i64, 0..40_000i64], shift in 4..24i64, i in 0..=8i64, precision in 32..140u64,
    ) {
        type Unary<C> = fn(&C, &<C as Context>::Value) -> Result<<C as Context>::Value, EvalError>;
        let functions: [(&str, Unary<Interval>, Unary<Real>); 10] = [
            ("exp", Interval::exp, Real::exp),
            ("expm1", Interval::expm1, Real::expm1),
            ("log", Interval::log, Real::log),
            ("log1p", Interval::log1p, Real::log1p),
            ("tanh", Interval::tanh, Real::tanh),
            ("erf", Interval::erf, Real::erf),
            ("sin", Interval::sin, Real::sin),
            ("cos", Interval::cos, Real::cos),
            ("sqrt", Interval::sqrt, Real::sqrt),
            ("rsqrt", Interval::rsqrt, Real::rsqrt),
        ];
        let (context, real) = (Interval::new(precision), Real::new(300));
        let x = interval(d(lo, -shift), d(lo + width, -shift));
        let point = Ball::exact(inside(&x, i));
        for (name, over_intervals, over_reals) in functions {
            match (over_intervals(&context, &x), over_reals(&real, &point)) {
                (Ok(image), Ok(ball)) => {
                    prop_assert!(*image.lo() <= ball.upper() && ball.lower() <= *image.hi(), "{name} {x:?}");
                    if x.is_point() && !image.hi().is_zero() {
                        let size = image.hi().abs().max(image.lo().abs()).top().unwrap();
                        let ulp = d(1, size - i64::try_from(precision).unwrap());
                        prop_assert!(image.hi().sub(image.lo()) <= ulp, "{name} {x:?} {image:?}");
                    }
                }
                (Err(EvalError::Undefined { .. }), value) => {
                    prop_assert!(matches!(value, Err(EvalError::Undefined { .. })), "{name} {x:?}");
                }
                (image, _) => prop_assert!(matches!(image, Err(EvalError::Undecided { .. })), "{name} {x:?}"),
            }
        }
    }

    #[test]
    fn real_powers_contain_the_value_at_every_point(
        x in 0..5000i64, w in 0..5000i64, y in -300..300i64, v in 0..300i64, i in 0..=8i64, j in 0..=8i64,
    ) {
        let (context, real) = (Interval::new(80), Real::new(300));
        let (x, y) = (interval(d(x, -9), d(x + w, -9)), interval(d(y, -6), d(y + v, -6)));
        let value = real.pow(&Ball::exact(inside(&x, i)), &Ball::exact(inside(&y, j)));
        match (context.pow(&x, &y), value) {
            (Ok(image), Ok(ball)) => prop_assert!(*image.lo() <= ball.upper() && ball.lower() <= *image.hi(), "{x:?} {y:?}"),
            (Err(EvalError::Undefined { .. }), value) => prop_assert!(value.is_err()),
            (image, value) => prop_assert!(matches!(image, Err(EvalError::Undecided { .. })), "{x:?} {y:?} {image:?} {value:?}"),
        }
    }

    #[test]
    fn smooth_operations_on_a_box_contain_their_values_in_it(
        centre in proptest::collection::vec(-4000..4000i64, 6), width in proptest::collection::vec(0..200i64, 6), i in proptest::collection::vec(0..=8i64, 6),
    ) {
        let (context, real) = (Interval::new(64), Real::new(200));
        let shape = Shape::new(vec![1, 2, 3]).unwrap();
        let box_of = |(c, w): (&i64, &i64)| interval(d(c - w, -9), d(c + w, -9));
        let x: Vec<_> = centre.iter().zip(&width).map(box_of).collect();
        let point = x.iter().zip(&i).map(|(x, &k)| Ball::exact(inside(x, k))).collect();
        let (x, point) = (Tensor::new(shape.clone(), x).unwrap(), Tensor::new(shape.clone(), point).unwrap());
        for node in SMOOTH {
            let op = decode(node);
            let shape = op.shape(&[&shape]).unwrap();
            let images = op.value(&context, &[&x], &shape).unwrap();
            let values = op.value(&real, &[&point], &shape).unwrap();
            for (image, ball) in images.iter().zip(&values) {
                prop_assert!(*image.lo() <= ball.upper() && ball.lower() <= *image.hi(), "{node} {image:?} {ball:?}");
            }
        }
    }
}

/// Operations of one parent that are defined everywhere.
const SMOOTH: &[&str] = &[
    r#"{"op":"exp"}"#,
    r#"{"op":"tanh"}"#,
    r#"{"op":"sigmoid"}"#,
    r#"{"op":"hard_sigmoid","attributes":{"alpha":"1/6","beta":"1/2"}}"#,
    r#"{"op":"softplus","attributes":{"beta":"2/3"}}"#,
    r#"{"op":"silu"}"#,
    r#"{"op":"hard_swish"}"#,
    r#"{"op":"mish"}"#,
    r#"{"op":"erf"}"#,
    r#"{"op":"gelu","attributes":{"form":"erf"}}"#,
    r#"{"op":"gelu","attributes":{"form":"tanh"}}"#,
    r#"{"op":"sin"}"#,
    r#"{"op":"cos"}"#,
    r#"{"op":"softmax","attributes":{"axis":2}}"#,
    r#"{"op":"log_softmax","attributes":{"axis":1}}"#,
    r#"{"op":"logsumexp","attributes":{"axes":[1,2],"keepdims":false}}"#,
    r#"{"op":"layer_norm","attributes":{"axis":1,"epsilon":"1e-5"}}"#,
    r#"{"op":"rms_norm","attributes":{"axis":2,"epsilon":"1e-5"}}"#,
    r#"{"op":"group_norm","attributes":{"groups":1,"epsilon":"1e-5"}}"#,
    r#"{"op":"instance_norm","attributes":{"epsilon":"1e-5"}}"#,
];

fn decode(node: &str) -> Op {
    Op::decode(&mut Cursor::root(parse(node.as_bytes()).unwrap()).object().unwrap()).unwrap()
}

#[test]
fn a_precision_is_that_asked_for_or_the_least() {
    assert_eq!((Interval::new(53).precision(), Interval::new(1).precision()), (53, MIN_PRECISION));
}

#[test]
fn an_interval_with_its_ends_out_of_order_cannot_be_built() {
    assert!(Enclosure::new(Dyadic::one(), Dyadic::zero()).is_none());
    assert!(Enclosure::new(d(2, 0), d(1, 1)).is_some_and(|x| x.is_point()));
}

#[test]
fn intervals_that_meet_are_in_no_order_and_their_hull_holds_both() {
    let context = Interval::new(64);
    for (x, y, order, hull) in [
        (("1", "1"), ("1", "1"), Some(Equal), ("1", "1")),
        (("1", "1"), ("2", "2"), Some(Less), ("1", "2")),
        (("1", "2"), ("3", "3"), Some(Less), ("1", "3")),
        (("1", "2"), ("3", "5"), Some(Less), ("1", "5")),
        (("1", "2"), ("2", "3"), None, ("1", "3")),
        (("1", "2"), ("2", "2"), None, ("1", "2")),
        (("1", "1"), ("1", "2"), None, ("1", "2")),
        (("1", "2"), ("1", "2"), None, ("1", "2")),
        (("1", "4"), ("2", "3"), None, ("1", "4")),
        (("-3", "2"), ("-2", "5"), None, ("-3", "5")),
    ] {
        let (x, y, hull) = (between(x.0, x.1), between(y.0, y.1), between(hull.0, hull.1));
        assert_eq!(context.order(&x, &y), Ok(order), "{x:?} {y:?}");
        assert_eq!(context.order(&y, &x), Ok(order.map(Ordering::reverse)), "{y:?} {x:?}");
        assert_eq!((context.hull(&x, &y), context.hull(&y, &x)), (Ok(hull.clone()), Ok(hull)), "{x:?} {y:?}");
    }
}

#[test]
fn results_that_fit_are_exact() {
    let c = Interval::new(53);
    let (third, x) = (Exact::fraction(1, 3).unwrap(), between("-1", "2"));
    for (name, image, lo, hi) in [
        ("add", c.add(&x, &between("3", "5")), "2", "7"),
        ("sub", c.sub(&x, &between("3", "5")), "-6", "-1"),
        ("mul", c.mul(&x, &x), "-2", "4"),
        ("mul", c.mul(&x, &between("0", "0")), "0", "0"),
        ("div", c.div(&x, &between("-4", "-2")), "-1", "0.5"),
        ("div", c.div(&between("1", "2"), &between("2", "4")), "0.25", "1"),
        ("max", c.max(&x, &between("0", "1")), "0", "2"),
        ("min", c.min(&x, &between("0", "1")), "-1", "1"),
        ("abs", c.abs(&x), "0", "2"),
        ("sqrt", c.sqrt(&between("2.25", "16")), "1.5", "4"),
        ("rsqrt", c.rsqrt(&between("0.25", "16")), "0.25", "2"),
        ("exp", c.exp(&between("0", "0")), "1", "1"),
        ("log", c.log(&between("1", "1")), "0", "0"),
        ("tanh", c.tanh(&between("0", "0")), "0", "0"),
        ("pow", c.pow(&x, &between("2", "2")), "0", "4"),
        ("pow", c.pow(&x, &between("3", "3")), "-1", "8"),
        ("pow", c.pow(&x, &between("0", "0")), "1", "1"),
        ("pow", c.pow(&between("-4", "-2"), &between("-1", "-1")), "-0.5", "-0.25"),
        ("pow", c.pow(&between("-4", "-2"), &between("-2", "-2")), "0.0625", "0.25"),
        ("pow", c.pow(&between("0", "4"), &between("0.5", "0.5")), "0", "2"),
        ("pow", c.pow(&between("0.25", "4"), &between("-0.5", "0.5")), "0.5", "2"),
    ] {
        assert_eq!(image, Ok(between(lo, hi)), "{name}");
    }
    let third = c.constant(&third).unwrap();
    assert_eq!(third.hi().sub(third.lo()), d(1, -54));
    assert!(encloses(&third, &Rational::default().constant(&Exact::fraction(1, 3).unwrap()).unwrap()));
}

#[test]
fn sine_and_cosine_take_their_extrema_where_a_critical_point_is_inside_and_only_there() {
    let c = Interval::new(128);
    for (function, lo, hi, least, greatest) in [
        ("cos", "-1", "1", false, true),
        ("cos", "0", "3", false, true),
        ("cos", "1", "3", false, false),
        ("cos", "3", "4", true, false),
        ("cos", "4", "6", false, false),
        ("cos", "6", "7", false, true),
        ("cos", "3", "7", true, true),
        ("cos", "-1000", "1000", true, true),
        ("cos", "-4", "-3", true, false),
        ("sin", "-1", "1", false, false),
        ("sin", "1", "2", false, true),
        ("sin", "4", "5", true, false),
        ("sin", "2", "4.5", false, false),
        ("sin", "-2", "-1", true, false),
        ("sin", "1", "5", true, true),
        ("sin", "1e10", "1e10", false, false),
        // The binary32 and the binary64 neighbours of π, and the two binary64 numbers below it.
        ("cos", "0x1.921fb4p+1", "0x1.921fb6p+1", true, false),
        ("cos", "0x1.921fb54442d18p+1", "0x1.921fb54442d19p+1", true, false),
        ("cos", "0x1.921fb54442d17p+1", "0x1.921fb54442d18p+1", false, false),
        ("sin", "0x1.921fb54442d18p+0", "0x1.921fb54442d19p+0", false, true),
        ("sin", "0x1.921fb54442d17p+0", "0x1.921fb54442d18p+0", false, false),
    ] {
        let x = between(lo, hi);
        let image = if function == "cos" { c.cos(&x) } else { c.sin(&x) }.unwrap();
        let extrema = (*image.lo() == Dyadic::integer(-1), *image.hi() == Dyadic::one());
        assert_eq!(extrema, (least, greatest), "{function} [{lo}, {hi}]");
    }
    let everywhere = Ok(between("-1", "1"));
    assert_eq!(c.sin(&interval(d(1, 5000), d(1, 5000).add(&Dyadic::one()))), everywhere);
    assert_eq!(c.cos(&interval(d(-1, 1 << 39), d(1, 1 << 39))), everywhere);
    let far = d(1, (1 << 12) - 1);
    assert_ne!(Interval::new(4096).cos(&interval(far.clone(), far.add(&d(1, -20)))), everywhere);
}

#[test]
fn an_argument_outside_the_domain_is_undefined_and_one_partly_outside_undecided() {
    let c = Interval::new(53);
    let (half, minus_one) = (between("0.5", "0.5"), between("-1", "-1"));
    for (name, outside, partly) in [
        ("div", c.div(&half, &between("0", "0")), c.div(&half, &between("0", "1"))),
        ("sqrt", c.sqrt(&between("-2", "-1")), c.sqrt(&between("-1", "1"))),
        ("rsqrt", c.rsqrt(&between("-2", "0")), c.rsqrt(&between("0", "1"))),
        ("log", c.log(&between("-2", "0")), c.log(&between("0", "1"))),
        ("log1p", c.log1p(&between("-2", "-1")), c.log1p(&between("-1", "1"))),
        ("pow", c.pow(&between("-2", "-1"), &half), c.pow(&between("-2", "1"), &half)),
        ("pow", c.pow(&between("0", "0"), &minus_one), c.pow(&between("0", "1"), &minus_one)),
        ("pow", c.pow(&between("0", "0"), &between("-2", "-1")), c.pow(&between("-2", "-1"), &between("1", "2"))),
        ("pow", c.pow(&between("0", "0"), &between("-0.5", "-0.5")), c.pow(&between("0", "1"), &between("-1", "2"))),
    ] {
        assert!(matches!(outside, Err(EvalError::Undefined { .. })), "{name} {outside:?}");
        assert!(matches!(partly, Err(EvalError::Undecided { .. })), "{name} {partly:?}");
    }
    // 0^0 = 1 is a corner of the box, and 0^2 = 0 another.
    assert_eq!(c.pow(&between("0", "0.5"), &between("0", "2")), Ok(between("0", "1")));
    assert_eq!(c.datum(0x7f80_0000), Err(EvalError::NotFinite { word: 0x7f80_0000 }));
}

#[test]
fn exponents_are_bounded_above_by_a_limit_and_below_by_moving_outward() {
    let c = Interval::new(53);
    let (huge, tiny) = (d(1, EXPONENT_LIMIT - 1), d(1, 1 - EXPONENT_LIMIT));
    let point = Enclosure::point;
    let limit = |x: Result<Enclosure, EvalError>| matches!(x, Err(EvalError::Limit { .. }));
    assert!(limit(c.mul(&point(huge.clone()), &point(huge.clone()))));
    assert!(limit(c.sum(&[point(huge.clone()), point(huge.clone())])));
    assert!(limit(c.div(&point(huge.clone()), &point(tiny.clone()))));
    assert!(limit(c.exp(&point(d(1, 41)))));
    let image = c.mul(&interval(tiny.neg(), tiny.clone()), &point(tiny.clone())).unwrap();
    assert!(image.lo().is_negative() && image.hi().signum() > 0 && image.hi().in_range());
    assert!(image.hi().top() < Some(8200 - EXPONENT_LIMIT) && image.lo().top() < Some(8200 - EXPONENT_LIMIT));
    let image = c.mul(&point(tiny.neg()), &point(tiny.clone())).unwrap();
    assert!(image.lo().is_negative() && image.hi().is_zero());
    for image in [c.sin(&interval(tiny.clone(), d(3, 0))), c.tanh(&interval(tiny.clone(), d(3, 0)))] {
        assert!(image.is_ok_and(|image| image.lo().is_zero()));
    }
    let image = c.exp(&interval(d(-1, 50), Dyadic::zero())).unwrap();
    assert_eq!((image.lo().signum(), image.hi()), (0, &Dyadic::one()));
    // Far apart exponents are rounded on the way, never aligned.
    let image = c.sum(&[point(huge.neg()), point(d(1, 0)), point(tiny.neg())]).unwrap();
    assert!(*image.lo() < huge.neg() && huge.neg() < *image.hi());
    let image = c.sum(&[point(d(1, 90_000)), point(d(3, -90_000)), point(d(-1, 90_000))]).unwrap();
    assert!(image.contains(&d(3, -90_000)));
}

#[test]
fn a_box_through_a_layer_has_its_exact_image() {
    let c = Interval::new(53);
    let tensor = |dimensions: &[usize], data: Vec<Enclosure>| {
        Tensor::new(Shape::new(dimensions.to_vec()).unwrap(), data).unwrap()
    };
    let points = |words: &[i64]| words.iter().map(|&w| Enclosure::point(Dyadic::integer(w))).collect();
    let x = tensor(&[1, 2], vec![between("-1", "2"), between("0.5", "1")]);
    let (weight, bias) = (tensor(&[2, 2], points(&[3, -2, -1, 4])), tensor(&[2], points(&[1, -1])));
    let op = decode(r#"{"op":"linear"}"#);
    let shape = op.shape(&[x.shape(), weight.shape(), bias.shape()]).unwrap();
    let y = op.value(&c, &[&x, &weight, &bias], &shape).unwrap();
    assert_eq!(y, [between("-4", "6"), between("-1", "4")]);
}

#[test]
fn a_masked_row_keeps_its_exact_zeros_over_a_box() {
    let c = Interval::new(53);
    let shape = Shape::new(vec![3]).unwrap();
    let x = vec![between("0", "1"), between("-5", "100"), between("0", "1")];
    let mask = [1, 0, 1].map(|k| Enclosure::point(Dyadic::integer(k)));
    let (x, mask) = (Tensor::new(shape.clone(), x).unwrap(), Tensor::new(shape.clone(), mask.to_vec()).unwrap());
    let op = decode(r#"{"op":"masked_softmax","attributes":{"axis":0,"fully_blocked":"zeros"}}"#);
    let y = op.value(&c, &[&x, &mask], &shape).unwrap();
    assert_eq!(y[1], between("0", "0"));
    assert!(y[0].lo().signum() > 0 && y[2].lo().signum() > 0);
}
