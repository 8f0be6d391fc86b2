//! Normalisations, in inference; `BatchNormalization` in training too.

use super::elementwise::join;
use crate::array::folded;
use crate::builder::{Builder, Value};
use crate::call::{Call, axis, exact, of_rational};
use crate::error::{ImportError, fault};
use tl_kernel::number::Exact;
use tl_kernel::spec::batch_norm::Statistics;
use tl_kernel::spec::{self, Op};

/// The default ε of every normalisation.
const EPSILON: f32 = 1e-5;

/// `BatchNormalization`, with given statistics or (from version 14 on) those of the batch; the second and third output are then the running mean
/// and the running biased variance, each momentum · old + (1 − momentum) · that of the batch.
pub(super) fn batch(builder: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    let epsilon = call.exact("epsilon", EPSILON)?;
    let momentum = call.exact("momentum", 0.9)?;
    if call.opset < 9 {
        call.only("spatial", 1)?;
    }
    let training = call.opset >= 14 && call.flag("training_mode", false)?;
    let statistics = if training { Statistics::Batch } else { Statistics::Given };
    if !training && call.outputs.iter().skip(1).any(|name| !name.is_empty()) {
        return Err(fault!(UnsupportedFeature, "BatchNormalization in training mode before version 14"));
    }
    let values = call.all()?;
    let parents: Vec<&Value> = values.iter().take(if training { 3 } else { 5 }).collect();
    let op = spec::batch_norm::BatchNorm { statistics, epsilon };
    let mut results = vec![builder.apply(Op::BatchNorm(op), &parents)?];
    if let (true, [x, _, _, mean, variance]) = (training, values.as_slice()) {
        let rank = builder.dimensions(x).len();
        let axes: Vec<usize> = (0..rank).filter(|&axis| axis != 1).collect();
        let (centre, spread) = moments(builder, x, &axes)?;
        let rest = of_rational(&(Exact::integer(1).rational() - momentum.rational()))?;
        for (old, new) in [(mean, centre), (variance, spread)] {
            let new = builder.reshape(&new, builder.dimensions(old))?;
            let old = builder.apply(Op::Scale(spec::scale::Scale { factor: momentum.clone() }), &[old])?;
            let new = builder.apply(Op::Scale(spec::scale::Scale { factor: rest.clone() }), &[&new])?;
            results.push(builder.apply(Op::Add(spec::add::Add {}), &[&old, &new])?);
        }
    }
    Ok(results) // what computes an unused output is dropped with it
}

/// The mean over `axes`, which stay with extent 1, and the biased variance.
fn moments(builder: &mut Builder, x: &Value, axes: &[usize]) -> Result<(Value, Value), ImportError> {
    let mean_of = |builder: &mut Builder, value: &Value| {
        builder.apply(Op::Mean(spec::mean::Mean { axes: axes.to_vec(), keepdims: true }), &[value])
    };
    let mean = mean_of(builder, x)?;
    let centred = join(builder, Op::Sub(spec::sub::Sub {}), x, &mean)?;
    let square = builder.apply(Op::Mul(spec::mul::Mul {}), &[&centred, &centred])?;
    Ok((mean, mean_of(builder, &square)?))
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
    let (mean, variance) = moments(builder, &x, &axes)?;
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
