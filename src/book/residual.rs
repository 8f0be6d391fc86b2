//! Chapter 6: the residual block.

use super::images::Conv;
use super::layers::{batch_norm, identity};
use super::record::{chain, fan_in};
use super::{Case, Check, Item, Kind};

pub(super) const ITEMS: &[Item] = &[Item {
    number: 51,
    kind: Kind::Theorem,
    name: "backward of a residual block",
    statement: "The backward function of x ↦ f(x) + x returns what comes back through f, plus the cotangent itself.",
    graph: "convolution and batch normalisation beside an identity, two samples of 2 channels, 3×3",
    check: Check::Backward(|| {
        let path = chain(Conv::new("conv", 2, 2).record(), batch_norm("norm"));
        Case::new(fan_in(path, identity()), &[2, 2, 3, 3])
    }),
}];
