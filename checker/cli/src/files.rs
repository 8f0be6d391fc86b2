//! Files: which certificates are meant, and the bytes of their tensor files.
//!
//! A tensor file is read only if it is a plain file, reached through no symbolic link. No more than a limit and one byte is read of anything.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// A file that cannot be used, with its code.
#[derive(Clone, Debug)]
pub struct Trouble {
    /// `TL0002` (cannot be read), `TL0003` (no certificate found), `TL0004` (a malformed policy), `TL0005` (cannot be written), `TL0112` (a link), or a
    /// code of the importer.
    pub(crate) code: &'static str,
    /// The file or folder.
    pub(crate) path: PathBuf,
    /// Where in the file, if anywhere.
    pub(crate) position: Option<Position>,
    /// What went wrong.
    pub(crate) message: String,
}

/// A place in a text, both counted from 1, the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl Position {
    /// The place of the byte at `offset`.
    pub(crate) fn of(bytes: &[u8], offset: usize) -> Self {
        let before = bytes.get(..offset).unwrap_or(bytes);
        let line = before.iter().rev().take_while(|&&byte| byte != b'\n');
        // Bytes that continue a character of UTF-8 begin with the bits 10.
        let column = 1 + line.filter(|&&byte| byte >> 6 != 0b10).count();
        Position { line: 1 + before.iter().filter(|&&byte| byte == b'\n').count(), column }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error[{}]: {}\n  --> {}", self.code, plain(&self.message), shown(&self.path))?;
        self.position.map_or(Ok(()), |at| write!(f, ":{}:{}", at.line, at.column))
    }
}

impl Trouble {
    pub(crate) fn new(code: &'static str, path: &Path, message: String) -> Self {
        Trouble { code, path: path.into(), position: None, message }
    }

    pub(crate) fn unreadable(path: &Path, error: &io::Error) -> Self {
        Trouble::new("TL0002", path, format!("cannot be read: {error}"))
    }

    fn unwritable(path: &Path, error: &io::Error) -> Self {
        Trouble::new("TL0005", path, format!("cannot be written: {error}"))
    }
}

/// A path as it is printed.
pub(crate) fn shown(path: &Path) -> String {
    plain(&path.display().to_string())
}

/// The text with its control characters escaped, so that no name begins a line of its own or moves the cursor.
pub(crate) fn plain(text: &str) -> String {
    let plain = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(plain).collect()
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

/// The `.json` files below a folder, at least one; links to files count, links to folders are not followed.
fn search(root: &Path) -> Result<Vec<PathBuf>, Trouble> {
    let (mut found, mut folders) = (Vec::new(), vec![root.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        let unreadable = |error| Trouble::unreadable(&folder, &error);
        for entry in fs::read_dir(&folder).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let (kind, path) = (entry.file_type().map_err(unreadable)?, entry.path());
            if kind.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "json") && !path.is_dir() {
                found.push(path);
            }
        }
    }
    if found.is_empty() {
        let message = "no certificate (.json) found here".to_string();
        return Err(Trouble::new("TL0003", root, message));
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
            return Err(Trouble::new("TL0112", &path, message));
        }
    }
    if !path.is_file() {
        return Err(Trouble::new("TL0002", &path, "not a plain file".to_string()));
    }
    read(&path, limit).map_err(|error| Trouble::unreadable(&path, &error))
}

/// The bytes of a model or policy file, no more than `limit` of them.
pub(crate) fn read_whole(path: &Path, limit: usize) -> Result<Vec<u8>, Trouble> {
    let bytes = read(path, limit).map_err(|error| Trouble::unreadable(path, &error))?;
    if bytes.len() > limit {
        return Err(Trouble::new("TL0002", path, format!("more than {limit} bytes")));
    }
    Ok(bytes)
}

/// Puts a report at `path`: the whole of it, or nothing and whatever stood there before. A link is followed; what is no plain file (a pipe, a device) is
/// written to and stays what it is.
pub(crate) fn replace(named: &Path, report: &[u8]) -> Result<(), Trouble> {
    let real = fs::canonicalize(named);
    let path = real.as_deref().unwrap_or(named);
    if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        let written = OpenOptions::new().write(true).open(path).and_then(|mut file| file.write_all(report));
        return written.map_err(|error| Trouble::unwritable(named, &error));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666)); // less what the umask takes away
    let written = builder.tempfile_in(folder).and_then(|mut file| {
        file.write_all(report)?;
        file.persist(path).map_err(|error| error.error)
    });
    written.map(drop).map_err(|error| Trouble::unwritable(named, &error))
}

/// Puts `text` behind what stands at `path`.
pub(crate) fn append(path: &Path, text: &str) -> Result<(), Trouble> {
    let file = OpenOptions::new().append(true).create(true).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| Trouble::unwritable(path, &error))
}

/// At most `limit + 1` bytes, so that the kernel sees when there are too many without holding them all.
fn read(path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    File::open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}
