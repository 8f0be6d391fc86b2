//! The certificate that proves what was said of recordings.
//!
//! Without a trace: `forward` with the smallest absolute tolerance of two digits. With one: `trace`, where every node is within what rounding can explain; at operations with a node
//! outside, within the smallest absolute tolerance of two digits that holds instead. Each recording is a case of its own.

use super::judge::Judgement;
use super::measure::tolerance;
use super::report::{Answer, Entry, node_in_words};
use crate::certificate::Statement;
use crate::model::Model;
use std::collections::BTreeMap;
use tl_kernel::cert::json::Json;
use tl_kernel::ir::evaluate::Named;
use tl_kernel::number::Dyadic;

/// The statement, and what it is about in words; or why nothing can be certified.
pub fn statement(model: &Model, entries: &[Entry], library: u64) -> Result<(Statement, String), String> {
    let labels: Vec<&str> = entries.iter().map(|entry| entry.recording.label.as_str()).collect();
    let sentences: Vec<String> =
        entries.iter().map(|entry| format!("{}: {}", entry.recording.label, entry.sentence(model))).collect();
    let about = format!("recorded by {}. {}", labels.join(" and "), sentences.join(". "));
    let figures = || entries.iter().flat_map(|entry| entry.figures.iter().map(|(_, figures)| figures));
    if figures().any(|figures| figures.not_finite > 0) {
        return Err("an output has an infinity or NaN, of which nothing over the reals can be certified".into());
    }
    if !entries.iter().any(|entry| entry.recording.traced) {
        let worst = figures().map(|figures| figures.abs.clone()).max().unwrap_or(Dyadic::zero());
        let (abs, rel, ulps, slack) = (tolerance(&worst), "0".into(), "0".into(), "1".into());
        return Ok((Statement::Forward { abs, rel, ulps, slack }, about));
    }
    // An untraced recording is a case whose nodes are its outputs, from the inputs on.
    let judgements = |entry: &Entry| -> Vec<Judgement> {
        let through = entry.judged.through.iter().map(|(_, judgement)| judgement.clone());
        if entry.judged.nodes.is_empty() { through.collect() } else { entry.judged.nodes.clone() }
    };
    let mut faults: BTreeMap<&str, Dyadic> = BTreeMap::new();
    for judgement in entries.iter().flat_map(judgements) {
        let name = node_in_words(model, judgement.node);
        if let Some(trouble) = &judgement.trouble {
            return Err(format!("node {name} is not judged: {trouble}"));
        }
        if judgement.outside > 0 {
            let op = model.graph.nodes().get(judgement.node).map_or("", |node| node.op.name());
            faults.insert(op, Dyadic::zero());
        }
        if judgement.error.is_none() {
            return Err(format!(
                "node {name} has an infinity or NaN, of which nothing over the reals can be certified"
            ));
        }
    }
    for judgement in entries.iter().flat_map(judgements) {
        let op = model.graph.nodes().get(judgement.node).map_or("", |node| node.op.name());
        if let (Some(worst), Some(error)) = (faults.get_mut(op), judgement.error) {
            *worst = error.max(worst.clone());
        }
    }
    let library = Json::Integer(i64::try_from(library).unwrap_or(i64::MAX));
    let rounding = Json::object([("factor", Json::string("1")), ("library", library)]);
    let within = |worst: &Dyadic| Json::object([("abs", Json::string(tolerance(worst))), ("rel", Json::string("0"))]);
    let operations = faults.iter().map(|(op, worst)| (op.to_string(), within(worst))).collect();
    let nodes = entries.iter().map(|entry| {
        entry.recording.nodes.iter().map(|(id, tensor)| (id.to_string(), tensor.clone())).collect::<Named<u32>>()
    });
    let tolerance = Json::object([("rounding", rounding)]);
    Ok((Statement::Trace { tolerance, operations, nodes: nodes.collect() }, about))
}

/// The worst of the answers: not rounding, then open.
pub fn answer(entries: &[Entry]) -> Answer {
    let has = |answer| entries.iter().any(|entry| entry.answer() == answer);
    match (has(Answer::NotRounding), has(Answer::Open)) {
        (true, _) => Answer::NotRounding,
        (false, true) => Answer::Open,
        (false, false) => Answer::Rounding,
    }
}
