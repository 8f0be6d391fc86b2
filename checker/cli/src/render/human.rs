//! For people: the sentence on stdout, diagnostics on stderr, in colours where they are wanted.

use crate::files::{plain, shown};
use crate::judge::Judged;
use crate::report::{Level, Row};
use anstyle::{AnsiColor, Style};
use std::io::{self, Write};
use tl_kernel::diagnostic::Outcome;
use tl_kernel::{Diagnostic, Verdict};

/// How words are coloured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint(pub(crate) bool);

impl Paint {
    fn text(self, colour: AnsiColor, text: &str) -> String {
        let style = Style::new().bold().fg_color(Some(colour.into()));
        if self.0 { format!("{style}{text}{style:#}") } else { text.into() }
    }

    fn verdict(self, word: &str) -> String {
        let colour = match word {
            "ACCEPTED" => AnsiColor::Green,
            "REJECTED" => AnsiColor::Red,
            _ => AnsiColor::Yellow,
        };
        self.text(colour, word)
    }

    fn level(self, level: Level, text: &str) -> String {
        let colour = match level {
            Level::Error => AnsiColor::Red,
            Level::Warning => AnsiColor::Yellow,
        };
        self.text(colour, text)
    }
}

/// The verdict on a file, one line; `None` when there was nothing to judge.
pub(crate) fn sentence(row: &Row, paint: Paint) -> Option<String> {
    let (path, word) = (shown(&row.path), row.word()?);
    let codes = || {
        row.items().iter().map(|item| format!("{} {}", item.code, item.title())).collect::<Vec<_>>().join("; ") + "."
    };
    Some(format!("{} {path}: {}", paint.verdict(word), plain(&row.sentence().unwrap_or_else(codes))))
}

/// What is to be said beside the verdict: figures of what is accepted, findings about what is not.
pub(crate) fn details(row: &Row, paint: Paint) -> String {
    match &row.judged {
        Judged::Trouble(trouble) => {
            let text = trouble.to_string();
            let (level, rest) = text.split_once(':').unwrap_or((&text, ""));
            format!("{}:{rest}\n", paint.level(Level::Error, level))
        }
        Judged::Verdict(Verdict::Accepted(accepted), _) => {
            let path = shown(&row.path);
            accepted.facts().iter().map(|(name, value)| format!("note: {path}: {name} {value}\n")).collect()
        }
        Judged::Verdict(Verdict::Rejected(findings) | Verdict::Declined(findings), _) => {
            let path = shown(&row.path);
            findings.iter().map(|finding| block(&path, finding, paint)).collect()
        }
    }
}

/// Prints what became of a file; of what is accepted nothing when `quiet`.
pub(crate) fn human(
    row: &Row,
    quiet: bool,
    (out, out_paint): (&mut dyn Write, Paint),
    (err, err_paint): (&mut dyn Write, Paint),
) -> io::Result<()> {
    if quiet && row.items().is_empty() {
        return Ok(());
    }
    write!(err, "{}", details(row, err_paint))?;
    sentence(row, out_paint).map_or(Ok(()), |sentence| writeln!(out, "{sentence}"))
}

/// The same in one text, without colours.
pub(crate) fn in_full(row: &Row) -> String {
    details(row, Paint(false)) + &sentence(row, Paint(false)).map_or(String::new(), |sentence| sentence + "\n")
}

/// A finding as a block of text.
pub(crate) fn block(path: &str, finding: &Diagnostic, paint: Paint) -> String {
    let (level, word) = match finding.code.outcome() {
        Outcome::Rejected => (Level::Error, "error"),
        Outcome::Declined => (Level::Warning, "declined"),
    };
    let head = paint.level(level, &format!("{word}[{}]", finding.code.id()));
    let mut text = format!("{head}: {}\n  --> {path}#{}", plain(&finding.message), plain(&finding.pointer));
    if let Some((id, op)) = finding.node {
        text += &format!("  node {id} ({op})");
    }
    if let Some((index, shape)) = &finding.index {
        text += &format!("  index {index:?} of shape {shape:?}");
    }
    text.push('\n');
    for (name, value) in rows(finding) {
        text += &format!("   | {name:<10} {}\n", plain(value));
    }
    text + &format!("   = more: tl-check --explain {}\n", finding.code.id())
}

/// What a finding compares, and its facts, by name.
pub(crate) fn rows(finding: &Diagnostic) -> impl Iterator<Item = (&'static str, &str)> {
    let compared = [("recorded", &finding.claimed), ("derived", &finding.derived), ("ulps", &finding.ulps)];
    let compared = compared.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
    compared.chain(finding.facts.iter().map(|(name, value)| (*name, value.as_str())))
}
