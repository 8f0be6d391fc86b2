//! Whether claims about derivatives are true, by differences of values (`differences`).
//!
//! `gradient`: every recorded element against the slope of Σ u·y along its own axis. `adjoint` at points: the slope of Σ u·y along v, for which ties must agree, against the sum of the components of v times
//! the slopes along the axes, which follow the conventions; equal up to 10^−100·max(1, |⟨u, J·v⟩|), which is all that is decided of method `exact`, too. `adjoint` as an
//! identity: ⟨Jᵀu, v⟩ is here what the format says it is, so both sides are one function; what is left to decide is that every operation is a composition of +, −, ·, / and exact constants, and that the graph
//! has a value somewhere.

use super::claims::{Tolerance, Vectors};
use super::differences::{Ends, Formal, Line, Ties, Values, slope};
use super::document::{Document, Tensor, Tensors};
use super::enclosure::rational;
use super::evaluation::{Outputs, Reading, Result, Trouble, evaluate};
use rug::ops::Pow;
use rug::{Integer, Rational};
use std::collections::BTreeSet;
use std::rc::Rc;

/// Above so many elements recorded, times those of all nodes, a gradient is not evaluated here.
const WORK: usize = 1 << 22;

/// The word of 1.
const ONE: u32 = 0x3f80_0000;

/// Every recorded element of every case.
pub(super) fn gradient(document: &Document, tolerance: &Tolerance, vectors: &[Vectors]) -> Result<()> {
    affordable(document, vectors)?;
    for (case, (inputs, recorded)) in document.inputs.iter().zip(vectors).enumerate() {
        differentiable(document, recorded)?;
        for (op, name, i, word) in elements(recorded) {
            let place = format!("case {case}, {op} {name}[{i}]");
            let g = rational(word).ok_or_else(|| Trouble::False(format!("{place} is not finite")))?;
            let s = along_axis(document, inputs, recorded, (op, name, i)).map_err(|trouble| trouble.at(&place))?;
            tolerance.admits_within(&g, s).map_err(|trouble| match trouble {
                Trouble::Undecided(_) => {
                    Trouble::Unsupported(format!("{place}: nearer to the tolerance than differences tell"))
                }
                other => other.at(&place),
            })?;
        }
    }
    Ok(())
}

/// Both sides of the equation at every listed point, or what an identity needs.
pub(super) fn adjoint(document: &Document, method: &str, vectors: &[Vectors]) -> Result<()> {
    if method == "identity" {
        return identity(document);
    }
    affordable(document, vectors)?;
    for (inputs, tangents) in document.inputs.iter().zip(vectors) {
        differentiable(document, tangents)?;
        let (forward, reverse) = sides(document, inputs, tangents)?;
        let allowed = |side: Rational| side.abs().max(1.into()) / Integer::from(10).pow(100);
        let apart = (forward.1.clone() - &reverse.0).max(reverse.1 - &forward.0);
        if apart > allowed(forward.0) {
            return Err(Trouble::False("the two sides differ".into()));
        }
    }
    Ok(())
}

/// ⟨u, J·v⟩ and ⟨Jᵀu, v⟩.
fn sides(document: &Document, inputs: &Tensors, tangents: &Vectors) -> Result<(Ends, Ends)> {
    let component = |op: &str, name: &str, i: usize| tangents.of(op, name).map_or(0, |tensor| tensor.words[i]);
    let line = Line::new(&component, Ties::Both);
    let forward = weighted_slope(&line, document, inputs, tangents);
    if line.torn() {
        return Err(Trouble::False("no derivative along the tangent: operands with different slopes tie".into()));
    }
    let mut reverse = (Rational::new(), Rational::new());
    for (op, name, i, word) in elements(tangents) {
        let v = rational(word).ok_or_else(|| Trouble::False("a tangent that is not finite".into()))?;
        let (lo, hi) = along_axis(document, inputs, tangents, (op, name, i))?;
        let (lo, hi) = if v < 0 { (hi, lo) } else { (lo, hi) };
        reverse.0 += lo * &v;
        reverse.1 += hi * v;
    }
    Ok((forward?, reverse))
}

fn identity(document: &Document) -> Result<()> {
    let mut document = document.clone();
    let inputs = drawn(&document, "input", 0);
    document.parameters = drawn(&document, "const", 1 << 20);
    let reading = Formal::default();
    evaluate(&reading, &document, &inputs)?;
    if reading.chooses.get() {
        return Err(Trouble::False("a choice is no rational function".into()));
    }
    evaluate(&super::enclosure::REALS, &document, &inputs).map(|_| ())
}

/// Words between 1 and 2 of no pattern, for every input or for every parameter.
fn drawn(document: &Document, op: &str, mut count: u32) -> Tensors {
    let mut fill = |shape: &[usize]| {
        let words = (0..shape.iter().product()).map(|_| {
            count += 1;
            ONE + count.wrapping_mul(0x9e37_79b9) % (1 << 23)
        });
        Tensor { shape: shape.to_vec(), words: Rc::new(words.collect()) }
    };
    let sources = document.nodes.iter().filter(|node| node.op == op);
    sources.filter_map(|node| Some((node.name()?.to_owned(), fill(&node.shape)))).collect()
}

/// What is listed of sources: keyword, name, position, word.
fn elements(vectors: &Vectors) -> impl Iterator<Item = (&'static str, &str, usize, u32)> {
    let inputs = vectors.inputs.iter().map(|(name, tensor)| ("input", name, tensor));
    let all = inputs.chain(vectors.parameters.iter().map(|(name, tensor)| ("const", name, tensor)));
    all.flat_map(|(op, name, tensor)| {
        tensor.words.iter().enumerate().map(move |(i, &word)| (op, name.as_str(), i, word))
    })
}

/// The slope of Σ u·y along one axis, with the conventions at kinks.
fn along_axis(
    document: &Document,
    inputs: &Tensors,
    vectors: &Vectors,
    (op, name, i): (&str, &str, usize),
) -> Result<Ends> {
    let axis = |of: &str, named: &str, at: usize| if (of, named, at) == (op, name, i) { ONE } else { 0 };
    weighted_slope(&Line::new(&axis, Ties::Convention), document, inputs, vectors)
}

fn weighted_slope(line: &Line<'_>, document: &Document, inputs: &Tensors, vectors: &Vectors) -> Result<Ends> {
    let values: Outputs<Values> = evaluate(line, document, inputs)?;
    let weight = |name: &str| match &vectors.cotangents {
        Some(stated) => stated.get(name).map(|tensor| tensor.words.as_ref().clone()),
        None => Some(vec![ONE]),
    };
    let mut total = line.constant(&Rational::new());
    for (name, y) in &values {
        for (u, y) in weight(name).into_iter().flatten().zip(y) {
            total = line.add(&total, &line.mul(&line.word(u)?, y)?)?;
        }
    }
    slope(&total).ok_or_else(|| Trouble::Undecided("an unbounded enclosure".into()))
}

/// Refuses a source that leads to what has no derivative: labels, weights of classes, masks, signs of pairs.
fn differentiable(document: &Document, vectors: &Vectors) -> Result<()> {
    let mut moving = BTreeSet::new();
    for (id, node) in document.nodes.iter().enumerate() {
        let listed = node.name().is_some_and(|name| vectors.of(&node.op, name).is_some());
        if listed || node.parents.iter().any(|parent| moving.contains(parent)) {
            moving.insert(id);
        }
        let fixed: &[usize] = match node.op.as_str() {
            "nll" | "cross_entropy" => node.parents.get(1..).unwrap_or_default(),
            "masked_softmax" => node.parents.get(1..2).unwrap_or_default(),
            "cosine" => node.parents.get(2..3).unwrap_or_default(),
            _ => &[],
        };
        if fixed.iter().any(|parent| moving.contains(parent)) {
            return Err(Trouble::False(format!("node {id} has no derivative by this source")));
        }
        if node.op == "masked_softmax" {
            return Err(Trouble::Unsupported("a mask in a claim about derivatives".into()));
        }
    }
    Ok(())
}

fn affordable(document: &Document, vectors: &[Vectors]) -> Result<()> {
    let cells: usize = document.nodes.iter().map(|node| node.shape.iter().product::<usize>()).sum();
    let listed: usize = vectors.iter().map(|vectors| elements(vectors).count()).sum();
    if cells.saturating_mul(listed) > WORK {
        return Err(Trouble::Unsupported("a gradient too large for differences".into()));
    }
    Ok(())
}
