//! Reading files: bounded before anything is allocated, gzip undone by name, external data only from beside the model.

use crate::error::{ImportError, fault};
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

/// The bytes of the file at `path`, at most `limit`; a name that ends in `.gz` is decompressed, to at most `limit` bytes.
pub(crate) fn read(path: &Path, limit: usize) -> Result<Vec<u8>, ImportError> {
    let unreadable = |error| fault!(Read, "{error}");
    let file = File::open(path).map_err(unreadable)?;
    if file.metadata().map_err(unreadable)?.is_dir() {
        return Err(fault!(Read, "it is a directory"));
    }
    let bytes = bounded(file, limit).map_err(unreadable)??;
    if path.extension().is_some_and(|extension| extension == "gz") { gunzip(&bytes, limit) } else { Ok(bytes) }
}

/// The one or more gzip members (RFC 1952) that the bytes are, decompressed to at most `limit` bytes.
pub(crate) fn gunzip(bytes: &[u8], limit: usize) -> Result<Vec<u8>, ImportError> {
    bounded(flate2::read::MultiGzDecoder::new(bytes), limit).map_err(|error| fault!(Gzip, "{error}"))?
}

/// All that `reader` has, if it is at most `limit` bytes; one byte more is read to know.
pub(crate) fn bounded(reader: impl Read, limit: usize) -> std::io::Result<Result<Vec<u8>, ImportError>> {
    let mut bytes = Vec::new();
    reader.take(u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(if bytes.len() > limit { Err(fault!(LimitBytes, "it has more than {limit} bytes")) } else { Ok(bytes) })
}

/// `length` bytes from `offset` (to the end where no length is given) of the file `location` in the folder `base`.
///
/// The location is a plain relative path: no root, no `..`, no link on the way.
pub(crate) fn external(
    base: &Path,
    location: &str,
    offset: u64,
    length: Option<u64>,
    limit: usize,
) -> Result<Vec<u8>, ImportError> {
    let path = plain(base, location)?;
    let missing = |error: std::io::Error| fault!(ExternalData, "{location:?}: {error}");
    let mut file = File::open(path).map_err(missing)?;
    let metadata = file.metadata().map_err(missing)?;
    if !metadata.is_file() {
        return Err(fault!(ExternalData, "{location:?} is not a file"));
    }
    let room = metadata.len().checked_sub(offset);
    let length = length.or(room).unwrap_or(0);
    if room.is_none_or(|room| length > room) {
        let size = metadata.len();
        return Err(fault!(ExternalData, "{location:?} has {size} bytes, {length} are named from {offset}"));
    }
    file.seek(SeekFrom::Start(offset)).map_err(missing)?;
    bounded(file.take(length), limit).map_err(missing)?
}

/// The path of `location` in `base`, every component of which is a plain name and no link.
fn plain(base: &Path, location: &str) -> Result<PathBuf, ImportError> {
    let relative = Path::new(location);
    let named = |component| matches!(component, Component::Normal(_));
    if location.is_empty() || location.contains(['\\', '\0']) || !relative.components().all(named) {
        return Err(fault!(ExternalPath, "{location:?} is not a plain relative path"));
    }
    let mut path = base.to_path_buf();
    for component in relative.components() {
        path.push(component);
        if fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.file_type().is_symlink()) {
            return Err(fault!(ExternalPath, "{location:?} goes through a link"));
        }
    }
    Ok(path)
}
