//! Every function of one argument of `Binary32` at one word in 256, in blocks spread over all exponents, to nearest; in each other mode at one in 4096;
//! and in every mode at the words where something changes.
//!
//! `scan` takes the words that are left out here: `cargo run --release -p tl-oracles --features oracles --bin scan -- all`.

use tl_kernel::context::binary32::RoundingMode;
use tl_oracles::function::{Bench, Counts, FUNCTIONS, mode_name, named};
use tl_oracles::scan::{Part, Subject};

/// Scan a part to nearest and a sixteenth of it in the other modes.
fn sample(name: &str, part: Part) {
    let subject = Subject::Words(named(name).expect("a function"));
    let mut bench = Bench::default();
    let mut wrong = Vec::new();
    for mode in RoundingMode::ALL {
        let of = if mode == RoundingMode::NearestEven { part.of } else { part.of * 16 };
        let part = Part { of, ..part };
        let mut counts = Counts::default();
        for block in (0..subject.blocks()).filter(|&block| part.has(block)) {
            counts.add(subject.judge(block, mode, &mut bench));
        }
        let Counts { run, agreed, by_mpfr, .. } = counts;
        println!(
            "exhaustive {name} {} part {}/{of}: {run} run, {agreed} agreed, {by_mpfr} decided by MPFR, {} wrong",
            mode_name(mode),
            part.index,
            counts.wrong
        );
        assert_eq!(run * of, 1 << 32);
        if counts.wrong > 0 {
            wrong.extend(counts.findings);
        }
    }
    assert!(wrong.is_empty(), "{name}:\n{}", wrong.iter().take(8).cloned().collect::<Vec<_>>().join("\n"));
}

/// One test for each function; the number is the part, and so the seed of its blocks.
macro_rules! samples {
    ($($test:ident $name:literal $index:literal)*) => { $(
        #[test]
        fn $test() {
            sample($name, Part { index: $index, of: 256 });
        }
    )* };
}

samples! {
    exp_agrees_with_its_oracles "exp" 17
    exp2_agrees_with_its_oracles "exp2" 30
    expm1_agrees_with_its_oracles "expm1" 43
    log_agrees_with_its_oracles "log" 56
    log2_agrees_with_its_oracles "log2" 69
    log10_agrees_with_its_oracles "log10" 82
    log1p_agrees_with_its_oracles "log1p" 95
    sin_agrees_with_its_oracles "sin" 108
    cos_agrees_with_its_oracles "cos" 121
    tan_agrees_with_its_oracles "tan" 134
    atan_agrees_with_its_oracles "atan" 147
    sinh_agrees_with_its_oracles "sinh" 160
    cosh_agrees_with_its_oracles "cosh" 173
    tanh_agrees_with_its_oracles "tanh" 186
    erf_agrees_with_its_oracles "erf" 199
    erfc_agrees_with_its_oracles "erfc" 212
    sqrt_agrees_with_its_oracles "sqrt" 225
    rsqrt_agrees_with_its_oracles "rsqrt" 238
    cbrt_agrees_with_its_oracles "cbrt" 251
}

/// Zeros, the least and the largest words, infinities, a quiet and a signalling NaN, 1, the least normal word.
const SPECIAL: [u32; 8] = [0, 1, 0x7f7f_ffff, 0x7f80_0000, 0x7fc0_0001, 0x7fa0_0000, 0x3f80_0000, 0x0080_0000];
/// 2^−34, 2^−27, 2^−26, 2^−13, 1/2, 1, 4, 5, 10, 11, 19, 88.72, 89, 90, 103.28, 103.97, 105, 126, 128, 149, 150.
const THRESHOLDS: [u32; 21] = [
    0x2e80_0000,
    0x3200_0000,
    0x3280_0000,
    0x3900_0000,
    0x3f00_0000,
    0x3f80_0000,
    0x4080_0000,
    0x40a0_0000,
    0x4120_0000,
    0x4130_0000,
    0x4198_0000,
    0x42b1_7218,
    0x42b2_0000,
    0x42b4_0000,
    0x42ce_8ed0,
    0x42cf_f1b5,
    0x42d2_0000,
    0x42fc_0000,
    0x4300_0000,
    0x4315_0000,
    0x4316_0000,
];

#[test]
fn special_words_thresholds_and_exact_arguments_round_as_mpfr_rounds_them() {
    let near = THRESHOLDS.into_iter().flat_map(|word| word - 6..word + 6);
    let binades = (1..255).flat_map(|field: u32| [(field << 23) - 1, field << 23, (field << 23) + 1]);
    let subnormal_powers = (0..23).map(|bit| 1 << bit);
    let powers_of_ten = (0..=10).map(|k| 10f32.powi(k).to_bits());
    let integers = (1..=200).map(|n: u16| f32::from(n).to_bits()); // squares and cubes, exponents of 2
    let positive: Vec<u32> = SPECIAL
        .into_iter()
        .chain(near)
        .chain(binades)
        .chain(subnormal_powers)
        .chain(powers_of_ten)
        .chain(integers)
        .collect();
    let mut bench = Bench::default();
    for function in FUNCTIONS {
        let mut counts = Counts::default();
        for mode in RoundingMode::ALL {
            let words = positive.iter().flat_map(|&word| [word, word | 0x8000_0000]);
            function.judge(words, mode, &mut bench, &mut counts);
        }
        let Counts { run, by_mpfr, wrong, findings, .. } = counts;
        println!("special {}: {run} run, {by_mpfr} decided by MPFR, {wrong} wrong", function.name);
        assert!(wrong == 0, "{}", findings.join("\n"));
    }
}
