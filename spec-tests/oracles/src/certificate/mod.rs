//! A second, slow reading of certificates, for `tests/certificate_mutants.rs`: what a document says (`document`, over the JSON tree of `json`),
//! and whether that is true.
//!
//! `evaluation` is the meaning of the operations, written from the pages of `spec-tests/ops` in straightforward loops; it is read over `enclosure`
//! (pairs of MPFR numbers rounded outward) for the reals, over `execution` (Berkeley SoftFloat, and MPFR for functions) for binary32, and over `differences` (values along a line)
//! for derivatives, about which `derivatives` decides. Nothing of the kernel is used but the names of its rounding modes.

mod attributes;
pub mod claims;
pub mod derivatives;
pub mod differences;
pub mod document;
pub mod enclosure;
pub mod evaluation;
pub mod execution;
pub mod json;
pub mod mutants;
mod positions;

use claims::{Allowance, Claim, Constraint, Gap, Tolerance, Trace};
use document::Document;
use evaluation::{Array, Outputs, Reading, Trouble, evaluate, evaluate_with};
use rug::Rational;
use std::cell::OnceCell;

/// Decides documents that differ little from one.
#[derive(Debug)]
pub struct Judge {
    original: Document,
    /// Its exact outputs, case by case.
    exact: OnceCell<Result<Exact, Trouble>>,
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
            Claim::Trace(claim) => trace(document, claim),
            Claim::Divergence(settings, gap) => exec(document, settings).and_then(|()| self.apart(document, gap)),
            Claim::Gradient(tolerance, vectors) => derivatives::gradient(document, tolerance, vectors),
            Claim::Adjoint(method, vectors) => derivatives::adjoint(document, method, vectors),
            Claim::Other(..) => return None,
        })
    }

    /// The exact outputs of a document, kept where they are those of the original.
    fn exact(&self, document: &Document) -> Result<Exact, Trouble> {
        let evaluated = |document: &Document| {
            document.inputs.iter().map(|inputs| evaluate(&enclosure::REALS, document, inputs)).collect()
        };
        let same = document.nodes == self.original.nodes
            && document.outputs_of_graph == self.original.outputs_of_graph
            && document.parameters == self.original.parameters
            && document.inputs == self.original.inputs;
        if same { self.exact.get_or_init(|| evaluated(document)).clone() } else { evaluated(document) }
    }

    fn forward(&self, document: &Document, tolerance: &Tolerance) -> Result<(), Trouble> {
        for (case, (values, records)) in self.exact(document)?.iter().zip(&document.outputs).enumerate() {
            for (name, record) in records {
                tolerance
                    .admits_all(&record.words, &values[name])
                    .map_err(|t| t.at(&format!("case {case}, {name}")))?;
            }
        }
        Ok(())
    }

    /// Whether the recorded outputs, which are those of the execution, and the exact ones are apart as stated, in every case.
    fn apart(&self, document: &Document, gap: &Gap) -> Result<(), Trouble> {
        for (values, records) in self.exact(document)?.iter().zip(&document.outputs) {
            let y = |output: &str, flat: usize| enclosure::rational(records[output].words[flat]);
            let s = |output: &str, flat: usize| {
                values[output][flat].ends().ok_or_else(|| Trouble::Undecided("an unbounded enclosure".into()))
            };
            let finite =
                records.values().flat_map(|record| record.words.iter()).all(|&w| enclosure::rational(w).is_some());
            let holds = match gap {
                Gap::Element(place, beyond) => match y(&place.output, place.flat) {
                    None => Some(true),
                    Some(y) => match beyond.admits(&y, &values[&place.output][place.flat]) {
                        Ok(()) => Some(false),
                        Err(Trouble::False(_)) => Some(true),
                        Err(trouble) => return Err(trouble),
                    },
                },
                _ if !finite => Some(false),
                Gap::Argmax(place, row) => {
                    let first = place.flat / row * row;
                    let own = y(&place.output, place.flat);
                    let greatest = (first..first + row).all(|flat| y(&place.output, flat) <= own);
                    let (lo, hi) = s(&place.output, place.flat)?;
                    let others = (first..first + row).filter(|&flat| flat != place.flat);
                    let others = others.map(|flat| s(&place.output, flat)).collect::<Result<Vec<_>, _>>()?;
                    let greater = any(others.iter().map(|(l, h)| decided(*l > hi, *h <= lo)));
                    both(Some(greatest), greater)
                }
                Gap::Decision(clauses, binary32) => {
                    let point = |output: &str, flat: usize| y(output, flat).map(|y| (y.clone(), y));
                    let of_y = any(clauses.iter().map(|clause| all(clause.iter().map(|l| l.holds(&point)))));
                    let enclosed = |output: &str, flat: usize| s(output, flat).ok();
                    let of_s = any(clauses.iter().map(|clause| all(clause.iter().map(|l| l.holds(&enclosed)))));
                    let (held, broken) = if *binary32 { (of_y, of_s) } else { (of_s, of_y) };
                    both(held, broken.map(|broken| !broken))
                }
            };
            match holds {
                Some(true) => {}
                Some(false) => return Err(Trouble::False("not apart".into())),
                None => return Err(Trouble::Undecided("apart or not".into())),
            }
        }
        Ok(())
    }
}

type Exact = Vec<Outputs<enclosure::Enclosure>>;

fn decided(yes: bool, no: bool) -> Option<bool> {
    if yes { Some(true) } else { no.then_some(false) }
}

fn any(mut parts: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    parts
        .try_fold(Some(false), |found, part| match part {
            Some(true) => Err(()),
            Some(false) => Ok(found),
            None => Ok(None),
        })
        .unwrap_or(Some(true))
}

fn all(parts: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    any(parts.map(|part| part.map(|part| !part))).map(|found| !found)
}

fn both(x: Option<bool>, y: Option<bool>) -> Option<bool> {
    all([x, y].into_iter())
}

/// Ends of the enclosures of outputs, by name and position.
type Values<'a> = &'a dyn Fn(&str, usize) -> Option<(Rational, Rational)>;

impl Constraint {
    /// Whether it holds of every value of enclosures, or of none.
    fn holds(&self, value: Values) -> Option<bool> {
        let (mut least, mut most) = (Rational::new(), Rational::new());
        for (place, coefficient) in &self.terms {
            let (lo, hi) = value(&place.output, place.flat)?;
            let (lo, hi) = if *coefficient < 0 { (hi, lo) } else { (lo, hi) };
            least += lo * coefficient;
            most += hi * coefficient;
        }
        decided(most <= self.at_most, least > self.at_most)
    }
}

/// Every recorded node against its operation at the recorded values that it depends on.
fn trace(document: &Document, claim: &Trace) -> Result<(), Trouble> {
    let reading = enclosure::REALS;
    for ((inputs, records), traced) in document.inputs.iter().zip(&document.outputs).zip(&claim.nodes) {
        let mut settle = |id: usize, value: Array<enclosure::Enclosure>| {
            let named =
                document.outputs_of_graph.iter().filter(|(_, node)| **node == id).map(|(name, _)| &records[name]);
            let mut recorded = None;
            for tensor in named.chain(traced.get(&id)) {
                let allowance = claim.operations.get(&document.nodes[id].op).unwrap_or(&claim.tolerance);
                let (tolerance, exactly) = match allowance {
                    Allowance::Tolerance(tolerance) => (tolerance.clone(), true),
                    Allowance::Rounding(..) => {
                        (Tolerance { abs: 0.into(), rel: 0.into(), ulps: 0.into(), slack: 1.into() }, false)
                    }
                };
                tolerance.admits_all(&tensor.words, &value.data).map_err(|trouble| match trouble {
                    Trouble::False(what) if !exactly && !what.contains("finite") => {
                        Trouble::Unsupported("what rounding can explain".into())
                    }
                    other => other.at(&format!("node {id}")),
                })?;
                recorded = Some(tensor);
            }
            let Some(tensor) = recorded else { return Ok(value) };
            let data = tensor.words.iter().map(|&word| reading.word(word)).collect::<Result<_, _>>()?;
            Ok(Array { shape: value.shape, data })
        };
        evaluate_with(&reading, document, inputs, &mut settle)?;
    }
    Ok(())
}

impl Tolerance {
    /// [`Tolerance::admits`] for every word of a tensor.
    fn admits_all(&self, words: &[u32], exact: &[enclosure::Enclosure]) -> Result<(), Trouble> {
        for (i, (&word, s)) in words.iter().zip(exact).enumerate() {
            let y = enclosure::rational(word).ok_or_else(|| Trouble::False(format!("[{i}] is not finite")))?;
            self.admits(&y, s).map_err(|trouble| trouble.at(&format!("[{i}]")))?;
        }
        Ok(())
    }

    /// `|y − s| ≤ slack·(abs + rel·max(|y|, |s|) + ulps·ulp(y))` for every `s` of an enclosure, or for none.
    fn admits(&self, y: &Rational, s: &enclosure::Enclosure) -> Result<(), Trouble> {
        self.admits_within(y, s.ends().ok_or_else(|| Trouble::Undecided("an unbounded enclosure".into()))?)
    }

    /// The same for every `s` between two ends, or for none.
    fn admits_within(&self, y: &Rational, (lo, hi): (Rational, Rational)) -> Result<(), Trouble> {
        let units = enclosure::ulp(y) * &self.ulps;
        let allowed = |largest: Rational| self.slack.clone() * (self.abs.clone() + largest * &self.rel + &units);
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
