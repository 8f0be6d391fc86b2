//! SARIF 2.1.0 (OASIS, errata 01): one run, a result a finding, a rule a code with its page as help.
//!
//! Accepted certificates are artifacts of the run without a result. Fingerprints depend on code, file, pointer and element, not on figures or lines, so
//! that a finding that persists keeps its identity.

use super::human::{Paint, block};
use crate::files::shown;
use crate::report::{Item, Level, Row};
use crate::{TROUBLE, page};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Component, Path};
use tl_kernel::cert::digest::Digest;

const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// One log of one run, which ends with this exit code.
pub(crate) fn sarif(rows: &[Row], exit: u8) -> String {
    let items: Vec<Item> = rows.iter().flat_map(Row::items).collect();
    let codes: BTreeSet<&str> = items.iter().map(|item| item.code).collect();
    let codes: Vec<&str> = codes.into_iter().collect();
    let artifacts: Vec<Value> = rows.iter().map(|row| json!({"location": location(&row.path)})).collect();
    let log = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "tl-check",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": codes.iter().filter_map(|code| rule(code, &items)).collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "invocations": [{"executionSuccessful": exit != TROUBLE, "exitCode": exit}],
            "artifacts": artifacts,
            "results": items.iter().map(|item| result(item, &codes)).collect::<Vec<_>>(),
        }],
    });
    format!("{log:#}\n")
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warning => "warning",
    }
}

/// A code: its title, and its page as help.
fn rule(code: &str, items: &[Item]) -> Option<Value> {
    let item = items.iter().find(|item| item.code == code)?;
    let help = page(code).unwrap_or_default();
    // The paragraph under the title.
    let full = help.split("\n\n").nth(1).unwrap_or_default().replace('\n', " ");
    Some(json!({
        "id": code,
        "shortDescription": {"text": item.title()},
        "fullDescription": {"text": full},
        "help": {"text": help, "markdown": help},
        "defaultConfiguration": {"level": level(item.level)},
    }))
}

fn result(item: &Item, codes: &[&str]) -> Value {
    let mut physical = json!({"artifactLocation": location(item.path)});
    if let Some(at) = item.position {
        physical["region"] = json!({"startLine": at.line, "startColumn": at.column});
    }
    let mut place = json!({"physicalLocation": physical});
    if !item.pointer.is_empty() {
        place["logicalLocations"] = json!([{"fullyQualifiedName": item.pointer, "kind": "value"}]);
    }
    let text = item.finding.map(|finding| block(&shown(item.path), finding, Paint(false)));
    let index = item.finding.and_then(|finding| finding.index.as_ref()).map(|(index, _)| index);
    let identity = format!("{} {:?} {:?} {index:?}", item.code, uri(item.path), item.pointer);
    json!({
        "ruleId": item.code,
        "ruleIndex": codes.iter().position(|code| *code == item.code),
        "level": level(item.level),
        "message": {"text": text.unwrap_or_else(|| item.message.to_string())},
        "locations": [place],
        "partialFingerprints": {"finding/v1": Digest::of(identity.as_bytes()).to_string()},
    })
}

/// Relative to the root of the sources where the path is relative, which is how CI calls the checker.
fn location(path: &Path) -> Value {
    let uri = uri(path);
    if path.is_absolute() {
        json!({"uri": format!("file://{uri}")})
    } else {
        json!({"uri": uri, "uriBaseId": "%SRCROOT%"})
    }
}

/// A path as a URI reference (RFC 3986): `/` between names, other characters percent-encoded, without leading `./`.
fn uri(path: &Path) -> String {
    let encode = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    let names = path.components().filter_map(|part| match part {
        Component::CurDir => None,
        Component::RootDir => Some(String::new()),
        part => Some(part.as_os_str().as_encoded_bytes().iter().copied().map(encode).collect::<String>()),
    });
    names.collect::<Vec<_>>().join("/")
}
