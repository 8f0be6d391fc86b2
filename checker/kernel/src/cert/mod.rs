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
pub mod schema;
pub mod tensor;

use crate::claim::{Claim, ClaimDraft};
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
    claim: ClaimDraft,
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
    if bytes.len() > limits.json_bytes {
        let message = format!("more than {} bytes", limits.json_bytes);
        return Err(Diagnostic::new(Code::LimitBytes, "", message));
    }
    let mut object = Cursor::root(json::parse(bytes)?).object()?;
    let format = object.take("format")?;
    let place = format.pointer();
    let format = format.string()?;
    if format != FORMAT {
        return Err(Diagnostic::new(
            Code::UnknownFormat,
            place,
            format!("this checker reads {FORMAT:?}, not {format:?}"),
        ));
    }
    if let Some(about) = object.optional("about") {
        about.string()?;
    }
    if let Some(producer) = object.optional("producer") {
        let mut producer = producer.object()?;
        producer.take("name")?.string()?;
        producer.take("version")?.string()?;
        producer.finish()?;
    }
    let claim = ClaimDraft::decode(object.take("claim")?)?;
    let mut model = object.take("model")?.object()?;
    let graph = Graph::decode(model.take("graph")?, limits)?;
    let parameters = TensorSource::decode_named(model.take("parameters")?)?;
    model.finish()?;
    let inputs = object.take("inputs")?.array()?;
    let inputs = inputs.map(TensorSource::decode_named).collect::<Result<_, _>>()?;
    let files = decode_files(&mut object)?;
    let precision = decode_witness(&mut object)?;
    object.finish()?;
    Ok(Document { graph, parameters, inputs, claim, files, precision })
}

fn decode_files(object: &mut Object) -> Result<BTreeMap<String, Digest>, Diagnostic> {
    let Some(files) = object.optional("files") else {
        return Ok(BTreeMap::new());
    };
    let decode = |(path, digest): (String, Cursor)| {
        let place = digest.pointer();
        if !is_plain(&path) {
            let message = format!("{path:?} is not a relative path of plain names to a .safetensors file");
            return Err(Diagnostic::new(Code::FilePath, place, message));
        }
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

/// `{"precision": bits}`: where to start; a poor hint costs time only.
fn decode_witness(object: &mut Object) -> Result<Option<u64>, Diagnostic> {
    let Some(witness) = object.optional("witness") else {
        return Ok(None);
    };
    let mut witness = witness.object()?;
    let precision = witness.optional("precision").map(Cursor::integer).transpose()?;
    witness.finish()?;
    Ok(precision)
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
        let mut fit = |given: BTreeMap<String, TensorSource>, wanted: Vec<(&str, &Shape)>, place: String| {
            fit(given, &wanted, &place, &mut tensors)
        };
        let parameters = fit(self.parameters, graph.constants().collect(), "/model/parameters".into())?;
        let cases = self.inputs.into_iter().enumerate();
        let inputs = cases
            .map(|(i, case)| fit(case, graph.inputs().collect(), format!("/inputs/{i}")))
            .collect::<Result<Vec<_>, _>>()?;
        let each = graph.work().saturating_mul(self.claim.cost_of_a_step());
        let work = each.saturating_mul(u64::try_from(inputs.len()).unwrap_or(u64::MAX));
        if work > limits.work {
            let message = format!(
                "{} cases at the cost of {} multiply-adds each, the limit is {}",
                inputs.len(),
                each,
                limits.work
            );
            return Err(Diagnostic::new(Code::LimitWork, "/inputs", message));
        }
        let claim = self.claim.bind(&graph, inputs.len(), |outputs, place| {
            let shape_of = |&id: &usize| graph.nodes().get(id).map(|node| &node.shape);
            let wanted = graph.outputs().iter().filter_map(|(name, id)| Some((name.as_str(), shape_of(id)?)));
            fit(outputs, wanted.collect(), place)
        })?;
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
            if total > limits.file_bytes {
                let message = format!("more than {} bytes of tensor files together", limits.file_bytes);
                return Err(Diagnostic::new(Code::LimitBytes, place, message));
            }
            let found = Digest::of(bytes);
            if found != *digest {
                let mut diagnostic = Diagnostic::new(Code::FileDigest, place, "the file is not the one that is meant");
                (diagnostic.claimed, diagnostic.derived) = (Some(digest.to_string()), Some(found.to_string()));
                return Err(diagnostic);
            }
            read.tensors.insert(path.clone(), safetensors::read(bytes, &place, limits)?);
        }
        Ok(read)
    }
}

/// The tensors `given`, which must be exactly those `wanted`, by name and shape.
fn fit(
    mut given: BTreeMap<String, TensorSource>,
    wanted: &[(&str, &Shape)],
    place: &str,
    files: &mut Files,
) -> Result<Named<u32>, Diagnostic> {
    let mut named = Named::new();
    for &(name, shape) in wanted {
        let missing =
            || Diagnostic::new(Code::TensorMissing, place, format!("the graph asks for {name:?} of shape {shape}"));
        let tensor = given.remove(name).ok_or_else(missing)?.resolve(files)?;
        if tensor.shape() != shape {
            let message = format!("{name:?} has shape {}, the graph asks for {shape}", tensor.shape());
            return Err(Diagnostic::new(Code::Binding, below(place, name), message));
        }
        named.insert(name.to_string(), tensor);
    }
    match given.keys().next() {
        None => Ok(named),
        Some(name) => Err(Diagnostic::new(Code::Unused, place, format!("the graph has nothing called {name:?}"))),
    }
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
        self.claim.kind()
    }

    /// Number of listed inputs.
    pub fn cases(&self) -> usize {
        self.inputs.len()
    }

    /// Whether `graph` and `parameters` (imported from a model file) are those of this certificate.
    pub fn is_about(&self, graph: &Graph, parameters: &Named<u32>) -> Result<(), Diagnostic> {
        let differ = |code, place, what, claimed: Digest, derived: Digest| {
            let mut diagnostic = Diagnostic::new(
                code,
                place,
                format!("the {what} of the model file differ from those of the certificate"),
            );
            (diagnostic.claimed, diagnostic.derived) = (Some(claimed.to_string()), Some(derived.to_string()));
            if claimed == derived { Ok(()) } else { Err(diagnostic) }
        };
        let graph = Digest::of_graph(graph);
        differ(Code::ModelGraph, "/model/graph", "graph digests", self.graph_digest, graph)?;
        let parameters = Digest::of_parameters(parameters);
        differ(Code::ModelParameters, "/model/parameters", "parameter digests", self.parameter_digest, parameters)
    }
}
