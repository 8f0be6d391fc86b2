//! `NegativeLogLikelihoodLoss` and `SoftmaxCrossEntropyLoss`.
//!
//! Labels are integers, which no computed value is: they have to be constants of the model or bound ones, and become float32 words of the same whole numbers.

use crate::array::Dtype;
use crate::builder::{Builder, Value};
use crate::call::Call;
use crate::error::{ImportError, fault};
use crate::fold;
use tl_kernel::number::Exact;
use tl_kernel::spec::Op;
use tl_kernel::spec::classes::Targets;
use tl_kernel::spec::cross_entropy::{CrossEntropy, Predictions};
use tl_kernel::spec::log_softmax::LogSoftmax;
use tl_kernel::spec::loss::Reduction;
use tl_kernel::spec::nll::Nll;

/// The predictions, the labels and the weight of a node, and its conventions.
struct Loss {
    parents: Vec<Value>,
    ignore_index: Vec<i64>,
    reduction: Reduction,
}

fn loss(call: &mut Call) -> Result<Loss, ImportError> {
    let ignore_index = call.int("ignore_index")?.into_iter().collect();
    let reduction = match call.string("reduction", "mean")?.as_str() {
        "none" => Reduction::None,
        "sum" => Reduction::Sum,
        "mean" => Reduction::Mean,
        other => return Err(fault!(UnsupportedAttribute, "attribute \"reduction\" is {other:?}")),
    };
    let labels = match call.input(1)? {
        Value::Node(_) => return Err(fault!(NotConstant, "the labels of {} are computed", call.op)),
        Value::Constant(labels) => labels,
    };
    if labels.array.as_integers().is_none() {
        return Err(fault!(Dtype, "the labels of {} are {}", call.op, labels.array.dtype().name()));
    }
    let labels = Value::constant(&labels.name, fold::cast(&labels.array, Dtype::Float32)?);
    let parents = [call.input(0)?, labels].into_iter().chain(call.optional(2)).collect();
    Ok(Loss { parents, ignore_index, reduction })
}

/// `NegativeLogLikelihoodLoss`.
pub(super) fn nll(builder: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    let Loss { parents, ignore_index, reduction } = loss(call)?;
    let op = Nll { targets: Targets::Labels, ignore_index, reduction };
    Ok(vec![builder.apply(Op::Nll(op), &parents.iter().collect::<Vec<_>>())?])
}

/// `SoftmaxCrossEntropyLoss`: the loss, and the logarithms of the probabilities.
pub(super) fn softmax_cross_entropy(builder: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    let Loss { parents, ignore_index, reduction } = loss(call)?;
    let op = CrossEntropy {
        predictions: Predictions::Logits,
        targets: Targets::Labels,
        label_smoothing: Exact::integer(0),
        ignore_index,
        reduction,
    };
    let parents: Vec<&Value> = parents.iter().collect();
    let y = builder.apply(Op::CrossEntropy(op), &parents)?;
    let logarithms = Op::LogSoftmax(LogSoftmax { axis: 1 });
    let logarithms = builder.apply(logarithms, parents.get(..1).unwrap_or_default())?;
    Ok(vec![y, logarithms]) // what computes an unused output is dropped with it
}
