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
    let read = read(path).and_then(|arrays| arrays.into_iter().map(tensor).collect());
    read.map_err(|error| error.in_file(path.display()))
}

/// The one array of any type in a file of any of these formats, to bind an input to; `name` chooses where there are several.
pub fn read_array(path: impl AsRef<Path>, name: Option<&str>) -> Result<Array, ImportError> {
    let path = path.as_ref();
    let choose = |mut arrays: BTreeMap<String, Array>| match name {
        Some(name) => arrays
            .remove(name)
            .ok_or_else(|| fault!(Name, "there is no tensor {name:?}")),
        None if arrays.len() > 1 => Err(fault!(Name, "it has {} tensors; name one", arrays.len())),
        None => arrays
            .pop_first()
            .map(|(_, array)| array)
            .ok_or_else(|| fault!(Name, "there is no tensor")),
    };
    read(path)
        .and_then(choose)
        .map_err(|error| error.in_file(path.display()))
}

fn read(path: &Path) -> Result<BTreeMap<String, Array>, ImportError> {
    let one = |array| BTreeMap::from([(String::new(), array)]);
    let extension = path
        .extension()
        .and_then(|extension| extension.to_str())
        .unwrap_or_default();
    let bytes = || file::read(path, DEFAULT_LIMIT);
    match extension {
        "npy" => npy::array(&bytes()?).map(one),
        "npz" => npz::arrays(&bytes()?, DEFAULT_LIMIT),
        "pb" => message(&bytes()?, path),
        "safetensors" => named(&bytes()?),
        other => Err(fault!(
            UnknownFile,
            "the extension {other:?} is none of npy, npz, pb, safetensors"
        )),
    }
}

fn message(bytes: &[u8], path: &Path) -> Result<BTreeMap<String, Array>, ImportError> {
    let tensor =
        TensorProto::decode(bytes).map_err(|error| fault!(Protobuf, "no TensorProto: {error}"))?;
    let array = tensor_proto::array(
        &tensor,
        External {
            base: path.parent(),
            limit: DEFAULT_LIMIT,
        },
    )?;
    Ok(BTreeMap::from([(tensor.name.unwrap_or_default(), array)]))
}

fn named(bytes: &[u8]) -> Result<BTreeMap<String, Array>, ImportError> {
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
                safetensors::Dtype::I8 => Dtype::Int8,
                safetensors::Dtype::U8 => Dtype::Uint8,
                safetensors::Dtype::BOOL => Dtype::Bool,
                other => return Err(fault!(Dtype, "the elements are {other:?}")),
            };
            Array::new(
                dtype,
                view.shape().to_vec(),
                tensor_proto::from_bytes(dtype, view.data())?,
            )
        };
        arrays.insert(
            name.clone(),
            array().map_err(|error| error.at(format!("tensor {name:?}")))?,
        );
    }
    Ok(arrays)
}
