//! A sentence vector that averages its own padding.

use super::{Bug, Build, Entry, Program, ulps, within};
use crate::generate::draft::{Draft, values};

pub(super) const ENTRY: Entry = Entry {
    name: "pad_row_in_mean",
    wrong: "the pad token's row averaged with the others",
    story: "Two tokens and two pads: the mean over four positions counts the embedding of the pad token, which is no zero here, and divides by four. The same sentence gets \
            another vector in every batch that is padded to another length.",
    repair: "the sum over the tokens alone, divided by how many there are.",
    build: Build::Written(build),
};

/// The rows of the tokens 2, 3, pad, pad; the pad token is 0.
fn embedded(d: &mut Draft) -> usize {
    let rows = [0.5, -0.25, 1.0, 0.0, 1.0, 0.0, 2.0, 0.5, -1.0, 1.0, -0.5, 3.0];
    let table = d.parameter("table", values(&[4, 3], &rows));
    d.node(r#"gather {"axis":0,"indices":[2,3,0,0],"indices_shape":[4]}"#, &[table])
}

fn build() -> Bug {
    let mut d = Draft::default();
    let rows = embedded(&mut d);
    let y = d.node(r#"mean {"axes":[0],"keepdims":false}"#, &[rows]);
    let broken = Program::new(d.output("sentence", y));
    let mut d = Draft::default();
    let mask = d.input("mask", values(&[4, 1], &[1.0, 1.0, 0.0, 0.0]));
    let rows = embedded(&mut d);
    let wide = d.broadcast(mask, &[4, 3]);
    let kept = d.node("mul", &[rows, wide]);
    let total = d.node(r#"sum {"axes":[0],"keepdims":false}"#, &[kept]);
    let count = d.node(r#"sum {"axes":[0],"keepdims":false}"#, &[mask]);
    let count = d.broadcast(count, &[3]);
    let y = d.node("div", &[total, count]);
    let fixed = Program::new(d.output("sentence", y));
    Bug::new(broken, fixed, "sentence", &[0])
        .broken_is_refused(within("1/4"), "the mean over two tokens and two pads, against the mean over the tokens")
        .fixed_is_near(ulps("0"), "the mean over the tokens is exact")
}
