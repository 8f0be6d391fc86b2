//! The 81 numbered items of *Verified Deep Learning with Lean 4* (Brett Koonce, version 0.5.3, chapters 2 to 10), each with a check of ours.
//!
//! The book's numbered items are what it proves, defines, or assumes about backpropagation: 65 theorems, 6 definitions and 10 axioms, 81 in all, with one counter
//! through chapters 2 to 10. (Chapter 11 goes on counting with 22 definitions of architectures; they claim nothing about derivatives and are not among the 81,
//! which is the book's own count, in chapter 2 and in its appendix B.) Here no item is believed: each is a graph, a claim about it, and a certificate
//! that the checker decides.
//!
//! The rooms: one file a chapter, a row an item · [`record`] the three rules and the five tricks · [`layers`] the layers built with them ·
//! [`sheet`] graphs under construction.

mod attention;
mod batch_norm;
mod calculus;
mod check;
mod convolution;
mod dense;
mod depthwise;
mod derivative;
mod gelu;
mod layers;
mod page;
mod program;
mod record;
mod residual;
mod sheet;
mod smooth;
mod squeeze;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::program::{DY, X, exact, real};
    use tl_kernel::context::real::Ball;
    use tl_kernel::ir::Tensor;
    use tl_kernel::number::Dyadic;

    /// Bits of the readings, and of the step of the differences.
    const BITS: u64 = 1000;
    const STEP: i64 = -200;

    fn dot(u: &Tensor<Ball>, v: &Tensor<Ball>) -> Ball {
        let terms = u.data().iter().zip(v.data()).map(|(u, v)| u.mul(v, BITS));
        terms.reduce(|sum, term| sum.add(&term, BITS)).expect("a tensor has elements")
    }

    /// A smoke test, not a proof: central differences with a step of 2⁻²⁰⁰, in 1000-bit arithmetic, agree with every backward function to 2⁻²⁵⁰.
    #[test]
    fn central_differences_agree_with_every_backward_function() {
        for (_, item) in items() {
            let (Check::Backward(case) | Check::Jacobian(case)) = item.check else {
                continue;
            };
            let case = case();
            let (forward, backward) = (case.forward().expect("a model"), case.backward().expect("a model"));
            let dimensions = case.value_dimensions();
            for (k, point) in case.points.iter().enumerate() {
                let x = exact(&case.tensor(point)).expect("finite");
                let of = |name: &str, dimensions: &[usize]| {
                    let data = quarters(&format!("{name} {k}"), dimensions.iter().product());
                    exact(&crate::generate::draft::values(dimensions, &data)).expect("finite")
                };
                let (v, u) = (of("tangent", &case.dimensions), of("cotangent", &dimensions));
                let moved = |sign: i64| {
                    let data = x.data().iter().zip(v.data());
                    let step = Ball::exact(Dyadic::power_of_two(STEP).mul(&Dyadic::integer(sign)));
                    let data = data.map(|(x, v)| x.add(&v.mul(&step, BITS), BITS)).collect();
                    Tensor::new(x.shape().clone(), data).expect("the shape of x")
                };
                let at =
                    |x: &Tensor<Ball>| real(&forward, BITS, &[(X, x)]).unwrap_or_else(|e| panic!("{}: {e}", item.name));
                let (above, below) = (dot(&u, &at(&moved(1))), dot(&u, &at(&moved(-1))));
                let slope = above.sub(&below, BITS).scaled(-STEP - 1);
                let dx = real(&backward, BITS, &[(X, &x), (DY, &u)]).unwrap_or_else(|e| panic!("{}: {e}", item.name));
                let distance = slope.sub(&dot(&dx, &v), BITS).abs();
                let bound = Ball::exact(Dyadic::power_of_two(-250));
                assert_eq!(
                    distance.compare(&bound),
                    Some(std::cmp::Ordering::Less),
                    "{} {}: point {k}: {distance:?}",
                    item.number,
                    item.name
                );
            }
        }
    }

    #[test]
    fn there_are_81_items_numbered_from_1_on_as_the_book_divides_them() {
        let numbers: Vec<u32> = items().map(|(_, item)| item.number).collect();
        assert_eq!(numbers, (1..=81).collect::<Vec<_>>());
        let count = |kind| items().filter(|(_, item)| item.kind == kind).count();
        assert_eq!([Kind::Axiom, Kind::Theorem, Kind::Definition].map(count), [10, 65, 6]);
        // Last number of each chapter, from the table in the book's second chapter.
        let last: Vec<(u32, u32)> =
            CHAPTERS.iter().map(|c| (c.number, c.items.last().map_or(0, |item| item.number))).collect();
        assert_eq!(last, [(2, 28), (3, 37), (4, 43), (5, 50), (6, 51), (7, 55), (8, 56), (9, 61), (10, 81)]);
        let axioms: Vec<u32> =
            items().filter(|(_, item)| item.kind == Kind::Axiom).map(|(_, item)| item.number).collect();
        assert_eq!(axioms, [31, 36, 37, 39, 43, 53, 68, 69, 70, 71]);
    }
}
