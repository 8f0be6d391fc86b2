//! A pad id that is no row of the table.

use super::{Bug, Build, Entry, Program, Version, ulps, within};
use crate::generate::draft::{Draft, values};

pub(super) const ENTRY: Entry = Entry {
    name: "pad_id_out_of_range",
    wrong: "a pad id outside the embedding table",
    story: "The tokenizer knows four words and pads with the id 4 (or -1); the table has four rows, 0 to 3. One library stops, another reads what lies behind the table, and one that \
            clips, or counts -1 from the end, takes the last word of the vocabulary for padding. A certificate with the index 4 is malformed (gather_c3) before anything is computed; \
            the clipped result is held against the table that has a row for padding, and rejected.",
    repair: "a fifth row, of zeros, for padding.",
    build: Build::Written(build),
};

const ROWS: [f32; 10] = [0.25, 1.0, -0.5, 0.75, 1.5, -1.0, 2.0, 0.5, 0.0, 0.0];

fn embedded(rows: usize, pad: usize) -> Program {
    let mut d = Draft::default();
    let table = d.parameter("table", values(&[rows, 2], &ROWS[..2 * rows]));
    let y = d.node(&format!(r#"gather {{"axis":0,"indices":[1,2,{pad}],"indices_shape":[3]}}"#), &[table]);
    Program::new(d.output("rows", y))
}

fn build() -> Bug {
    let mut bug = Bug::new(embedded(4, 3), embedded(5, 4), "rows", &[2, 0])
        .claim("malformed", [Version::Broken; 2], ulps("0"), Some("TL0134"), "the row 4 of a table of four rows")
        .broken_is_refused(within("1"), "the last word of the vocabulary, against the row for padding")
        .fixed_is_near(ulps("0"), "a table with a row for padding");
    bug.claims[0].edit = Some((r#""indices":[1,2,3]"#, r#""indices":[1,2,4]"#));
    bug
}
