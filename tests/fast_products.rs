//! Fast products in every layout, and fast convolutions with every stride, dilation, group and padding, at random sizes: every element within the bound of its sum (`sums`).
//!
//! Everything runs on each set of instructions that the processor has, one after the other in one test, since the choice is the process's; AVX2 and AVX-512 must agree in every bit.

mod graphs;
mod sums;

use graphs::Random;
use sums::{Sum, close, loaded, stored, vector};
use tl::ops::fast::convolution::Convolution;
use tl::ops::fast::image::Image;
use tl::ops::fast::product::{Left, Panels, product, product_in_panels, product_of_panels, transpose};
use tl::ops::fast::threads::Threads;
use tl::ops::fast::tile::{Finish, Instructions, Start, choose};

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
                if k == 0 && layout == "turned" {
                    continue; // an operand without values has no rows a distance apart
                }
                let mut c = before.clone();
                product(&threads, left, m, &panels, &mut c, stride, start, finish);
                // Blocks of terms, whose number depends on the tile, are added one by one.
                if name != "add" || k <= 256 {
                    record.keep(&c);
                }
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
        let (fan, out) = if depthwise { (1, 1) } else { (1 + random.below(12), 1 + random.below(36)) };
        let mut two = |n: usize, least: usize| [least + random.below(n), least + random.below(n)];
        let (kernel, stride, dilation, pad, after, extent) =
            (two(4, 1), two(3, 1), two(3, 1), two(4, 0), two(4, 0), two(8, 1));
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

/// `f` of every triple that meets in a convolution: where in the output, the input (each [C, H, W]) and the weight [O, C/groups, kernel..].
fn meetings(c: &Convolution, mut f: impl FnMut(usize, usize, usize)) {
    let ([h, w], [oh, ow], [kh, kw]) = (c.input.extent, c.output.extent, c.kernel);
    let (fan, out) = (c.fan(), c.out());
    for o in 0..c.output.channels {
        for (y, x) in (0..oh).flat_map(|y| (0..ow).map(move |x| (y, x))) {
            for i in 0..fan {
                for (ky, kx) in (0..kh).flat_map(|ky| (0..kw).map(move |kx| (ky, kx))) {
                    let row = (y * c.stride[0] + ky * c.dilation[0]).checked_sub(c.pad[0]).filter(|&row| row < h);
                    let column = (x * c.stride[1] + kx * c.dilation[1]).checked_sub(c.pad[1]).filter(|&at| at < w);
                    if let (Some(row), Some(column)) = (row, column) {
                        let channel = o / out * fan + i;
                        f((o * oh + y) * ow + x, (channel * h + row) * w + column, ((o * fan + i) * kh + ky) * kw + kx);
                    }
                }
            }
        }
    }
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
        meetings(&c, |o, i, k| {
            forward[o].add(x[i], w[k]);
            by_input[i].add(dy[o], w[k]);
            by_weight[k].add(dy[o], x[i]);
        });
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
