//! Files: which certificates are meant, and the bytes of their tensor files.
//!
//! A tensor file is read only if it is a plain file, reached through no symbolic link. No more than a limit and one byte is read of anything.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// A file that cannot be used, with its code.
#[derive(Clone, Debug)]
pub struct Trouble {
    /// `TL0002` (cannot be read), `TL0003` (no certificate found), `TL0112` (a link), or a code of the importer.
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

/// The certificates that the paths mean: files as they are, folders by their `.json` files, all levels, in byte order. A folder that cannot be
/// searched, or has none, is trouble of its own and does not keep the others from being judged.
pub(crate) fn certificates(paths: &[PathBuf]) -> Vec<Result<PathBuf, Trouble>> {
    let mut found = Vec::new();
    for path in paths {
        if path.is_dir() {
            match search(path) {
                Ok(files) => found.extend(files.into_iter().map(Ok)),
                Err(trouble) => found.push(Err(trouble)),
            }
        } else {
            found.push(Ok(path.clone()));
        }
    }
    found
}

/// The `.json` files below a folder, at least one.
fn search(root: &Path) -> Result<Vec<PathBuf>, Trouble> {
    let (mut found, mut folders) = (Vec::new(), vec![root.to_path_buf()]);
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
    if found.is_empty() {
        let message = "no certificate (.json) found here".to_string();
        return Err(Trouble { code: "TL0003", path: root.into(), message });
    }
    found.sort();
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
    if !path.is_file() {
        return Err(Trouble { code: "TL0002", path, message: "not a plain file".to_string() });
    }
    read(&path, limit).map_err(|error| Trouble::unreadable(&path, &error))
}

/// The bytes of a model file, no more than `limit` of them.
pub(crate) fn read_model(path: &Path, limit: usize) -> Result<Vec<u8>, Trouble> {
    let bytes = read(path, limit).map_err(|error| Trouble::unreadable(path, &error))?;
    if bytes.len() > limit {
        return Err(Trouble { code: "TL0002", path: path.into(), message: format!("more than {limit} bytes") });
    }
    Ok(bytes)
}

/// At most `limit + 1` bytes, so that the kernel sees when there are too many without holding them all.
fn read(path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    File::open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}
