//! The JSON Schema (draft 2020-12) of certificates: the container as it stands below, the operations as their types declare them.
//!
//! The schema describes form only. What it cannot say (digests, shapes that fit, names that match) the decoder and the graph check say.

use super::json::{Json, parse};
use crate::diagnostic::Diagnostic;
use crate::spec::Op;

/// The container, without the operations.
const CONTAINER: &str = include_str!("container.schema.json");

/// The schema of a whole certificate.
pub fn schema() -> Result<Json, Diagnostic> {
    let mut root = parse(CONTAINER.as_bytes())?;
    let operations = Op::schemas().into_iter().map(|(keyword, arity, attributes)| {
        let count = |n: &usize| Json::Integer(i64::try_from(*n).unwrap_or(i64::MAX));
        let parents = Json::object([
            ("type", Json::string("array")),
            ("items", Json::object([("type", Json::string("integer")), ("minimum", Json::Integer(0))])),
            ("minItems", count(arity.start())),
            ("maxItems", count(arity.end())),
        ]);
        let names = attributes.iter().map(|(name, _)| Json::string(name)).collect();
        let required = ["op", "parents", "shape", "attributes"];
        let required = required.iter().take(if attributes.is_empty() { 3 } else { 4 });
        Json::object([
            ("type", Json::string("object")),
            (
                "properties",
                Json::object([
                    ("op", Json::object([("const", Json::string(keyword))])),
                    ("parents", parents),
                    ("shape", Json::object([("$ref", Json::string("#/$defs/shape"))])),
                    (
                        "attributes",
                        Json::object([
                            ("type", Json::string("object")),
                            ("properties", Json::Object(attributes)),
                            ("required", Json::Array(names)),
                            ("additionalProperties", Json::Bool(false)),
                        ]),
                    ),
                ]),
            ),
            ("required", Json::Array(required.map(|&key| Json::string(key)).collect())),
            ("additionalProperties", Json::Bool(false)),
        ])
    });
    let node = Json::object([("oneOf", Json::Array(operations.collect()))]);
    if let Json::Object(entries) = &mut root
        && let Some((_, Json::Object(definitions))) = entries.iter_mut().find(|(key, _)| key == "$defs")
    {
        definitions.push(("node".to_string(), node));
    }
    Ok(root)
}
