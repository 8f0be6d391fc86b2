//! The container: one JSON document, one claim (`certs/FORMAT.md` specifies it).
//!
//! Claim: a [`Certificate`] exists only if the document is well-formed, every tensor file has its stated digest, the graph satisfies
//! graph_c1 … graph_c6, and every input, parameter and output has exactly the tensor that the graph asks for. Nothing given is unused.
//! Nothing in it says that the claim holds: that is decided from it (`crate::claim`).
//!
//! [`decode`] turns bytes into a [`Document`], which names the files it needs; [`Document::bind`] takes their bytes and gives the certificate.

pub mod digest;
pub mod json;
mod safetensors;
pub mod tensor;

use crate::claim::{Claim, Stated};
use crate::diagnostic::{Code, Diagnostic};
use crate::ir::evaluate::Named;
use crate::ir::{CheckedGraph, Graph, Shape};
use crate::limits::Limits;
use digest::Digest;
use json::{Cursor, Object, below};
use std::collections::BTreeMap;
use tensor::{Files, TensorSource};

/// The format that this checker reads and writes.
pub const FORMAT: &str = "tl-cert/1";

/// A decoded document whose tensor files are still to be given.
#[derive(Debug)]
pub struct Document {
    graph: Graph,
    parameters: BTreeMap<String, TensorSource>,
    inputs: Vec<BTreeMap<String, TensorSource>>,
    claim: Stated,
    files: BTreeMap<String, Digest>,
    precision: Option<u64>,
}

/// A well-formed certificate with all its data. What it claims is not yet decided.
#[derive(Debug)]
pub struct Certificate {
    pub(crate) graph: CheckedGraph,
    pub(crate) parameters: Named<u32>,
    pub(crate) inputs: Vec<Named<u32>>,
    pub(crate) claim: Claim,
    pub(crate) precision: Option<u64>,
    graph_digest: Digest,
    parameter_digest: Digest,
}

/// Decodes the text of a certificate.
pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Document, Diagnostic> {
    let short = bytes.len() <= limits.json_bytes;
    Code::LimitBytes.unless(short, "", || format!("more than {} bytes", limits.json_bytes))?;
    Cursor::root(json::parse(bytes)?).record(|document| {
        let (format, place) = document.text("format")?;
        let message = || format!("this checker reads {FORMAT:?}, not {format:?}");
        Code::UnknownFormat.unless(format == FORMAT, place, message)?;
        document.optional("about").map(Cursor::string).transpose()?;
        if let Some(producer) = document.optional("producer") {
            producer.record(|it| Ok((it.decode::<String>("name")?, it.decode::<String>("version")?)))?;
        }
        let claim = Stated::decode(document.take("claim")?)?;
        let model = |model: &mut Object| {
            Ok((Graph::decode(model.take("graph")?, limits)?, TensorSource::decode_named(model.take("parameters")?)?))
        };
        let (graph, parameters) = document.take("model")?.record(model)?;
        let inputs = TensorSource::decode_cases(document.take("inputs")?)?;
        let files = document.optional("files").map_or(Ok(BTreeMap::new()), decode_files)?;
        // Where to start; a poor hint costs time only.
        let precision = |witness: &mut Object| witness.optional("precision").map(Cursor::integer).transpose();
        let precision = document.optional("witness").map_or(Ok(None), |witness| witness.record(precision))?;
        Ok(Document { graph, parameters, inputs, claim, files, precision })
    })
}

fn decode_files(files: Cursor) -> Result<BTreeMap<String, Digest>, Diagnostic> {
    let decode = |(path, digest): (String, Cursor)| {
        let place = digest.pointer();
        Code::FilePath.unless(is_plain(&path), &place, || {
            format!("{path:?} is not a relative path of plain names to a .safetensors file")
        })?;
        let not_digest = || Diagnostic::new(Code::FileDigest, place, "a digest is 64 lower-case hexadecimal digits");
        let digest = Digest::parse(&digest.string()?).ok_or_else(not_digest)?;
        Ok((path, digest))
    };
    files.object()?.into_entries().map(decode).collect()
}

/// Whether a path is relative, of at most 255 characters, made of plain names, and ends in `.safetensors`.
fn is_plain(path: &str) -> bool {
    let plain = |name: &str| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        !name.is_empty() && !name.starts_with('.') && name.chars().all(allowed)
    };
    path.len() <= 255 && path.ends_with(".safetensors") && path.split('/').all(plain)
}

impl Document {
    /// The files that the certificate needs, by path relative to it, with their digests.
    pub fn files(&self) -> impl Iterator<Item = (&str, Digest)> {
        self.files.iter().map(|(path, &digest)| (path.as_str(), digest))
    }

    /// The certificate, given the bytes of every file.
    pub fn bind(self, files: &BTreeMap<String, Vec<u8>>, limits: &Limits) -> Result<Certificate, Diagnostic> {
        let mut tensors = self.read_files(files, limits)?;
        let graph = self.graph.check("/model/graph", limits)?;
        let parameters = tensors.fit(self.parameters, graph.constants(), "/model/parameters")?;
        let fit = |(i, case)| tensors.fit(case, graph.inputs(), &format!("/inputs/{i}"));
        let inputs = if self.claim.draws() {
            let message = || "the checker draws the only case itself, and none is listed".to_string();
            Code::NoCase.unless(self.inputs.is_empty(), "/inputs", message)?;
            vec![Named::new()]
        } else {
            self.inputs.into_iter().enumerate().map(fit).collect::<Result<Vec<_>, _>>()?
        };
        let claim = self
            .claim
            .bind(&graph, inputs.len(), limits, |given, wanted, place| tensors.fit(given, wanted.into_iter(), place))?;
        for (path, tensors_of_file) in &tensors.tensors {
            let is_used = |name: &String| tensors.used.contains(&(path.clone(), name.clone()));
            let message = match tensors_of_file.keys().find(|name| !is_used(name)) {
                Some(name) => format!("nothing uses the tensor {name:?} of the file {path:?}"),
                None if tensors_of_file.is_empty() => format!("nothing uses the file {path:?}, which has no tensor"),
                None => continue,
            };
            return Err(Diagnostic::new(Code::Unused, "/files", message));
        }
        Ok(Certificate {
            graph_digest: Digest::of_graph(graph.graph()),
            parameter_digest: Digest::of_parameters(&parameters),
            graph,
            parameters,
            inputs,
            claim,
            precision: self.precision,
        })
    }

    fn read_files(&self, files: &BTreeMap<String, Vec<u8>>, limits: &Limits) -> Result<Files, Diagnostic> {
        let mut read = Files::default();
        let mut total = 0usize;
        for (path, digest) in &self.files {
            let place = below("/files", path);
            let missing = || Diagnostic::new(Code::TensorMissing, &place, format!("the file {path:?} is not given"));
            let bytes = files.get(path).ok_or_else(missing)?;
            total = total.saturating_add(bytes.len());
            Code::LimitBytes.unless(total <= limits.file_bytes, &place, || {
                format!("more than {} bytes of tensor files together", limits.file_bytes)
            })?;
            same_digest(Code::FileDigest, &place, "the file is not the one that is meant", *digest, Digest::of(bytes))?;
            read.tensors.insert(path.clone(), safetensors::read(bytes, &place, limits)?);
        }
        Ok(read)
    }
}

impl Files {
    /// The tensors `given`, which must be exactly those `wanted`, by name and shape.
    fn fit<'a>(
        &mut self,
        mut given: BTreeMap<String, TensorSource>,
        wanted: impl Iterator<Item = (&'a str, &'a Shape)>,
        place: &str,
    ) -> Result<Named<u32>, Diagnostic> {
        let mut named = Named::new();
        for (name, shape) in wanted {
            let message = || format!("the graph asks for {name:?} of shape {shape}");
            let missing = || Diagnostic::new(Code::TensorMissing, place, message());
            let tensor = given.remove(name).ok_or_else(missing)?.resolve(self)?;
            Code::Binding.unless(tensor.shape() == shape, below(place, name), || {
                format!("{name:?} has shape {}, the graph asks for {shape}", tensor.shape())
            })?;
            named.insert(name.to_string(), tensor);
        }
        match given.keys().next() {
            None => Ok(named),
            Some(name) => Err(Diagnostic::new(Code::Unused, place, format!("the graph has nothing called {name:?}"))),
        }
    }
}

/// The finding of this kind unless the digests are the same.
fn same_digest(code: Code, place: &str, message: &str, claimed: Digest, derived: Digest) -> Result<(), Diagnostic> {
    let found = code.unless(claimed == derived, place, || message.into());
    found.map_err(|finding| finding.comparing(claimed, derived))
}

impl Certificate {
    /// The graph.
    pub fn graph(&self) -> &CheckedGraph {
        &self.graph
    }

    /// The digest of the graph.
    pub fn graph_digest(&self) -> Digest {
        self.graph_digest
    }

    /// The digest of the parameters.
    pub fn parameter_digest(&self) -> Digest {
        self.parameter_digest
    }

    /// The kind of claim, as certificates write it.
    pub fn kind(&self) -> &'static str {
        self.claim.kind.keyword
    }

    /// Number of listed inputs.
    pub fn cases(&self) -> usize {
        self.inputs.len()
    }

    /// Whether `graph` and `parameters` (imported from a model file) are those of this certificate.
    pub fn is_about(&self, graph: &Graph, parameters: &Named<u32>) -> Result<(), Diagnostic> {
        let differ = |what: &str| format!("the {what} digests of the model file differ from those of the certificate");
        let (claimed, derived) = (self.graph_digest, Digest::of_graph(graph));
        same_digest(Code::ModelGraph, "/model/graph", &differ("graph"), claimed, derived)?;
        let (claimed, derived) = (self.parameter_digest, Digest::of_parameters(parameters));
        same_digest(Code::ModelParameters, "/model/parameters", &differ("parameter"), claimed, derived)
    }
}
