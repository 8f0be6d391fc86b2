//! What a page is about: a model file, or a certificate with its verdict.

use crate::error::{Code, Error};
use crate::files::folder_of;
use crate::model::Model;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use tl_check::{Judged, judge};
use tl_import::ImportOptions;
use tl_kernel::cert::json::{Cursor, Json, parse};
use tl_kernel::ir::attributes::Attribute;
use tl_kernel::ir::evaluate::Named;
use tl_kernel::ir::{Graph, Shape, Tensor};
use tl_kernel::{Diagnostic, Limits, Verdict};

/// A model, and what a certificate says of it.
#[derive(Debug)]
pub struct Source {
    /// The model.
    pub model: Model,
    /// Per case the inputs, where it is a certificate.
    pub inputs: Vec<Named<u32>>,
    /// The verdict with its sentence, where it is a certificate.
    pub sentence: String,
    /// What the checker found at nodes, by id: name and figure.
    pub budgets: BTreeMap<usize, Vec<(String, String)>>,
}

impl Source {
    /// What stands in this file.
    pub fn read(path: &Path, options: &ImportOptions) -> Result<Self, Error> {
        let text = fs::read(path).ok().filter(|_| path.extension().is_some_and(|e| e == "json"));
        let entries = text.and_then(|text| match parse(&text) {
            Ok(Json::Object(entries)) => Some(entries),
            _ => None,
        });
        match entries {
            Some(entries) if entries.iter().any(|(key, _)| key == "claim") => certificate(path, entries),
            _ => Ok(Source {
                model: Model::load(path, options)?,
                inputs: Vec::new(),
                sentence: String::new(),
                budgets: BTreeMap::new(),
            }),
        }
    }
}

/// The value of a key.
fn entry(entries: &[(String, Json)], key: &str) -> Json {
    entries.iter().find(|(name, _)| name == key).map_or(Json::Object(Vec::new()), |(_, json)| json.clone())
}

fn list(json: Json) -> Vec<Json> {
    if let Json::Array(items) = json { items } else { Vec::new() }
}

fn fields(json: Json) -> Vec<(String, Json)> {
    if let Json::Object(entries) = json { entries } else { Vec::new() }
}

/// A certificate: judged by the checker, then read once more for its tensors. What is malformed has no page.
fn certificate(path: &Path, entries: Vec<(String, Json)>) -> Result<Source, Error> {
    let found = |finding: Diagnostic| Error::found(path, &finding);
    let settings = crate::commands::settings();
    let (sentence, facts) = match judge(path, &settings, settings.jobs) {
        Judged::Verdict(Verdict::Accepted(accepted), _) => {
            (format!("ACCEPTED: {}", accepted.sentence()), accepted.facts().to_vec())
        }
        Judged::Verdict(Verdict::Rejected(findings), _) => (refused("REJECTED", &findings), Vec::new()),
        Judged::Verdict(Verdict::Declined(findings), _) => (refused("DECLINED", &findings), Vec::new()),
        Judged::Trouble(trouble) => return Err(Error::new(Code::Read, path.display(), trouble.to_string())),
    };
    let model = fields(entry(&entries, "model"));
    let graph = Graph::decode(Cursor::root(entry(&model, "graph")), &Limits::default()).map_err(found)?;
    let mut files = BTreeMap::new();
    for (name, _) in fields(entry(&entries, "files")) {
        files.insert(name.clone(), tl_import::read_tensors(folder_of(path).join(name))?);
    }
    let named = |json: Json| {
        let tensor = |(name, json): (String, Json)| Some((name, tensor(json, &files)?));
        fields(json).into_iter().map(tensor).collect::<Option<Named<u32>>>().ok_or_else(|| {
            Error::new(Code::ModelFile, path.display(), "a tensor of the certificate is malformed".to_string())
        })
    };
    let mut inputs = list(entry(&entries, "inputs")).into_iter().map(&named).collect::<Result<Vec<_>, _>>()?;
    inputs.truncate(1 << 10);
    let model = Model::new(path, graph, named(entry(&model, "parameters"))?)?;
    let budgets = budgets(&model, &entries, &facts);
    Ok(Source { model, inputs, sentence, budgets })
}

fn refused(verdict: &str, findings: &[Diagnostic]) -> String {
    let first = findings.first().map(|finding| {
        let node = finding.node.map(|(id, op)| format!(", at node {id} ({op})")).unwrap_or_default();
        format!(": {} {}{node}", finding.code.id(), finding.message)
    });
    format!("{verdict}{}", first.unwrap_or_default())
}

/// A tensor of a certificate that was judged: inline, or in a file.
fn tensor(json: Json, files: &BTreeMap<String, Named<u32>>) -> Option<Tensor<u32>> {
    let entries = fields(json);
    let text = |key: &str| match entry(&entries, key) {
        Json::String(text) => Some(text),
        _ => None,
    };
    if let Some(words) = text("words") {
        let shape = Shape::decode(Cursor::root(entry(&entries, "shape"))).ok()?;
        let words = words.split(' ').map(|word| u32::from_str_radix(word, 16)).collect::<Result<_, _>>().ok()?;
        return Tensor::new(shape, words);
    }
    files.get(&text("file")?)?.get(&text("tensor")?).cloned()
}

/// What is allowed and what was found: at every node of a trace, else at the outputs.
fn budgets(
    model: &Model,
    entries: &[(String, Json)],
    facts: &[(&'static str, String)],
) -> BTreeMap<usize, Vec<(String, String)>> {
    let claim = fields(entry(entries, "claim"));
    let mut budgets: BTreeMap<usize, Vec<(String, String)>> = BTreeMap::new();
    let of_nodes = facts.iter().filter(|(name, _)| *name == "node").filter_map(|(_, fact)| {
        let (node, figures) = fact.split_once(": ")?;
        Some((node.split(' ').next()?.parse().ok()?, figures))
    });
    for (id, figures) in of_nodes {
        // `worst error 1.2e-7`: the figure is the last word.
        let figure = |text: &str| text.rsplit_once(' ').map(|(name, figure)| (name.to_string(), figure.to_string()));
        budgets.entry(id).or_default().extend(figures.split(", ").filter_map(figure));
    }
    let allowed = entry(&claim, "tolerance");
    let stated = |(name, json): (String, Json)| match json {
        Json::String(figure) => (name, figure),
        other => (name, other.to_string()),
    };
    let stated: Vec<(String, String)> = fields(allowed).into_iter().map(stated).collect();
    if budgets.is_empty() && !stated.is_empty() {
        let found: Vec<(String, String)> = facts.iter().map(|(name, fact)| (name.to_string(), fact.clone())).collect();
        for &id in model.graph.outputs().values() {
            budgets.insert(id, found.clone());
        }
    }
    for list in budgets.values_mut() {
        list.splice(0..0, stated.iter().map(|(name, figure)| (format!("allowed, {name}"), figure.clone())));
    }
    budgets
}
