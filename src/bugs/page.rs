//! Reports as text: the table and the long form of the terminal, and the page `docs/bugs.md`.

use super::report::{Report, distance, number, real};
use super::{Entry, Program, Version};
use tl_kernel::claim::Execution;
use tl_kernel::context::binary32::schedule::{Order, Schedule};
use tl_kernel::ir::Tensor;
use tl_kernel::ir::attributes::Attribute;

/// Its line in the table of the page.
fn line(report: &Report) -> String {
    let [name, cells @ ..] = row(report);
    format!("| [{name}](#{name}) | {} |\n", cells.join(" | "))
}

/// One line an entry: name, what is wrong, the broken and the right value, the gap, the certificates.
pub fn table(reports: &[Report]) -> String {
    let headings = ["bug", "what is wrong", "broken", "right", "gap", "certificates"].map(String::from);
    let rows: Vec<[String; 6]> = [headings].into_iter().chain(reports.iter().map(row)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..6).map(width).collect();
    let line = |row: &[String; 6]| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

fn row(report: &Report) -> [String; 6] {
    let verdicts: Vec<String> = report
        .certificates
        .iter()
        .map(|c| format!("{} {}{}", c.name, c.verdict, if c.as_expected { "" } else { " (NOT AS EXPECTED)" }))
        .collect();
    [
        report.entry.name.into(),
        report.entry.wrong.into(),
        number(report.broken.word),
        real(report.fixed.real.as_ref()),
        report.gap(),
        verdicts.join(", "),
    ]
}

/// The graph as the keywords of its operations, in order.
fn graph(program: &Program) -> String {
    let operations = program.model.graph.nodes().iter().filter(|node| !node.op.is_source()).map(|node| node.op.name());
    operations.collect::<Vec<_>>().join(", ")
}

/// The order of sums in words.
fn order(execution: &Execution) -> String {
    let one = |schedule: &Schedule| {
        let fma = if schedule.fma { " with fma" } else { "" };
        let order = match &schedule.order {
            Order::Sequential => "from the left".to_string(),
            Order::Pairwise { leaf } => format!("pairwise, chains of {leaf}"),
            Order::Lanes { width, combine } => format!("{width} lanes, then {}", combine.keyword()),
            Order::Tree { pairs } => format!("the tree {pairs:?}"),
            Order::Blocks { .. } => schedule.encode().to_string(),
        };
        format!("{order}{fma}, bias {}", schedule.bias.keyword())
    };
    let own = execution.nodes.iter().map(|(id, schedule)| format!("; at node {id} {}", one(schedule)));
    one(&execution.schedule) + &own.collect::<String>()
}

/// Largest number of elements of an input that is printed.
const SHOWN: usize = 16;

fn input(name: &str, tensor: &Tensor<u32>) -> String {
    if tensor.data().len() > SHOWN {
        return format!("{name} {}, in the certificates", tensor.shape());
    }
    let values: Vec<String> = tensor.data().iter().map(|&word| number(word)).collect();
    let words: Vec<String> = tensor.data().iter().map(|word| format!("{word:08x}")).collect();
    format!("{name} {} = {} ({})", tensor.shape(), values.join(" "), words.join(" "))
}

fn inputs(program: &Program) -> Vec<String> {
    program.inputs.iter().map(|(name, tensor)| input(name, tensor)).collect()
}

/// The figures of both versions: what, broken, fixed.
fn figures(report: &Report) -> Vec<[String; 3]> {
    let versions = [(&report.bug.broken, &report.broken), (&report.bug.fixed, &report.fixed)];
    let (output, index) = &report.bug.at;
    let right = report.fixed.real.as_ref();
    let line = |what: &str, [broken, fixed]: [String; 2]| [what.to_string(), broken, fixed];
    vec![
        line("graph", versions.map(|(program, _)| graph(program))),
        line("order of sums", versions.map(|(program, _)| order(&program.execution))),
        line(
            &format!("word of {output}{index:?}"),
            versions.map(|(_, f)| format!("{:08x} = {}", f.word, number(f.word))),
        ),
        line("its own real value", versions.map(|(_, f)| real(f.real.as_ref()))),
        line("distance from the right value", versions.map(|(_, f)| distance(f.word, right))),
    ]
}

impl Report {
    /// The long form, for the terminal.
    pub fn text(&self) -> String {
        let Entry { name, wrong, story, repair, .. } = self.entry;
        let fixed = format!("Fixed: {repair}");
        let mut text = format!("{name}: {wrong}\n\n{}{}\n", wrapped(story), wrapped(&fixed));
        for version in [Version::Broken, Version::Fixed] {
            let (program, word) = match version {
                Version::Broken => (&self.bug.broken, "broken"),
                Version::Fixed => (&self.bug.fixed, "fixed"),
            };
            text += &format!("  {word}\n");
            for line in inputs(program) {
                text += &format!("    {line}\n");
            }
            for [what, broken, fixed] in figures(self) {
                text += &format!("    {what:<30}{}\n", if version == Version::Broken { broken } else { fixed });
            }
        }
        text += "\n";
        for c in &self.certificates {
            let mark = if c.as_expected { "" } else { "  NOT AS EXPECTED" };
            text += &format!("  {:<16} {:<52} {}{mark}\n", c.verdict, c.file, c.about);
        }
        text
    }

    /// Its section of the page.
    pub fn section(&self) -> String {
        let Entry { name, wrong, story, repair, .. } = self.entry;
        let mut text = format!("\n## {name}\n\n*{wrong}.* {story}\n\nFixed: {repair}\n\n");
        let same = inputs(&self.bug.broken) == inputs(&self.bug.fixed);
        let versions = [("Inputs", &self.bug.broken), ("Inputs of the fixed version", &self.bug.fixed)];
        for (what, program) in versions.into_iter().take(if same { 1 } else { 2 }) {
            let inputs = inputs(program);
            text += &format!("{what}: {}.\n\n", if inputs.is_empty() { "none".to_string() } else { inputs.join("; ") });
        }
        text += "| | broken | fixed |\n|---|---|---|\n";
        for [what, broken, fixed] in figures(self) {
            text += &format!("| {what} | {broken} | {fixed} |\n");
        }
        text += "\n| certificate | claim | shows | verdict |\n|---|---|---|---|\n";
        for c in &self.certificates {
            let name = c.file.rsplit('/').next().unwrap_or(&c.file).trim_end_matches(".json");
            let link =
                if self.entry.files().is_empty() { format!("[{name}](../certs/{})", c.file) } else { name.to_string() };
            text += &format!("| {link} | {} | {} | {} |\n", c.kind, c.about, c.verdict);
        }
        text
    }
}

/// The text in lines of a hundred characters, two columns in.
fn wrapped(text: &str) -> String {
    let (mut lines, mut width) = (String::from("  "), 2);
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if width + length > 100 {
            lines = lines.trim_end().to_string() + "\n  ";
            width = 2;
        }
        lines += &format!("{word} ");
        width += length + 1;
    }
    lines.trim_end().to_string() + "\n"
}

const OPENING: &str = "# The bug zoo

Famous mistakes around floats in neural networks, with numbers. Every entry has a broken and a fixed version as graphs of the checker's vocabulary, the binary32 result bit by
bit under a stated order of sums, the exact real value, and certificates: a `divergence` where the formula is right and rounding is not, a `forward` claim about the
right graph, REJECTED, where the formula is wrong, and in both cases an accepted one of the fixed version.

`tl bugs` prints the table, `tl bugs run NAME` the figures of one entry; with `-o DIR` the certificates are kept. Nothing on this page is written by hand:
it comes from running both versions and checking the certificates (`BLESS=1 cargo test --test bugs`). Real values are cut after twelve digits (`…`).
The idea of a zoo of contracts is TorchLean's `BugZoo`.

The right value is the real value of the fixed graph; the gap is the distance of the broken result from it. The last entries are networks; their sources stand in
`src/generate/gaps.rs`, and two of them are made from published networks, which are not part of this repository (`TL_DATA` names the folder that has them).
";

/// The page of these reports.
pub fn page(reports: &[Report]) -> String {
    let mut page = OPENING.to_string();
    page += "\n| bug | what is wrong | broken | right | gap | certificates |\n|---|---|---|---|---|---|\n";
    page += &reports.iter().map(line).collect::<String>();
    page + &reports.iter().map(Report::section).collect::<String>()
}
