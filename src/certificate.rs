//! Certificates as text: what `certs/FORMAT.md` asks for, written from a model, its cases and a claim.
//!
//! Small tensors stand inline; larger ones in one safetensors file beside the certificate, bound by its digest. Names in that file say where each belongs:
//! `parameters/…`, `inputs/0/…`, `outputs/0/…`. Parameters may instead stay in a file of their own that several certificates share.

use crate::error::{Code, Error};
use crate::files::{Staged, folder_of, pretty, safetensors};
use crate::model::Model;
use std::fs;
use std::path::{Path, PathBuf};
use tl_kernel::cert::FORMAT;
use tl_kernel::cert::digest::Digest;
use tl_kernel::cert::json::Json;
use tl_kernel::cert::tensor::{encode_in_file, encode_inline};
use tl_kernel::claim::Execution;
use tl_kernel::ir::Tensor;
use tl_kernel::ir::evaluate::Named;

/// What is claimed.
#[derive(Clone, Debug)]
pub enum Statement {
    /// Within `slack·(abs + rel·max(|y|, |s|) + ulps·ulp(y))` of the exact real values.
    Forward {
        /// Absolute part, an exact number as it is to be written.
        abs: String,
        /// Part relative to the greater magnitude.
        rel: String,
        /// Units in the last place of the recorded value.
        ulps: String,
        /// Factor on all of them.
        slack: String,
    },
    /// Bit for bit the result of this execution.
    Exec(Execution),
    /// Every recorded node within what is allowed of its own operation at the recorded values.
    Trace {
        /// What is allowed, as it is to be written.
        tolerance: Json,
        /// What is allowed at some operations, by keyword.
        operations: Vec<(String, Json)>,
        /// Recorded nodes that are no outputs, by id in decimal, a case each.
        nodes: Vec<Named<u32>>,
    },
    /// Within a tolerance of the exact gradients of reverse mode.
    Gradient {
        /// What is allowed, as it is to be written.
        tolerance: Json,
        /// Recorded gradients by inputs and by parameters, a case each.
        gradients: Vec<[Named<u32>; 2]>,
        /// Cotangents of outputs, a case each; none where the only output is one number, whose cotangent is then 1.
        cotangents: Vec<Named<u32>>,
    },
    /// An execution and the reals part ways.
    Divergence {
        /// The execution that gives the outputs.
        execution: Execution,
        /// In what they differ, as it is to be written.
        gap: Json,
    },
}

/// A certificate to be written.
#[derive(Debug)]
pub struct Certificate<'a> {
    /// The model.
    pub model: &'a Model,
    /// Inputs, a case each.
    pub inputs: &'a [Named<u32>],
    /// Recorded outputs, a case each.
    pub outputs: &'a [Named<u32>],
    /// What is claimed.
    pub statement: &'a Statement,
    /// Free text.
    pub about: Option<&'a str>,
    /// Largest number of elements of a tensor that stands inline.
    pub inline_limit: usize,
    /// A file for all parameters, relative to the certificate.
    pub parameter_file: Option<&'a str>,
}

/// Tensors as the certificate names them, and those that go to its file.
struct Placed<'a> {
    file: String,
    inline_limit: usize,
    large: Named<u32>,
    model: &'a Model,
}

impl Placed<'_> {
    fn place(&mut self, prefix: &str, named: &Named<u32>) -> Json {
        let mut entries = Vec::new();
        for (name, tensor) in named {
            let json = if tensor.data().len() <= self.inline_limit {
                encode_inline(tensor)
            } else {
                let key = format!("{prefix}/{name}");
                self.large.insert(key.clone(), tensor.clone());
                encode_in_file(tensor.shape(), &self.file, &key)
            };
            entries.push((name.clone(), json));
        }
        Json::Object(entries)
    }

    /// Every parameter, by its own name, in `file`.
    fn parameters_in(&self, file: &str) -> Json {
        let entry =
            |(name, tensor): (&String, &Tensor<u32>)| (name.clone(), encode_in_file(tensor.shape(), file, name));
        Json::Object(self.model.parameters.iter().map(entry).collect())
    }
}

impl Certificate<'_> {
    /// Stages the certificate for `path`, and the tensor files that it needs.
    pub fn stage(&self, path: &Path, staged: &mut Staged) -> Result<(), Error> {
        let beside = path.with_extension("safetensors");
        let file = beside.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut placed =
            Placed { file: file.clone(), inline_limit: self.inline_limit, large: Named::new(), model: self.model };
        let mut files = Vec::new();
        let parameters = match self.parameter_file {
            Some(shared) => {
                let digest = share(&folder_of(path).join(shared), &safetensors(&self.model.parameters)?, staged)?;
                files.push((shared.to_string(), Json::string(digest)));
                placed.parameters_in(shared)
            }
            None => placed.place("parameters", &self.model.parameters),
        };
        let mut cases = |what: &str, cases: &[Named<u32>]| {
            let case = |(i, case): (usize, &Named<u32>)| placed.place(&format!("{what}/{i}"), case);
            Json::Array(cases.iter().enumerate().map(case).collect())
        };
        let (inputs, outputs) = (cases("inputs", self.inputs), cases("outputs", self.outputs));
        let recorded = match self.statement {
            Statement::Trace { nodes, .. } => vec![("nodes", cases("nodes", nodes)), ("outputs", outputs)],
            Statement::Gradient { gradients, cotangents, .. } => {
                let cotangents = (!cotangents.is_empty()).then(|| ("cotangents", cases("cotangents", cotangents)));
                let mut group = |i: usize, what: &'static str, named: &Named<u32>| {
                    (what, placed.place(&format!("gradients/{i}/{what}"), named))
                };
                let case = |(i, [inputs, parameters]): (usize, &[Named<u32>; 2])| {
                    Json::object([group(i, "inputs", inputs), group(i, "parameters", parameters)])
                };
                let gradients = Json::Array(gradients.iter().enumerate().map(case).collect());
                [("gradients", gradients)].into_iter().chain(cotangents).collect()
            }
            _ => vec![("outputs", outputs)],
        };
        if !placed.large.is_empty() {
            let bytes = safetensors(&placed.large)?;
            files.push((file, Json::string(Digest::of(&bytes).to_string())));
            staged.add(&beside, &bytes)?;
        }
        let mut entries = vec![("format", Json::string(FORMAT))];
        entries.extend(self.about.map(|about| ("about", Json::string(about))));
        let producer = [("name", Json::string("tl")), ("version", Json::string(env!("CARGO_PKG_VERSION")))];
        entries.push(("producer", Json::object(producer)));
        entries.push(("claim", self.statement.encode(recorded)));
        let graph = self.model.graph.graph().encode();
        entries.push(("model", Json::object([("graph", graph), ("parameters", parameters)])));
        entries.push(("inputs", inputs));
        if !files.is_empty() {
            entries.push(("files", Json::Object(files)));
        }
        let entries = entries.into_iter().map(|(key, value)| (key.to_string(), value));
        staged.add(path, pretty(&Json::Object(entries.collect())).as_bytes())
    }
}

impl Statement {
    fn encode(&self, recorded: Vec<(&'static str, Json)>) -> Json {
        let (kind, mut entries) = match self {
            Statement::Forward { abs, rel, ulps, slack } => {
                ("forward", vec![("tolerance", tolerance(abs, rel, ulps, slack))])
            }
            Statement::Exec(execution) => ("exec", vec![("execution", execution.encode())]),
            Statement::Trace { tolerance, operations, .. } => {
                let mut entries = vec![("tolerance", tolerance.clone())];
                if !operations.is_empty() {
                    entries.push(("operations", Json::Object(operations.clone())));
                }
                ("trace", entries)
            }
            Statement::Gradient { tolerance, .. } => ("gradient", vec![("tolerance", tolerance.clone())]),
            Statement::Divergence { execution, gap } => {
                ("divergence", vec![("execution", execution.encode()), ("gap", gap.clone())])
            }
        };
        entries.insert(0, ("kind", Json::string(kind)));
        entries.extend(recorded);
        Json::object(entries)
    }
}

/// A tolerance as certificates write it; without `ulps` where there are none.
pub fn tolerance(abs: &str, rel: &str, ulps: &str, slack: &str) -> Json {
    let parts = [("abs", abs), ("rel", rel), ("ulps", ulps), ("slack", slack)];
    let parts = parts.into_iter().filter(|&part| part != ("ulps", "0"));
    Json::object(parts.map(|(key, text)| (key, Json::string(text))))
}

/// The digest of a shared file with these bytes, which is staged where it is not there yet.
fn share(path: &PathBuf, bytes: &[u8], staged: &mut Staged) -> Result<String, Error> {
    match fs::read(path) {
        Ok(found) if found == bytes => {}
        Ok(_) => {
            return Err(Error::new(
                Code::Write,
                path.display(),
                "it is there with other contents than the parameters of the model",
            ));
        }
        Err(_) => {
            crate::files::make_folder(folder_of(path))?;
            staged.add(path, bytes)?;
        }
    }
    Ok(Digest::of(bytes).to_string())
}
