//! Windows: which input cells a convolution or a pool sees from each output position.
//!
//! Along one axis of extent `n`, output position `o` and kernel position `k` meet the input cell `o·stride + k·dilation − before`, which is
//! padding when it is outside `0..n`. There are `⌊(n + before + after − dilation·(kernel − 1) − 1) / stride⌋ + 1` output positions
//! (Dumoulin and Visin 2016, relationship 15); in ceiling mode the quotient is rounded up, less a last window that would start beyond the input and
//! the padding before it (PyTorch and ONNX alike).

use crate::spec::Fault;

/// The numbers of one window rule, one entry per spatial axis each; built from an operation's attributes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sliding<'a> {
    /// Cells of the kernel.
    pub(crate) kernel: &'a [usize],
    /// Step between output positions.
    pub(crate) stride: &'a [usize],
    /// Step between kernel cells.
    pub(crate) dilation: &'a [usize],
    /// Padding before the first cell.
    pub(crate) before: &'a [usize],
    /// Padding after the last cell.
    pub(crate) after: &'a [usize],
    /// Whether a last, partial window counts.
    pub(crate) ceiling: bool,
}

impl Sliding<'_> {
    /// The output extents over an input of these extents, or the fault against `constraint`.
    pub(crate) fn output(
        &self,
        input: &[usize],
        constraint: &'static str,
    ) -> Result<Vec<usize>, Fault> {
        let axes = input.len();
        let lists = [
            self.kernel,
            self.stride,
            self.dilation,
            self.before,
            self.after,
        ];
        if !(1..=3).contains(&axes) || lists.iter().any(|list| list.len() != axes) {
            return Err(Fault::new(
                constraint,
                format!("{axes} spatial axes, every list needs one entry each, 1 to 3"),
            ));
        }
        let extent = |axis: usize| -> Option<usize> {
            let [kernel, stride, dilation, before, after] = lists.map(|list| list[axis]); // lengths checked above
            if kernel == 0 || stride == 0 || dilation == 0 {
                return None;
            }
            let reach = dilation.checked_mul(kernel - 1)?.checked_add(1)?;
            let room = input[axis]
                .checked_add(before)?
                .checked_add(after)?
                .checked_sub(reach)?;
            let floor = room / stride + 1;
            let starts_inside = || {
                floor
                    .checked_mul(stride)
                    .is_some_and(|start| start < input[axis] + before)
            };
            Some(if self.ceiling && room % stride != 0 && starts_inside() {
                floor + 1
            } else {
                floor
            })
        };
        let fault = |axis| {
            Fault::new(
                constraint,
                format!("no window fits axis {axis} of the input extents {input:?}"),
            )
        };
        (0..axes)
            .map(|axis| extent(axis).ok_or_else(|| fault(axis)))
            .collect()
    }

    /// The cells that each output position sees; `output` is what [`Sliding::output`] gave for `input`.
    pub(crate) fn cells(&self, input: &[usize], output: &[usize]) -> Cells {
        let tap = |axis: usize, o: usize, k: usize| {
            let cell =
                (o * self.stride[axis] + k * self.dilation[axis]).checked_sub(self.before[axis])?;
            (cell < input[axis]).then_some(cell)
        };
        Cells::new(input, output, self.kernel, tap)
    }
}

/// For every output position the input cells under the kernel, row-major over the kernel; `None` is padding.
#[derive(Clone, Debug)]
pub(crate) struct Cells {
    /// Per axis: input extent, output extent, and the cell for each pair (output position, kernel position).
    axes: Vec<(usize, usize, Vec<Option<usize>>)>,
}

impl Cells {
    /// From the rule `tap(axis, output position, kernel position)` along each axis.
    pub(crate) fn new(
        input: &[usize],
        output: &[usize],
        kernel: &[usize],
        tap: impl Fn(usize, usize, usize) -> Option<usize>,
    ) -> Self {
        let tap = &tap;
        let axis = |(axis, ((&input, &output), &kernel))| {
            let taps = (0..output)
                .flat_map(|o| (0..kernel).map(move |k| tap(axis, o, k)))
                .collect();
            (input, output, taps)
        };
        Cells {
            axes: input
                .iter()
                .zip(output)
                .zip(kernel)
                .enumerate()
                .map(axis)
                .collect(),
        }
    }

    /// Number of output positions.
    pub(crate) fn positions(&self) -> usize {
        self.axes.iter().map(|(_, output, _)| output).product()
    }

    /// The cells seen from one output position, as positions in the row-major input.
    pub(crate) fn at(&self, position: usize) -> Vec<Option<usize>> {
        let mut cells = vec![Some(0)];
        let mut rest = self.positions();
        for (input, output, taps) in &self.axes {
            rest /= output;
            let kernel = taps.len() / output;
            let here = position / rest % output;
            let row = &taps[here * kernel..(here + 1) * kernel]; // here < output
            cells = cells
                .iter()
                .flat_map(|cell| row.iter().map(move |tap| Some((*cell)? * input + (*tap)?)))
                .collect();
        }
        cells
    }
}
