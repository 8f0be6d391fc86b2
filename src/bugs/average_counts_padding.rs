//! Average pooling that counts what is not there.

use super::{Bug, Build, Entry, Program, ulps, within};
use crate::generate::draft::{Draft, values};

pub(super) const ENTRY: Entry = Entry {
    name: "average_counts_padding",
    wrong: "average pooling that counts the padding",
    story: "In the corner of a 3×3 image of ones, a 3×3 window with one padded cell around sees four ones. Their average is 1; divided by all nine cells it is 4/9. PyTorch counts \
            padding by default, ONNX does not: an export that forgets to say so darkens every border.",
    repair: "count_include_pad is an attribute, and false.",
    build: Build::Written(build),
};

fn pooled(count: bool) -> Program {
    let mut d = Draft::default();
    let x = d.input("x", values(&[1, 1, 3, 3], &[1.0; 9]));
    let lists = r#""kernel":[3,3],"stride":[1,1],"dilation":[1,1],"pad_before":[1,1],"pad_after":[1,1]"#;
    let pool = format!(r#"avg_pool {{{lists},"ceil_mode":false,"count_include_pad":{count},"divisor":[]}}"#);
    let y = d.node(&pool, &[x]);
    Program::new(d.output("y", y))
}

fn build() -> Bug {
    Bug::new(pooled(true), pooled(false), "y", &[0, 0, 0, 0])
        .broken_is_refused(
            within("1/2"),
            "averages over nine cells of which four are there, against averages over four",
        )
        .fixed_is_near(ulps("0"), "averages of what is there are exact")
}
