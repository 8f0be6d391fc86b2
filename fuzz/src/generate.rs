//! Small well-formed graphs with data, from the bytes of the fuzzer.
//!
//! Operations are drawn from the kernel's own vocabulary ([`Op::KEYWORDS`]) and their attributes are filled in from the kernel's own schemas
//! ([`Op::schemas`]), so that an operation that joins the vocabulary is fuzzed without a change here. What depends on the names is a help to hit legal
//! values more often; the kernel's shape rule decides what is kept.

use arbitrary::{Result, Unstructured};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::LazyLock;
use tl_kernel::Limits;
use tl_kernel::cert::json::{Cursor, Json};
use tl_kernel::context::binary32::schedule::{BiasPosition, Combine, Order, Schedule, Start};
use tl_kernel::ir::attributes::Attribute;
use tl_kernel::ir::evaluate::Named;
use tl_kernel::ir::{CheckedGraph, Graph, Node, Shape, Tensor};
use tl_kernel::spec::Op;
use tl_kernel::spec::constant::Const;
use tl_kernel::spec::input::Input;

/// Most elements of one generated tensor.
const ELEMENTS: usize = 128;
/// Most work of one generated node, in multiply-adds.
const WORK: u64 = 1 << 11;

/// Keyword, number of parents, names and schemas of the attributes.
type Schema = (&'static str, RangeInclusive<usize>, Vec<(String, Json)>);

/// A graph with the data that it asks for.
#[derive(Debug)]
pub struct Case {
    /// The graph.
    pub graph: CheckedGraph,
    /// Its parameters.
    pub parameters: Named<u32>,
    /// One input.
    pub inputs: Named<u32>,
}

/// Nodes so far.
#[derive(Default)]
struct Draft {
    nodes: Vec<Node>,
}

/// A case; `None` when the bytes lead to nothing but sources.
pub fn case(u: &mut Unstructured) -> Result<Option<Case>> {
    let mut draft = Draft::default();
    let first = shape(u)?;
    draft.source(u, first)?;
    for _ in 0..u.int_in_range(1..=7)? {
        draft.step(u)?;
    }
    let Draft { nodes } = draft;
    if nodes.iter().all(|node| node.op.is_source()) {
        return Ok(None);
    }
    let used: BTreeSet<usize> = nodes.iter().flat_map(|node| node.parents.iter().copied()).collect();
    let sinks = (0..nodes.len()).filter(|id| !used.contains(id));
    let outputs = sinks.map(|id| (format!("y{id}"), id)).collect();
    let unlimited = Limits { nodes: usize::MAX, elements: usize::MAX, work: u64::MAX, ..crate::limits() };
    let graph = Graph { nodes, outputs }.check("", &unlimited).expect("a generated graph is well-formed");
    let kind = u.int_in_range(0..=9)?;
    let mut fill = |sources: Vec<(String, Shape)>| -> Result<Named<u32>> {
        let mut named = BTreeMap::new();
        for (name, shape) in sources {
            let words = (0..shape.elements()).map(|_| word(u, kind)).collect::<Result<_>>()?;
            named.insert(name, Tensor::new(shape, words).expect("as many words as elements"));
        }
        Ok(named)
    };
    let owned = |(name, shape): (&str, &Shape)| (name.to_string(), shape.clone());
    let parameters = fill(graph.constants().map(owned).collect())?;
    let inputs = fill(graph.inputs().map(owned).collect())?;
    Ok(Some(Case { graph, parameters, inputs }))
}

impl Draft {
    /// A new source, an input or a constant.
    fn source(&mut self, u: &mut Unstructured, shape: Shape) -> Result<usize> {
        let (id, name) = (self.nodes.len(), format!("s{}", self.nodes.len()));
        let op = if u.arbitrary()? { Op::Input(Input { name }) } else { Op::Const(Const { name }) };
        self.nodes.push(Node { op, parents: Vec::new(), shape });
        Ok(id)
    }

    /// Tries to add one operation on an earlier node; what its rules refuse leaves no trace.
    fn step(&mut self, u: &mut Unstructured) -> Result<()> {
        static SCHEMAS: LazyLock<Vec<Schema>> = LazyLock::new(Op::schemas);
        let schemas = &*SCHEMAS;
        let (keyword, arity, attributes) = &schemas[u.choose_index(schemas.len())?];
        if *arity.end() == 0 {
            return Ok(());
        }
        let before = self.nodes.len();
        let parent = if u.ratio(2, 3)? { before - 1 } else { u.choose_index(before)? };
        let x = self.nodes[parent].shape.clone();
        let mut parents = vec![parent];
        for companion in companions(u, keyword, &x, *arity.start(), (*arity.end()).min(4))? {
            let alike: Vec<usize> = (0..self.nodes.len()).filter(|&id| self.nodes[id].shape == companion).collect();
            parents.push(match alike.is_empty() || u.ratio(1, 2)? {
                true => self.source(u, companion)?,
                false => *u.choose(&alike)?,
            });
        }
        let mut entries = Vec::new();
        for (name, schema) in attributes {
            entries.push((name.clone(), attribute(u, keyword, name, schema, &x)?));
        }
        let node = Json::object([("op", Json::string(*keyword)), ("attributes", Json::Object(entries))]);
        let decode = |node: Json| Cursor::root(node).object().and_then(|mut node| Op::decode(&mut node));
        let op = decode(node);
        let shapes: Vec<&Shape> = parents.iter().map(|&id| &self.nodes[id].shape).collect();
        let accepted = op.ok().and_then(|op| {
            let shape = op.shape(&shapes).ok()?;
            (shape.elements() <= ELEMENTS && op.work(&shapes, &shape) <= WORK).then_some((op, shape))
        });
        match accepted {
            Some((op, shape)) => self.nodes.push(Node { op, parents, shape }),
            None => self.nodes.truncate(before),
        }
        Ok(())
    }
}

/// A small shape, most often of one to four dimensions.
fn shape(u: &mut Unstructured) -> Result<Shape> {
    let rank = *u.choose(&[0, 1, 1, 2, 2, 3, 3, 3, 4, 4, 4, 5])?;
    let mut dimensions = Vec::new();
    for _ in 0..rank {
        dimensions.push(u.int_in_range(1..=5)?);
    }
    let valid = Shape::new(dimensions).ok().filter(|shape| shape.elements() <= ELEMENTS);
    Ok(valid.unwrap_or_else(Shape::scalar))
}

/// The shapes of the other parents of an operation on `x`.
fn companions(u: &mut Unstructured, keyword: &str, x: &Shape, least: usize, most: usize) -> Result<Vec<Shape>> {
    let dims = x.dimensions();
    let (channels, last) = (dims.get(1).copied().unwrap_or(1), dims.last().copied().unwrap_or(1));
    let out = u.int_in_range(1..=3)?;
    let optional: bool = u.arbitrary()?;
    let mut kernel = Vec::new();
    for _ in dims.iter().skip(2) {
        kernel.push(u.int_in_range(1..=3)?);
    }
    let vector = |n: usize| vec![n];
    let mut shapes: Vec<Vec<usize>> = match keyword {
        "linear" => vec![vec![out, last], vector(out)],
        "matmul" => {
            let mut right =
                if u.ratio(1, 4)? { dims.iter().rev().skip(2).rev().copied().collect() } else { Vec::new() };
            right.push(last);
            right.extend(u.ratio(3, 4)?.then_some(out));
            vec![right]
        }
        "conv" => {
            let divisors: Vec<usize> = (1..=channels).filter(|d| channels % d == 0).collect();
            let fan = *u.choose(&divisors)?;
            let out = out * if u.arbitrary()? { channels / fan } else { 1 };
            vec![[&[out, fan], kernel.as_slice()].concat(), vector(out)]
        }
        "conv_transpose" => vec![[&[channels, out], kernel.as_slice()].concat(), vector(out)],
        "batch_norm" => vec![vector(channels); if optional { 4 } else { 2 }],
        "group_norm" | "instance_norm" => vec![vector(channels); 2],
        "layer_norm" | "rms_norm" => {
            let axis = u.int_in_range(0..=x.rank())?;
            vec![dims.get(axis..).unwrap_or_default().to_vec(); 2]
        }
        _ => vec![dims.to_vec(); most - 1],
    };
    let wanted = if keyword == "batch_norm" { shapes.len() } else { u.int_in_range(least - 1..=most - 1)? };
    shapes.truncate(wanted);
    Ok(shapes.into_iter().map(|dims| Shape::new(dims).unwrap_or_else(|_| Shape::scalar())).collect())
}

/// A value for an attribute of an operation on `x`, of the form that its schema asks for.
fn attribute(u: &mut Unstructured, keyword: &str, name: &str, schema: &Json, x: &Shape) -> Result<Json> {
    let key = |schema: &Json, wanted: &str| match schema {
        Json::Object(entries) => entries.iter().find(|(key, _)| key == wanted).map(|(_, value)| value.clone()),
        _ => None,
    };
    if let Some(Json::Array(choices)) = key(schema, "enum") {
        return Ok(u.choose(&choices)?.clone());
    }
    match (key(schema, "type"), key(schema, "$ref")) {
        (_, Some(Json::String(of))) if of.ends_with("exact") => exact(u),
        (_, Some(_)) => Ok(target_shape(u, keyword, x)?.encode()),
        (Some(Json::String(of)), _) => match of.as_str() {
            "boolean" => Ok(Json::Bool(u.arbitrary()?)),
            "integer" => integer(u, name, x),
            "array" => {
                let items = key(schema, "items").unwrap_or(Json::Null);
                let length = match name {
                    "lo" | "hi" | "value" | "divisor" => u.int_in_range(0..=1)?,
                    "axes" => u.int_in_range(0..=x.rank())?,
                    "order" | "start" | "end" | "step" | "before" | "after" => x.rank(),
                    "indices" => u.int_in_range(1..=3)?,
                    _ if u.ratio(1, 32)? => u.int_in_range(0..=4)?,
                    _ => x.rank().saturating_sub(2),
                };
                let mut values = Vec::new();
                for axis in 0..length {
                    let extent = x.dimensions().get(axis).copied().unwrap_or(1);
                    values.push(match (name, &key(&items, "type")) {
                        ("order", _) => Json::Integer(axis as i64),
                        ("end", _) if u.ratio(1, 2)? => Json::Integer(extent as i64),
                        ("start", _) if u.ratio(1, 2)? => Json::Integer(0),
                        (_, Some(_)) => integer(u, name, x)?,
                        _ => exact(u)?,
                    });
                }
                if name == "order" {
                    for i in (1..length).rev() {
                        values.swap(i, u.int_in_range(0..=i)?);
                    }
                }
                if name == "axes" {
                    values.sort_by_key(|value| if let Json::Integer(n) = value { *n } else { 0 });
                    values.dedup();
                }
                Ok(Json::Array(values))
            }
            _ => Ok(Json::string("name")),
        },
        _ => Ok(Json::Null),
    }
}

/// A shape for reshape (the elements of `x` in another way), broadcast (more of them), or any.
fn target_shape(u: &mut Unstructured, keyword: &str, x: &Shape) -> Result<Vec<usize>> {
    match keyword {
        "reshape" => {
            let (mut left, mut dimensions) = (x.elements(), Vec::new());
            while left > 1 && dimensions.len() < 4 {
                let divisors: Vec<usize> = (1..=left).filter(|d| left % d == 0).collect();
                let dimension = *u.choose(&divisors)?;
                left /= dimension;
                dimensions.push(dimension);
            }
            dimensions.push(left);
            Ok(dimensions)
        }
        "broadcast" => {
            let mut dimensions = x.dimensions().to_vec();
            for dimension in &mut dimensions {
                if *dimension == 1 {
                    *dimension = u.int_in_range(1..=3)?;
                }
            }
            if u.arbitrary()? {
                dimensions.insert(0, u.int_in_range(1..=3)?);
            }
            Ok(dimensions)
        }
        _ => Ok(shape(u)?.dimensions().iter().map(|&d| d.min(3)).take(1).collect()),
    }
}

/// An integer that suits an attribute of this name, rarely any.
fn integer(u: &mut Unstructured, name: &str, x: &Shape) -> Result<Json> {
    if u.ratio(1, 64)? {
        return Ok(Json::Integer(u.arbitrary()?));
    }
    let last = x.rank().saturating_sub(1) as i64;
    Ok(Json::Integer(match name {
        "axis" | "axes" | "first" | "second" | "first_axis" | "last_axis" => u.int_in_range(0..=last)?,
        "stride" | "dilation" | "kernel" | "groups" => *u.choose(&[1, 1, 1, 2, 2, 3])?,
        "size" | "output" => u.int_in_range(1..=5)?,
        "step" => *u.choose(&[1, 1, 1, 2, -1, -2])?,
        "end" => u.int_in_range(-1..=5)?,
        _ => *u.choose(&[0, 0, 0, 1, 1, 2, 3])?,
    }))
}

/// An exact number: a plain one, a fraction, or one at the far ends of what the notation allows.
fn exact(u: &mut Unstructured) -> Result<Json> {
    const PLAIN: &[&str] = &[
        "0",
        "1",
        "2",
        "-1",
        "0.5",
        "1/3",
        "3",
        "1e-5",
        "0.01",
        "1.5",
        "-0.2",
        "0x1.921fb6p+1",
        "7",
        "0.1",
        "16777217",
    ];
    const FAR: &[&str] =
        &["1e300", "-1e300", "1e-300", "0x1p-149", "0x1p+128", "0x1p-4096", "1e900", "-0x1.fffffep+127", "0x1p-150"];
    Ok(Json::string(match u.int_in_range(0..=15)? {
        0 => u.choose(FAR)?.to_string(),
        1 => format!("{}/{}", u.arbitrary::<i16>()?, u.int_in_range(1..=1000)?),
        _ => u.choose(PLAIN)?.to_string(),
    }))
}

/// A word of a class that the whole case shares: mostly tame numbers, else any finite ones, else anything.
fn word(u: &mut Unstructured, kind: u8) -> Result<u32> {
    const SPECIAL: &[u32] = &[
        0x0000_0000,
        0x8000_0000,
        0x0000_0001,
        0x8000_0001,
        0x007f_ffff,
        0x0080_0000,
        0x3f7f_ffff,
        0x3f80_0001,
        0x4b80_0000,
        0x42b1_7217,
        0xc2d0_0000,
        0x7f7f_ffff,
        0xff7f_ffff,
        0x4049_0fdb,
        0x3fc9_0fdb,
    ];
    const TAME: &[u32] = &[
        0x0000_0000,
        0x3f80_0000,
        0xbf80_0000,
        0x4000_0000,
        0x3f00_0000,
        0x4040_0000,
        0xc000_0000,
        0x3e80_0000,
        0x4080_0000,
        0x3dcc_cccd,
        0x4110_0000,
        0xbf00_0000,
    ];
    let byte: u8 = u.arbitrary()?;
    let tame = TAME[usize::from(byte) % TAME.len()];
    Ok(match kind {
        0..=3 => tame,
        4..=5 => {
            (u32::from(byte) << 24 | u32::from(u.arbitrary::<u16>()?) << 8) & 0xbfff_ff00 | 0x2000_0000 & 0x3fff_ffff
        }
        6 => match byte % 4 {
            0 => SPECIAL[usize::from(byte / 4) % SPECIAL.len()],
            _ => tame,
        },
        7 | 8 => {
            let word: u32 = u.arbitrary()?;
            if word & 0x7f80_0000 == 0x7f80_0000 { word & 0xff7f_ffff } else { word }
        }
        _ if byte % 4 == 0 => *u.choose(&[0x7f80_0000, 0xff80_0000, 0x7fc0_0000, 0x7f80_0001, 0xffff_ffff])?,
        _ => u.arbitrary()?,
    })
}

/// A schedule of any order but a tree, which fits one number of terms only.
pub fn schedule(u: &mut Unstructured) -> Result<Schedule> {
    let combine = *u.choose(&[Combine::Sequential, Combine::Halving, Combine::Adjacent])?;
    let mut order = match u.int_in_range(0..=2)? {
        0 => Order::Sequential,
        1 => Order::Pairwise { leaf: u.int_in_range(1..=5)? },
        _ => Order::Lanes { width: u.int_in_range(1..=9)?, combine },
    };
    for _ in 0..u.int_in_range(0..=2)? {
        order = Order::Blocks { size: u.int_in_range(1..=6)?, inner: Box::new(order) };
    }
    Ok(Schedule {
        order,
        fma: u.arbitrary()?,
        start: *u.choose(&[Start::FirstTerm, Start::Zero])?,
        bias: *u.choose(&[BiasPosition::First, BiasPosition::Last])?,
    })
}
