//! The report: what became of every file, and the findings in it, in one shape for all renderings.

use crate::files::{Position, Trouble, read_certificate};
use crate::judge::Judged;
use crate::render::position_of;
use crate::{ACCEPTED, page, worse};
use std::path::{Path, PathBuf};
use tl_kernel::diagnostic::Outcome;
use tl_kernel::{Diagnostic, Verdict, refuse};

/// A file and what became of it.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) path: PathBuf,
    pub(crate) judged: Judged,
    /// Of each finding, its place in the file, where it is known.
    positions: Vec<Option<Position>>,
}

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// Rejected, or nothing could be judged.
    Error,
    /// Declined.
    Warning,
}

/// One finding about a file, from the kernel or from the shell.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Item<'a> {
    pub(crate) path: &'a Path,
    pub(crate) code: &'static str,
    pub(crate) level: Level,
    pub(crate) message: &'a str,
    /// JSON pointer; empty for the whole file.
    pub(crate) pointer: &'a str,
    pub(crate) position: Option<Position>,
    /// The kernel's finding.
    pub(crate) finding: Option<&'a Diagnostic>,
}

/// The most bytes that are read again, a finding each, to find places: a million cases with a finding each are not worth it.
const MOST_SEARCHED: usize = 1 << 28;

impl Row {
    /// A file that was judged. Its findings are looked up in its text, of at most `limit` bytes.
    pub(crate) fn new(path: PathBuf, judged: Judged, limit: usize) -> Self {
        let findings = findings(&judged);
        // A pipe has been read to its end; opened again it would wait for ever.
        let again = !findings.is_empty() && path.is_file();
        let text = if again { read_certificate(&path, limit).ok() } else { None };
        let text = text.filter(|text| text.len().saturating_mul(findings.len()) <= MOST_SEARCHED);
        let place = |finding: &Diagnostic| position_of(text.as_ref()?, &finding.pointer);
        let positions = findings.iter().map(place).collect();
        Row { path, judged, positions }
    }

    /// Nothing could be judged.
    pub(crate) fn trouble(trouble: Trouble) -> Self {
        Row { path: trouble.path.clone(), judged: Judged::Trouble(trouble), positions: Vec::new() }
    }

    /// Findings about the policy file at `path`, with their places.
    pub(crate) fn policy(path: &Path, missing: Vec<(Position, Diagnostic)>) -> Option<Self> {
        let (positions, findings): (Vec<_>, Vec<_>) = missing.into_iter().map(|(at, it)| (Some(at), it)).unzip();
        let judged = Judged::Verdict(refuse(findings), String::new());
        (!positions.is_empty()).then(|| Row { path: path.into(), judged, positions })
    }

    /// `ACCEPTED`, `REJECTED` or `DECLINED`; `None` when there was nothing to judge.
    pub(crate) fn word(&self) -> Option<&'static str> {
        match &self.judged {
            Judged::Verdict(Verdict::Accepted(_), _) => Some("ACCEPTED"),
            Judged::Verdict(Verdict::Rejected(_), _) => Some("REJECTED"),
            Judged::Verdict(Verdict::Declined(_), _) => Some("DECLINED"),
            Judged::Trouble(_) => None,
        }
    }

    /// The sentence that was proved.
    pub(crate) fn sentence(&self) -> Option<String> {
        match &self.judged {
            Judged::Verdict(Verdict::Accepted(accepted), about) => Some(format!("{}{about}.", accepted.sentence())),
            _ => None,
        }
    }

    /// What was found, one item a finding.
    pub(crate) fn items<'a>(&'a self) -> Vec<Item<'a>> {
        if let Judged::Trouble(Trouble { code, path, position, message }) = &self.judged {
            let level = Level::Error;
            return vec![Item { path, code, level, message, pointer: "", position: *position, finding: None }];
        }
        let item = |(finding, &position): (&'a Diagnostic, &Option<Position>)| Item {
            path: &self.path,
            code: finding.code.id(),
            level: match finding.code.outcome() {
                Outcome::Rejected => Level::Error,
                Outcome::Declined => Level::Warning,
            },
            message: &finding.message,
            pointer: &finding.pointer,
            position,
            finding: Some(finding),
        };
        findings(&self.judged).iter().zip(&self.positions).map(item).collect()
    }
}

impl Item<'_> {
    /// The title of its code; of one that is not the kernel's, as the first line of the page has it.
    pub(crate) fn title(&self) -> &'static str {
        if let Some(finding) = self.finding {
            return finding.code.title();
        }
        let first = page(self.code).and_then(|page| page.lines().next());
        first.and_then(|line| line.split_once(": ")).map_or("", |(_, title)| title)
    }
}

/// The findings of a verdict; none of an accepted certificate.
fn findings(judged: &Judged) -> &[Diagnostic] {
    match judged {
        Judged::Verdict(Verdict::Rejected(findings) | Verdict::Declined(findings), _) => findings,
        _ => &[],
    }
}

/// The exit code of all of them.
pub(crate) fn exit_code(rows: &[Row]) -> u8 {
    rows.iter().map(|row| row.judged.exit_code()).fold(ACCEPTED, worse)
}
