//! The mask that adds a large number and takes it off again.

use super::{Bug, Build, Entry, Program, ulps};
use crate::generate::draft::{Draft, values};

pub(super) const ENTRY: Entry = Entry {
    name: "mask_absorbs_scores",
    wrong: "(x + 1e9)·mask − 1e9 absorbs the scores",
    story: "The trick keeps x where the mask is 1 and gives -1e9 where it is 0, over the reals. Binary32 numbers at 1e9 are 64 apart, so that x + 1e9 forgets every x below \
            32: the three allowed scores come back as 0, and attention over them is uniform, 1/3 each, whatever they were.",
    repair: "an exact mask: blocked positions get weight 0, allowed ones keep their scores.",
    build: Build::Written(build),
};

fn build() -> Bug {
    let (x, mask) = (|| values(&[1, 4], &[1.0, 2.0, 3.0, 4.0]), || values(&[1, 4], &[1.0, 1.0, 1.0, 0.0]));
    let mut d = Draft::default();
    let (scores, allowed) = (d.input("scores", x()), d.input("mask", mask()));
    let large = d.parameter("large", values(&[1, 4], &[1e9; 4]));
    let raised = d.node("add", &[scores, large]);
    let masked = d.node("mul", &[raised, allowed]);
    let lowered = d.node("sub", &[masked, large]);
    let y = d.node(r#"softmax {"axis":1}"#, &[lowered]);
    let broken = Program::new(d.output("weights", y));
    let mut d = Draft::default();
    let (scores, allowed) = (d.input("scores", x()), d.input("mask", mask()));
    let y = d.node(r#"masked_softmax {"axis":1,"fully_blocked":"zeros"}"#, &[scores, allowed]);
    let fixed = Program::new(d.output("weights", y));
    Bug::new(broken, fixed, "weights", &[0, 2])
        .diverges("0.3", "attention weights after adding and taking off 1e9: 1/3 in binary32, 0.665 over the reals")
        .fixed_is_near(ulps("2"), "the exact mask is within two units in the last place")
}
