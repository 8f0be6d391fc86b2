//! A temporary folder in which `tl` is run, and what a run left behind.

#![allow(dead_code, reason = "each test binary uses a part")]

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

/// A folder, and the command run with paths in it.
pub(crate) struct Folder(pub(crate) TempDir);

/// What a run left behind.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) exit: u8,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Folder {
    pub(crate) fn new() -> Self {
        Folder(TempDir::new().expect("a temporary folder"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).expect("the folder is writable");
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect("the file is there")
    }

    /// Everything in the folder, by name.
    pub(crate) fn names(&self) -> BTreeSet<String> {
        let entries = fs::read_dir(self.0.path()).expect("the folder is readable");
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
    }

    /// Runs `tl`; a word of the line that contains `@` has the folder in its place.
    pub(crate) fn tl(&self, line: &str) -> Ran {
        let here = format!("{}/", self.0.path().display());
        let words = ["tl"].into_iter().chain(line.split(' ')).map(|word| word.replace('@', &here).into());
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let exit = tl::commands::run(words, &mut out, &mut err);
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the output is text").replace(&here, "@");
        Ran { exit, out: text(out), err: text(err) }
    }
}
