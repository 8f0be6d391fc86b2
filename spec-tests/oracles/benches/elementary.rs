//! The elementary functions of the real reading beside MPFR, at exact arguments of full precision.
//!
//! `cargo bench -p tl-oracles --features oracles --bench elementary` prints a table, minima over interleaved rounds (function, bits, ns here, ns
//! MPFR, ratio), and then hands the same calls to criterion; with TL_TABLE set, the table alone (for `benches/peers/elementary.py`).
//! MPFR rounds correctly to nearest; the real reading returns a ball with a radius of about one unit of the last bit.
#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark stops at the first surprise")]

use criterion::Criterion;
use rug::{Float, Integer, integer::Order, ops::Pow};
use std::hint::black_box;
use std::time::{Duration, Instant};
use tl_kernel::context::real::{Ball, Real};
use tl_kernel::context::{Context, EvalError};
use tl_kernel::number::{Direction, Dyadic};

const PRECISIONS: [u32; 4] = [64, 113, 256, 1024];
const ARGUMENTS: i64 = 64;
const ROUNDS: usize = 12;

type Ours = fn(&Real, &Ball, &Ball) -> Result<Ball, EvalError>;
type Theirs = fn(u32, &Float, &Float) -> Float;
const FUNCTIONS: [(&str, Ours, Theirs); 7] = [
    ("exp", |real, x, _| real.exp(x), |bits, x, _| Float::with_val(bits, x.exp_ref())),
    ("log", |real, x, _| real.log(x), |bits, x, _| Float::with_val(bits, x.ln_ref())),
    ("tanh", |real, x, _| real.tanh(x), |bits, x, _| Float::with_val(bits, x.tanh_ref())),
    ("erf", |real, x, _| real.erf(x), |bits, x, _| Float::with_val(bits, x.erf_ref())),
    ("sin", |real, x, _| real.sin(x), |bits, x, _| Float::with_val(bits, x.sin_ref())),
    ("cos", |real, x, _| real.cos(x), |bits, x, _| Float::with_val(bits, x.cos_ref())),
    ("pow", |real, x, y| real.pow(x, y), |bits, x, y| Float::with_val(bits, x.pow(y))),
];

/// `(739085133 + 13371337 k)/(10^9 + 7)`, in (0.7, 1.6), rounded to so many bits.
fn argument(k: i64, bits: u32) -> Dyadic {
    let (p, q) = (Dyadic::integer(739_085_133 + k * 13_371_337), Dyadic::integer(1_000_000_007));
    p.div_rounded(&q, bits.into(), Direction::Nearest).unwrap().0
}

fn float(x: &Dyadic, bits: u32) -> Float {
    let mantissa = Integer::from_digits(&x.mantissa().magnitude().to_u64_digits(), Order::Lsf);
    Float::with_val(bits, mantissa) << i32::try_from(x.exponent()).unwrap()
}

/// Nanoseconds a call, in one round of at least a millisecond.
fn round(mut call: impl FnMut(usize)) -> f64 {
    let start = Instant::now();
    let mut calls = 0u32;
    while start.elapsed() < Duration::from_millis(1) {
        for k in 0..64 {
            call(k);
        }
        calls += 64;
    }
    start.elapsed().as_nanos() as f64 / f64::from(calls)
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let table_only = std::env::var_os("TL_TABLE").is_some();
    println!("function\tbits\tours_ns\tmpfr_ns\tratio");
    for (name, ours, theirs) in FUNCTIONS {
        for bits in PRECISIONS {
            let real = Real::new(bits.into());
            let dyadics: Vec<Dyadic> = (0..ARGUMENTS).map(|k| argument(k, bits)).collect();
            let balls: Vec<Ball> = dyadics.iter().cloned().map(Ball::exact).collect();
            let floats: Vec<Float> = dyadics.iter().map(|x| float(x, bits)).collect();
            let ours = |k: usize| black_box(ours(&real, black_box(&balls[k]), &balls[63 - k]).unwrap());
            let theirs = |k: usize| black_box(theirs(bits, black_box(&floats[k]), &floats[63 - k]));
            let mut best = (f64::MAX, f64::MAX);
            for _ in 0..ROUNDS {
                best.0 = best.0.min(round(|k| drop(ours(k))));
                best.1 = best.1.min(round(|k| drop(theirs(k))));
            }
            println!("{name}\t{bits}\t{:.0}\t{:.0}\t{:.2}", best.0, best.1, best.0 / best.1);
            if !table_only {
                let mut group = criterion.benchmark_group(format!("{name}/{bits}"));
                group.measurement_time(Duration::from_secs(1)).warm_up_time(Duration::from_millis(300));
                let mut k = 0;
                group.bench_function("tl", |b| b.iter(|| (k = (k + 1) % 64, ours(k))));
                group.bench_function("mpfr", |b| b.iter(|| (k = (k + 1) % 64, theirs(k))));
                group.finish();
            }
        }
    }
    criterion.final_summary();
}
