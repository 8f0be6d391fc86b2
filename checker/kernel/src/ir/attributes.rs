//! Attributes: the conventions of an operation, typed, decoded strictly, and described once.
//!
//! `attributes!` declares the attributes of an operation as a struct; from the same declaration come its decoder, its encoder and its JSON
//! Schema, so that the three cannot drift apart. There are no defaults: every attribute is written down in every certificate.

use crate::cert::json::{Cursor, Json, Object};
use crate::diagnostic::Diagnostic;
use crate::number::Exact;

/// A type that an attribute may have.
pub trait Attribute: Sized {
    /// The value here, or what is wrong with it.
    fn decode(cursor: Cursor) -> Result<Self, Diagnostic>;
    /// The value as certificates write it.
    fn encode(&self) -> Json;
    /// Its JSON Schema.
    fn schema() -> Json;
}

/// Declares a type of attribute: how it is decoded, encoded, and described.
macro_rules! attribute {
    ($type:ty, $decode:expr, $encode:expr, $schema:expr) => {
        impl $crate::ir::attributes::Attribute for $type {
            fn decode(cursor: $crate::cert::json::Cursor) -> Result<Self, $crate::diagnostic::Diagnostic> {
                $decode(cursor)
            }
            fn encode(&self) -> $crate::cert::json::Json {
                $encode(self)
            }
            fn schema() -> $crate::cert::json::Json {
                $schema
            }
        }
    };
}

attribute! { i64, Cursor::integer, |n: &i64| Json::Integer(*n), Json::object([("type", Json::string("integer"))]) }
attribute! { bool, Cursor::boolean, |value: &bool| Json::Bool(*value), Json::object([("type", Json::string("boolean"))]) }
attribute! { String, Cursor::string, Json::string, Json::object([("type", Json::string("string"))]) }
attribute! { Exact, Cursor::exact, |x: &Exact| Json::string(x.to_string()), Json::defined("exact") }
attribute! {
    usize, Cursor::integer, |n: &usize| Json::Integer(i64::try_from(*n).unwrap_or(i64::MAX)),
    Json::object([("type", Json::string("integer")), ("minimum", Json::Integer(0))])
}

impl<T: Attribute> Attribute for Vec<T> {
    fn decode(cursor: Cursor) -> Result<Self, Diagnostic> {
        cursor.array()?.map(T::decode).collect()
    }
    fn encode(&self) -> Json {
        Json::Array(self.iter().map(T::encode).collect())
    }
    fn schema() -> Json {
        Json::object([("type", Json::string("array")), ("items", T::schema())])
    }
}

/// A set of named attributes.
pub trait Attributes: Sized {
    /// Decodes and consumes the attributes in `object`; the caller finishes it.
    fn decode(object: &mut Object) -> Result<Self, Diagnostic>;
    /// The attributes as certificates write them, in the order of declaration.
    fn encode(&self) -> Vec<(String, Json)>;
    /// Names and JSON Schemas, in the order of declaration.
    fn schema() -> Vec<(String, Json)>;
}

/// Declares a struct of attributes together with its decoder, encoder and schema.
macro_rules! attributes {
    ($(#[$meta:meta])* pub struct $name:ident { $($(#[$field_meta:meta])* pub $field:ident: $type:ty,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name { $($(#[$field_meta])* pub $field: $type,)* }

        impl $crate::ir::attributes::Attributes for $name {
            #[allow(unused_variables, reason = "an operation without attributes decodes nothing")]
            fn decode(object: &mut $crate::cert::json::Object) -> Result<Self, $crate::diagnostic::Diagnostic> {
                Ok($name { $($field: object.decode(stringify!($field))?,)* })
            }
            fn encode(&self) -> Vec<(String, $crate::cert::json::Json)> {
                vec![$((stringify!($field).into(), $crate::ir::attributes::Attribute::encode(&self.$field)),)*]
            }
            fn schema() -> Vec<(String, $crate::cert::json::Json)> {
                vec![$((stringify!($field).into(), <$type as $crate::ir::attributes::Attribute>::schema()),)*]
            }
        }
    };
}

/// Declares an enumeration that certificates write as one of a few keywords.
macro_rules! keywords {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$variant_meta])* $variant,)* }

        impl $name {
            /// The keyword, as certificates write it.
            pub fn keyword(self) -> &'static str {
                match self { $($name::$variant => $text,)* }
            }
        }

        impl $crate::ir::attributes::Attribute for $name {
            fn decode(cursor: $crate::cert::json::Cursor) -> Result<Self, $crate::diagnostic::Diagnostic> {
                cursor.keyword(&[$(($text, $name::$variant)),*])
            }
            fn encode(&self) -> $crate::cert::json::Json {
                $crate::cert::json::Json::string(self.keyword())
            }
            fn schema() -> $crate::cert::json::Json {
                $crate::cert::json::Json::object([("enum", $crate::cert::json::Json::Array(vec![$($crate::cert::json::Json::string($text)),*]))])
            }
        }
    };
}

pub(crate) use {attribute, keywords};
