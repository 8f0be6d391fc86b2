//! `Conv` and `ConvTranspose`, and the window attributes that they share with the pools.

use crate::builder::{Builder, Value};
use crate::call::Call;
use crate::error::{ImportError, fault};
use tl_kernel::spec::{self, Op};

/// The attributes of a window over spatial axes, one entry each, `auto_pad` resolved.
pub(super) struct Window {
    pub(super) kernel: Vec<usize>,
    pub(super) stride: Vec<usize>,
    pub(super) dilation: Vec<usize>,
    pub(super) before: Vec<usize>,
    pub(super) after: Vec<usize>,
}

/// How the padding is chosen.
#[derive(Clone, Copy, PartialEq, Eq)]
enum AutoPad {
    Explicit,
    Valid,
    SameUpper,
    SameLower,
}

fn auto_pad(call: &mut Call) -> Result<AutoPad, ImportError> {
    Ok(match call.string("auto_pad", "NOTSET")?.as_str() {
        "NOTSET" => AutoPad::Explicit,
        "VALID" => AutoPad::Valid,
        "SAME_UPPER" => AutoPad::SameUpper,
        "SAME_LOWER" => AutoPad::SameLower,
        other => {
            return Err(fault!(UnsupportedAttribute, "attribute \"auto_pad\" is {other:?}"));
        }
    })
}

/// `total` cells of padding, the odd one at the upper or the lower end.
fn halves(total: usize, auto: AutoPad) -> (usize, usize) {
    let (less, more) = (total / 2, total - total / 2);
    if auto == AutoPad::SameLower { (more, less) } else { (less, more) }
}

/// The spatial extents of `x`.
pub(super) fn spatial(builder: &Builder, x: &Value) -> Result<Vec<usize>, ImportError> {
    match builder.dimensions(x).as_slice() {
        [_, _, spatial @ ..] if !spatial.is_empty() => Ok(spatial.to_vec()),
        other => Err(fault!(Shapes, "x has shape {other:?}, without a spatial axis")),
    }
}

impl Window {
    /// Reads the attributes but the padding; `kernel` is known from a weight, or has to be an attribute.
    fn read(
        call: &mut Call,
        axes: usize,
        kernel: Option<Vec<usize>>,
        dilations: bool,
    ) -> Result<(Self, AutoPad), ImportError> {
        let declared = call.sizes("kernel_shape", axes, 0)?;
        let absent = declared.iter().all(|&k| k == 0);
        let kernel = match kernel {
            None if absent => {
                return Err(fault!(Attribute, "attribute \"kernel_shape\" is missing"));
            }
            Some(kernel) if !absent && kernel != declared => {
                return Err(fault!(Shapes, "attribute \"kernel_shape\" is {declared:?}, the weight has {kernel:?}"));
            }
            Some(kernel) => kernel,
            None => declared,
        };
        let stride = call.sizes("strides", axes, 1)?;
        let dilation = if dilations { call.sizes("dilations", axes, 1)? } else { vec![1; axes] };
        if stride.iter().chain(&dilation).chain(&kernel).any(|&n| n == 0) {
            return Err(fault!(UnsupportedAttribute, "a kernel, stride or dilation of zero"));
        }
        let pads = call.sizes("pads", axes.saturating_mul(2), 0)?;
        let auto = auto_pad(call)?;
        if auto != AutoPad::Explicit && pads.iter().any(|&pad| pad != 0) {
            return Err(fault!(UnsupportedAttribute, "attribute \"pads\" beside \"auto_pad\""));
        }
        let (before, after) = pads.split_at_checked(axes).unwrap_or((&[], &[]));
        Ok((Window { kernel, stride, dilation, before: before.to_vec(), after: after.to_vec() }, auto))
    }

    /// Cells of the input that the kernel spans along an axis.
    fn reach(&self, axis: usize) -> usize {
        let at = |list: &[usize]| list.get(axis).copied().unwrap_or(1);
        at(&self.dilation).saturating_mul(at(&self.kernel).saturating_sub(1)).saturating_add(1)
    }

    /// The window that slides over an input of these extents; SAME means ⌈extent / stride⌋ positions.
    pub(super) fn sliding(
        call: &mut Call,
        input: &[usize],
        kernel: Option<Vec<usize>>,
        dilations: bool,
    ) -> Result<Self, ImportError> {
        let (mut window, auto) = Window::read(call, input.len(), kernel, dilations)?;
        if matches!(auto, AutoPad::SameUpper | AutoPad::SameLower) {
            for (axis, (&n, &stride)) in input.iter().zip(&window.stride.clone()).enumerate() {
                let covered = (n.div_ceil(stride) - 1).saturating_mul(stride).saturating_add(window.reach(axis));
                (window.before[axis], window.after[axis]) = halves(covered.saturating_sub(n), auto); // one entry per axis
            }
        }
        Ok(window)
    }
}

/// `Conv`.
pub(super) fn conv(builder: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    let (x, weight, bias) = (call.input(0)?, call.input(1)?, call.optional(2));
    let kernel = spatial(builder, &weight)?;
    let window = Window::sliding(call, &spatial(builder, &x)?, Some(kernel), true)?;
    let groups = groups(call)?;
    let op = spec::conv::Conv {
        stride: window.stride,
        dilation: window.dilation,
        pad_before: window.before,
        pad_after: window.after,
        groups,
    };
    let parents: Vec<&Value> = [&x, &weight].into_iter().chain(&bias).collect();
    Ok(vec![builder.apply(Op::Conv(op), &parents)?])
}

fn groups(call: &mut Call) -> Result<usize, ImportError> {
    let groups = call.int("group")?.unwrap_or(1);
    usize::try_from(groups).map_err(|_| fault!(UnsupportedAttribute, "attribute \"group\" is {groups}"))
}

/// `ConvTranspose`: a given `output_shape`, or SAME (extent · stride), fixes the padding.
pub(super) fn conv_transpose(builder: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    let (x, weight, bias) = (call.input(0)?, call.input(1)?, call.optional(2));
    let input = spatial(builder, &x)?;
    let (mut window, auto) = Window::read(call, input.len(), Some(spatial(builder, &weight)?), true)?;
    let mut output_padding = call.sizes("output_padding", input.len(), 0)?;
    let declared = call.ints("output_shape")?;
    let wanted = match (&declared, auto) {
        (Some(shape), _) => {
            let shape = super::shape::sizes(shape)?;
            let skipped = shape.len().checked_sub(input.len()).filter(|skipped| matches!(skipped, 0 | 2));
            let skipped =
                skipped.ok_or_else(|| fault!(UnsupportedAttribute, "attribute \"output_shape\" is {shape:?}"))?;
            Some(shape.into_iter().skip(skipped).collect())
        }
        (None, AutoPad::SameUpper | AutoPad::SameLower) => {
            Some(input.iter().zip(&window.stride).map(|(&n, &s)| n.saturating_mul(s)).collect::<Vec<_>>())
        }
        (None, _) => None,
    };
    for (axis, &wanted) in wanted.iter().flatten().enumerate() {
        let whole = (input[axis].saturating_sub(1)).saturating_mul(window.stride[axis]); // one entry per axis in each list
        let whole = whole.saturating_add(window.reach(axis)).saturating_add(output_padding[axis]);
        if whole < wanted && declared.is_none() {
            // The text of the format adds cells here, ONNX Runtime does not.
            return Err(fault!(
                UnsupportedAttribute,
                "attribute \"auto_pad\" with a stride of more than the kernel covers"
            ));
        }
        // The odd cell is cut at the end for SAME_UPPER and at the beginning otherwise; cells that are missing are added at the end.
        let total = whole.saturating_sub(wanted);
        let (less, more) = (total / 2, total - total / 2);
        (window.before[axis], window.after[axis]) =
            if auto == AutoPad::SameUpper { (less, more) } else { (more, less) };
        output_padding[axis] += wanted.saturating_sub(whole);
    }
    let op = spec::conv_transpose::ConvTranspose {
        stride: window.stride,
        dilation: window.dilation,
        pad_before: window.before,
        pad_after: window.after,
        output_padding,
        groups: groups(call)?,
    };
    let parents: Vec<&Value> = [&x, &weight].into_iter().chain(&bias).collect();
    Ok(vec![builder.apply(Op::ConvTranspose(op), &parents)?])
}
