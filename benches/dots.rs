//! The dot products of the real reading: a 784-512-512-10 perceptron and a 3×3 convolution of 32 channels on 28×28, weights in binary32.
//! Run with `cargo bench --bench dots`; the figures are for one evaluation of all layers.
//!
//! For the scripts of `benches/peers`: `-- --perceptron BITS BATCH RUNS` prints the milliseconds of the products of a whole forward pass, and
//! `-- --square BITS WIDTH DEPTH RUNS` those of a perceptron of `DEPTH` square layers at batch 128, of this thread's processor time.
#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark stops at the first surprise")]

use criterion::{Criterion, criterion_group};
use std::hint::black_box;
use std::time::Instant;
use tl_kernel::context::real::{Ball, Real};
use tl_kernel::context::{Context, PADDING, Rows};

/// Binary32 balls spread evenly over (−1, 1) · 2^−scale, by a linear congruential generator.
fn data(real: &Real, count: usize, scale: i32, seed: u64) -> Vec<Ball> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let unit = (state >> 40) as f32 / 8_388_608.0 - 1.0;
        real.datum((unit * 2f32.powi(-scale)).to_bits()).unwrap()
    };
    (0..count).map(|_| next()).collect()
}

/// Balls with midpoints of full precision and with radii, as a layer leaves them.
fn activations(real: &Real, count: usize) -> Vec<Ball> {
    let third = real.div(&real.integer(1).unwrap(), &real.integer(3).unwrap()).unwrap();
    data(real, count, 0, 7).iter().map(|x| real.mul(x, &third).unwrap()).collect()
}

fn perceptron(c: &mut Criterion) {
    let widths = [784, 512, 512, 10];
    for (precision, batch) in [(128, 1), (256, 1), (128, 128), (256, 128)] {
        let real = Real::new(precision);
        let layers: Vec<_> = widths
            .windows(2)
            .map(|w| {
                let x = if w[0] == 784 { data(&real, batch * w[0], 0, 7) } else { activations(&real, batch * w[0]) };
                (w[0], x, data(&real, w[0] * w[1], 4, 5), data(&real, w[1], 4, 6))
            })
            .collect();
        c.bench_function(&format!("perceptron, {precision} bits, batch {batch}"), |b| {
            b.iter(|| {
                for (fan_in, x, weight, bias) in &layers {
                    let (x, w) = (Rows::contiguous(x, *fan_in), Rows::contiguous(weight, *fan_in));
                    black_box(real.dots(&x, &w, Some(bias)).unwrap());
                }
            })
        });
    }
}

fn convolution(c: &mut Criterion) {
    let (channels, side) = (32usize, 28usize);
    let mut index = Vec::new();
    for y in 0..side {
        for x in 0..side {
            for channel in 0..channels {
                for (dy, dx) in (0..9).map(|tap| (tap / 3, tap % 3)) {
                    let inside = (1..=side).contains(&(y + dy)) && (1..=side).contains(&(x + dx));
                    let at = || ((channel * side + y + dy - 1) * side + x + dx - 1) as u32;
                    index.push(if inside { at() } else { PADDING });
                }
            }
        }
    }
    for precision in [128, 256] {
        let real = Real::new(precision);
        let input = activations(&real, channels * side * side);
        let weight = data(&real, channels * channels * 9, 4, 2);
        let x = Rows::gathered(&input, side * side, channels * 9, index.clone()).unwrap();
        let w = Rows::contiguous(&weight, channels * 9);
        c.bench_function(&format!("convolution, {precision} bits"), |b| {
            b.iter(|| black_box(real.dots(&x, &w, None).unwrap()))
        });
    }
}

/// Seconds of processor time of this thread so far, where the system tells them; of any clock elsewhere.
fn seconds(start: Instant) -> f64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = told.and_then(|text| text.split(' ').next()?.parse::<f64>().ok());
    nanoseconds.map_or_else(|| start.elapsed().as_secs_f64(), |nanoseconds| nanoseconds * 1e-9)
}

/// Normally distributed binary32 balls (Box and Muller 1958).
fn normal(real: &Real, count: usize, spread: f64, seed: u64) -> Vec<Ball> {
    let mut state = seed;
    let mut uniform = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    };
    let mut next = || ((-2.0 * uniform().ln()).sqrt() * (std::f64::consts::TAU * uniform()).cos() * spread) as f32;
    (0..count).map(|_| real.datum(next().to_bits()).unwrap()).collect()
}

/// Prints the milliseconds of the products of a forward pass, relu between the layers, weights He-random: one mean of at least 0.2 s a run, for
/// the system counts processor time in slices of some milliseconds.
fn forward(precision: u64, widths: &[usize], batch: usize, runs: usize) {
    let (real, clock) = (Real::new(precision), Instant::now());
    let zero = real.integer(0).unwrap();
    let mut x = normal(&real, batch * widths[0], 1.0, 7);
    let mut layers = Vec::new();
    for w in widths.windows(2) {
        let weight = normal(&real, w[0] * w[1], (2.0 / w[0] as f64).sqrt(), w[1] as u64);
        let layer = (w[0], x, weight, normal(&real, w[1], 0.1, 6));
        x = product(&real, &layer).iter().map(|y| real.max(y, &zero).unwrap()).collect();
        layers.push(layer);
    }
    for _ in 0..runs {
        let (before, start, mut passes) = (seconds(clock), Instant::now(), 0.0);
        while start.elapsed().as_secs_f64() < 0.2 {
            for layer in &layers {
                black_box(product(&real, layer));
            }
            passes += 1.0;
        }
        println!("{}", (seconds(clock) - before) * 1e3 / passes);
    }
}

/// The terms of each row, the input, the weight and the bias of a layer.
type Layer = (usize, Vec<Ball>, Vec<Ball>, Vec<Ball>);

fn product(real: &Real, (fan_in, x, weight, bias): &Layer) -> Vec<Ball> {
    real.dots(&Rows::contiguous(x, *fan_in), &Rows::contiguous(weight, *fan_in), Some(bias)).unwrap()
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).measurement_time(std::time::Duration::from_secs(2)).warm_up_time(std::time::Duration::from_millis(300));
    targets = perceptron, convolution
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let numbers: Vec<usize> = arguments.iter().filter_map(|argument| argument.parse().ok()).collect();
    match (arguments.get(1).map(String::as_str), numbers.as_slice()) {
        (Some("--perceptron"), &[bits, batch, runs]) => forward(bits as u64, &[784, 512, 512, 10], batch, runs),
        (Some("--square"), &[bits, width, depth, runs]) => forward(bits as u64, &vec![width; depth + 1], 128, runs),
        _ => {
            benches();
            Criterion::default().configure_from_args().final_summary();
        }
    }
}
