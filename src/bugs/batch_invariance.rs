//! A row whose value depends on who else is in the batch.

use super::{Bug, Build, Entry, Program, sequential, ulps};
use crate::generate::draft::{Draft, shape};
use crate::generate::{Range, tensor};
use tl_kernel::context::binary32::schedule::{BiasPosition, Combine, Order, Schedule};

pub(super) const ENTRY: Entry = Entry {
    name: "batch_invariance",
    wrong: "a row summed otherwise alone than in a batch",
    story: "A library picks its kernel by the size of the batch: alone, a row is summed from the left with fused multiply-adds; in a batch, in eight lanes. Both are right \
            within rounding, but they are not the same words, so a result depends on what else was asked for at the time. The graph computes the first row both ways and takes the \
            difference, which is zero over the reals.",
    repair: "one order of summation for every size of batch.",
    build: Build::Written(build),
};

const SEED: u64 = 100;

fn build() -> Bug {
    let mut d = Draft::default();
    let x = d.input("x", tensor(SEED, 0, &shape(&[2, 64]), Range::Symmetric(0)));
    let weight = d.parameter("weight", tensor(SEED, 1, &shape(&[4, 64]), Range::Symmetric(0)));
    let batch = d.node("linear", &[x, weight]);
    let row = d.node(r#"slice {"start":[0,0],"end":[1,64],"step":[1,1]}"#, &[x]);
    let alone = d.node("linear", &[row, weight]);
    let in_batch = d.node(r#"slice {"start":[0,0],"end":[1,4],"step":[1,1]}"#, &[batch]);
    let difference = d.node("sub", &[in_batch, alone]);
    let program = Program::new(d.output("difference", difference));
    let lanes = Schedule::new(Order::Lanes { width: 8, combine: Combine::Halving }, true, BiasPosition::Last);
    let fixed = program.clone().in_order(lanes.clone());
    let mut broken = program;
    broken.execution.nodes = [(batch, lanes), (alone, sequential(true))].into();
    Bug::new(broken, fixed, "difference", &[0, 2])
        .diverges("0", "a row in a batch minus the same row alone: not 0 in binary32, 0 over the reals")
        .fixed_is_near(ulps("0"), "with one order for both the difference is 0, every element")
}
