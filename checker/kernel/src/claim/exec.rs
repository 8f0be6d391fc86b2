//! `exec`: recorded outputs against a bit-exact binary32 execution.
//!
//! Statement: for every listed pair (x, y) and every output, `y = ⟦G⟧₃₂,σ(x)`, every bit, where ⟦G⟧₃₂,σ reads the graph over binary32 (IEEE 754-2019) with
//! the stated rounding direction and NaN policy: every scalar operation of the specification is one correctly rounded operation, elementary
//! functions included, and every sum and dot product is formed in the order of the schedule σ, which may differ from node to node.
//!
//! Decision: the `Binary32` reading is evaluated and compared word by word. Infinities and NaN are words like others.
//!
//! Fails: a word that differs (TL0241); a schedule that is no order of the terms it is given (TL0242).

use super::{Case, Facts, Rule, finding, model_in_words, word_in_words};
use crate::cert::Certificate;
use crate::cert::digest::Digest;
use crate::cert::json::{Cursor, Json, Object};
use crate::context::EvalError;
use crate::context::binary32::schedule::{MAX_DEPTH, Order, Schedule};
use crate::context::binary32::{Binary32, Environment};
use crate::diagnostic::{Code, Diagnostic};
use crate::ir::CheckedGraph;
use crate::ir::attributes::{Attribute, attribute};
use crate::ir::evaluate::evaluate;
use crate::limits::{Limits, wide};
use crate::number::Exact;
use std::collections::BTreeMap;

/// How a graph is executed in binary32.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Execution {
    /// Rounding direction of every operation, and payload of NaN results.
    pub environment: Environment,
    /// Order of every reduction …
    pub schedule: Schedule,
    /// … but of those in these nodes.
    pub nodes: BTreeMap<usize, Schedule>,
}

impl Execution {
    /// Decodes and consumes the key `execution`.
    pub(super) fn decode(claim: &mut Object) -> Result<Self, Diagnostic> {
        claim.take("execution")?.record(|execution| {
            let environment = Environment { rounding: execution.decode("rounding")?, nan: execution.decode("nan")? };
            let schedule = execution.decode("schedule")?;
            let mut nodes = BTreeMap::new();
            let entries = execution.optional("nodes").map(Cursor::array).transpose()?;
            for entry in entries.into_iter().flatten() {
                let place = entry.pointer();
                let (id, schedule) = entry.record(|entry| Ok((entry.decode("node")?, entry.decode("schedule")?)))?;
                let message = || format!("node {id} has two schedules");
                Code::Schedule.unless(nodes.insert(id, schedule).is_none(), place, message)?;
            }
            Ok(Execution { environment, schedule, nodes })
        })
    }

    /// The schedules of single nodes as certificates write them.
    fn encode_nodes(&self) -> Json {
        let node = |(id, own): (&usize, &Schedule)| Json::object([("node", id.encode()), ("schedule", own.encode())]);
        Json::Array(self.nodes.iter().map(node).collect())
    }

    /// The execution as certificates write it.
    pub fn encode(&self) -> Json {
        let entries = [
            ("rounding", self.environment.rounding.encode()),
            ("nan", self.environment.nan.encode()),
            ("schedule", self.schedule.encode()),
            ("nodes", self.encode_nodes()),
        ];
        Json::object(entries.into_iter().take(if self.nodes.is_empty() { 3 } else { 4 }))
    }
}

impl Rule for Execution {
    /// Every node that has its own schedule exists.
    fn check(&self, graph: &CheckedGraph) -> Result<(), Diagnostic> {
        self.nodes.keys().try_for_each(|&id| {
            Code::Schedule.unless(id < graph.nodes().len(), "/claim/execution/nodes", || {
                format!("node {id} has a schedule, but does not exist")
            })
        })
    }

    /// Every case reads the schedules anew.
    fn work(&self, _: &CheckedGraph) -> u64 {
        let steps = |one: &Schedule| if let Order::Tree { pairs } = &one.order { wide(pairs.len()) } else { 0 };
        self.nodes.values().chain([&self.schedule]).map(steps).fold(0, u64::saturating_add).saturating_mul(4)
    }

    fn decide(&self, case: &Case, _: usize, _: &Limits) -> Result<Facts, Diagnostic> {
        let Case { certificate, inputs, .. } = case;
        let reading = |schedule: &Schedule| Binary32::new(self.environment, schedule.clone());
        let common = reading(&self.schedule);
        let own: BTreeMap<_, _> = self.nodes.iter().map(|(&id, schedule)| (id, reading(schedule))).collect();
        let context = |id: usize| own.get(&id).unwrap_or(&common);
        let executed = evaluate(&certificate.graph, context, &certificate.parameters, inputs);
        let executed = executed.map_err(|located| {
            let schedule = matches!(located.error, EvalError::Undefined { function: "schedule", .. });
            let finding = finding(located);
            if schedule { Diagnostic { code: Code::Schedule, ..finding } } else { finding }
        })?;
        if let Some((first, &derived)) = case.elements(&executed)?.find(|(element, derived)| element.word != **derived)
        {
            let message = "the recorded output is not the result of the stated execution";
            let finding = first.finding(Code::BitsDiffer, message);
            let of_it = case.elements(&executed)?.filter(|(element, _)| element.name == first.name);
            let differ = of_it.filter(|(element, derived)| element.word != **derived).count();
            return Err(finding
                .comparing(word_in_words(first.word), word_in_words(derived))
                .with("differ", format!("{differ} of {} elements", first.recorded.data().len())));
        }
        Ok(vec![("words compared", case.elements(&executed)?.count().to_string())])
    }

    fn sentence(&self, certificate: &Certificate) -> String {
        format!(
            "for each of {} listed inputs x, the recorded outputs are, bit for bit, the result at x of executing {} {}",
            certificate.cases(),
            model_in_words(certificate),
            self.in_words()
        )
    }

    fn states(&self) -> Option<Vec<(&'static str, Exact)>> {
        Some(Vec::new())
    }
}

impl Execution {
    /// `in binary32 with rounding …`.
    pub(super) fn in_words(&self) -> String {
        let Execution { environment, schedule, nodes } = self;
        let exceptions = match nodes.len() {
            0 => String::new(),
            n => {
                format!(" (other schedules at {n} nodes, {:?})", Digest::of(self.encode_nodes().to_string().as_bytes()))
            }
        };
        format!(
            "in binary32 with rounding {}, NaN policy {} and the schedule {}{exceptions}",
            environment.rounding.keyword(),
            environment.nan.keyword(),
            schedule.encode(),
        )
    }
}

attribute! {
    Schedule,
    |cursor: Cursor| {
        let place = cursor.pointer();
        let schedule = cursor.record(|schedule| {
            let order = decode_order(schedule.take("order")?, 0)?;
            let (fma, start) = (schedule.decode("fma")?, schedule.decode("start")?);
            Ok(Schedule { order, fma, start, bias: schedule.decode("bias")? })
        })?;
        let malformed = |error: EvalError| Diagnostic::new(Code::Schedule, place, error.to_string());
        schedule.validate_form().map_err(malformed)?;
        Ok(schedule)
    },
    |schedule: &Schedule| {
        Json::object([
            ("order", encode_order(&schedule.order)),
            ("fma", schedule.fma.encode()),
            ("start", schedule.start.encode()),
            ("bias", schedule.bias.encode()),
        ])
    },
    Json::defined("schedule")
}

/// Recursion goes down the nesting of blocks, which is capped.
fn decode_order(cursor: Cursor, depth: usize) -> Result<Order, Diagnostic> {
    cursor.record(|order| {
        let (kind, place) = order.text("kind")?;
        Ok(match kind.as_str() {
            "sequential" => Order::Sequential,
            "pairwise" => Order::Pairwise { leaf: order.decode("leaf")? },
            "lanes" => Order::Lanes { width: order.decode("width")?, combine: order.decode("combine")? },
            "blocks" => {
                Code::Schedule.unless(depth < MAX_DEPTH, place, || "blocks are nested too deeply".into())?;
                let size = order.decode("size")?;
                Order::Blocks { size, inner: Box::new(decode_order(order.take("inner")?, depth + 1)?) }
            }
            "tree" => Order::Tree { pairs: order.decode("pairs")? },
            other => {
                return Err(Diagnostic::new(Code::UnknownKeyword, place, format!("no order is of kind {other:?}")));
            }
        })
    })
}

fn encode_order(order: &Order) -> Json {
    let kind = |name| ("kind", Json::string(name));
    match order {
        Order::Sequential => Json::object([kind("sequential")]),
        Order::Pairwise { leaf } => Json::object([kind("pairwise"), ("leaf", leaf.encode())]),
        Order::Lanes { width, combine } => {
            Json::object([kind("lanes"), ("width", width.encode()), ("combine", combine.encode())])
        }
        Order::Blocks { size, inner } => {
            Json::object([kind("blocks"), ("size", size.encode()), ("inner", encode_order(inner))])
        }
        Order::Tree { pairs } => Json::object([kind("tree"), ("pairs", pairs.encode())]),
    }
}

// A pair of node numbers, as `[l, r]`.
attribute! {
    (usize, usize),
    |cursor: Cursor| {
        let place = cursor.pointer();
        match Vec::decode(cursor)?[..] {
            [left, right] => Ok((left, right)),
            _ => Err(Diagnostic::new(Code::Schedule, place, "a pair has two entries")),
        }
    },
    |&(left, right): &(usize, usize)| vec![left, right].encode(),
    <Vec<usize>>::schema()
}
