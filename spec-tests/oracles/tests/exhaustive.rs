//! Every function of one argument of `Binary32` at one word in 256, in blocks spread over all exponents, to nearest; in each other mode at one in 4096.
//!
//! `scan` takes the words that are left out here: `cargo run --release -p tl-oracles --features oracles --bin scan -- all`.

use tl_kernel::context::binary32::RoundingMode;
use tl_oracles::function::{Bench, Counts, mode_name, named};
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
