//! Properties of outputs: linear constraints, in disjunctive normal form (the form of VNN-LIB; Barrett et al. 2023).
//!
//! Claim: a property holds of values exactly when its margin, min over the disjuncts of max over their constraints of `Σ cᵢ·yᵢ − at_most`, is not positive.
//! The margin is one expression over a context, so that it is exact where the values are, and otherwise an enclosure.

use crate::cert::json::{Cursor, Object, below};
use crate::context::{Context, EvalError};
use crate::diagnostic::{Code, Diagnostic};
use crate::ir::evaluate::Named;
use crate::ir::{CheckedGraph, Tensor};
use crate::number::Exact;

/// `Σ cᵢ·yᵢ ≤ at_most`, where yᵢ is an element of an output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Linear {
    /// Output, index and coefficient of each term.
    pub terms: Vec<(String, Vec<usize>, Exact)>,
    /// The right side.
    pub at_most: Exact,
}

/// One of several conjunctions of constraints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Property(pub Vec<Vec<Linear>>);

impl Property {
    /// Decodes an array of arrays of constraints, none of them empty.
    pub(super) fn decode(cursor: Cursor) -> Result<Self, Diagnostic> {
        let conjunction = |cursor: Cursor| some(cursor, |linear| linear.record(Linear::decode));
        Ok(Property(some(cursor, conjunction)?))
    }

    /// `(… <= … and …) or (…)`.
    pub(super) fn in_words(&self) -> String {
        let term = |(y, at, factor): &(String, Vec<usize>, Exact)| format!("{}*{y:?}{at:?}", factor.text());
        let linear = |linear: &Linear| {
            let terms: Vec<String> = linear.terms.iter().map(term).collect();
            format!("{} <= {}", terms.join(" + "), linear.at_most.text())
        };
        let conjunction = |all: &Vec<Linear>| all.iter().map(linear).collect::<Vec<_>>().join(" and ");
        self.0.iter().map(|all| format!("({})", conjunction(all))).collect::<Vec<_>>().join(" or ")
    }

    /// Every element that it names is one of an output.
    pub(super) fn check(&self, graph: &CheckedGraph, place: &str) -> Result<(), Diagnostic> {
        self.terms().try_for_each(|(output, index, _)| is_element(graph, output, index, place))
    }

    /// All terms of all constraints.
    pub(super) fn terms(&self) -> impl Iterator<Item = &(String, Vec<usize>, Exact)> {
        self.0.iter().flatten().flat_map(|linear| &linear.terms)
    }

    /// The margin of some outputs; the property holds where it is not positive. `None` where an element is not there.
    pub(super) fn margin<C: Context>(
        &self,
        context: &C,
        outputs: &Named<C::Value>,
    ) -> Result<Option<C::Value>, EvalError> {
        let mut margin = None;
        for conjunction in &self.0 {
            let mut greatest = None;
            for linear in conjunction {
                let excess = linear.excess(context, outputs)?;
                greatest = extreme(greatest, excess, |x, y| context.max(x, y))?;
            }
            if let Some(greatest) = greatest {
                margin = extreme(margin, greatest, |x, y| context.min(x, y))?;
            }
        }
        Ok(margin)
    }
}

/// `best` and `next`, whichever is chosen.
pub(super) fn extreme<V>(
    best: Option<V>,
    next: V,
    choose: impl FnOnce(&V, &V) -> Result<V, EvalError>,
) -> Result<Option<V>, EvalError> {
    match best {
        None => Ok(Some(next)),
        Some(best) => choose(&best, &next).map(Some),
    }
}

/// An array that is not empty.
fn some<T>(cursor: Cursor, decode: impl Fn(Cursor) -> Result<T, Diagnostic>) -> Result<Vec<T>, Diagnostic> {
    let place = cursor.pointer();
    let items = cursor.array()?.map(decode).collect::<Result<Vec<_>, _>>()?;
    Code::Gap.unless(!items.is_empty(), place, || "an empty list".into())?;
    Ok(items)
}

/// Whether the graph has an output of this name with an element at the index.
pub(super) fn is_element(graph: &CheckedGraph, output: &str, index: &[usize], place: &str) -> Result<(), Diagnostic> {
    let shape = graph.outputs().get(output).and_then(|&id| graph.nodes().get(id)).map(|node| &node.shape);
    let found = shape.is_some_and(|shape| shape.position_of(index).is_some());
    Code::Binding.unless(found, below(place, output), || format!("no output {output:?} has an element {index:?}"))
}

/// The element of an output.
pub(super) fn element<'a, V>(outputs: &'a Named<V>, output: &str, index: &[usize]) -> Option<&'a V> {
    let tensor: &Tensor<V> = outputs.get(output)?;
    tensor.data().get(tensor.shape().position_of(index)?)
}

impl Linear {
    fn decode(linear: &mut Object) -> Result<Self, Diagnostic> {
        let term = |cursor: Cursor| {
            cursor.record(|term| Ok((term.decode("output")?, term.decode("index")?, term.decode("coefficient")?)))
        };
        Ok(Linear { terms: some(linear.take("terms")?, term)?, at_most: linear.decode("at_most")? })
    }

    /// `Σ cᵢ·yᵢ − at_most`.
    fn excess<C: Context>(&self, context: &C, outputs: &Named<C::Value>) -> Result<C::Value, EvalError> {
        let mut terms = Vec::with_capacity(self.terms.len() + 1);
        for (output, index, coefficient) in &self.terms {
            let y = element(outputs, output, index).ok_or(EvalError::Internal { what: "a term without a value" })?;
            terms.push(context.mul(&context.constant(coefficient)?, y)?);
        }
        terms.push(context.neg(&context.constant(&self.at_most)?)?);
        context.sum(&terms)
    }
}
