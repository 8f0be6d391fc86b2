//! Chapter 8: squeeze-and-excitation.

use super::images::squeeze_and_excitation;
use super::{Case, Check, Item, Kind};

pub(super) const ITEMS: &[Item] = &[Item {
    number: 56,
    kind: Kind::Theorem,
    name: "backward of squeeze-and-excitation",
    statement: "The image is multiplied by a gate that is computed from the image: the backward function is rule 3, the cotangent times the gate plus what comes back through the gate.",
    graph: "global means, 4 → 2 → 4 with relu and sigmoid, times the image: one sample of 4 channels, 2×2",
    check: Check::Backward(|| Case::new(squeeze_and_excitation(4, 2, 2), &[1, 4, 2, 2])),
}];
