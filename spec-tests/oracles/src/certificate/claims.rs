//! What each kind of claim states, read from its JSON.

use super::document::{
    Malformed, Tensor, Tensors, array, boolean, exact, fields, member, natural, naturals, require, string,
};
use super::json::Json;
use rug::Rational;
use std::collections::BTreeMap;

/// A tolerance (§5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tolerance {
    /// Absolute part.
    pub abs: Rational,
    /// Part relative to the greater magnitude.
    pub rel: Rational,
    /// Part in units in the last place of the recorded word.
    pub ulps: Rational,
    /// Factor of all.
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
    /// Every recorded node is within an allowance of its operation at recorded values.
    Trace(Trace),
    /// They are those of an execution, and apart from the exact ones.
    Divergence(Box<Execution>, Gap),
    /// Recorded gradients are within a tolerance of the exact ones.
    Gradient(Tolerance, Vec<Vectors>),
    /// The reverse rules are adjoint to the derivatives, at listed points unless the method is `identity`.
    Adjoint(String, Vec<Vectors>),
    /// A kind that is not read here, with sorted keys.
    Other(String, Json),
}

/// What a recorded element may be off by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allowance {
    /// As stated.
    Tolerance(Tolerance),
    /// So many times what rounding can explain, with functions within so many units.
    Rounding(Rational, usize),
}

/// A `trace` claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// The allowance of nodes …
    pub tolerance: Allowance,
    /// … but those of these operations.
    pub operations: BTreeMap<String, Allowance>,
    /// The recorded inner nodes of each case.
    pub nodes: Vec<BTreeMap<usize, Tensor>>,
}

/// Tensors of a case of a claim about derivatives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vectors {
    /// Of inputs: gradients or tangents.
    pub inputs: Tensors,
    /// Of parameters.
    pub parameters: Tensors,
    /// Of outputs, where they are stated.
    pub cotangents: Option<Tensors>,
}

impl Vectors {
    /// The tensor of an input or parameter (`input` or `const`), if it is listed.
    pub fn of(&self, op: &str, name: &str) -> Option<&Tensor> {
        if op == "input" { self.inputs.get(name) } else { self.parameters.get(name) }
    }
}

/// One element of an output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    /// The output.
    pub output: String,
    /// Its position.
    pub index: Vec<usize>,
    /// The position in row-major order.
    pub flat: usize,
}

/// Σ coefficient·element ≤ at_most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Constraint {
    /// The terms.
    pub terms: Vec<(Element, Rational)>,
    /// The bound.
    pub at_most: Rational,
}

/// How an execution and the exact values are apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gap {
    /// An element is beyond a tolerance.
    Element(Element, Tolerance),
    /// The greatest of a row of so many is not the greatest.
    Argmax(Element, usize),
    /// A property holds of one and not of the other.
    Decision(Vec<Vec<Constraint>>, bool),
}

pub(super) fn read_tolerance(value: &Json) -> Result<Tolerance, Malformed> {
    let [abs, rel, ulps, slack] = fields(value, ["abs", "rel", "?ulps", "?slack"])?;
    let [abs, rel] = [exact(string(abs)?)?, exact(string(rel)?)?];
    let slack = slack.map_or(Ok(Rational::from(1)), |slack| exact(string(Some(slack))?))?;
    let ulps = ulps.map_or(Ok(Rational::new()), |ulps| exact(string(Some(ulps))?))?;
    require(abs >= 0 && rel >= 0 && ulps >= 0 && slack >= 0, "a negative tolerance")?;
    Ok(Tolerance { abs, rel, ulps, slack })
}

pub(super) fn read_allowance(value: &Json) -> Result<Allowance, Malformed> {
    let Some(rounding) = member(value, "rounding") else { return read_tolerance(value).map(Allowance::Tolerance) };
    let [_] = fields(value, ["rounding"])?;
    let [factor, library] = fields(rounding, ["factor", "library"])?;
    let (factor, library) = (exact(string(factor)?)?, natural(library)?);
    require(factor >= 0 && library <= 65_536, "an allowance out of range")?;
    Ok(Allowance::Rounding(factor, library))
}

type Shapes<'a> = BTreeMap<&'a str, &'a [usize]>;

fn read_element(output: Option<&Json>, index: Option<&Json>, shapes: &Shapes<'_>) -> Result<Element, Malformed> {
    let (output, index) = (string(output)?.to_owned(), naturals(index)?);
    let shape = *shapes.get(output.as_str()).ok_or("an output that is not there")?;
    require(index.len() == shape.len() && index.iter().zip(shape).all(|(i, n)| i < n), "an index beyond the shape")?;
    let flat = index.iter().zip(shape).fold(0, |flat, (i, n)| flat * n + i);
    Ok(Element { output, index, flat })
}

pub(super) fn read_gap(value: &Json, shapes: &Shapes<'_>) -> Result<Gap, Malformed> {
    Ok(match string(member(value, "kind"))? {
        "element" => {
            let [_, output, index, beyond] = fields(value, ["kind", "output", "index", "beyond"])?;
            Gap::Element(read_element(output, index, shapes)?, read_tolerance(beyond.ok_or("beyond")?)?)
        }
        "argmax" => {
            let [_, output, index] = fields(value, ["kind", "output", "index"])?;
            let element = read_element(output, index, shapes)?;
            let row = *shapes[element.output.as_str()].last().ok_or("a row of no axis")?;
            Gap::Argmax(element, row)
        }
        "decision" => {
            let [_, property, binary32] = fields(value, ["kind", "property", "binary32"])?;
            let mut clauses = Vec::new();
            for clause in array(property)? {
                clauses
                    .push(array(Some(clause))?.iter().map(|l| read_constraint(l, shapes)).collect::<Result<_, _>>()?);
            }
            require(!clauses.is_empty() && !clauses.iter().any(Vec::is_empty), "an empty property")?;
            Gap::Decision(clauses, boolean(binary32)?)
        }
        other => return Err(other.into()),
    })
}

fn read_constraint(value: &Json, shapes: &Shapes<'_>) -> Result<Constraint, Malformed> {
    let [terms, at_most] = fields(value, ["terms", "at_most"])?;
    let mut read = Vec::new();
    for term in array(terms)? {
        let [output, index, coefficient] = fields(term, ["output", "index", "coefficient"])?;
        read.push((read_element(output, index, shapes)?, exact(string(coefficient)?)?));
    }
    require(!read.is_empty(), "a constraint without terms")?;
    Ok(Constraint { terms: read, at_most: exact(string(at_most)?)? })
}

pub(super) fn read_execution(value: &Json, count: usize) -> Result<Execution, Malformed> {
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
