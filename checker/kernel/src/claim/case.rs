//! A listed input with what is recorded for it, element by element; the same for every kind of claim.

use super::vectors::Vectors;
use crate::cert::Certificate;
use crate::cert::json::below;
use crate::context::{Context, EvalError};
use crate::diagnostic::{Code, Diagnostic};
use crate::ir::Tensor;
use crate::ir::evaluate::Named;
use std::collections::BTreeMap;

/// A listed input and what is recorded for it.
pub(super) struct Case<'a> {
    pub(super) certificate: &'a Certificate,
    pub(super) number: usize,
    pub(super) inputs: &'a Named<u32>,
    pub(super) outputs: &'a Named<u32>,
    pub(super) nodes: &'a BTreeMap<usize, Recorded>,
    pub(super) vectors: &'a Vectors,
}

/// What is recorded for a node.
#[derive(Debug)]
pub(super) struct Recorded {
    /// Its name where it is an output; one of its names where it has several.
    pub(super) output: Option<String>,
    pub(super) tensor: Tensor<u32>,
}

/// An element of a recorded tensor.
#[derive(Clone, Copy)]
pub(super) struct Element<'a> {
    /// The list of the claim, the number of the case in it, the group of names there (empty where there is one only), and the name of the tensor.
    pub(super) list: (&'static str, usize, &'static str),
    pub(super) name: &'a str,
    pub(super) recorded: &'a Tensor<u32>,
    pub(super) position: usize,
    pub(super) word: u32,
}

impl<'a> Case<'a> {
    /// Every element of the recorded outputs with the derived one.
    pub(super) fn elements<V>(
        &self,
        derived: &'a Named<V>,
    ) -> Result<impl Iterator<Item = (Element<'a>, &'a V)>, Diagnostic> {
        let same = self.outputs.keys().eq(derived.keys());
        Code::Internal.unless(same, "/claim/outputs", || "an output was not evaluated".into())?;
        let list = ("outputs", self.number, "");
        Ok(self
            .outputs
            .iter()
            .zip(derived.values())
            .flat_map(move |((name, recorded), derived)| Element::all(list, name, recorded).zip(derived.data())))
    }

    /// The listed inputs, read over the reals.
    pub(super) fn points<C: Context>(&self, context: &C) -> Result<Named<C::Value>, Diagnostic> {
        let point = |(name, tensor): (&String, &Tensor<u32>)| {
            let place = below(&format!("/inputs/{}", self.number), name);
            let not_finite = |error: EvalError| Diagnostic::new(Code::NotFinite, &place, error.to_string());
            Ok((name.clone(), tensor.try_map(|&word| context.datum(word)).map_err(not_finite)?))
        };
        self.inputs.iter().map(point).collect()
    }
}

impl<'a> Element<'a> {
    /// Every element of a tensor.
    pub(super) fn all(
        list: (&'static str, usize, &'static str),
        name: &'a str,
        recorded: &'a Tensor<u32>,
    ) -> impl Iterator<Item = Self> {
        let words = recorded.data().iter().enumerate();
        words.map(move |(position, &word)| Element { list, name, recorded, position, word })
    }

    /// A finding about this element.
    pub(super) fn finding(&self, code: Code, message: impl Into<String>) -> Diagnostic {
        let (list, case, group) = self.list;
        let group = if group.is_empty() { String::new() } else { format!("/{group}") };
        let place = below(&format!("/claim/{list}/{case}{group}"), self.name);
        let index = (self.recorded.shape().index_of(self.position), self.recorded.dimensions().to_vec());
        Diagnostic { index: Some(index), ..Diagnostic::new(code, place, message) }
    }
}
