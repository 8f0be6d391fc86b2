//! `.npz`: a zip archive of `.npy` members, stored or deflated.
//!
//! The members are those of the central directory (PKWARE APPNOTE 4.3); sizes are checked before a member is inflated, its CRC-32 after. Encrypted,
//! multi-disk, zip64 and otherwise compressed archives are refused; numpy writes none below 4 GiB.

use crate::array::Array;
use crate::error::{ImportError, fault};
use crate::{file, npy};
use std::collections::BTreeMap;

/// Most members that are read.
const MAX_MEMBERS: usize = 1 << 16;

/// The arrays in the archive, by name (without `.npy`), together at most `limit` bytes.
pub(crate) fn arrays(bytes: &[u8], limit: usize) -> Result<BTreeMap<String, Array>, ImportError> {
    let mut arrays = BTreeMap::new();
    let mut room = limit;
    for member in members(bytes)? {
        let place = format!("member {:?}", member.name);
        let data = member.data(bytes, room).map_err(|error| error.at(&place))?;
        room = room.saturating_sub(data.len());
        let name = member.name.strip_suffix(".npy").ok_or_else(|| fault!(Npz, "it is not an npy file").at(&place))?;
        let array = npy::array(&data).map_err(|error| error.at(&place))?;
        if arrays.insert(name.to_string(), array).is_some() {
            return Err(fault!(Npz, "two members have this name").at(&place));
        }
    }
    Ok(arrays)
}

struct Member {
    name: String,
    deflated: bool,
    crc: u32,
    compressed: usize,
    size: usize,
    header: usize,
}

/// A little-endian number of `N` bytes at `at`.
fn number<const N: usize>(bytes: &[u8], at: usize) -> Result<usize, ImportError> {
    let field = at.checked_add(N).and_then(|end| bytes.get(at..end));
    let field = field.ok_or_else(|| fault!(Npz, "the archive ends within a header"))?;
    Ok(field.iter().rev().fold(0usize, |n, &byte| n << 8 | usize::from(byte)))
}

/// The members that the central directory lists.
fn members(bytes: &[u8]) -> Result<Vec<Member>, ImportError> {
    const END: usize = 22; // the end record without its comment
    let last = bytes.len().checked_sub(END).ok_or_else(|| fault!(Npz, "it is too short for a zip archive"))?;
    let is_end = |&at: &usize| bytes.get(at..).is_some_and(|rest| rest.starts_with(b"PK\x05\x06"));
    let end = (last.saturating_sub(0xffff)..=last).rev().find(is_end);
    let end = end.ok_or_else(|| fault!(Npz, "it is no zip archive"))?;
    let (listed, mut at) = (number::<2>(bytes, end + 10)?, number::<4>(bytes, end + 16)?);
    if listed > MAX_MEMBERS || number::<4>(bytes, end + 4)? != 0 {
        return Err(fault!(Npz, "an archive in several parts"));
    }
    let mut members = Vec::new();
    for _ in 0..listed {
        if !bytes.get(at..).is_some_and(|rest| rest.starts_with(b"PK\x01\x02")) {
            return Err(fault!(Npz, "the central directory is broken"));
        }
        let (flags, method) = (number::<2>(bytes, at + 8)?, number::<2>(bytes, at + 10)?);
        let [name, extra, comment] =
            [number::<2>(bytes, at + 28)?, number::<2>(bytes, at + 30)?, number::<2>(bytes, at + 32)?];
        let text = bytes.get(at + 46..at + 46 + name).and_then(|name| str::from_utf8(name).ok());
        let text = text.ok_or_else(|| fault!(Npz, "the name of a member is cut or not UTF-8"))?;
        if flags & 1 != 0 || !matches!(method, 0 | 8) {
            return Err(fault!(Npz, "it is encrypted or compressed by method {method}").at(format!("member {text:?}")));
        }
        members.push(Member {
            name: text.to_string(),
            deflated: method == 8,
            crc: u32::try_from(number::<4>(bytes, at + 16)?).unwrap_or(0), // four bytes
            compressed: number::<4>(bytes, at + 20)?,
            size: number::<4>(bytes, at + 24)?,
            header: number::<4>(bytes, at + 42)?,
        });
        at += 46 + name + extra + comment;
    }
    Ok(members)
}

impl Member {
    fn data(&self, bytes: &[u8], limit: usize) -> Result<Vec<u8>, ImportError> {
        if self.size > limit {
            return Err(fault!(LimitBytes, "{} bytes, at most {limit} are read", self.size));
        }
        if !bytes.get(self.header..).is_some_and(|rest| rest.starts_with(b"PK\x03\x04")) {
            return Err(fault!(Npz, "its header is not where the directory says"));
        }
        let start = self.header + 30 + number::<2>(bytes, self.header + 26)? + number::<2>(bytes, self.header + 28)?;
        let stored = bytes.get(start..start.saturating_add(self.compressed));
        let stored = stored.ok_or_else(|| fault!(Npz, "its data are cut"))?;
        let data = if self.deflated {
            let inflated = file::bounded(flate2::read::DeflateDecoder::new(stored), self.size);
            inflated.map_err(|error| fault!(Npz, "{error}"))??
        } else {
            stored.to_vec()
        };
        let mut crc = flate2::Crc::new();
        crc.update(&data);
        if data.len() != self.size || crc.sum() != self.crc {
            return Err(fault!(Npz, "its data do not have the size and CRC-32 of the directory"));
        }
        Ok(data)
    }
}
