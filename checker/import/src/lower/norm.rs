//! Normalisations, in inference.

use super::elementwise::join;
use crate::array::folded;
use crate::builder::{Builder, Value};
use crate::call::{Call, axis, exact};
use crate::error::{ImportError, fault};
use tl_kernel::spec::batch_norm::Statistics;
use tl_kernel::spec::{self, Op};

/// The default ε of every normalisation.
const EPSILON: f32 = 1e-5;

/// `BatchNormalization` with given statistics.
pub(super) fn batch(builder: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    let epsilon = call.exact("epsilon", EPSILON)?;
    call.ignore("momentum"); // bears only on training
    if call.opset < 9 {
        call.only("spatial", 1)?;
    }
    let training = call.opset >= 14 && call.flag("training_mode", false)?;
    if training || call.outputs.iter().skip(1).any(|name| !name.is_empty()) {
        return Err(fault!(UnsupportedFeature, "BatchNormalization in training mode"));
    }
    let values = call.all()?;
    let op = spec::batch_norm::BatchNorm { statistics: Statistics::Given, epsilon };
    Ok(vec![builder.apply(Op::BatchNorm(op), &values.iter().collect::<Vec<_>>())?])
}

/// `InstanceNormalization`.
pub(super) fn instance(builder: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    let epsilon = call.exact("epsilon", EPSILON)?;
    let values = call.all()?;
    let op = spec::instance_norm::InstanceNorm { epsilon };
    Ok(vec![builder.apply(Op::InstanceNorm(op), &values.iter().collect::<Vec<_>>())?])
}

/// `GroupNormalization`: scale and bias have one entry per group before version 21, one per channel from it on.
pub(super) fn group(builder: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    let epsilon = call.exact("epsilon", EPSILON)?;
    let groups = call.int("num_groups")?.and_then(|n| usize::try_from(n).ok()).filter(|&n| n > 0);
    let groups = groups.ok_or_else(|| fault!(Attribute, "attribute \"num_groups\" is not a positive number"))?;
    let x = call.input(0)?;
    let (mut scale, mut bias) = (call.input(1)?, call.input(2)?);
    if call.opset >= 21 {
        call.only("stash_type", 1)?;
    } else {
        let channels = builder.dimensions(&x).get(1).copied().unwrap_or(0);
        if channels % groups != 0 {
            return Err(fault!(Shapes, "{channels} channels in {groups} groups"));
        }
        folded(&[channels])?;
        let of_group: Vec<usize> = (0..channels).map(|channel| channel / (channels / groups)).collect();
        for value in [&mut scale, &mut bias] {
            *value = builder.gather(value, 0, of_group.clone(), vec![channels])?;
        }
    }
    let op = spec::group_norm::GroupNorm { groups, epsilon };
    Ok(vec![builder.apply(Op::GroupNorm(op), &[&x, &scale, &bias])?])
}

/// `LayerNormalization` with statistics in float32; the second and third output are the mean and 1/√(variance + ε).
pub(super) fn layer(builder: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    let (x, axis, word, affine) = from_axis(builder, call)?;
    let epsilon = exact(word)?;
    let from = builder.dimensions(&x);
    let axes: Vec<usize> = (axis..from.len()).collect();
    let mean_of = |builder: &mut Builder, value: &Value| {
        builder.apply(Op::Mean(spec::mean::Mean { axes: axes.clone(), keepdims: true }), &[value])
    };
    let mean = mean_of(builder, &x)?;
    let centred = join(builder, Op::Sub(spec::sub::Sub {}), &x, &mean)?;
    let square = builder.apply(Op::Mul(spec::mul::Mul {}), &[&centred, &centred])?;
    let variance = mean_of(builder, &square)?;
    let term = builder.scalar(call.outputs.get(2).unwrap_or(&""), "epsilon", word)?;
    let sum = join(builder, Op::Add(spec::add::Add {}), &variance, &term)?;
    let deviation = builder.apply(Op::Rsqrt(spec::rsqrt::Rsqrt {}), &[&sum])?;
    let parents: Vec<&Value> = [&x].into_iter().chain(&affine).collect();
    let y = builder.apply(Op::LayerNorm(spec::layer_norm::LayerNorm { axis, epsilon }), &parents)?;
    Ok(vec![y, mean, deviation]) // what computes an unused output is dropped with it
}

/// `RMSNormalization` with statistics in float32.
pub(super) fn rms(builder: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    let (x, axis, word, affine) = from_axis(builder, call)?;
    let epsilon = exact(word)?;
    let parents: Vec<&Value> = [&x].into_iter().chain(&affine).collect();
    Ok(vec![builder.apply(Op::RmsNorm(spec::rms_norm::RmsNorm { axis, epsilon }), &parents)?])
}

/// Operand, first normalised axis, the word of ε, and the scale and bias broadcast to the normalised dimensions.
fn from_axis(builder: &mut Builder, call: &mut Call) -> Result<(Value, usize, u32, Vec<Value>), ImportError> {
    let epsilon = call.float("epsilon")?.unwrap_or(EPSILON.to_bits());
    call.only("stash_type", 1)?;
    let x = call.input(0)?;
    let from = builder.dimensions(&x);
    let first = axis(call.int("axis")?.unwrap_or(-1), from.len())?;
    let normalised = from.get(first..).unwrap_or(&[]).to_vec();
    let mut affine = Vec::new();
    for value in [call.optional(1), call.optional(2)].into_iter().flatten() {
        affine.push(builder.broadcast(&value, &normalised)?);
    }
    Ok((x, first, epsilon, affine))
}
