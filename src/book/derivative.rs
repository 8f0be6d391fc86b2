//! The derivative of an item's function in three ways: forward mode over the values, the kernel's reverse rules, and the backward function that is written down.
//!
//! The readings are the kernel's: exact rationals where the function has rational values, else enclosures of 640 bits. Two enclosures agree when they meet and
//! their difference is below 10⁻¹⁰⁰: two functions that differ anywhere near the point would have to agree to a hundred digits by accident.

use super::program::{DX, DY, X, Y, exact_words};
use crate::error::Error;
use crate::model::Model;
use std::collections::BTreeSet;
use tl_kernel::cert::digest::Digest;
use tl_kernel::context::binary32::{RoundingMode, word::round_exact};
use tl_kernel::context::degree::{Degree, Degrees};
use tl_kernel::context::dual::{Dual, Pair};
use tl_kernel::context::rational::Rational;
use tl_kernel::context::real::{Ball, Real};
use tl_kernel::context::{Context, EvalError};
use tl_kernel::ir::evaluate::{Cut, Located, Named, read};
use tl_kernel::ir::reverse::{ById, all_values, pullback};
use tl_kernel::ir::{Tensor, evaluate};
use tl_kernel::number::{Direction, Dyadic, Exact};

/// Bits of the enclosures.
const BITS: u64 = 640;
/// 10^100 < 2^333.
const HUNDRED_DIGITS: i64 = 333;

/// A reading in which values can be compared and written as words.
trait Compared: Context {
    /// Whether its values are exact numbers.
    const EXACT: bool;
    /// Whether two values are one, as far as the reading can tell.
    fn agree(&self, a: &Self::Value, b: &Self::Value) -> bool;
    /// The nearest word, and whether it is the value.
    fn word(&self, a: &Self::Value) -> (u32, bool);
}

/// The nearest word of a number, as its text denotes it.
fn nearest(text: &str) -> (u32, bool) {
    let exact = Exact::parse(text).ok();
    let word = exact.as_ref().map_or(0, |x| round_exact(x, RoundingMode::NearestEven).0);
    (word, exact.is_some() && Exact::from_binary32(word) == exact)
}

impl Compared for Rational {
    const EXACT: bool = true;
    fn agree(&self, a: &Self::Value, b: &Self::Value) -> bool {
        a.to_rational() == b.to_rational()
    }
    fn word(&self, a: &Self::Value) -> (u32, bool) {
        nearest(&a.to_rational().to_string())
    }
}

impl Compared for Real {
    const EXACT: bool = false;
    fn agree(&self, a: &Ball, b: &Ball) -> bool {
        let difference = a.sub(b, BITS).abs();
        difference.upper() <= a.abs().lower().max(Dyadic::one()).scaled(-HUNDRED_DIGITS)
    }
    fn word(&self, a: &Ball) -> (u32, bool) {
        // 200 bits are enough to round from, and few enough to write down.
        let (word, exact) = nearest(&a.mid().round(200, Direction::Down).0.to_rational().to_string());
        (word, exact && a.is_exact())
    }
}

/// A point, a tangent of the variable, a cotangent of the value.
#[derive(Clone, Debug)]
pub(super) struct Direction3 {
    pub(super) x: Tensor<u32>,
    pub(super) v: Tensor<u32>,
    pub(super) u: Tensor<u32>,
}

/// What the three ways come to.
#[derive(Clone, Debug)]
pub(super) struct Compare {
    /// The cotangent of the variable, element by element, as words.
    pub(super) words: Vec<u32>,
    /// Whether the words are its values.
    pub(super) representable: bool,
    /// Whether the three ways were compared as exact numbers.
    pub(super) exact: bool,
    /// In what they differ.
    pub(super) fault: Option<String>,
}

/// The three ways at one point; `backward` may be left out, and then the kernel's rules are held against forward mode only.
pub(super) fn compare(forward: &Model, backward: Option<&Model>, at: &Direction3) -> Result<Compare, Error> {
    match ways(&Rational::default(), forward, backward, at) {
        Err(Located { error: EvalError::NotRational { .. }, .. }) => {
            ways(&Real::new(BITS), forward, backward, at).map_err(|located| Error::at_node(&forward.path, &located))
        }
        found => found.map_err(|located| Error::at_node(&forward.path, &located)),
    }
}

/// Whether the function has rational values at the point.
pub(super) fn is_rational(forward: &Model, x: &Tensor<u32>) -> bool {
    let context = Rational::default();
    let inputs = read(&context, x).map(|x| Named::from([(X.to_string(), x)]));
    inputs.is_ok_and(|inputs| evaluate(&forward.graph, |_| &context, &forward.parameters, &inputs).is_ok())
}

fn ways<C: Compared>(
    context: &C,
    forward: &Model,
    backward: Option<&Model>,
    at: &Direction3,
) -> Result<Compare, Located> {
    let outside = |error| Located { node: 0, op: "input", error };
    let datum = |tensor: &Tensor<u32>| read(context, tensor).map_err(outside);
    let (x, v, u) = (datum(&at.x)?, datum(&at.v)?, datum(&at.u)?);
    // Forward mode over the values of the operations.
    let dual = Dual(context);
    let mut tangents = v.data().iter().cloned();
    let pairs = x
        .try_map(|value| Ok::<_, EvalError>(Pair { value: value.clone(), tangent: tangents.next() }))
        .map_err(outside)?;
    let y = evaluate(&forward.graph, |_| &dual, &forward.parameters, &[(X.to_string(), pairs)].into())?;
    let y = y.get(Y).map_or(&[][..], |y| y.data());
    let moving = y.iter().zip(u.data()).filter_map(|(y, u)| Some((y.tangent.as_ref()?, u)));
    let slope = inner(context, moving).map_err(outside)?;
    // The kernel's reverse rules.
    let nodes = forward.graph.nodes();
    let of = |name: &str| nodes.iter().position(|node| node.op.source() == Some(("input", name)));
    let (Some(from), Some(&to)) = (of(X), forward.graph.outputs().get(Y)) else {
        return Err(outside(EvalError::Internal { what: "the graph of an item has no x or no y" }));
    };
    let values = all_values(&forward.graph, context, &forward.parameters, &[(X.to_string(), x.clone())].into())?;
    let cotangents = ById::from([(to, u.clone())]);
    let back = pullback(&forward.graph, context, &values, cotangents, &BTreeSet::from([from]))?;
    let dx = back.get(&from).map_or(&[][..], |dx| dx.data());
    let mut fault = None;
    if !context.agree(&slope, &inner(context, dx.iter().zip(v.data())).map_err(outside)?) {
        fault = Some("the reverse rules are not adjoint to forward mode".to_string());
    }
    // What is written down.
    if let Some(backward) = backward {
        let used = |name: &str| backward.graph.inputs().any(|(input, _)| input == name);
        let inputs = [(X, &x), (DY, &u)].into_iter().filter(|(name, _)| used(name));
        let inputs = inputs.map(|(name, tensor)| (name.to_string(), tensor.clone())).collect();
        let written = evaluate(&backward.graph, |_| context, &backward.parameters, &inputs)?;
        let written = written.get(DX).map_or(&[][..], |dx| dx.data());
        let differs = |at: &usize| !context.agree(&dx[*at], &written[*at]);
        if written.len() != dx.len() {
            fault =
                Some(format!("the backward function gives {} elements, the variable has {}", written.len(), dx.len()));
        } else if let Some(at) = (0..dx.len()).find(differs) {
            let [ours, theirs] = [&dx[at], &written[at]].map(|value| f32::from_bits(context.word(value).0));
            fault = Some(format!(
                "the backward function gives {theirs} at {:?}, the derivative is {ours}",
                x.shape().index_of(at)
            ));
        }
    }
    let words: Vec<(u32, bool)> = dx.iter().map(|value| context.word(value)).collect();
    let representable = words.iter().all(|(_, exact)| *exact);
    Ok(Compare { words: words.into_iter().map(|(word, _)| word).collect(), representable, exact: C::EXACT, fault })
}

/// Whether the backward function that is written down is what the reverse rules give for *all* points, cotangents and weights, for graphs that are polynomials: at one point of
/// 128-bit integers drawn from SHA-256 of both graphs. The degree of the difference, and in what they differ: a polynomial of degree d that is not zero vanishes there
/// with probability at most d/2^128 (Schwartz 1980, Zippel 1979). Weights are the parameters of the function; what else the backward function has (identity matrices, selections) stays.
pub(super) fn identity(forward: &Model, backward: &Model) -> Result<(u64, Option<String>), Error> {
    let located = |located: Located| Error::at_node(&forward.path, &located);
    let [degrees, written] = both(&Degree, forward, backward, |_| Ok(Degrees::VARIABLE)).map_err(located)?;
    let degree = degrees.iter().chain(&written).map(|degrees| degrees.numerator).max().unwrap_or(0);
    let seed = [forward, backward]
        .map(|model| Digest::of(model.graph.graph().encode().to_string().as_bytes()).to_string())
        .concat();
    let context = Rational::default();
    let draw = |what: &str| {
        let digest = Digest::of(format!("tl vjp {seed} {what}").as_bytes()).to_string();
        let exact = digest.get(..32).and_then(|digits| Exact::parse(&format!("0x{digits}")).ok());
        context.constant(&exact.ok_or(EvalError::Internal { what: "a digest is not hexadecimal" })?)
    };
    let [derivative, written] = both(&context, forward, backward, draw).map_err(located)?;
    let at = (0..derivative.len())
        .find(|&at| !written.get(at).is_some_and(|written| context.agree(&derivative[at], written)));
    let differs =
        at.map(|at| format!("element {at} of the backward function is not that of the derivative, at a random point"));
    Ok((degree, differs))
}

/// What the reverse rules and the written backward function give where every input and weight is drawn.
fn both<C: Context>(
    context: &C,
    forward: &Model,
    backward: &Model,
    draw: impl Fn(&str) -> Result<C::Value, EvalError>,
) -> Result<[Vec<C::Value>; 2], Located> {
    let source = |model: &Model, id: usize| {
        let node = model.graph.nodes().get(id)?;
        let (kind, name) = node.op.source()?;
        let words = model.parameters.get(name).filter(|_| kind == "const" && !forward.parameters.contains_key(name));
        if let Some(words) = words {
            return Some(read(context, words));
        }
        let drawn =
            (0..node.shape.elements()).map(|at| draw(&format!("{kind} {name} {at}"))).collect::<Result<Vec<_>, _>>();
        let shaped = |data| {
            Tensor::new(node.shape.clone(), data)
                .ok_or(EvalError::Internal { what: "a source does not fill its shape" })
        };
        Some(drawn.and_then(shaped))
    };
    let graph = &forward.graph;
    let from = graph.nodes().iter().position(|node| node.op.source() == Some(("input", X)));
    let (Some(from), Some(&to)) = (from, graph.outputs().get(Y)) else {
        return Err(Located {
            node: 0,
            op: "input",
            error: EvalError::Internal { what: "the graph of an item has no x or no y" },
        });
    };
    let values =
        Cut::of(graph, 0..graph.nodes().len(), |_| false).values(graph, |_| context, |id| source(forward, id))?;
    let outside = |error| Located { node: to, op: "output", error };
    let shape = graph.nodes()[to].shape.clone();
    let data = (0..shape.elements())
        .map(|at| draw(&format!("input {DY} {at}")))
        .collect::<Result<Vec<_>, _>>()
        .map_err(outside)?;
    let u = Tensor::new(shape, data)
        .ok_or_else(|| outside(EvalError::Internal { what: "a cotangent does not fill its shape" }))?;
    let back = pullback(graph, context, &values, ById::from([(to, u)]), &BTreeSet::from([from]))?;
    let ends = backward.graph.outputs().values().copied();
    let written = Cut::of(&backward.graph, ends.clone(), |_| false);
    let written = written.values(&backward.graph, |_| context, |id| source(backward, id))?;
    let data = |tensor: Option<&Tensor<C::Value>>| tensor.map_or(Vec::new(), |tensor| tensor.data().to_vec());
    Ok([data(back.get(&from)), data(ends.clone().next().and_then(|id| written.get(&id)))])
}

fn inner<'a, C: Context>(
    context: &C,
    pairs: impl Iterator<Item = (&'a C::Value, &'a C::Value)>,
) -> Result<C::Value, EvalError>
where
    C::Value: 'a,
{
    let terms = pairs.map(|(a, b)| context.mul(a, b)).collect::<Result<Vec<_>, _>>()?;
    context.sum(&terms)
}

/// What the backward function that is written down gives at a point, as words: correctly rounded from 640 bits.
pub(super) fn written(backward: &Model, at: &Direction3) -> Result<Vec<u32>, Error> {
    exact_words(backward, BITS, &[(X, &at.x), (DY, &at.u)], |ball| Real::new(BITS).word(ball).0)
}
