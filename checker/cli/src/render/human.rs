//! For people: the sentence on stdout, diagnostics on stderr.

use crate::judge::Judged;
use std::io::{self, Write};
use std::path::Path;
use tl_kernel::diagnostic::Outcome;
use tl_kernel::{Diagnostic, Verdict};

/// Prints what became of the certificate at `path`.
pub(crate) fn human(path: &Path, judged: &Judged, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<()> {
    let path = path.display();
    let (word, findings) = match judged {
        Judged::Trouble(trouble) => return writeln!(err, "{trouble}"),
        Judged::Verdict(Verdict::Accepted(accepted), about) => {
            for (name, value) in accepted.facts() {
                writeln!(err, "note: {path}: {name} {value}")?;
            }
            return writeln!(out, "ACCEPTED {path}: {}{about}.", accepted.sentence());
        }
        Judged::Verdict(Verdict::Rejected(findings), _) => ("REJECTED", findings),
        Judged::Verdict(Verdict::Declined(findings), _) => ("DECLINED", findings),
    };
    for finding in findings {
        write!(err, "{}", text(&path.to_string(), finding))?;
    }
    let codes: Vec<String> = findings.iter().map(|f| format!("{} {}", f.code.id(), f.code.title())).collect();
    writeln!(out, "{word} {path}: {}.", codes.join("; "))
}

/// A finding as a block of text.
fn text(path: &str, finding: &Diagnostic) -> String {
    let level = match finding.code.outcome() {
        Outcome::Rejected => "error",
        Outcome::Declined => "declined",
    };
    let mut text = format!("{level}[{}]: {}\n  --> {path}#{}", finding.code.id(), finding.message, finding.pointer);
    if let Some((id, op)) = finding.node {
        text += &format!("  node {id} ({op})");
    }
    if let Some((index, shape)) = &finding.index {
        text += &format!("  index {index:?} of shape {shape:?}");
    }
    text.push('\n');
    let rows = [("recorded", &finding.claimed), ("derived", &finding.derived), ("ulps", &finding.ulps)];
    let rows = rows.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
    for (name, value) in rows.chain(finding.facts.iter().map(|(name, value)| (*name, value))) {
        text += &format!("   | {name:<10} {value}\n");
    }
    text + &format!("   = more: tl-check --explain {}\n", finding.code.id())
}
