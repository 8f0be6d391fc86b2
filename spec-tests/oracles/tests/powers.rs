//! `x^y` of `Binary32` at the constructed hard pairs in every mode, and at random pairs.

use tl_kernel::context::binary32::RoundingMode;
use tl_oracles::function::{Bench, Counts, mode_name};
use tl_oracles::power::{BLOCK, hard_pairs, judge, random_pairs};

const SEED: u64 = 0x5eed_0000_0000_0b0e;

fn report(what: &str, mode: RoundingMode, counts: &Counts) {
    let Counts { run, agreed, by_mpfr, wrong, findings } = counts;
    println!("{what} {}: {run} run, {agreed} agreed, {by_mpfr} decided by MPFR, {wrong} wrong", mode_name(mode));
    assert!(*wrong == 0, "{what}:\n{}", findings.iter().take(8).cloned().collect::<Vec<_>>().join("\n"));
}

#[test]
fn exact_powers_ties_and_the_limits_of_the_range_round_as_mpfr_rounds_them() {
    let mut bench = Bench::default();
    let pairs = hard_pairs();
    for mode in RoundingMode::ALL {
        let mut counts = Counts::default();
        judge(pairs.iter().copied(), mode, &mut bench, &mut counts);
        report("pow hard", mode, &counts);
    }
}

#[test]
fn random_powers_agree_with_their_oracles() {
    let mut bench = Bench::default();
    for (mode, blocks) in RoundingMode::ALL.into_iter().zip([0..8, 8..9, 9..10, 10..11, 11..12]) {
        let mut counts = Counts::default();
        for block in blocks {
            judge(random_pairs(SEED, block), mode, &mut bench, &mut counts);
        }
        assert_eq!(counts.run % BLOCK, 0);
        report("pow random", mode, &counts);
    }
}
