//! Recordings: what a runtime computed, its outputs and (in a trace) the values of nodes on the way.
//!
//! Files are given as `[LABEL:][NAME=]FILE`; the label names the runtime, by default the file. In a trace a tensor is named as the ONNX file names the value, as the graph
//! names the input or output, or by the id of the node in decimal. Shapes are exact, and no node has two different values.

use crate::cases::{self, Role};
use crate::error::{Code, Error};
use crate::model::Model;
use std::collections::BTreeMap;
use std::path::Path;
use tl_kernel::ir::Tensor;
use tl_kernel::ir::evaluate::Named;

/// Tensors by node.
pub type Values = BTreeMap<usize, Tensor<u32>>;

/// What one runtime recorded for one input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// The runtime.
    pub label: String,
    /// The outputs.
    pub outputs: Named<u32>,
    /// Nodes that are neither sources nor outputs.
    pub nodes: Values,
    /// Whether nodes were recorded.
    pub traced: bool,
    /// Names in the trace that are no values of nodes.
    pub left_out: Vec<String>,
}

impl Recording {
    /// Everything recorded, by node.
    pub fn values(&self, model: &Model) -> Values {
        let outputs = model.graph.outputs().iter();
        let outputs = outputs.filter_map(|(name, &id)| Some((id, self.outputs.get(name)?.clone())));
        self.nodes.iter().map(|(&id, tensor)| (id, tensor.clone())).chain(outputs).collect()
    }
}

/// How recordings are read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reading {
    /// Take tensors of another shape with as many elements.
    pub reshape: bool,
    /// Leave out tensors of a trace that are no values of nodes.
    pub skip_unknown: bool,
}

/// The label, where there is one, and the rest.
fn labelled(text: &str) -> (Option<&str>, &str) {
    match text.split_once(':') {
        Some((label, rest)) if !label.is_empty() && !rest.is_empty() && !label.contains(['/', '\\', '=']) => {
            (Some(label), rest)
        }
        _ => (None, text),
    }
}

/// The name of a file without its folder and extension.
fn stem(text: &str) -> String {
    let file = text.split_once('=').map_or(text, |(_, file)| file);
    Path::new(file).file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// The recordings in these files, in the order of their labels' first appearance.
pub fn read(model: &Model, outputs: &[String], traces: &[String], how: Reading) -> Result<Vec<Recording>, Error> {
    let mut files: Vec<(String, Vec<String>)> = Vec::new();
    for text in outputs {
        let (label, file) = labelled(text);
        match files.iter_mut().find(|(known, _)| label == Some(known)) {
            Some((_, files)) => files.push(file.to_string()),
            None => files.push((label.map_or_else(|| stem(file), str::to_string), vec![file.to_string()])),
        }
    }
    let mut recordings = Vec::new();
    for (label, files) in files {
        let mut cases = cases::read(Role::Output, &model.outputs(), &files, how.reshape)?;
        let (Some(outputs), true) = (cases.pop(), cases.is_empty()) else {
            let message =
                format!("{label:?} has {} recordings of one output; give them different labels", cases.len() + 1);
            return Err(Error::new(Code::Cases, "--output", message));
        };
        if recordings.iter().any(|recording: &Recording| recording.label == label) {
            let message = format!("two recordings are called {label:?}; give them labels: --output LABEL:FILE");
            return Err(Error::new(Code::Usage, "--output", message));
        }
        let (nodes, left_out) = (BTreeMap::new(), Vec::new());
        recordings.push(Recording { label, outputs, nodes, traced: false, left_out });
    }
    for text in traces {
        let (label, file) = labelled(text);
        let (values, left_out) = trace(model, Path::new(file), how)?;
        let position = match (label, recordings.len()) {
            (None, 0) => None,
            (None, 1) => Some(0),
            (None, _) => {
                let labels: Vec<String> = recordings.iter().map(|r| format!("{}:{file}", r.label)).collect();
                let message = format!("there are several recordings; say whose trace it is: {}", labels.join(" or "));
                return Err(Error::new(Code::Usage, text, message));
            }
            (Some(label), _) => recordings.iter().position(|recording| recording.label == label),
        };
        let known = position.map(|position| recordings.remove(position));
        let label =
            known.as_ref().map_or_else(|| label.map_or_else(|| stem(file), str::to_string), |r| r.label.clone());
        let recording = joined(model, label, known, values, left_out, text)?;
        recordings.insert(position.unwrap_or(recordings.len()), recording);
    }
    if recordings.is_empty() {
        let message = "nothing is given that a runtime computed: --output FILE, or --trace FILE with the outputs in it";
        return Err(Error::new(Code::InputMissing, "--output", message));
    }
    Ok(recordings)
}

/// The recording with the values of a trace.
fn joined(
    model: &Model,
    label: String,
    known: Option<Recording>,
    mut values: Values,
    left_out: Vec<String>,
    place: &str,
) -> Result<Recording, Error> {
    let recorded = known.map(|recording| recording.outputs).unwrap_or_default();
    let mut outputs = Named::new();
    for (name, &id) in model.graph.outputs() {
        let tensor = match (recorded.get(name), values.get(&id)) {
            (Some(tensor), Some(traced)) if tensor != traced => {
                let message = format!("the trace has another value for the output {name:?} than its own recording");
                return Err(Error::new(Code::Recording, place, message));
            }
            (Some(tensor), _) | (None, Some(tensor)) => tensor.clone(),
            (None, None) => {
                let message = format!("neither the trace nor --output has the output {name:?}");
                return Err(Error::new(Code::InputMissing, place, message));
            }
        };
        outputs.insert(name.clone(), tensor);
    }
    let outer: Vec<usize> = model.graph.outputs().values().copied().collect();
    values.retain(|id, _| !outer.contains(id));
    Ok(Recording { label, outputs, nodes: values, traced: true, left_out })
}

/// The recorded nodes of a trace that are no sources, and the names that are no nodes.
fn trace(model: &Model, file: &Path, how: Reading) -> Result<(Values, Vec<String>), Error> {
    let fault = |name: &str, code, message: String| Error::new(code, format!("{} {name:?}", file.display()), message);
    let found = tl_import::read_tensors(file)?;
    if found.is_empty() {
        return Err(Error::new(Code::Recording, file.display(), "the trace has no tensor"));
    }
    let (mut values, mut left_out) = (Values::new(), Vec::new());
    for (name, tensor) in found {
        let Some(id) = node_of(model, &name) else {
            if how.skip_unknown {
                left_out.push(name);
                continue;
            }
            let message = "the graph has no node whose value has this name (it may have been folded); --skip-unknown leaves it out";
            return Err(fault(&name, Code::InputName, message.into()));
        };
        let node = &model.graph.nodes()[id]; // found there
        if node.op.is_source() {
            continue;
        }
        let shape = tensor.shape().clone();
        let fits = shape == node.shape || how.reshape && shape.elements() == node.shape.elements();
        let Some(tensor) = Tensor::new(node.shape.clone(), tensor.data().to_vec()).filter(|_| fits) else {
            if how.skip_unknown {
                left_out.push(name);
                continue;
            }
            let message = format!("node {id} ({}) has shape {}, the trace has {shape}", node.op.name(), node.shape);
            return Err(fault(&name, Code::InputShape, message));
        };
        if values.get(&id).is_some_and(|other| *other != tensor) {
            let message = format!("node {id} ({}) is recorded under two names with different values", node.op.name());
            return Err(fault(&name, Code::Recording, message));
        }
        values.insert(id, tensor);
    }
    if values.is_empty() {
        return Err(Error::new(Code::Recording, file.display(), "the trace has no value of a node of the graph"));
    }
    Ok((values, left_out))
}

/// The node that a name of a trace speaks of.
fn node_of(model: &Model, name: &str) -> Option<usize> {
    let source = |name: &str| {
        let mut nodes = model.graph.nodes().iter();
        nodes.position(|node| node.op.source().is_some_and(|(_, source)| source == name))
    };
    let id = |name: &str| name.parse().ok().filter(|&id: &usize| id < model.graph.nodes().len());
    let known = model.values.get(name).or(model.graph.outputs().get(name)).copied();
    known.or_else(|| source(name)).or_else(|| id(name))
}
