//! Operators whose result is a constant or the operand itself.

use crate::array::{Array, Dtype, Elements, count};
use crate::builder::{Builder, Value};
use crate::call::Call;
use crate::error::{ImportError, fault};
use crate::{fold, tensor_proto};

/// `Constant`.
pub(super) fn constant(_: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    let float = |words: Vec<u32>, dimensions| Array::new(Dtype::Float32, dimensions, Elements::Words(words));
    let mut found = Vec::new();
    found.extend(call.tensor("value")?);
    if call.opset >= 12 {
        if let Some(word) = call.float("value_float")? {
            found.push(float(vec![word], Vec::new())?);
        }
        if let Some(words) = call.floats("value_floats")? {
            let dimensions = vec![words.len()];
            found.push(float(words, dimensions)?);
        }
        if let Some(value) = call.int("value_int")? {
            found.push(Array::integers(vec![value]).reshaped(Vec::new())?);
        }
        found.extend(call.ints("value_ints")?.map(Array::integers));
    }
    call.finish()?;
    match <[Array; 1]>::try_from(found) {
        Ok([array]) => Ok(vec![Value::constant("", array)]),
        Err(found) => Err(fault!(Attribute, "Constant with {} values", found.len())),
    }
}

/// `ConstantOfShape`: one value everywhere, float32 zero where none is given.
pub(super) fn constant_of_shape(_: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    let zero = || Array::new(Dtype::Float32, vec![1], Elements::Words(vec![0]));
    let value = call.tensor("value")?.map_or_else(zero, Ok)?;
    let dimensions = super::shape::sizes(&call.integers(0)?.unwrap_or_default())?;
    if count(value.dimensions())? != 1 {
        return Err(fault!(Attribute, "attribute \"value\" has shape {:?}", value.dimensions()));
    }
    Ok(vec![Value::constant("", fold::broadcast(&value.reshaped(Vec::new())?, &dimensions)?)])
}

fn to(call: &Call, value: &Value, dtype: Dtype) -> Result<Vec<Value>, ImportError> {
    match value {
        Value::Node(_) if dtype == Dtype::Float32 => Ok(vec![value.clone()]),
        Value::Node(_) => Err(fault!(Dtype, "{} of a computed tensor to {}", call.op, dtype.name())),
        Value::Constant(constant) => Ok(vec![Value::constant(&constant.name, fold::cast(&constant.array, dtype)?)]),
    }
}

/// `Cast`: float32 stays what it is; constants keep their values or are refused.
pub(super) fn cast(_: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    let code = call.int("to")?.ok_or_else(|| fault!(Attribute, "attribute \"to\" is missing"))?;
    call.ignore("saturate"); // bears only on 8-bit floats, as round_mode does
    call.ignore("round_mode");
    let dtype = tensor_proto::dtype(i32::try_from(code).unwrap_or(-1))?;
    to(call, &call.input(0)?, dtype)
}

/// `CastLike`.
pub(super) fn cast_like(_: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    call.ignore("saturate");
    call.ignore("round_mode");
    let dtype = match call.input(1)? {
        Value::Node(_) => Dtype::Float32,
        Value::Constant(constant) => constant.array.dtype(),
    };
    to(call, &call.input(0)?, dtype)
}

/// `Dropout` in inference: the operand. In training it is random, unless it drops nothing.
pub(super) fn dropout(_: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    if call.opset < 12 {
        call.ignore("ratio");
    } else {
        call.ignore("seed");
        let training = call.integers(2)?.is_some_and(|flag| flag != [0]);
        if training && call.word(1)?.is_none_or(|ratio| ratio << 1 != 0) {
            return Err(fault!(UnsupportedFeature, "Dropout in training mode is random"));
        }
    }
    Ok(vec![call.input(0)?])
}

/// `Range` of constant integers, or of floats when every entry is one exactly.
pub(super) fn range(_: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    call.ignore("stash_type"); // bears only on 16-bit floats
    if let Some(start) = call.constant(0)?.filter(|start| start.words().is_some()) {
        let one = |position| call.word(position)?.ok_or_else(|| fault!(Arity, "input {position} is missing"));
        let words = fold::float_range(one(0)?, one(1)?, one(2)?)?;
        return Ok(vec![Value::constant("", Array::new(start.dtype(), vec![words.len()], Elements::Words(words))?)]);
    }
    let one = |position| match call.integers(position)?.as_deref() {
        Some(&[value]) => Ok(value),
        _ => Err(fault!(Shapes, "input {position} of Range is not one integer")),
    };
    let values = Array::integers(fold::range(one(0)?, one(1)?, one(2)?)?);
    let dtype = call.constant(0)?.map_or(Dtype::Int64, |start| start.dtype());
    Ok(vec![Value::constant("", fold::cast(&values, dtype)?)])
}

fn size_of(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX) // below 2^31
}

/// `Shape`, from version 15 on of a range of axes.
pub(super) fn shape(builder: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    let dimensions = builder.dimensions(&call.input(0)?);
    let rank = size_of(dimensions.len());
    let (mut start, mut end) = (0, rank);
    if call.opset >= 15 {
        let clip = |axis: i64| if axis < 0 { axis.saturating_add(rank) } else { axis }.clamp(0, rank);
        start = clip(call.int("start")?.unwrap_or(0));
        end = clip(call.int("end")?.unwrap_or(rank));
    }
    let kept = dimensions.iter().enumerate().filter(|(axis, _)| (start..end).contains(&size_of(*axis)));
    Ok(vec![Value::constant("", Array::integers(kept.map(|(_, &d)| size_of(d)).collect()))])
}

/// `Size`.
pub(super) fn size(builder: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    let elements = count(&builder.dimensions(&call.input(0)?))?;
    Ok(vec![Value::constant("", Array::integers(vec![size_of(elements)]).reshaped(Vec::new())?)])
}
