//! The binary32 model against the processor, bit by bit: operations on any words, and dot products in any order of summation.
//!
//! Holds on processors whose `f32` is IEEE 754. A NaN is compared as a NaN.

#![no_main]

use arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use tl_fuzz::generate::schedule;
use tl_kernel::context::binary32::arithmetic::{add, div, fma, mul, sqrt, sub};
use tl_kernel::context::binary32::schedule::Accumulate;
use tl_kernel::context::binary32::{Binary32, Environment, convert};
use tl_kernel::context::{Context, Rows};

fuzz_target!(|bytes: &[u8]| {
    let _ = compare(&mut Unstructured::new(bytes)); // the bytes may end early
});

fn same(place: &str, model: u32, hardware: f32) {
    let hardware = hardware.to_bits();
    let nan = |word: u32| word << 1 > 0xff << 24;
    assert!(model == hardware || nan(model) && nan(hardware), "{place}: {model:08x}, the processor {hardware:08x}");
}

fn compare(u: &mut Unstructured) -> Result<()> {
    let env = Environment::default();
    let (x, y, z): (u32, u32, u32) = u.arbitrary()?;
    let (a, b, c) = (f32::from_bits(x), f32::from_bits(y), f32::from_bits(z));
    same("add", add(x, y, env).0, a + b);
    same("sub", sub(x, y, env).0, a - b);
    same("mul", mul(x, y, env).0, a * b);
    same("div", div(x, y, env).0, a / b);
    same("sqrt", sqrt(x, env).0, a.sqrt());
    same("fma", fma(x, y, z, env).0, a.mul_add(b, c));
    same("round_to_integral", convert::round_to_integral(x, env).0, a.round_ties_even());
    let wide = f64::from(a) * f64::from(b);
    same("from_binary64", convert::from_binary64(wide.to_bits(), env).0, wide as f32);
    let schedule = schedule(u)?;
    let n = u.int_in_range(0..=40usize)?;
    let xs: Vec<u32> = (0..n).map(|_| u.arbitrary()).collect::<Result<_>>()?;
    let ys: Vec<u32> = (0..n).map(|_| u.arbitrary()).collect::<Result<_>>()?;
    let terms = Terms { xs: &xs, ys: &ys };
    let bias = u.arbitrary::<bool>()?.then_some(z);
    let expected = schedule.reduce(n, bias.map(f32::from_bits), &terms).expect("an order of any number of terms");
    let rows = |words| if n == 0 { Rows::empty(1) } else { Rows::contiguous(words, n) };
    let reading = Binary32::new(env, schedule.clone());
    let bias = bias.map(|bias| [bias]);
    let dots = reading.dots(&rows(&xs), &rows(&ys), bias.as_ref().map(|bias| &bias[..])).expect("a dot product");
    same(&format!("{schedule:?}"), dots[0], expected);
    Ok(())
}

/// The terms of a dot product on the processor.
struct Terms<'a> {
    xs: &'a [u32],
    ys: &'a [u32],
}

impl Terms<'_> {
    fn pair(&self, i: usize) -> (f32, f32) {
        (f32::from_bits(self.xs[i]), f32::from_bits(self.ys[i]))
    }
}

impl Accumulate for Terms<'_> {
    type Value = f32;

    fn zero(&self) -> f32 {
        0.0
    }
    fn add(&self, a: f32, b: f32) -> f32 {
        a + b
    }
    fn product(&self, i: usize) -> f32 {
        let (x, y) = self.pair(i);
        x * y
    }
    fn fma(&self, i: usize, a: f32) -> f32 {
        let (x, y) = self.pair(i);
        x.mul_add(y, a)
    }
}
