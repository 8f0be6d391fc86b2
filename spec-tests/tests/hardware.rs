//! `Binary32` against the floating-point unit, bit by bit, in round-to-nearest-even: two witnesses that share no code.
//!
//! Holds on targets whose `f32` is IEEE 754 (x86-64 with SSE2, aarch64; not i586). Operands come from a listed seed; half of them have exponents close
//! together, where cancellation and ties live, and one in eight is a special word. NaN payloads are not compared. Schedules are in the engine's
//! `tests/hardware_agrees.rs`.

use tl_kernel::context::binary32::arithmetic::{add, div, fma, mul, rem, sqrt, sub};
use tl_kernel::context::binary32::compare::{Comparison, compare};
use tl_kernel::context::binary32::word::is_nan;
use tl_kernel::context::binary32::{Environment, convert};
use tl_spec_tests::{Random, Tally};

const SEED: u64 = 0x5eed_0000_0000_0032;
const CASES: usize = 500_000;
const SPECIAL: [u32; 16] = [
    0,
    1,
    0x007f_ffff,
    0x0080_0000,
    0x3f80_0000,
    0x3f7f_ffff,
    0x4b7f_ffff,
    0x7f7f_ffff,
    0x7f80_0000,
    0x7fc0_0000,
    0x8000_0000,
    0x8000_0001,
    0x8080_0000,
    0xbf80_0000,
    0xff80_0000,
    0xffc1_2345,
];

fn word(random: &mut Random) -> u32 {
    let bits = random.bits();
    let word = (bits >> 32) as u32;
    match bits % 8 {
        0 => SPECIAL[(bits >> 8) as usize % SPECIAL.len()],
        1..5 => (word & 0x80ff_ffff) | 0x3f00_0000, // exponents −1 and 0
        _ => word,
    }
}

fn same(model: u32, hardware: f32) -> bool {
    model == hardware.to_bits() || (is_nan(model) && hardware.is_nan())
}

#[test]
fn the_model_computes_what_the_processor_computes() {
    let env = Environment::default();
    let (mut random, mut tally) = (Random(SEED), Tally::default());
    for _ in 0..CASES {
        let (x, y, z) = (word(&mut random), word(&mut random), word(&mut random));
        let (a, b, c) = (f32::from_bits(x), f32::from_bits(y), f32::from_bits(z));
        for (name, model, hardware) in [
            ("add", add(x, y, env), a + b),
            ("sub", sub(x, y, env), a - b),
            ("mul", mul(x, y, env), a * b),
            ("div", div(x, y, env), a / b),
            ("sqrt", sqrt(x, env), a.sqrt()),
            ("fma", fma(x, y, z, env), a.mul_add(b, c)),
            ("round_to_integral", convert::round_to_integral(x, env), a.round_ties_even()),
            (
                "from_binary64",
                convert::from_binary64((f64::from(a) * f64::from(b)).to_bits(), env),
                (f64::from(a) * f64::from(b)) as f32,
            ),
            (
                "from_i64",
                convert::from_i64(i64::from(x as i32) << (y % 32), env),
                (i64::from(x as i32) << (y % 32)) as f32,
            ),
        ] {
            tally.check(same(model.0, hardware), || {
                format!("{name} {x:08x} {y:08x} {z:08x}: {:08x}, processor {:08x}", model.0, hardware.to_bits())
            });
        }
        let wide = convert::to_binary64(x, env).0;
        tally.check(wide == f64::from(a).to_bits() || a.is_nan(), || format!("to_binary64 {x:08x}"));
        let order = compare(x, y, Comparison::Quiet).0;
        tally.check(order == a.partial_cmp(&b), || format!("compare {x:08x} {y:08x}"));
        // |x rem y| ≤ |y|/2, and x − (x rem y) is a multiple of y: checked where the quotient is small enough for binary64 to be exact.
        let r = f64::from(f32::from_bits(rem(x, y, env).0));
        let (a, b) = (f64::from(a), f64::from(b));
        if (a / b).abs() < 16_777_216.0 && b.is_normal() {
            let n = ((a - r) / b).round();
            tally.check(2.0 * r.abs() <= b.abs() && n.mul_add(b, r) == a, || format!("rem {x:08x} {y:08x}"));
        }
    }
    tally.report("processor");
}
