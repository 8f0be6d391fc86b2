//! Tensor files in the safetensors format, read strictly.
//!
//! Claim: the table of a file that is accepted covers its data exactly: every entry is `{dtype, shape, data_offsets}`, entries neither overlap nor
//! leave gaps, and their sizes are those of their shapes. Entries of another type than `F32` are refused.
//! A file is untrusted even though its digest is bound: the digest says which bytes are meant, not that they are well-formed.

use crate::cert::json::{Cursor, Object, parse};
use crate::diagnostic::{Code, Diagnostic};
use crate::ir::attributes::Attribute;
use crate::ir::{Shape, Tensor};
use crate::limits::Limits;
use std::collections::BTreeMap;

/// The F32 tensors of a file by name, as binary32 words. Diagnostics stand at `pointer`.
pub(crate) fn read(bytes: &[u8], pointer: &str, limits: &Limits) -> Result<BTreeMap<String, Tensor<u32>>, Diagnostic> {
    let fault = |message: String| Diagnostic::new(Code::TensorFile, pointer, message);
    let (length, rest) = bytes.split_first_chunk::<8>().ok_or_else(|| fault("shorter than its first field".into()))?;
    let split = usize::try_from(u64::from_le_bytes(*length)).ok().filter(|&length| length <= rest.len());
    let (header, data) = rest.split_at(split.ok_or_else(|| fault("the table is longer than the file".into()))?);
    Code::LimitBytes.unless(header.len() <= limits.json_bytes, pointer, || {
        format!("a table of {} bytes, the limit is {}", header.len(), limits.json_bytes)
    })?;
    // Inside the table, places are those of the table; the message keeps them, the pointer stays in the certificate.
    let outside =
        |inner: Diagnostic| fault(format!("{} at {:?} in the table of the file", inner.message, inner.pointer));
    let mut object = parse(header).and_then(|json| Cursor::root(json).object()).map_err(outside)?;
    drop(object.optional("__metadata__"));
    let entries = object.into_entries().map(|(name, entry)| Ok((name, entry.object().and_then(Entry::decode)?)));
    let mut entries = entries.collect::<Result<Vec<_>, _>>().map_err(outside)?;
    entries.sort_by_key(|(_, entry)| (entry.start, entry.end));
    let mut tensors = BTreeMap::new();
    let mut end = 0;
    for (name, entry) in entries {
        if entry.start != end || entry.end < entry.start {
            return Err(fault(format!("the data of {name:?} does not follow the data before it")));
        }
        end = entry.end;
        let data = data.get(entry.start..entry.end).ok_or_else(|| fault(format!("the data of {name:?} is cut off")))?;
        if entry.dtype != "F32" {
            return Err(fault(format!("{name:?} is of type {}, only F32 is supported", entry.dtype)));
        }
        let words = data.chunks_exact(4).map(|word| word.iter().rev().fold(0, |n, &byte| n << 8 | u32::from(byte)));
        let tensor = Tensor::new(entry.shape, words.collect()).filter(|_| data.len().is_multiple_of(4));
        let tensor = tensor.ok_or_else(|| fault(format!("the data of {name:?} does not fill its shape")))?;
        tensors.insert(name, tensor);
    }
    if end == data.len() { Ok(tensors) } else { Err(fault("bytes after the last tensor".into())) }
}

struct Entry {
    dtype: String,
    shape: Shape,
    start: usize,
    end: usize,
}

impl Entry {
    fn decode(mut object: Object) -> Result<Self, Diagnostic> {
        let (dtype, shape) = (object.decode("dtype")?, object.decode("shape")?);
        let offsets = object.take("data_offsets")?;
        let place = offsets.pointer();
        let [start, end] = Vec::<usize>::decode(offsets)?[..] else {
            return Err(Diagnostic::new(Code::WrongType, place, "data_offsets are two integers"));
        };
        object.finish()?;
        Ok(Entry { dtype, shape, start, end })
    }
}
