//! The real reading against exact dyadic arithmetic on random operands, and containment of functions of fat balls.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use num_bigint::BigInt;
use proptest::prelude::*;
use tl_kernel::context::real::{Ball, Mag, Real};
use tl_kernel::context::{Context, PADDING, Rows};
use tl_kernel::number::Dyadic;

/// A dyadic of up to 200 bits with an exponent of up to `span`, zero and short ones among them.
fn number(span: i64) -> impl Strategy<Value = Dyadic> {
    let mantissa = prop_oneof![
        1 => Just(BigInt::from(0)),
        4 => (-(1i64 << 24)..1 << 24).prop_map(BigInt::from),
        2 => any::<i64>().prop_map(BigInt::from),
        3 => (any::<[u64; 3]>(), any::<bool>()).prop_map(|(words, negative)| {
            let size = words.iter().fold(BigInt::from(0), |n, word| (n << 64) + word);
            if negative { -size } else { size }
        }),
    ];
    (mantissa, -span..span).prop_map(|(mantissa, exponent)| Dyadic::new(mantissa, exponent))
}

/// A ball, exact half of the time.
fn ball(span: i64) -> impl Strategy<Value = Ball> {
    (number(span), prop::option::of((any::<u32>(), -span - 200..span))).prop_map(|(mid, radius)| {
        let (mantissa, exponent) = radius.unwrap_or((0, 0));
        Ball::new(mid, Mag::new(mantissa.into(), exponent))
    })
}

/// Points of a ball: the ends, the midpoint and one between.
fn points(x: &Ball) -> [Dyadic; 4] {
    let quarter = x.mid().add(&x.rad().scaled(-1));
    [x.lower(), x.mid().clone(), quarter, x.upper()]
}

/// Pools of balls whose exponents spread by up to the span.
fn pools() -> impl Strategy<Value = (i64, Vec<Ball>, Vec<Ball>, Vec<Ball>)> {
    let spans = prop_oneof![Just(10i64), Just(60), Just(400), Just(5000)];
    spans.prop_flat_map(|span| {
        let pool = |size| prop::collection::vec(ball(span), size);
        (Just(span), pool(18), pool(9), pool(3))
    })
}

/// Finite binary32 words whose exponent fields lie in one of three ranges: narrow, wide, all.
fn words(count: usize) -> impl Strategy<Value = Vec<u32>> {
    let fields = prop_oneof![Just((118u32, 9u32)), Just((90, 60)), Just((0, 255))];
    (fields, prop::collection::vec((any::<u32>(), any::<u32>()), count)).prop_map(|((least, count), words)| {
        words.iter().map(|(bits, field)| (bits & 0x807f_ffff) | ((least + field % count) << 23)).collect()
    })
}

/// Balls with exponents about a centre, which may be huge or tiny, and a spread; exact ones, zeros and fat ones among them.
fn activations(count: usize) -> impl Strategy<Value = Vec<Ball>> {
    let centres = prop_oneof![4 => Just(0i64), 1 => Just(1 << 38), 1 => Just(-(1i64 << 38))];
    let spans = prop_oneof![3 => Just(3i64), 2 => Just(30), 1 => Just(900)];
    (centres, spans).prop_flat_map(move |(centre, span)| {
        let shift = move |x: Ball| Ball::new(x.mid().scaled(centre), x.mag().scaled(centre));
        prop::collection::vec(ball(span).prop_map(shift), count)
    })
}

fn precision() -> impl Strategy<Value = u64> {
    prop_oneof![Just(32u64), Just(64), Just(128), Just(200), Just(512)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, rng_seed: prop::test_runner::RngSeed::Fixed(7), ..ProptestConfig::default() })]

    #[test]
    fn arithmetic_encloses_the_exact_result(x in ball(300), y in ball(300), p in precision()) {
        let real = Real::new(p);
        let sum = real.add(&x, &y).unwrap();
        let difference = real.sub(&x, &y).unwrap();
        let product = real.mul(&x, &y).unwrap();
        let (max, min) = (real.max(&x, &y).unwrap(), real.min(&x, &y).unwrap());
        let quotient = real.div(&x, &y);
        for a in points(&x) {
            prop_assert!(x.contains(&a) && x.abs().contains(&a.abs()));
            for b in points(&y) {
                prop_assert!(sum.contains(&a.add(&b)));
                prop_assert!(difference.contains(&a.sub(&b)));
                prop_assert!(product.contains(&a.mul(&b)));
                prop_assert!(max.contains((&a).max(&b)) && min.contains((&a).min(&b)));
                if let Ok(quotient) = &quotient {
                    // a/b ∈ [lo, hi] without division
                    let (lo, hi) = (quotient.lower().mul(&b), quotient.upper().mul(&b));
                    prop_assert!(lo.clone().min(hi.clone()) <= a && a <= lo.max(hi));
                } else {
                    prop_assert!(y.contains_zero());
                }
            }
        }
    }

    #[test]
    fn sums_enclose_the_exact_sum_and_round_once(terms in prop::collection::vec(ball(150), 0..12), p in precision()) {
        let sum = Real::new(p).sum(&terms).unwrap();
        for k in 0..4 {
            let exact = terms.iter().fold(Dyadic::zero(), |s, x| s.add(&points(x)[k]));
            prop_assert!(sum.contains(&exact));
        }
        if terms.iter().all(Ball::is_exact) {
            let unit = sum.mid().top().map(|top| Dyadic::power_of_two(top - i64::try_from(p).unwrap()));
            prop_assert!(sum.is_exact() || sum.rad() <= unit.unwrap());
        }
    }

    #[test]
    fn dot_products_enclose_the_exact_ones(
        (span, a, b, bias) in pools(),
        (m, n, terms) in (1usize..4, 1usize..4, 0usize..7),
        index in prop::collection::vec(prop_oneof![4 => 0u32..9, 1 => Just(PADDING)], 18),
        (exact, biased) in any::<(bool, bool)>(),
        p in precision(),
    ) {
        let centre = |x: &Ball| if exact { Ball::exact(x.mid().clone()) } else { x.clone() };
        let [a, b, bias] = [&a[..m * terms], &b[..], &bias[..n]].map(|pool| pool.iter().map(centre).collect::<Vec<Ball>>());
        let index = index[..n * terms].to_vec();
        let left = if terms == 0 { Rows::empty(m) } else { Rows::contiguous(&a, terms) };
        let right = Rows::gathered(&b, n, terms, index).unwrap();
        let dots = Real::new(p).dots(&left, &right, biased.then_some(&bias[..])).unwrap();
        prop_assert_eq!(dots.len(), m * n);
        for i in 0..m {
            for j in 0..n {
                let dot = &dots[i * n + j];
                for k in 0..16 {
                    let mut value = if biased { points(&bias[j])[k % 4].clone() } else { Dyadic::zero() };
                    for t in 0..terms {
                        if let (Some(x), Some(y)) = (left.term(i, t), right.term(j, t)) {
                            value = value.add(&points(x)[k % 4].mul(&points(y)[k / 4]));
                        }
                    }
                    prop_assert!(dot.contains(&value), "{:?} {:?}", dot, value);
                    if exact && span < 100 && !dot.is_exact() {
                        // One rounding of a sum, of which less than a unit of the last bit was cut off.
                        let unit = Dyadic::power_of_two(value.top().unwrap() - i64::try_from(p).unwrap());
                        prop_assert!(dot.rad() <= unit.scaled(1), "{:?} {:?}", dot, value);
                    }
                }
            }
        }
    }

    #[test]
    fn dot_products_with_binary32_weights_are_tight_on_either_side_and_for_gathered_rows(
        (x, w) in (activations(14), words(20)),
        (m, n, terms) in (1usize..5, 1usize..5, 1usize..24),
        picks in (prop::collection::vec(0u32..17, 92), prop::collection::vec(0u32..23, 92)),
        (exact, swapped) in any::<(bool, bool)>(),
        p in precision(),
    ) {
        let real = Real::new(p);
        let x: Vec<Ball> = x.into_iter().map(|x| if exact { Ball::exact(x.mid().clone()) } else { x }).collect();
        let w: Vec<Ball> = w.iter().map(|&word| real.datum(word).unwrap()).collect();
        let gathered = |pool, rows: usize, picks: &[u32], size: u32| {
            let index = picks[..rows * terms].iter().map(|&at| if at < size { at } else { PADDING }).collect();
            Rows::gathered(pool, rows, terms, index).unwrap()
        };
        let (mut left, mut right) = (gathered(&x, m, &picks.0, 14), gathered(&w, n, &picks.1, 20));
        if swapped {
            (left, right) = (right, left);
        }
        let dots = real.dots(&left, &right, None).unwrap();
        for (at, dot) in dots.iter().enumerate() {
            let (i, j) = (at / right.rows(), at % right.rows());
            let pairs: Vec<_> = (0..terms).filter_map(|t| Some((left.term(i, t)?, right.term(j, t)?))).collect();
            let total = |f: &dyn Fn(&Ball, &Ball) -> Dyadic| pairs.iter().fold(Dyadic::zero(), |s, (x, y)| s.add(&f(x, y)));
            let mid = total(&|x, y| x.mid().mul(y.mid()));
            // The weights are exact: the exact radius is Σ r |w|, and the farthest points are at that distance.
            let rad = total(&|x, y| x.rad().mul(&y.mid().abs()).add(&x.mid().abs().mul(&y.rad())));
            prop_assert!(dot.contains(&mid.add(&rad)) && dot.contains(&mid.sub(&rad)), "{dot:?} {mid:?} {rad:?}");
            // Radii and sizes are rounded up at the scale of the greatest of their row (or pool); cutting off at most adds twice the radius.
            let (ball_row, weight_row) = if swapped { ((&right, j), (&left, i)) } else { ((&left, i), (&right, j)) };
            let greatest = |(rows, _): (&Rows<'_, Ball>, usize), f: fn(&Ball) -> Dyadic| {
                rows.pool().iter().map(f).max().unwrap_or(Dyadic::zero())
            };
            let sides = greatest(ball_row, Ball::rad).mul(&greatest(weight_row, |w| w.mid().abs()));
            let unit = dot.mid().top().map_or(Dyadic::zero(), |top| Dyadic::power_of_two(top - i64::try_from(p).unwrap()));
            let smallest = Dyadic::power_of_two(64 - (1 << 40));
            let allowed = rad.scaled(1).add(&rad).add(&rad.scaled(-3)).add(&unit.scaled(1)).add(&sides.scaled(-20));
            prop_assert!(dot.rad() <= allowed.max(smallest), "{dot:?} {mid:?} {rad:?}");
        }
    }

    #[test]
    fn functions_of_a_ball_contain_the_functions_of_its_points(
        x in (any::<i32>(), -40i64..4),
        radius in (1u64..1 << 20, -140i64..3),
        y in (-50i64..50, -3i64..2),
        p in precision(),
    ) {
        let mid = Dyadic::new(BigInt::from(x.0), x.1 - 31);
        let fat = Ball::new(mid, Mag::new(radius.0, radius.1 - 20));
        let (real, finer) = (Real::new(p), Real::new(p + 300));
        let exponent = Ball::exact(Dyadic::new(y.0.into(), y.1));
        type Function<'a> = (&'a str, Box<dyn Fn(&Real, &Ball) -> Result<Ball, tl_kernel::context::EvalError> + 'a>);
        let functions: Vec<Function<'_>> = vec![
            ("exp", Box::new(|r, x| r.exp(x))),
            ("expm1", Box::new(|r, x| r.expm1(x))),
            ("exp2", Box::new(|r, x| r.exp2(x))),
            ("log", Box::new(|r, x| r.log(x))),
            ("log1p", Box::new(|r, x| r.log1p(x))),
            ("log2", Box::new(|r, x| r.log2(x))),
            ("log10", Box::new(|r, x| r.log10(x))),
            ("sin", Box::new(|r, x| r.sin(x))),
            ("cos", Box::new(|r, x| r.cos(x))),
            ("tan", Box::new(|r, x| r.tan(x))),
            ("atan", Box::new(|r, x| r.atan(x))),
            ("sinh", Box::new(|r, x| r.sinh(x))),
            ("cosh", Box::new(|r, x| r.cosh(x))),
            ("tanh", Box::new(|r, x| r.tanh(x))),
            ("erf", Box::new(|r, x| r.erf(x))),
            ("erfc", Box::new(|r, x| r.erfc(x))),
            ("sqrt", Box::new(|r, x| r.sqrt(x))),
            ("rsqrt", Box::new(|r, x| r.rsqrt(x))),
            ("cbrt", Box::new(|r, x| r.cbrt(x))),
            ("pow", Box::new(|r, x| r.pow(x, &exponent))),
        ];
        for (name, f) in functions {
            let Ok(image) = f(&real, &fat) else { continue };
            for point in points(&fat) {
                let value = f(&finer, &Ball::exact(point.clone())).unwrap();
                // The finer value meets the image; both enclose the exact one.
                prop_assert!(image.compare(&value).is_none_or(|o| o.is_eq()), "{name} {fat:?} at {point:?}: {image:?} {value:?}");
            }
            // Tight for the monotone ones: no wider than the spread of the values at the ends, but for a few units.
            let ends = [fat.lower(), fat.upper()].map(|x| f(&finer, &Ball::exact(x)).unwrap());
            if !(["sin", "cos", "tan", "cosh"].contains(&name) || name == "pow" && fat.contains_zero()) {
                let spread = ends[0].mid().sub(ends[1].mid()).abs().scaled(-1);
                let size = ends[0].abs().upper().max(ends[1].abs().upper());
                let unit = size.top().map_or(Dyadic::zero(), |top| Dyadic::power_of_two(top - i64::try_from(p).unwrap()));
                let allowed = spread.add(&spread.scaled(-6)).add(&unit.scaled(1));
                prop_assert!(image.rad() <= allowed, "{name} {fat:?}: {image:?}, allowed {allowed:?}");
            }
            let at_mid = f(&finer, &Ball::exact(fat.mid().clone())).unwrap();
            prop_assert!(image.contains(&at_mid.lower()) && image.contains(&at_mid.upper()), "{name} {fat:?}: {image:?} {at_mid:?}");
        }
    }

    #[test]
    fn more_precision_gives_a_ball_within_the_coarser_one_up_to_its_width(x in (any::<i64>(), -90i64..-50)) {
        let x = Ball::exact(Dyadic::new(BigInt::from(x.0), x.1));
        for (a, b) in [(64, 128), (128, 512)] {
            let (coarse, fine) = (Real::new(a), Real::new(b));
            for f in [Real::exp, Real::tanh, Real::erf, Real::sin, Real::cos] {
                let (big, small) = (f(&coarse, &x).unwrap(), f(&fine, &x).unwrap());
                prop_assert!(small.is_exact() || small.rad() <= big.rad());
                prop_assert!(big.compare(&small).is_none_or(|o| o.is_eq()));
            }
        }
    }
}
