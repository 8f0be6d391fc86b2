//! Digests what the elementary functions are made of, so that the record of a scan names the code that it is about.

use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};

/// Folders of the kernel whose code runs in an elementary function.
const FOLDERS: [&str; 2] = ["../../checker/kernel/src/context", "../../checker/kernel/src/number"];
const LOCK: &str = "../../Cargo.lock";

fn main() {
    let mut sources = Vec::new();
    for folder in FOLDERS {
        println!("cargo::rerun-if-changed={folder}");
        collect(Path::new(folder), &mut sources);
    }
    println!("cargo::rerun-if-changed={LOCK}");
    sources.sort();
    let mut digest = Sha256::new();
    for path in &sources {
        digest.update(path.to_str().expect("a path in UTF-8"));
        digest.update(fs::read(path).expect("a source of the kernel"));
    }
    // Of the dependencies, those that compute: name, version and checksum of every num-* package.
    let lock = fs::read_to_string(LOCK).expect("Cargo.lock");
    for package in lock.split("[[package]]").filter(|package| package.trim_start().starts_with("name = \"num-")) {
        digest.update(package);
    }
    let digest: String = digest.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    println!("cargo::rustc-env=TL_KERNEL_DIGEST={digest}");
}

fn collect(folder: &Path, sources: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of the kernel") {
        let path = entry.expect("an entry of the folder").path();
        if path.is_dir() {
            collect(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push(path);
        }
    }
}
