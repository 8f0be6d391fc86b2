//! The dot products of the real reading against exact dyadic arithmetic, where their digits are put to the test: long rows, wild exponents,
//! greatest digits, rows gathered with padding, and convolutions with padding, stride, dilation and groups.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use num_bigint::BigInt;
use tl_kernel::cert::json::{Cursor, parse};
use tl_kernel::context::rational::Rational;
use tl_kernel::context::real::{Ball, Mag, Real};
use tl_kernel::context::{Context, PADDING, Rows};
use tl_kernel::ir::{Shape, Tensor};
use tl_kernel::number::Dyadic;
use tl_kernel::spec::Op;

/// A linear congruential generator; the seed stands beside each use.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) % bound
    }

    /// A number of up to `words` words of 53 bits, its exponent within `span` of `centre`; zero one time in eight.
    fn number(&mut self, words: u64, centre: i64, span: u64) -> Dyadic {
        let mut mantissa = BigInt::from(0);
        if self.below(8) > 0 {
            for _ in 0..words {
                mantissa = (mantissa << 53) + self.below(1 << 53);
            }
            if self.below(2) == 0 {
                mantissa = -mantissa;
            }
        }
        let exponent = centre + i64::try_from(self.below(2 * span + 1)).unwrap() - i64::try_from(span).unwrap();
        Dyadic::new(mantissa, exponent)
    }

    fn balls(&mut self, count: usize, words: u64, span: u64, fat: bool) -> Vec<Ball> {
        let ball = |_| {
            let mid = self.number(words, 0, span);
            let rad = if fat && self.below(4) > 0 { Mag::new(self.below(1 << 40), -100) } else { Mag::ZERO };
            Ball::new(mid, rad)
        };
        (0..count).map(ball).collect()
    }
}

/// Whether each product holds the extreme values of the exact one, and is wider than they ask by a small factor at most.
fn assert_enclosed(real: &Real, left: &Rows<'_, Ball>, right: &Rows<'_, Ball>, bias: Option<&[Ball]>, what: &str) {
    let dots = real.dots(left, right, bias).unwrap();
    assert_eq!(dots.len(), left.rows() * right.rows(), "{what}");
    let smallest = Dyadic::power_of_two(64 - (1 << 40));
    for (at, dot) in dots.iter().enumerate() {
        let (i, j) = (at / right.rows(), at % right.rows());
        let (mut mid, mut rad) = bias.map_or((Dyadic::zero(), Dyadic::zero()), |b| (b[j].mid().clone(), b[j].rad()));
        let (mut most, mut wide) = ((Dyadic::zero(), Dyadic::zero()), (Dyadic::zero(), Dyadic::zero()));
        for t in 0..left.terms() {
            let (Some(x), Some(y)) = (left.term(i, t), right.term(j, t)) else { continue };
            mid = mid.add(&x.mid().mul(y.mid()));
            let widths = (x.rad().mul(&y.mid().abs()), x.mid().abs().mul(&y.rad()));
            rad = rad.add(&widths.0).add(&widths.1).add(&x.rad().mul(&y.rad()));
            most = (most.0.max(x.mid().abs()), most.1.max(y.mid().abs()));
            wide = (wide.0.max(x.rad()), wide.1.max(y.rad()));
        }
        for end in [mid.add(&rad), mid.sub(&rad)] {
            assert!(dot.contains(&end), "{what}, product {i} {j}: {dot:?} misses {end:?}");
        }
        assert!(dot.mid().normalised().bits() <= real.precision(), "{what}, product {i} {j}: {dot:?} is not rounded");
        let unit = mid.top().map_or(Dyadic::zero(), |top| Dyadic::power_of_two(top - real.precision() as i64));
        // A radius or a size is rounded up to 2^−26 of the greatest of its row.
        let sides = most.0.mul(&wide.1).add(&most.1.mul(&wide.0)).add(&wide.0.mul(&wide.1));
        let sides = sides.mul(&Dyadic::integer(left.terms() as i64)).scaled(-24);
        let allowed = rad.scaled(1).add(&rad).add(&rad).add(&unit.scaled(1)).add(&sides).max(smallest.clone());
        assert!(dot.rad() <= allowed, "{what}, product {i} {j}: {dot:?} is wider than {allowed:?}");
    }
}

#[test]
fn rows_of_every_length_about_the_tiles_are_enclosed() {
    let mut random = Random(11);
    for terms in [0, 1, 2, 3, 30, 31, 32, 62, 247, 248, 249, 279, 280, 1000, 3001] {
        for (precision, words, span, fat) in [(64, 1, 20, false), (128, 3, 20, true), (200, 4, 90, true)] {
            let (m, n) = (1 + terms % 3, 5);
            let (x, w) = (random.balls(m * terms, words, span, fat), random.balls(n * terms, 1, span, false));
            let bias = random.balls(n, 1, span, fat);
            let rows = |pool, count| if terms == 0 { Rows::empty(count) } else { Rows::contiguous(pool, terms) };
            let what = format!("{terms} terms at {precision} bits");
            assert_enclosed(&Real::new(precision), &rows(&x, m), &rows(&w, n), Some(&bias), &what);
        }
    }
}

#[test]
fn batches_about_the_blocks_are_enclosed() {
    let mut random = Random(12);
    for (m, n) in [(1, 1), (1, 33), (3, 4), (12, 5), (23, 31), (24, 32), (25, 257), (49, 3)] {
        let (x, w) = (random.balls(m * 17, 3, 30, true), random.balls(n * 17, 1, 30, false));
        let what = format!("{m} by {n} rows");
        assert_enclosed(&Real::new(128), &Rows::contiguous(&x, 17), &Rows::contiguous(&w, 17), None, &what);
    }
}

#[test]
fn greatest_digits_of_one_sign_do_not_overflow() {
    // 2^k − 1 fills every digit, and one bit more rounds the lowest left digit up to 2^27; 2^31 − 1 is the greatest right digit.
    for (left, right) in [(27u32, 31u32), (54, 62), (135, 31), (136, 31), (163, 155), (200, 200), (1, 1)] {
        for terms in [31usize, 32, 248, 4096] {
            for sign in [1, -1] {
                let ones = |bits: u32| Ball::exact(Dyadic::new(((BigInt::from(1) << bits) - 1) * sign, 0));
                let (x, w) = (vec![ones(left); terms], vec![ones(right); 2 * terms]);
                let rows = (Rows::contiguous(&x, terms), Rows::contiguous(&w, terms));
                let what = format!("{terms} terms of {left} and {right} bits, sign {sign}");
                assert_enclosed(&Real::new(128), &rows.0, &rows.1, None, &what);
            }
        }
    }
}

#[test]
fn a_sum_whose_last_words_cancel_is_exact_and_one_that_rounds_up_to_a_power_of_two_keeps_its_leading_bit() {
    let power = |exponent: u32| BigInt::from(1) << exponent;
    for (x, y, precision, exact) in [
        (power(65) + 1, (1 << 20) - 1, 64, true),
        (power(126), 1, 126, true),
        (power(127), 1, 126, false),
        (power(127) + 1, 1, 126, true),
        (power(128) - 2, 1, 126, false),
        (power(190), 1, 190, true),
        (power(191), 1, 190, false),
    ] {
        // (x − 1) y, in the digits of x and y
        let (left, right) = ([x, BigInt::from(-1)], [BigInt::from(y), BigInt::from(y)]);
        let [left, right] = [left, right].map(|row| row.map(|x| Ball::exact(Dyadic::new(x, 0))));
        let sums = Real::new(precision).dots(&Rows::contiguous(&left, 2), &Rows::contiguous(&right, 2), None);
        let (sum, value) = (&sums.unwrap()[0], left[0].mid().add(left[1].mid()).mul(right[0].mid()));
        assert!(sum.contains(&value) && sum.is_exact() == exact, "{value:?} at {precision} bits: {sum:?}");
        assert!(sum.rad() <= value.scaled(-(precision as i64)), "{value:?} at {precision} bits: {sum:?}");
    }
}

#[test]
fn a_row_has_two_to_the_26_terms_at_most() {
    for (terms, fits) in [(1 << 26, true), ((1 << 26) + 1, false)] {
        let none = Rows::contiguous(&[], terms);
        assert_eq!(Real::new(64).dots(&none, &none, None).is_ok(), fits, "{terms} terms");
    }
}

#[test]
fn greatest_radii_do_not_overflow() {
    let fat = |bits: u32| Ball::new(Dyadic::new((BigInt::from(1) << bits) - 1, 0), Mag::new((1 << 30) - 1, 0));
    let (x, w) = (vec![fat(135); 4096], vec![fat(31); 4096]);
    assert_enclosed(&Real::new(128), &Rows::contiguous(&x, 4096), &Rows::contiguous(&w, 4096), None, "fat rows");
}

#[test]
fn short_words_at_the_limits_of_their_window_give_the_exact_sum() {
    // A row of few: eight words of 24 bits at exponent 0, which tell the window, and others at one exponent: in and beside −13 ..= 9 on the left,
    // −24 ..= 15 on the right.
    let row = |terms: usize, mantissa: i64, exponent: i64| -> Vec<Ball> {
        let word = |t: usize| if t < 8 { (1 << 24) - 1 } else { mantissa };
        let at = |t: usize| if t < 8 { 0 } else { exponent };
        (0..terms).map(|t| Ball::exact(Dyadic::new(BigInt::from(word(t)), at(t)))).collect()
    };
    let most = (1 << 24) - 1;
    for (terms, left_rows) in [(9, 1), (31, 2), (40, 24), (40, 25), (1 << 16, 1), ((1 << 16) + 1, 1)] {
        for (left, x) in [(-14, most), (-13, most), (9, most), (10, -most), (9, most + 1), (700, 0)] {
            for (right, y) in
                [(-25, most), (-24, -most), (15, most), (15, -most), (16, most), (15, -most - 1), (900, 0)]
            {
                let (xs, ys) = (vec![row(terms, x, left); left_rows].concat(), row(terms, y, right));
                let dots = Real::new(256).dots(&Rows::contiguous(&xs, terms), &Rows::contiguous(&ys, terms), None);
                let count = BigInt::from(terms - 8);
                let rest = Dyadic::new(BigInt::from(x) * y * count, left + right);
                let exact = Dyadic::integer(8 * most).mul(&Dyadic::integer(most)).add(&rest);
                for dot in dots.unwrap() {
                    assert!(
                        dot.is_exact() && *dot.mid() == exact,
                        "{terms} terms, {x} · 2^{left}, {y} · 2^{right}: {dot:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn what_limbs_and_digits_cut_off_is_in_the_radius_at_every_scale() {
    // 2^200 + tail, then pairs of 2^200 + tail and −2^200 + tail: the sum is about 2^200, and the tails, where they are cut off, add up to 1/100 of
    // the last of 131 bits or to much more.
    let terms = 127;
    for tail in (1..52).map(|zeros: u32| (BigInt::from(1) << (200 - 131 - zeros)) - 1) {
        let number = |t: usize| (BigInt::from(if t.is_multiple_of(2) { 1 } else { -1 }) << 200) + &tail;
        for (left, right) in [(0, 0), (400, 400), (-400, -400), (400, -900)] {
            let xs: Vec<Ball> = (0..terms).map(|t| Ball::exact(Dyadic::new(number(t), left))).collect();
            let ys = vec![Ball::exact(Dyadic::new(BigInt::from(1 << 23), right)); terms];
            let exact = Dyadic::new(((BigInt::from(1) << 200) + &tail * 127) << 23, left + right);
            for rows in [1, 3, 25] {
                let (xs, real) = (vec![&xs[..]; rows].concat(), Real::new(131));
                let (xs, ys) = (Rows::contiguous(&xs, terms), Rows::contiguous(&ys, terms));
                for dot in [real.dots(&xs, &ys, None).unwrap(), real.dots(&ys, &xs, None).unwrap()].concat() {
                    assert!(dot.contains(&exact), "{rows} rows at 2^{left} and 2^{right}, tail {tail:x}: {dot:?}");
                    let units = Dyadic::power_of_two(exact.top().unwrap() - 131 + 1);
                    assert!(dot.rad() <= units, "{rows} rows at 2^{left} and 2^{right}, tail {tail:x}: {dot:?}");
                }
            }
        }
    }
}

#[test]
fn sums_beyond_127_bits_of_greatest_limbs_are_not_formed_in_limbs() {
    // 46 bits by 63 bits, which the first eight words hide: 2^18 of these products and more are beyond 2^127.
    let (terms, most) = ((1 << 18) + 99, (1 << 24) - 1);
    let row = |sign: i64, exponent: i64| -> Vec<Ball> {
        let at = |t: usize| if t < 8 { 0 } else { exponent };
        (0..terms).map(|t| Ball::exact(Dyadic::new(BigInt::from(sign * most), at(t)))).collect()
    };
    let exact = |sign: i64| {
        let square = Dyadic::integer(most).mul(&Dyadic::integer(sign * most));
        let rest = square.mul(&Dyadic::integer(terms as i64 - 8));
        square.scaled(3).add(&rest.scaled(9 + 15))
    };
    for sign in [1, -1] {
        let (xs, ys) = (row(sign, 9), row(1, 15));
        let dots = Real::new(256).dots(&Rows::contiguous(&xs, terms), &Rows::contiguous(&ys, terms), None).unwrap();
        assert!(dots[0].is_exact() && *dots[0].mid() == exact(sign), "{sign}: {:?}", dots[0]);
    }
}

#[test]
fn few_fat_or_long_rows_against_short_words_are_enclosed() {
    let mut random = Random(16);
    for (precision, words, span) in
        [(32, 1, 3), (64, 1, 20), (128, 3, 2), (128, 3, 60), (200, 4, 3), (200, 4, 500), (340, 8, 3), (1000, 20, 3)]
    {
        for (left_rows, fat) in [(1, false), (1, true), (2, true), (5, true), (9, false), (24, true)] {
            let (x, bias) = (random.balls(left_rows * 33, words, span, fat), random.balls(7, 2, 5, fat));
            let mut weights = random.balls(7 * 33, 1, 0, false);
            for weight in &mut weights {
                let mantissa = weight.mid().mantissa().into_owned() >> 30u32;
                *weight = Ball::exact(Dyadic::new(mantissa, -30 + random.below(12) as i64));
            }
            let rows = (Rows::contiguous(&x, 33), Rows::contiguous(&weights, 33));
            let what = format!("{left_rows} rows at {precision} bits within {span}, fat {fat}");
            assert_enclosed(&Real::new(precision), &rows.0, &rows.1, Some(&bias), &what);
        }
    }
}

#[test]
fn inexact_or_long_words_are_not_taken_for_short_exact_ones() {
    let (exact, most, terms) = (|m: i64, e: i64| Ball::exact(Dyadic::new(BigInt::from(m), e)), (1i64 << 24) - 1, 20);
    let fat = |m: i64| Ball::new(Dyadic::integer(m), Mag::new(1, -20));
    // Ten words, which tell the window, and ten others.
    for (first, second) in [
        (exact(most, 0), exact(-most, 3)),
        (fat(most), fat(most - 1)),
        (fat(-most), exact(most, 0)),
        (exact(most, 0), fat(most)),
        (exact(most + 1, 0), exact(most + 2, 0)),
        (exact(most, 0), exact(most + 2, 0)),
        (exact((1 << 40) - 1, 0), exact(-1 - (1 << 39), 31)),
        (exact(1 << 40, 0), exact(-1 << 41, 31)),
        (exact((1 << 40) - 1, 0), fat((1 << 40) - 1)),
        (exact(5, 0), fat(3)),
    ] {
        let odd = [vec![first.clone(); 10], vec![second.clone(); 10]].concat();
        let plain = vec![exact(most, 0); terms];
        for rows in [1, 2, 25] {
            for (left, right) in [(&odd, &plain), (&plain, &odd), (&odd, &odd)] {
                let (left, right) = (vec![&left[..]; rows].concat(), [&right[..]; 2].concat());
                let (left, right) = (Rows::contiguous(&left, terms), Rows::contiguous(&right, terms));
                assert_enclosed(&Real::new(128), &left, &right, None, &format!("{first:?} {second:?}, {rows} rows"));
            }
        }
    }
}

#[test]
fn wild_exponents_are_enclosed_on_either_side() {
    let mut random = Random(13);
    for span in [7, 31, 60, 140, 300, 5000, 1 << 30] {
        for (words, fat) in [(1, false), (3, false), (3, true)] {
            let (x, w) = (random.balls(40, words, span.min(20_000), fat), random.balls(40, words, span, fat));
            let scaled: Vec<Ball> =
                w.iter().map(|w| if span > 20_000 { w.scaled(-(1 << 30)) } else { w.clone() }).collect();
            let thin: Vec<Ball> = if span > 20_000 { random.balls(40, 1, 900, fat) } else { scaled };
            for (a, b) in [(&x, &thin), (&thin, &x)] {
                let rows = (Rows::contiguous(&a[..], 20), Rows::contiguous(&b[..], 20));
                assert_enclosed(&Real::new(64), &rows.0, &rows.1, None, &format!("exponents within {span}"));
            }
        }
    }
}

#[test]
fn a_row_far_smaller_than_its_pool_keeps_its_precision() {
    let mut random = Random(14);
    let mut x = random.balls(64, 4, 5, false);
    for small in &mut x[32..] {
        *small = small.scaled(-150);
    }
    let w = random.balls(3 * 16, 1, 5, false);
    // Sixteen rows: of great numbers, of small ones, of padding, and mixed.
    let row = |r: u32| {
        (0..16).map(move |t| match r % 4 {
            0 => t + r,
            1 => 32 + t + r % 16,
            2 => PADDING,
            _ => (t * 7 + r) % 64,
        })
    };
    let gathered = Rows::gathered(&x, 16, 16, (0..16).flat_map(row).collect()).unwrap();
    assert_enclosed(&Real::new(128), &gathered, &Rows::contiguous(&w, 16), None, "gathered rows");
    assert_enclosed(&Real::new(128), &Rows::contiguous(&w, 16), &gathered, None, "gathered rows on the right");
}

#[test]
fn convolutions_with_padding_stride_dilation_and_groups_enclose_the_exact_ones() {
    let mut random = Random(15);
    let mut words = |count: usize| -> Vec<u32> {
        let word = |_| (random.below(1 << 32) as u32 & 0x807f_ffff) | ((100 + random.below(40) as u32) << 23);
        (0..count).map(word).collect()
    };
    // Extents; channels, outputs, groups; kernel, stride, dilation; padding before and after.
    type Case = (&'static [usize], [usize; 3], [usize; 3], [usize; 2]);
    let cases: [Case; 6] = [
        (&[40], [3, 5, 1], [3, 1, 1], [1, 1]),
        (&[9, 8], [4, 6, 2], [3, 2, 1], [1, 0]),
        (&[7, 9], [6, 6, 6], [2, 1, 3], [2, 2]),
        (&[6, 6], [2, 3, 1], [1, 2, 1], [0, 0]),
        (&[4, 5, 3], [2, 2, 1], [3, 1, 1], [2, 1]),
        (&[12, 12], [8, 30, 1], [3, 1, 2], [3, 1]),
    ];
    for (extents, [channels, outputs, groups], [kernel, stride, dilation], [before, after]) in cases {
        let axes = extents.len();
        let list = |value: usize| format!("{:?}", vec![value; axes]);
        let op = format!(
            r#"{{"op":"conv","attributes":{{"stride":{},"dilation":{},"pad_before":{},"pad_after":{},"groups":{groups}}}}}"#,
            list(stride),
            list(dilation),
            list(before),
            list(after),
        );
        let op = Op::decode(&mut Cursor::root(parse(op.as_bytes()).unwrap()).object().unwrap()).unwrap();
        let shapes = [
            [&[2, channels], extents].concat(),
            [&[outputs, channels / groups][..], &vec![kernel; axes]].concat(),
            vec![outputs],
        ];
        let tensors = shapes.map(|shape| {
            let shape = Shape::new(shape).unwrap();
            Tensor::new(shape.clone(), words(shape.elements())).unwrap()
        });
        let shape = op.shape(&tensors.each_ref().map(Tensor::shape)).unwrap();
        let exact = tensors.each_ref().map(|tensor| tensor.try_map(|&word| Rational::default().datum(word)).unwrap());
        let exact = op.value(&Rational::default(), &exact.each_ref(), &shape).unwrap();
        for precision in [32, 64, 128] {
            let real = Real::new(precision);
            let balls = tensors.each_ref().map(|tensor| tensor.try_map(|&word| real.datum(word)).unwrap());
            let dots = op.value(&real, &balls.each_ref(), &shape).unwrap();
            assert_eq!(dots.len(), exact.len());
            for (at, (dot, exact)) in dots.iter().zip(&exact).enumerate() {
                let (lower, upper) = (dot.lower().to_rational(), dot.upper().to_rational());
                let exact = exact.to_rational();
                assert!(lower <= exact && exact <= upper, "{op:?}, output {at} at {precision} bits: {dot:?}");
                let unit = dot.mid().top().map(|top| Dyadic::power_of_two(top - precision as i64 + 1));
                assert!(dot.is_exact() || Some(dot.rad()) <= unit, "{op:?}, output {at}: {dot:?} is wide");
            }
        }
    }
}
