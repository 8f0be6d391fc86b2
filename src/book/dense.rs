//! Chapter 3: dense layers, ReLU, softmax cross-entropy, and the perceptron made of them.

use super::layers::{Dense, relu};
use super::record::{Map, Record, chain_all};
use super::sheet::Sheet;
use super::{Case, Check, Item, Kind};

pub(super) const ITEMS: &[Item] = &[
    Item {
        number: 29,
        kind: Kind::Theorem,
        name: "Jacobian of a dense layer in x",
        statement: "The derivative of an affine map y = Wx + b in x is its matrix, whatever x and b are.",
        graph: "linear from ℝ³ to ℝ²; the Jacobian is the transposed weight (ours is [out, in])",
        check: Check::Jacobian(|| Case::of(Dense::new("dense", 3, 2).map(), &[3])),
    },
    Item {
        number: 30,
        kind: Kind::Theorem,
        name: "Jacobian of a dense layer in W",
        statement: "Output j of an affine map depends on row j of the weight alone, and there on entry i with the slope x_i.",
        graph: "linear as a function of a 2×3 weight; the Jacobian is I ⊗ x",
        check: Check::Jacobian(|| {
            Case::of(
                Map::new(Dense::new("dense", 3, 2).of_weight(1).forward_of(), |s, _| {
                    let (identity, x) = (s.identity(2), s.weight("x", &[1, 3]));
                    let x = s.transpose(x);
                    s.kronecker(identity, x)
                }),
                &[2, 3],
            )
        }),
    },
    Item {
        number: 31,
        kind: Kind::Axiom,
        name: "Jacobian of ReLU away from 0",
        statement: "Where no coordinate of x is 0, the Jacobian of ReLU is diagonal, 1 at positive and 0 at negative coordinates.",
        graph: "relu on ℝ³ at points without a zero; the Jacobian is diag(x₊/x), which has no value at the kink",
        check: Check::Jacobian(|| {
            let map = Map::new(relu().forward_of(), |s, x| {
                let positive = s.node("relu", &[x]);
                let slope = s.node("div", &[positive, x]);
                s.diagonal(slope)
            });
            Case::of(map, &[3])
                .at(&[&[1.5, -0.25, 2.0], &[-1.0, -3.0, 0.5], &[f32::MIN_POSITIVE, -f32::MIN_POSITIVE, 1.0]])
                .kink(
                    &[0.0, -1.0, 2.0],
                    &[-1.0, 0.0, 0.0],
                    "there is no derivative at 0: the slopes on the two sides are 0 and 1",
                )
        }),
    },
    Item {
        number: 32,
        kind: Kind::Theorem,
        name: "gradient of softmax cross-entropy",
        statement: "The gradient of −log softmax(z)_y in the logits z is softmax(z) less the indicator of the label y.",
        graph: "log_softmax of ℝ⁴, the entry of the label, negated",
        check: Check::Backward(|| Case::new(cross_entropy(), &[4])),
    },
    Item {
        number: 33,
        kind: Kind::Theorem,
        name: "backward of a dense layer",
        statement: "The backward function of an affine map multiplies the cotangent by the transposed matrix.",
        graph: "linear from ℝ⁴ to ℝ³",
        check: Check::Backward(|| Case::new(Dense::new("dense", 4, 3).record(), &[4])),
    },
    Item {
        number: 34,
        kind: Kind::Theorem,
        name: "weight gradient of a dense layer (outer product)",
        statement: "The gradient in the weight of an affine map is the outer product of its input and the cotangent, summed over the samples.",
        graph: "linear as a function of a 3×4 weight, two samples",
        check: Check::Backward(|| Case::new(Dense::new("dense", 4, 3).of_weight(2), &[3, 4])),
    },
    Item {
        number: 35,
        kind: Kind::Theorem,
        name: "bias gradient of a dense layer",
        statement: "The gradient in the bias of an affine map is the cotangent, summed over the samples.",
        graph: "linear as a function of its bias, two samples",
        check: Check::Backward(|| Case::new(Dense::new("dense", 4, 3).of_bias(2), &[3])),
    },
    Item {
        number: 36,
        kind: Kind::Axiom,
        name: "backward of ReLU (diagonal)",
        statement: "The backward function of ReLU lets the cotangent through where x is positive and stops it where x is negative; at 0 what it does is a convention.",
        graph: "relu on ℝ⁵",
        check: Check::Backward(|| {
            Case::new(relu(), &[5]).kink(
                &[0.0, 1.0, -1.0, 0.0, 0.25],
                &[-1.0, 0.0, 0.0, -1.0, 0.0],
                "ours stops it (relu'(0) = 0): the limit of the derivatives from below, so an element of the subdifferential [0, 1]",
            )
        }),
    },
    Item {
        number: 37,
        kind: Kind::Axiom,
        name: "backward of a perceptron",
        statement: "The backward function of affine, ReLU, affine, ReLU, affine is the chain of theirs, wherever no unit is exactly at 0.",
        graph: "a perceptron 4 → 3 → 3 → 2, chain of five records",
        check: Check::Backward(|| {
            let (at, down) = at_a_kink();
            Case::new(perceptron(), &[4])
                .kink(&at, &down, "where a unit is exactly at 0 the convention counts it as off: the limit of the derivatives as it goes off")
                .returning(
                    Record::new(identity_with_a_kink, |_, _, dy| dy),
                    &[0.0],
                    &[0.0],
                    "a chain of conventions need not be a subgradient: relu(x) − relu(−x) is x, its derivative is 1 everywhere, and at 0 the convention returns 0",
                )
        }),
    },
];

/// The label of the cross-entropy.
const LABEL: usize = 2;

fn cross_entropy() -> Record {
    Record::new(
        |s, z| {
            let logs = s.node(r#"log_softmax {"axis":0}"#, &[z]);
            let entry = s.node(&format!(r#"gather {{"axis":0,"indices":[{LABEL}],"indices_shape":[1]}}"#), &[logs]);
            s.node("neg", &[entry])
        },
        |s, z, dy| {
            let p = s.node(r#"softmax {"axis":0}"#, &[z]);
            let n = s.elements(z);
            let indicator: Vec<f32> = (0..n).map(|class| if class == LABEL { 1.0 } else { 0.0 }).collect();
            let indicator = s.constant("indicator", &[n], &indicator);
            let (difference, dy) = (s.sub(p, indicator), s.broadcast(dy, &[n]));
            s.mul(difference, dy)
        },
    )
}

fn perceptron() -> Record {
    let dense = |name, inputs, outputs| Dense::new(name, inputs, outputs).record();
    chain_all([dense("first", 4, 3), relu(), dense("second", 3, 3), relu(), dense("third", 3, 2)])
}

/// A point at which the first unit of the perceptron is exactly at 0, and a direction in which it goes off.
fn at_a_kink() -> (Vec<f32>, Vec<f32>) {
    let mut s = Sheet::default();
    let first = Dense::new("first", 4, 3);
    let (weight, bias) = (first.weight(&mut s), first.bias(&mut s));
    let (weight, bias) = (s.data(weight), s.data(bias));
    // A weight that is a power of two divides the bias exactly.
    let at = (0..4).find(|&at| weight[at].to_bits() << 9 == 0).unwrap_or(0);
    let place = |value: f32| (0..4).map(|other| if other == at { value } else { 0.0 }).collect();
    (place(-bias[0] / weight[at]), place(-weight[at].signum()))
}

/// relu(x) − relu(−x), which is x.
fn identity_with_a_kink(s: &mut Sheet, x: usize) -> usize {
    let minus = s.node("neg", &[x]);
    let (up, down) = (s.node("relu", &[x]), s.node("relu", &[minus]));
    s.sub(up, down)
}
