//! The mean loss of a batch in which every label is ignored.

use super::{Bug, Build, Entry, Program, Version, ulps, within};
use crate::certificate::Statement;
use crate::generate::draft::{Draft, values};
use tl_kernel::claim::Execution;

pub(super) const ENTRY: Entry = Entry {
    name: "ignored_labels",
    wrong: "a mean over labels that are all ignored",
    story: "The mean of the losses that count divides by how many count. In a batch of padding none does, and 0/0 is NaN, which the optimizer spreads over every parameter. Over the \
            reals 0/0 is nothing at all: no recorded value is near it, and a certificate that says 0 is rejected because the graph has no value there. That the broken program \
            gives NaN is a claim about bits.",
    repair: "the divisor is at least 1, so that a batch without a label has the loss 0.",
    build: Build::Written(build),
};

fn loss(least: bool) -> Program {
    let mut d = Draft::default();
    let logits = d.input("logits", values(&[2, 3], &[2.0, 1.0, 0.0, 0.0, 1.0, 2.0]));
    let labels = d.input("labels", values(&[2, 3], &[1.0, 0.0, 0.0, 0.0, 1.0, 0.0]));
    let counts = d.input("counts", values(&[2], &[0.0, 0.0]));
    let logarithms = d.node(r#"log_softmax {"axis":1}"#, &[logits]);
    let chosen = d.node("mul", &[labels, logarithms]);
    let chosen = d.node(r#"sum {"axes":[1],"keepdims":false}"#, &[chosen]);
    let losses = d.node("neg", &[chosen]);
    let losses = d.node("mul", &[counts, losses]);
    let total = d.node(r#"sum {"axes":[0],"keepdims":true}"#, &[losses]);
    let mut count = d.node(r#"sum {"axes":[0],"keepdims":true}"#, &[counts]);
    if least {
        count = d.node(r#"clamp {"lo":["1"],"hi":[]}"#, &[count]);
    }
    let loss = d.node("div", &[total, count]);
    Program::new(d.output("loss", loss))
}

fn build() -> Bug {
    Bug::new(loss(false), loss(true), "loss", &[0])
        .claim(
            "broken_is_nan",
            [Version::Broken; 2],
            Statement::Exec(Execution::default()),
            None,
            "the mean loss over no label at all is NaN in binary32, bit for bit",
        )
        .claim(
            "broken",
            [Version::Broken, Version::Fixed],
            within("1000"),
            Some("TL0201"),
            "0 for the mean over no label, whatever the tolerance: the graph divides by zero",
        )
        .fixed_is_near(ulps("0"), "with a divisor of at least 1 the loss over no label is 0")
}
