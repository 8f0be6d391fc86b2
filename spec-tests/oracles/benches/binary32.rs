//! The binary32 model against Berkeley SoftFloat-3, flags on both sides, and its dot products.
//! Run with `cargo bench -p tl-oracles --features oracles --bench binary32`; a table of the least times, in one run, ends it.
#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark stops at the first surprise")]

use criterion::Criterion;
use softfloat_wrapper::{ExceptionFlags, F32, Float, RoundingMode};
use std::hint::black_box;
use std::time::{Duration, Instant};
use tl_kernel::context::binary32::arithmetic::{add, div, fma, mul, sqrt};
use tl_kernel::context::binary32::schedule::{BiasPosition, Combine, Order};
use tl_kernel::context::binary32::{Binary32, Environment, Flags, Schedule};
use tl_kernel::context::real::{Ball, Real};
use tl_kernel::context::{Context, Rows};
use tl_spec_tests::Random;

const SEED: u64 = 0x5eed_0000_0000_0b32;
/// Operands of an operation, terms of a dot product, rows on either side of a matrix product.
const COUNT: usize = 2048;
const TERMS: usize = 1024;
const ROWS: usize = 16;

/// Words with one of `fields` exponents around that of 1.
fn words(random: &mut Random, count: usize, fields: u64) -> Vec<u32> {
    let word = |bits: u64| (bits as u32 & 0x807f_ffff) | (((127 - fields / 2 + (bits >> 32) % fields) as u32) << 23);
    (0..count).map(|_| word(random.bits())).collect()
}

/// Nanoseconds a unit: criterion reports them, the least of 40 runs goes to the table.
fn time(c: &mut Criterion, name: &str, units: usize, mut run: impl FnMut() -> u32) -> f64 {
    c.bench_function(name, |b| b.iter(&mut run));
    let mut least = Duration::MAX;
    for _ in 0..40 {
        let start = Instant::now();
        black_box(run());
        least = least.min(start.elapsed());
    }
    least.as_nanos() as f64 / units as f64
}

fn ours((word, flags): (u32, Flags)) -> u32 {
    word ^ u32::from(flags.bits())
}

fn theirs(operation: impl FnOnce() -> F32) -> u32 {
    ExceptionFlags::from_bits(0).set();
    let word = operation().to_bits();
    let mut flags = ExceptionFlags::default();
    flags.get();
    word ^ u32::from(flags.to_bits())
}

fn operations(c: &mut Criterion, table: &mut Vec<String>) {
    let mut random = Random(SEED);
    let [x, y, z] = [0; 3].map(|_| words(&mut random, COUNT, 41));
    let positive: Vec<u32> = x.iter().map(|x| x & 0x7fff_ffff).collect();
    let (env, mode, f) = (black_box(Environment::default()), RoundingMode::TiesToEven, F32::from_bits);
    let each = |operation: &dyn Fn(usize) -> u32| (0..COUNT).fold(0, |sum, i| sum ^ operation(i));
    type Operation<'a> = (&'a str, &'a dyn Fn(usize) -> u32, &'a dyn Fn(usize) -> u32);
    let rows: [Operation; 5] = [
        ("add", &|i| ours(add(x[i], y[i], env)), &|i| theirs(|| f(x[i]).add(f(y[i]), mode))),
        ("mul", &|i| ours(mul(x[i], y[i], env)), &|i| theirs(|| f(x[i]).mul(f(y[i]), mode))),
        ("fma", &|i| ours(fma(x[i], y[i], z[i], env)), &|i| theirs(|| f(x[i]).fused_mul_add(f(y[i]), f(z[i]), mode))),
        ("div", &|i| ours(div(x[i], y[i], env)), &|i| theirs(|| f(x[i]).div(f(y[i]), mode))),
        ("sqrt", &|i| ours(sqrt(positive[i], env)), &|i| theirs(|| f(positive[i]).sqrt(mode))),
    ];
    table.push(format!("{:<24} {:>8} {:>9} {:>6}", "ns an operation", "ours", "SoftFloat", "ratio"));
    for (name, model, peer) in rows {
        let model = time(c, &format!("{name}, model"), COUNT, || each(model));
        let peer = time(c, &format!("{name}, SoftFloat"), COUNT, || each(peer));
        table.push(format!("{name:<24} {model:>8.2} {peer:>9.2} {:>6.2}", model / peer));
    }
}

fn dots(c: &mut Criterion, table: &mut Vec<String>) {
    let mut random = Random(SEED);
    let [x, y] = [0; 2].map(|_| words(&mut random, ROWS * TERMS, 12));
    table.push(format!("{:<24} {:>8}", "ns a term", "ours"));
    let orders = [
        ("sequential", Order::Sequential),
        ("pairwise", Order::Pairwise { leaf: 8 }),
        ("lanes", Order::Lanes { width: 16, combine: Combine::Halving }),
        ("blocks", Order::Blocks { size: 256, inner: Box::new(Order::Sequential) }),
    ];
    for (name, order) in orders {
        for (kind, fma) in [("fma", true), ("mul, add", false)] {
            for rows in [1, ROWS] {
                let reading =
                    Binary32::new(Environment::default(), Schedule::new(order.clone(), fma, BiasPosition::Last));
                let (left, right) =
                    (Rows::contiguous(&x[..rows * TERMS], TERMS), Rows::contiguous(&y[..rows * TERMS], TERMS));
                let name = format!("{name}, {kind}, {rows} × {rows}");
                let ns = time(c, &name, rows * rows * TERMS, || reading.dots(&left, &right, None).unwrap()[0]);
                table.push(format!("{name:<24} {ns:>8.2}"));
            }
        }
    }
    // In the real reading a dot product of words is exact when the precision has room for it, and is rounded once.
    let real = Real::new(128);
    let balls = |words: &[u32]| -> Vec<Ball> { words.iter().map(|&word| real.datum(word).unwrap()).collect() };
    let (x, y) = (balls(&x), balls(&y));
    for rows in [1, ROWS] {
        let (left, right) = (Rows::contiguous(&x[..rows * TERMS], TERMS), Rows::contiguous(&y[..rows * TERMS], TERMS));
        let dots = || real.dots(&left, &right, None).unwrap();
        assert!(dots().iter().all(Ball::is_exact), "128 bits have room");
        let name = format!("exact, {rows} × {rows}");
        let ns = time(c, &name, rows * rows * TERMS, || dots().len() as u32);
        table.push(format!("{name:<24} {ns:>8.2}"));
    }
}

fn main() {
    let second = Duration::from_secs(1);
    let criterion = Criterion::default().sample_size(10).measurement_time(second).warm_up_time(second / 5);
    let (mut c, mut table) = (criterion.configure_from_args(), Vec::new());
    operations(&mut c, &mut table);
    dots(&mut c, &mut table);
    println!("{}", table.join("\n"));
}
