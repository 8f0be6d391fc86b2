//! `TensorProto` → [`Array`]: every place where ONNX keeps the elements of a tensor.
//!
//! Elements stand in `raw_data` (little-endian), in the typed field that onnx.proto names for the type (`int32_data` for every type of at most
//! 32 bits that is not float32), or in an external file; in exactly one of them. Nothing is rounded: float16 and bfloat16 are widened.

use crate::array::{Array, Dtype, Elements, count};
use crate::error::{ImportError, fault};
use crate::file;
use crate::proto::TensorProto;
use std::path::Path;

/// Where external data may be read from, and how much.
#[derive(Clone, Copy)]
pub(crate) struct External<'a> {
    /// The folder of the model file; `None` when the model has none.
    pub(crate) base: Option<&'a Path>,
    /// Largest number of bytes of one tensor.
    pub(crate) limit: usize,
}

/// The element type of a `TensorProto.DataType`.
pub(crate) fn dtype(data_type: i32) -> Result<Dtype, ImportError> {
    const UNSUPPORTED: [&str; 29] = [
        "undefined",
        "",
        "",
        "",
        "",
        "",
        "",
        "",
        "string",
        "",
        "",
        "",
        "",
        "",
        "complex64",
        "complex128",
        "",
        "float8e4m3fn",
        "float8e4m3fnuz",
        "float8e5m2",
        "float8e5m2fnuz",
        "uint4",
        "int4",
        "float4e2m1",
        "float8e8m0",
        "uint2",
        "int2",
        "float6e2m3",
        "float6e3m2",
    ];
    Ok(match data_type {
        1 => Dtype::Float32,
        2 => Dtype::Uint8,
        3 => Dtype::Int8,
        4 => Dtype::Uint16,
        5 => Dtype::Int16,
        6 => Dtype::Int32,
        7 => Dtype::Int64,
        9 => Dtype::Bool,
        10 => Dtype::Float16,
        11 => Dtype::Float64,
        12 => Dtype::Uint32,
        13 => Dtype::Uint64,
        16 => Dtype::BFloat16,
        other => {
            let name = usize::try_from(other).ok().and_then(|code| UNSUPPORTED.get(code)).unwrap_or(&"unknown");
            return Err(fault!(Dtype, "element type {name} (data type {other})"));
        }
    })
}

/// The constant that the message holds.
pub(crate) fn array(tensor: &TensorProto, external: External) -> Result<Array, ImportError> {
    let name = tensor.name.as_deref().unwrap_or_default();
    decode(tensor, external).map_err(|error| error.at(format!("tensor {name:?}")))
}

fn decode(tensor: &TensorProto, external: External) -> Result<Array, ImportError> {
    let dtype = dtype(tensor.data_type.unwrap_or(0))?;
    if tensor.segment.is_some() {
        return Err(fault!(UnsupportedFeature, "a tensor in segments"));
    }
    let dimensions = tensor
        .dims
        .iter()
        .map(|&d| usize::try_from(d).map_err(|_| fault!(TensorData, "dimension {d} in {:?}", tensor.dims)));
    let dimensions = dimensions.collect::<Result<Vec<usize>, _>>()?;
    let expected = count(&dimensions)?;
    let elements = match sources(tensor).as_slice() {
        ["external_data"] => from_bytes(dtype, &external_bytes(tensor, external)?)?,
        ["raw_data"] => from_bytes(dtype, tensor.raw_data.as_deref().unwrap_or_default())?,
        [] if expected == 0 => from_bytes(dtype, &[])?,
        [] => return Err(fault!(TensorData, "no data for the shape {dimensions:?}")),
        [field] => from_field(dtype, tensor, field)?,
        several => {
            return Err(fault!(TensorData, "data in several fields: {}", several.join(", ")));
        }
    };
    Array::new(dtype, dimensions, elements)
}

/// The fields that hold data.
fn sources(tensor: &TensorProto) -> Vec<&'static str> {
    let fields = [
        ("external_data", tensor.data_location == Some(1) || !tensor.external_data.is_empty()),
        ("raw_data", tensor.raw_data.as_ref().is_some_and(|bytes| !bytes.is_empty())),
        ("float_data", !tensor.float_data.is_empty()),
        ("int32_data", !tensor.int32_data.is_empty()),
        ("string_data", !tensor.string_data.is_empty()),
        ("int64_data", !tensor.int64_data.is_empty()),
        ("double_data", !tensor.double_data.is_empty()),
        ("uint64_data", !tensor.uint64_data.is_empty()),
    ];
    fields.into_iter().filter_map(|(name, used)| used.then_some(name)).collect()
}

fn external_bytes(tensor: &TensorProto, external: External) -> Result<Vec<u8>, ImportError> {
    let (mut location, mut offset, mut length) = (None, 0, None);
    let number = |key: &str, text: &str| {
        text.parse::<u64>().map_err(|_| fault!(ExternalData, "{key} {text:?} is not a number of bytes"))
    };
    for entry in &tensor.external_data {
        let value = entry.value.as_deref().unwrap_or_default();
        match entry.key.as_deref().unwrap_or_default() {
            "location" => location = Some(value),
            "offset" => offset = number("offset", value)?,
            "length" => length = Some(number("length", value)?),
            "checksum" => {}
            key => return Err(fault!(ExternalData, "unknown key {key:?}")),
        }
    }
    let location = location.ok_or_else(|| fault!(ExternalData, "no location is named"))?;
    let base = external
        .base
        .ok_or_else(|| fault!(ExternalData, "{location:?} is external, and there is no folder to look in"))?;
    file::external(base, location, offset, length, external.limit)
}

/// Little-endian elements.
pub(crate) fn from_bytes(dtype: Dtype, bytes: &[u8]) -> Result<Elements, ImportError> {
    fn each<const N: usize, T>(bytes: &[u8], f: impl Fn([u8; N]) -> T) -> Result<Vec<T>, ImportError> {
        let (chunks, rest) = bytes.as_chunks::<N>();
        if !rest.is_empty() {
            return Err(fault!(TensorData, "{} bytes are not a whole number of elements of {N} bytes", bytes.len()));
        }
        Ok(chunks.iter().map(|&chunk| f(chunk)).collect())
    }
    Ok(match dtype {
        Dtype::Float32 => Elements::Words(each(bytes, u32::from_le_bytes)?),
        Dtype::Float16 => Elements::Words(each(bytes, |b| widen16(u16::from_le_bytes(b)))?),
        Dtype::BFloat16 => Elements::Words(each(bytes, |b| u32::from(u16::from_le_bytes(b)) << 16)?),
        Dtype::Float64 => Elements::Wide(each(bytes, u64::from_le_bytes)?),
        Dtype::Int64 => Elements::Integers(each(bytes, i64::from_le_bytes)?),
        Dtype::Int32 => Elements::Integers(each(bytes, |b| i32::from_le_bytes(b).into())?),
        Dtype::Int16 => Elements::Integers(each(bytes, |b| i16::from_le_bytes(b).into())?),
        Dtype::Int8 => Elements::Integers(each(bytes, |b| i8::from_le_bytes(b).into())?),
        Dtype::Uint64 => unsigned(&each(bytes, u64::from_le_bytes)?)?,
        Dtype::Uint32 => Elements::Integers(each(bytes, |b| u32::from_le_bytes(b).into())?),
        Dtype::Uint16 => Elements::Integers(each(bytes, |b| u16::from_le_bytes(b).into())?),
        Dtype::Uint8 => Elements::Integers(each(bytes, |[b]: [u8; 1]| b.into())?),
        Dtype::Bool => truth(each(bytes, |[b]: [u8; 1]| b.into())?)?,
    })
}

/// Elements of the typed field that holds them.
fn from_field(dtype: Dtype, tensor: &TensorProto, field: &str) -> Result<Elements, ImportError> {
    let half = |&word: &i32| {
        u16::try_from(word).map_err(|_| fault!(TensorData, "{word} is not the word of a {} number", dtype.name()))
    };
    let halves = || tensor.int32_data.iter().map(half).collect::<Result<Vec<u16>, _>>();
    Ok(match (dtype, field) {
        (Dtype::Float32, "float_data") => Elements::Words(tensor.float_data.iter().map(|x| x.to_bits()).collect()),
        (Dtype::Float64, "double_data") => Elements::Wide(tensor.double_data.iter().map(|x| x.to_bits()).collect()),
        (Dtype::Int64, "int64_data") => Elements::Integers(tensor.int64_data.clone()),
        (Dtype::Float16, "int32_data") => Elements::Words(halves()?.into_iter().map(widen16).collect()),
        (Dtype::BFloat16, "int32_data") => Elements::Words(halves()?.into_iter().map(|h| u32::from(h) << 16).collect()),
        (Dtype::Bool, "int32_data") => truth(tensor.int32_data.iter().map(|&i| i.into()).collect())?,
        (Dtype::Int32 | Dtype::Int16 | Dtype::Int8 | Dtype::Uint16 | Dtype::Uint8, "int32_data") => {
            within(dtype, tensor.int32_data.iter().map(|&i| i.into()).collect())?
        }
        (Dtype::Uint64, "uint64_data") => unsigned(&tensor.uint64_data)?,
        (Dtype::Uint32, "uint64_data") => match unsigned(&tensor.uint64_data)? {
            Elements::Integers(values) => within(dtype, values)?,
            other => other,
        },
        _ => {
            return Err(fault!(TensorData, "{} elements in the field {field}", dtype.name()));
        }
    })
}

/// Integers that lie in the range of their type.
fn within(dtype: Dtype, values: Vec<i64>) -> Result<Elements, ImportError> {
    let (lo, hi) = dtype.range().unwrap_or_default();
    match values.iter().find(|value| !(lo..=hi).contains(*value)) {
        Some(value) => Err(fault!(TensorData, "{value} is outside {}", dtype.name())),
        None => Ok(Elements::Integers(values)),
    }
}

/// Integers below 2^63.
fn unsigned(values: &[u64]) -> Result<Elements, ImportError> {
    let signed = |&value: &u64| i64::try_from(value).map_err(|_| fault!(Dtype, "{value} of uint64 is beyond 2^63"));
    values.iter().map(signed).collect::<Result<_, _>>().map(Elements::Integers)
}

fn truth(values: Vec<i64>) -> Result<Elements, ImportError> {
    match values.iter().find(|value| !(0..=1).contains(*value)) {
        Some(value) => Err(fault!(TensorData, "{value} is not a truth value")),
        None => Ok(Elements::Integers(values)),
    }
}

/// The binary32 word with the value of a binary16 word.
pub(crate) fn widen16(half: u16) -> u32 {
    let (sign, exponent, fraction) =
        (u32::from(half >> 15) << 31, u32::from(half >> 10 & 0x1f), u32::from(half & 0x3ff));
    match (exponent, fraction) {
        (0, 0) => sign,
        // Subnormal: the value is fraction · 2^-24; its leading bit becomes the hidden one.
        (0, _) => {
            let shift = fraction.leading_zeros() - 21;
            sign | (113 - shift) << 23 | (fraction << shift & 0x3ff) << 13
        }
        (0x1f, _) => sign | 0x7f80_0000 | fraction << 13,
        _ => sign | (exponent + 112) << 23 | fraction << 13,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_words_are_widened_exactly() {
        for (half, word) in [
            (0x0000, 0x0000_0000),
            (0x8000, 0x8000_0000),
            (0x3c00, 0x3f80_0000),
            (0xc000, 0xc000_0000),
            (0x7bff, 0x477f_e000),
            (0x0001, 0x3380_0000),
            (0x8001, 0xb380_0000),
            (0x03ff, 0x387f_c000),
            (0x0200, 0x3800_0000),
            (0x0400, 0x3880_0000),
            (0x7c00, 0x7f80_0000),
            (0x7e00, 0x7fc0_0000),
        ] {
            assert_eq!(widen16(half), word, "{half:04x}");
        }
    }
}
