//! The helper that records what a runtime computes: a Python script in this binary, its requirements pinned beside it.
//!
//! The script is written to a temporary folder and run by the interpreter of `--python`, else of `TL_PYTHON`, else `python3`. It runs the model on the inputs and leaves an `.npz` with every
//! float32 value that exists by its name in the ONNX file.

use crate::error::{Code, Error};
use crate::files::{tensors, write};
use crate::model::is_onnx;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;
use tempfile::TempDir;
use tl_kernel::ir::evaluate::Named;

/// The helper.
pub const SCRIPT: &str = include_str!("record/record.py");
/// The packages that it needs.
pub const REQUIREMENTS: &str = include_str!("record/requirements.txt");

/// What runs the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runtime {
    /// `onnxruntime` or `torch`.
    pub name: String,
    /// How much ONNX Runtime may optimise.
    pub level: String,
}

impl FromStr for Runtime {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (name, level) = text.split_once(':').unwrap_or((text, ""));
        match (name, level) {
            ("torch", "") => Ok(Runtime { name: name.into(), level: "none".into() }),
            ("onnxruntime", "") => Ok(Runtime { name: name.into(), level: "all".into() }),
            ("onnxruntime", "none" | "basic" | "extended" | "all") => {
                Ok(Runtime { name: name.into(), level: level.into() })
            }
            _ => Err("the runtimes are onnxruntime[:none|basic|extended|all] and torch".into()),
        }
    }
}

impl Runtime {
    /// What its recording is called.
    pub fn label(&self) -> String {
        match (self.name.as_str(), self.level.as_str()) {
            ("onnxruntime", level) => format!("onnxruntime-{level}"),
            (name, _) => name.into(),
        }
    }
}

/// A recorder: the interpreter, and a folder for the script and what it leaves.
#[derive(Debug)]
pub struct Recorder {
    python: PathBuf,
    folder: TempDir,
}

impl Recorder {
    /// The recorder that this interpreter runs.
    pub fn new(python: Option<&Path>) -> Result<Self, Error> {
        let named = python.map(Path::to_path_buf).or_else(|| std::env::var_os("TL_PYTHON").map(PathBuf::from));
        let folder = tempfile::tempdir()
            .map_err(|error| Error::new(Code::Write, "a temporary folder", format!("it cannot be made: {error}")))?;
        write(&folder.path().join("record.py"), SCRIPT.as_bytes())?;
        Ok(Recorder { python: named.unwrap_or("python3".into()), folder })
    }

    /// Runs the model on the inputs; the file of the recording.
    pub fn record(
        &self,
        model: &Path,
        bindings: &[String],
        inputs: &Named<u32>,
        runtime: &Runtime,
    ) -> Result<PathBuf, Error> {
        if !is_onnx(model) {
            let message = "a runtime is run on an ONNX file (.onnx, .onnx.gz), a graph file has none";
            return Err(Error::new(Code::Recorder, model.display(), message));
        }
        let given = self.folder.path().join("inputs.npz");
        let left = self.folder.path().join(format!("{}.npz", runtime.label()));
        write(&given, &tensors(&given, inputs)?)?;
        let mut command = Command::new(&self.python);
        command.arg(self.folder.path().join("record.py")).arg(model).arg(&given).arg(&left);
        command.args(["--runtime", &runtime.name, "--level", &runtime.level]);
        bindings.iter().for_each(|binding| {
            command.args(["--bind", binding]);
        });
        let place = format!("{} (record.py)", self.python.display());
        let packages: Vec<&str> = REQUIREMENTS.lines().collect();
        let help = format!("it needs the packages of src/diff/record/requirements.txt: {}", packages.join(" "));
        let done = command.output().map_err(|error| {
            let message =
                format!("the interpreter cannot be started: {error}; {help}; --python or TL_PYTHON names another one");
            Error::new(Code::Recorder, &place, message)
        })?;
        if done.status.success() && left.is_file() {
            return Ok(left);
        }
        let text = String::from_utf8_lossy(&done.stderr);
        let last = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it says nothing");
        let help = if last.contains("ModuleNotFoundError") || last.contains("missing package") {
            format!("; {help}")
        } else {
            String::new()
        };
        Err(Error::new(Code::Recorder, place, format!("{}{help}", last.trim())))
    }
}
