//! Chapter 7: depthwise convolution, a kernel for each channel.

use super::images::Conv;
use super::{Case, Check, Definition, Item, Kind};
use std::rc::Rc;

/// Channels, and the side of the images.
const DEPTHWISE: (usize, usize) = (3, 4);

fn conv() -> Conv {
    Conv::depthwise("depthwise", DEPTHWISE.0)
}

pub(super) const ITEMS: &[Item] = &[
    Item {
        number: 52,
        kind: Kind::Definition,
        name: "depthwise convolution",
        statement: "Every channel is convolved with a kernel of its own: no sum over channels.",
        graph: "conv with a group for each of 3 channels, 4×4, against nine shifted images times their cells",
        check: Check::Definition(|| Definition {
            operation: conv().record().forward,
            written_out: Rc::new(|s, x| conv().written_out(s, x)),
            dimensions: vec![1, DEPTHWISE.0, DEPTHWISE.1, DEPTHWISE.1],
        }),
    },
    Item {
        number: 53,
        kind: Kind::Axiom,
        name: "input gradient of a depthwise convolution",
        statement: "The backward function in the image is the depthwise convolution of the cotangent with every kernel reversed in both axes.",
        graph: "conv with a group for each of 3 channels, 4×4, padding 1",
        check: Check::Backward(|| Case::new(conv().record(), &[1, DEPTHWISE.0, DEPTHWISE.1, DEPTHWISE.1])),
    },
    Item {
        number: 54,
        kind: Kind::Theorem,
        name: "kernel gradient of a depthwise convolution",
        statement: "The gradient in the kernel of a channel is the convolution of that channel's image with that channel's cotangent.",
        graph: "the same as a function of its 3×1×3×3 kernel",
        check: Check::Backward(|| Case::new(conv().of_weight(DEPTHWISE.1), &[DEPTHWISE.0, 1, 3, 3])),
    },
    Item {
        number: 55,
        kind: Kind::Theorem,
        name: "bias gradient of a depthwise convolution",
        statement: "The gradient in the bias of a channel is the sum of the cotangent over that channel's pixels.",
        graph: "the same as a function of its bias",
        check: Check::Backward(|| Case::new(conv().of_bias(DEPTHWISE.1), &[DEPTHWISE.0])),
    },
];
