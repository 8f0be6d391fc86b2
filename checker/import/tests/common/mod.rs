//! Where the test data are.

use std::path::{Path, PathBuf};

/// The folder or file of test data, or why there is none.
pub(crate) fn data(name: &str) -> Result<PathBuf, String> {
    let root = std::env::var_os("TL_DATA").map(PathBuf::from);
    let path = root.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data")).join(name);
    if path.exists() { Ok(path) } else { Err(format!("SKIPPED: there are no test data at {}", path.display())) }
}
