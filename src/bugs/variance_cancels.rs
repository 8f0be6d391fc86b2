//! The variance in one pass.

use super::{Bug, Build, Entry, Program, ulps};
use crate::generate::draft::{Draft, values};

pub(super) const ENTRY: Entry = Entry {
    name: "variance_cancels",
    wrong: "variance as E[x²] − E[x]²",
    story: "The squares of numbers about 6000 take 26 bits, binary32 holds 24, so that both terms are off by units of 4, and their difference, 5/4, is lost: the variance of \
            6000, 6001, 6002, 6003 comes out negative, and its root would be NaN. Over the reals the two formulas are one.",
    repair: "two passes: the mean first, then the mean of the squared distances from it, which are exact here.",
    build: Build::Written(build),
};

const MEAN: &str = r#"mean {"axes":[1],"keepdims":true}"#;

fn build() -> Bug {
    let x = || values(&[1, 4], &[6000.0, 6001.0, 6002.0, 6003.0]);
    let mut d = Draft::default();
    let data = d.input("x", x());
    let squares = d.node("mul", &[data, data]);
    let mean_of_squares = d.node(MEAN, &[squares]);
    let mean = d.node(MEAN, &[data]);
    let square_of_mean = d.node("mul", &[mean, mean]);
    let y = d.node("sub", &[mean_of_squares, square_of_mean]);
    let broken = Program::new(d.output("variance", y));
    let mut d = Draft::default();
    let data = d.input("x", x());
    let mean = d.node(MEAN, &[data]);
    let mean = d.broadcast(mean, &[1, 4]);
    let distances = d.node("sub", &[data, mean]);
    let squares = d.node("mul", &[distances, distances]);
    let y = d.node(MEAN, &[squares]);
    let fixed = Program::new(d.output("variance", y));
    Bug::new(broken, fixed, "variance", &[0, 0])
        .diverges("5", "the one-pass variance is -4 in binary32 and 5/4 over the reals")
        .fixed_is_near(ulps("0"), "the two-pass variance is exact")
}
