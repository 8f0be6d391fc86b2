//! The reverse rules of weights and biases that slide over a tensor (`crate::spec::conv`, `crate::spec::conv_transpose`).

#![expect(clippy::indexing_slicing, reason = "lists have one entry an axis (conv_c4)")]

use crate::context::PADDING;
use crate::spec::conv::spread;
use crate::spec::prelude::*;
use std::collections::BTreeMap;

/// The cotangent of x, of `shape` [N, C, cells..], under a convolution: the transposed convolution of dy by its weight. Along an axis a cell meets only every
/// `stride`-th cell of the kernel, so that x is taken phase by phase: the cells that meet the same ones.
pub(crate) fn unslide<C: Context>(
    context: &C,
    dy: &Tensor<C::Value>,
    weight: &Tensor<C::Value>,
    sliding: &Sliding<'_>,
    groups: usize,
    shape: &Shape,
) -> Values<C> {
    let (input, positions, kernel) = (spatial(shape), spatial(dy.shape()), spatial(weight.shape()));
    // The cells of x and those of the kernel that meet in each phase, along an axis.
    let along = |axis: usize| {
        let [_, stride, dilation, before, _] = sliding.along(axis);
        let mut phases: BTreeMap<usize, [Vec<usize>; 2]> = BTreeMap::new();
        for cell in 0..input[axis] {
            phases.entry((cell + before) % stride).or_default()[0].push(cell);
        }
        for k in 0..kernel[axis] {
            phases.get_mut(&(k * dilation % stride)).into_iter().for_each(|phase| phase[1].push(k));
        }
        phases.into_values().filter(|[_, taps]| !taps.is_empty()).collect()
    };
    let phases: Vec<Vec<[Vec<usize>; 2]>> = (0..input.len()).map(along).collect();
    let mut dx = vec![context.integer(0)?; shape.elements()];
    // An axis without a phase: no cell meets the kernel.
    let Ok(all) = Shape::new(phases.iter().map(Vec::len).collect()) else { return Ok(dx) };
    let (area, strides) = (input.iter().product::<usize>(), weight.shape().strides());
    for number in 0..all.elements() {
        let phase: Vec<_> = all.index_of(number).into_iter().zip(&phases).map(|(i, phases)| &phases[i]).collect();
        let sized = |of: &Shape, which: usize| {
            let extents = phase.iter().map(|lists| lists[which].len());
            shape_of(of.dimensions().iter().copied().take(2).chain(extents).collect(), "").map_err(|_| WRONG_PARENTS)
        };
        let (part, kernel) = (sized(shape, 0)?, sized(weight.shape(), 1)?);
        let place = |axis: usize, i: usize| {
            let tap = if axis < 2 { i } else { phase[axis - 2][1][i] };
            Some(tap * strides[axis])
        };
        let weight = rearrange(weight, kernel.dimensions(), None, place)?;
        let weight = Tensor::new(kernel, weight).ok_or(WRONG_PARENTS)?;
        let source = |axis: usize, p: usize, k: usize| {
            sliding.source(axis, phase[axis][0][p], phase[axis][1][k], positions[axis])
        };
        let values = spread(context, dy, &weight, groups, &part, &[], source)?;
        let seen = product(input, |axis| phase[axis][0].iter().map(|&cell| Some(cell)).collect());
        for (values, plane) in values.chunks_exact(seen.len()).zip(dx.chunks_exact_mut(area)) {
            for (value, cell) in values.iter().zip(&seen) {
                *cell.and_then(|cell| plane.get_mut(cell)).ok_or(WRONG_PARENTS)? = value.clone();
            }
        }
    }
    Ok(dx)
}

/// `[S, L/groups, kernel..]`: for every channel s of `small` [N, S, positions..] and c of `large` [N, L, cells..] in its group the sum over batch and positions p of
/// `small[n, s, p] · large[n, c, tap(p, k)]`: the cotangent of the weight that ties them.
pub(crate) fn correlate<C: Context>(
    context: &C,
    large: &Tensor<C::Value>,
    small: &Tensor<C::Value>,
    sliding: &Sliding<'_>,
    groups: usize,
) -> Values<C> {
    let (input, positions, kernel) = (spatial(large.shape()), spatial(small.shape()), sliding.lists[0]);
    let (batch, channels, plane) = around(large.shape(), 1).ok_or(WRONG_PARENTS)?;
    let (_, rows, area) = around(small.shape(), 1).ok_or(WRONG_PARENTS)?;
    let (fan, outputs) = (channels / groups, rows / groups); // conv_c2, conv_c3
    let cells: usize = kernel.iter().product();
    let (kernel_shape, area_shape) = (Shape::new(kernel.to_vec()), Shape::new(positions.to_vec()));
    let (kernel_shape, area_shape) = kernel_shape.ok().zip(area_shape.ok()).ok_or(WRONG_PARENTS)?;
    let place = |at: Option<usize>| at.map_or(Ok(PADDING), u32::try_from).map_err(|_| WRONG_PARENTS);
    // The cell that every position sees under a kernel cell, in one channel.
    let seen = |cell: usize| {
        let k = kernel_shape.index_of(cell);
        let tap = |p: usize| {
            let p = area_shape.index_of(p);
            let taps = (0..input.len()).map(|axis| sliding.tap(axis, p[axis], k[axis], input[axis]));
            taps.zip(input).try_fold(0, |at, (tap, extent)| Some(at * extent + tap?))
        };
        (0..area).map(tap).collect::<Vec<_>>()
    };
    let seen: Vec<Vec<Option<usize>>> = (0..cells).map(seen).collect();
    let mut out = Vec::with_capacity(rows * fan * cells);
    for group in 0..groups {
        let terms =
            |row: usize| (0..batch).flat_map(move |n| (0..area).map(move |p| Some((n * rows + row) * area + p)));
        let left = (group * outputs..(group + 1) * outputs).flat_map(terms).map(place).collect::<Result<_, _>>()?;
        let left = Rows::gathered(small.data(), outputs, batch * area, left)?;
        // One channel of the large tensor after the other, so that an index stays small.
        let mut columns = Vec::with_capacity(fan);
        for c in group * fan..(group + 1) * fan {
            let plane_of = |n: usize| (n * channels + c) * plane;
            let row = |seen: &Vec<Option<usize>>| {
                let at = |n| seen.iter().map(move |cell| cell.map(|cell| plane_of(n) + cell)).collect::<Vec<_>>();
                (0..batch).flat_map(at).collect::<Vec<_>>()
            };
            let index = seen.iter().flat_map(row).map(place).collect::<Result<_, _>>()?;
            let right = Rows::gathered(large.data(), cells, batch * area, index)?;
            columns.push(context.dots(&left, &right, None)?);
        }
        for s in 0..outputs {
            out.extend(columns.iter().flat_map(|column| column.iter().skip(s * cells).take(cells).cloned()));
        }
    }
    Ok(out)
}

/// Cotangents with that of the bias [O], where there is one: dy [N, O, ..] summed over all but its channels.
pub(crate) fn with_bias<C: Context>(
    context: &C,
    at: &Point<C>,
    dy: &Tensor<C::Value>,
    mut cotangents: Vec<Option<Vec<C::Value>>>,
) -> Cotangents<C> {
    if at.others.len() > 1 {
        let (_, channels, plane) = around(dy.shape(), 1).ok_or(WRONG_PARENTS)?;
        let terms = dy.data().iter().enumerate().map(|(i, d)| Ok((i / plane % channels, d.clone())));
        cotangents.push(at.when(2, || totals(context, channels, terms))?);
    }
    Ok(cotangents)
}
