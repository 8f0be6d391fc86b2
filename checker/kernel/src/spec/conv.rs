//! Convolution (cross-correlation) over one to three spatial axes.
//!
//! Value: y[n, o, p] = Σ_{c, k} w[o, c, k] · x[n, g·C/groups + c, p·stride + k·dilation − pad_before] + b[o], g the group of o. The terms stand in
//! the order channel, then kernel cell, row-major; a padded cell is the term +0 · w, so that every position sums equally many terms.
//! Shapes: x [N, C, spatial..], weight [O, C/groups, kernel..], bias [O] (may be absent) → y [N, O, out..].
//! Constraints: conv_c1 … conv_c6 (`spec-tests/ops/conv.md`).

#![expect(clippy::indexing_slicing, reason = "lists have one entry an axis (conv_c4)")]

use crate::context::{PADDING, Rows};
use crate::spec::prelude::*;
use crate::spec::window::{Sliding, product, unravel};

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
        Sliding {
            kernel,
            stride: &self.stride,
            dilation: &self.dilation,
            before: &self.pad_before,
            after: &self.pad_after,
            ceiling: false,
        }
    }
}

impl Operation for Conv {
    fn shape(&self, parents: &[&Shape]) -> Result<Shape, Fault> {
        let [x, weight, bias @ ..] = parents else {
            return Err(wrong_parents());
        };
        let (&[batch, channels, ref input @ ..], &[out, fan_in, ref kernel @ ..]) = (x.dimensions(), weight.dimensions())
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
        for bias in bias {
            require(bias.dimensions() == [out], "conv_c5", || format!("bias {bias} is not [{out}]"))?;
        }
        shape_of([&[batch, out], output.as_slice()].concat(), "conv_c6")
    }

    fn value<C: Context>(
        &self,
        context: &C,
        parents: Parents<C>,
        shape: &Shape,
    ) -> Values<C> {
        let [x, weight, bias @ ..] = parents else {
            return Err(WRONG_PARENTS);
        };
        let (&[_, channels, ref input @ ..], &[out, _, ref kernel @ ..], [_, _, output @ ..]) =
            (x.dimensions(), weight.dimensions(), shape.dimensions())
        else {
            return Err(WRONG_PARENTS);
        };
        let sliding = self.sliding(kernel);
        let tap = |axis: usize, o: usize, k: usize| sliding.tap(axis, o, k, input[axis]); // an axis of the input
        let bias = bias.first().map(|bias| bias.data());
        let side = Side { weight: weight.data(), bias, outputs: out / self.groups };
        grouped_dots(context, x.data(), &side, &Planes { channels, groups: self.groups, input, output, kernel }, tap)
    }

    fn work(&self, parents: &[&Shape], shape: &Shape) -> u64 {
        let terms = parents.get(1).and_then(|weight| weight.dimensions().get(1..)).unwrap_or(&[]);
        let terms = terms.iter().fold(1u64, |terms, &d| terms.saturating_mul(u64::try_from(d).unwrap_or(u64::MAX)));
        elements(shape).saturating_mul(terms.saturating_add(DOT))
    }
}

/// The weight side of a grouped contraction: rows of all groups one after the other, `outputs` rows a group.
pub(crate) struct Side<'a, V> {
    pub(crate) weight: &'a [V],
    pub(crate) bias: Option<&'a [V]>,
    pub(crate) outputs: usize,
}

/// Most positions of an explicit row index alive at one time.
const INDEX_CHUNK: usize = 1 << 22;

/// The input side: x [N, `channels`, `input`..], seen through `kernel` from the positions of `output`.
pub(crate) struct Planes<'a> {
    pub(crate) channels: usize,
    pub(crate) groups: usize,
    pub(crate) input: &'a [usize],
    pub(crate) output: &'a [usize],
    pub(crate) kernel: &'a [usize],
}

/// `y[n, g, o, p] = Σ_{c, k} x[n, g, c, tap(p, k)] · w[g, o, c, k] + b[g, o]`, row-major over `n, g, o, p`; `tap(axis, p, k)` is the input cell
/// along one axis, `None` is padding.
pub(crate) fn grouped_dots<C: Context>(
    context: &C,
    x: &[C::Value],
    side: &Side<'_, C::Value>,
    planes: &Planes<'_>,
    tap: impl Fn(usize, usize, usize) -> Option<usize>,
) -> Values<C> {
    let Side { weight, bias, outputs } = *side;
    let Planes { groups, input, output, kernel, .. } = *planes;
    let per_group = planes.channels / groups;
    let plane = input.iter().product::<usize>();
    let (block, terms, positions) = (per_group * plane, weight.len() / (groups * outputs), output.iter().product::<usize>());
    let patch = |position: usize| {
        let index = unravel(position, output);
        let row = |axis: usize| (0..kernel[axis]).map(|k| tap(axis, index[axis], k)).collect(); // an axis of the input
        let seen = product(input, row);
        (0..per_group).flat_map(move |c| seen.clone().into_iter().map(move |cell| cell.map(|cell| c * plane + cell)))
    };
    let chunk = (INDEX_CHUNK / terms).max(1);
    let mut out = Vec::with_capacity(x.len() / block * outputs * positions);
    for (n, block) in x.chunks_exact(block).enumerate() {
        let group = n % groups;
        let weight = weight.chunks_exact(outputs * terms).nth(group).ok_or(WRONG_PARENTS)?;
        let bias = bias.map(|bias| bias.chunks_exact(outputs).nth(group).ok_or(WRONG_PARENTS)).transpose()?;
        let right = Rows::contiguous(weight, terms);
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
