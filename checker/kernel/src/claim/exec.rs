//! `exec`: recorded outputs against a bit-exact binary32 execution.
//!
//! Statement: for every listed pair (x, y) and every output, `y = ⟦G⟧₃₂,σ(x)`, every bit, where ⟦G⟧₃₂,σ reads the graph over binary32 (IEEE 754-2019) with
//! the stated rounding direction and NaN policy: every scalar operation of the specification is one correctly rounded operation, elementary
//! functions included, and every sum and dot product is formed in the order of the schedule σ, which may differ from node to node.
//!
//! Decision: the `Binary32` reading is evaluated and compared word by word. Infinities and NaN are words like others.
//!
//! Fails: a word that differs (TL0241); a schedule that is no order of the terms it is given (TL0242).

use super::{finding, model_in_words};
use crate::cert::Certificate;
use crate::cert::json::{Cursor, Json, below};
use crate::context::EvalError;
use crate::context::binary32::schedule::{BiasPosition, Combine, MAX_DEPTH, Order, Schedule, Start};
use crate::context::binary32::{Binary32, Environment};
use crate::diagnostic::{Code, Diagnostic};
use crate::ir::CheckedGraph;
use crate::ir::attributes::Attribute;
use crate::ir::evaluate::{Named, evaluate};
use crate::number::Dyadic;
use crate::number::decimal::decimal;
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

/// Recorded outputs and the execution that they are the result of.
#[derive(Clone, Debug)]
pub struct Exec {
    pub(super) execution: Execution,
    pub(super) outputs: Vec<Named<u32>>,
}

impl Execution {
    pub(super) fn decode(cursor: Cursor) -> Result<Self, Diagnostic> {
        let mut object = cursor.object()?;
        let environment = Environment {
            rounding: Attribute::decode(object.take("rounding")?)?,
            nan: Attribute::decode(object.take("nan")?)?,
        };
        let schedule = Attribute::decode(object.take("schedule")?)?;
        let mut nodes = BTreeMap::new();
        let entries = object.optional("nodes").map(Cursor::array).transpose()?;
        for entry in entries.into_iter().flatten() {
            let mut entry = entry.object()?;
            let (place, id) = (entry.pointer(), entry.take("node")?.integer()?);
            let schedule = Attribute::decode(entry.take("schedule")?)?;
            entry.finish()?;
            if nodes.insert(id, schedule).is_some() {
                return Err(Diagnostic::new(Code::Schedule, place, format!("node {id} has two schedules")));
            }
        }
        object.finish()?;
        Ok(Execution { environment, schedule, nodes })
    }

    /// The execution as certificates write it.
    pub fn encode(&self) -> Json {
        let node = |(id, schedule): (&usize, &Schedule)| {
            Json::object([("node", id.encode()), ("schedule", schedule.encode())])
        };
        let mut entries = vec![
            ("rounding".to_string(), self.environment.rounding.encode()),
            ("nan".to_string(), self.environment.nan.encode()),
            ("schedule".to_string(), self.schedule.encode()),
        ];
        if !self.nodes.is_empty() {
            entries.push(("nodes".to_string(), Json::Array(self.nodes.iter().map(node).collect())));
        }
        Json::Object(entries)
    }

    /// Whether every node that has its own schedule exists.
    pub(super) fn check(&self, graph: &CheckedGraph) -> Result<(), Diagnostic> {
        match self.nodes.keys().find(|&&id| id >= graph.nodes().len()) {
            None => Ok(()),
            Some(id) => {
                let message = format!("node {id} has a schedule, but does not exist");
                Err(Diagnostic::new(Code::Schedule, "/claim/execution/nodes", message))
            }
        }
    }

    fn context(&self, schedule: &Schedule) -> Binary32 {
        Binary32::new(self.environment, schedule.clone())
    }
}

impl Attribute for Schedule {
    fn decode(cursor: Cursor) -> Result<Self, Diagnostic> {
        let mut object = cursor.object()?;
        let place = object.pointer().to_string();
        let schedule = Schedule {
            order: decode_order(object.take("order")?, 0)?,
            fma: Attribute::decode(object.take("fma")?)?,
            start: Start::decode(object.take("start")?)?,
            bias: BiasPosition::decode(object.take("bias")?)?,
        };
        object.finish()?;
        let malformed = |error: EvalError| Diagnostic::new(Code::Schedule, place, error.to_string());
        schedule.validate_form().map_err(malformed)?;
        Ok(schedule)
    }
    fn encode(&self) -> Json {
        Json::object([
            ("order", encode_order(&self.order)),
            ("fma", self.fma.encode()),
            ("start", self.start.encode()),
            ("bias", self.bias.encode()),
        ])
    }
    fn schema() -> Json {
        Json::object([("$ref", Json::string("#/$defs/schedule"))])
    }
}

/// Recursion goes down the nesting of blocks, which is capped.
fn decode_order(cursor: Cursor, depth: usize) -> Result<Order, Diagnostic> {
    let mut object = cursor.object()?;
    let kind = object.take("kind")?;
    let place = kind.pointer();
    let order = match kind.string()?.as_str() {
        "sequential" => Order::Sequential,
        "pairwise" => Order::Pairwise { leaf: object.take("leaf")?.integer()? },
        "lanes" => {
            Order::Lanes { width: object.take("width")?.integer()?, combine: Combine::decode(object.take("combine")?)? }
        }
        "blocks" if depth < MAX_DEPTH => Order::Blocks {
            size: object.take("size")?.integer()?,
            inner: Box::new(decode_order(object.take("inner")?, depth + 1)?),
        },
        "blocks" => {
            return Err(Diagnostic::new(Code::Schedule, place, "blocks are nested too deeply"));
        }
        "tree" => Order::Tree { pairs: Attribute::decode(object.take("pairs")?)? },
        other => {
            return Err(Diagnostic::new(Code::UnknownKeyword, place, format!("no order is of kind {other:?}")));
        }
    };
    object.finish()?;
    Ok(order)
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

/// A pair of node numbers, as `[l, r]`.
impl Attribute for (usize, usize) {
    fn decode(cursor: Cursor) -> Result<Self, Diagnostic> {
        let place = cursor.pointer();
        match Vec::decode(cursor)?[..] {
            [left, right] => Ok((left, right)),
            _ => Err(Diagnostic::new(Code::Schedule, place, "a pair has two entries")),
        }
    }
    fn encode(&self) -> Json {
        Json::integers(&[self.0, self.1])
    }
    fn schema() -> Json {
        <Vec<usize>>::schema()
    }
}

/// Decides one case; on success the facts found.
pub(super) fn decide(
    certificate: &Certificate,
    claim: &Exec,
    case: usize,
    inputs: &Named<u32>,
) -> Result<Vec<(&'static str, String)>, Diagnostic> {
    let Some(outputs) = claim.outputs.get(case) else {
        return Err(Diagnostic::new(Code::Internal, "/claim/outputs", "a case without outputs"));
    };
    let common = claim.execution.context(&claim.execution.schedule);
    let own = claim.execution.nodes.iter().map(|(&id, schedule)| (id, claim.execution.context(schedule)));
    let own: BTreeMap<usize, Binary32> = own.collect();
    let context = |id: usize| own.get(&id).unwrap_or(&common);
    let executed = evaluate(&certificate.graph, context, &certificate.parameters, inputs, |_, _| ());
    let executed = executed.map_err(|located| {
        let schedule = matches!(located.error, EvalError::Undefined { function: "schedule", .. });
        let mut diagnostic = finding(located);
        if schedule {
            diagnostic.code = Code::Schedule;
        }
        diagnostic
    })?;
    let mut compared = 0;
    for (name, recorded) in outputs {
        let Some(derived) = executed.get(name) else {
            return Err(Diagnostic::new(Code::Internal, "/claim/outputs", "an output was not evaluated"));
        };
        let pairs = || recorded.data().iter().zip(derived.data());
        if let Some((position, (&word, &executed))) = pairs().enumerate().find(|(_, (a, b))| a != b) {
            let place = below(&format!("/claim/outputs/{case}"), name);
            let message = "the recorded output is not the result of the stated execution";
            let mut diagnostic = Diagnostic::new(Code::BitsDiffer, place, message);
            diagnostic.index = Some((recorded.shape().index_of(position), recorded.dimensions().to_vec()));
            (diagnostic.claimed, diagnostic.derived) = (Some(word_in_words(word)), Some(word_in_words(executed)));
            let differ = pairs().filter(|(a, b)| a != b).count();
            return Err(diagnostic.with("differ", format!("{differ} of {} elements", recorded.data().len())));
        }
        compared += recorded.data().len();
    }
    Ok(vec![("words compared", compared.to_string())])
}

/// The word and its value.
fn word_in_words(word: u32) -> String {
    let value = Dyadic::from_binary32(word).map(|x| decimal(&x.to_rational(), 9, false));
    let special = || if word << 9 == 0 { "an infinity" } else { "NaN" }.to_string();
    format!("{word:08x} = {}", value.unwrap_or_else(special))
}

/// The claim in words.
pub(super) fn sentence(certificate: &Certificate, claim: &Exec) -> String {
    let Execution { environment, schedule, nodes } = &claim.execution;
    let exceptions = match nodes.len() {
        0 => String::new(),
        n => format!(" (other schedules, stated in the certificate, at {n} nodes)"),
    };
    format!(
        "for each of {} listed inputs x, the recorded outputs are, bit for bit, the result at x of executing {} in binary32 with rounding {}, \
         NaN policy {} and the schedule {}{exceptions}",
        certificate.cases(),
        model_in_words(certificate),
        environment.rounding.keyword(),
        environment.nan.keyword(),
        schedule.encode(),
    )
}
