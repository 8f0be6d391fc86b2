//! Files that are written: tensors in the formats that numpy and PyTorch read, JSON that people read, and all of it whole or not at all.
//!
//! The same tensors give the same bytes: names in byte order, no time stamps.

use crate::error::{Code, Error};
use safetensors::tensor::{Dtype, TensorView};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;
use tl_kernel::cert::json::Json;
use tl_kernel::ir::Tensor;
use tl_kernel::ir::evaluate::Named;

/// Files that appear together: each is written under a temporary name in its folder, and renamed when all of them are complete.
#[derive(Debug, Default)]
pub struct Staged(Vec<(NamedTempFile, PathBuf)>);

impl Staged {
    /// Writes `bytes` for `path`, still under a temporary name.
    pub fn add(&mut self, path: &Path, bytes: &[u8]) -> Result<(), Error> {
        let cannot = |error: std::io::Error| {
            Error::new(Code::Write, path.display(), format!("it cannot be written: {}", error.kind()))
        };
        if path.is_dir() {
            return Err(Error::new(Code::Write, path.display(), "it is a folder"));
        }
        let mut file = temporary(folder_of(path)).map_err(cannot)?;
        file.write_all(bytes).and_then(|()| file.flush()).map_err(cannot)?;
        self.0.push((file, path.to_path_buf()));
        Ok(())
    }

    /// Gives every file its name, in the order in which they were added.
    pub fn commit(self) -> Result<(), Error> {
        for (file, path) in self.0 {
            let persisted = file.persist(&path);
            persisted.map_err(|error| {
                Error::new(Code::Write, path.display(), format!("it cannot be written: {}", error.error))
            })?;
        }
        Ok(())
    }
}

/// One file, whole or not at all.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut staged = Staged::default();
    staged.add(path, bytes)?;
    staged.commit()
}

/// The folder with all its parents, made where it is not there.
pub fn make_folder(path: &Path) -> Result<(), Error> {
    fs::create_dir_all(path)
        .map_err(|error| Error::new(Code::Write, path.display(), format!("the folder cannot be made: {error}")))
}

/// The folder that `path` is in.
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// A temporary file in `folder`, with the permissions of any other new file.
fn temporary(folder: &Path) -> std::io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".tl-").suffix(".part");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

/// The bytes of the tensors in the format that the extension of `path` names: `npy` (one tensor), `npz`, `safetensors` or `json`.
pub fn tensors(path: &Path, named: &Named<u32>) -> Result<Vec<u8>, Error> {
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
    match extension {
        "npy" => match named.values().next() {
            Some(tensor) if named.len() == 1 => Ok(npy(tensor)),
            _ => Err(Error::new(
                Code::Kind,
                path.display(),
                format!("an npy file holds one tensor, there are {}", named.len()),
            )),
        },
        "npz" => Ok(npz(named)),
        "safetensors" => safetensors(named),
        "json" => {
            let entries =
                named.iter().map(|(name, tensor)| (name.clone(), tl_kernel::cert::tensor::encode_inline(tensor)));
            Ok(pretty(&Json::Object(entries.collect())).into_bytes())
        }
        other => Err(Error::new(
            Code::Kind,
            path.display(),
            format!("the extension {other:?} is none of npy, npz, safetensors, json"),
        )),
    }
}

fn little_endian(tensor: &Tensor<u32>) -> impl Iterator<Item = u8> {
    tensor.data().iter().flat_map(|word| word.to_le_bytes())
}

/// The NumPy format, version 1.0 (NEP 1), binary32, row-major.
fn npy(tensor: &Tensor<u32>) -> Vec<u8> {
    let shape: String = tensor.dimensions().iter().map(|d| format!("{d},")).collect();
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({shape}), }}");
    let length = (10 + header.len() + 1).next_multiple_of(64) - 10; // at most 8 dimensions: it fits 16 bits
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((length as u16).to_le_bytes());
    bytes.extend(format!("{header:<width$}\n", width = length - 1).bytes());
    bytes.extend(little_endian(tensor));
    bytes
}

/// A zip archive (PKWARE APPNOTE 4.3) of stored `.npy` members, dated 1 January 1980.
fn npz(named: &Named<u32>) -> Vec<u8> {
    const DATE: u16 = 1 << 5 | 1;
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for (name, tensor) in named {
        let (name, data) = (format!("{name}.npy"), npy(tensor));
        let mut crc = flate2::Crc::new();
        crc.update(&data);
        let size = data.len() as u32; // below 2^32 for every tensor that the kernel admits with MAX_ELEMENTS / 2 elements
        let mut common = Vec::new();
        for field in [20u16, 1 << 11, 0, 0, DATE] {
            common.extend(field.to_le_bytes());
        }
        for field in [crc.sum(), size, size] {
            common.extend(field.to_le_bytes());
        }
        common.extend((name.len() as u16).to_le_bytes());
        common.extend([0, 0]);
        let at = archive.len() as u32;
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&common);
        directory.extend([0; 10]);
        directory.extend(at.to_le_bytes());
        directory.extend(name.bytes());
        archive.extend(b"PK\x03\x04");
        archive.extend(common);
        archive.extend(name.bytes());
        archive.extend(data);
    }
    let (start, count) = (archive.len() as u32, named.len() as u16);
    let length = directory.len() as u32;
    archive.extend(directory);
    archive.extend(b"PK\x05\x06\x00\x00\x00\x00");
    archive.extend(count.to_le_bytes());
    archive.extend(count.to_le_bytes());
    archive.extend(length.to_le_bytes());
    archive.extend(start.to_le_bytes());
    archive.extend([0, 0]);
    archive
}

/// The safetensors format, binary32.
pub fn safetensors(named: &Named<u32>) -> Result<Vec<u8>, Error> {
    let cannot = |error| Error::new(Code::Write, "", format!("the tensors cannot be written: {error}"));
    let data: Vec<Vec<u8>> = named.values().map(|tensor| little_endian(tensor).collect()).collect();
    let mut views = Vec::new();
    for ((name, tensor), bytes) in named.iter().zip(&data) {
        views.push((name, TensorView::new(Dtype::F32, tensor.dimensions().to_vec(), bytes).map_err(cannot)?));
    }
    safetensors::serialize(views, None).map_err(cannot)
}

/// JSON for people: what fits a line stands on one, the rest one entry a line.
pub fn pretty(json: &Json) -> String {
    let mut text = String::new();
    lay_out(json, 0, &mut text);
    text.push('\n');
    text
}

/// Longest line that is not broken.
const WIDTH: usize = 160;

/// Recursion goes down what this program built itself.
fn lay_out(json: &Json, depth: usize, text: &mut String) {
    let compact = json.to_string();
    let entries: Vec<(String, &Json)> = match json {
        Json::Object(entries) => {
            entries.iter().map(|(key, value)| (format!("{}: ", Json::string(key)), value)).collect()
        }
        Json::Array(items) => items.iter().map(|value| (String::new(), value)).collect(),
        _ => Vec::new(),
    };
    if entries.is_empty() || compact.len() + 2 * depth <= WIDTH && depth > 1 {
        text.push_str(&compact);
        return;
    }
    let (open, close) = if matches!(json, Json::Object(_)) { ('{', '}') } else { ('[', ']') };
    text.push(open);
    for (i, (key, value)) in entries.into_iter().enumerate() {
        text.push_str(if i == 0 { "\n" } else { ",\n" });
        text.push_str(&"  ".repeat(depth + 1));
        text.push_str(&key);
        lay_out(value, depth + 1, text);
    }
    text.push('\n');
    text.push_str(&"  ".repeat(depth));
    text.push(close);
}
