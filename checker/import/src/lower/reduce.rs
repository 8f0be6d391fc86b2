//! Reductions: the sums, means, extrema and norms over axes.
//!
//! The axes are an attribute before version 13 (`ReduceSum`) or 18 (the others) and a constant input from then on; none means all, unless
//! `noop_with_empty_axes` says that it means none.

use super::elementwise::other;
use super::shape::axes_of;
use crate::array::{Array, Dtype, Elements, count, folded};
use crate::builder::{Builder, Value};
use crate::call::{Call, axes};
use crate::error::{ImportError, fault};
use crate::fold;
use crate::moves::Positions;
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
        let dimensions = remaining(&from, &over, keepdims);
        return Ok(vec![Value::constant("", fold::reduce(call.op, array, &over)?.reshaped(dimensions)?)]);
    }
    if from.contains(&0) && call.opset >= since {
        return empty(call, &from, &over, keepdims).map(|value| vec![value]);
    }
    if let (Value::Constant(constant), "ReduceMax" | "ReduceMin") = (&x, call.op)
        && let Some(array) = fold::extremum(call.op, &constant.array, &over)?
    {
        return Ok(vec![Value::constant("", array.reshaped(remaining(&from, &over, keepdims))?)]);
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
        "ReduceProd" => product(builder, &x, &over, keepdims)?,
        other => return Err(fault!(UnsupportedOp, "{other} of float32")),
    };
    Ok(vec![value])
}

/// The dimensions that are left of `from`.
fn remaining(from: &[usize], over: &[usize], keepdims: bool) -> Vec<usize> {
    let kept = from.iter().enumerate().filter(|(axis, _)| keepdims || !over.contains(axis));
    kept.map(|(axis, &d)| if over.contains(&axis) { 1 } else { d }).collect()
}

/// The product, by halves: the upper half onto the lower one, until one slice is left.
fn product(builder: &mut Builder, x: &Value, over: &[usize], keepdims: bool) -> Result<Value, ImportError> {
    let from = builder.dimensions(x);
    let kept = (0..from.len()).filter(|axis| !over.contains(axis));
    let result = remaining(&from, over, keepdims);
    let (outer, mut terms) = (count(&result)?, count(&from)? / count(&result)?.max(1));
    let x = builder.permute(x, over.iter().copied().chain(kept).collect())?;
    let mut rows = builder.reshape(&x, vec![terms, outer])?;
    while terms > 1 {
        let half = terms / 2;
        let part = |builder: &mut Builder, first, count| {
            builder.slice(&rows, &[Positions::run(first, count), Positions::run(0, outer)])
        };
        let (lower, upper) = (part(builder, 0, half)?, part(builder, terms - half, half)?);
        let middle = if terms % 2 == 1 { Some(part(builder, half, 1)?) } else { None };
        let joined = builder.apply(Op::Mul(spec::mul::Mul {}), &[&lower, &upper])?;
        rows = match middle {
            Some(middle) => builder.concat(&[joined, middle], 0)?,
            None => joined,
        };
        terms -= half;
    }
    builder.reshape(&rows, result)
}

/// What a reduction of no element gives: the identity of its sum, product or extremum, and what is done to that.
fn empty(call: &Call, from: &[usize], over: &[usize], keepdims: bool) -> Result<Value, ImportError> {
    let word = match call.op {
        "ReduceSum" | "ReduceL1" | "ReduceL2" | "ReduceSumSquare" => 0f32,
        "ReduceProd" => 1.0,
        "ReduceMax" | "ReduceLogSum" | "ReduceLogSumExp" => f32::NEG_INFINITY,
        "ReduceMin" => f32::INFINITY,
        other => return Err(fault!(Shapes, "{other} of {from:?}, which is empty")),
    };
    let dimensions = remaining(from, over, keepdims);
    let words = vec![word.to_bits(); folded(&dimensions)?];
    Ok(Value::constant("", Array::new(Dtype::Float32, dimensions, Elements::Words(words))?))
}
