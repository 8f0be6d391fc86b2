//! A loss over every pair.

use super::{Bug, Build, Entry, Program, ulps, within};
use crate::generate::draft::{Draft, values};

pub(super) const ENTRY: Entry = Entry {
    name: "silent_broadcast",
    wrong: "[n] against [n,1]: a loss over n² pairs",
    story: "Predictions of shape [3,1] minus targets of shape [3] broadcast to [3,3] without a word: every prediction is compared with every target. A perfect model has the loss \
            4/3 (twice the variance of the targets), and training pulls all predictions to their mean. In this vocabulary a broadcast is a node that someone has to write.",
    repair: "the predictions in the shape of the targets; subtraction takes equal shapes only.",
    build: Build::Written(build),
};

const DATA: [f32; 3] = [1.0, 2.0, 3.0];

fn build() -> Bug {
    let mut d = Draft::default();
    let (predicted, target) = (d.input("predicted", values(&[3, 1], &DATA)), d.input("target", values(&[3], &DATA)));
    let (wide, tall) = (d.broadcast(predicted, &[3, 3]), d.broadcast(target, &[3, 3]));
    let difference = d.node("sub", &[wide, tall]);
    let square = d.node("mul", &[difference, difference]);
    let loss = d.node(r#"mean {"axes":[0,1],"keepdims":false}"#, &[square]);
    let broken = Program::new(d.output("loss", loss));
    let mut d = Draft::default();
    let (predicted, target) = (d.input("predicted", values(&[3, 1], &DATA)), d.input("target", values(&[3], &DATA)));
    let flat = d.node(r#"reshape {"shape":[3]}"#, &[predicted]);
    let difference = d.node("sub", &[flat, target]);
    let square = d.node("mul", &[difference, difference]);
    let loss = d.node(r#"mean {"axes":[0],"keepdims":false}"#, &[square]);
    let fixed = Program::new(d.output("loss", loss));
    Bug::new(broken, fixed, "loss", &[])
        .broken_is_refused(within("1"), "the loss over all pairs, against the loss over the three that belong together")
        .fixed_is_near(ulps("0"), "the loss of a perfect prediction is 0")
}
