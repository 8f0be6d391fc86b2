//! Operators that change the shape alone.

use crate::array::count;
use crate::builder::{Builder, Value};
use crate::call::{Call, axes, axis};
use crate::error::{ImportError, fault};

/// Dimensions from integers.
pub(super) fn sizes(values: &[i64]) -> Result<Vec<usize>, ImportError> {
    let size = |&value: &i64| usize::try_from(value).map_err(|_| fault!(Shapes, "dimension {value} in {values:?}"));
    values.iter().map(size).collect()
}

/// The axes that stand in the attribute `axes` before version `since` and in input 1 from it on.
pub(super) fn axes_of(call: &mut Call, since: i64) -> Result<Option<Vec<i64>>, ImportError> {
    if call.opset >= since {
        return call.integers(1);
    }
    match call.arity() {
        1 => call.ints("axes"),
        more => Err(fault!(Arity, "{} in operator set {} with {more} inputs", call.op, call.opset)),
    }
}

/// `Identity`.
pub(super) fn identity(_: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    Ok(vec![call.input(0)?])
}

/// `Reshape`: 0 copies a dimension (unless `allowzero`), −1 is what is left.
pub(super) fn reshape(builder: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    let allow_zero = call.opset >= 14 && call.flag("allowzero", false)?;
    let x = call.input(0)?;
    let from = builder.dimensions(&x);
    let target = call.integers(1)?.unwrap_or_default();
    let mut dimensions = Vec::with_capacity(target.len());
    for (axis, &size) in target.iter().enumerate() {
        dimensions.push(match size {
            0 if !allow_zero => {
                *from.get(axis).ok_or_else(|| fault!(Shapes, "{target:?} copies dimension {axis} of {from:?}"))?
            }
            -1 => 1,
            size => usize::try_from(size).map_err(|_| fault!(Shapes, "dimension {size} in {target:?}"))?,
        });
    }
    let open: Vec<usize> = target.iter().enumerate().filter(|(_, size)| **size == -1).map(|(axis, _)| axis).collect();
    let (total, known) = (count(&from)?, count(&dimensions)?);
    match open.as_slice() {
        [] => {}
        &[axis] if known != 0 && total % known == 0 => dimensions[axis] = total / known, // axis is a position in target
        _ => return Err(fault!(Shapes, "{from:?} does not fill {target:?}")),
    }
    Ok(vec![builder.reshape(&x, dimensions)?])
}

/// `Flatten`: the axes before `axis`, and those from it on.
pub(super) fn flatten(builder: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    let x = call.input(0)?;
    let from = builder.dimensions(&x);
    let place = call.int("axis")?.unwrap_or(1);
    let place = if usize::try_from(place) == Ok(from.len()) { from.len() } else { axis(place, from.len())? };
    let (before, after) = from.split_at_checked(place).unwrap_or((&from, &[]));
    Ok(vec![builder.reshape(&x, vec![count(before)?, count(after)?])?])
}

/// `Transpose`: in reverse order where none is given.
pub(super) fn transpose(builder: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    let x = call.input(0)?;
    let rank = builder.dimensions(&x).len();
    let order = match call.ints("perm")? {
        Some(order) => sizes(&order)?,
        None => (0..rank).rev().collect(),
    };
    let mut sorted = order.clone();
    sorted.sort_unstable();
    if sorted != (0..rank).collect::<Vec<_>>() {
        return Err(fault!(
            UnsupportedAttribute,
            "attribute \"perm\" {order:?} does not name each of {rank} axes once"
        ));
    }
    Ok(vec![builder.permute(&x, order)?])
}

/// `Squeeze`: the axes named, or every axis of extent 1.
pub(super) fn squeeze(builder: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    let x = call.input(0)?;
    let from = builder.dimensions(&x);
    let dropped = match axes_of(call, 13)? {
        Some(list) => axes(&list, from.len())?,
        None => (0..from.len()).filter(|&axis| from.get(axis) == Some(&1)).collect(),
    };
    if let Some(axis) = dropped.iter().find(|&&axis| from.get(axis) != Some(&1)) {
        return Err(fault!(Shapes, "axis {axis} of {from:?} is not of extent 1"));
    }
    let kept = from.iter().enumerate().filter(|(axis, _)| !dropped.contains(axis)).map(|(_, &d)| d).collect();
    Ok(vec![builder.reshape(&x, kept)?])
}

/// `Unsqueeze`: axes of extent 1, placed as they are in the result.
pub(super) fn unsqueeze(builder: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    let x = call.input(0)?;
    let from = builder.dimensions(&x);
    let list = axes_of(call, 13)?.ok_or_else(|| fault!(Attribute, "Unsqueeze without axes"))?;
    let rank = from.len().saturating_add(list.len());
    let added = axes(&list, rank)?;
    let mut rest = from.into_iter();
    let size = |axis| {
        if added.contains(&axis) { 1 } else { rest.next().unwrap_or(1) }
    };
    let dimensions = (0..rank).map(size).collect();
    Ok(vec![builder.reshape(&x, dimensions)?])
}

/// `Concat`.
pub(super) fn concat(builder: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    let values = call.all()?;
    let rank = values.first().map_or(0, |value| builder.dimensions(value).len());
    let place = call.int("axis")?.ok_or_else(|| fault!(Attribute, "attribute \"axis\" is missing"))?;
    Ok(vec![builder.concat(&values, axis(place, rank)?)?])
}

/// `Expand`: to the common shape of the operand and the target.
pub(super) fn expand(builder: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    let x = call.input(0)?;
    let target = sizes(&call.integers(1)?.unwrap_or_default())?;
    let dimensions = crate::fold::broadcast_dimensions(&builder.dimensions(&x), &target)?;
    Ok(vec![builder.broadcast(&x, &dimensions)?])
}

/// `Tile`: an axis that is repeated gets one of extent 1 before it, which is broadcast and merged.
pub(super) fn tile(builder: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    let x = call.input(0)?;
    let from = builder.dimensions(&x);
    let repeats = sizes(&call.integers(1)?.unwrap_or_default())?;
    if repeats.len() != from.len() {
        return Err(fault!(Shapes, "repeats {repeats:?} of {from:?}"));
    }
    let (mut split, mut repeated, mut merged) = (Vec::new(), Vec::new(), Vec::new());
    for (&size, &times) in from.iter().zip(&repeats) {
        if times != 1 {
            split.push(1);
            repeated.push(times);
        }
        split.push(size);
        repeated.push(size);
        merged.push(size.saturating_mul(times));
    }
    let x = builder.reshape(&x, split)?;
    let x = builder.broadcast(&x, &repeated)?;
    Ok(vec![builder.reshape(&x, merged)?])
}

/// The block size and the dimensions [N, C, H, W] of `DepthToSpace` and `SpaceToDepth`.
fn blocks(builder: &Builder, call: &mut Call) -> Result<(usize, [usize; 4]), ImportError> {
    let block = call.int("blocksize")?.and_then(|b| usize::try_from(b).ok()).filter(|&b| b > 0);
    let block = block.ok_or_else(|| fault!(Attribute, "attribute \"blocksize\" is not a positive number"))?;
    let dimensions = builder.dimensions(&call.input(0)?);
    match <[usize; 4]>::try_from(dimensions) {
        Ok(dimensions) => Ok((block, dimensions)),
        Err(dimensions) => Err(fault!(Shapes, "{} of {dimensions:?}, four dimensions are needed", call.op)),
    }
}

/// `DepthToSpace`, in both orders of the channels.
pub(super) fn depth_to_space(builder: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    let (b, [n, c, h, w]) = blocks(builder, call)?;
    let mode = if call.opset >= 11 { call.string("mode", "DCR")? } else { "DCR".to_string() };
    let square = b.saturating_mul(b);
    if c % square != 0 {
        return Err(fault!(Shapes, "{c} channels do not fill blocks of {b} by {b}"));
    }
    let d = c / square;
    let (split, order) = match mode.as_str() {
        "DCR" => (vec![n, b, b, d, h, w], vec![0, 3, 4, 1, 5, 2]),
        "CRD" => (vec![n, d, b, b, h, w], vec![0, 1, 4, 2, 5, 3]),
        other => {
            return Err(fault!(UnsupportedAttribute, "attribute \"mode\" is {other:?}"));
        }
    };
    let x = builder.reshape(&call.input(0)?, split)?;
    let x = builder.permute(&x, order)?;
    Ok(vec![builder.reshape(&x, vec![n, d, h.saturating_mul(b), w.saturating_mul(b)])?])
}

/// `SpaceToDepth`, from version 28 on in both orders of the channels.
pub(super) fn space_to_depth(builder: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    let (b, [n, c, h, w]) = blocks(builder, call)?;
    let mode = if call.opset >= 28 { call.string("mode", "DCR")? } else { "DCR".to_string() };
    if h % b != 0 || w % b != 0 {
        return Err(fault!(Shapes, "{h} by {w} is not made of blocks of {b} by {b}"));
    }
    let order = match mode.as_str() {
        "DCR" => vec![0, 3, 5, 1, 2, 4],
        "CRD" => vec![0, 1, 3, 5, 2, 4],
        other => return Err(fault!(UnsupportedAttribute, "attribute \"mode\" is {other:?}")),
    };
    let x = builder.reshape(&call.input(0)?, vec![n, c, h / b, b, w / b, b])?;
    let x = builder.permute(&x, order)?;
    Ok(vec![builder.reshape(&x, vec![n, c.saturating_mul(b.saturating_mul(b)), h / b, w / b])?])
}
