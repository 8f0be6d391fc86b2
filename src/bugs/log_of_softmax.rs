//! The logarithm of a probability that underflowed.

use super::{Bug, Build, Entry, Program, ulps};
use crate::generate::draft::{Draft, values};

pub(super) const ENTRY: Entry = Entry {
    name: "log_of_softmax",
    wrong: "log(softmax(x)) for log_softmax(x)",
    story: "Softmax itself is careful, but a probability of e^-110 is below the smallest binary32 number and becomes 0; its logarithm is -∞, and so is the loss. Over the \
            reals the logarithm is -110.",
    repair: "log_softmax: x minus its maximum, minus the logarithm of the sum of exponentials. What underflows is only added to 1.",
    build: Build::Written(build),
};

fn build() -> Bug {
    let x = || values(&[1, 2], &[0.0, 110.0]);
    let mut d = Draft::default();
    let logits = d.input("x", x());
    let probabilities = d.node(r#"softmax {"axis":1}"#, &[logits]);
    let y = d.node("log", &[probabilities]);
    let broken = Program::new(d.output("y", y));
    let mut d = Draft::default();
    let logits = d.input("x", x());
    let y = d.node(r#"log_softmax {"axis":1}"#, &[logits]);
    let fixed = Program::new(d.output("y", y));
    Bug::new(broken, fixed, "y", &[0, 0])
        .diverges("100", "log(softmax(x)) is an infinity in binary32 and -110 over the reals")
        .fixed_is_near(
            ulps("1"),
            "log_softmax is within one unit in the last place, which is 2^-149 at the element that is 0",
        )
}
