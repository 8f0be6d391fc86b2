//! `x^y` of `Binary32` beside its oracles: constructed hard pairs, and random ones from a listed seed.

use crate::function::{Bench, Counts, environment, mode_name};
use crate::rounding::{Outcome, of_binary64};
use core_math as cr;
use tl_kernel::context::binary32::word::{INFINITY, ONE, QUIET, is_nan, is_signaling, is_zero};
use tl_kernel::context::binary32::{Flags, RoundingMode};
use tl_spec_tests::Random;

/// Pairs in a block of [`random_pairs`].
pub const BLOCK: u64 = 1 << 16;

/// The verdict at every pair.
pub fn judge(pairs: impl IntoIterator<Item = (u32, u32)>, mode: RoundingMode, bench: &mut Bench, counts: &mut Counts) {
    let env = environment(mode);
    for (x, y) in pairs {
        let ours = bench.elementary.pow(x, y, env).ok();
        let describe = || format!("pow {x:08x} {y:08x} {}", mode_name(mode));
        if is_nan(x) || is_nan(y) {
            let invalid = is_signaling(x) || is_signaling(y);
            // §9.2.1: 1 even beside a quiet NaN
            let right = match (invalid, is_zero(y) || x == ONE) {
                (true, _) => (INFINITY | QUIET, Flags::INVALID),
                (false, true) => (ONE, Flags::NONE),
                (false, false) => (INFINITY | QUIET, Flags::NONE),
            };
            counts.judge(ours, Some(right), |_| right, || None, describe);
            continue;
        }
        let (a, b) = (f32::from_bits(x), f32::from_bits(y));
        let narrow = || (mode == RoundingMode::NearestEven).then(|| cr::powf(a, b).to_bits());
        counts.judge(
            ours,
            oracle(a, b, mode),
            |precision| bench.arbiter.power(a, b, mode, precision),
            narrow,
            describe,
        );
    }
}

/// CORE-MATH's result, where it is sure.
fn oracle(x: f32, y: f32, mode: RoundingMode) -> Option<Outcome> {
    if x == 0.0 || y == 0.0 || x.abs() == 1.0 || !x.is_finite() || !y.is_finite() {
        return None;
    }
    let wide = cr::pow(x.into(), y.into());
    if wide.is_nan() {
        return Some((INFINITY | QUIET, Flags::INVALID));
    }
    // No power of these is zero.
    let outcome = of_binary64(wide, wide == 0.0, mode)?;
    let confirmed = mode != RoundingMode::NearestEven || cr::powf(x, y).to_bits() == outcome.0;
    confirmed.then_some(outcome)
}

/// The pairs of a block; ten of sixteen have `x` uniform among the positive words and `|y log₂ x| < 150`, the rest are of the kinds below.
pub fn random_pairs(seed: u64, block: u64) -> impl Iterator<Item = (u32, u32)> {
    let mut stream = Random(seed ^ block.wrapping_mul(0xd6e8_feb8_6659_fd93));
    (0..BLOCK).map(move |_| pair(&mut stream))
}

fn pair(stream: &mut Random) -> (u32, u32) {
    let positive = |stream: &mut Random| 1 + stream.below(u64::from(INFINITY) - 1) as u32;
    let beside_one = |stream: &mut Random| {
        let bits = 1 + stream.below(20);
        let distance = stream.below(1 << bits) as u32;
        if stream.below(2) == 0 { ONE + 1 + distance } else { ONE - 1 - distance }
    };
    // y with x^y = 2^t or nearly
    let reaching = |x: u32, t: f64| (t / f64::from(f32::from_bits(x)).log2()) as f32;
    match stream.below(16) {
        // anything
        0 => (stream.word(), stream.word()),
        // x beside 1
        1 | 2 => {
            let x = beside_one(stream);
            let t = 300.0 * stream.unit() - 150.0;
            (x, reaching(x, t).to_bits())
        }
        // the ends of the range: overflow, least normal, subnormal, vanishing
        3 => {
            let x = if stream.below(4) == 0 { beside_one(stream) } else { positive(stream) };
            let t = [128.0, -126.0, -149.0, -150.0][stream.below(4) as usize] + stream.unit() - 0.5;
            (x, reaching(x, t).to_bits())
        }
        // powers close to 1
        4 => {
            let x = positive(stream);
            let t = (stream.unit() - 0.5) * 0.5f64.powi(stream.below(30) as i32);
            (x, reaching(x, t).to_bits())
        }
        // few bits in x, few in y, any sign: exact powers and ties among them
        5 => {
            let bits = 1 + stream.below(12);
            let odd = 2 * stream.below(1 << (bits - 1)) + 1;
            let x = odd as f32 * 2f32.powi(stream.below(24) as i32 - 12);
            let y = (stream.below(64) as f32 - 32.0) / [1.0, 1.0, 2.0, 4.0][stream.below(4) as usize];
            (if stream.below(2) == 0 { x } else { -x }.to_bits(), y.to_bits())
        }
        _ => {
            let x = positive(stream);
            let t = 300.0 * stream.unit() - 150.0;
            (x, reaching(x, t).to_bits())
        }
    }
}

/// Pairs at whose power a rounding goes wrong first, each with its neighbours on both sides.
///
/// - `x = r^(2^j)`, `y = ±n/2^j`, `r = m·2^e` with `m` odd: the power is `r^(±n)`, exact where `m^n` has 24 bits or fewer, a midpoint where it has 25,
///   and a subnormal word or midpoint where `e·n` is −149 to −151;
/// - powers of two at the limits of the range: overflow, the tininess threshold, the least word, its half;
/// - `y` a small integer, `x` with 24 bits such that `x^y` is nearest to a word or a midpoint without being one;
/// - `x` and `y` whose power lies beside 1, beside the largest word, and beside the midpoint above it.
pub fn hard_pairs() -> Vec<(u32, u32)> {
    let mut pairs = Vec::new();
    let mut push = |x: f64, y: f64| {
        let (a, b) = (x as f32, y as f32);
        if a.is_finite() && f64::from(a) == x && f64::from(b) == y && x != 0.0 {
            for x in [a.to_bits() - 1, a.to_bits(), a.to_bits() + 1] {
                for y in [b.to_bits().wrapping_sub(1), b.to_bits(), b.to_bits() + 1] {
                    pairs.push((x, y));
                }
            }
            pairs.push(((-a).to_bits(), b.to_bits()));
        }
    };
    let multipliers: Vec<i32> = (1..64)
        .step_by(2)
        .chain([81, 125, 127, 243, 255, 257, 293, 361, 729, 1023, 2047, 4095, 4097, 5791, 5793, 8191])
        .collect();
    for &m in &multipliers {
        for n in 1..=26i32 {
            let bits = f64::from(m).log2() * f64::from(n);
            if bits > 26.0 {
                break; // neither a word nor a midpoint
            }
            let exponents = [0, -1, 2, -149 / n, -150 / n, -151 / n, (-126 - bits as i32) / n, (128 - bits as i32) / n];
            for e in exponents {
                let r = f64::from(m) * 2f64.powi(e);
                for j in 0..=4 {
                    let x = r.powi(1 << j); // exact, or not a word
                    for y in [f64::from(n), -f64::from(n)] {
                        push(x, y / f64::from(1 << j));
                    }
                }
            }
        }
    }
    for t in [128, 127, -125, -126, -127, -148, -149, -150, -151, -152] {
        for e in (-149..128).filter(|&e: &i32| e != 0) {
            push(2f64.powi(e), f64::from((f64::from(t) / f64::from(e)) as f32));
        }
    }
    let largest = 128.0 - 2f64.powi(-25) / std::f64::consts::LN_2; // log₂ of the midpoint above the largest word
    for i in 0..400 {
        let x = if i % 2 == 0 {
            1.0 + 2f64.powi(-23) * f64::from(1 + i * i)
        } else {
            1.0 - 2f64.powi(-24) * f64::from(i * i)
        };
        let x = f64::from(x as f32);
        for t in [largest, 128.0, -125.999_999_9, -126.0, -149.0, -149.5, -150.0, 2f64.powi(-24), -(2f64.powi(-25))] {
            push(x, f64::from((t / x.log2()) as f32));
        }
        for y in [0.5, -0.5, 0.25, 1.5, -1.0, 2.0, 0.75] {
            push(x, y);
        }
    }
    for n in [2, 3, 4, 5, -1, -2] {
        for m in nearest_to_boundaries(n, 300) {
            push(f64::from(m), f64::from(n));
            push(f64::from(m) * 2f64.powi(-23), f64::from(n));
        }
    }
    let specials = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::NAN,
        f32::from_bits(0x7fa0_0000),
        2.0,
        3.0,
        -3.0,
        0.5,
        -2.5,
        8_388_607.5,
        16_777_215.0,
        16_777_216.0,
        -16_777_217.0,
        f32::MAX,
        f32::MIN_POSITIVE,
        1e-45,
    ];
    let specials = specials.map(f32::to_bits);
    pairs.extend(specials.iter().flat_map(|&x| specials.iter().map(move |&y| (x, y))));
    pairs
}

/// Of the integers `m` of 24 bits, the `count` whose power `m^n` lies nearest, relatively, to a boundary that it is not.
fn nearest_to_boundaries(n: i32, count: usize) -> Vec<u32> {
    let mut found: Vec<(u64, u32)> = Vec::new();
    let mut limit = u64::MAX;
    for m in 1 << 23..1u32 << 24 {
        let power = u128::from(m).pow(n.unsigned_abs());
        let value = if n > 0 { power } else { (1 << 127) / power }; // 55 bits or more
        // What follows the first 24 bits and the round bit, in units of 2^−64.
        let rest = (value << (value.leading_zeros() + 25)) >> 64;
        let rest = u64::try_from(rest).expect("64 bits");
        let distance = rest.min(rest.wrapping_neg());
        if distance != 0 && distance < limit {
            found.push((distance, m));
            if found.len() >= 2 * count {
                found.sort_unstable();
                found.truncate(count);
                limit = found.last().map_or(limit, |&(distance, _)| distance);
            }
        }
    }
    found.sort_unstable();
    found.into_iter().take(count).map(|(_, m)| m).collect()
}
