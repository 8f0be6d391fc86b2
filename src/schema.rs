//! The JSON Schema (draft 2020-12) of certificates: the container as it stands below, the operations as their types declare them.
//!
//! The schema describes form only. What it cannot say (digests, shapes that fit, names that match) the decoder and the graph check say.

use std::ops::RangeInclusive;
use tl_kernel::Diagnostic;
use tl_kernel::cert::json::{Json, parse};
use tl_kernel::spec::Op;

/// The container, without the operations.
const CONTAINER: &str = include_str!("container.schema.json");

/// The schema of a whole certificate.
pub fn schema() -> Result<Json, Diagnostic> {
    let mut root = parse(CONTAINER.as_bytes())?;
    let operation = |(keyword, arity, attributes): (&str, RangeInclusive<usize>, Vec<(String, Json)>)| {
        let names = Json::Array(attributes.iter().map(|(name, _)| Json::string(name)).collect());
        let (least, most) = (arity.start(), arity.end());
        let required = if attributes.is_empty() { "" } else { r#","attributes""# };
        let properties = Json::Object(attributes);
        format!(
            r##"{{"type":"object","properties":{{
                "op":{{"const":"{keyword}"}},
                "parents":{{"type":"array","items":{{"type":"integer","minimum":0}},"minItems":{least},"maxItems":{most}}},
                "shape":{{"$ref":"#/$defs/shape"}},
                "attributes":{{"type":"object","properties":{properties},"required":{names},"additionalProperties":false}}}},
                "required":["op","parents","shape"{required}],"additionalProperties":false}}"##
        )
    };
    let operations: Vec<_> = Op::schemas().into_iter().map(operation).collect();
    let node = parse(format!(r#"{{"oneOf":[{}]}}"#, operations.join(",")).as_bytes())?;
    if let Json::Object(entries) = &mut root
        && let Some((_, Json::Object(definitions))) = entries.iter_mut().find(|(key, _)| key == "$defs")
    {
        definitions.push(("node".to_string(), node));
    }
    Ok(root)
}
