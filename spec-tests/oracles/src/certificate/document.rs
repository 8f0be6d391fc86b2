//! What a certificate says: a strict second reading of `certs/FORMAT.md`.
//!
//! Two documents are equal when they claim the same of the same graph, parameters and inputs: order of keys, ways to write a number,
//! inline or in a file, `about`, `producer` and `witness` make no difference.

pub use super::claims::{Claim, Execution, Order, Schedule, Tolerance};
use super::claims::{Trace, Vectors, read_allowance, read_execution, read_gap, read_tolerance};
use super::json::Json;
use rug::ops::Pow;
use rug::{Integer, Rational};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// Why a document is malformed.
pub type Malformed = String;
/// The bytes of tensor files by relative path.
pub type Files = BTreeMap<String, Rc<Vec<u8>>>;
/// Tensors by name.
pub type Tensors = BTreeMap<String, Tensor>;

/// Words in row-major order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    /// The extents.
    pub shape: Vec<usize>,
    /// The words.
    pub words: Rc<Vec<u32>>,
}

/// An attribute of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attribute {
    /// An exact number.
    Number(Rational),
    /// A list of them.
    Numbers(Vec<Rational>),
    /// Anything else.
    Plain(Json),
}

/// A node of the graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// The keyword.
    pub op: String,
    /// Attributes by name.
    pub attributes: BTreeMap<String, Attribute>,
    /// Ids of the parents.
    pub parents: Vec<usize>,
    /// The declared shape.
    pub shape: Vec<usize>,
}

impl Node {
    /// The name of an input or constant.
    pub fn name(&self) -> Option<&str> {
        let Some(Attribute::Plain(Json::String(name))) = self.attributes.get("name") else { return None };
        matches!(self.op.as_str(), "input" | "const").then_some(name)
    }
}

/// A certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The claim.
    pub claim: Claim,
    /// The nodes of the graph.
    pub nodes: Vec<Node>,
    /// Its outputs.
    pub outputs_of_graph: BTreeMap<String, usize>,
    /// The parameters.
    pub parameters: Tensors,
    /// The inputs of each case.
    pub inputs: Vec<Tensors>,
    /// The recorded outputs of each case; none for a kind that records no outputs, or is not read here.
    pub outputs: Vec<Tensors>,
}

impl Document {
    /// Reads a document with its tensor files.
    pub fn read(text: &[u8], files: &Files) -> Result<Document, Malformed> {
        let json = Json::read(text)?;
        let [format, claim, model, inputs, rest @ ..] =
            fields(&json, ["format", "claim", "model", "inputs", "?about", "?producer", "?files", "?witness"])?;
        require(string(format)? == "tl-cert/1", "format")?;
        let [about, producer, listed, witness] = rest;
        about.map(|about| string(Some(about))).transpose()?;
        if let Some(producer) = producer {
            fields(producer, ["name", "version"])?.map(string).into_iter().collect::<Result<Vec<_>, _>>()?;
        }
        if let Some(witness) = witness {
            let [precision] = fields(witness, ["?precision"])?;
            precision.map(|p| natural(Some(p))).transpose()?;
        }
        let mut store = Store::open(listed, files)?;
        let [graph, parameters] = fields(model.ok_or("model")?, ["graph", "parameters"])?;
        let (nodes, outputs_of_graph) = read_graph(graph)?;
        let named = |op: &str| -> Result<BTreeMap<String, Vec<usize>>, Malformed> {
            let mut found = BTreeMap::new();
            for node in nodes.iter().filter(|node| node.op == op) {
                let Some(Attribute::Plain(Json::String(name))) = node.attributes.get("name") else {
                    return Err("a name".into());
                };
                require(node.attributes.len() == 1 && node.parents.is_empty(), "a leaf with more than a name")?;
                require(found.insert(name.clone(), node.shape.clone()).is_none(), "a name twice")?;
            }
            Ok(found)
        };
        let (inputs_of_graph, constants) = (named("input")?, named("const")?);
        let recorded = outputs_of_graph.iter().map(|(name, &id)| (name.clone(), nodes[id].shape.clone())).collect();
        let parameters = store.tensors(parameters, &constants)?;
        let cases = array(inputs)?.iter().map(|case| store.tensors(Some(case), &inputs_of_graph));
        let inputs: Vec<Tensors> = cases.collect::<Result<_, _>>()?;
        let claim = claim.ok_or("claim")?;
        let kind = string(member(claim, "kind"))?;
        if let "gradient" | "adjoint" = kind {
            let claim = read_derivatives(claim, (&nodes, &outputs_of_graph), inputs.len(), &mut store)?;
            require(store.used.len() == store.found.len(), "a tensor that nothing uses")?;
            return Ok(Document { claim, nodes, outputs_of_graph, parameters, inputs, outputs: Vec::new() });
        }
        require(!inputs.is_empty(), "no cases")?;
        let mut records = |outputs: Option<&Json>| {
            let records = array(outputs)?.iter().map(|record| store.tensors(Some(record), &recorded));
            records.collect::<Result<Vec<Tensors>, _>>()
        };
        let other = match kind {
            "forward" => ["tolerance", "?"],
            "exec" => ["execution", "?"],
            "trace" => ["tolerance", "?operations"],
            "divergence" => ["execution", "gap"],
            kind => {
                let claim = Claim::Other(kind.into(), claim.clone().sorted());
                return Ok(Document { claim, nodes, outputs_of_graph, parameters, inputs, outputs: Vec::new() });
            }
        };
        let recorded_nodes = if kind == "trace" { "nodes" } else { "?" };
        let [_, first, second, recorded_nodes, outputs] =
            fields(claim, ["kind", other[0], other[1], recorded_nodes, "outputs"])?;
        let outputs = records(outputs)?;
        let first = first.ok_or("a claim")?;
        let claim = match kind {
            "forward" => Claim::Forward(read_tolerance(first)?),
            "exec" => Claim::Exec(Box::new(read_execution(first, nodes.len())?)),
            "trace" => {
                let inner: BTreeMap<String, Vec<usize>> = (0..nodes.len())
                    .filter(|id| !matches!(nodes[*id].op.as_str(), "input" | "const"))
                    .filter(|id| !outputs_of_graph.values().any(|output| output == id))
                    .map(|id| (id.to_string(), nodes[id].shape.clone()))
                    .collect();
                let mut traced = Vec::new();
                for record in array(recorded_nodes)? {
                    let names = pairs(Some(record))?.iter().map(|(name, _)| name);
                    let asked = names.map(|name| inner.get_key_value(name).map(|(k, v)| (k.clone(), v.clone())));
                    let asked = asked.collect::<Option<BTreeMap<_, _>>>().ok_or("a node that is not recorded")?;
                    let read = store.tensors(Some(record), &asked)?;
                    traced.push(read.into_iter().map(|(id, t)| (id.parse().expect("an id"), t)).collect());
                }
                require(traced.len() == inputs.len(), "not one record of nodes for each case")?;
                let mut operations = BTreeMap::new();
                for (keyword, allowance) in second.map_or(Ok(&[][..]), |operations| pairs(Some(operations)))? {
                    operations.insert(keyword.clone(), read_allowance(allowance)?);
                }
                Claim::Trace(Trace { tolerance: read_allowance(first)?, operations, nodes: traced })
            }
            _ => {
                let shapes = outputs_of_graph.iter().map(|(name, &id)| (name.as_str(), nodes[id].shape.as_slice()));
                let gap = read_gap(second.ok_or("gap")?, &shapes.collect())?;
                Claim::Divergence(Box::new(read_execution(first, nodes.len())?), gap)
            }
        };
        require(outputs.len() == inputs.len(), "not one record for each case")?;
        require(store.used.len() == store.found.len(), "a tensor that nothing uses")?;
        Ok(Document { claim, nodes, outputs_of_graph, parameters, inputs, outputs })
    }
}

/// A claim of kind `gradient` or `adjoint` about so many cases.
fn read_derivatives(
    claim: &Json,
    (nodes, outputs): (&[Node], &BTreeMap<String, usize>),
    cases: usize,
    store: &mut Store,
) -> Result<Claim, Malformed> {
    let gradient = string(member(claim, "kind"))? == "gradient";
    let keys =
        if gradient { ["tolerance", "gradients", "?cotangents"] } else { ["method", "?tangents", "?cotangents"] };
    let [_, first, sources, cotangents] = fields(claim, ["kind", keys[0], keys[1], keys[2]])?;
    let of = |op: &str| -> BTreeMap<String, Vec<usize>> {
        let named = nodes.iter().filter(|node| node.op == op);
        named.filter_map(|node| Some((node.name()?.to_owned(), node.shape.clone()))).collect()
    };
    let ends = outputs.iter().map(|(name, &id)| (name.clone(), nodes[id].shape.clone())).collect();
    let (inputs, parameters) = (of("input"), of("const"));
    let sources = sources.map_or(Ok(&[][..]), |sources| array(Some(sources)))?;
    let stated = cotangents.map(|cotangents| array(Some(cotangents))).transpose()?;
    require(stated.is_none_or(|stated| stated.len() == sources.len()), "not one record of cotangents for each case")?;
    let mut vectors = Vec::new();
    for (case, record) in sources.iter().enumerate() {
        let [of_inputs, of_parameters] = fields(record, ["?inputs", "?parameters"])?;
        let cotangents = stated.map(|stated| store.some(Some(&stated[case]), &ends)).transpose()?;
        require(cotangents.as_ref().is_none_or(|stated| !stated.is_empty()), "no cotangent in a record of them")?;
        let twice = cotangents.iter().flat_map(|stated| stated.keys().map(|name| outputs[name]));
        require(twice.clone().count() == twice.collect::<BTreeSet<_>>().len(), "two cotangents of a node")?;
        let read = Vectors {
            inputs: of_inputs.map_or(Ok(Tensors::new()), |given| store.some(Some(given), &inputs))?,
            parameters: of_parameters.map_or(Ok(Tensors::new()), |given| store.some(Some(given), &parameters))?,
            cotangents,
        };
        require(!read.inputs.is_empty() || !read.parameters.is_empty(), "a case without a record")?;
        vectors.push(read);
    }
    require(vectors.len() == cases, "not one record for each case")?;
    if gradient {
        let one = outputs.len() == 1 && outputs.values().all(|&id| nodes[id].shape.iter().product::<usize>() == 1);
        require(one || stated.is_some(), "no cotangents, and the outputs are not one number")?;
        require(!vectors.is_empty(), "no cases")?;
        return Ok(Claim::Gradient(read_tolerance(first.ok_or("tolerance")?)?, vectors));
    }
    let method = string(first)?;
    require(["identity", "exact", "enclosure"].contains(&method), method)?;
    let listed = !vectors.is_empty() && stated.is_some();
    require(if method == "identity" { vectors.is_empty() } else { listed }, "points that do not fit the method")?;
    Ok(Claim::Adjoint(method.into(), vectors))
}

pub(super) fn require(condition: bool, what: &str) -> Result<(), Malformed> {
    if condition { Ok(()) } else { Err(what.into()) }
}

pub(super) fn pairs(value: Option<&Json>) -> Result<&[(String, Json)], Malformed> {
    let Some(Json::Object(pairs)) = value else { return Err("not an object".into()) };
    let keys: BTreeSet<&String> = pairs.iter().map(|(key, _)| key).collect();
    require(keys.len() == pairs.len(), "a key twice")?;
    Ok(pairs)
}

pub(super) fn member<'a>(value: &'a Json, key: &str) -> Option<&'a Json> {
    pairs(Some(value)).ok()?.iter().find(|(name, _)| name == key).map(|(_, value)| value)
}

/// The values of an object with these keys (`?key`: may be absent) and no other.
pub(super) fn fields<'a, const N: usize>(value: &'a Json, keys: [&str; N]) -> Result<[Option<&'a Json>; N], Malformed> {
    let given = pairs(Some(value))?;
    let found = keys.map(|key| member(value, key.trim_start_matches('?')));
    for (key, found) in keys.iter().zip(&found) {
        require(found.is_some() || key.starts_with('?'), key)?;
    }
    require(given.len() == found.iter().flatten().count(), "an unknown key")?;
    Ok(found)
}

pub(super) fn string(value: Option<&Json>) -> Result<&str, Malformed> {
    if let Some(Json::String(text)) = value { Ok(text) } else { Err("not a string".into()) }
}

pub(super) fn array(value: Option<&Json>) -> Result<&[Json], Malformed> {
    if let Some(Json::Array(items)) = value { Ok(items) } else { Err("not an array".into()) }
}

pub(super) fn boolean(value: Option<&Json>) -> Result<bool, Malformed> {
    if let Some(Json::Bool(value)) = value { Ok(*value) } else { Err("not a boolean".into()) }
}

/// An integer of 63 bits, not negative.
pub(super) fn natural(value: Option<&Json>) -> Result<usize, Malformed> {
    let Some(Json::Number(text)) = value else { return Err("not a number".into()) };
    require(text.bytes().all(|c| c.is_ascii_digit()), "not a natural number")?;
    text.parse().ok().filter(|&n: &usize| n < 1 << 63).ok_or_else(|| "too large".into())
}

pub(super) fn naturals(value: Option<&Json>) -> Result<Vec<usize>, Malformed> {
    array(value)?.iter().map(|item| natural(Some(item))).collect()
}

fn shape(value: Option<&Json>) -> Result<Vec<usize>, Malformed> {
    let shape = naturals(value)?;
    let elements = shape.iter().try_fold(1usize, |product, &extent| product.checked_mul(extent));
    require(shape.len() <= 8 && elements.is_some_and(|n| n > 0 && n < 1 << 31), "no shape")?;
    Ok(shape)
}

/// The rational number that a text of §2 denotes.
pub fn exact(text: &str) -> Result<Rational, Malformed> {
    let (negative, rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (base, mark, rest) = rest.strip_prefix("0x").map_or((10, 'e', rest), |rest| (16, 'p', rest));
    let digits = |part: &str| {
        let fits = !part.is_empty() && part.chars().all(|c| c.is_digit(base as u32));
        if fits { Integer::from_str_radix(part, base).map_err(|e| e.to_string()) } else { Err(format!("{text:?}")) }
    };
    let magnitude = if let Some((above, below)) = rest.split_once('/').filter(|_| base == 10) {
        let below = digits(below)?;
        require(below != 0, "a denominator of zero")?;
        Rational::from((digits(above)?, below))
    } else {
        let (number, power) = rest.split_once(mark).map_or((rest, None), |(number, power)| (number, Some(power)));
        let (whole, part) = number.split_once('.').map_or((number, None), |(whole, part)| (whole, Some(part)));
        let mut value = Rational::from(digits(whole)?);
        if let Some(part) = part {
            let scale = Integer::from(base).pow(u32::try_from(part.len()).map_err(|e| e.to_string())?);
            value += Rational::from((digits(part)?, scale));
        }
        if let Some(power) = power {
            let unsigned = power.strip_prefix(['+', '-']).unwrap_or(power);
            require(!unsigned.is_empty() && unsigned.bytes().all(|c| c.is_ascii_digit()), "an exponent")?;
            let exponent = unsigned.parse::<u32>().ok().filter(|&e| e <= 4096).ok_or("an exponent beyond 4096")?;
            let scale = Rational::from(Integer::from(if base == 10 { 10 } else { 2 }).pow(exponent));
            if power.starts_with('-') { value /= scale } else { value *= scale }
        }
        value
    };
    Ok(if negative { -magnitude } else { magnitude })
}

/// The tensors of the listed files, and which of them were asked for.
struct Store {
    found: BTreeMap<(String, String), Tensor>,
    used: BTreeSet<(String, String)>,
}

impl Store {
    fn open(listed: Option<&Json>, files: &Files) -> Result<Store, Malformed> {
        let mut found = BTreeMap::new();
        for (path, digest) in listed.map_or(Ok(&[][..]), |listed| pairs(Some(listed)))? {
            let bytes = files.get(path).ok_or("a file that is not there")?;
            let hexadecimal: String = Sha256::digest(bytes.as_slice()).iter().map(|b| format!("{b:02x}")).collect();
            require(string(Some(digest))? == hexadecimal, "another digest")?;
            let length = bytes.first_chunk().map(|&first| u64::from_le_bytes(first)).ok_or("a file cut short")?;
            let end = usize::try_from(length).ok().and_then(|n| n.checked_add(8)).ok_or("a file cut short")?;
            let table = Json::read(bytes.get(8..end).ok_or("a file cut short")?)?;
            let (data, mut entries) = (&bytes[end..], Vec::new());
            for (name, entry) in pairs(Some(&table))?.iter().filter(|(name, _)| name != "__metadata__") {
                let [dtype, extents, offsets] = fields(entry, ["dtype", "shape", "data_offsets"])?;
                require(string(dtype)? == "F32", "not binary32")?;
                entries.push((naturals(offsets)?, shape(extents)?, name));
            }
            entries.sort();
            require(!entries.is_empty(), "a file without tensors")?;
            let mut at = 0;
            for (offsets, shape, name) in entries {
                let to = at + 4 * shape.iter().product::<usize>();
                require(offsets == [at, to], "entries that do not cover the data")?;
                let words = data.get(at..to).ok_or("a file cut short")?.chunks_exact(4);
                let words = words.map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]])).collect();
                found.insert((path.clone(), name.clone()), Tensor { shape, words: Rc::new(words) });
                at = to;
            }
            require(at == data.len(), "bytes that no entry covers")?;
        }
        Ok(Store { found, used: BTreeSet::new() })
    }

    /// The tensors of an object, exactly those that are asked for.
    fn tensors(&mut self, object: Option<&Json>, asked: &BTreeMap<String, Vec<usize>>) -> Result<Tensors, Malformed> {
        let read = self.some(object, asked)?;
        require(read.len() == asked.len(), "a tensor is missing")?;
        Ok(read)
    }

    /// The tensors of an object, some of those that are asked for.
    fn some(&mut self, object: Option<&Json>, asked: &BTreeMap<String, Vec<usize>>) -> Result<Tensors, Malformed> {
        let mut read = Tensors::new();
        for (name, value) in pairs(object)? {
            let tensor = self.tensor(value)?;
            require(asked.get(name) == Some(&tensor.shape), "a tensor that is not asked for, or not in this shape")?;
            read.insert(name.clone(), tensor);
        }
        Ok(read)
    }

    fn tensor(&mut self, value: &Json) -> Result<Tensor, Malformed> {
        if member(value, "words").is_some() {
            let [extents, words] = fields(value, ["shape", "words"])?;
            let (shape, text) = (shape(extents)?, string(words)?);
            let words = text.split(' ').map(|word| {
                let fits = word.len() == 8 && word.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
                if fits { u32::from_str_radix(word, 16).map_err(|e| e.to_string()) } else { Err("a word".into()) }
            });
            let words = words.collect::<Result<Vec<u32>, _>>()?;
            require(words.len() == shape.iter().product::<usize>(), "words that do not fill the shape")?;
            return Ok(Tensor { shape, words: Rc::new(words) });
        }
        let [extents, file, tensor] = fields(value, ["shape", "file", "tensor"])?;
        let place = (string(file)?.to_owned(), string(tensor)?.to_owned());
        let tensor = self.found.get(&place).ok_or("no such tensor")?;
        require(tensor.shape == shape(extents)?, "another shape than in the file")?;
        self.used.insert(place);
        Ok(tensor.clone())
    }
}

fn read_graph(graph: Option<&Json>) -> Result<(Vec<Node>, BTreeMap<String, usize>), Malformed> {
    let [list, outputs] = fields(graph.ok_or("graph")?, ["nodes", "outputs"])?;
    let mut nodes: Vec<Node> = Vec::new();
    for node in array(list)? {
        let [op, parents, extents, attributes] = fields(node, ["op", "parents", "shape", "?attributes"])?;
        let parents = naturals(parents)?;
        require(parents.iter().all(|&parent| parent < nodes.len()), "a parent that is not earlier")?;
        let mut read = BTreeMap::new();
        for (name, value) in attributes.map_or(Ok(&[][..]), |attributes| pairs(Some(attributes)))? {
            let attribute = match (name.as_str(), value) {
                ("epsilon" | "factor" | "slope" | "alpha" | "beta" | "delta" | "margin" | "positive_weight", value) => {
                    Attribute::Number(exact(string(Some(value))?)?)
                }
                ("lo" | "hi" | "value" | "divisor", value) => {
                    let items = array(Some(value))?.iter().map(|item| exact(string(Some(item))?));
                    Attribute::Numbers(items.collect::<Result<_, _>>()?)
                }
                (_, value) => Attribute::Plain(value.clone()),
            };
            read.insert(name.clone(), attribute);
        }
        let node = Node { op: string(op)?.into(), attributes: read, parents, shape: shape(extents)? };
        nodes.push(node);
    }
    let mut named = BTreeMap::new();
    for (name, id) in pairs(outputs)? {
        named.insert(name.clone(), natural(Some(id))?);
    }
    require(!named.is_empty() && named.values().all(|&id| id < nodes.len()), "an output that is no node")?;
    let mut live: BTreeSet<usize> = named.values().copied().collect();
    for id in (0..nodes.len()).rev() {
        require(live.contains(&id), "a node that leads nowhere")?;
        live.extend(&nodes[id].parents);
    }
    Ok((nodes, named))
}
