//! Tensor files: one door for four formats, told apart by the name of the file.

use crate::array::Array;
use crate::error::{ImportError, fault};
use crate::proto::TensorProto;
use crate::tensor_proto::{self, External};
use crate::{DEFAULT_LIMIT, Dtype, file, npy, npz};
use prost::Message;
use safetensors::SafeTensors;
use std::collections::BTreeMap;
use std::path::Path;
use tl_kernel::ir::Tensor;

/// The float32 tensors in a `.npz` or `.safetensors` file by their names, or the one in a `.npy` or TensorProto `.pb` file by its name (`.npy` and
/// nameless messages: the empty one).
pub fn read_tensors(path: impl AsRef<Path>) -> Result<BTreeMap<String, Tensor<u32>>, ImportError> {
    let path = path.as_ref();
    let tensor = |(name, array): (String, Array)| match array.tensor() {
        Ok(tensor) => Ok((name, tensor)),
        Err(error) => Err(error.at(format!("tensor {name:?}"))),
    };
    let tensors: Result<_, _> = read_arrays(path)?.into_iter().map(tensor).collect();
    tensors.map_err(|error| error.in_file(path.display()))
}

/// The arrays of any type in a file of any of these formats, by the same names; an input can be bound to one.
pub fn read_arrays(path: impl AsRef<Path>) -> Result<BTreeMap<String, Array>, ImportError> {
    let path = path.as_ref();
    read(path).map_err(|error| error.in_file(path.display()))
}

fn read(path: &Path) -> Result<BTreeMap<String, Array>, ImportError> {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    known(extension)?;
    parse(extension, &file::read(path, DEFAULT_LIMIT)?, path.parent(), DEFAULT_LIMIT)
}

fn known(extension: &str) -> Result<(), ImportError> {
    match extension {
        "npy" | "npz" | "pb" | "safetensors" => Ok(()),
        other => Err(fault!(UnknownFile, "the extension {other:?} is none of npy, npz, pb, safetensors")),
    }
}

/// The arrays in the bytes of a file with this extension, where no more than `limit` bytes are unpacked; TensorProto messages without external data.
pub fn parse_arrays(extension: &str, bytes: &[u8], limit: usize) -> Result<BTreeMap<String, Array>, ImportError> {
    known(extension)?;
    parse(extension, bytes, None, limit)
}

fn parse(
    extension: &str,
    bytes: &[u8],
    base: Option<&Path>,
    limit: usize,
) -> Result<BTreeMap<String, Array>, ImportError> {
    match extension {
        "npy" => npy::array(bytes).map(|array| BTreeMap::from([(String::new(), array)])),
        "npz" => npz::arrays(bytes, limit),
        "pb" => Ok(BTreeMap::from([message(bytes, base)?])),
        _ => named(bytes),
    }
}

/// The name and the array of a TensorProto message without external data.
pub fn parse_tensor(bytes: &[u8]) -> Result<(String, Array), ImportError> {
    message(bytes, None)
}

fn message(bytes: &[u8], base: Option<&Path>) -> Result<(String, Array), ImportError> {
    let tensor = TensorProto::decode(bytes).map_err(|error| fault!(Protobuf, "no TensorProto: {error}"))?;
    let array = tensor_proto::array(&tensor, External { base, limit: DEFAULT_LIMIT })?;
    Ok((tensor.name.unwrap_or_default(), array))
}

fn named(bytes: &[u8]) -> Result<BTreeMap<String, Array>, ImportError> {
    check_offsets(bytes)?;
    let file = SafeTensors::deserialize(bytes).map_err(|error| fault!(Safetensors, "{error}"))?;
    let mut arrays = BTreeMap::new();
    for (name, view) in file.tensors() {
        let array = || {
            let dtype = match view.dtype() {
                safetensors::Dtype::F32 => Dtype::Float32,
                safetensors::Dtype::F64 => Dtype::Float64,
                safetensors::Dtype::F16 => Dtype::Float16,
                safetensors::Dtype::BF16 => Dtype::BFloat16,
                safetensors::Dtype::I64 => Dtype::Int64,
                safetensors::Dtype::I32 => Dtype::Int32,
                safetensors::Dtype::I16 => Dtype::Int16,
                safetensors::Dtype::I8 => Dtype::Int8,
                safetensors::Dtype::U64 => Dtype::Uint64,
                safetensors::Dtype::U32 => Dtype::Uint32,
                safetensors::Dtype::U16 => Dtype::Uint16,
                safetensors::Dtype::U8 => Dtype::Uint8,
                safetensors::Dtype::BOOL => Dtype::Bool,
                other => return Err(fault!(Dtype, "the elements are {other:?}")),
            };
            Array::new(dtype, view.shape().to_vec(), tensor_proto::from_bytes(dtype, view.data())?)
        };
        arrays.insert(name.clone(), array().map_err(|error| error.at(format!("tensor {name:?}")))?);
    }
    Ok(arrays)
}

/// Refuses a header that names bytes beyond the file, of which the reader of the format would form sums that overflow.
fn check_offsets(bytes: &[u8]) -> Result<(), ImportError> {
    let malformed = || fault!(Safetensors, "it has no header");
    let (length, rest) = bytes.split_first_chunk::<8>().ok_or_else(malformed)?;
    let header = usize::try_from(u64::from_le_bytes(*length))
        .ok()
        .and_then(|length| rest.get(..length))
        .ok_or_else(malformed)?;
    let header: BTreeMap<String, serde_json::Value> =
        serde_json::from_slice(header).map_err(|error| fault!(Safetensors, "the header: {error}"))?;
    let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    for (name, entry) in &header {
        let offsets = entry.get("data_offsets").and_then(serde_json::Value::as_array).into_iter().flatten();
        if name != "__metadata__"
            && offsets.into_iter().any(|offset| offset.as_u64().is_none_or(|offset| offset > size))
        {
            return Err(fault!(Safetensors, "tensor {name:?} lies beyond the file"));
        }
    }
    Ok(())
}
