//! Convolution (cross-correlation) over one to three spatial axes.
//!
//! Value: y[n, o, p] = Σ_{c, k} w[o, c, k] · x[n, g·C/groups + c, p·stride + k·dilation − pad_before] + b[o], g the group of o. The terms stand in
//! the order channel, then kernel cell, row-major; a padded cell is the term +0 · w, so that every position sums equally many terms.
//! Shapes: x [N, C, spatial..], weight [O, C/groups, kernel..], bias [O] (may be absent) → y [N, O, out..].
//! Constraints: conv_c1 … conv_c6 (`spec-tests/ops/conv.md`).

#![expect(clippy::indexing_slicing, reason = "lists have one entry an axis (conv_c4)")]

use crate::context::PADDING;
use crate::spec::prelude::*;
use crate::spec::vjp::window::{correlate, unslide, with_bias};

attributes! {
    /// Convolution; the lists have one entry per spatial axis.
    pub struct Conv {
        /// Step between output positions.
        pub stride: Vec<usize>,
        /// Step between kernel cells.
        pub dilation: Vec<usize>,
        /// Zero padding before the first cell.
        pub pad_before: Vec<usize>,
        /// Zero padding after the last cell.
        pub pad_after: Vec<usize>,
        /// Number of groups of channels that do not mix.
        pub groups: usize,
    }
}

impl Conv {
    fn sliding<'a>(&'a self, kernel: &'a [usize]) -> Sliding<'a> {
        Sliding { lists: [kernel, &self.stride, &self.dilation, &self.pad_before, &self.pad_after], ceiling: false }
    }
}

impl Operation for Conv {
    fn shape(&self, x: &Shape, others: &[&Shape]) -> Result<Shape, Fault> {
        let (weight, bias) = others.split_first().ok_or_else(wrong_parents)?;
        let (&[batch, channels, ref input @ ..], &[out, fan_in, ref kernel @ ..]) =
            (x.dimensions(), weight.dimensions())
        else {
            return Err(Fault::new("conv_c1", format!("x {x} and weight {weight} need at least three dimensions")));
        };
        require(input.len() == kernel.len(), "conv_c1", || format!("x {x} and weight {weight} differ in rank"))?;
        require(self.groups > 0 && out % self.groups == 0, "conv_c2", || {
            format!("{out} output channels in {} groups", self.groups)
        })?;
        require(fan_in.checked_mul(self.groups) == Some(channels), "conv_c3", || {
            format!("x {x} has {channels} channels, weight {weight} takes {fan_in} in each of {} groups", self.groups)
        })?;
        let output = self.sliding(kernel).output(input, "conv_c4")?;
        require_all("bias ", bias, &[out], "conv_c5")?;
        shape_of([&[batch, out], output.as_slice()].concat(), "conv_c6")
    }

    fn value<C: Context>(&self, context: &C, x: &Tensor<C::Value>, others: Parents<C>, shape: &Shape) -> Values<C> {
        let (weight, bias) = others.split_first().ok_or(WRONG_PARENTS)?;
        let (input, kernel) = (spatial(x.shape()), spatial(weight.shape()));
        let sliding = self.sliding(kernel);
        let dots = GroupedDots { x, weight: weight.data(), bias, groups: self.groups, kernel, shape };
        dots.value(context, |axis, o, k| sliding.tap(axis, o, k, input[axis])) // an axis of the input
    }

    /// Every position sees all cells of a kernel; on the way back every cell of x sees one in a step of them.
    fn work(&self, x: &Shape, others: &[&Shape], shape: &Shape) -> u64 {
        let weight = others.first().map_or(&[][..], |weight| weight.dimensions());
        let back = cells(weight) / cells(weight.get(1..2).unwrap_or(&[])) / wide(self.groups.max(1));
        dots(shape, cells(weight.get(1..).unwrap_or(&[]))).max(dots(x, back.div_ceil(cells(&self.stride).max(1))))
    }
}

impl Vjp for Conv {
    /// dx is the transposed convolution of dy by the same weight, dW the correlation of x with dy, db the sum of dy over batch and positions.
    fn vjp<C: Context>(&self, context: &C, at: &Point<C>, dy: &Tensor<C::Value>) -> Cotangents<C> {
        let weight = at.other(0)?;
        let sliding = self.sliding(spatial(weight.shape()));
        let dx = || unslide(context, dy, weight, &sliding, self.groups, at.x.shape());
        let dw = || correlate(context, at.x, dy, &sliding, self.groups);
        with_bias(context, at, dy, vec![at.when(0, dx)?, at.when(1, dw)?])
    }
}

/// The transposed convolution of x [N, C, ..] by weight [C, O/groups, kernel..]: `shape` [N, O, ..] (see `conv_transpose`);
/// `source(axis, p, k)` is the cell of x whose kernel cell k falls on position p.
pub(crate) fn spread<C: Context>(
    context: &C,
    x: &Tensor<C::Value>,
    weight: &Tensor<C::Value>,
    groups: usize,
    shape: &Shape,
    bias: &[&Tensor<C::Value>],
    source: impl Fn(usize, usize, usize) -> Option<usize>,
) -> Values<C> {
    let &[channels, outputs, ref kernel @ ..] = weight.dimensions() else { return Err(WRONG_PARENTS) };
    let (fan, cells) = (channels.checked_div(groups).ok_or(WRONG_PARENTS)?, kernel.iter().product::<usize>());
    // [g, c, o, k] → [g, o, c, k]: the rows that belong to one output channel.
    let strides = [fan * outputs * cells, cells, outputs * cells, 1];
    let rows = rearrange(weight, &[groups, outputs, fan, cells], None, |axis, i| Some(i * strides.get(axis)?))?;
    GroupedDots { x, weight: &rows, bias, groups, kernel, shape }.value(context, source)
}

/// Most positions of an explicit row index alive at one time.
const INDEX_CHUNK: usize = 1 << 22;

/// A contraction of channels in groups that do not mix: x [N, C, input..], seen through `kernel` from the positions of `shape` [N, O, output..].
pub(crate) struct GroupedDots<'a, V> {
    pub(crate) x: &'a Tensor<V>,
    /// The rows of all O output channels, one after the other: [O, C/groups, kernel..].
    pub(crate) weight: &'a [V],
    /// At most one tensor [O].
    pub(crate) bias: &'a [&'a Tensor<V>],
    pub(crate) groups: usize,
    pub(crate) kernel: &'a [usize],
    pub(crate) shape: &'a Shape,
}

impl<V: Clone> GroupedDots<'_, V> {
    /// `y[n, g, o, p] = Σ_{c, k} x[n, g, c, tap(p, k)] · w[g, o, c, k] + b[g, o]`, row-major over `n, g, o, p`; `tap(axis, p, k)` is the input cell
    /// along one axis, `None` is padding.
    pub(crate) fn value<C: Context<Value = V>>(
        &self,
        context: &C,
        tap: impl Fn(usize, usize, usize) -> Option<usize>,
    ) -> Values<C> {
        let (input, output, kernel) = (spatial(self.x.shape()), spatial(self.shape), self.kernel);
        let per_group = |shape: &Shape| shape.dimensions().get(1)?.checked_div(self.groups);
        let fan = per_group(self.x.shape()).ok_or(WRONG_PARENTS)?;
        let outputs = per_group(self.shape).ok_or(WRONG_PARENTS)?;
        let [plane, cells, positions] = [input, kernel, output].map(|extents| extents.iter().product::<usize>());
        let terms = fan * cells;
        let patch = |position: usize| {
            let index = self.shape.index_of(position); // in the first plane
            let row = |axis: usize| (0..kernel[axis]).map(|k| tap(axis, index[axis + 2], k)).collect(); // an axis of the input
            let seen = product(input, row);
            (0..fan).flat_map(move |c| seen.clone().into_iter().map(move |cell| cell.map(|cell| c * plane + cell)))
        };
        let chunk = (INDEX_CHUNK / terms).max(1);
        let mut out = Vec::with_capacity(self.shape.elements());
        for (n, block) in self.x.data().chunks_exact(fan * plane).enumerate() {
            let group = n % self.groups;
            let weight = self.weight.chunks_exact(outputs * terms).nth(group).ok_or(WRONG_PARENTS)?;
            let bias = self.bias.first().map(|bias| bias.data().chunks_exact(outputs).nth(group).ok_or(WRONG_PARENTS));
            let (right, bias) = (Rows::contiguous(weight, terms), bias.transpose()?);
            let mut values = Vec::with_capacity(positions * outputs);
            for start in (0..positions).step_by(chunk) {
                let rows = chunk.min(positions - start);
                let place = |at: Option<usize>| at.map_or(Ok(PADDING), u32::try_from);
                let index: Result<_, _> = (start..start + rows).flat_map(&patch).map(place).collect();
                let index = index.map_err(|_| EvalError::Internal { what: "a tensor position beyond 32 bits" })?;
                values.extend(context.dots(&Rows::gathered(block, rows, terms, index)?, &right, bias)?);
            }
            for o in 0..outputs {
                out.extend(values.iter().skip(o).step_by(outputs).cloned());
            }
        }
        Ok(out)
    }
}
