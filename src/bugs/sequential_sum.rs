//! A long sum from the left.

use super::{Bug, Build, Entry, Program, sequential, ulps};
use crate::generate::draft::{Draft, values};
use tl_kernel::context::binary32::schedule::{BiasPosition, Order, Schedule};

pub(super) const ENTRY: Entry = Entry {
    name: "sequential_sum",
    wrong: "a million terms summed from the left",
    story: "The accumulator grows and its unit in the last place with it: from 65536 on, each 0.1 that is added becomes 13/128 = 0.1015625, which is 1.6 % too much, and so \
            it goes on: within a power of two the errors have one sign. One graph, one sum; only the order differs.",
    repair: "the same sum pairwise: halves of halves, so that what is added is of one size, and the error grows with the logarithm of the number of terms.",
    build: Build::Written(build),
};

fn build() -> Bug {
    let mut d = Draft::default();
    let x = d.input("x", values(&[1], &[0.1]));
    let terms = d.broadcast(x, &[1_000_000]);
    let y = d.node(r#"sum {"axes":[0],"keepdims":true}"#, &[terms]);
    let program = Program::new(d.output("y", y));
    let fixed = program.clone().in_order(Schedule::new(Order::Pairwise { leaf: 1 }, false, BiasPosition::Last));
    Bug::new(program.in_order(sequential(false)), fixed, "y", &[0])
        .diverges("958", "a million times 0.1, from the left: off by 958, almost 1 %")
        .fixed_is_near(ulps("2"), "a million times 0.1, pairwise: within two units in the last place")
}
