//! `Softmax` and `LogSoftmax`.
//!
//! From version 13 on they act along one axis, by default the last. Before, `axis` (by default 1) cut the shape in two, and all that stood from it
//! on was one row.

use crate::array::count;
use crate::builder::{Builder, Value};
use crate::call::{Call, axis};
use crate::error::ImportError;
use tl_kernel::spec::masked_softmax::FullyBlocked;
use tl_kernel::spec::{self, Op};

/// `Softmax`, of a masked value over what the mask allows: a row without that is 0/0, as in ONNX.
pub(super) fn softmax(builder: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    if call.opset >= 13 {
        let x = call.input(0)?;
        let axis = axis(call.int("axis")?.unwrap_or(-1), builder.dimensions(&x).len())?;
        let op = spec::masked_softmax::MaskedSoftmax { axis, fully_blocked: FullyBlocked::Undefined };
        let name = format!("{}.mask", call.outputs.first().unwrap_or(&""));
        return Ok(vec![match builder.apply_masked(Op::MaskedSoftmax(op), &x, &name)? {
            Some(y) => y,
            None => builder.apply(Op::Softmax(spec::softmax::Softmax { axis }), &[&x])?,
        }]);
    }
    rows(builder, call, |axis| Op::Softmax(spec::softmax::Softmax { axis }))
}

/// `LogSoftmax`.
pub(super) fn log_softmax(builder: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    rows(builder, call, |axis| Op::LogSoftmax(spec::log_softmax::LogSoftmax { axis }))
}

fn rows(builder: &mut Builder, call: &mut Call, op: impl Fn(usize) -> Op) -> Result<Vec<Value>, ImportError> {
    let x = call.input(0)?;
    let from = builder.dimensions(&x);
    let given = call.int("axis")?;
    if call.opset >= 13 {
        return Ok(vec![builder.apply(op(axis(given.unwrap_or(-1), from.len())?), &[&x])?]);
    }
    let place = axis(given.unwrap_or(1), from.len())?;
    let (before, after) = from.split_at_checked(place).unwrap_or((&from, &[]));
    if after.iter().skip(1).all(|&d| d == 1) {
        return Ok(vec![builder.apply(op(place), &[&x])?]);
    }
    let flat = builder.reshape(&x, vec![count(before)?, count(after)?])?;
    let y = builder.apply(op(1), &[&flat])?;
    Ok(vec![builder.reshape(&y, from)?])
}
