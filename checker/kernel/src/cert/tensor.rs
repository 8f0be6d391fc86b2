//! Tensors as certificates give them: binary32 words inline, or a name in a tensor file beside the certificate.

use crate::cert::json::{Cursor, Json};
use crate::diagnostic::{Code, Diagnostic};
use crate::ir::attributes::Attribute;
use crate::ir::{Shape, Tensor};
use std::collections::{BTreeMap, BTreeSet};

/// A tensor as it stands in the certificate.
#[derive(Clone, Debug)]
pub(crate) enum TensorSource {
    /// Its words are there.
    Inline(Tensor<u32>),
    /// They are in a file, not yet looked up.
    File { pointer: String, shape: Shape, path: String, tensor: String },
}

/// The contents of tensor files by path, and which tensors were used.
#[derive(Debug, Default)]
pub(crate) struct Files {
    pub(crate) tensors: BTreeMap<String, BTreeMap<String, Tensor<u32>>>,
    pub(crate) used: BTreeSet<(String, String)>,
}

impl TensorSource {
    /// Decodes `{shape, words}` or `{shape, file, tensor}`.
    pub(crate) fn decode(cursor: Cursor) -> Result<Self, Diagnostic> {
        let pointer = cursor.pointer();
        cursor.record(|object| {
            let shape: Shape = object.decode("shape")?;
            if let Some(words) = object.optional("words") {
                return Ok(TensorSource::Inline(parse_words(words, shape)?));
            }
            Ok(TensorSource::File { pointer, shape, path: object.decode("file")?, tensor: object.decode("tensor")? })
        })
    }

    /// Decodes an object of tensors by name.
    pub(crate) fn decode_named(cursor: Cursor) -> Result<BTreeMap<String, TensorSource>, Diagnostic> {
        cursor.object()?.into_entries().map(|(name, tensor)| Ok((name, TensorSource::decode(tensor)?))).collect()
    }

    /// Decodes an array of such objects, one for each case.
    pub(crate) fn decode_cases(cursor: Cursor) -> Result<Vec<BTreeMap<String, TensorSource>>, Diagnostic> {
        cursor.array()?.map(TensorSource::decode_named).collect()
    }

    /// The tensor itself, looked up in `files`.
    pub(crate) fn resolve(self, files: &mut Files) -> Result<Tensor<u32>, Diagnostic> {
        let (pointer, shape, path, tensor) = match self {
            TensorSource::Inline(tensor) => return Ok(tensor),
            TensorSource::File { pointer, shape, path, tensor } => (pointer, shape, path, tensor),
        };
        let missing = || format!("there is no tensor {tensor:?} in a file {path:?} of this certificate");
        let found = files.tensors.get(&path).and_then(|tensors| tensors.get(&tensor));
        let found = found.ok_or_else(|| Diagnostic::new(Code::TensorMissing, &pointer, missing()))?;
        Code::Binding.unless(*found.shape() == shape, pointer, || {
            format!("the tensor in the file has shape {}, not {shape}", found.shape())
        })?;
        let found = found.clone(); // shares the data: a file that a thousand names refer to is in memory once
        files.used.insert((path, tensor));
        Ok(found)
    }
}

/// As many words of eight lower-case hexadecimal digits as fill the shape, one space between neighbours.
fn parse_words(cursor: Cursor, shape: Shape) -> Result<Tensor<u32>, Diagnostic> {
    let (pointer, count) = (cursor.pointer(), shape.elements());
    let text = cursor.string()?;
    Code::Words.unless(text.len() + 1 == count * 9, &pointer, || {
        format!("{} characters, {count} words take {}", text.len(), count * 9 - 1)
    })?;
    let word = |(i, word): (usize, &[u8])| {
        let (digits, gap) = word.split_at(8);
        let message = || format!("word {i} is not eight hexadecimal digits, or not followed by one space");
        let value = hexadecimal(digits).filter(|_| matches!(gap, b" " | b""));
        value.ok_or_else(|| Diagnostic::new(Code::Words, &pointer, message()))
    };
    let words = text.as_bytes().chunks(9).enumerate().map(word).collect::<Result<_, _>>()?;
    Tensor::new(shape, words).ok_or_else(|| Diagnostic::new(Code::Words, &pointer, "the words do not fill the shape"))
}

/// The number that at most eight lower-case hexadecimal digits denote.
pub(crate) fn hexadecimal(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |value: u32, &c| match c {
        b'0'..=b'9' => Some(value << 4 | u32::from(c - b'0')),
        b'a'..=b'f' => Some(value << 4 | u32::from(c - b'a' + 10)),
        _ => None,
    })
}

/// A tensor as certificates write it inline.
pub fn encode_inline(tensor: &Tensor<u32>) -> Json {
    let words: Vec<String> = tensor.data().iter().map(|word| format!("{word:08x}")).collect();
    Json::object([("shape", tensor.shape().encode()), ("words", Json::String(words.join(" ")))])
}

/// A tensor as certificates name it in a file.
pub fn encode_in_file(shape: &Shape, path: &str, tensor: &str) -> Json {
    Json::object([("shape", shape.encode()), ("file", Json::string(path)), ("tensor", Json::string(tensor))])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cert::json::parse;

    #[test]
    fn a_tensor_of_a_file_that_many_names_refer_to_is_in_memory_once() {
        let tensor = Tensor::new(Shape::scalar(), vec![0x3f80_0000]).into_iter();
        let mut files = Files::default();
        files.tensors.insert("f".into(), tensor.map(|tensor| ("t".to_string(), tensor)).collect());
        let text = r#"{"a":{"shape":[],"file":"f","tensor":"t"},"b":{"shape":[],"file":"f","tensor":"t"}}"#;
        let sources = parse(text.as_bytes()).map(Cursor::root).and_then(TensorSource::decode_named).unwrap_or_default();
        let places: Vec<_> = sources.into_values().map(|s| s.resolve(&mut files).map(|t| t.data().as_ptr())).collect();
        assert!(matches!(places[..], [Ok(a), Ok(b)] if a == b), "{places:?}");
    }
}
