//! What a certificate says: a strict second reading of `certs/FORMAT.md`.
//!
//! Two documents are equal when they claim the same of the same graph, parameters and inputs: order of keys, ways to write a number,
//! inline or in a file, `about`, `producer` and `witness` make no difference.

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

/// `tolerance` of a `forward` claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tolerance {
    /// Absolute part.
    pub abs: Rational,
    /// Part relative to the greater magnitude.
    pub rel: Rational,
    /// Factor of both.
    pub slack: Rational,
}

/// An order of terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// One chain.
    Sequential,
    /// Halves down to chains of at most so many terms.
    Pairwise(usize),
    /// Lanes, and how they are combined.
    Lanes(usize, String),
    /// Blocks of so many terms.
    Blocks(usize, Box<Order>),
    /// An explicit tree.
    Tree(Vec<(usize, usize)>),
}

/// The order of a reduction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Order of the terms.
    pub order: Order,
    /// Whether products of a chain are fused into it.
    pub fma: bool,
    /// Whether chains start from +0.
    pub from_zero: bool,
    /// Whether the bias comes first.
    pub bias_first: bool,
}

/// `execution` of an `exec` claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Execution {
    /// Rounding direction.
    pub rounding: String,
    /// Whether NaNs are handed on as x86 does.
    pub propagate: bool,
    /// The schedule of every reduction …
    pub schedule: Schedule,
    /// … but those of these nodes.
    pub nodes: BTreeMap<usize, Schedule>,
}

/// What is claimed of the outputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// They are within a tolerance of the exact values.
    Forward(Tolerance),
    /// They are the words of an execution.
    Exec(Box<Execution>),
    /// A kind that is not read here, with sorted keys.
    Other(String, Json),
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
    /// The recorded outputs of each case; none for a kind that is not read here.
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
        require(!inputs.is_empty(), "no cases")?;
        let mut records = |outputs: Option<&Json>| {
            let records = array(outputs)?.iter().map(|record| store.tensors(Some(record), &recorded));
            records.collect::<Result<Vec<Tensors>, _>>()
        };
        let claim = claim.ok_or("claim")?;
        let (claim, outputs) = match string(member(claim, "kind"))? {
            "forward" => {
                let [_, tolerance, outputs] = fields(claim, ["kind", "tolerance", "outputs"])?;
                let [abs, rel, slack] = fields(tolerance.ok_or("tolerance")?, ["abs", "rel", "?slack"])?;
                let [abs, rel] = [exact(string(abs)?)?, exact(string(rel)?)?];
                let slack = slack.map_or(Ok(Rational::from(1)), |slack| exact(string(Some(slack))?))?;
                require(abs >= 0 && rel >= 0 && slack >= 0, "a negative tolerance")?;
                (Claim::Forward(Tolerance { abs, rel, slack }), records(outputs)?)
            }
            "exec" => {
                let [_, execution, outputs] = fields(claim, ["kind", "execution", "outputs"])?;
                let execution = read_execution(execution.ok_or("execution")?, nodes.len())?;
                (Claim::Exec(Box::new(execution)), records(outputs)?)
            }
            kind => (Claim::Other(kind.into(), claim.clone().sorted()), Vec::new()),
        };
        if !matches!(claim, Claim::Other(..)) {
            require(outputs.len() == inputs.len(), "not one record for each case")?;
            require(store.used.len() == store.found.len(), "a tensor that nothing uses")?;
        }
        Ok(Document { claim, nodes, outputs_of_graph, parameters, inputs, outputs })
    }
}

fn require(condition: bool, what: &str) -> Result<(), Malformed> {
    if condition { Ok(()) } else { Err(what.into()) }
}

fn pairs(value: Option<&Json>) -> Result<&[(String, Json)], Malformed> {
    let Some(Json::Object(pairs)) = value else { return Err("not an object".into()) };
    let keys: BTreeSet<&String> = pairs.iter().map(|(key, _)| key).collect();
    require(keys.len() == pairs.len(), "a key twice")?;
    Ok(pairs)
}

fn member<'a>(value: &'a Json, key: &str) -> Option<&'a Json> {
    pairs(Some(value)).ok()?.iter().find(|(name, _)| name == key).map(|(_, value)| value)
}

/// The values of an object with these keys (`?key`: may be absent) and no other.
fn fields<'a, const N: usize>(value: &'a Json, keys: [&str; N]) -> Result<[Option<&'a Json>; N], Malformed> {
    let given = pairs(Some(value))?;
    let found = keys.map(|key| member(value, key.trim_start_matches('?')));
    for (key, found) in keys.iter().zip(&found) {
        require(found.is_some() || key.starts_with('?'), key)?;
    }
    require(given.len() == found.iter().flatten().count(), "an unknown key")?;
    Ok(found)
}

fn string(value: Option<&Json>) -> Result<&str, Malformed> {
    if let Some(Json::String(text)) = value { Ok(text) } else { Err("not a string".into()) }
}

fn array(value: Option<&Json>) -> Result<&[Json], Malformed> {
    if let Some(Json::Array(items)) = value { Ok(items) } else { Err("not an array".into()) }
}

fn boolean(value: Option<&Json>) -> Result<bool, Malformed> {
    if let Some(Json::Bool(value)) = value { Ok(*value) } else { Err("not a boolean".into()) }
}

/// An integer of 63 bits, not negative.
fn natural(value: Option<&Json>) -> Result<usize, Malformed> {
    let Some(Json::Number(text)) = value else { return Err("not a number".into()) };
    require(text.bytes().all(|c| c.is_ascii_digit()), "not a natural number")?;
    text.parse().ok().filter(|&n: &usize| n < 1 << 63).ok_or_else(|| "too large".into())
}

fn naturals(value: Option<&Json>) -> Result<Vec<usize>, Malformed> {
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
        let mut read = Tensors::new();
        for (name, value) in pairs(object)? {
            let tensor = self.tensor(value)?;
            require(asked.get(name) == Some(&tensor.shape), "a tensor that is not asked for, or not in this shape")?;
            read.insert(name.clone(), tensor);
        }
        require(read.len() == asked.len(), "a tensor is missing")?;
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
                ("epsilon" | "factor" | "slope" | "alpha" | "beta", value) => {
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

fn read_execution(value: &Json, count: usize) -> Result<Execution, Malformed> {
    let [rounding, nan, schedule, overrides] = fields(value, ["rounding", "nan", "schedule", "?nodes"])?;
    let rounding = choice(rounding, &["nearest_even", "toward_zero", "down", "up", "nearest_away"])?;
    let propagate = choice(nan, &["canonical", "propagate_x86"])? == "propagate_x86";
    let schedule = read_schedule(schedule.ok_or("schedule")?)?;
    let mut nodes = BTreeMap::new();
    for entry in overrides.map_or(Ok(&[][..]), |entries| array(Some(entries)))? {
        let [node, schedule] = fields(entry, ["node", "schedule"])?;
        let id = natural(node)?;
        let first = nodes.insert(id, read_schedule(schedule.ok_or("schedule")?)?).is_none();
        require(first && id < count, "two schedules of a node, or one of none")?;
    }
    Ok(Execution { rounding, propagate, schedule, nodes })
}

fn choice(value: Option<&Json>, words: &[&str]) -> Result<String, Malformed> {
    let text = string(value)?;
    require(words.contains(&text), text)?;
    Ok(text.into())
}

fn read_schedule(value: &Json) -> Result<Schedule, Malformed> {
    let [order, fma, start, bias] = fields(value, ["order", "fma", "start", "bias"])?;
    Ok(Schedule {
        order: read_order(order.ok_or("order")?, 0)?,
        fma: boolean(fma)?,
        from_zero: choice(start, &["first_term", "zero"])? == "zero",
        bias_first: choice(bias, &["last", "first"])? == "first",
    })
}

fn read_order(value: &Json, depth: usize) -> Result<Order, Malformed> {
    let positive = |value| natural(value).and_then(|n| if n > 0 { Ok(n) } else { Err("zero".to_owned()) });
    Ok(match string(member(value, "kind"))? {
        "sequential" => fields(value, ["kind"]).map(|_| Order::Sequential)?,
        "pairwise" => fields(value, ["kind", "leaf"]).and_then(|[_, leaf]| Ok(Order::Pairwise(positive(leaf)?)))?,
        "lanes" => {
            let [_, width, combine] = fields(value, ["kind", "width", "combine"])?;
            Order::Lanes(positive(width)?, choice(combine, &["sequential", "halving", "adjacent"])?)
        }
        "blocks" => {
            let [_, size, inner] = fields(value, ["kind", "size", "inner"])?;
            require(depth < 8, "blocks too deep")?;
            Order::Blocks(positive(size)?, Box::new(read_order(inner.ok_or("inner")?, depth + 1)?))
        }
        "tree" => {
            require(depth == 0, "a tree among blocks")?;
            let [_, pairs] = fields(value, ["kind", "pairs"])?;
            let pairs = array(pairs)?.iter().map(|pair| match naturals(Some(pair))?[..] {
                [left, right] => Ok((left, right)),
                _ => Err("a pair of not two".to_owned()),
            });
            Order::Tree(pairs.collect::<Result<_, _>>()?)
        }
        other => return Err(other.into()),
    })
}
