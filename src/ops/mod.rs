//! The operations as the engine runs them: value, reverse rule and forward rule of each, on tensors of `f32`.
//!
//! Contract of all three: shapes are those of a checked graph; errors are those of the kernel's reading. Where an operation has no code of its own here, its specification in the kernel is
//! read over [`Hardware32`]: slower, never different in meaning. In a run that is deterministic nothing else is used, so that every bit is that of `Binary32` under the printed schedule.

pub mod fast;

use crate::hardware::Hardware32;
use tl_kernel::context::EvalError;
use tl_kernel::context::dual::{Dual, Pair};
use tl_kernel::ir::{Shape, Tensor};
use tl_kernel::spec::Op;

/// Values, row-major, or why there are none.
pub type Values = Result<Vec<f32>, EvalError>;

/// `op` of its parents; `shape` is that of the result.
pub fn value(hardware: &Hardware32, op: &Op, parents: &[&Tensor<f32>], shape: &Shape) -> Values {
    op.value(hardware, parents, shape)
}

/// The cotangents of the parents that are `wanted`, where the value is `y` and its cotangent `dy`.
pub fn vjp(
    hardware: &Hardware32,
    op: &Op,
    parents: &[&Tensor<f32>],
    y: &Tensor<f32>,
    dy: &Tensor<f32>,
    wanted: &[bool],
) -> Result<Vec<Option<Vec<f32>>>, EvalError> {
    op.vjp(hardware, parents, y, dy, wanted)
}

/// The value, and its derivative along the tangents of the parents; no tangent is zero.
pub fn jvp(
    hardware: &Hardware32,
    op: &Op,
    parents: &[&Tensor<f32>],
    tangents: &[Option<&Tensor<f32>>],
    shape: &Shape,
) -> Result<(Vec<f32>, Option<Vec<f32>>), EvalError> {
    let pair = |(x, dx): (&&Tensor<f32>, &Option<&Tensor<f32>>)| {
        let mut dx = dx.map(|dx| dx.data().iter().copied());
        x.map(|&value| Pair { value, tangent: dx.as_mut().and_then(Iterator::next) })
    };
    let pairs: Vec<Tensor<Pair<f32>>> = parents.iter().zip(tangents).map(pair).collect();
    let values = op.value(&Dual(hardware), &pairs.iter().collect::<Vec<_>>(), shape)?;
    let moves = values.iter().any(|pair| pair.tangent.is_some());
    let tangent = moves.then(|| values.iter().map(|pair| pair.tangent.unwrap_or(0.0)).collect());
    Ok((values.into_iter().map(|pair| pair.value).collect(), tangent))
}
