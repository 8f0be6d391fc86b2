//! Layer normalisation of a slice that is constant.

use super::{Bug, Build, Entry, Program, ulps};
use crate::generate::draft::{Draft, values};

pub(super) const ENTRY: Entry = Entry {
    name: "layer_norm_one_feature",
    wrong: "layer norm folded to x·a + b, over one feature",
    story: "One feature is its own mean, so the result is the bias, 3, whatever x is. A kernel that folds the normalisation into a scale a = γ/√(σ² + ε) and a shift b = β − μ·a \
            computes x·a + b with x·a = 6.3e8, where binary32 numbers are 64 apart: the shift has already lost the 3.",
    repair: "the mean is taken off first: (x − μ) is exactly 0, and the result exactly 3.",
    build: Build::Written(build),
};

fn build() -> Bug {
    const MEAN: &str = r#"mean {"axes":[1],"keepdims":true}"#;
    let mut d = Draft::default();
    let x = d.input("x", values(&[1, 1], &[1e6]));
    let (gamma, beta) = (d.parameter("gamma", values(&[1, 1], &[2.0])), d.parameter("beta", values(&[1, 1], &[3.0])));
    let epsilon = d.parameter("epsilon", values(&[1, 1], &[1e-5]));
    let mean = d.node(MEAN, &[x]);
    let distance = d.node("sub", &[x, mean]);
    let square = d.node("mul", &[distance, distance]);
    let variance = d.node(MEAN, &[square]);
    let variance = d.node("add", &[variance, epsilon]);
    let reciprocal = d.node("rsqrt", &[variance]);
    let scale = d.node("mul", &[gamma, reciprocal]);
    let moved = d.node("mul", &[mean, scale]);
    let shift = d.node("sub", &[beta, moved]);
    let scaled = d.node("mul", &[x, scale]);
    let y = d.node("add", &[scaled, shift]);
    let broken = Program::new(d.output("y", y));
    let mut d = Draft::default();
    let x = d.input("x", values(&[1, 1], &[1e6]));
    let (gamma, beta) = (d.parameter("gamma", values(&[1], &[2.0])), d.parameter("beta", values(&[1], &[3.0])));
    let y = d.node(r#"layer_norm {"axis":1,"epsilon":"1/100000"}"#, &[x, gamma, beta]);
    let fixed = Program::new(d.output("y", y));
    Bug::new(broken, fixed, "y", &[0, 0])
        .diverges("2", "layer norm of one feature, folded to a scale and a shift: 0 in binary32, 3 over the reals")
        .fixed_is_near(ulps("0"), "layer norm of one feature is its bias, exactly")
}
