//! Operators that select or add elements at constant places.

use super::shape::sizes;
use crate::array::{Array, Dtype, Elements, folded};
use crate::builder::{Builder, Value};
use crate::call::{Call, axis, exact};
use crate::error::{ImportError, fault};
use crate::fold;
use crate::moves::{Positions, shape};
use tl_kernel::number::Exact;
use tl_kernel::spec::Op;
use tl_kernel::spec::broadcast::Broadcast;
use tl_kernel::spec::pad::{Pad, PadMode};

/// `Gather` at constant indices, counted from the end when they are negative.
pub(super) fn gather(builder: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    let x = call.input(0)?;
    let from = builder.dimensions(&x);
    let place = axis(call.int("axis")?.unwrap_or(0), from.len())?;
    let extent = from.get(place).copied().unwrap_or(0);
    let indices = call.constant(1)?.ok_or_else(|| fault!(Arity, "Gather without indices"))?;
    let values = call.integers(1)?.unwrap_or_default();
    let out = |value: i64| fault!(Shapes, "index {value} along an axis of extent {extent}");
    let index = |&value: &i64| axis(value, extent).map_err(|_| out(value));
    let values = values.iter().map(index).collect::<Result<Vec<_>, _>>()?;
    Ok(vec![builder.gather(&x, place, values, indices.dimensions().to_vec())?])
}

/// `Slice`: attributes before version 10, constant inputs from it on; ends are clipped to the axis as numpy clips them.
pub(super) fn slice(builder: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    let x = call.input(0)?;
    let from = builder.dimensions(&x);
    let lists = if call.opset >= 10 {
        [call.integers(1)?, call.integers(2)?, call.integers(3)?, call.integers(4)?]
    } else if call.arity() == 1 {
        [call.ints("starts")?, call.ints("ends")?, call.ints("axes")?, None]
    } else {
        return Err(fault!(Arity, "Slice in operator set {} with {} inputs", call.opset, call.arity()));
    };
    let [Some(starts), Some(ends), axes, steps] = lists else {
        return Err(fault!(Arity, "Slice without starts or ends"));
    };
    let number = i64::try_from(starts.len()).unwrap_or(i64::MAX);
    let axes = axes.unwrap_or_else(|| (0..number).collect());
    let steps = steps.unwrap_or_else(|| vec![1; starts.len()]);
    if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3] {
        return Err(fault!(Shapes, "starts, ends, axes and steps differ in length"));
    }
    let places = crate::call::axes(&axes, from.len())
        .and_then(|_| axes.iter().map(|&a| axis(a, from.len())).collect::<Result<Vec<_>, _>>())?;
    let mut positions: Vec<Positions> = from.iter().map(|&n| Positions::run(0, n)).collect();
    for (((&place, &start), &end), &step) in places.iter().zip(&starts).zip(&ends).zip(&steps) {
        positions[place] = range(from[place], start, end, step)?; // place < rank
    }
    Ok(vec![builder.slice(&x, &positions)?])
}

/// The positions that `start:end:step` keeps of `n`.
fn range(n: usize, start: i64, end: i64, step: i64) -> Result<Positions, ImportError> {
    let n = i64::try_from(n).map_err(|_| fault!(Shapes, "extent {n}"))?;
    let from_start = |at: i64| if at < 0 { at.saturating_add(n) } else { at };
    let (lo, hi) = if step < 0 { (-1, n - 1) } else { (0, n) };
    let (first, end) = (from_start(start).clamp(lo, hi), from_start(end).clamp(lo, hi));
    if step == 0 {
        return Err(fault!(Shapes, "a step of zero"));
    }
    let span = if step > 0 { end - first } else { first - end };
    let count = if span > 0 { (i128::from(span) - 1) / i128::from(step).abs() + 1 } else { 0 };
    let count = usize::try_from(count).unwrap_or(0); // at most n
    let step = if count < 2 { step.signum() } else { step };
    Ok(Positions { first: usize::try_from(first).unwrap_or(0), step, count })
}

/// `Split`: the sizes in an attribute before version 13 and an input from it on, or equal parts (the last one smaller from version 18 on).
pub(super) fn split(builder: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    let x = call.input(0)?;
    let from = builder.dimensions(&x);
    let place = axis(call.int("axis")?.unwrap_or(0), from.len())?;
    let extent = from.get(place).copied().unwrap_or(0);
    let given = if call.opset >= 13 { call.integers(1)? } else { call.ints("split")? };
    let declared = if call.opset >= 18 { call.int("num_outputs")? } else { None };
    let parts = call.outputs.len().max(1);
    if declared.is_some_and(|declared| usize::try_from(declared) != Ok(parts))
        || (declared.is_some() && given.is_some())
    {
        return Err(fault!(UnsupportedAttribute, "attribute \"num_outputs\" beside {parts} outputs or given sizes"));
    }
    let lengths = match given {
        Some(lengths) => sizes(&lengths)?,
        None => {
            if extent % parts != 0 && call.opset < 18 {
                return Err(fault!(Shapes, "{extent} do not split into {parts} equal parts"));
            }
            let length = extent.div_ceil(parts);
            (0..parts).map(|i| extent.saturating_sub(i * length).min(length)).collect()
        }
    };
    if lengths.len() != parts || lengths.iter().try_fold(0usize, |sum, &n| sum.checked_add(n)) != Some(extent) {
        return Err(fault!(Shapes, "{lengths:?} do not make {extent} in {parts} parts"));
    }
    let mut first = 0;
    let part = |count: usize| {
        let mut positions: Vec<Positions> = from.iter().map(|&n| Positions::run(0, n)).collect();
        positions[place] = Positions::run(first, count); // place < rank
        first += count;
        builder.slice(&x, &positions)
    };
    lengths.into_iter().map(part).collect()
}

/// `Pad`; a negative amount takes cells away first.
pub(super) fn pad(builder: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    let x = call.input(0)?;
    let from = builder.dimensions(&x);
    let mode = match call.string("mode", "constant")?.as_str() {
        "constant" => PadMode::Constant,
        "reflect" => PadMode::Reflect,
        "edge" => PadMode::Edge,
        "wrap" if call.opset >= 19 => PadMode::Wrap,
        other => {
            return Err(fault!(UnsupportedAttribute, "attribute \"mode\" is {other:?}"));
        }
    };
    let (amounts, fill, axes) = if call.opset < 11 {
        (call.ints("pads")?, call.float("value")?, None)
    } else {
        (call.integers(1)?, if mode == PadMode::Constant { call.word(2)? } else { None }, call.integers(3)?)
    };
    let amounts = amounts.ok_or_else(|| fault!(Arity, "Pad without pads"))?;
    let places = match axes {
        Some(axes) => axes.iter().map(|&a| axis(a, from.len())).collect::<Result<Vec<_>, _>>()?,
        None => (0..from.len()).collect(),
    };
    if Some(amounts.len()) != places.len().checked_mul(2) {
        return Err(fault!(Shapes, "{} pads for {} axes", amounts.len(), places.len()));
    }
    let (mut before, mut after) = (vec![0; from.len()], vec![0; from.len()]);
    let mut positions: Vec<Positions> = from.iter().map(|&n| Positions::run(0, n)).collect();
    let (starts, ends) = amounts.split_at(places.len());
    for ((&place, &start), &end) in places.iter().zip(starts).zip(ends) {
        let cut = |amount: i64| usize::try_from(amount.min(0).unsigned_abs()).unwrap_or(usize::MAX);
        let add = |amount: i64| usize::try_from(amount.max(0)).unwrap_or(usize::MAX);
        let kept = from[place].checked_sub(cut(start)).and_then(|n| n.checked_sub(cut(end))); // place < rank
        let kept =
            kept.filter(|&n| n > 0).ok_or_else(|| fault!(Shapes, "pads {amounts:?} of {from:?} leave nothing"))?;
        if kept != from[place] && mode != PadMode::Constant {
            return Err(fault!(UnsupportedAttribute, "negative pads in mode {:?}", mode.keyword()));
        }
        positions[place] = Positions::run(cut(start), kept);
        (before[place], after[place]) = (add(start), add(end));
    }
    let x = builder.slice(&x, &positions)?;
    if before.iter().chain(&after).all(|&n| n == 0) {
        return Ok(vec![x]);
    }
    let value = match mode {
        PadMode::Constant => vec![fill.map_or(Ok(Exact::integer(0)), exact)?],
        _ => Vec::new(),
    };
    Ok(vec![builder.apply(Op::Pad(Pad { before, after, mode, value }), &[&x])?])
}

/// `Where` under a constant condition: a selection from the two operands, one after the other. Where one is −∞ throughout, it masks the other.
pub(super) fn select(builder: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    let condition = call.constant(0)?.ok_or_else(|| fault!(Arity, "Where without a condition"))?;
    let (x, y) = (call.input(1)?, call.input(2)?);
    let dimensions = fold::broadcast_dimensions(&builder.dimensions(&x), &builder.dimensions(&y))?;
    let dimensions = fold::broadcast_dimensions(&dimensions, condition.dimensions())?;
    let condition = fold::broadcast(&condition, &dimensions)?;
    let Elements::Integers(truth) = condition.elements() else {
        return Err(fault!(Dtype, "the condition is {}", condition.dtype().name()));
    };
    if truth.iter().all(|&t| t != 0) {
        return Ok(vec![builder.broadcast(&x, &dimensions)?]);
    } else if truth.iter().all(|&t| t == 0) {
        return Ok(vec![builder.broadcast(&y, &dimensions)?]);
    }
    let size = folded(&dimensions)?;
    let positions: Vec<usize> = truth.iter().enumerate().map(|(i, &t)| if t != 0 { i } else { size + i }).collect();
    for (value, outside, kept) in [(&x, &y, 1), (&y, &x, 0)] {
        let infinite = matches!(outside, Value::Constant(c) if fold::masked(&c.array)?.is_some_and(|(_, mask)| mask.words().is_some_and(|mask| mask.iter().all(|&word| word == 0))));
        if infinite && matches!(value, Value::Node(_)) {
            let mask = truth.iter().map(|&t| f32::from(i8::from((t != 0) == (kept == 1))).to_bits()).collect();
            let mask = Array::new(Dtype::Float32, dimensions.clone(), Elements::Words(mask))?;
            let copy = builder.apply(Op::Broadcast(Broadcast { shape: shape(dimensions)? }), &[value])?;
            return Ok(vec![builder.mask(copy, mask)?]);
        }
    }
    if let (Value::Constant(a), Value::Constant(b)) = (&x, &y) {
        let (a, b) = (fold::broadcast(&a.array, &dimensions)?, fold::broadcast(&b.array, &dimensions)?);
        return Ok(vec![Value::constant("", Array::chained(&[&a, &b])?.pick(dimensions, &positions)?)]);
    }
    let (x, y) = (builder.broadcast(&x, &dimensions)?, builder.broadcast(&y, &dimensions)?);
    let (x, y) = (builder.reshape(&x, vec![size])?, builder.reshape(&y, vec![size])?);
    let both = builder.concat(&[x, y], 0)?;
    Ok(vec![builder.gather(&both, 0, positions, dimensions)?])
}
