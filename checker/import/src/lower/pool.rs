//! Pools over windows and over all spatial axes.

use super::conv::{Window, spatial};
use crate::builder::{Builder, Value};
use crate::call::Call;
use crate::error::ImportError;
use tl_kernel::spec::{self, Op};

/// `MaxPool`; the indices are not an output here, so that their storage order does not matter.
pub(super) fn max_pool(builder: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    let x = call.input(0)?;
    let window = Window::sliding(call, &spatial(builder, &x)?, None, call.opset >= 10)?;
    let ceil_mode = call.opset >= 10 && call.flag("ceil_mode", false)?;
    if call.opset >= 8 {
        call.ignore("storage_order");
    }
    let op = spec::max_pool::MaxPool {
        kernel: window.kernel,
        stride: window.stride,
        dilation: window.dilation,
        pad_before: window.before,
        pad_after: window.after,
        ceil_mode,
    };
    Ok(vec![builder.apply(Op::MaxPool(op), &[&x])?])
}

/// `AveragePool`.
pub(super) fn average_pool(builder: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    let x = call.input(0)?;
    let window = Window::sliding(call, &spatial(builder, &x)?, None, call.opset >= 19)?;
    let ceil_mode = call.opset >= 10 && call.flag("ceil_mode", false)?;
    let op = spec::avg_pool::AvgPool {
        kernel: window.kernel,
        stride: window.stride,
        dilation: window.dilation,
        pad_before: window.before,
        pad_after: window.after,
        ceil_mode,
        count_include_pad: call.flag("count_include_pad", false)?,
        divisor: Vec::new(),
    };
    Ok(vec![builder.apply(Op::AvgPool(op), &[&x])?])
}

/// `GlobalAveragePool`.
pub(super) fn global_average_pool(builder: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    Ok(vec![builder.apply(Op::GlobalAvgPool(spec::global_avg_pool::GlobalAvgPool {}), &[&call.input(0)?])?])
}

/// `GlobalMaxPool`: the maximum over all spatial axes.
pub(super) fn global_max_pool(builder: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    let x = call.input(0)?;
    let axes = (0..spatial(builder, &x)?.len()).map(|axis| axis + 2).collect();
    Ok(vec![builder.apply(Op::ReduceMax(spec::reduce_max::ReduceMax { axes, keepdims: true }), &[&x])?])
}
