//! Softmax as it stands in the textbook.

use super::{Bug, Build, Entry, Program, ulps};
use crate::generate::draft::{Draft, values};

pub(super) const ENTRY: Entry = Entry {
    name: "softmax_overflow",
    wrong: "softmax without taking off the maximum",
    story: "e^x exceeds every binary32 number from x = 88.73 on. Two of the three exponentials are infinities, so is their sum, and the probabilities are ∞/∞ = NaN, NaN \
            and e^88/∞ = 0. Over the reals the formula is right, and the three probabilities are what they are for the logits 2, 1, 0.",
    repair: "softmax of x minus its maximum: the greatest exponential is 1.",
    build: Build::Written(build),
};

fn build() -> Bug {
    let x = || values(&[1, 3], &[90.0, 89.0, 88.0]);
    let mut d = Draft::default();
    let logits = d.input("x", x());
    let exponentials = d.node("exp", &[logits]);
    let total = d.node(r#"sum {"axes":[1],"keepdims":true}"#, &[exponentials]);
    let total = d.broadcast(total, &[1, 3]);
    let y = d.node("div", &[exponentials, total]);
    let broken = Program::new(d.output("y", y));
    let mut d = Draft::default();
    let logits = d.input("x", x());
    let y = d.node(r#"softmax {"axis":1}"#, &[logits]);
    let fixed = Program::new(d.output("y", y));
    Bug::new(broken, fixed, "y", &[0, 0])
        .diverges("1/4", "exp(x)/sum(exp(x)) is NaN in binary32 and 0.665 over the reals")
        .fixed_is_near(ulps("2"), "softmax with the maximum taken off is within two units in the last place")
}
