//! Transposed convolution (the adjoint of convolution in x) over one to three spatial axes.
//!
//! Value: y[n, o, p] = Σ_{c, k} w[c, o, k] · x[n, c, i] + b[o], c over the channels of o's group, the sum over all cells i and kernel cells k with
//! i·stride + k·dilation − pad_before = p. The terms stand in the order channel, then kernel cell, row-major; a kernel cell that meets no
//! input cell is the term +0 · w, so that every position sums equally many terms.
//! Shapes: x [N, C, spatial..], weight [C, O/groups, kernel..], bias [O] (may be absent) → y [N, O, out..].
//! Constraints: conv_transpose_c1 … conv_transpose_c6 (`spec-tests/ops/conv_transpose.md`).

use crate::spec::conv::{GroupedDots, spread};
use crate::spec::prelude::*;
use crate::spec::vjp::window::{correlate, with_bias};

attributes! {
    /// Transposed convolution; the lists have one entry per spatial axis.
    pub struct ConvTranspose {
        /// Distance in the output between the images of neighbouring input cells.
        pub stride: Vec<usize>,
        /// Step between kernel cells.
        pub dilation: Vec<usize>,
        /// Output cells cut off before the first.
        pub pad_before: Vec<usize>,
        /// Output cells cut off after the last.
        pub pad_after: Vec<usize>,
        /// Output cells added after the last.
        pub output_padding: Vec<usize>,
        /// Number of groups of channels that do not mix.
        pub groups: usize,
    }
}

impl ConvTranspose {
    /// The convolution that this is the transpose of.
    fn sliding<'a>(&'a self, kernel: &'a [usize]) -> Sliding<'a> {
        Sliding { lists: [kernel, &self.stride, &self.dilation, &self.pad_before, &self.pad_after], ceiling: false }
    }

    /// The output extent along one axis; the lists have been found long enough.
    fn extent(&self, axis: usize, input: usize, kernel: usize) -> Option<usize> {
        let at = |list: &[usize]| list.get(axis).copied();
        let (stride, dilation, extra) = (at(&self.stride)?, at(&self.dilation)?, at(&self.output_padding)?);
        let reach = dilation.checked_mul(kernel - 1)?; // a dimension is at least 1
        let whole = (input - 1).checked_mul(stride)?.checked_add(reach)?.checked_add(1)?.checked_add(extra)?;
        let cut = at(&self.pad_before)?.checked_add(at(&self.pad_after)?)?;
        whole.checked_sub(cut).filter(|&out| out > 0 && stride > 0 && dilation > 0 && extra < stride.max(dilation))
    }
}

impl Operation for ConvTranspose {
    fn shape(&self, x: &Shape, others: &[&Shape]) -> Result<Shape, Fault> {
        let (weight, bias) = others.split_first().ok_or_else(wrong_parents)?;
        let (&[batch, channels, ref input @ ..], &[fan, per_group, ref kernel @ ..]) =
            (x.dimensions(), weight.dimensions())
        else {
            return Err(Fault::new(
                "conv_transpose_c1",
                format!("x {x} and weight {weight} need at least three dimensions"),
            ));
        };
        require(input.len() == kernel.len(), "conv_transpose_c1", || {
            format!("x {x} and weight {weight} differ in rank")
        })?;
        require(self.groups > 0 && channels % self.groups == 0, "conv_transpose_c2", || {
            format!("{channels} input channels in {} groups", self.groups)
        })?;
        require(fan == channels, "conv_transpose_c3", || {
            format!("x {x} has {channels} channels, weight {weight} takes {fan}")
        })?;
        let lists = [&self.stride, &self.dilation, &self.pad_before, &self.pad_after, &self.output_padding];
        require_spatial(input.len(), &lists.map(Vec::as_slice), "conv_transpose_c4")?;
        let fault = |axis| Fault::new("conv_transpose_c4", format!("axis {axis} of x {x} has no output extent"));
        let extents = input.iter().zip(kernel).enumerate();
        let extents = extents.map(|(axis, (&n, &k))| self.extent(axis, n, k).ok_or_else(|| fault(axis)));
        let output = extents.collect::<Result<Vec<_>, _>>()?;
        let out = per_group.saturating_mul(self.groups); // at most the elements of x times those of weight; what saturates is no shape
        require_all("bias ", bias, &[out], "conv_transpose_c5")?;
        shape_of([&[batch, out], output.as_slice()].concat(), "conv_transpose_c6")
    }

    fn value<C: Context>(&self, context: &C, x: &Tensor<C::Value>, others: Parents<C>, shape: &Shape) -> Values<C> {
        let (weight, bias) = others.split_first().ok_or(WRONG_PARENTS)?;
        let (sliding, input) = (self.sliding(spatial(weight.shape())), spatial(x.shape()));
        let source = |axis, p, k| input.get(axis).and_then(|&extent| sliding.source(axis, p, k, extent));
        spread(context, x, weight, self.groups, shape, bias, source)
    }

    /// Every position sees all cells of a kernel, and so does on the way back every cell of x.
    fn work(&self, x: &Shape, others: &[&Shape], shape: &Shape) -> u64 {
        let weight = others.first().map_or(&[][..], |weight| weight.dimensions()); // of all output channels
        let channels = shape.dimensions().get(1).map_or(1, |&out| wide(out));
        dots(shape, cells(weight).div_ceil(channels.max(1))).max(dots(x, cells(weight.get(1..).unwrap_or(&[]))))
    }
}

impl Vjp for ConvTranspose {
    /// dx is the convolution of dy by the same weight, dW the correlation of dy with x.
    fn vjp<C: Context>(&self, context: &C, at: &Point<C>, dy: &Tensor<C::Value>) -> Cotangents<C> {
        let (weight, output) = (at.other(0)?, spatial(dy.shape()));
        let kernel = spatial(weight.shape());
        let sliding = self.sliding(kernel);
        let dots =
            GroupedDots { x: dy, weight: weight.data(), bias: &[], groups: self.groups, kernel, shape: at.x.shape() };
        let tap = |axis, i, k| output.get(axis).and_then(|&extent| sliding.tap(axis, i, k, extent));
        let dw = || correlate(context, dy, at.x, &sliding, self.groups);
        with_bias(context, at, dy, vec![at.when(0, || dots.value(context, tap))?, at.when(1, dw)?])
    }
}
