//! For programs: one JSON array, an object a certificate.

use crate::JudgedFile;
use crate::judge::Judged;
use serde_json::{Map, Value, json as value};
use std::io::{self, Write};
use tl_kernel::{Diagnostic, Verdict};

/// Prints all of them at once.
pub(crate) fn json(judged: &[JudgedFile], out: &mut dyn Write) -> io::Result<()> {
    let rows: Vec<Value> = judged.iter().map(|(path, judged)| row(&path.display().to_string(), judged)).collect();
    serde_json::to_writer_pretty(&mut *out, &rows)?;
    writeln!(out)
}

fn row(path: &str, judged: &Judged) -> Value {
    let findings = |findings: &[Diagnostic]| findings.iter().map(finding).collect::<Vec<_>>();
    match judged {
        Judged::Trouble(trouble) => {
            value!({"path": path, "verdict": null, "code": trouble.code, "trouble": trouble.message})
        }
        Judged::Verdict(Verdict::Accepted(accepted), about) => value!({
            "path": path,
            "verdict": "ACCEPTED",
            "sentence": format!("{}{about}.", accepted.sentence()),
            "facts": accepted.facts().iter().map(|(name, text)| value!({"name": name, "value": text})).collect::<Vec<_>>(),
        }),
        Judged::Verdict(Verdict::Rejected(f), _) => {
            value!({"path": path, "verdict": "REJECTED", "diagnostics": findings(f)})
        }
        Judged::Verdict(Verdict::Declined(f), _) => {
            value!({"path": path, "verdict": "DECLINED", "diagnostics": findings(f)})
        }
    }
}

fn finding(finding: &Diagnostic) -> Value {
    let mut object = Map::new();
    let mut put = |key: &str, content: Value| object.insert(key.to_string(), content);
    put("code", finding.code.id().into());
    put("title", finding.code.title().into());
    put("pointer", finding.pointer.as_str().into());
    put("message", finding.message.as_str().into());
    if let Some((id, op)) = finding.node {
        put("node", value!({"id": id, "op": op}));
    }
    if let Some((index, shape)) = &finding.index {
        put("index", value!(index));
        put("shape", value!(shape));
    }
    for (key, content) in [("claimed", &finding.claimed), ("derived", &finding.derived), ("ulps", &finding.ulps)] {
        if let Some(content) = content {
            put(key, content.as_str().into());
        }
    }
    let facts: Map<String, Value> = finding.facts.iter().map(|(n, v)| (n.to_string(), v.as_str().into())).collect();
    put("facts", facts.into());
    Value::Object(object)
}
