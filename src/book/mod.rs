//! The 81 numbered items of *Verified Deep Learning with Lean 4* (Brett Koonce, version 0.5.3, chapters 2 to 10), each with a check of ours.
//!
//! The book's numbered items are what it proves, defines, or assumes about backpropagation: 65 theorems, 6 definitions and 10 axioms, 81 in all, with one counter
//! through chapters 2 to 10. (Chapter 11 goes on counting with 22 definitions of architectures; they claim nothing about derivatives and are not among the 81,
//! which is the book's own count, in chapter 2 and in its appendix B.) Here no item is believed: each is a graph, a claim about it, and a certificate
//! that the checker decides.
//!
//! The rooms: one file a chapter, a row an item · `record` the three rules and the five tricks · `layers`, `images`, `transformer` the layers built with them · `sheet` graphs under
//! construction · `program` the graphs of an item · `derivative` its derivative in three ways · `smooth` differentiability at every input · `check` the
//! steps and certificates · `page` what they say.

mod attention;
mod batch_norm;
mod calculus;
mod check;
mod convolution;
mod dense;
mod depthwise;
mod derivative;
mod gelu;
mod images;
mod layers;
mod page;
mod program;
mod record;
mod residual;
mod sheet;
mod smooth;
mod squeeze;
#[cfg(test)]
mod tests;
mod transformer;

pub use check::{Finding, Step, Written, check};
pub use page::{page, table, totals};

use record::{Function, Map, Record};
use sheet::quarters;

/// How the book has an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// It is defined.
    Definition,
    /// It is proved.
    Theorem,
    /// It is assumed.
    Axiom,
}

impl Kind {
    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Definition => "definition",
            Kind::Theorem => "theorem",
            Kind::Axiom => "axiom",
        }
    }
}

/// A chapter of the book.
#[derive(Clone, Copy, Debug)]
pub struct Chapter {
    /// Its number.
    pub number: u32,
    /// What it is about, in our words.
    pub title: &'static str,
    /// Its items.
    pub items: &'static [Item],
}

/// The chapters with numbered items that count.
pub const CHAPTERS: &[Chapter] = &[
    Chapter { number: 2, title: "the calculus", items: calculus::ITEMS },
    Chapter { number: 3, title: "dense layers", items: dense::ITEMS },
    Chapter { number: 4, title: "convolution and pooling", items: convolution::ITEMS },
    Chapter { number: 5, title: "batch normalisation", items: batch_norm::ITEMS },
    Chapter { number: 6, title: "residual connections", items: residual::ITEMS },
    Chapter { number: 7, title: "depthwise convolution", items: depthwise::ITEMS },
    Chapter { number: 8, title: "squeeze-and-excitation", items: squeeze::ITEMS },
    Chapter { number: 9, title: "layer normalisation and GELU", items: gelu::ITEMS },
    Chapter { number: 10, title: "attention", items: attention::ITEMS },
];

/// A numbered item.
#[derive(Clone, Copy, Debug)]
pub struct Item {
    /// Its number in the book.
    pub number: u32,
    /// What the book says that it is.
    pub kind: Kind,
    /// What it is called.
    pub name: &'static str,
    /// What it states, in our words.
    pub statement: &'static str,
    /// The graph that it is checked on.
    pub graph: &'static str,
    check: Check,
}

/// How an item is checked.
#[derive(Clone, Copy, Debug)]
enum Check {
    /// The backward function is the adjoint of the derivative.
    Backward(fn() -> Case),
    /// The same, for every cotangent of the standard basis: every entry of the Jacobian.
    Jacobian(fn() -> Case),
    /// Two ways to write a function give the same values.
    Definition(fn() -> Definition),
    /// The function is differentiable everywhere: every operation is of a smooth class, and the derivative exists at the points.
    Smooth(fn() -> Case),
}

/// A function with its backward function, and where they are compared.
struct Case {
    record: Record,
    dimensions: Vec<usize>,
    points: Vec<Vec<f32>>,
    kinks: Vec<Kink>,
    /// The function in another way, which gives the same values.
    also: Option<Function>,
}

/// A point at which the function has no derivative.
struct Kink {
    /// The function, where it is not that of the case: of as many numbers as the point has.
    record: Option<Record>,
    /// The point.
    at: Vec<f32>,
    /// A direction in which there is a derivative from the first step on, whose limit is what the convention returns.
    towards: Option<Vec<f32>>,
    /// What the convention returns, where it is no such limit.
    returns: Option<Vec<f32>>,
    /// What is to be seen there.
    says: &'static str,
}

/// A function in one operation of the vocabulary, and its definition in simpler ones.
struct Definition {
    operation: Function,
    written_out: Function,
    dimensions: Vec<usize>,
}

/// How many points an item is checked at, beside kinks.
const POINTS: usize = 3;

impl Case {
    /// The record at points of this shape.
    fn new(record: Record, dimensions: &[usize]) -> Self {
        let count = dimensions.iter().product();
        let points = (0..POINTS).map(|point| untied(quarters(&format!("point {point}"), count))).collect();
        Case { record, dimensions: dimensions.to_vec(), points, kinks: Vec::new(), also: None }
    }

    /// The map at points of this shape.
    fn of(map: Map, dimensions: &[usize]) -> Self {
        Case::new(map.record(), dimensions)
    }

    /// The record at these points.
    fn at(mut self, points: &[&[f32]]) -> Self {
        self.points = points.iter().map(|point| point.to_vec()).collect();
        self
    }

    /// The function is also this one.
    fn also(mut self, function: Function) -> Self {
        self.also = Some(function);
        self
    }

    /// A point without a derivative, and a direction along which what the convention returns is a limit of derivatives.
    fn kink(mut self, at: &[f32], towards: &[f32], says: &'static str) -> Self {
        self.kinks.push(Kink { record: None, at: at.to_vec(), towards: Some(towards.to_vec()), returns: None, says });
        self
    }

    /// A function of its own, a point at which it is refused, and what the convention returns there.
    fn returning(mut self, record: Record, at: &[f32], returns: &[f32], says: &'static str) -> Self {
        self.kinks.push(Kink {
            record: Some(record),
            at: at.to_vec(),
            towards: None,
            returns: Some(returns.to_vec()),
            says,
        });
        self
    }
}

/// No two of them equal where they are few: an operation that is evaluated through a maximum is then followed along one branch.
fn untied(numbers: Vec<f32>) -> Vec<f32> {
    numbers.iter().enumerate().map(|(at, number)| number + at as f32 / 128.0).collect()
}

impl Kink {
    /// The shape of the point.
    fn dimensions(&self, case: &Case) -> Vec<usize> {
        if self.record.is_some() { vec![self.at.len()] } else { case.dimensions.clone() }
    }
}

/// Every item with its chapter, in order.
pub fn items() -> impl Iterator<Item = (&'static Chapter, &'static Item)> {
    CHAPTERS.iter().flat_map(|chapter| chapter.items.iter().map(move |item| (chapter, item)))
}
