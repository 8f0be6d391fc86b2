//! A small certificate, a folder to put it in, and the command run there.

#![allow(dead_code, reason = "each test file uses a part")]

use std::fs;
use std::process::Command;
use tempfile::TempDir;
use tl_kernel::cert::digest::Digest;

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
        let output = command.args(arguments).current_dir(self.0.path()).output().expect("the command starts");
        let text = |bytes| String::from_utf8(bytes).expect("the command prints UTF-8");
        Ran { exit: output.status.code().expect("no signal"), out: text(output.stdout), err: text(output.stderr) }
    }
}

/// Runs `tl-check` on a certificate of this text.
pub(crate) fn check(text: &str) -> Ran {
    Folder::with(text).run(&["cert.json"])
}

pub(crate) const TOLERANCE: &str = r#""tolerance": {"abs": "0", "rel": "0"}"#;
pub(crate) const OUTPUT_WORDS: &str = r#""words": "3f800000 00000000""#;
pub(crate) const INPUT_WORDS: &str = r#""words": "3f800000 bf800000""#;
pub(crate) const NODE: &str = r#"{"op": "relu", "parents": [0], "shape": [2]}"#;
/// The recorded 1 replaced by its successor.
pub(crate) const ONE_ULP_OFF: (&str, &str) = (OUTPUT_WORDS, r#""words": "3f800001 00000000""#);
pub(crate) const LATER_KIND: (&str, &str) = (r#""kind": "forward""#, r#""kind": "region""#);

/// `y = x Wᵀ + w` at `x = [1, −1]`, with `W = [[1, 2], [3, 4]]` and `w = [5, 6]` in `weights.safetensors`.
pub(crate) const LINEAR: &str = r#"{
  "format": "tl-cert/1",
  "about": "an affine layer",
  "producer": {"name": "by hand", "version": "1"},
  "claim": {
    "kind": "forward",
    "tolerance": {"abs": "0", "rel": "0", "slack": "1"},
    "outputs": [{"y": {"shape": [1, 2], "words": "40800000 40a00000"}}]
  },
  "model": {
    "graph": {
      "nodes": [
        {"op": "input", "attributes": {"name": "x"}, "parents": [], "shape": [1, 2]},
        {"op": "const", "attributes": {"name": "W"}, "parents": [], "shape": [2, 2]},
        {"op": "const", "attributes": {"name": "w"}, "parents": [], "shape": [2]},
        {"op": "linear", "parents": [0, 1, 2], "shape": [1, 2]}
      ],
      "outputs": {"y": 3}
    },
    "parameters": {
      "W": {"shape": [2, 2], "file": "weights.safetensors", "tensor": "W"},
      "w": {"shape": [2], "file": "weights.safetensors", "tensor": "w"}
    }
  },
  "inputs": [{"x": {"shape": [1, 2], "words": "3f800000 bf800000"}}],
  "files": {"weights.safetensors": "DIGEST"},
  "witness": {"precision": 64}
}"#;

/// The tensor file of [`LINEAR`].
pub(crate) fn weights() -> Vec<u8> {
    let table = br#"{"W":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},"w":{"dtype":"F32","shape":[2],"data_offsets":[16,24]}}"#;
    let words = [0x3f80_0000_u32, 0x4000_0000, 0x4040_0000, 0x4080_0000, 0x40a0_0000, 0x40c0_0000];
    let mut bytes = u64::try_from(table.len()).expect("small").to_le_bytes().to_vec();
    bytes.extend(table);
    bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    bytes
}

/// A folder with [`LINEAR`], its tensor file and the right digest.
pub(crate) fn linear() -> Folder {
    let folder = Folder::with(&LINEAR.replace("DIGEST", &Digest::of(&weights()).to_string()));
    folder.write("weights.safetensors", weights());
    folder
}

/// Asserts the exit code, the first diagnostic (its code and pointer), and that stdout is the one sentence of a verdict.
pub(crate) fn assert_refused(ran: &Ran, exit: i32, code: &str, pointer: &str, case: &str) {
    let (level, word) = if exit == 1 { ("error", "REJECTED") } else { ("declined", "DECLINED") };
    let mut lines = ran.err.lines();
    assert_eq!(ran.exit, exit, "{case}: {ran:?}");
    assert!(lines.next().is_some_and(|line| line.starts_with(&format!("{level}[{code}]: "))), "{case}: {ran:?}");
    let place = lines.next().and_then(|line| line.trim_start().strip_prefix("--> cert.json#"));
    assert_eq!(place.map(|place| place.split("  ").next().unwrap_or(place)), Some(pointer), "{case}: {ran:?}");
    assert!(ran.out.starts_with(&format!("{word} cert.json: {code} ")), "{case}: {ran:?}");
    assert_eq!(ran.out.lines().count(), 1, "{case}: {ran:?}");
}

/// An ONNX model of one node, `y = OP(x)` with x of shape `[2]`, encoded by hand: a field is its number and kind, the length, the content.
pub(crate) fn onnx(op: &str) -> Vec<u8> {
    let field = |number: u8, content: &[u8]| {
        let length = u8::try_from(content.len()).expect("short");
        assert!(length < 128, "one byte of length");
        [&[number << 3 | 2, length], content].concat()
    };
    let shape = field(1, &[8, 2]); // one dimension: dim_value = 2
    let float32 = [&[8, 1][..], &field(2, &shape)].concat(); // elem_type = FLOAT
    let value = |name: &str| [field(1, name.as_bytes()), field(2, &field(1, &float32))].concat();
    let node = [field(1, b"x"), field(2, b"y"), field(4, op.as_bytes())].concat();
    let graph = [field(1, &node), field(2, b"g"), field(11, &value("x")), field(12, &value("y"))].concat();
    [&[8, 8][..], &field(7, &graph), &field(8, &[16, 17])].concat() // IR version 8, operator set 17
}
