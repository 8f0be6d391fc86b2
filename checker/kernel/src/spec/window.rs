//! Windows: which input cells a convolution or a pool sees from each output position.
//!
//! Along one axis of extent `n`, output position `o` and kernel position `k` meet the input cell `o·stride + k·dilation − before`, which is
//! padding when it is outside `0..n`. There are `⌊(n + before + after − dilation·(kernel − 1) − 1) / stride⌋ + 1` output positions
//! (Dumoulin and Visin 2016, relationship 15); in ceiling mode the quotient is rounded up, less a last window that would start beyond the input and
//! the padding before it (PyTorch and ONNX alike). No table is kept: cells are computed where they are used.

#![expect(
    clippy::indexing_slicing,
    reason = "lists have one entry an axis (require_spatial), positions come from the loops above them"
)]

use crate::spec::prelude::*;

/// One window rule, built from an operation's attributes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sliding<'a> {
    /// One entry per spatial axis each: cells of the kernel, step between output positions, step between kernel cells, padding before the first
    /// cell and after the last.
    pub(crate) lists: [&'a [usize]; 5],
    /// Whether a last, partial window counts.
    pub(crate) ceiling: bool,
}

impl Sliding<'_> {
    /// The output extents over an input of these extents, or the fault against `constraint`.
    pub(crate) fn output(&self, input: &[usize], constraint: &'static str) -> Result<Vec<usize>, Fault> {
        require_spatial(input.len(), &self.lists, constraint)?;
        let fault = |axis| Fault::new(constraint, format!("no window fits axis {axis} of the input extents {input:?}"));
        (0..input.len()).map(|axis| self.extent(axis, input[axis]).ok_or_else(|| fault(axis))).collect()
    }

    /// The numbers of one axis, in the order of the lists.
    pub(crate) fn along(&self, axis: usize) -> [usize; 5] {
        self.lists.map(|list| list[axis])
    }

    /// The output extent along an axis of this extent.
    fn extent(&self, axis: usize, extent: usize) -> Option<usize> {
        let [kernel, stride, dilation, before, after] = self.along(axis);
        let reach = dilation.checked_mul(kernel.checked_sub(1)?)?.checked_add(1)?;
        let room = extent.checked_add(before)?.checked_add(after)?.checked_sub(reach).filter(|_| dilation > 0)?;
        let floor = room.checked_div(stride)? + 1;
        let starts_inside = || floor.checked_mul(stride).is_some_and(|start| start < extent + before);
        Some(if self.ceiling && room % stride != 0 && starts_inside() { floor + 1 } else { floor })
    }

    /// The shape of a pool over x [N, C, spatial..]; `rule` bears on the lists and extents, `seen` on windows in padding alone.
    pub(crate) fn pool(&self, x: &Shape, [rule, seen, whole]: [&'static str; 3]) -> Result<Shape, Fault> {
        let &[batch, channels, ref input @ ..] = x.dimensions() else {
            return Err(Fault::new(rule, format!("x {x} has no spatial axis")));
        };
        let output = self.output(input, rule)?;
        for (axis, (&extent, &last)) in input.iter().zip(&output).enumerate() {
            let ends = [0, last - 1].map(|o| self.seen(axis, o, extent));
            require(ends.iter().all(|(first, end)| first < end), seen, || {
                format!("a window along axis {axis} of x {x} sees nothing but padding")
            })?;
        }
        shape_of([&[batch, channels], output.as_slice()].concat(), whole)
    }

    /// The work of a pool: one operation for each window cell.
    pub(crate) fn work(&self, shape: &Shape) -> u64 {
        elements(shape).saturating_mul(cells(self.lists[0]))
    }

    /// Kernel positions `first..end` that meet input cells from output position `o`, on an axis of this extent.
    pub(crate) fn seen(&self, axis: usize, o: usize, extent: usize) -> (usize, usize) {
        let [kernel, stride, dilation, before, _] = self.along(axis); // the axis is one of `output`
        let until = |end: usize| end.saturating_sub(o * stride).div_ceil(dilation).min(kernel);
        (until(before), until(before + extent))
    }

    /// How many kernel positions of output position `o` are within the input and its padding.
    pub(crate) fn within_padding(&self, axis: usize, o: usize, extent: usize) -> usize {
        let [.., after] = self.along(axis);
        self.seen(axis, o, extent + after).1
    }

    /// The input cells seen from one output position; padding is left out.
    pub(crate) fn cells(&self, axis: usize, o: usize, extent: usize) -> Vec<usize> {
        let (first, end) = self.seen(axis, o, extent);
        (first..end).filter_map(|k| self.tap(axis, o, k, extent)).collect()
    }

    /// The input cell under one kernel position; `None` is padding.
    pub(crate) fn tap(&self, axis: usize, o: usize, k: usize, extent: usize) -> Option<usize> {
        let [_, stride, dilation, before, _] = self.along(axis);
        let cell = (o * stride + k * dilation).checked_sub(before)?;
        (cell < extent).then_some(cell)
    }

    /// The position whose kernel cell k is over this cell, below `positions`: the inverse of [`Sliding::tap`].
    pub(crate) fn source(&self, axis: usize, cell: usize, k: usize, positions: usize) -> Option<usize> {
        let [_, stride, dilation, before, _] = self.along(axis);
        let image = (cell + before).checked_sub(k * dilation)?;
        (image % stride == 0 && image / stride < positions).then_some(image / stride)
    }
}

/// The fault against `constraint` unless there are 1 to 3 spatial axes and every list has one entry for each.
pub(crate) fn require_spatial(axes: usize, lists: &[&[usize]], constraint: &'static str) -> Result<(), Fault> {
    require((1..=3).contains(&axes) && lists.iter().all(|list| list.len() == axes), constraint, || {
        format!("{axes} spatial axes, there must be 1 to 3 and every list needs one entry each")
    })
}

/// The spatial extents of a shape [N, C, spatial..].
pub(crate) fn spatial(shape: &Shape) -> &[usize] {
    shape.dimensions().get(2..).unwrap_or(&[])
}

/// The shape [N, C, `extents`..] over x [N, C, spatial..].
pub(crate) fn resized(x: &Shape, extents: &[usize], constraint: &'static str) -> Result<Shape, Fault> {
    shape_of(x.dimensions().iter().take(2).chain(extents).copied().collect(), constraint)
}

/// A window whose cells all fall beside a short axis, which no shape rule has seen.
const NO_CELL: EvalError = EvalError::Undefined { function: "a pool", reason: "a window sees nothing but padding" };

/// Row-major positions, in an input of these extents, of the product of one list of cells per axis; `None` is padding.
pub(crate) fn product(input: &[usize], list: impl Fn(usize) -> Vec<Option<usize>>) -> Vec<Option<usize>> {
    let (mut cells, mut plane) = (vec![Some(0)], 1);
    for (axis, extent) in input.iter().enumerate().rev() {
        let inner = &cells;
        let row = list(axis).into_iter();
        cells = row.flat_map(|tap| inner.iter().map(move |cell| Some(tap? * plane + (*cell)?))).collect();
        plane *= extent;
    }
    cells
}

/// For every channel of x [N, C, spatial..] and every output position: `f` of the output index and of the values under it, which are the
/// product of the cells `list(axis, output coordinate, input extent)`, row-major.
pub(crate) fn over_windows<V: Clone, R>(
    x: &Tensor<V>,
    shape: &Shape,
    list: impl Fn(usize, usize, usize) -> Vec<usize>,
    mut f: impl FnMut(&[usize], Vec<V>) -> Result<R, EvalError>,
) -> Result<Vec<R>, EvalError> {
    let (input, output) = (spatial(x.shape()), spatial(shape));
    let mut out = Vec::with_capacity(shape.elements());
    for plane in x.data().chunks_exact(input.iter().product()) {
        for position in 0..output.iter().product() {
            let index = &shape.index_of(position)[2..]; // in the first plane
            let cells = |axis: usize| list(axis, index[axis], input[axis]).into_iter().map(Some).collect(); // an axis of both
            let values = product(input, cells).into_iter().map(|cell| cell.and_then(|cell| plane.get(cell)).cloned());
            let values: Option<Vec<V>> = values.collect();
            let values = values.filter(|values| !values.is_empty());
            out.push(f(index, values.ok_or(NO_CELL)?)?);
        }
    }
    Ok(out)
}

/// Declares the attributes of a pool: those of its windows, then its own.
macro_rules! pool {
    ($(#[$meta:meta])* pub struct $name:ident { $($own:tt)* }) => {
        attributes! {
            $(#[$meta])*
            pub struct $name {
                /// Cells of the window.
                pub kernel: Vec<usize>,
                /// Step between output positions.
                pub stride: Vec<usize>,
                /// Step between window cells.
                pub dilation: Vec<usize>,
                /// Padding before the first cell.
                pub pad_before: Vec<usize>,
                /// Padding after the last cell.
                pub pad_after: Vec<usize>,
                /// Whether a last, partial window counts.
                pub ceil_mode: bool,
                $($own)*
            }
        }

        impl $name {
            fn sliding(&self) -> Sliding<'_> {
                let lists = [&self.kernel, &self.stride, &self.dilation, &self.pad_before, &self.pad_after];
                Sliding { lists: lists.map(Vec::as_slice), ceiling: self.ceil_mode }
            }
        }
    };
}
