//! One constant, form or neighbour otherwise.

use super::Variant;
use super::layout::computed;
use crate::diff::part::Part;
use tl_kernel::ir::Tensor;
use tl_kernel::number::Exact;
use tl_kernel::spec::{self, Op};

/// An exact number that is written here.
pub(super) fn exact(text: &str) -> Exact {
    Exact::parse(text).unwrap_or(Exact::integer(0)) // the texts below are numbers
}

/// Whether a node is made of parameters alone, by moving them.
fn is_constant(part: &Part, mut id: usize) -> bool {
    loop {
        match part.node(id) {
            _ if part.words.contains_key(&id) => return part.parameters.contains(&id),
            (Op::Broadcast(_) | Op::Reshape(_), &[parent]) => id = parent,
            _ => return false,
        }
    }
}

/// A bias, a shift or a factor that is not there.
pub(super) fn left_out(part: &Part) -> Vec<Variant> {
    let mut variants = Vec::new();
    for (id, op, parents) in computed(part) {
        let mut changed = part.clone();
        let new = part.nodes.len();
        match (op, parents) {
            (Op::Linear(_) | Op::Conv(_) | Op::ConvTranspose(_), &[x, weight, _]) => {
                changed.nodes[id].parents = vec![x, weight];
                variants.push(Variant::new("a missing bias", changed));
            }
            (Op::LayerNorm(_) | Op::GroupNorm(_) | Op::InstanceNorm(_), &[x, weight, _]) => {
                changed.nodes[id].parents = vec![x, weight];
                variants.push(Variant::new("a missing bias", changed));
            }
            (Op::Scale(_), &[x]) => {
                variants.extend(changed.replaced(id, x, new).map(|part| Variant::new("a missing factor", part)));
            }
            (Op::Add(_) | Op::Sub(_) | Op::Mul(_) | Op::Div(_), &[x, y]) => {
                let name = if matches!(op, Op::Add(_) | Op::Sub(_)) { "a missing bias" } else { "a missing factor" };
                let kept = match (is_constant(part, x), is_constant(part, y)) {
                    (false, true) => x,
                    (true, false) if matches!(op, Op::Add(_) | Op::Mul(_)) => y,
                    _ => continue,
                };
                variants.extend(changed.replaced(id, kept, new).map(|part| Variant::new(name, part)));
            }
            _ => (),
        }
    }
    variants
}

/// Another slope or threshold of an activation.
pub(super) fn slope(part: &Part) -> Vec<Variant> {
    let mut variants = Vec::new();
    for (id, op, _) in computed(part) {
        let others: Vec<(String, Op)> = match op {
            Op::LeakyRelu(_) | Op::Relu(_) => ["0", "0.01", "0.1", "0.2", "0.25", "0.3"]
                .map(|slope| {
                    let other = spec::leaky_relu::LeakyRelu { slope: exact(slope) };
                    (format!("a slope of {slope} below zero"), Op::LeakyRelu(other))
                })
                .into(),
            Op::HardSigmoid(_) => [("1/6", "1/2"), ("0.2", "0.5")]
                .map(|(alpha, beta)| {
                    let other = spec::hard_sigmoid::HardSigmoid { alpha: exact(alpha), beta: exact(beta) };
                    (format!("a hard sigmoid of slope {alpha}"), Op::HardSigmoid(other))
                })
                .into(),
            Op::Elu(_) => ["1", "1.6732632"]
                .map(|alpha| (format!("an alpha of {alpha}"), Op::Elu(spec::elu::Elu { alpha: exact(alpha) })))
                .into(),
            _ => continue,
        };
        variants.extend(others.into_iter().filter_map(|(name, op)| Some(Variant::new(name, part.with_op(id, op)?))));
    }
    variants
}

/// GELU in its other form; also in the place of a whole part that is made of error functions or hyperbolic tangents of one value.
pub(super) fn gelu(part: &Part) -> Vec<Variant> {
    use spec::gelu::{Form, Gelu};
    let (erf, tanh) = ((Form::Erf, "the exact (erf) form of GELU"), (Form::Tanh, "the tanh form of GELU"));
    let mut variants = Vec::new();
    for (id, op, _) in computed(part) {
        if let Op::Gelu(_) = op {
            for (form, name) in [erf, tanh] {
                let changed = part.with_op(id, Op::Gelu(Gelu { form }));
                variants.extend(changed.map(|part| Variant::new(name, part)));
            }
        }
    }
    let composed = |op: &Op| matches!(op, Op::Erf(_) | Op::Tanh(_));
    let sources: Vec<usize> = part.words.keys().copied().filter(|id| !part.parameters.contains(id)).collect();
    if let (&[x], true) = (&sources[..], computed(part).iter().any(|(_, op, _)| composed(op))) {
        for (form, name) in [erf, tanh] {
            let mut changed = part.clone();
            if let Some(target) = changed.push(Op::Gelu(Gelu { form }), &[x])
                && changed.dimensions(target) == part.dimensions(part.target)
            {
                changed.target = target;
                variants.push(Variant::new(name, changed));
            }
        }
    }
    variants
}

/// Padding that counts in the mean of a pool, or does not.
pub(super) fn padding_counted(part: &Part) -> Vec<Variant> {
    let mut variants = Vec::new();
    for (id, op, _) in computed(part) {
        let Op::AvgPool(pool) = op else { continue };
        let other = spec::avg_pool::AvgPool { count_include_pad: !pool.count_include_pad, ..pool.clone() };
        let counts = if other.count_include_pad { "counts" } else { "does not count" };
        let changed = part.with_op(id, Op::AvgPool(other));
        variants.extend(changed.map(|part| Variant::new(format!("average pooling that {counts} padding"), part)));
    }
    variants
}

/// A finite mask such as −1e9: a fully blocked row is uniform.
pub(super) fn mask(part: &Part) -> Vec<Variant> {
    const ONE: u32 = 0x3f80_0000;
    let mut variants = Vec::new();
    for (_, op, parents) in computed(part) {
        let (Op::MaskedSoftmax(softmax), &[x, mask]) = (op, parents) else { continue };
        let (Some(values), Some(allowed)) = (part.words.get(&x), part.words.get(&mask)) else { continue };
        let (stride, extent) = (values.shape().strides()[softmax.axis], values.dimensions()[softmax.axis]);
        let (mut values, mut allowed) = (values.data().to_vec(), allowed.data().to_vec());
        for first in (0..values.len()).filter(|position| position / stride % extent == 0) {
            let row: Vec<usize> = (0..extent).map(|i| first + i * stride).collect();
            if row.iter().all(|&position| allowed[position] << 1 == 0) {
                for position in row {
                    (values[position], allowed[position]) = (0, ONE);
                }
            }
        }
        let mut changed = part.clone();
        for (id, words) in [(x, values), (mask, allowed)] {
            let shape = part.nodes[id].shape.clone();
            changed.words.insert(id, Tensor::new(shape, words).expect("as many words as before"));
        }
        variants.push(Variant::new("a finite mask such as -1e9 (a blocked row is uniform)", changed));
    }
    variants
}

/// What was recorded is a neighbour of the node: its relu.
pub(super) fn activated(part: &Part) -> Vec<Variant> {
    let mut changed = part.clone();
    let relu = changed.push(Op::Relu(spec::relu::Relu {}), &[part.target]);
    let variant = relu.map(|relu| {
        changed.target = relu;
        Variant::new("a value that was recorded after a relu", changed)
    });
    variant.into_iter().collect()
}
