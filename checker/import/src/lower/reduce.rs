//! Reductions: the sums, means, extrema and norms over axes.
//!
//! The axes are an attribute before version 13 (`ReduceSum`) or 18 (the others) and a constant input from then on; none means all, unless
//! `noop_with_empty_axes` says that it means none.

use super::elementwise::other;
use super::shape::axes_of;
use crate::builder::{Builder, Value};
use crate::call::{Call, axes};
use crate::error::{ImportError, fault};
use crate::fold;
use tl_kernel::spec::{self, Op};

/// Every `Reduce…` operator.
pub(super) fn reduce(builder: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    let since = if call.op == "ReduceSum" { 13 } else { 18 };
    let x = call.input(0)?;
    let from = builder.dimensions(&x);
    let keepdims = call.flag("keepdims", true)?;
    let noop = call.opset >= since && call.flag("noop_with_empty_axes", false)?;
    let list = axes_of(call, since)?.unwrap_or_default();
    let over: Vec<usize> = if list.is_empty() && !noop { (0..from.len()).collect() } else { axes(&list, from.len())? };
    let plain = matches!(call.op, "ReduceSum" | "ReduceMean" | "ReduceMax" | "ReduceMin");
    if noop && list.is_empty() && !plain {
        // Whether the absolute values, squares or logarithms are still taken differs between versions of the text.
        return Err(fault!(UnsupportedAttribute, "attribute \"noop_with_empty_axes\" of {} without axes", call.op));
    }
    if let Some(array) = other(&x) {
        let kept = from.iter().enumerate().filter(|(axis, _)| keepdims || !over.contains(axis));
        let dimensions = kept.map(|(axis, &d)| if over.contains(&axis) { 1 } else { d }).collect();
        return Ok(vec![Value::constant("", fold::reduce(call.op, array, &over)?.reshaped(dimensions)?)]);
    }
    let sum = |axes| Op::Sum(spec::sum::Sum { axes, keepdims });
    let square = |builder: &mut Builder| builder.apply(Op::Mul(spec::mul::Mul {}), &[&x, &x]);
    let value = match call.op {
        _ if plain && over.is_empty() => x,
        "ReduceSum" => builder.apply(sum(over), &[&x])?,
        "ReduceMean" => builder.apply(Op::Mean(spec::mean::Mean { axes: over, keepdims }), &[&x])?,
        "ReduceMax" => builder.apply(Op::ReduceMax(spec::reduce_max::ReduceMax { axes: over, keepdims }), &[&x])?,
        "ReduceMin" => builder.apply(Op::ReduceMin(spec::reduce_min::ReduceMin { axes: over, keepdims }), &[&x])?,
        "ReduceLogSumExp" => {
            builder.apply(Op::Logsumexp(spec::logsumexp::Logsumexp { axes: over, keepdims }), &[&x])?
        }
        "ReduceL1" => {
            let size = builder.apply(Op::Abs(spec::abs::Abs {}), &[&x])?;
            builder.apply(sum(over), &[&size])?
        }
        "ReduceSumSquare" => {
            let square = square(builder)?;
            builder.apply(sum(over), &[&square])?
        }
        "ReduceL2" => {
            let square = square(builder)?;
            let sum = builder.apply(sum(over), &[&square])?;
            builder.apply(Op::Sqrt(spec::sqrt::Sqrt {}), &[&sum])?
        }
        "ReduceLogSum" => {
            let sum = builder.apply(sum(over), &[&x])?;
            builder.apply(Op::Log(spec::log::Log {}), &[&sum])?
        }
        other => return Err(fault!(UnsupportedOp, "{other} of float32")),
    };
    Ok(vec![value])
}
