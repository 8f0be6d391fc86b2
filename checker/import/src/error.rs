//! What can be wrong with a file: one enumeration, a stable code a variant, always with the file and the place in it.
//!
//! An error is made where the fault is seen, with nothing but what is wrong; the place and the file are added on the way out by the
//! callers that know them ([`ImportError::at`], [`ImportError::in_file`]), the innermost first.

use std::fmt;
use thiserror::Error;

/// Where a fault is and what it is.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct At {
    /// The file, as the caller named it.
    pub file: String,
    /// The place in the file: a node, a tensor, an input; empty for the whole file.
    pub place: String,
    /// What is wrong there: one sentence, lower case, without a full stop.
    pub what: String,
}

/// Longest text of what is wrong, in bytes: a message may quote a list from a file.
const MAX_TEXT: usize = 500;

impl At {
    /// What is wrong, nowhere in particular; a long text is cut.
    pub(crate) fn what(mut what: String) -> Self {
        if what.len() > MAX_TEXT {
            let end = (0..=MAX_TEXT).rev().find(|&end| what.is_char_boundary(end));
            what.truncate(end.unwrap_or(0));
            what.push('…');
        }
        At { what, ..At::default() }
    }
}

impl At {
    /// The title of an error, where it is within its file, and what it is.
    pub fn in_words(&self, title: &str) -> String {
        let place = if self.place.is_empty() { String::new() } else { format!("{}: ", self.place) };
        format!("{title}: {place}{}", self.what)
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in [&self.file, &self.place] {
            if !part.is_empty() {
                write!(f, "{part}: ")?;
            }
        }
        f.write_str(&self.what)
    }
}

macro_rules! errors {
    ($($(#[$meta:meta])* $name:ident = $id:literal, $title:literal;)*) => {
        /// Why a file was not imported.
        #[derive(Clone, Debug, PartialEq, Eq, Error)]
        pub enum ImportError {
            $(
                #[doc = concat!($id, ": ", $title, ".")]
                $(#[$meta])*
                #[error("{id}: {title}: {0}", id = $id, title = $title)]
                $name(Box<At>),
            )*
        }

        impl ImportError {
            /// Every code with its title, in order.
            pub const CODES: &'static [(&'static str, &'static str)] = &[$(($id, $title),)*];

            /// The stable identifier, `TL` and four digits.
            pub fn code(&self) -> &'static str {
                match self { $(ImportError::$name(_) => $id,)* }
            }

            /// One line, lower case.
            pub fn title(&self) -> &'static str {
                match self { $(ImportError::$name(_) => $title,)* }
            }

            /// Where it is and what it is.
            pub fn place(&self) -> &At {
                match self { $(ImportError::$name(at) => at,)* }
            }

            fn place_mut(&mut self) -> &mut At {
                match self { $(ImportError::$name(at) => at,)* }
            }
        }
    };
}

errors! {
    Read = "TL0411", "a file cannot be read";
    LimitBytes = "TL0412", "a file is larger than the limit";
    Gzip = "TL0413", "a gzip stream is malformed";
    Protobuf = "TL0414", "a file is not a protobuf message of the expected kind";
    NotAModel = "TL0415", "a file is not an ONNX model";
    Opset = "TL0416", "the operator set is not one that is supported";
    /// Functions, subgraphs, sparse tensors, quantization, training.
    UnsupportedFeature = "TL0417", "a feature of the format is not supported";
    UnsupportedOp = "TL0418", "an operator is not supported";
    /// An unknown attribute, or a known one with a value that has no counterpart.
    UnsupportedAttribute = "TL0419", "an attribute or its value is not supported";
    Attribute = "TL0420", "an attribute is missing or of the wrong type";
    Dtype = "TL0421", "an element type is not supported here";
    TensorData = "TL0422", "the data of a tensor do not fill its shape";
    /// Absolute, with `..`, or through a link.
    ExternalPath = "TL0423", "the path of external data is not a plain relative path";
    ExternalData = "TL0424", "external data are missing or too short";
    Name = "TL0425", "a value is used before it is defined, or defined twice";
    Arity = "TL0426", "a node has the wrong number of inputs or outputs";
    SymbolicDimension = "TL0427", "a dimension of an input is not known";
    /// An input that is not float32 has to be bound to a constant.
    UnboundInput = "TL0428", "an input has to be bound to a constant";
    NotConstant = "TL0429", "an operand has to be a constant";
    Shapes = "TL0430", "the shapes of the operands do not fit the operator";
    /// Overflow, division by zero, or a conversion that would round.
    Inexact = "TL0431", "constants cannot be folded exactly";
    LimitElements = "TL0432", "a tensor has more elements than the limit";
    Npy = "TL0433", "an npy array is malformed or not in the supported layout";
    Npz = "TL0434", "an npz archive is malformed";
    Safetensors = "TL0435", "a safetensors file is malformed";
    UnknownFile = "TL0436", "the kind of a file is not known";
    VnnLib = "TL0437", "a VNN-LIB text is malformed";
    VnnLibUnsupported = "TL0438", "a VNN-LIB property is outside the supported subset";
    Graph = "TL0439", "the imported graph is not well formed";
}

impl ImportError {
    /// The same error at `place`, unless an inner place is known.
    #[must_use]
    pub fn at(mut self, place: impl fmt::Display) -> Self {
        let at = self.place_mut();
        if at.place.is_empty() {
            at.place = place.to_string();
        }
        self
    }

    /// The same error in `file`, unless an inner file is known.
    #[must_use]
    pub(crate) fn in_file(mut self, file: impl fmt::Display) -> Self {
        let at = self.place_mut();
        if at.file.is_empty() {
            at.file = file.to_string();
        }
        self
    }
}

/// An error of the named kind that says what is wrong.
macro_rules! fault {
    ($kind:ident, $($what:tt)*) => {
        $crate::error::ImportError::$kind(Box::new($crate::error::At::what(format!($($what)*))))
    };
}

pub(crate) use fault;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_ordered_and_in_their_range() {
        let ids: Vec<_> = ImportError::CODES.iter().map(|(id, _)| *id).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(ids.iter().all(|id| ("TL0411"..="TL0439").contains(id)));
    }

    #[test]
    fn the_innermost_place_is_kept() {
        let error = fault!(Opset, "7").at("node 1").at("graph").in_file("a.onnx");
        assert_eq!(error.code(), "TL0416");
        assert_eq!(error.to_string(), format!("TL0416: {}: a.onnx: node 1: 7", error.title()));
    }
}
