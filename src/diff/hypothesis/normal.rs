//! Normalisations otherwise: they are written out in simpler operations, and one of these is changed.

use super::Variant;
use super::layout::computed;
use super::scalars::exact;
use crate::diff::part::Part;
use crate::hardware::Hardware32;
use tl_kernel::context::Context;
use tl_kernel::ir::Shape;
use tl_kernel::number::Exact;
use tl_kernel::spec::batch_norm::Statistics;
use tl_kernel::spec::{self, Op};

/// Constants that are in use under the root.
const COMMON: [&str; 7] = ["1e-3", "1e-5", "1e-6", "1e-7", "1e-8", "1e-10", "1e-12"];
/// A constant that is added and is at most this is taken for an epsilon.
const LARGEST: f32 = 0.011;

/// A normalisation, as its operation states it.
#[derive(Clone, Debug)]
struct Norm {
    x: usize,
    /// The dimensions in which the lines are those of the reduced axes.
    lines: Vec<usize>,
    axes: Vec<usize>,
    /// Mean and variance, where they are parents.
    given: Option<(usize, usize)>,
    centred: bool,
    epsilon: Exact,
    /// The weight and the bias, and the dimensions in which they repeat to x.
    affine: Vec<usize>,
    affine_dimensions: Vec<usize>,
}

/// What is done otherwise.
#[derive(Clone, Debug, Default)]
struct Change {
    /// ε is this word.
    epsilon: Option<u32>,
    /// It is added to the root.
    outside: bool,
    /// The variance is divided by n − 1.
    unbiased: bool,
    /// The statistics are those of x.
    own: bool,
    /// The variance is the mean of the squares less the square of the mean.
    one_pass: bool,
}

impl Norm {
    fn of(part: &Part, op: &Op, parents: &[usize]) -> Option<Self> {
        let (&x, others) = parents.split_first()?;
        let dimensions = part.dimensions(x).to_vec();
        let rank = dimensions.len();
        let channels = |dimensions: &[usize]| {
            let mut ones = vec![1; dimensions.len()];
            ones[1] = dimensions[1];
            ones
        };
        let from = |axis: usize| (axis..rank).collect::<Vec<_>>();
        let aligned = |axis: usize| [&vec![1; axis][..], &dimensions[axis..]].concat();
        let grouped = |groups: usize| {
            let rest: usize = dimensions[1..].iter().product();
            vec![dimensions[0], groups, rest / groups]
        };
        let norm = |lines: Vec<usize>, axes, centred, epsilon: &Exact, affine_dimensions| {
            let affine = others.iter().copied().take(2).collect();
            Norm { x, lines, axes, given: None, centred, epsilon: epsilon.clone(), affine, affine_dimensions }
        };
        Some(match op {
            Op::LayerNorm(n) => norm(dimensions.clone(), from(n.axis), true, &n.epsilon, aligned(n.axis)),
            Op::RmsNorm(n) => norm(dimensions.clone(), from(n.axis), false, &n.epsilon, aligned(n.axis)),
            Op::GroupNorm(n) => norm(grouped(n.groups), vec![2], true, &n.epsilon, channels(&dimensions)),
            Op::InstanceNorm(n) => norm(grouped(dimensions[1]), vec![2], true, &n.epsilon, channels(&dimensions)),
            Op::BatchNorm(n) => {
                let axes = (0..rank).filter(|&axis| axis != 1).collect();
                let norm = norm(dimensions.clone(), axes, true, &n.epsilon, channels(&dimensions));
                let given = match (n.statistics, others) {
                    (Statistics::Given, &[_, _, mean, variance]) => Some((mean, variance)),
                    _ => None,
                };
                Norm { given, ..norm }
            }
            _ => return None,
        })
    }

    /// The number of terms of a line.
    fn terms(&self) -> usize {
        self.axes.iter().map(|&axis| self.lines[axis]).product()
    }

    /// The part in which node `id` is this normalisation, written out, with the change.
    fn written(&self, part: &Part, id: usize, change: &Change) -> Option<Part> {
        let mut part = part.clone();
        let new = part.nodes.len();
        let dimensions = part.dimensions(self.x).to_vec();
        let reshape = |part: &mut Part, x, to: &[usize]| {
            part.push(Op::Reshape(spec::reshape::Reshape { shape: Shape::new(to.to_vec()).ok()? }), &[x])
        };
        let spread = |part: &mut Part, x, to: &[usize]| {
            part.push(Op::Broadcast(spec::broadcast::Broadcast { shape: Shape::new(to.to_vec()).ok()? }), &[x])
        };
        let mean = Op::Mean(spec::mean::Mean { axes: self.axes.clone(), keepdims: true });
        let x = reshape(&mut part, self.x, &self.lines)?;
        let given = self.given.filter(|_| !change.own);
        let (mut distance, mut own) = (x, None);
        if self.centred {
            let centre = match given {
                Some((centre, _)) => reshape(&mut part, centre, &self.affine_dimensions)?,
                None => part.push(mean.clone(), &[x])?,
            };
            own = Some(centre);
            let centre = spread(&mut part, centre, &self.lines)?;
            distance = part.push(Op::Sub(spec::sub::Sub {}), &[x, centre])?;
        }
        let mut variance = match given {
            Some((_, variance)) => reshape(&mut part, variance, &self.affine_dimensions)?,
            None => {
                let mut square = |x| {
                    let size = part.push(Op::Abs(spec::abs::Abs {}), &[x])?;
                    part.push(Op::Mul(spec::mul::Mul {}), &[size, size])
                };
                if let (Some(centre), true) = (own, change.one_pass) {
                    let (squares, centre) = (square(x)?, square(centre)?);
                    let squares = part.push(mean, &[squares])?;
                    part.push(Op::Sub(spec::sub::Sub {}), &[squares, centre])?
                } else {
                    let squares = square(distance)?;
                    part.push(mean, &[squares])?
                }
            }
        };
        if change.unbiased {
            let terms = self.terms();
            let factor = exact(&format!("{terms}/{}", terms.checked_sub(1).filter(|&n| n > 0)?));
            variance = part.push(Op::Scale(spec::scale::Scale { factor }), &[variance])?;
        }
        let stated = || Hardware32::default().constant(&self.epsilon).ok().map(f32::to_bits);
        let epsilon = part.scalar(change.epsilon.or_else(stated)?);
        let lines = part.dimensions(variance).to_vec();
        let epsilon = spread(&mut part, epsilon, &lines)?;
        let mut root = variance;
        for step in if change.outside { ["root", "add"] } else { ["add", "root"] } {
            root = match step {
                "add" => part.push(Op::Add(spec::add::Add {}), &[root, epsilon])?,
                _ => part.push(Op::Sqrt(spec::sqrt::Sqrt {}), &[root])?,
            };
        }
        let root = spread(&mut part, root, &self.lines)?;
        let y = part.push(Op::Div(spec::div::Div {}), &[distance, root])?;
        let mut y = reshape(&mut part, y, &dimensions)?;
        for (&parameter, op) in self.affine.iter().zip([Op::Mul(spec::mul::Mul {}), Op::Add(spec::add::Add {})]) {
            let parameter = reshape(&mut part, parameter, &self.affine_dimensions)?;
            let parameter = spread(&mut part, parameter, &dimensions)?;
            y = part.push(op, &[y, parameter])?;
        }
        part.replaced(id, y, new)
    }
}

/// The words of the common epsilons and of none, with what to call them.
fn others() -> impl Iterator<Item = (u32, String)> {
    let common =
        COMMON.iter().filter_map(|text| Some((text.parse::<f32>().ok()?.to_bits(), format!("an epsilon of {text}"))));
    [(0, "a missing epsilon".to_string())].into_iter().chain(common)
}

/// Another epsilon, none, or one outside the root.
pub(super) fn epsilon(part: &Part) -> Vec<Variant> {
    let mut variants = Vec::new();
    for (id, op, parents) in computed(part) {
        if let Some(norm) = Norm::of(part, op, parents) {
            let outside = Change { outside: true, ..Change::default() };
            let outside = norm.written(part, id, &outside);
            for (word, name) in others() {
                let change = Change { epsilon: Some(word), ..Change::default() };
                variants.extend(norm.written(part, id, &change).map(|part| Variant::new(name, part)));
            }
            variants.extend(outside.map(|part| Variant::new("an epsilon outside the square root", part)));
        }
        if let (Op::Add(_), &[x, y]) = (op, parents) {
            // An epsilon that the model adds in an operation of its own.
            let small = |id: usize| {
                let source = match part.node(id) {
                    (Op::Broadcast(_) | Op::Reshape(_), &[source]) => source,
                    _ => id,
                };
                let words = part.words.get(&source).filter(|_| part.parameters.contains(&source))?;
                let &[word] = words.data() else { return None };
                let value = f32::from_bits(word);
                (value > 0.0 && value <= LARGEST).then_some((source, word))
            };
            let Some((source, stated)) = small(x).or_else(|| small(y)) else { continue };
            for (word, name) in others().filter(|&(word, _)| word != stated) {
                let mut changed = part.clone();
                let shape = part.nodes[source].shape.clone();
                changed.words.insert(source, tl_kernel::ir::Tensor::new(shape, vec![word]).expect("one word"));
                variants.push(Variant::new(name, changed));
            }
        }
    }
    variants
}

/// Statistics of the batch in the place of given ones, the unbiased variance, and one that cancels.
pub(super) fn statistics(part: &Part) -> Vec<Variant> {
    let mut variants = Vec::new();
    for (id, op, parents) in computed(part) {
        let Some(norm) = Norm::of(part, op, parents) else { continue };
        let mut add = |name: &str, change: Change| {
            variants.extend(norm.written(part, id, &change).map(|part| Variant::new(name, part)));
        };
        if norm.given.is_some() {
            add("the statistics of the batch instead of the given ones", Change { own: true, ..Change::default() });
            let change = Change { own: true, unbiased: true, ..Change::default() };
            add("the statistics of the batch, the variance unbiased", change);
        } else {
            add("an unbiased variance", Change { unbiased: true, ..Change::default() });
            if norm.centred {
                add("a variance in one pass, E[x²] - E[x]²", Change { one_pass: true, ..Change::default() });
            }
        }
    }
    variants
}
