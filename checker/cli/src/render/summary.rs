//! A summary in Markdown, as GitHub shows it for a job: the counts, a row a certificate, and what was found.

use super::human::{Paint, details};
use crate::files::shown;
use crate::report::Row;

/// GitHub takes 1 MiB a step; what is beyond this is counted and left out.
const MOST_BYTES: usize = 900_000;

/// The summary.
pub(crate) fn summary(all: &[Row]) -> String {
    let words = ["ACCEPTED", "REJECTED", "DECLINED"];
    let counts = words.map(Some).into_iter().chain([None]).filter_map(|word| {
        let count = all.iter().filter(|row| row.word() == word).count();
        (count > 0).then(|| format!("{count} {}", word.unwrap_or("not judged")))
    });
    let mut text = format!("## tl-check: {}\n\n", counts.collect::<Vec<_>>().join(", "));
    text += "| verdict | certificate | |\n|---|---|---|\n";
    // What failed first; a sentence that holds is of less interest.
    let (accepted, other): (Vec<&Row>, Vec<&Row>) = all.iter().partition(|row| row.word() == Some("ACCEPTED"));
    let mut left_out = 0;
    let mut put = |text: &mut String, piece: String| {
        let fits = text.len() + piece.len() <= MOST_BYTES;
        if fits { text.push_str(&piece) } else { left_out += 1 }
    };
    for row in other.iter().chain(&accepted) {
        let findings = row.items().iter().map(|item| format!("`{}` {}", item.code, item.title())).collect::<Vec<_>>();
        let said = row.sentence().map_or_else(|| findings.join("<br>"), |sentence| cell(&sentence));
        put(&mut text, format!("| {} | {} | {said} |\n", row.word().unwrap_or("not judged"), cell(&shown(&row.path))));
    }
    for row in other {
        // Indented by four: a block of code that no content can end.
        let block: String = details(row, Paint(false)).lines().map(|line| format!("    {line}\n")).collect();
        put(&mut text, format!("\n{block}"));
    }
    if left_out > 0 {
        text += &format!("\n{left_out} pieces left out of this summary, which would be too long.\n");
    }
    text + "\n"
}

/// Text in a cell of a table: no markup, no end of the cell.
fn cell(text: &str) -> String {
    let escape = |c: char| match c {
        '&' => "&amp;".into(),
        '<' => "&lt;".into(),
        '>' => "&gt;".into(),
        '\\' | '|' | '`' | '*' | '_' | '[' | ']' | '~' | '#' | '!' | '@' => format!("&#{};", u32::from(c)),
        _ => c.to_string(),
    };
    text.chars().map(escape).collect()
}
