//! x·x − y·y where a compiler fuses one of the products.

use super::{Bug, Build, Entry, Program, sequential, ulps};
use crate::generate::draft::{Draft, values};

pub(super) const ENTRY: Entry = Entry {
    name: "fused_multiply_add",
    wrong: "√(x·x − y·y) with a fused multiply-add",
    story: "With x = y the difference is zero, and so it is when both products are rounded alike. A compiler that fuses the second product with the subtraction rounds the \
            first product only: what is left is its rounding error, here -3.6e-9, and the root of it is NaN.",
    repair: "no contraction: both products rounded, then their difference. The result is exact here.",
    build: Build::Written(build),
};

fn build() -> Bug {
    let mut d = Draft::default();
    let (x, y) = (d.input("x", values(&[1], &[0.3])), d.input("y", values(&[1], &[0.3])));
    let minus_y = d.node("neg", &[y]);
    let left = d.node(r#"concat {"axis":0}"#, &[x, y]);
    let right = d.node(r#"concat {"axis":0}"#, &[x, minus_y]);
    let difference = d.node("matmul", &[left, right]);
    let root = d.node("sqrt", &[difference]);
    let program = Program::new(d.output("root", root));
    Bug::new(program.clone().in_order(sequential(true)), program, "root", &[])
        .diverges("0", "the root of x·x − x·x, one product fused: NaN, and 0 over the reals")
        .fixed_is_near(ulps("0"), "the root of x·x − x·x, both products rounded: 0")
}
