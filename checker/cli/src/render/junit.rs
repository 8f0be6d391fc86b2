//! JUnit XML, as CI servers read it: a test case a certificate; REJECTED is a failure, DECLINED skipped, a file that cannot be judged an error.
//!
//! No times and no dates: the same certificates give the same bytes.

use super::human::{Paint, details};
use crate::report::Row;

/// One document.
pub(crate) fn junit(rows: &[Row]) -> String {
    let count = |word: Option<&str>| rows.iter().filter(|row| row.word() == word).count();
    let counts = format!(
        "tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\"",
        rows.len(),
        count(Some("REJECTED")),
        count(None),
        count(Some("DECLINED")),
    );
    let cases: String = rows.iter().map(case).collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites {counts}>\n  <testsuite name=\"tl-check\" {counts}>\n{cases}  </testsuite>\n</testsuites>\n"
    )
}

fn case(row: &Row) -> String {
    let name = escaped(&row.path.display().to_string());
    let head = format!("    <testcase classname=\"tl-check\" name=\"{name}\">\n");
    let text = escaped(&details(row, Paint(false)));
    let content = match (row.sentence(), row.items().first()) {
        (Some(sentence), _) => format!("      <system-out>{}</system-out>\n", escaped(&sentence)),
        (None, Some(first)) => {
            let element = match (first.finding, row.word()) {
                (None, _) => "error",
                (_, Some("DECLINED")) => "skipped",
                _ => "failure",
            };
            let message = escaped(&format!("{}: {}", first.code, first.message));
            // A skipped case has no type and no text in the schemas that are about.
            if element == "skipped" {
                format!("      <skipped message=\"{message}\"/>\n      <system-out>{text}</system-out>\n")
            } else {
                format!("      <{element} type=\"{}\" message=\"{message}\">{text}</{element}>\n", first.code)
            }
        }
        (None, None) => String::new(),
    };
    head + &content + "    </testcase>\n"
}

/// Text as XML 1.0 holds it, in content and in attributes: markup escaped, and characters that it cannot hold replaced.
fn escaped(text: &str) -> String {
    let escape = |c: char| match c {
        '&' => "&amp;".into(),
        '<' => "&lt;".into(),
        '>' => "&gt;".into(),
        '"' => "&quot;".into(),
        '\t' | '\n' | '\r' => format!("&#{};", u32::from(c)),
        '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => "\u{fffd}".into(),
        _ => c.to_string(),
    };
    text.chars().map(escape).collect()
}
