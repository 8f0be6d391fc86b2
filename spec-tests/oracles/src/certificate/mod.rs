//! A second, slow reading of certificates, for `tests/certificate_mutants.rs`: what a document says (`document`, over the JSON tree of `json`),
//! and whether that is true.
//!
//! `evaluation` is the meaning of the operations, written from the pages of `spec-tests/ops` in straightforward loops; it is read over `enclosure`
//! (pairs of MPFR numbers rounded outward) for the reals, and over `execution` (Berkeley SoftFloat, and MPFR for functions) for binary32. Nothing
//! of the kernel is used but the names of its rounding modes.

mod attributes;
pub mod document;
pub mod enclosure;
pub mod evaluation;
pub mod execution;
pub mod json;
pub mod mutants;
mod positions;

use document::{Claim, Document, Tolerance};
use evaluation::{Outputs, Trouble, evaluate};
use rug::Rational;
use std::cell::OnceCell;

/// Decides documents that differ little from one.
#[derive(Debug)]
pub struct Judge {
    original: Document,
    /// Its exact outputs, case by case.
    exact: OnceCell<Result<Vec<Outputs<enclosure::Enclosure>>, Trouble>>,
}

impl Judge {
    /// A judge of the mutants of `original`.
    pub fn new(original: Document) -> Self {
        Judge { original, exact: OnceCell::new() }
    }

    /// The document itself.
    pub fn original(&self) -> &Document {
        &self.original
    }

    /// Whether the claim of a well-formed document is true; `None` for a kind that has no evaluator here.
    ///
    /// Errors: [`Trouble::False`] with the place, or what keeps it from being decided.
    pub fn truth(&self, document: &Document) -> Option<Result<(), Trouble>> {
        Some(match &document.claim {
            Claim::Forward(tolerance) => self.forward(document, tolerance),
            Claim::Exec(settings) => exec(document, settings),
            Claim::Other(..) => return None,
        })
    }

    fn forward(&self, document: &Document, tolerance: &Tolerance) -> Result<(), Trouble> {
        let evaluated = |document: &Document| {
            document.inputs.iter().map(|inputs| evaluate(&enclosure::Reals, document, inputs)).collect()
        };
        let same = document.nodes == self.original.nodes
            && document.outputs_of_graph == self.original.outputs_of_graph
            && document.parameters == self.original.parameters
            && document.inputs == self.original.inputs;
        let exact = if same { self.exact.get_or_init(|| evaluated(document)).clone() } else { evaluated(document) }?;
        for (case, (values, records)) in exact.iter().zip(&document.outputs).enumerate() {
            for (name, record) in records {
                for (i, (&word, s)) in record.words.iter().zip(&values[name]).enumerate() {
                    let place = format!("case {case}, {name}[{i}]");
                    let y =
                        enclosure::rational(word).ok_or_else(|| Trouble::False(format!("{place} is not finite")))?;
                    tolerance.admits(&y, s).map_err(|trouble| trouble.at(&place))?;
                }
            }
        }
        Ok(())
    }
}

impl Tolerance {
    /// `|y − s| ≤ slack·(abs + rel·max(|y|, |s|))` for every `s` of an enclosure, or for none.
    fn admits(&self, y: &Rational, s: &enclosure::Enclosure) -> Result<(), Trouble> {
        let (lo, hi) = s.ends().ok_or_else(|| Trouble::Undecided("an unbounded enclosure".into()))?;
        let allowed = |largest: Rational| self.slack.clone() * (self.abs.clone() + largest * &self.rel);
        let far = Rational::from(y - &lo).abs().max(Rational::from(y - &hi).abs());
        let inside = lo <= *y && *y <= hi;
        let near =
            if inside { Rational::new() } else { Rational::from(y - &lo).abs().min(Rational::from(y - &hi).abs()) };
        let straddles = lo < 0 && hi > 0;
        let (below, above) = (lo.abs(), hi.abs());
        let smallest = if straddles { Rational::new() } else { below.clone().min(above.clone()) };
        if far <= allowed(smallest.max(y.clone().abs())) {
            Ok(())
        } else if near > allowed(below.max(above).max(y.clone().abs())) {
            Err(Trouble::False("outside the tolerance".into()))
        } else {
            Err(Trouble::Undecided("too near to the tolerance".into()))
        }
    }
}

fn exec(document: &Document, settings: &document::Execution) -> Result<(), Trouble> {
    let reading = execution::Execution::new(settings);
    for (case, (inputs, records)) in document.inputs.iter().zip(&document.outputs).enumerate() {
        let values = evaluate(&reading, document, inputs)?;
        for (name, record) in records {
            for (i, (recorded, word)) in record.words.iter().zip(&values[name]).enumerate() {
                if recorded != word {
                    let what = format!("case {case}, {name}[{i}]: {recorded:08x} recorded, {word:08x} computed");
                    return Err(Trouble::False(what));
                }
            }
        }
    }
    Ok(())
}
