//! What stops a command: a stable code, the place, and what is wrong there.
//!
//! Faults of the kernel and of the importer keep their own codes (`TL01xx` … `TL04xx`); those of the engine are `TL05xx`. Nothing is printed here.

use std::fmt;
use std::path::Path;
use thiserror::Error;
use tl_import::ImportError;
use tl_kernel::Diagnostic;
use tl_kernel::ir::evaluate::Located;

macro_rules! codes {
    ($($name:ident = $id:literal, $title:literal;)*) => {
        /// A kind of fault of the engine, by its stable identifier.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code { $(#[doc = $title] $name,)* }

        impl Code {
            /// Every code, in the order of the identifiers.
            pub const ALL: &'static [Code] = &[$(Code::$name,)*];

            /// The stable identifier, `TL` and four digits.
            pub fn id(self) -> &'static str {
                match self { $(Code::$name => $id,)* }
            }

            /// One line, lower case.
            pub fn title(self) -> &'static str {
                match self { $(Code::$name => $title,)* }
            }
        }
    };
}

codes! {
    Usage = "TL0501", "an option does not have a value that can be used";
    ModelFile = "TL0502", "a file is not a model that the engine reads";
    InputMissing = "TL0503", "an input or output has no file";
    InputName = "TL0504", "a file is given for a name that the graph does not have";
    InputShape = "TL0505", "a tensor does not have the shape that the graph asks for";
    Cases = "TL0506", "inputs and outputs do not pair up to cases";
    Evaluation = "TL0507", "the graph has no value in this reading";
    Write = "TL0508", "a file cannot be written";
    NotFinite = "TL0509", "a recorded output is an infinity or NaN, which a claim over the reals cannot have";
    Kind = "TL0510", "a file cannot hold values of this reading";
    Corpus = "TL0511", "an entry of the corpus is malformed";
    Read = "TL0512", "a file cannot be read";
}

/// Why a command stopped.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct Error {
    /// The stable identifier.
    pub code: &'static str,
    /// The file, option, node or tensor; empty where there is none.
    pub place: String,
    /// What is wrong, one sentence, lower case, without a full stop.
    pub message: String,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error[{}]: {}", self.code, self.message)?;
        if self.place.is_empty() {
            return Ok(());
        }
        write!(f, "\n  --> {}", self.place)
    }
}

impl Error {
    /// A fault of the engine at `place`.
    pub fn new(code: Code, place: impl fmt::Display, message: impl Into<String>) -> Self {
        Error { code: code.id(), place: place.to_string(), message: message.into() }
    }

    /// A finding of the kernel about `file`.
    pub fn found(file: &Path, finding: &Diagnostic) -> Self {
        let mut place = format!("{}#{}", file.display(), finding.pointer);
        if let Some((id, op)) = finding.node {
            place += &format!("  node {id} ({op})");
        }
        let facts = [("declared", &finding.claimed), ("inferred", &finding.derived)];
        let facts: String =
            facts.into_iter().filter_map(|(name, value)| Some(format!("; {name} {}", value.as_ref()?))).collect();
        Error { code: finding.code.id(), place, message: finding.message.clone() + &facts }
    }

    /// A node of the graph in `file` that has no value in a reading.
    pub fn at_node(file: &Path, located: &Located) -> Self {
        let place = format!("{} node {} ({})", file.display(), located.node, located.op);
        Error::new(Code::Evaluation, place, located.error.to_string())
    }
}

impl From<ImportError> for Error {
    fn from(error: ImportError) -> Self {
        let at = error.place();
        let place = [at.file.as_str(), at.place.as_str()];
        let place: Vec<&str> = place.into_iter().filter(|part| !part.is_empty()).collect();
        Error { code: error.code(), place: place.join(": "), message: format!("{}: {}", error.title(), at.what) }
    }
}
