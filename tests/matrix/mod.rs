//! `spec-tests/STATUS.md`: one row an operation, one column a thing that is tested of it. Each column is written by the test that fills it, and read back by the others.
//!
//! With `BLESS=1` a test writes its columns; otherwise a difference is a failure.

#![allow(dead_code, reason = "each test binary uses a part")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tl_kernel::spec::Op;

/// What stands above the table.
const HEAD: &str = "# Status

What is tested of every operation. The tests `status` and `onnx_node` write this page and fail where it is not what they find;
`BLESS=1 cargo test --release -p tl --test status --test onnx_node` renews it.

| column | what a cell says of the operation, its example in `examples.txt` read in a graph of its own |
|---|---|
| shape rule | ok: accepts the example, and every reading fills the shape that it gives |
| Rational | ok: has values; NotRational: refuses, because the named function has no rational value there |
| Real | ok: balls narrower than 2⁻⁴⁰ of their size that hold the rational values, where there are any |
| Interval | ok: intervals narrower than 2⁻²⁰ of their size that meet the balls and hold the rational values |
| Binary32 | ok: words that are within the bound of a running error analysis (`tests/running`) of the real values |
| f32 | ok: the engine's floats are these words, bit by bit |
| ONNX | in how many of ONNX's own node tests that run (`tests/onnx_node.rs`) the operation occurs |
| constraints | how many numbered constraints `ops/OPERATION.md` has, each of which `constraints.txt` both keeps and breaks |
| vjp | the reverse rule is adjoint to the derivative of the value: the first method of claim `adjoint` by which the kernel accepts it, for the example's graph (`identity`) or at its point; a parent that is left out (a mask, labels, signs, weights of classes) takes no cotangent, and asking for one is refused |

| operation | shape rule | Rational | Real | Interval | Binary32 | f32 | ONNX | constraints | vjp |
|---|---|---|---|---|---|---|---|---|---|
";
/// The columns after the name.
pub(crate) const COLUMNS: usize = 9;
/// The column of the ONNX cases.
pub(crate) const ONNX: usize = 6;
/// The column of the reverse rule.
pub(crate) const VJP: usize = 8;
/// Why no ONNX case has an operation.
const NO_CASE: &[(&str, &str)] = &[
    ("flatten", "none: the importer writes a reshape"),
    ("transpose", "none: the importer writes a permute"),
    ("adaptive_avg_pool", "none: ONNX has no such operator"),
    ("logsumexp", "none: but for a reduction of nothing, its cases are float64"),
    ("mse", NO_LOSS),
    ("mae", NO_LOSS),
    ("huber", NO_LOSS),
    ("bce", NO_LOSS),
    ("bce_with_logits", NO_LOSS),
    ("kl", NO_LOSS),
    ("hinge", NO_LOSS),
    ("poisson", NO_LOSS),
    ("cosine", NO_LOSS),
];
/// Of the losses ONNX has those of classes only.
const NO_LOSS: &str = "none: ONNX has no such operator";

pub(crate) fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("spec-tests/STATUS.md")
}

/// The cells of every row as they are recorded.
pub(crate) fn recorded() -> BTreeMap<String, Vec<String>> {
    let text = std::fs::read_to_string(path()).unwrap_or_default();
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |"));
    let rows = rows.map(|row| row.split(" | ").map(str::to_string).collect::<Vec<_>>());
    rows.filter(|row| row.len() == COLUMNS + 1)
        .map(|row| (row[0].trim_end_matches('`').to_string(), row[1..].to_vec()))
        .collect()
}

/// Compares the recorded page with one in which `cells` gives some columns of each operation by their places, or writes that.
pub(crate) fn has(cells: impl Fn(&str) -> Vec<(usize, String)>) {
    let recorded = recorded();
    let mut text = HEAD.to_string();
    for &operation in Op::KEYWORDS {
        let mut row = recorded.get(operation).cloned().unwrap_or(vec!["not yet run".into(); COLUMNS]);
        for (column, cell) in cells(operation) {
            row[column] = cell;
        }
        text += &format!("| `{operation}` | {} |\n", row.join(" | "));
    }
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(path(), text).unwrap();
    } else {
        let found = std::fs::read_to_string(path()).unwrap_or_default();
        let differs = text.lines().zip(found.lines().chain(std::iter::repeat(""))).find(|(new, old)| new != old);
        assert!(text == found, "spec-tests/STATUS.md is not what was found (BLESS=1 renews it), first: {differs:#?}");
    }
}

/// The column of the ONNX cases: how many of them have each operation.
pub(crate) fn cases_are_recorded(counts: &BTreeMap<&str, usize>) {
    let without: Vec<&str> = Op::KEYWORDS.iter().copied().filter(|operation| !counts.contains_key(operation)).collect();
    let excused: Vec<&str> = NO_CASE.iter().map(|(operation, _)| *operation).collect();
    assert_eq!(without, excused, "operations without a case, and those with a reason");
    let reason =
        |operation: &str| NO_CASE.iter().find(|(name, _)| *name == operation).map(|(_, reason)| (*reason).to_string());
    has(|operation| {
        let count = counts.get(operation).map(usize::to_string);
        vec![(ONNX, count.or(reason(operation)).unwrap_or_default())]
    });
}
