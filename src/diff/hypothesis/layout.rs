//! The right numbers in the wrong places.

use super::Variant;
use crate::diff::part::Part;
use tl_kernel::ir::{Shape, Tensor};
use tl_kernel::spec::Op;
use tl_kernel::spec::upsample::{Coordinates, Interpolation};

/// The nodes that are no sources, with their operations and parents.
pub(super) fn computed(part: &Part) -> Vec<(usize, &Op, &[usize])> {
    let inner = (0..part.nodes.len()).filter(|id| !part.words.contains_key(id));
    inner.map(|id| (id, part.node(id).0, part.node(id).1)).collect()
}

/// The tensor with its axes in another order; the shape stays.
fn permuted(words: &Tensor<u32>, order: &[usize]) -> Option<Tensor<u32>> {
    let (dimensions, strides) = (words.dimensions(), words.shape().strides());
    let shape = Shape::new(order.iter().map(|&axis| dimensions[axis]).collect()).ok().filter(|s| s == words.shape())?;
    let at = |position: usize| -> usize {
        shape.index_of(position).iter().zip(order).map(|(i, &axis)| i * strides[axis]).sum()
    };
    let data = (0..shape.elements()).map(|position| words.data()[at(position)]).collect();
    Tensor::new(shape, data)
}

/// The kernel [O, I, spatial..] read backwards along every spatial axis.
fn flipped(words: &Tensor<u32>) -> Option<Tensor<u32>> {
    let plane: usize = words.dimensions().get(2..)?.iter().product();
    let data = words.data().chunks_exact(plane.max(1)).flat_map(|plane| plane.iter().rev().copied());
    Tensor::new(words.shape().clone(), data.collect())
}

/// A transposed square weight, and a kernel that is flipped or transposed.
pub(super) fn weight(part: &Part) -> Vec<Variant> {
    let mut variants = Vec::new();
    for (_, op, parents) in computed(part) {
        let Some((at, words)) = parents.get(1).and_then(|at| Some((*at, part.words.get(at)?))) else { continue };
        let rank = words.shape().rank();
        let swapped = |a: usize, b: usize| {
            let mut order: Vec<usize> = (0..rank).collect();
            order.swap(a, b);
            permuted(words, &order)
        };
        let changed = match op {
            Op::Linear(_) | Op::Matmul(_) if rank >= 2 => vec![("a transposed weight", swapped(rank - 2, rank - 1))],
            Op::Conv(_) | Op::ConvTranspose(_) => vec![
                ("a weight with input and output channels exchanged", swapped(0, 1)),
                ("a flipped kernel (convolution instead of correlation)", flipped(words)),
                ("a kernel with its spatial axes exchanged", if rank == 4 { swapped(2, 3) } else { None }),
            ],
            _ => Vec::new(),
        };
        for (name, changed) in changed {
            if let Some(changed) = changed.filter(|changed| changed != words) {
                let mut part = part.clone();
                part.words.insert(at, changed);
                variants.push(Variant::new(name, part));
            }
        }
    }
    variants
}

/// Asymmetric padding with its sides exchanged.
pub(super) fn padding(part: &Part) -> Vec<Variant> {
    let exchanged = |op: &Op| match op {
        Op::Conv(conv) => {
            let mut conv = conv.clone();
            std::mem::swap(&mut conv.pad_before, &mut conv.pad_after);
            Some(Op::Conv(conv))
        }
        Op::AvgPool(pool) => {
            let mut pool = pool.clone();
            std::mem::swap(&mut pool.pad_before, &mut pool.pad_after);
            Some(Op::AvgPool(pool))
        }
        Op::MaxPool(pool) => {
            let mut pool = pool.clone();
            std::mem::swap(&mut pool.pad_before, &mut pool.pad_after);
            Some(Op::MaxPool(pool))
        }
        _ => None,
    };
    let changed = computed(part).into_iter().filter_map(|(id, op, _)| part.with_op(id, exchanged(op)?));
    changed.map(|part| Variant::new("padding on the other side", part)).collect()
}

/// Softmax and its kin along another axis.
pub(super) fn axis(part: &Part) -> Vec<Variant> {
    let mut variants = Vec::new();
    for (id, op, parents) in computed(part) {
        let rank = parents.first().map_or(0, |&x| part.dimensions(x).len());
        for axis in 0..rank {
            let other = match op {
                Op::Softmax(_) => Op::Softmax(tl_kernel::spec::softmax::Softmax { axis }),
                Op::LogSoftmax(_) => Op::LogSoftmax(tl_kernel::spec::log_softmax::LogSoftmax { axis }),
                Op::MaskedSoftmax(softmax) => {
                    Op::MaskedSoftmax(tl_kernel::spec::masked_softmax::MaskedSoftmax { axis, ..softmax.clone() })
                }
                _ => continue,
            };
            variants
                .extend(part.with_op(id, other).map(|part| Variant::new(format!("softmax over axis {axis}"), part)));
        }
    }
    variants
}

/// A resize by another rule for coordinates or for the nearest cell.
pub(super) fn coordinates(part: &Part) -> Vec<Variant> {
    use Coordinates::*;
    use Interpolation::*;
    let mut variants = Vec::new();
    for (id, op, _) in computed(part) {
        let Op::Upsample(upsample) = op else { continue };
        let modes: &[Interpolation] = match upsample.mode {
            Linear => &[Linear],
            _ => &[NearestFloor, NearestCeil, NearestRoundPreferFloor, NearestRoundPreferCeil],
        };
        for coordinates in [HalfPixel, HalfPixelSymmetric, PytorchHalfPixel, AlignCorners, Asymmetric] {
            for &mode in modes {
                let mut other = upsample.clone();
                (other.coordinates, other.mode) = (coordinates, mode);
                let name = format!("a resize with coordinates {} ({})", coordinates.keyword(), mode.keyword());
                variants.extend(part.with_op(id, Op::Upsample(other)).map(|part| Variant::new(name, part)));
            }
        }
    }
    variants
}
