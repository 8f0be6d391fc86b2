//! An additive mask over a row of which nothing is left.

use super::{Bug, Build, Entry, Program, ulps, within};
use crate::generate::draft::{Draft, values};

pub(super) const ENTRY: Entry = Entry {
    name: "mask_blocked_row",
    wrong: "adding -1e9 in a row that is blocked as a whole",
    story: "Padding and causal masks together can block a row altogether. Softmax does not see a number that is added everywhere: over the reals the weights are those of the \
            unmasked scores, (0.09, 0.24, 0.67), so that blocked positions leak; in binary32 -1e9 absorbs the scores and they are 1/3 each. Neither is what a mask means.",
    repair: "an exact mask that gives a row without an allowed position zeros.",
    build: Build::Written(build),
};

fn build() -> Bug {
    let x = || values(&[1, 3], &[1.0, 2.0, 3.0]);
    let mut d = Draft::default();
    let scores = d.input("scores", x());
    let large = d.parameter("mask", values(&[1, 3], &[-1e9; 3]));
    let masked = d.node("add", &[scores, large]);
    let y = d.node(r#"softmax {"axis":1}"#, &[masked]);
    let broken = Program::new(d.output("weights", y));
    let mut d = Draft::default();
    let scores = d.input("scores", x());
    let blocked = d.parameter("mask", values(&[1, 3], &[0.0; 3]));
    let y = d.node(r#"masked_softmax {"axis":1,"fully_blocked":"zeros"}"#, &[scores, blocked]);
    let fixed = Program::new(d.output("weights", y));
    Bug::new(broken, fixed, "weights", &[0, 2])
        .diverges("0.3", "a fully blocked row under an additive mask: 1/3 in binary32, 0.665 over the reals")
        .broken_is_refused(within("0.3"), "1/3 for a weight of a fully blocked row, where the exact mask gives 0")
        .fixed_is_near(ulps("0"), "the exact mask gives a fully blocked row zeros")
}
