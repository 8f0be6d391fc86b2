//! `.npy` (numpy format versions 1 to 3): one array.
//!
//! The header is a Python dictionary literal of exactly three entries, of which only the forms that numpy writes are read; the text is
//! bounded by [`MAX_HEADER`], and nothing is allocated from a declared size before the data are known to have it.

use crate::array::{Array, Dtype, count};
use crate::error::{ImportError, fault};
use crate::tensor_proto::from_bytes;

/// Longest header that is read, in bytes; numpy's own limit is 10,000.
const MAX_HEADER: usize = 1 << 16;

/// The array that the bytes are: little-endian float32, float16, float64 or an integer type, in C order.
pub(crate) fn array(bytes: &[u8]) -> Result<Array, ImportError> {
    let (header, data) = split(bytes)?;
    let header = Header::parse(header)?;
    let dtype = dtype(&header.descr)?;
    let elements = count(&header.shape)?;
    let one_dimensional = header.shape.iter().filter(|&&d| d > 1).count() < 2;
    if header.fortran_order && !one_dimensional {
        return Err(fault!(Npy, "the array is in Fortran order; save it in C order"));
    }
    let size = elements.saturating_mul(bytes_of(dtype));
    if data.len() != size {
        let shape = &header.shape;
        return Err(fault!(
            Npy,
            "shape {shape:?} of {} needs {size} bytes of data, there are {}",
            dtype.name(),
            data.len()
        ));
    }
    Array::new(dtype, header.shape, from_bytes(dtype, data)?)
}

fn bytes_of(dtype: Dtype) -> usize {
    match dtype {
        Dtype::Float64 | Dtype::Int64 | Dtype::Uint64 => 8,
        Dtype::Float32 | Dtype::Int32 | Dtype::Uint32 => 4,
        Dtype::Float16 | Dtype::BFloat16 | Dtype::Int16 | Dtype::Uint16 => 2,
        Dtype::Int8 | Dtype::Uint8 | Dtype::Bool => 1,
    }
}

fn dtype(descr: &str) -> Result<Dtype, ImportError> {
    Ok(match descr {
        "<f4" => Dtype::Float32,
        "<f8" => Dtype::Float64,
        "<f2" => Dtype::Float16,
        "<i8" => Dtype::Int64,
        "<i4" => Dtype::Int32,
        "<i2" => Dtype::Int16,
        "<u8" => Dtype::Uint64,
        "<u4" => Dtype::Uint32,
        "<u2" => Dtype::Uint16,
        "|i1" => Dtype::Int8,
        "|u1" => Dtype::Uint8,
        "|b1" => Dtype::Bool,
        big if big.starts_with('>') => {
            return Err(fault!(Npy, "the elements are big-endian ({big:?})"));
        }
        other => return Err(fault!(Dtype, "the elements are {other:?}")),
    })
}

/// The text of the header, and the data after it.
fn split(bytes: &[u8]) -> Result<(&str, &[u8]), ImportError> {
    let truncated = || fault!(Npy, "the file ends within its header");
    let rest = bytes.strip_prefix(b"\x93NUMPY").ok_or_else(|| fault!(Npy, "it does not begin as an npy file does"))?;
    let (version, rest) = rest.split_at_checked(2).ok_or_else(truncated)?;
    let width = match version {
        [1, 0] => 2,
        [2 | 3, 0] => 4,
        _ => return Err(fault!(Npy, "version {version:?} of the format")),
    };
    let (length, rest) = rest.split_at_checked(width).ok_or_else(truncated)?;
    let length = length.iter().rev().fold(0usize, |length, &byte| length << 8 | usize::from(byte));
    if length > MAX_HEADER {
        return Err(fault!(Npy, "a header of {length} bytes, at most {MAX_HEADER} are read"));
    }
    let (header, data) = rest.split_at_checked(length).ok_or_else(truncated)?;
    let header = str::from_utf8(header).map_err(|_| fault!(Npy, "the header is not text"))?;
    Ok((header, data))
}

#[derive(Debug, Default)]
struct Header {
    descr: String,
    fortran_order: bool,
    shape: Vec<usize>,
}

impl Header {
    fn parse(text: &str) -> Result<Self, ImportError> {
        let malformed =
            || fault!(Npy, "the header is not a dictionary of descr, fortran_order and shape: {:?}", text.trim());
        let mut rest = Rest(text);
        let (mut descr, mut fortran_order, mut shape) = (None, None, None);
        rest.token("{").ok_or_else(malformed)?;
        while rest.token("}").is_none() {
            let key = rest.string().ok_or_else(malformed)?;
            rest.token(":").ok_or_else(malformed)?;
            let new = match key {
                "descr" if rest.0.trim_start().starts_with('[') => {
                    return Err(fault!(Dtype, "the elements are records"));
                }
                "descr" => descr.replace(rest.string().ok_or_else(malformed)?).is_none(),
                "fortran_order" => fortran_order.replace(rest.truth().ok_or_else(malformed)?).is_none(),
                "shape" => shape.replace(rest.tuple().ok_or_else(malformed)?).is_none(),
                _ => false,
            };
            if !new {
                return Err(malformed());
            }
            if rest.token(",").is_none() && !rest.0.trim_start().starts_with('}') {
                return Err(malformed());
            }
        }
        match (descr, fortran_order, shape) {
            (Some(descr), Some(fortran_order), Some(shape)) if rest.0.trim().is_empty() => {
                Ok(Header { descr: descr.to_string(), fortran_order, shape })
            }
            _ => Err(malformed()),
        }
    }
}

/// The text that is not read yet.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    fn token(&mut self, token: &str) -> Option<()> {
        self.0 = self.0.trim_start().strip_prefix(token)?;
        Some(())
    }

    fn string(&mut self) -> Option<&'a str> {
        let text = self.0.trim_start();
        let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
        let (string, rest) = text.get(1..)?.split_once(quote)?;
        self.0 = rest;
        (!string.contains('\\')).then_some(string)
    }

    fn truth(&mut self) -> Option<bool> {
        self.token("True").map(|()| true).or_else(|| self.token("False").map(|()| false))
    }

    fn tuple(&mut self) -> Option<Vec<usize>> {
        self.token("(")?;
        let (inside, rest) = self.0.split_once(')')?;
        self.0 = rest;
        let mut items: Vec<&str> = inside.split(',').map(str::trim).collect();
        if items.last() == Some(&"") {
            items.pop();
        } else if items.len() == 1 {
            return None; // `(3)` is a number, not a tuple
        }
        let size = |item: &str| {
            item.trim_end_matches('L').parse().ok().filter(|_| item.starts_with(|c: char| c.is_ascii_digit()))
        };
        items.into_iter().map(size).collect()
    }
}
