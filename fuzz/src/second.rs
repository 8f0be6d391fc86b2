//! A second evaluation of graphs over ℚ, written from the pages in `spec-tests/ops/` alone: every element of a result by itself, from its index.
//!
//! It shares with the kernel the graph and its attributes, not a line of what operations mean: no strides, no rows, no windows, no readings. Operations that are
//! not here (those with irrational values, and a few of the rarer ones) end the evaluation with `None`.

use num_rational::BigRational;
use std::collections::BTreeMap;
use tl_kernel::ir::evaluate::Named;
use tl_kernel::ir::{CheckedGraph, Shape};
use tl_kernel::number::{Dyadic, Exact};
use tl_kernel::spec::Op;

/// A tensor by its elements' indices.
pub struct Tensor {
    shape: Vec<usize>,
    data: BTreeMap<Vec<usize>, BigRational>,
}

type Index = Vec<usize>;

/// Every index of a shape, the last axis fastest.
fn indices(shape: &[usize]) -> Vec<Index> {
    let mut all = vec![vec![]];
    for &extent in shape {
        all = all.iter().flat_map(|index: &Index| (0..extent).map(|i| [&index[..], &[i]].concat())).collect();
    }
    all
}

fn zero() -> BigRational {
    BigRational::from_integer(0.into())
}

fn count(n: usize) -> BigRational {
    BigRational::from_integer(n.into())
}

impl Tensor {
    fn of(shape: &[usize], mut element: impl FnMut(&Index) -> Option<BigRational>) -> Option<Self> {
        let data = indices(shape).into_iter().map(|index| Some((index.clone(), element(&index)?)));
        Some(Tensor { shape: shape.to_vec(), data: data.collect::<Option<_>>()? })
    }

    fn words(shape: &Shape, words: &[u32]) -> Option<Self> {
        let mut words = words.iter();
        Tensor::of(shape.dimensions(), |_| Dyadic::from_binary32(*words.next()?).map(|x| x.to_rational()))
    }

    fn at(&self, index: &[usize]) -> Option<BigRational> {
        self.data.get(index).cloned()
    }

    /// The element that an index of a larger shape falls on when this tensor is repeated along its axes of extent 1, aligned at the last axis.
    fn repeated(&self, index: &[usize]) -> Option<BigRational> {
        let from = index.len().checked_sub(self.shape.len())?;
        let own: Index = index[from..].iter().zip(&self.shape).map(|(&i, &n)| if n == 1 { 0 } else { i }).collect();
        self.at(&own)
    }

    /// The elements in the order of their indices.
    pub fn elements(&self) -> impl Iterator<Item = &BigRational> {
        self.data.values()
    }
}

/// The outputs of a graph; `None` where an operation or a value is not among those that are evaluated here.
pub fn outputs(graph: &CheckedGraph, parameters: &Named<u32>, inputs: &Named<u32>) -> Option<BTreeMap<String, Tensor>> {
    let mut values: Vec<Tensor> = Vec::new();
    for node in graph.nodes() {
        let parents: Vec<&Tensor> = node.parents.iter().map(|&id| &values[id]).collect();
        let value = match &node.op {
            Op::Input(source) => Tensor::words(&node.shape, inputs.get(&source.name)?.data()),
            Op::Const(source) => Tensor::words(&node.shape, parameters.get(&source.name)?.data()),
            op => value(op, &parents, node.shape.dimensions()),
        };
        values.push(value?);
    }
    let output = |(name, &id): (&String, &usize)| {
        let Tensor { shape, data } = &values[id];
        (name.clone(), Tensor { shape: shape.clone(), data: data.clone() })
    };
    Some(graph.outputs().iter().map(output).collect())
}

fn value(op: &Op, parents: &[&Tensor], shape: &[usize]) -> Option<Tensor> {
    let x = *parents.first()?;
    let both = |f: fn(BigRational, BigRational) -> Option<BigRational>| {
        Tensor::of(shape, |index| f(x.repeated(index)?, parents.get(1)?.repeated(index)?))
    };
    let each = |f: &dyn Fn(BigRational) -> BigRational| Tensor::of(shape, |index| x.at(index).map(f));
    let number = |exact: &Exact| exact.rational().clone();
    match op {
        // The same elements in the same order.
        Op::Reshape(_) | Op::Flatten(_) => {
            let mut elements = x.data.values();
            Tensor::of(shape, |_| elements.next().cloned())
        }
        Op::Transpose(swap) => Tensor::of(shape, |index| {
            let mut from = index.clone();
            from.swap(swap.first, swap.second);
            x.at(&from)
        }),
        Op::Permute(permute) => Tensor::of(shape, |index| {
            let mut from = vec![0; index.len()];
            for (i, &axis) in permute.order.iter().enumerate() {
                from[axis] = index[i];
            }
            x.at(&from)
        }),
        Op::Concat(concat) => Tensor::of(shape, |index| {
            let mut from = index.clone();
            for part in parents {
                match from[concat.axis].checked_sub(part.shape[concat.axis]) {
                    None => return part.at(&from),
                    Some(beyond) => from[concat.axis] = beyond,
                }
            }
            None
        }),
        Op::Slice(slice) => Tensor::of(shape, |index| {
            let along = |i: usize| slice.start[i] as i64 + index[i] as i64 * slice.step[i];
            x.at(&(0..index.len()).map(|i| along(i) as usize).collect::<Index>())
        }),
        Op::Gather(gather) => Tensor::of(shape, |index| {
            let rank = gather.indices_shape.rank();
            let place = indices(gather.indices_shape.dimensions());
            let chosen = place.iter().position(|place| place[..] == index[gather.axis..gather.axis + rank])?;
            let chosen = [gather.indices[chosen]];
            x.at(&[&index[..gather.axis], &chosen, &index[gather.axis + rank..]].concat())
        }),
        Op::Broadcast(_) => Tensor::of(shape, |index| x.repeated(index)),
        Op::Add(_) => both(|a, b| Some(a + b)),
        Op::Sub(_) => both(|a, b| Some(a - b)),
        Op::Mul(_) => both(|a, b| Some(a * b)),
        Op::Div(_) => both(|a, b| (b != zero()).then(|| a / b)),
        Op::Max(_) => both(|a, b| Some(a.max(b))),
        Op::Min(_) => both(|a, b| Some(a.min(b))),
        Op::Neg(_) => each(&|x| -x),
        Op::Abs(_) => each(&|x| x.clone().max(-x)),
        Op::Relu(_) => each(&|x| x.max(zero())),
        Op::Scale(scale) => each(&|x| x * number(&scale.factor)),
        Op::LeakyRelu(leaky) => each(&|x| if x > zero() { x } else { x * number(&leaky.slope) }),
        Op::Clamp(clamp) => each(&|x| {
            let above = clamp.lo.iter().fold(x, |x, lo| x.max(number(lo)));
            clamp.hi.iter().fold(above, |x, hi| x.min(number(hi)))
        }),
        Op::Sum(sum) => Tensor::of(shape, |index| Some(total(&group(x, &sum.axes, sum.keepdims, index)))),
        Op::Mean(mean) => Tensor::of(shape, |index| {
            let group = group(x, &mean.axes, mean.keepdims, index);
            Some(total(&group) / count(group.len()))
        }),
        Op::ReduceMax(r) => Tensor::of(shape, |index| group(x, &r.axes, r.keepdims, index).into_iter().max()),
        Op::ReduceMin(r) => Tensor::of(shape, |index| group(x, &r.axes, r.keepdims, index).into_iter().min()),
        Op::Linear(_) => Tensor::of(shape, |index| {
            let (&out, before) = index.split_last()?;
            let terms =
                (0..*x.shape.last()?).map(|j| Some(parents.get(1)?.at(&[out, j])? * x.at(&[before, &[j]].concat())?));
            let sum = total(&terms.collect::<Option<Vec<_>>>()?);
            Some(match parents.get(2) {
                Some(bias) => sum + bias.at(&[out])?,
                None => sum,
            })
        }),
        Op::Matmul(_) => {
            let w = parents.get(1)?;
            if x.shape.len() < 2 || w.shape.len() < 2 {
                return None;
            }
            Tensor::of(shape, |index| {
                let (batch, place) = index.split_at(index.len() - 2);
                let terms = (0..*x.shape.last()?).map(|t| {
                    let left = x.repeated(&[batch, &[place[0], t]].concat())?;
                    Some(left * w.repeated(&[batch, &[t, place[1]]].concat())?)
                });
                Some(total(&terms.collect::<Option<Vec<_>>>()?))
            })
        }
        Op::Conv(conv) => {
            let w = parents.get(1)?;
            let (fan_in, out) = (w.shape[1], w.shape[0]);
            Tensor::of(shape, |index| {
                let group = index[1] / (out / conv.groups);
                let mut sum = match parents.get(2) {
                    Some(bias) => bias.at(&index[1..2])?,
                    None => zero(),
                };
                for kernel in indices(&w.shape[1..]) {
                    let along = |axis: usize| {
                        let place = index[axis + 2] * conv.stride[axis] + kernel[axis + 1] * conv.dilation[axis];
                        place.checked_sub(conv.pad_before[axis])
                    };
                    let cell: Option<Index> = (0..conv.stride.len()).map(along).collect();
                    let channel = [index[0], group * fan_in + kernel[0]];
                    if let Some(x) = cell.and_then(|cell| x.at(&[&channel[..], &cell].concat())) {
                        sum += x * w.at(&[&index[1..2], &kernel].concat())?;
                    }
                }
                Some(sum)
            })
        }
        Op::MaxPool(pool) => Tensor::of(shape, |index| {
            window(x, index, &pool.kernel, &pool.stride, &pool.dilation, &pool.pad_before).into_iter().max()
        }),
        Op::GlobalAvgPool(_) => Tensor::of(shape, |index| {
            let axes: Vec<usize> = (2..x.shape.len()).collect();
            let group = group(x, &axes, true, index);
            Some(total(&group) / count(group.len()))
        }),
        _ => None,
    }
}

fn total(terms: &[BigRational]) -> BigRational {
    terms.iter().fold(zero(), |total, term| total + term)
}

/// The elements that a reduction makes into the one at an index.
fn group(x: &Tensor, axes: &[usize], keepdims: bool, index: &[usize]) -> Vec<BigRational> {
    let kept = |from: &Index| -> Index {
        let axis = |(axis, &i): (usize, &usize)| match (axes.contains(&axis), keepdims) {
            (false, _) => Some(i),
            (true, true) => Some(0),
            (true, false) => None,
        };
        from.iter().enumerate().filter_map(axis).collect()
    };
    x.data.iter().filter(|(from, _)| kept(from)[..] == *index).map(|(_, x)| x.clone()).collect()
}

/// The cells of the input that a window sees.
fn window(
    x: &Tensor,
    index: &[usize],
    kernel: &[usize],
    stride: &[usize],
    dilation: &[usize],
    before: &[usize],
) -> Vec<BigRational> {
    let cell = |place: Index| {
        let along =
            |axis: usize| (index[axis + 2] * stride[axis] + place[axis] * dilation[axis]).checked_sub(before[axis]);
        let cell: Option<Index> = (0..kernel.len()).map(along).collect();
        x.at(&[&index[..2], &cell?].concat())
    };
    indices(kernel).into_iter().filter_map(cell).collect()
}
