//! Findings as text: the table and the long form of the terminal, JSON, and the page `docs/vjp.md`.

use super::{CHAPTERS, Finding, Kind, Step};
use tl_kernel::cert::json::Json;

/// The first digits of a digest.
fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

impl Finding {
    /// The kinds of claims and shorter names of steps, each once: how it is checked.
    fn how(&self) -> String {
        let mut names: Vec<&str> = Vec::new();
        for step in &self.steps {
            if !names.contains(&step.name) {
                names.push(step.name);
            }
        }
        names.join(", ")
    }

    fn result(&self) -> String {
        match self.steps.iter().find(|step| !step.holds) {
            None => "holds".into(),
            Some(step) => format!("FAILS: {}", step.name),
        }
    }

    /// The first certificate, as it is listed.
    fn certificate(&self, files: bool) -> String {
        let first = self.steps.iter().find_map(|step| step.certificate.as_ref());
        match first {
            Some(written) if files => written.file.clone(),
            Some(written) => short(&written.digest).to_string(),
            None => "-".into(),
        }
    }

    fn row(&self, files: bool) -> [String; 7] {
        let (chapter, item) = (self.chapter, self.item);
        let kind = item.kind.word();
        [
            chapter.number.to_string(),
            item.number.to_string(),
            kind.into(),
            item.name.into(),
            self.how(),
            self.result(),
            self.certificate(files),
        ]
    }

    /// The long form.
    pub fn text(&self) -> String {
        let (chapter, item) = (self.chapter, self.item);
        let mut text = format!(
            "{} {}, chapter {} ({}): {}\n\n  states  {}\n  graph   {}\n\n",
            item.kind.word(),
            item.number,
            chapter.number,
            chapter.title,
            item.name,
            item.statement,
            item.graph
        );
        for Step { name, shows, result, holds, certificate } in &self.steps {
            let mark = if *holds { "" } else { "  NOT AS IT SHOULD BE" };
            text += &format!("  {name:<11} {result:<15} {shows}{mark}\n");
            if let Some(written) = certificate {
                text += &format!("  {:<11} {:<15} {}  sha256 {}\n", "", "", written.file, written.digest);
            }
        }
        text
    }

    /// The finding as JSON.
    pub fn json(&self) -> Json {
        let step = |step: &Step| {
            let mut entries = vec![
                ("name", Json::string(step.name)),
                ("shows", Json::string(&step.shows)),
                ("result", Json::string(&step.result)),
                ("holds", Json::Bool(step.holds)),
            ];
            if let Some(written) = &step.certificate {
                let certificate =
                    [("file", &written.file), ("sha256", &written.digest)].map(|(key, text)| (key, Json::string(text)));
                entries.push(("kind", Json::string(written.kind)));
                entries.push(("certificate", Json::object(certificate)));
            }
            Json::object(entries)
        };
        let (chapter, item) = (self.chapter, self.item);
        Json::object([
            ("chapter", Json::Integer(chapter.number.into())),
            ("number", Json::Integer(item.number.into())),
            ("kind", Json::string(item.kind.word())),
            ("name", Json::string(item.name)),
            ("statement", Json::string(item.statement)),
            ("graph", Json::string(item.graph)),
            ("steps", Json::Array(self.steps.iter().map(step).collect())),
            ("holds", Json::Bool(self.holds())),
        ])
    }

    /// Its section of the page.
    fn section(&self) -> String {
        let item = self.item;
        let mut text = format!(
            "\n### {}. {}\n\n*{}.* {}\n\nGraph: {}.\n\n| check | shows | result | certificate |\n|---|---|---|---|\n",
            item.number,
            item.name,
            capital(item.kind.word()),
            item.statement,
            item.graph
        );
        for step in &self.steps {
            let certificate = step.certificate.as_ref();
            let certificate =
                certificate.map_or(String::new(), |written| format!("`{}` {}", written.kind, short(&written.digest)));
            text += &format!("| {} | {} | {} | {certificate} |\n", step.name, step.shows, step.result);
        }
        text
    }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

/// What holds, of how many.
pub fn totals(findings: &[Finding]) -> String {
    let of = |kind: Kind| {
        let those = || findings.iter().filter(|finding| finding.item.kind == kind);
        format!("{} of {} {}s", those().filter(|finding| finding.holds()).count(), those().count(), kind.word())
    };
    let holding = findings.iter().filter(|finding| finding.holds()).count();
    let certificates =
        findings.iter().flat_map(|finding| &finding.steps).filter(|step| step.certificate.is_some()).count();
    format!(
        "{holding} of {}: {}, {}, {}; {certificates} certificates\n",
        findings.len(),
        of(Kind::Theorem),
        of(Kind::Definition),
        of(Kind::Axiom)
    )
}

/// One line an item: chapter, number, kind, name, how it is checked, the result, and its first certificate: the file where `files` are kept, else the digest.
pub fn table(findings: &[Finding], files: bool) -> String {
    let headings = ["ch", "no", "kind", "name", "check", "result", "certificate"].map(String::from);
    let rows: Vec<[String; 7]> =
        [headings].into_iter().chain(findings.iter().map(|finding| finding.row(files))).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..7).map(width).collect();
    let line = |row: &[String; 7]| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect::<String>() + &totals(findings)
}

const OPENING: &str = "# The book's 81 items

*Verified Deep Learning with Lean 4* (Brett Koonce, version 0.5.3) states backpropagation as 81 numbered items in chapters 2 to 10: 65 theorems, 6 definitions and 10 axioms, with one
counter. That is the book's own count (chapter 2, appendix B); chapter 11 goes on counting with 22 architectures, which claim nothing about derivatives. Here every
item has a statement in our words, a graph, and a check of ours. None is missing, and none is assumed, the ten axioms included.

`tl vjp --all` prints the table, `tl vjp NUMBER` an item with its steps; with `-o` the certificates are kept, for `tl-check`. Nothing on this page is written by hand: it comes from running the
checks (`BLESS=1 cargo test --test vjp`).

## What the checks are

The book's calculus is one object, three rules and five tricks, and so is ours (`src/book/record.rs`): a *record* is a function with a backward function, both as graphs; the rules *chain*,
*fan_in* and *product* make records of records; the tricks *diagonal*, *toeplitz*, *selection*, *rank_one* and *outer_product* make a record from what is special about a Jacobian. Every layer is built with
them, and none of them is believed:

- **adjoint**: the checker holds the reverse rules of the graph's operations against forward mode over the operations' own values: `⟨u, J·v⟩ = ⟨Jᵀu, v⟩`. For polynomials as an identity, for all inputs and
  parameters, with a probability of error below 2⁻¹⁰⁰; for other rational functions exactly, at listed points; else by enclosures of a hundred digits.
- **formula**: the engine holds the backward function (or the Jacobian) that is written down, the book's closed form, against forward mode and against the reverse rules, element by element: exactly
  where the values are rational, else to a hundred digits. The readings are the checker's, the comparison is the engine's.
- **gradient**: the checker holds what is written down, rounded to binary32, against its own exact gradient: with tolerance 0 where the numbers are binary32 numbers, else within half a unit in the last place.
- **definition**: the checker finds an operation less its definition in simpler operations to be 0: exactly, or below 10⁻¹⁰⁰.
- **smooth**: every operation is analytic on its whole domain, and no argument leaves a domain, whatever the input is (`src/book/smooth.rs`). A relu anywhere is a fault.
- **kink**, **convention**: where there is no derivative, the adjoint is refused (TL0201), and the gradient that the convention returns is stated: the limit of derivatives along a stated
  direction, so an element of the subdifferential, or, for a chain of conventions, possibly none (item 37).

What is shown is what these checks say, and no more. A rule is a theorem about all functions; its check is of functions that stand for them (quadratic maps with any weights, where the identity
is one of polynomials), at the level of graphs. Where values are not rational, points are listed, and between them nothing is claimed but smoothness. The *formula* and *smooth* steps are the
engine's, in the checker's readings; *adjoint*, *gradient*, *definition*, *kink* and *convention* are certificates, which the checker decides alone. The graphs are small: three tokens, not 197.

Jacobian items are checked with every cotangent of the standard basis, so in every entry. Points, tangents, cotangents and weights are small multiples of 1/4, drawn by name. Central differences agree with
every backward function, too, but that is a smoke test and no part of any result (`src/book/mod.rs`).
";

/// The page of all findings.
pub fn page(findings: &[Finding]) -> String {
    let mut page =
        OPENING.to_string() + "\n## The table\n\n| | item | kind | check | result |\n|---|---|---|---|---|\n";
    for finding in findings {
        let [chapter, number, kind, name, how, result, _] = finding.row(false);
        let anchor: String = format!("{number}-{name}").to_lowercase().replace(' ', "-");
        let anchor: String = anchor.chars().filter(|c| c.is_alphanumeric() || *c == '-').collect();
        page += &format!("| {chapter} | [{number}. {name}](#{anchor}) | {kind} | {how} | {result} |\n");
    }
    page += &format!("\n{}", totals(findings));
    for chapter in CHAPTERS {
        page += &format!("\n## Chapter {}: {}\n", chapter.number, chapter.title);
        page +=
            &findings.iter().filter(|f| f.chapter.number == chapter.number).map(Finding::section).collect::<String>();
    }
    page
}
