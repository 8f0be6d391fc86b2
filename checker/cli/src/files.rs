//! Files: which certificates are meant, and the bytes of their tensor files.
//!
//! Nothing is read through a symbolic link, and nothing larger than its limit is read at all.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// A file that cannot be used, with its code.
#[derive(Debug)]
pub(crate) struct Trouble {
    /// `TL0002` (cannot be read) or `TL0003` (no certificate found).
    pub(crate) code: &'static str,
    /// The file or folder.
    pub(crate) path: PathBuf,
    /// What went wrong.
    pub(crate) message: String,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error[{}]: {}\n  --> {}", self.code, self.message, self.path.display())
    }
}

impl Trouble {
    pub(crate) fn unreadable(path: &Path, error: &io::Error) -> Self {
        Trouble { code: "TL0002", path: path.into(), message: format!("cannot be read: {error}") }
    }
}

/// The certificates that the paths mean: files as they are, folders by their `.json` files, all levels, in byte order.
pub(crate) fn certificates(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Trouble> {
    let mut found = Vec::new();
    for path in paths {
        if !path.is_dir() {
            found.push(path.clone());
            continue;
        }
        let (before, mut folders) = (found.len(), vec![path.clone()]);
        while let Some(folder) = folders.pop() {
            let unreadable = |error| Trouble::unreadable(&folder, &error);
            for entry in fs::read_dir(&folder).map_err(unreadable)? {
                let entry = entry.map_err(unreadable)?;
                let kind = entry.file_type().map_err(unreadable)?;
                if kind.is_dir() {
                    folders.push(entry.path());
                } else if kind.is_file() && entry.path().extension().is_some_and(|e| e == "json") {
                    found.push(entry.path());
                }
            }
        }
        if found.len() == before {
            let message = "no certificate (.json) found here".to_string();
            return Err(Trouble { code: "TL0003", path: path.clone(), message });
        }
        found[before..].sort();
    }
    Ok(found)
}

/// The bytes of a certificate, at most `limit + 1` of them.
pub(crate) fn read_certificate(path: &Path, limit: usize) -> Result<Vec<u8>, Trouble> {
    read(path, limit).map_err(|error| Trouble::unreadable(path, &error))
}

/// The bytes of a tensor file beside `certificate`, at most `limit + 1` of them. `relative` is made of plain names; none of them may be a link.
pub(crate) fn read_beside(certificate: &Path, relative: &str, limit: usize) -> Result<Vec<u8>, Trouble> {
    let mut path = certificate.parent().unwrap_or(Path::new("")).to_path_buf();
    for name in relative.split('/') {
        path.push(name);
        let metadata = fs::symlink_metadata(&path).map_err(|error| Trouble::unreadable(&path, &error))?;
        if metadata.file_type().is_symlink() {
            let message = "a symbolic link, which a certificate may not reach through".to_string();
            return Err(Trouble { code: "TL0112", path, message });
        }
    }
    read(&path, limit).map_err(|error| Trouble::unreadable(&path, &error))
}

/// At most `limit + 1` bytes, so that the kernel sees when there are too many without holding them all.
fn read(path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    File::open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}
