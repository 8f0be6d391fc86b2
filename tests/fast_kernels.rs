//! The fast kernels alone, at random sizes: products in every layout, convolutions with every stride, dilation, group and padding, pools, normalisations, functions.
//!
//! The reference is the sum in binary64, whose own error is below 2⁻²⁹ of what is allowed. A sum of n terms that starts from c may be off by γₙ₊₂·(|c| + Σ|a||b|), γₖ = k·u/(1 − k·u),
//! u = 2⁻²⁴ (Higham 2002, §3.1): one rounding for each addition, one for each product where it is not fused, and room for the reference. Everything runs on each set of instructions that
//! the processor has, one after the other in one test, since the choice is the process's; AVX2 and AVX-512 must agree in every bit.

mod graphs;

use graphs::Random;
use tl::ops::fast::convolution::Convolution;
use tl::ops::fast::image::Image;
use tl::ops::fast::norm;
use tl::ops::fast::pointwise::{self, Function};
use tl::ops::fast::pool::Pool;
use tl::ops::fast::product::{Left, Panels, product, product_in_panels, product_of_panels, transpose};
use tl::ops::fast::threads::Threads;
use tl::ops::fast::tile::{Finish, Instructions, Start, choose};
use tl_kernel::context::rounded::Rounded;
use tl_kernel::ir::evaluate::read;
use tl_kernel::ir::{Shape, Tensor};
use tl_kernel::number::Dyadic;

/// The unit roundoff.
const U: f64 = 1.0 / (1u64 << 24) as f64;

fn gamma(k: usize) -> f64 {
    let k = k as f64 * U;
    k / (1.0 - k)
}

/// A sum with the sum of its magnitudes, and how many terms it has.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    value: f64,
    size: f64,
    terms: usize,
}

impl Sum {
    fn start(value: f32) -> Self {
        Sum { value: value.into(), size: f64::from(value).abs(), terms: 0 }
    }
    fn add(&mut self, a: f32, b: f32) {
        let product = f64::from(a) * f64::from(b);
        (self.value, self.size, self.terms) = (self.value + product, self.size + product.abs(), self.terms + 1);
    }
}

/// Every element within `γ(terms + more)` of its sum.
fn close(what: &str, found: impl IntoIterator<Item = f32>, sums: &[Sum], more: usize) {
    let mut count = 0;
    for (position, (found, sum)) in found.into_iter().zip(sums).enumerate() {
        let (error, allowed) = ((f64::from(found) - sum.value).abs(), gamma(sum.terms + more) * sum.size);
        assert!(error <= allowed, "{what}, position {position}: {found:e}, not {:e}: {error:e} > {allowed:e}", sum.value);
        count += 1;
    }
    assert_eq!(count, sums.len(), "{what}");
}

fn vector(random: &mut Random, n: usize) -> Vec<f32> {
    (0..n).map(|_| random.number()).collect()
}

/// Words that are collected, to compare one set of instructions with another.
struct Record(Vec<u32>);

impl Record {
    fn keep(&mut self, values: &[f32]) {
        self.0.extend(values.iter().map(|value| value.to_bits()));
    }
}

fn products(record: &mut Record) {
    let mut random = Random(1);
    for case in 0..60 {
        let threads = Threads::new(1 + case % 2);
        let (m, n) = (1 + random.below(45), 1 + random.below(100));
        let k = if case % 7 == 0 { 0 } else { 1 + random.below(if case % 5 == 0 { 700 } else { 60 }) };
        let (a, b) = (vector(&mut random, m * k), vector(&mut random, k * n));
        let (bias, stride) = (vector(&mut random, n), n + random.below(5));
        let before = vector(&mut random, m * stride);
        let of = vector(&mut random, m * stride);
        let mut panels = Panels::zeros(k, n);
        panels.copy(&b, n);
        let what = format!("product {case}: [{m}, {k}] · [{k}, {n}]");
        // The right operand in its three ways to be packed.
        assert_eq!(panels, Panels::new(k, n, |row, column| b[row * n + column]), "{what}");
        let (mut turned, mut again) = (vec![0.0; k * n], Panels::zeros(k, n));
        transpose(&b, k, n, &mut turned);
        again.copy_transposed(&turned, k);
        assert_eq!(panels, again, "{what}");
        let mut beside = vec![0.0; m * k];
        transpose(&a, m, k, &mut beside);
        let sums = |start: &dyn Fn(usize, usize) -> f32, factor: f32| -> Vec<Sum> {
            let sum = |i: usize, j: usize| {
                let mut sum = Sum::start(start(i, j));
                (0..k).for_each(|term| sum.add(factor * a[i * k + term], b[term * n + j]));
                sum
            };
            (0..m * n).map(|at| sum(at / n, at % n)).collect()
        };
        let rows = |c: &[f32]| -> Vec<f32> { c.chunks(stride).flat_map(|row| row[..n].to_vec()).collect() };
        for (layout, left) in
            [("row-major", Left { data: &a, row: k, step: 1 }), ("turned", Left { data: &beside, row: 1, step: m })]
        {
            for (name, start, finish) in [
                ("store", Start::Zero, Finish::Store),
                ("bias", Start::Bias(&bias), Finish::Store),
                ("on top", Start::Value, Finish::Store),
                ("relu", Start::Bias(&bias), Finish::Relu),
                ("where", Start::Zero, Finish::Where(&of)),
                ("add", Start::Zero, Finish::Add(-0.5)),
            ] {
                let mut c = before.clone();
                product(&threads, left, m, &panels, &mut c, stride, start, finish);
                record.keep(&c);
                let untouched = |(at, (c, b)): (usize, (&f32, &f32))| at % stride < n || c == b;
                assert!(c.iter().zip(&before).enumerate().all(untouched), "{what}, {name}: beside the result");
                let mut expected = match name {
                    "bias" | "relu" => sums(&|_, j| bias[j], 1.0),
                    "on top" => sums(&|i, j| before[i * stride + j], 1.0),
                    "add" => sums(&|i, j| before[i * stride + j], -0.5),
                    _ => sums(&|_, _| 0.0, 1.0),
                };
                for (at, sum) in expected.iter_mut().enumerate() {
                    match name {
                        "relu" => sum.value = sum.value.max(0.0),
                        "where" if of[at / n * stride + at % n] <= 0.0 => (sum.value, sum.size) = (0.0, 0.0),
                        _ => {}
                    }
                }
                // An addition to what is there rounds twice for each block of 256 terms.
                close(&format!("{what}, {layout}, {name}"), rows(&c), &expected, 2 + 2 * k.div_ceil(256));
            }
        }
        // Aᵀ · B in panels: a is [k, m] here.
        let mut c = Panels::new(m, n, |i, j| before[i * stride + j]);
        product_in_panels(&threads, &beside, m, &panels, &mut c, Finish::Add(0.25));
        let found: Vec<f32> = (0..m * n).map(|at| c.at(at / n, at % n)).collect();
        record.keep(&found);
        let expected: Vec<Sum> = sums(&|i, j| before[i * stride + j], 0.25);
        close(&format!("{what}, in panels"), found, &expected, 4);
        // A in panels.
        let mut left = Panels::zeros(m, k);
        left.copy(&a, k);
        let mut c = vec![7.0; m * n];
        product_of_panels(&threads, &left, &panels, &mut c);
        if k > 0 {
            record.keep(&c);
            close(&format!("{what}, of panels"), c, &sums(&|_, _| 0.0, 1.0), 2);
        }
    }
}

/// A convolution of random sizes, and images with halos at least as wide as it needs.
fn convolution(random: &mut Random, depthwise: bool) -> Convolution {
    loop {
        let groups = if depthwise { 2 + random.below(20) } else { 1 + random.below(3) * random.below(2) };
        let (fan, out) = if depthwise { (1, 1) } else { (1 + random.below(19), 1 + random.below(40)) };
        let mut two = |n: usize, least: usize| [least + random.below(n), least + random.below(n)];
        let (kernel, stride, dilation, pad, after, extent) =
            (two(4, 1), two(3, 1), two(3, 1), two(4, 0), two(4, 0), two(11, 1));
        let (halo, spare) = (two(2, 0), two(2, 0));
        let reach: [usize; 2] = std::array::from_fn(|axis| (kernel[axis] - 1) * dilation[axis] + 1);
        let room: [usize; 2] = std::array::from_fn(|axis| extent[axis] + pad[axis] + after[axis]);
        if (0..2).any(|axis| reach[axis] > room[axis]) {
            continue;
        }
        let extents = std::array::from_fn(|axis| (room[axis] - reach[axis]) / stride[axis] + 1);
        let mut convolution = Convolution {
            input: Image::new(groups * fan, extent),
            output: Image::new(groups * out, extents),
            kernel,
            stride,
            dilation,
            pad,
            groups,
        };
        let (before, after) = convolution.halo();
        convolution.input.widen(before, after);
        if convolution.turns() {
            let (before, after) = convolution.turned().halo();
            convolution.output.widen(before, after);
        }
        let wider = |image: &mut Image| {
            image.widen(
                std::array::from_fn(|axis| image.before[axis] + halo[axis]),
                std::array::from_fn(|axis| image.after[axis] + spare[axis]),
            );
        };
        wider(&mut convolution.input);
        wider(&mut convolution.output);
        return convolution;
    }
}

fn stored(image: &Image, values: &[f32]) -> Vec<f32> {
    let mut to = vec![f32::NAN; image.size()];
    image.store(values, &mut to);
    to
}

fn loaded(image: &Image, values: &[f32]) -> Vec<f32> {
    let mut to = vec![f32::NAN; image.elements()];
    image.load(values, &mut to);
    to
}

/// Every triple that meets in a convolution: where in the output, the input (each [C, H, W]) and the weight [O, C/groups, kernel..].
fn meetings(c: &Convolution) -> Vec<(usize, usize, usize)> {
    let ([h, w], [oh, ow], [kh, kw]) = (c.input.extent, c.output.extent, c.kernel);
    let (fan, out) = (c.fan(), c.out());
    let mut list = Vec::new();
    for o in 0..c.output.channels {
        for (y, x) in (0..oh).flat_map(|y| (0..ow).map(move |x| (y, x))) {
            for i in 0..fan {
                for (ky, kx) in (0..kh).flat_map(|ky| (0..kw).map(move |kx| (ky, kx))) {
                    let row = (y * c.stride[0] + ky * c.dilation[0]).checked_sub(c.pad[0]).filter(|&row| row < h);
                    let column = (x * c.stride[1] + kx * c.dilation[1]).checked_sub(c.pad[1]).filter(|&at| at < w);
                    if let (Some(row), Some(column)) = (row, column) {
                        let channel = o / out * fan + i;
                        list.push((
                            (o * oh + y) * ow + x,
                            (channel * h + row) * w + column,
                            ((o * fan + i) * kh + ky) * kw + kx,
                        ));
                    }
                }
            }
        }
    }
    list
}

fn convolutions(record: &mut Record) {
    let mut random = Random(2);
    for case in 0..90 {
        let depthwise = case % 3 == 0;
        let c = convolution(&mut random, depthwise);
        assert!(!depthwise || c.is_depthwise());
        let what = format!("convolution {case}: {c:?}");
        let x = vector(&mut random, c.input.elements());
        let dy = vector(&mut random, c.output.elements());
        let w = vector(&mut random, c.output.channels * c.fan() * c.kernel[0] * c.kernel[1]);
        let bias = vector(&mut random, c.output.channels);
        let plane = c.output.extent[0] * c.output.extent[1];
        let start = |at: usize| Sum::start(bias[at / plane]);
        let mut forward: Vec<Sum> = (0..dy.len()).map(start).collect();
        let mut by_input = vec![Sum::default(); x.len()];
        let mut by_weight = vec![Sum::default(); w.len()];
        for (o, i, k) in meetings(&c) {
            forward[o].add(x[i], w[k]);
            by_input[i].add(dy[o], w[k]);
            by_weight[k].add(dy[o], x[i]);
        }
        // Padding adds terms that are zero; they cost no rounding. The order of the sum is another one.
        let (image, slope) = (stored(&c.input, &x), stored(&c.output, &dy));
        let mut y = vec![f32::NAN; c.output.size()];
        let rows = c.output.before[0] * c.output.row()..(c.output.before[0] + c.output.extent[0]) * c.output.row();
        let (mut dx, mut dw, mut db) = (vec![0.0; c.input.size()], vec![0.0; w.len()], vec![0.0; bias.len()]);
        if depthwise {
            let (cells, channels) = (c.kernel[0] * c.kernel[1], c.output.channels);
            let packed: Vec<f32> = (0..w.len()).map(|at| w[at % channels * cells + at / channels]).collect();
            c.depthwise(&image, &packed, Some(&bias), &mut y[rows], 0, false);
            c.depthwise_back(&slope, &packed, &mut dx);
            let mut along = vec![0.0; w.len()];
            c.depthwise_by_weight(&image, &slope, &mut along);
            (0..w.len()).for_each(|at| dw[at % channels * cells + at / channels] = along[at]);
        } else {
            let packed = c.pack(&w);
            let mut again = vec![0.0; w.len()];
            c.unpack(&packed, &mut again);
            assert_eq!(w, again, "{what}");
            c.forward(&image, &packed, Start::Bias(&bias), &mut y[rows.clone()], 0, Finish::Store);
            // Row by row, and with relu: the same sums.
            let mut parts = vec![f32::NAN; c.output.size()];
            let lines = parts[rows].chunks_exact_mut(c.output.row()).enumerate();
            lines.for_each(|(first, line)| {
                c.forward(&image, &packed, Start::Bias(&bias), line, first, Finish::Relu);
            });
            let relu: Vec<f32> = loaded(&c.output, &y).iter().map(|&y| if y <= 0.0 { 0.0 } else { y }).collect();
            assert_eq!(loaded(&c.output, &parts), relu, "{what}, relu");
            let mut back = Vec::new();
            if c.turns() {
                c.turn(&packed, &mut back);
                let rows = c.input.before[0] * c.input.row()..(c.input.before[0] + c.input.extent[0]) * c.input.row();
                c.turned().forward(&slope, &back, Start::Zero, &mut dx[rows], 0, Finish::Store);
            } else {
                c.cell_weights(&packed, &mut back);
                c.send_back(&slope, &back, &mut dx);
            }
            let mut along: Vec<Panels> = packed.iter().map(|p| Panels::zeros(p.rows, p.columns)).collect();
            c.by_weight(&image, &slope, &mut along);
            c.unpack(&along, &mut dw);
        }
        c.by_bias(&slope, &mut db);
        let found = [loaded(&c.output, &y), loaded(&c.input, &dx), dw, db];
        found.iter().for_each(|values| record.keep(values));
        let [y, dx, dw, db] = found;
        let plain = |at: usize| {
            let mut sum = Sum::default();
            dy[at * plane..(at + 1) * plane].iter().for_each(|&dy| sum.add(dy, 1.0));
            sum
        };
        let by_bias: Vec<Sum> = (0..db.len()).map(plain).collect();
        for (name, found, sums) in [
            ("forward", y, &forward),
            ("by input", dx, &by_input),
            ("by weight", dw, &by_weight),
            ("by bias", db, &by_bias),
        ] {
            close(&format!("{what}, {name}"), found, sums, 2);
        }
    }
}

#[test]
fn products_and_convolutions_keep_the_bound_of_their_sums_on_every_set_of_instructions() {
    let mut records = Vec::new();
    for instructions in Instructions::ALL {
        if !choose(instructions.name()) {
            assert!(!instructions.available());
            println!("SKIPPED {}: this processor does not have it", instructions.name());
            continue;
        }
        let mut record = Record(Vec::new());
        products(&mut record);
        convolutions(&mut record);
        println!("{}: {} values", instructions.name(), record.0.len());
        if instructions != Instructions::Portable {
            records.push(record.0);
        }
    }
    assert!(records.windows(2).all(|pair| pair[0] == pair[1]), "fused tiles differ in their bits");
    assert!(!choose("nothing"));
}

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
            let (value, size) = of(&x, c).iter().fold((0.0, 0.0), |(v, s), &x| (v + f64::from(x), s + f64::from(x).abs()));
            means.push(Sum { value: value / count as f64, size: size / count as f64, terms: count });
            let exact = value / count as f64;
            // Σ (x − m̂)², each distance rounded once and its square twice, then n·(m̂ − m)² taken off.
            let [value, size] =
                [exact, f64::from(rounded)].map(|mean| of(&x, c).iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>());
            squares.push(Sum { value, size, terms: count + 3 });
        }
        close(&format!("{what}, mean"), moments[..channels].to_vec(), &means, 2);
        close(&format!("{what}, squares"), moments[channels..].to_vec(), &squares, 3);
        let (gain, shift) = (vector(&mut random, channels), vector(&mut random, channels));
        let mut y = vec![f32::NAN; to.size()];
        norm::affine(&from, &image, &to, &mut y, &gain, &shift, case % 2 == 0);
        let sums: Vec<Sum> = (0..x.len())
            .map(|at| {
                let mut sum = Sum::start(shift[at / count]);
                sum.add(x[at], gain[at / count]);
                if case % 2 == 0 {
                    sum.value = sum.value.max(0.0);
                }
                sum
            })
            .collect();
        close(&format!("{what}, affine"), loaded(&to, &y), &sums, 2);
        let mean = moments[..channels].to_vec();
        let mut dx = vec![f32::NAN; from.size()];
        let [plain, along] =
            norm::affine_back([&from, &to], &image, &slope, [&mean, &gain], Some((&mut dx, false)));
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
                assert!((f64::from(y) - exact).abs() <= allowed, "layer_norm {case}: {y:e}, not {exact:e} ± {allowed:e}");
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
        (Function::Elu { alpha: 1.5 }, "elu", r#"{"alpha":"3/2"}"#, 1e30),
        (Function::Neg, "neg", "{}", 1e30),
        (Function::Abs, "abs", "{}", 1e30),
        (Function::Scale { factor: -1.5 }, "scale", r#"{"factor":"-3/2"}"#, 1e30),
        (Function::Clamp { lo: -0.5, hi: 0.75 }, "clamp", r#"{"lo":["-1/2"],"hi":["3/4"]}"#, 1e30),
        (Function::Exp, "exp", "{}", 80.0),
        (Function::Sqrt, "sqrt", "{}", 1e18),
        (Function::Rsqrt, "rsqrt", "{}", 1e18),
        (Function::Reciprocal, "reciprocal", "{}", 1e15),
        (Function::Tanh, "tanh", "{}", 1e30),
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
        println!("{function:?}: {:.3} of the bound at {:e}; derivative {:.3} at {:e}", worst[0].0, worst[0].1, worst[1].0, worst[1].1);
        if worst.iter().any(|(share, _)| *share > 1.0) {
            failures.push(format!("{function:?}: {worst:?}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
