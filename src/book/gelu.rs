//! Chapter 9: GELU and layer normalisation.

use super::layers::{affine, distribution, gelu, gelu_derivative, layer_norm, normalised};
use super::record::{Map, chain};
use super::{Case, Check, Definition, Item, Kind};
use std::rc::Rc;

fn map() -> Map {
    Map::new(gelu().forward_of(), |s, x| {
        let slope = gelu_derivative(s, x);
        s.diagonal(slope)
    })
}

pub(super) const ITEMS: &[Item] = &[
    Item {
        number: 57,
        kind: Kind::Definition,
        name: "GELU",
        statement: "x times the probability that a standard normal variable is at most x, which is (1 + erf(x/√2))/2.",
        graph: "gelu in its erf form against x·(1 + erf(x/√2))/2 in separate operations",
        check: Check::Definition(|| Definition {
            operation: gelu().forward,
            written_out: Rc::new(|s, x| {
                let distribution = distribution(s, x);
                s.mul(x, distribution)
            }),
            dimensions: vec![5],
        }),
    },
    Item {
        number: 58,
        kind: Kind::Definition,
        name: "derivative of GELU",
        statement: "The derivative of GELU in closed form: the normal distribution function plus x times the normal density.",
        graph: "gelu of one number; Φ(x) + x·φ(x), 1/√(2π) to 120 digits",
        check: Check::Jacobian(|| Case::of(map(), &[1]).at(&[&[0.0], &[-0.75], &[1.5], &[-6.0], &[20.0]])),
    },
    Item {
        number: 59,
        kind: Kind::Theorem,
        name: "Jacobian of GELU (diagonal)",
        statement: "The Jacobian of GELU on a vector is diagonal, with the derivative of the scalar function at each coordinate.",
        graph: "gelu of ℝ³, all nine entries",
        check: Check::Jacobian(|| Case::of(map(), &[3])),
    },
    Item {
        number: 60,
        kind: Kind::Theorem,
        name: "backward of layer normalisation",
        statement: "Layer normalisation is normalisation along the features of one sample, then an affine step: the three terms of batch normalisation along another axis.",
        graph: "layer_norm of a vector of five, with weight and bias",
        check: Check::Backward(|| {
            Case::new(layer_norm("norm", &[0]), &[5]).also(chain(normalised(&[0]), affine("norm", 0)).forward)
        }),
    },
    Item {
        number: 61,
        kind: Kind::Theorem,
        name: "backward of GELU",
        statement: "The backward function of GELU multiplies each coordinate of the cotangent by the derivative there.",
        graph: "gelu of ℝ⁵",
        check: Check::Backward(|| Case::new(gelu(), &[5])),
    },
];
