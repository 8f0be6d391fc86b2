//! A small certificate, a folder to put it in, and the command run there.

#![allow(dead_code, reason = "each test file uses a part")]

use std::fs;
use std::process::Command;
use tempfile::TempDir;

/// `y = relu(x)` at `x = [1, −1]`, recorded exactly and claimed with zero tolerance.
pub(crate) const RELU: &str = r#"{
  "format": "tl-cert/1",
  "claim": {
    "kind": "forward",
    "tolerance": {"abs": "0", "rel": "0"},
    "outputs": [{"y": {"shape": [2], "words": "3f800000 00000000"}}]
  },
  "model": {
    "graph": {
      "nodes": [
        {"op": "input", "attributes": {"name": "x"}, "parents": [], "shape": [2]},
        {"op": "relu", "parents": [0], "shape": [2]}
      ],
      "outputs": {"y": 1}
    },
    "parameters": {}
  },
  "files": {},
  "inputs": [{"x": {"shape": [2], "words": "3f800000 bf800000"}}]
}"#;

/// [`RELU`] with each `from` replaced, once, by its `to`.
pub(crate) fn changed(changes: &[(&str, &str)]) -> String {
    changes.iter().fold(RELU.to_string(), |text, (from, to)| {
        assert!(text.contains(from), "nothing to replace: {from}");
        text.replacen(from, to, 1)
    })
}

/// A temporary folder, in which the command is run.
pub(crate) struct Folder(TempDir);

/// What a run left behind.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) exit: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Folder {
    pub(crate) fn new() -> Self {
        Folder(TempDir::new().expect("a temporary folder"))
    }

    /// A folder that holds `text` as `cert.json`.
    pub(crate) fn with(text: &str) -> Self {
        let folder = Folder::new();
        folder.write("cert.json", text);
        folder
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder inside it");
        fs::write(path, content).expect("a file inside it");
    }

    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    /// Runs `tl-check` in the folder.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tl-check"));
        let output = command
            .args(arguments)
            .current_dir(self.0.path())
            .output()
            .expect("the command starts");
        let text = |bytes| String::from_utf8(bytes).expect("the command prints UTF-8");
        Ran {
            exit: output.status.code().expect("no signal"),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }
}

/// Runs `tl-check` on a certificate of this text.
pub(crate) fn check(text: &str) -> Ran {
    Folder::with(text).run(&["cert.json"])
}
