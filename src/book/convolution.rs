//! Chapter 4: convolution with padding that keeps the size, and maximum over 2×2 windows.

use super::images::{Conv, greatest, max_pool, quarters_of};
use super::{Case, Check, Definition, Item, Kind};
use std::rc::Rc;

/// Channels in and out, and the side of the images.
const CONV: (usize, usize, usize) = (2, 3, 4);

fn conv() -> Conv {
    Conv::new("conv", CONV.0, CONV.1)
}

pub(super) const ITEMS: &[Item] = &[
    Item {
        number: 38,
        kind: Kind::Definition,
        name: "convolution",
        statement: "An output pixel is the bias plus the sum, over channels and kernel cells, of the cell times the pixel that it covers, 0 outside the image; padding keeps the size.",
        graph: "conv of a 4×4 image, 2 channels to 3, against nine shifted images times their cells, summed",
        check: Check::Definition(|| Definition {
            operation: conv().record().forward,
            written_out: Rc::new(|s, x| conv().written_out(s, x)),
            dimensions: vec![1, CONV.0, CONV.2, CONV.2],
        }),
    },
    Item {
        number: 39,
        kind: Kind::Axiom,
        name: "input gradient of a convolution (sparse Toeplitz)",
        statement: "The backward function of a convolution in the image is the convolution of the cotangent with the kernel reversed in both axes, its channels exchanged; the borders are no exception.",
        graph: "conv of a 4×4 image, 2 channels to 3, padding 1",
        check: Check::Backward(|| Case::new(conv().record(), &[1, CONV.0, CONV.2, CONV.2])),
    },
    Item {
        number: 40,
        kind: Kind::Theorem,
        name: "kernel gradient of a convolution",
        statement: "The gradient in the kernel is a convolution again: of the image, channels taken as samples, with the cotangent as the kernel.",
        graph: "conv as a function of its 3×2×3×3 kernel",
        check: Check::Backward(|| Case::new(conv().of_weight(CONV.2), &[CONV.1, CONV.0, 3, 3])),
    },
    Item {
        number: 41,
        kind: Kind::Theorem,
        name: "bias gradient of a convolution",
        statement: "The gradient in the bias of a channel is the sum of the cotangent over that channel's pixels.",
        graph: "conv as a function of its bias",
        check: Check::Backward(|| Case::new(conv().of_bias(CONV.2), &[CONV.1])),
    },
    Item {
        number: 42,
        kind: Kind::Definition,
        name: "maximum pooling",
        statement: "Every 2×2 window, side by side, gives the greatest of its four pixels.",
        graph: "max_pool of a 4×4 image against the maximum of its four interleaved quarters",
        check: Check::Definition(|| Definition {
            operation: max_pool().forward,
            written_out: Rc::new(|s, x| {
                let parts = quarters_of(s, x);
                greatest(s, &parts)
            }),
            dimensions: vec![1, 1, 4, 4],
        }),
    },
    Item {
        number: 43,
        kind: Kind::Axiom,
        name: "gradient of maximum pooling (binary selection)",
        statement: "The backward function of maximum pooling sends each cotangent to the pixel that gave the maximum and 0 to the other three.",
        graph: "max_pool of a 4×4 image whose windows have one maximum each",
        check: Check::Backward(|| {
            Case::new(max_pool(), &[1, 1, 4, 4])
                .at(&[
                    &[1.0, 2.0, 9.0, 3.0, 4.0, 3.0, 1.0, 2.0, -1.0, -2.0, 0.0, 5.0, -3.0, -4.0, 7.0, 6.0],
                    &[-1.5, 0.25, 0.5, 0.75, 3.0, 1.25, 1.5, 1.75, 2.25, 2.0, 2.5, 2.75, 8.0, 3.25, 3.5, -3.75],
                ])
                .kink(
                    &[1.0, 1.0, 5.0, 4.0, 1.0, 1.0, 5.0, 5.0, 0.0, 2.0, 3.0, 3.0, 2.0, 2.0, 1.0, 0.0],
                    &[1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0],
                    "at a tie ours sends everything to the first maximum in row-major order: the limit of the derivatives as that pixel comes from above",
                )
        }),
    },
];
