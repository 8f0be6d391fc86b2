//! Strict JSON: a document tree in which nothing is lost, and a cursor that decodes it with the place of every error.
//!
//! Claim: [`parse`] accepts exactly one JSON value (RFC 8259) of at most 127 nested levels and nothing after it. The tree keeps duplicate keys
//! and marks numbers that are not integers, so that decoding can refuse both *where they stand*; [`Object::finish`] refuses keys
//! that nobody asked for. Writing a tree and parsing it again yields the same tree.
//! Cost: up to about 150 bytes a value (nested arrays of one) beside the text; the caller bounds the length of the text first. A place is a chain of steps that values share,
//! written out only when it is asked for: a long name above a long array costs their sum, not their product.

use crate::diagnostic::{Code, Diagnostic};
use crate::ir::attributes::Attribute;
use crate::number::Exact;
use serde::de::value::SeqAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

/// A JSON value as it stands in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Json {
    /// `null`, which the format never uses.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An integer in the range of `i64`.
    Integer(i64),
    /// Any other number; the format has no use for it.
    OtherNumber,
    /// A string.
    String(String),
    /// An array.
    Array(Vec<Json>),
    /// An object, keys in the order of the text, duplicates included.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// A string value.
    pub fn string(text: impl Into<String>) -> Json {
        Json::String(text.into())
    }

    /// An object of these entries.
    pub fn object<'a>(entries: impl IntoIterator<Item = (&'a str, Json)>) -> Json {
        Json::Object(entries.into_iter().map(|(key, value)| (key.to_string(), value)).collect())
    }

    /// The schema of what is defined as `name` in the schema of certificates.
    pub(crate) fn defined(name: &str) -> Json {
        Json::object([("$ref", Json::String(format!("#/$defs/{name}")))])
    }
}

/// The one JSON value that the bytes are.
pub fn parse(bytes: &[u8]) -> Result<Json, Diagnostic> {
    serde_json::from_slice(bytes).map_err(|error| {
        let place = format!("line {} column {}", error.line(), error.column());
        let text = error.to_string();
        let what = text.split(" at line").next().unwrap_or_default();
        Diagnostic::new(Code::Syntax, "", format!("{what} ({place})"))
    })
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(if value == i64::MIN { Json::OtherNumber } else { Json::Integer(value) })
    }
    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(i64::try_from(value).map_or(Json::OtherNumber, Json::Integer))
    }
    fn visit_f64<E>(self, _: f64) -> Result<Json, E> {
        Ok(Json::OtherNumber)
    }
    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::string(value))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Json, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(items)).map(Json::Array)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
        let mut object = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            object.push(entry);
        }
        Ok(Json::Object(object))
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Json::Null | Json::OtherNumber => serializer.serialize_unit(),
            Json::Bool(value) => value.serialize(serializer),
            Json::Integer(value) => value.serialize(serializer),
            Json::String(text) => text.serialize(serializer),
            Json::Array(items) => items.serialize(serializer),
            Json::Object(entries) => serializer.collect_map(entries.iter().map(|(key, value)| (key, value))),
        }
    }
}

impl fmt::Display for Json {
    /// The compact text, keys in the order of the tree.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

/// Where a value stands: the last step from the root, and the place above.
#[derive(Clone, Debug)]
enum Place {
    Root,
    Index(usize, Rc<Place>),
    Key(String, Rc<Place>),
}

impl Place {
    /// The place as a JSON pointer (RFC 6901).
    fn pointer(&self) -> String {
        let (mut steps, mut place) = (Vec::new(), self);
        loop {
            let (step, above) = match place {
                Place::Root => break,
                Place::Index(i, above) => (i.to_string(), above),
                Place::Key(key, above) => (escaped(key), above),
            };
            steps.push(step);
            place = above;
        }
        steps.iter().rev().flat_map(|step| ["/", step]).collect()
    }
}

/// A value of the tree together with its place.
#[derive(Clone, Debug)]
pub struct Cursor {
    json: Json,
    place: Place,
}

impl Cursor {
    /// The root of a document.
    pub fn root(json: Json) -> Self {
        Cursor { json, place: Place::Root }
    }

    /// Where this value stands (RFC 6901).
    pub fn pointer(&self) -> String {
        self.place.pointer()
    }

    fn wrong_type(&self, expected: &str) -> Diagnostic {
        let found = match &self.json {
            Json::Null => "null",
            Json::Bool(_) => "a boolean",
            Json::Integer(_) | Json::OtherNumber => "a number",
            Json::String(_) => "a string",
            Json::Array(_) => "an array",
            Json::Object(_) => "an object",
        };
        Diagnostic::new(Code::WrongType, self.pointer(), format!("expected {expected}, found {found}"))
    }

    /// The string here.
    pub fn string(self) -> Result<String, Diagnostic> {
        match self.json {
            Json::String(text) => Ok(text),
            _ => Err(self.wrong_type("a string")),
        }
    }

    /// What the keyword here stands for.
    pub(crate) fn keyword<T: Copy>(self, allowed: &[(&str, T)]) -> Result<T, Diagnostic> {
        let place = self.place.clone();
        let text = self.string()?;
        let found = allowed.iter().find(|(keyword, _)| *keyword == text);
        found.map(|(_, meaning)| *meaning).ok_or_else(|| {
            let allowed: Vec<_> = allowed.iter().map(|(keyword, _)| *keyword).collect();
            let message = format!("expected one of {}, found {text:?}", allowed.join(", "));
            Diagnostic::new(Code::UnknownKeyword, place.pointer(), message)
        })
    }

    /// The boolean here.
    pub(crate) fn boolean(self) -> Result<bool, Diagnostic> {
        match self.json {
            Json::Bool(value) => Ok(value),
            _ => Err(self.wrong_type("a boolean")),
        }
    }

    /// The integer here, of any integer type.
    pub fn integer<T: TryFrom<i64>>(self) -> Result<T, Diagnostic> {
        let error = || {
            let message = format!("expected an integer of type {}", std::any::type_name::<T>());
            Diagnostic::new(Code::NotAnInteger, self.place.pointer(), message)
        };
        match self.json {
            Json::Integer(value) => T::try_from(value).map_err(|_| error()),
            Json::OtherNumber => Err(error()),
            _ => Err(self.wrong_type("an integer")),
        }
    }

    /// The exact number in the string here.
    pub fn exact(self) -> Result<Exact, Diagnostic> {
        let place = self.place.clone();
        Exact::parse(&self.string()?).map_err(|error| Diagnostic::new(Code::ExactNumber, place.pointer(), error))
    }

    /// The entries of the array here.
    pub fn array(self) -> Result<impl ExactSizeIterator<Item = Cursor>, Diagnostic> {
        let Json::Array(items) = self.json else {
            return Err(self.wrong_type("an array"));
        };
        let above = Rc::new(self.place);
        let place = move |i| Place::Index(i, Rc::clone(&above));
        Ok(items.into_iter().enumerate().map(move |(i, json)| Cursor { json, place: place(i) }))
    }

    /// What `decode` makes of the object here, which has no key beside those that it takes.
    pub(crate) fn record<T>(self, decode: impl FnOnce(&mut Object) -> Result<T, Diagnostic>) -> Result<T, Diagnostic> {
        let mut object = self.object()?;
        let record = decode(&mut object)?;
        object.finish().map(|()| record)
    }

    /// The object here; two entries with one key are refused.
    pub fn object(self) -> Result<Object, Diagnostic> {
        let Json::Object(entries) = self.json else {
            return Err(self.wrong_type("an object"));
        };
        let mut object = Object { entries: BTreeMap::new(), place: Rc::new(self.place) };
        for (key, json) in entries {
            let cursor = Cursor { json, place: object.place(&key) };
            if let Some(earlier) = object.entries.insert(key.clone(), cursor) {
                let message = format!("the key {key:?} occurs twice");
                return Err(Diagnostic::new(Code::DuplicateKey, earlier.pointer(), message));
            }
        }
        Ok(object)
    }
}

/// The pointer to `key` in the object at `pointer` (RFC 6901).
pub fn below(pointer: &str, key: &str) -> String {
    format!("{pointer}/{}", escaped(key))
}

fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// The entries of an object that are still to be decoded.
#[derive(Debug)]
pub struct Object {
    entries: BTreeMap<String, Cursor>,
    place: Rc<Place>,
}

impl Object {
    fn place(&self, key: &str) -> Place {
        Place::Key(key.to_string(), Rc::clone(&self.place))
    }

    /// An object without entries in the place of another.
    pub(crate) fn empty(place: &Object) -> Self {
        Object { entries: BTreeMap::new(), place: Rc::clone(&place.place) }
    }

    /// The value of a required key.
    pub fn take(&mut self, key: &str) -> Result<Cursor, Diagnostic> {
        self.entries.remove(key).ok_or_else(|| {
            let message = format!("the key {key:?} is required here");
            Diagnostic::new(Code::MissingKey, self.place.pointer(), message)
        })
    }

    /// The decoded value of a required key.
    pub(crate) fn decode<T: Attribute>(&mut self, key: &str) -> Result<T, Diagnostic> {
        T::decode(self.take(key)?)
    }

    /// The string of a required key, and where it stands.
    pub(crate) fn text(&mut self, key: &str) -> Result<(String, String), Diagnostic> {
        let cursor = self.take(key)?;
        let place = cursor.pointer();
        Ok((cursor.string()?, place))
    }

    /// The value of a key that may be absent.
    pub fn optional(&mut self, key: &str) -> Option<Cursor> {
        self.entries.remove(key)
    }

    /// Every remaining entry, by key: for objects whose keys are names.
    pub(crate) fn into_entries(self) -> impl Iterator<Item = (String, Cursor)> {
        self.entries.into_iter()
    }

    /// Refuses what is left.
    pub fn finish(self) -> Result<(), Diagnostic> {
        let Some(key) = self.entries.keys().next() else {
            return Ok(());
        };
        let message = format!("the key {key:?} is not part of the format");
        Err(Diagnostic::new(Code::UnknownKey, self.place(key).pointer(), message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_complete_value_is_a_document() {
        for bytes in ["", "{", "{} {}", "[1,]", "{\"a\":1}x", "nul", "\"\u{1}\"", "[01]"] {
            assert_eq!(parse(bytes.as_bytes()).map_err(|d| d.code), Err(Code::Syntax), "{bytes}");
        }
        assert!(parse(b"\"\xff\"").is_err());
        let deep = "[".repeat(10_000) + &"]".repeat(10_000);
        assert_eq!(parse(deep.as_bytes()).map_err(|d| d.code), Err(Code::Syntax));
    }

    #[test]
    fn what_is_duplicate_or_left_over_is_refused_where_it_stands() {
        let object = |text: &str| parse(text.as_bytes()).and_then(|json| Cursor::root(json).object());
        let duplicate = object(r#"{"a/b":1,"a/b":2}"#).map(|_| ()).map_err(|d| (d.code, d.pointer));
        assert_eq!(duplicate, Err((Code::DuplicateKey, "/a~1b".to_string())));
        let left = object(r#"{"a":1}"#).and_then(Object::finish).map_err(|d| (d.code, d.pointer));
        assert_eq!(left, Err((Code::UnknownKey, "/a".to_string())));
        for number in ["1.5", "1e2", "99999999999999999999", "-1", "-0"] {
            let decoded = parse(number.as_bytes()).and_then(|json| Cursor::root(json).integer::<u32>());
            assert_eq!(decoded.map_err(|d| d.code), Err(Code::NotAnInteger), "{number}");
        }
    }

    #[test]
    fn a_long_name_above_a_long_array_costs_their_sum() {
        let text = format!(r#"{{"{}":[{}0]}}"#, "n".repeat(1 << 20), "0,".repeat(1 << 16));
        let mut object = parse(text.as_bytes()).and_then(|json| Cursor::root(json).object());
        let name = "n".repeat(1 << 20);
        let array = object.as_mut().map_err(|d| d.clone());
        let array = array.and_then(|object| object.take(&name)?.array());
        let items: Vec<Cursor> = array.into_iter().flatten().collect(); // 64 GiB if each held its own place
        assert_eq!(items.len(), (1 << 16) + 1);
        let last = items.last().map(Cursor::pointer);
        assert_eq!(last, Some(format!("/{name}/{}", 1 << 16)));
    }

    #[test]
    fn text_written_from_a_tree_parses_to_the_tree() {
        let text = r#"{"a":[1,-2,true],"b":"quote \" and \\ and / and é","c":{},"d":"\b\f\n\r\t\u0000\u001f"}"#;
        assert_eq!(parse(text.as_bytes()).map(|json| json.to_string()).as_deref(), Ok(text));
    }
}
