//! Collects `explain/TLnnnn.md` into one table.

use std::{env, fs, path::Path};

fn main() {
    println!("cargo::rerun-if-changed=explain");
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("explain");
    let mut pages: Vec<_> =
        fs::read_dir(&folder).expect("the folder explain").map(|e| e.expect("an entry").path()).collect();
    pages.retain(|path| path.extension().is_some_and(|e| e == "md"));
    pages.sort();
    let rows: String = pages
        .iter()
        .map(|path| {
            let id = path.file_stem().expect("a name").to_string_lossy();
            format!("    ({id:?}, include_str!({:?})),\n", path.display().to_string())
        })
        .collect();
    let table = format!("static PAGES: &[(&str, &str)] = &[\n{rows}];\n");
    let out = env::var("OUT_DIR").expect("cargo sets it");
    fs::write(Path::new(&out).join("pages.rs"), table).expect("the output folder is writable");
}
