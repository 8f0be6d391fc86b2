//! For GitHub Actions: the verdicts as plain lines, then workflow commands that the runner turns into annotations.
//!
//! GitHub shows ten annotations of a kind a step; what is beyond is summed up in one line, so that nothing seems to be all there is.

use super::human::{Paint, rows, sentence};
use crate::files::plain;
use crate::report::{Item, Level, Row};

/// Annotations of one kind that GitHub shows.
const MOST: usize = 10;

/// What the step prints.
pub(crate) fn github(all: &[Row], quiet: bool) -> String {
    let told = |row: &&Row| !quiet || row.word() != Some("ACCEPTED");
    let mut text: String =
        all.iter().filter(told).filter_map(|row| sentence(row, Paint(false))).map(|line| line + "\n").collect();
    let items: Vec<Item> = all.iter().flat_map(Row::items).collect();
    for (level, kind) in [(Level::Error, "error"), (Level::Warning, "warning")] {
        let of_kind: Vec<&Item> = items.iter().filter(|item| item.level == level).collect();
        text.extend(of_kind.iter().take(MOST).map(|item| command(kind, item)));
        if of_kind.len() > MOST {
            text += &format!("and {} more of {} annotations of the kind {kind}\n", of_kind.len() - MOST, of_kind.len());
        }
    }
    text
}

fn command(kind: &str, item: &Item) -> String {
    let place = item.position.map_or(String::new(), |at| format!(",line={},col={}", at.line, at.column));
    let title = property(&format!("{}: {}", item.code, item.title()));
    let facts = item.finding.into_iter().flat_map(rows).map(|(name, value)| format!("\n{name} {}", plain(value)));
    let pointer = if item.pointer.is_empty() { String::new() } else { format!("\nat {}", plain(item.pointer)) };
    let message = data(&(plain(item.message) + &pointer + &facts.collect::<String>()));
    // Annotations find their file by its path from the root of the repository.
    let path = item.path.strip_prefix(".").unwrap_or(item.path);
    format!("::{kind} file={}{place},title={title}::{message}\n", property(&path.display().to_string()))
}

/// Text behind `::`; control characters that the runner does not escape are written out.
fn data(text: &str) -> String {
    let escape = |c: char| match c {
        '%' => "%25".into(),
        '\r' => "%0D".into(),
        '\n' => "%0A".into(),
        c if c.is_control() => c.escape_default().to_string(),
        c => c.to_string(),
    };
    text.chars().map(escape).collect()
}

/// Text of a property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
