//! `trace`: what a program recorded at its nodes, each against the node's own operation.
//!
//! Statement: for every listed input, every recorded node and every element, `|y − s| ≤` what is allowed, where y is the recorded value and s that of the node's
//! operation over ℝ at the *recorded* values of its parents; a parent that is not recorded stands for its operation at its own parents. Errors therefore do not
//! accumulate from one recorded node to the next. Allowed is a stated tolerance, or a factor times what binary32 rounding can explain in any order of
//! summation ([`Rounded`]; Jeannerod & Rump 2013): a bound that is computed at each element from the recorded values alone.
//!
//! Decision: each recorded node is an obligation of its own. The part of the graph between it and the recorded values is evaluated (the `Real` reading where
//! a tolerance is stated, else `Rounded`) and compared; the precision doubles while an element is open.
//!
//! Fails: a node outside (TL0251), which is named; an infinity or NaN (TL0202); an operation undefined at the recorded values (TL0201).

use super::tolerance::{Scaled, not_negative};
use super::{Case, Element, Facts, Rule, Tolerance, finding, forward, model_in_words};
use crate::cert::Certificate;
use crate::cert::json::{Cursor, Object};
use crate::context::Context;
use crate::context::real::Real;
use crate::context::rounded::Rounded;
use crate::diagnostic::{Code, Diagnostic};
use crate::ir::Tensor;
use crate::ir::evaluate::{Cut, read};
use crate::limits::Limits;
use crate::number::Exact;
use crate::spec::Op;
use std::collections::BTreeMap;

/// How far a recorded value may be from the exact one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allowance {
    /// By a stated tolerance.
    Within(Tolerance),
    /// By `factor` times what rounding can explain, where an elementary function is wrong by at most `library` units in the last place.
    Rounding {
        /// Factor on the bound.
        factor: Exact,
        /// Units in the last place.
        library: u64,
    },
}

/// What is allowed at each node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// At every node …
    pub tolerance: Allowance,
    /// … but those of these operations, by keyword.
    pub operations: BTreeMap<String, Allowance>,
}

/// More units in the last place than a mathematics library in use is wrong by.
const MAX_LIBRARY: u64 = 1 << 16;

impl Allowance {
    fn decode(cursor: Cursor) -> Result<Self, Diagnostic> {
        cursor.record(|allowance| match allowance.optional("rounding") {
            None => Ok(Allowance::Within(Tolerance::decode_keys(allowance)?)),
            Some(rounding) => rounding.record(|rounding| {
                let factor = not_negative(rounding.take("factor")?)?;
                let library = rounding.take("library")?;
                let place = library.pointer();
                let library: u64 = library.integer()?;
                let message = || format!("more than {MAX_LIBRARY} units in the last place");
                Code::Tolerance.unless(library <= MAX_LIBRARY, place, message)?;
                Ok(Allowance::Rounding { factor, library })
            }),
        })
    }

    fn in_words(&self) -> String {
        match self {
            Allowance::Within(tolerance) => tolerance.in_words(),
            Allowance::Rounding { factor, library } => format!(
                "{}*(what rounding to nearest can explain where nothing overflows, in any order of summation, with or without fma, elementary functions within {library} ulps)",
                factor.text()
            ),
        }
    }
}

impl Trace {
    /// Decodes and consumes the keys `tolerance` and `operations`.
    pub(super) fn decode(claim: &mut Object) -> Result<Self, Diagnostic> {
        let tolerance = Allowance::decode(claim.take("tolerance")?)?;
        let operation = |(keyword, allowance): (String, Cursor)| {
            let message = || format!("no operation is called {keyword:?}");
            Code::UnknownOp.unless(Op::KEYWORDS.contains(&keyword.as_str()), allowance.pointer(), message)?;
            Ok((keyword, Allowance::decode(allowance)?))
        };
        let operations = claim.optional("operations").map(Cursor::object).transpose()?;
        let operations = operations.into_iter().flat_map(Object::into_entries).map(operation);
        Ok(Trace { tolerance, operations: operations.collect::<Result<_, _>>()? })
    }
}

impl Rule for Trace {
    fn decide(&self, case: &Case, id: usize, limits: &Limits) -> Result<Facts, Diagnostic> {
        let graph = case.certificate.graph();
        let lost = || Diagnostic::new(Code::Internal, "/claim/nodes", format!("node {id} is not recorded"));
        let recorded = case.nodes.get(&id).ok_or_else(lost)?;
        let op = graph.nodes().get(id).ok_or_else(lost)?.op.name();
        let list = if recorded.output.is_some() { "outputs" } else { "nodes" };
        let name = recorded.output.clone().unwrap_or_else(|| id.to_string());
        let elements = || Element::all((list, case.number, ""), &name, &recorded.tensor);
        let code = (Code::Unexplained, "the recorded value is not what the operation makes of the recorded operands");
        let facts = forward::decided(case.certificate, START, limits, |precision| {
            match self.operations.get(op).unwrap_or(&self.tolerance) {
                Allowance::Within(tolerance) => {
                    let exact = derived(case, id, &Real::new(precision), precision)?;
                    let elements = elements().zip(exact.data()).map(|(element, ball)| (element, ball, None));
                    tolerance.scaled().admit(elements, code, precision)
                }
                Allowance::Rounding { factor, library } => {
                    let rounded = derived(case, id, &Rounded::new(precision, *library), precision)?;
                    let elements = elements().zip(rounded.data());
                    let elements = elements.map(|(element, y)| (element, y.exact(), Some(y.error().to_dyadic())));
                    Scaled::units(factor).admit(elements, code, precision)
                }
            }
        });
        let facts = facts.map_err(|finding| finding.at_node(id, op))?;
        let facts: Vec<String> = facts.into_iter().map(|(name, value)| format!("{name} {value}")).collect();
        Ok(vec![("node", format!("{id} ({op}): {}", facts.join(", ")))])
    }

    fn sentence(&self, certificate: &Certificate) -> String {
        let nodes: usize = certificate.claim.nodes.iter().map(BTreeMap::len).sum();
        let operations = self.operations.iter();
        let operations: String = operations.map(|(op, allowed)| format!(", at {op} {}", allowed.in_words())).collect();
        format!(
            "for each of {} listed inputs, at each of {nodes} recorded nodes in all, every recorded element y satisfies |y - s| <= {}{operations}, where s is the \
             exact real value of the node's operation at the recorded values that it depends on, in {}",
            certificate.cases(),
            self.tolerance.in_words(),
            model_in_words(certificate)
        )
    }

    fn states(&self) -> Option<Vec<(&'static str, Exact)>> {
        let allowances = [&self.tolerance].into_iter().chain(self.operations.values());
        let figures = allowances.flat_map(|allowance| match allowance {
            Allowance::Within(tolerance) => tolerance.figures(),
            Allowance::Rounding { factor, library } => {
                let library = Exact::integer(i64::try_from(*library).unwrap_or(i64::MAX));
                vec![("factor", factor.clone()), ("library", library)]
            }
        });
        Some(figures.collect())
    }
}

/// Bits to start with: a node alone seldom needs more.
const START: u64 = 64;

/// The value of node `id` from the recorded values that it depends on.
fn derived<C: Context>(case: &Case, id: usize, context: &C, precision: u64) -> Result<Tensor<C::Value>, Diagnostic> {
    let Case { certificate, inputs, nodes, .. } = case;
    let source = |other: usize| certificate.graph.nodes().get(other).and_then(|node| node.op.source());
    // An output that is a source is recorded too, but what follows from the source follows from its datum.
    let given = |other: usize| match source(other) {
        Some(("input", name)) => inputs.get(name),
        Some((_, name)) => certificate.parameters.get(name), // an input may have the same name
        None => nodes.get(&other).filter(|_| other != id).map(|recorded| &recorded.tensor),
    };
    let cut = Cut::of(&certificate.graph, [id].into_iter(), |other| given(other).is_some());
    let values = cut.values(&certificate.graph, |_| context, |other| Some(read(context, given(other)?)));
    let mut values = values.map_err(|located| finding(located).with("precision", precision.to_string()))?;
    let lost = || Diagnostic::new(Code::Internal, "/claim/nodes", format!("node {id} has no value"));
    values.remove(&id).ok_or_else(lost)
}
