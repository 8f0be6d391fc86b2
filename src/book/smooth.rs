//! Smoothness: a graph that is differentiable at every input, shown from its operations alone.
//!
//! Claim: where [`smooth`] returns no fault, the graph is a composition of functions that are real-analytic on their whole domains, and no argument
//! leaves a domain whatever the inputs are. So the graph has derivatives of every order at every input. Operations with a kink (relu, abs, max, clamp, pooling by
//! maximum, …) are on no list, and an operation with a domain of its own (1/√x, log, a quotient) needs an argument that is positive for all inputs: a small
//! analysis of signs that knows squares, sums, positive constants, and exponentials. It errs on the side of a fault.
//!
//! Several of these operations are evaluated through a maximum or a magnitude (softmax takes its maximum off, a variance is a sum of |d|·|d|), which cancel: the functions are
//! the analytic ones of the operations' pages.

use crate::model::Model;
use tl_kernel::ir::Node;
use tl_kernel::number::Exact;
use tl_kernel::spec::Op;
use tl_kernel::spec::batch_norm::Statistics;

/// Linear in every operand for itself, or a rearrangement.
const MULTILINEAR: &[&str] = &[
    "input",
    "const",
    "reshape",
    "flatten",
    "transpose",
    "permute",
    "concat",
    "slice",
    "gather",
    "broadcast",
    "add",
    "sub",
    "mul",
    "neg",
    "scale",
    "sum",
    "mean",
    "matmul",
    "linear",
    "conv",
    "conv_transpose",
    "avg_pool",
    "global_avg_pool",
    "adaptive_avg_pool",
    "pad",
    "upsample",
];
/// Analytic on all of ℝ, or ℝⁿ.
const ENTIRE: &[&str] = &[
    "exp",
    "tanh",
    "sigmoid",
    "softplus",
    "silu",
    "mish",
    "erf",
    "gelu",
    "sin",
    "cos",
    "softmax",
    "log_softmax",
    "logsumexp",
];
/// Analytic where this operand is positive.
const POSITIVE: &[(&str, usize)] = &[("rsqrt", 0), ("sqrt", 0), ("log", 0), ("reciprocal", 0), ("div", 1)];

/// What is known about the sign of every element of a node, whatever the inputs are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Sign {
    Unknown,
    NotNegative,
    Positive,
}

/// Why the graph is not shown to be smooth: the node and the reason; `None` where it is.
pub(super) fn fault(model: &Model) -> Option<(usize, String)> {
    let mut signs: Vec<Sign> = Vec::new();
    for (id, node) in model.graph.nodes().iter().enumerate() {
        if let Err(reason) = admitted(node, &signs) {
            return Some((id, format!("{}: {reason}", node.op.name())));
        }
        signs.push(sign(model, node, &signs));
    }
    None
}

fn admitted(node: &Node, signs: &[Sign]) -> Result<(), String> {
    let name = node.op.name();
    if MULTILINEAR.contains(&name) || ENTIRE.contains(&name) {
        return Ok(());
    }
    if let Some(&(_, operand)) = POSITIVE.iter().find(|(op, _)| *op == name) {
        return match signs[node.parents[operand]] {
            Sign::Positive => Ok(()),
            _ => Err("its argument is not shown to be positive".into()),
        };
    }
    let epsilon = match &node.op {
        Op::LayerNorm(op) => &op.epsilon,
        Op::RmsNorm(op) => &op.epsilon,
        Op::GroupNorm(op) => &op.epsilon,
        Op::InstanceNorm(op) => &op.epsilon,
        Op::BatchNorm(op) if op.statistics == Statistics::Batch => &op.epsilon,
        _ => return Err("it is not of a smooth class".into()),
    };
    if positive(epsilon) { Ok(()) } else { Err("with epsilon 0 it has no value on a constant line".into()) }
}

fn positive(x: &Exact) -> bool {
    !x.is_negative() && !x.is_zero()
}

fn sign(model: &Model, node: &Node, signs: &[Sign]) -> Sign {
    let of = |operand: usize| signs[node.parents[operand]];
    let least = || node.parents.iter().map(|&parent| signs[parent]).min().unwrap_or(Sign::Unknown);
    match (&node.op, node.op.name()) {
        (Op::Const(constant), _) => {
            let words = model.parameters.get(&constant.name).map_or(&[][..], |tensor| tensor.data());
            // A binary32 word without its sign bit is positive where it is not zero.
            match words.iter().all(|&word| word >> 31 == 0 && word != 0) {
                true => Sign::Positive,
                false => Sign::Unknown,
            }
        }
        (Op::Scale(scale), _) if positive(&scale.factor) => of(0),
        (_, "mul") if node.parents[0] == node.parents[1] => Sign::NotNegative.max(of(0)),
        (_, "mul" | "div") => least(),
        // A sum is positive where one part is and no part is negative.
        (_, "add") if least() >= Sign::NotNegative => of(0).max(of(1)),
        (
            _,
            "sum" | "mean" | "reshape" | "flatten" | "transpose" | "permute" | "slice" | "gather" | "broadcast"
            | "concat",
        ) => least(),
        (_, "exp" | "sigmoid" | "softplus" | "softmax" | "rsqrt" | "reciprocal" | "sqrt") => Sign::Positive,
        _ => Sign::Unknown,
    }
}
