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
    ($($name:ident = $id:literal, $title:literal, $help:literal;)*) => {
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

            /// What to do, for `tl explain`.
            pub fn help(self) -> &'static str {
                match self { $(Code::$name => $help,)* }
            }
        }
    };
}

codes! {
    Usage = "TL0501", "an option does not have a value that can be used",
        "Options have the form that `tl COMMAND --help` shows. Tolerances are exact numbers: `1e-5`, `1/3`, `0x1p-20`.";
    ModelFile = "TL0502", "a file is not a model that the engine reads",
        "A model is ONNX (`.onnx`, `.onnx.gz`) or a graph file as `tl import` writes it, with exactly the parameters that its graph asks for.";
    InputMissing = "TL0503", "an input, output or parameter has no tensor",
        "Every input of the graph needs a tensor in every case: `--input NAME=FILE`. `tl import MODEL` lists inputs and outputs.";
    InputName = "TL0504", "a tensor is given for a name that the graph does not have",
        "Names are those of the graph; `tl import MODEL` lists them. A file with several tensors needs names that match.";
    InputShape = "TL0505", "a tensor does not have the shape that the graph asks for",
        "Shapes are exact: `[10]` is not `[1, 10]`. `--reshape` takes as many elements in another shape, row-major; `--batch` sizes an open dimension.";
    Cases = "TL0506", "inputs and outputs do not pair up to cases",
        "A name that is given again begins the next case. There are as many recorded outputs as inputs, or none at all.";
    Evaluation = "TL0507", "the graph has no value in this reading",
        "The place names the node. Over the rationals, exp and its kin have no value; over the reals, a division by zero has none.";
    Write = "TL0508", "a file cannot be written",
        "Files are written under a temporary name beside the target and renamed: nothing is left half-written.";
    NotFinite = "TL0509", "a recorded output is an infinity or NaN, which a claim over the reals cannot have",
        "`--claim exec` can state infinities and NaN: they are words of binary32 like others.";
    Kind = "TL0510", "a file cannot hold values of this reading",
        "npy, npz and safetensors hold binary32 values; `.json` holds exact, real and interval values as text.";
    Corpus = "TL0511", "an entry of the corpus is malformed",
        "Beside every certificate NAME.json stands NAME.expect: run, exit, code, stdout, stderr. `BLESS=1 tl corpus` writes it.";
    Read = "TL0512", "a file cannot be read",
        "Check the path and its permissions.";
    Recording = "TL0521", "a recording does not fit the model, or itself",
        "A trace has tensors by the names of the ONNX file (or by node id), one value a node, and the outputs that `--output` does not give.";
    Recorder = "TL0522", "what a runtime computes cannot be recorded",
        "`tl bisect` runs a Python helper: `pip install -r src/diff/record/requirements.txt`, and name that interpreter with `--python` or `TL_PYTHON`.";
    Operands = "TL0531", "an operation does not fit its operands",
        "The message names the operation, the constraint (`spec-tests/ops/`) and the shapes. There is no implicit broadcasting: `broadcast` and `reshape` are operations.";
    Gradient = "TL0532", "there is no such gradient",
        "An output of several elements needs a cotangent (`--cotangent`); names are those of inputs and parameters; labels and masks have no gradient (`--wrt` says by what is differentiated).";
    Anomaly = "TL0533", "a value or a cotangent is NaN or infinite",
        "The first one is named, in the order of computation. Without `--detect-anomaly` it is computed on.";
    Tape = "TL0534", "a node of the tape cannot be used so",
        "Names of inputs, and of parameters and constants, are different; what a checkpoint computed inside is not kept.";
    Network = "TL0541", "the layers of a network do not fit one another",
        "The place names the layer, from 0, and the message what it takes and what it is given. `tl zoo show NAME` prints the shape after every layer of a network that fits.";
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
