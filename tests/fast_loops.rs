//! Fast pools, normalisations and functions, at random sizes and numbers: every element within a bound that is derived beside it.

mod graphs;
mod sums;

use graphs::Random;
use sums::{Sum, U, close, gamma, loaded, stored, vector};
use tl::ops::fast::image::Image;
use tl::ops::fast::norm;
use tl::ops::fast::pointwise::{self, Function};
use tl::ops::fast::pool::Pool;
use tl_kernel::context::rounded::Rounded;
use tl_kernel::ir::evaluate::read;
use tl_kernel::ir::{Shape, Tensor};
use tl_kernel::number::Dyadic;

#[test]
fn pools_take_the_first_greatest_cell_and_the_mean_of_what_they_see() {
    let mut random = Random(3);
    let mut done = 0;
    while done < 60 {
        let channels = 1 + random.below(20);
        let mut two = |n: usize, least: usize| [least + random.below(n), least + random.below(n)];
        let (kernel, stride, dilation, extent) = (two(4, 1), two(3, 1), two(2, 1), two(9, 1));
        let (halo, spare) = (two(2, 0), two(2, 0));
        // No window sees padding alone.
        let pad: [usize; 2] = std::array::from_fn(|axis| random.below(kernel[axis] * dilation[axis]).min(extent[axis]));
        let room: [usize; 2] = std::array::from_fn(|axis| extent[axis] + 2 * pad[axis]);
        let reach: [usize; 2] = std::array::from_fn(|axis| (kernel[axis] - 1) * dilation[axis] + 1);
        if (0..2).any(|axis| reach[axis] > room[axis]) {
            continue;
        }
        let extents: [usize; 2] = std::array::from_fn(|axis| (room[axis] - reach[axis]) / stride[axis] + 1);
        let mut pool = Pool {
            input: Image::new(channels, extent),
            output: Image::new(channels, extents),
            kernel,
            stride,
            dilation,
            pad,
        };
        pool.input.widen(halo, spare);
        pool.output.widen(spare, halo);
        let counts = pool.counts();
        if counts.contains(&0) {
            continue;
        }
        done += 1;
        let what = format!("pool {done}: {pool:?}");
        // Few different values, so that many tie.
        let x: Vec<f32> = (0..pool.input.elements()).map(|_| random.below(5) as f32 - 2.0).collect();
        let plain = vector(&mut random, x.len());
        let dy = vector(&mut random, pool.output.elements());
        let (mut expected, mut most, mut means, mut dx, mut dmean) = (
            Vec::new(),
            vec![Sum::default(); x.len()],
            Vec::new(),
            vec![Vec::new(); dy.len()],
            vec![Sum::default(); x.len()],
        );
        let [oh, ow] = extents;
        for (at, &dy) in dy.iter().enumerate() {
            let (channel, y, column) = (at / (oh * ow), at / ow % oh, at % ow);
            for ky in 0..kernel[0] {
                for kx in 0..kernel[1] {
                    let row = (y * stride[0] + ky * dilation[0]).checked_sub(pad[0]).filter(|&r| r < extent[0]);
                    let col = (column * stride[1] + kx * dilation[1]).checked_sub(pad[1]).filter(|&c| c < extent[1]);
                    if let (Some(row), Some(col)) = (row, col) {
                        dx[at].push((channel * extent[0] + row) * extent[1] + col);
                    }
                }
            }
            let cells = &dx[at];
            assert_eq!(cells.len(), counts[y * ow + column], "{what}");
            let greatest = cells.iter().map(|&cell| x[cell]).fold(f32::NEG_INFINITY, f32::max);
            expected.push(greatest);
            most[*cells.iter().find(|&&cell| x[cell] == greatest).unwrap()].add(dy, 1.0);
            let mut mean = Sum::default();
            cells.iter().for_each(|&cell| mean.add(plain[cell], 1.0));
            let count = cells.len() as f64;
            means.push(Sum { value: mean.value / count, size: mean.size / count, ..mean });
            cells.iter().for_each(|&cell| {
                let sum = &mut dmean[cell];
                let share = f64::from(dy) / count;
                *sum = Sum { value: sum.value + share, size: sum.size + share.abs(), terms: sum.terms + 1 };
            });
        }
        let (image, slope) = (stored(&pool.input, &x), stored(&pool.output, &dy));
        let mut y = vec![f32::NAN; pool.output.size()];
        pool.max(&image, &mut y);
        assert_eq!(loaded(&pool.output, &y), expected, "{what}");
        let mut back = vec![0.0; pool.input.size()];
        pool.max_back(&image, &y, &slope, &mut back);
        close(&format!("{what}, maximum back"), loaded(&pool.input, &back), &most, 2);
        let divisor = |_: usize, _: usize, seen: usize| seen as f32;
        pool.mean(&stored(&pool.input, &plain), &mut y, divisor);
        close(&format!("{what}, mean"), loaded(&pool.output, &y), &means, 2);
        let mut back = vec![0.0; pool.input.size()];
        pool.mean_back(&slope, &mut back, divisor);
        close(&format!("{what}, mean back"), loaded(&pool.input, &back), &dmean, 2);
    }
}

/// Statistics, affine maps and their reverse, by channel.
#[test]
fn normalisations_keep_the_bound_of_their_sums() {
    let mut random = Random(4);
    for case in 0..40 {
        let channels = 1 + random.below(40);
        let extent = [1 + random.below(9), 1 + random.below(9)];
        let mut from = Image::new(channels, extent);
        from.widen([random.below(3), random.below(3)], [random.below(3), random.below(3)]);
        let mut to = Image::new(channels, extent);
        to.widen([random.below(3), random.below(3)], [random.below(3), random.below(3)]);
        let (count, what) = (extent[0] * extent[1], format!("normalisation {case}: {from:?}"));
        let far = if case % 4 == 0 { 1000.0 } else { 0.0 };
        let x: Vec<f32> = vector(&mut random, from.elements()).iter().map(|x| x + far).collect();
        let dy = vector(&mut random, from.elements());
        let of = |values: &[f32], c: usize| values[c * count..(c + 1) * count].to_vec();
        let (image, slope) = (stored(&from, &x), stored(&to, &dy));
        let mut moments = vec![f32::NAN; 2 * channels];
        norm::moments(&from, &image, &mut moments);
        let (mut means, mut squares) = (Vec::new(), Vec::new());
        for (c, &rounded) in moments[..channels].iter().enumerate() {
            let (value, size) =
                of(&x, c).iter().fold((0.0, 0.0), |(v, s), &x| (v + f64::from(x), s + f64::from(x).abs()));
            means.push(Sum { value: value / count as f64, size: size / count as f64, terms: count });
            let exact = value / count as f64;
            // Σ (x − m̂)², each distance rounded once and its square twice, then n·(m̂ − m)² taken off.
            let [value, size] = [exact, f64::from(rounded)]
                .map(|mean| of(&x, c).iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>());
            squares.push(Sum { value, size, terms: count + 3 });
        }
        close(&format!("{what}, mean"), moments[..channels].to_vec(), &means, 2);
        close(&format!("{what}, squares"), moments[channels..].to_vec(), &squares, 3);
        let (gain, bias) = (vector(&mut random, channels), vector(&mut random, channels));
        let mean = moments[..channels].to_vec();
        let mut y = vec![f32::NAN; to.size()];
        norm::affine(&from, &image, &to, &mut y, [&mean, &gain, &bias], case % 2 == 0);
        let sums: Vec<Sum> = (0..x.len())
            .map(|at| {
                let channel = at / count;
                let term = (f64::from(x[at]) - f64::from(mean[channel])) * f64::from(gain[channel]);
                let bias = f64::from(bias[channel]);
                let mut sum = Sum { value: term + bias, size: term.abs() + bias.abs(), terms: 1 };
                if case % 2 == 0 {
                    sum.value = sum.value.max(0.0);
                }
                sum
            })
            .collect();
        close(&format!("{what}, affine"), loaded(&to, &y), &sums, 2);
        let mut dx = vec![f32::NAN; from.size()];
        let [plain, along] = norm::affine_back([&from, &to], &image, &slope, [&mean, &gain], Some((&mut dx, false)));
        for c in 0..channels {
            let (mut sums, dy) = ([Sum::default(); 2], of(&dy, c));
            for (&x, &dy) in of(&x, c).iter().zip(&dy) {
                sums[0].add(dy, 1.0);
                let term = f64::from(dy) * (f64::from(x) - f64::from(mean[c]));
                sums[1] = Sum { value: sums[1].value + term, size: sums[1].size + term.abs(), terms: count + 2 };
            }
            close(&format!("{what}, Σ dy"), [plain[c] as f32], &sums[..1], 3);
            close(&format!("{what}, Σ dy·(x − mean)"), [along[c] as f32], &sums[1..], 3);
        }
        let sums: Vec<Sum> = (0..x.len())
            .map(|at| {
                let mut sum = Sum::default();
                sum.add(dy[at], gain[at / count]);
                sum
            })
            .collect();
        close(&format!("{what}, affine back"), loaded(&from, &dx), &sums, 2);
    }
}

/// Softmax: an exponent is off by u·|x − greatest| and its function by 2 ulps (4u); the sum by n·u; the quotient is rounded once. A logarithm turns these into absolute errors.
#[test]
fn rows_of_softmax_and_layer_normalisation_are_within_their_bounds() {
    let mut random = Random(5);
    for case in 0..60 {
        let (rows, width) = (1 + random.below(5), 1 + random.below(70));
        let scale = [0.1, 1.0, 10.0][case % 3];
        let x: Vec<f32> = vector(&mut random, rows * width).iter().map(|x| x * scale).collect();
        let dy = vector(&mut random, rows * width);
        for logarithm in [false, true] {
            let (mut y, mut dx) = (vec![0.0; x.len()], vec![0.0; x.len()]);
            norm::softmax(&x, &mut y, width, logarithm);
            norm::softmax_back(&y, &dy, &mut dx, width, logarithm);
            for row in 0..rows {
                let part = row * width..(row + 1) * width;
                let (x, y, dy, dx) = (&x[part.clone()], &y[part.clone()], &dy[part.clone()], &dx[part]);
                let most = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let spread = x.iter().map(|&x| f64::from(most - x)).fold(0.0, f64::max);
                let sum: f64 = x.iter().map(|&x| f64::from(x - most).exp()).sum();
                let near = (2.0 * (spread + 4.0) + width as f64 + 3.0) * U * 1.01; // of a softmax, relatively
                let share = |x: f32| (f64::from(x) - f64::from(most)).exp() / sum;
                let total: f64 = match logarithm {
                    true => dy.iter().map(|&dy| f64::from(dy)).sum(),
                    false => x.iter().zip(dy).map(|(&x, &dy)| share(x) * f64::from(dy)).sum(),
                };
                let size: f64 = dy.iter().map(|&dy| f64::from(dy).abs()).sum();
                for ((&x, &y), (&dy, &dx)) in x.iter().zip(y).zip(dy.iter().zip(dx)) {
                    let (s, dy) = (share(x), f64::from(dy));
                    let (exact, allowed, slope, off) = if logarithm {
                        let exact = s.ln();
                        let off = near + 3.0 * U * (exact.abs() + sum.ln().abs() + spread);
                        // exp of what is off by `off`, twice 2 ulps; n additions.
                        let at = gamma(width + 8) * size * s + 2.0 * off * size * s + 4.0 * U * (dy.abs() + size * s);
                        (exact, off, dy - s * total, at)
                    } else {
                        let at = s * (2.0 * near + gamma(width + 4)) * (dy.abs() + 2.0 * size);
                        (s, near * s, s * (dy - total), at)
                    };
                    let what = format!("softmax {case}, logarithm {logarithm}");
                    assert!((f64::from(y) - exact).abs() <= allowed, "{what}: {y:e}, not {exact:e} ± {allowed:e}");
                    assert!((f64::from(dx) - slope).abs() <= off, "{what}, back: {dx:e}, not {slope:e} ± {off:e}");
                }
            }
        }
        let (weight, bias) = (vector(&mut random, width), vector(&mut random, width));
        let mut y = vec![0.0; x.len()];
        norm::layer_norm(&x, &mut y, width, 0.01, Some(&weight), Some(&bias));
        for (x, y) in x.chunks(width).zip(y.chunks(width)) {
            let n = width as f64;
            let mean = x.iter().map(|&x| f64::from(x)).sum::<f64>() / n;
            let variance = x.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / n;
            let root = 1.0 / (variance + f64::from(0.01f32)).sqrt();
            // The mean is off by `shift`; what depends on it moves as far, and the root by half of what the variance does.
            let size = x.iter().map(|&x| f64::from(x).abs()).sum::<f64>() / n;
            let shift = gamma(width + 2) * size;
            let of_root = gamma(width + 8) + (shift * shift + 2.0 * shift * variance.sqrt()) * root * root;
            for (((&x, &y), &w), &b) in x.iter().zip(y).zip(&weight).zip(&bias) {
                let (d, w, b) = (f64::from(x) - mean, f64::from(w), f64::from(b));
                let exact = d * root * w + b;
                let allowed = 1.01 * ((shift + U * d.abs()) * root + d.abs() * root * (of_root + 3.0 * U)) * w.abs()
                    + 3.0 * U * (exact.abs() + b.abs());
                assert!(
                    (f64::from(y) - exact).abs() <= allowed,
                    "layer_norm {case}: {y:e}, not {exact:e} ± {allowed:e}"
                );
            }
        }
    }
}

/// Every function and its derivative, at numbers of every size, against what the kernel's `Rounded` reading of the specification allows.
#[test]
fn functions_and_their_derivatives_are_as_near_as_rounding_of_the_specification() {
    let rounded = Rounded::new(256, 4);
    let table: &[(Function, &str, &str, f32)] = &[
        (Function::Relu, "relu", "{}", 1e30),
        (Function::LeakyRelu { slope: 0.25 }, "leaky_relu", r#"{"slope":"1/4"}"#, 1e30),
        (Function::Elu { alpha: 1.5 }, "elu", r#"{"alpha":"3/2"}"#, 80.0),
        (Function::Neg, "neg", "{}", 1e30),
        (Function::Abs, "abs", "{}", 1e30),
        (Function::Scale { factor: -1.5 }, "scale", r#"{"factor":"-3/2"}"#, 1e30),
        (Function::Clamp { lo: -0.5, hi: 0.75 }, "clamp", r#"{"lo":["-1/2"],"hi":["3/4"]}"#, 1e30),
        (Function::Exp, "exp", "{}", 80.0),
        (Function::Sqrt, "sqrt", "{}", 1e18),
        (Function::Rsqrt, "rsqrt", "{}", 1e18),
        (Function::Reciprocal, "reciprocal", "{}", 1e15),
        (Function::Tanh, "tanh", "{}", 40.0),
        (Function::Sigmoid, "sigmoid", "{}", 80.0),
        (Function::Silu, "silu", "{}", 80.0),
        (Function::Erf, "erf", "{}", 9.0),
        (Function::GeluErf, "gelu", r#"{"form":"erf"}"#, 12.0),
        (Function::GeluTanh, "gelu", r#"{"form":"tanh"}"#, 12.0),
    ];
    let mut failures = Vec::new();
    for &(function, keyword, attributes, most) in table {
        let op = graphs::decoded(keyword, attributes);
        let (mut random, mut worst) = (Random(6), [(0.0f64, 0.0f32); 2]);
        for _ in 0..400 {
            // Magnitudes from 2^-14 to the greatest, evenly in their logarithm.
            let top = most.log2() + 14.0;
            let magnitude = ((random.number() + 2.0) / 4.0 * top - 14.0).exp2();
            let positive = matches!(function, Function::Sqrt | Function::Rsqrt) || random.one_in(2);
            let x = if positive { magnitude } else { -magnitude };
            let shape = Shape::new(vec![1]).unwrap();
            let words = |x: f32| Tensor::new(shape.clone(), vec![x.to_bits()]).unwrap();
            let one = |x: f32| read(&rounded, &words(x)).unwrap();
            let (at, seed) = (one(x), one(1.0));
            let Ok(value) = op.value(&rounded, &[&at], &shape) else { continue };
            let value = Tensor::new(shape.clone(), value).unwrap();
            let slope = op.vjp(&rounded, &[&at], &value, &seed, &[true]).ok().and_then(|mut of| of.pop().flatten());
            let (mut y, mut dx) = ([0.0], [0.0]);
            pointwise::forward(function, &[x], &mut y);
            pointwise::backward(function, &[x], &y, &[1.0], &mut dx, false);
            let pairs = [(y[0], value.data().first()), (dx[0], slope.as_ref().and_then(|slope| slope.first()))];
            for ((found, exact), worst) in pairs.into_iter().zip(&mut worst) {
                let (Some(exact), Some(found)) = (exact, Dyadic::from_binary32(found.to_bits())) else { continue };
                // Results below the normal numbers may be +0.
                let least = Dyadic::from_binary32(f32::MIN_POSITIVE.to_bits()).unwrap();
                let allowed = exact.error().to_dyadic().add(&exact.exact().rad()).add(&least);
                let error = found.sub(exact.exact().mid()).abs();
                let [error, allowed] = [error, allowed]
                    .map(|x| num_traits::ToPrimitive::to_f64(&x.to_rational()).unwrap_or(f64::INFINITY));
                if error / allowed > worst.0 {
                    *worst = (error / allowed, x);
                }
            }
        }
        println!(
            "{function:?}: {:.3} of the bound at {:e}; derivative {:.3} at {:e}",
            worst[0].0, worst[0].1, worst[1].0, worst[1].1
        );
        if worst.iter().any(|(share, _)| *share > 1.0) {
            failures.push(format!("{function:?}: {worst:?}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
