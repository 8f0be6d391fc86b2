//! Layer normalisation with ε in the wrong place.

use super::{Bug, Build, Entry, Program, ulps, within};
use crate::generate::draft::{Draft, values};

pub(super) const ENTRY: Entry = Entry {
    name: "epsilon_outside_root",
    wrong: "x/(√σ² + ε) for x/√(σ² + ε)",
    story: "The two agree while the variance is large. For a slice of small numbers ε = 1e-5 inside the root counts as a deviation of 3e-3, outside as one of 1e-5, and the \
            normalised values come out three times too large. No rounding is involved: the formula is another one, so its result is held against the right graph, and rejected.",
    repair: "ε is added to the variance, inside the root.",
    build: Build::Written(build),
};

fn build() -> Bug {
    const MEAN: &str = r#"mean {"axes":[1],"keepdims":true}"#;
    let x = || values(&[1, 4], &[0.001, 0.002, 0.003, 0.004]);
    let mut d = Draft::default();
    let data = d.input("x", x());
    let epsilon = d.parameter("epsilon", values(&[1, 1], &[1e-5]));
    let mean = d.node(MEAN, &[data]);
    let mean = d.broadcast(mean, &[1, 4]);
    let distance = d.node("sub", &[data, mean]);
    let square = d.node("mul", &[distance, distance]);
    let variance = d.node(MEAN, &[square]);
    let deviation = d.node("sqrt", &[variance]);
    let deviation = d.node("add", &[deviation, epsilon]);
    let deviation = d.broadcast(deviation, &[1, 4]);
    let y = d.node("div", &[distance, deviation]);
    let broken = Program::new(d.output("y", y));
    let mut d = Draft::default();
    let data = d.input("x", x());
    let y = d.node(r#"layer_norm {"axis":1,"epsilon":"1/100000"}"#, &[data]);
    let fixed = Program::new(d.output("y", y));
    Bug::new(broken, fixed, "y", &[0, 3])
        .broken_is_refused(within("1/10"), "the result with epsilon outside the root, against layer norm")
        .fixed_is_near(ulps("4"), "layer norm with epsilon inside the root is within four units in the last place")
}
