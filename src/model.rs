//! Models: a checked graph with its parameters, from ONNX or from a graph file.
//!
//! A graph file is `{"format": "tl-graph/1", "graph": {…}, "parameters": "NAME.safetensors"}`, the graph as in certificates (`certs/FORMAT.md`, §4), the
//! parameters in the named file beside it (absent when the graph has none). It is read as strictly as a certificate.

use crate::error::{Code, Error};
use crate::files::{Staged, folder_of, pretty, safetensors};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use tl_import::ImportOptions;
use tl_kernel::cert::json::{Cursor, Json, parse};
use tl_kernel::diagnostic::Code as Finding;
use tl_kernel::ir::evaluate::Named;
use tl_kernel::ir::{CheckedGraph, Graph, Shape};
use tl_kernel::{Diagnostic, Limits};

/// The format of graph files.
pub const FORMAT: &str = "tl-graph/1";

/// A model that can be run.
#[derive(Clone, Debug)]
pub struct Model {
    /// The file that it comes from.
    pub path: PathBuf,
    /// The graph.
    pub graph: CheckedGraph,
    /// Its parameters, binary32 words by name.
    pub parameters: Named<u32>,
    /// Inputs of the file that no output depends on; what is given for them is not read.
    pub unused_inputs: Vec<String>,
    /// The named values of an ONNX file that are values of nodes, with the ids; none for a graph file.
    pub values: BTreeMap<String, usize>,
}

/// What the engine runs is bounded by the machine, not by the checker's defaults.
pub(crate) fn limits() -> Limits {
    Limits { work: u64::MAX, elements: usize::MAX, json_bytes: usize::MAX, ..Limits::default() }
}

/// Whether the file is ONNX, by its name.
pub fn is_onnx(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.ends_with(".onnx") || name.ends_with(".onnx.gz")
}

impl Model {
    /// A model of a graph and parameters, which must be those that the graph asks for.
    pub fn new(path: &Path, graph: Graph, parameters: Named<u32>) -> Result<Self, Error> {
        let graph = graph.check("/graph", &limits()).map_err(|finding| Error::found(path, &finding))?;
        let fault = |name: &str, message: String| {
            Error::new(Code::ModelFile, format!("{} parameter {name:?}", path.display()), message)
        };
        for (name, shape) in graph.constants() {
            match parameters.get(name) {
                Some(tensor) if tensor.shape() == shape => {}
                Some(tensor) => {
                    return Err(fault(name, format!("it has shape {}, the graph asks for {shape}", tensor.shape())));
                }
                None => return Err(fault(name, "it is missing".into())),
            }
        }
        if let Some(name) = parameters.keys().find(|&name| !graph.constants().any(|(constant, _)| constant == name)) {
            return Err(fault(name, "the graph does not use it".into()));
        }
        Ok(Model { path: path.into(), graph, parameters, unused_inputs: Vec::new(), values: BTreeMap::new() })
    }

    /// The model in a `.onnx`, `.onnx.gz` or graph file.
    pub fn load(path: &Path, options: &ImportOptions) -> Result<Self, Error> {
        if is_onnx(path) {
            let imported = tl_import::import_onnx(path, options)?;
            let model = Model::new(path, imported.graph, imported.parameters)?;
            return Ok(Model { unused_inputs: imported.unused_inputs, values: imported.values, ..model });
        }
        let bytes = fs::read(path)
            .map_err(|error| Error::new(Code::Read, path.display(), format!("it cannot be read: {error}")))?;
        let (graph, file) = decode(&bytes).map_err(|finding| Error::found(path, &finding))?;
        let parameters = match file {
            None => Named::new(),
            Some(file) => tl_import::read_tensors(folder_of(path).join(file))?,
        };
        Model::new(path, graph, parameters)
    }

    /// The inputs with their shapes, in the order of the graph.
    pub fn inputs(&self) -> Vec<(String, Shape)> {
        self.graph.inputs().map(|(name, shape)| (name.to_string(), shape.clone())).collect()
    }

    /// The outputs with their shapes, by name.
    pub fn outputs(&self) -> Vec<(String, Shape)> {
        let shape = |id: usize| self.graph.nodes()[id].shape.clone(); // outputs of a checked graph are nodes of it
        self.graph.outputs().iter().map(|(name, &id)| (name.clone(), shape(id))).collect()
    }

    /// Stages the graph file at `path` and its parameters beside it, under the same name with `.safetensors`.
    pub fn save(&self, path: &Path, staged: &mut Staged) -> Result<(), Error> {
        let mut entries =
            vec![("format".to_string(), Json::string(FORMAT)), ("graph".to_string(), self.graph.graph().encode())];
        if !self.parameters.is_empty() {
            let file = path.with_extension("safetensors");
            staged.add(&file, &safetensors(&self.parameters)?)?;
            entries
                .push(("parameters".to_string(), Json::string(file.file_name().unwrap_or_default().to_string_lossy())));
        }
        staged.add(path, pretty(&Json::Object(entries)).as_bytes())
    }
}

/// The graph, and the name of the file of its parameters.
fn decode(bytes: &[u8]) -> Result<(Graph, Option<String>), Diagnostic> {
    let mut object = Cursor::root(parse(bytes)?).object()?;
    let format = object.take("format")?.string()?;
    if format != FORMAT {
        return Err(Diagnostic::new(
            Finding::UnknownFormat,
            "/format",
            format!("a graph file is of format {FORMAT:?}, not {format:?}"),
        ));
    }
    let graph = Graph::decode(object.take("graph")?, &limits())?;
    let file = object.optional("parameters").map(Cursor::string).transpose()?;
    object.finish()?;
    let plain = |file: &String| file.ends_with(".safetensors") && !file.contains(['/', '\\']) && !file.starts_with('.');
    match file {
        Some(file) if !plain(&file) => {
            let message = format!("{file:?} is not the name of a .safetensors file beside the graph");
            Err(Diagnostic::new(Finding::FilePath, "/parameters", message))
        }
        file => Ok((graph, file)),
    }
}
