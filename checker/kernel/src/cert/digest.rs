//! Digests: SHA-256 (FIPS 180-4) of files, of graphs and of parameters.
//!
//! The digest of a graph is that of its compact JSON text as [`crate::ir::Graph::encode`] writes it. The digest of parameters is that of, for each name
//! in byte order: length of the name, the name in UTF-8, rank, dimensions (each a 64-bit little-endian integer, the name excepted), then the
//! words, 32-bit little-endian. Both are specified in `certs/FORMAT.md`.

use crate::cert::tensor::hexadecimal;
use crate::ir::Graph;
use crate::ir::evaluate::Named;
use crate::limits::wide;
use sha2::{Digest as _, Sha256};
use std::fmt;

/// A SHA-256 digest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Digest(Sha256::digest(bytes).into())
    }

    /// The digest of a graph.
    pub fn of_graph(graph: &Graph) -> Self {
        Digest::of(graph.encode().to_string().as_bytes())
    }

    /// The digest of named tensors of binary32 words.
    pub(crate) fn of_parameters(parameters: &Named<u32>) -> Self {
        let mut hash = Sha256::new();
        for (name, tensor) in parameters {
            let length = |n: usize| wide(n).to_le_bytes();
            hash.update(length(name.len()));
            hash.update(name.as_bytes());
            hash.update(length(tensor.dimensions().len()));
            tensor.dimensions().iter().for_each(|&n| hash.update(length(n)));
            tensor.data().iter().for_each(|word| hash.update(word.to_le_bytes()));
        }
        Digest(hash.finalize().into())
    }

    /// Its first 128 bits, as an integer.
    pub(crate) fn low(&self) -> u128 {
        let bytes = self.0.first_chunk().copied().unwrap_or_default();
        u128::from_le_bytes(bytes)
    }

    /// The digest written as 64 lower-case hexadecimal digits; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = Some(text.as_bytes()).filter(|digits| digits.len() == 64)?;
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = u8::try_from(hexadecimal(pair)?).ok()?;
        }
        Some(Digest(bytes))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_the_standard_and_parse_back() {
        let abc = Digest::of(b"abc");
        let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(abc.to_string(), text);
        assert_eq!(Digest::parse(text), Some(abc));
        assert_eq!(Digest::parse(&text.to_uppercase()), None);
        assert_eq!(Digest::parse(&text[1..]), None);
    }
}
