//! Tensor files in the safetensors format, read strictly.
//!
//! Claim: the table of a file that is accepted covers its data exactly: every entry is `{dtype, shape, data_offsets}`, entries neither overlap nor
//! leave gaps, and their sizes are those of their shapes. Entries of another type than `F32` are refused.
//! A file is untrusted even though its digest is bound: the digest says which bytes are meant, not that they are well-formed.

use crate::cert::json::{Cursor, parse};
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
    let entry = |(name, entry): (String, Cursor)| {
        entry.record(|entry| {
            let (dtype, shape): (String, Shape) = (entry.decode("dtype")?, entry.decode("shape")?);
            let offsets = entry.take("data_offsets")?;
            let place = offsets.pointer();
            match Vec::decode(offsets)?[..] {
                [start, stop] => Ok((start, stop, name, dtype, shape)),
                _ => Err(Diagnostic::new(Code::WrongType, place, "data_offsets are two integers")),
            }
        })
    };
    let mut entries = object.into_entries().map(entry).collect::<Result<Vec<_>, _>>().map_err(outside)?;
    entries.sort_by_key(|&(start, stop, ..)| (start, stop));
    let (mut tensors, mut end) = (BTreeMap::new(), 0);
    for (start, stop, name, dtype, shape) in entries {
        if start != end || stop < start {
            return Err(fault(format!("the data of {name:?} does not follow the data before it")));
        }
        end = stop;
        let data = data.get(start..stop).ok_or_else(|| fault(format!("the data of {name:?} is cut off")))?;
        let message = || format!("{name:?} is of type {dtype}, only F32 is supported");
        Code::TensorFile.unless(dtype == "F32", pointer, message)?;
        let words = data.chunks_exact(4).map(|word| word.iter().rev().fold(0, |n, &byte| n << 8 | u32::from(byte)));
        let tensor = Tensor::new(shape, words.collect()).filter(|_| data.len().is_multiple_of(4));
        let tensor = tensor.ok_or_else(|| fault(format!("the data of {name:?} does not fill its shape")))?;
        tensors.insert(name, tensor);
    }
    if end == data.len() { Ok(tensors) } else { Err(fault("bytes after the last tensor".into())) }
}
