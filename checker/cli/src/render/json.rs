//! For programs: one JSON array, an object a certificate.

use crate::judge::Judged;
use crate::report::{Item, Row};
use serde_json::{Map, Value, json as value};
use tl_kernel::{Diagnostic, Verdict};

/// All of them at once.
pub(crate) fn json(rows: &[Row]) -> String {
    format!("{:#}\n", Value::Array(rows.iter().map(row).collect()))
}

fn row(row: &Row) -> Value {
    let path = row.path.display().to_string();
    match &row.judged {
        Judged::Trouble(trouble) => {
            let mut object = value!({"path": path, "verdict": null, "code": trouble.code, "trouble": trouble.message});
            if let (Some(at), Some(object)) = (trouble.position, object.as_object_mut()) {
                object.extend([("line".into(), at.line.into()), ("column".into(), at.column.into())]);
            }
            object
        }
        Judged::Verdict(Verdict::Accepted(accepted), _) => value!({
            "path": path,
            "verdict": row.word(),
            "sentence": row.sentence(),
            "facts": accepted.facts().iter().map(|(name, text)| value!({"name": name, "value": text})).collect::<Vec<_>>(),
        }),
        Judged::Verdict(..) => {
            let findings = |item: Item| item.finding.map(|of_kernel| finding(of_kernel, &item));
            let findings: Vec<Value> = row.items().into_iter().filter_map(findings).collect();
            value!({"path": path, "verdict": row.word(), "diagnostics": findings})
        }
    }
}

fn finding(finding: &Diagnostic, item: &Item) -> Value {
    let mut object = Map::new();
    let mut put = |key: &str, content: Value| object.insert(key.to_string(), content);
    put("code", finding.code.id().into());
    put("title", finding.code.title().into());
    put("pointer", finding.pointer.as_str().into());
    put("message", finding.message.as_str().into());
    if let Some(at) = item.position {
        put("line", at.line.into());
        put("column", at.column.into());
    }
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
