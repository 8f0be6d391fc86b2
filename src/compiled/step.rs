//! Steps: what a program is made of. A step reads some values and writes one; it works on one image at a time, or on the whole batch.

use super::weights::Weights;
use crate::ops::fast::threads::Threads;
use std::fmt::Debug;
use tl_kernel::context::EvalError;

/// Where a cotangent goes.
#[derive(Debug)]
pub(super) struct Slope<'a> {
    /// The values.
    pub(super) data: &'a mut [f32],
    /// Whether it is added to what is there, not stored.
    pub(super) add: bool,
}

impl Slope<'_> {
    /// Makes it one to add to.
    pub(super) fn ready(&mut self) {
        if !self.add {
            self.data.fill(0.0);
            self.add = true;
        }
    }
}

/// Where the gradient of a weight goes.
#[derive(Debug)]
pub(super) enum Sink<'a> {
    /// It is added here.
    Sum(&'a mut Weights),
    /// The weight steps along it, by this factor.
    Step(f32),
}

/// What a backward pass reads beside the cotangent, and a tangent beside those of the operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Keeps {
    /// The operands.
    pub(super) x: bool,
    /// The result.
    pub(super) y: bool,
}

/// What a backward pass of a step is given. `dy` may be changed; an entry of `dx` is absent where no gradient is wanted.
pub(super) struct Back<'a, 'b> {
    pub(super) x: &'a [&'a [f32]],
    pub(super) y: &'a [f32],
    pub(super) dy: &'a mut [f32],
    pub(super) dx: &'a mut [Option<Slope<'b>>],
}

/// What a tangent of a step is made from: the operands and the result as far as [`Keeps`] says, and the tangents of the operands and of the weights; an absent one is zero.
pub(super) struct Along<'a> {
    pub(super) x: &'a [&'a [f32]],
    pub(super) y: &'a [f32],
    pub(super) dx: &'a [Option<&'a [f32]>],
    pub(super) dw: Option<&'a Weights>,
}

/// A step on one image: every slice is that of one image.
pub(super) trait PerImage: Send + Sync + Debug {
    /// The result.
    fn forward(&self, weights: &Weights, x: &[&[f32]], y: &mut [f32], threads: &Threads);
    /// The cotangents of the operands; the gradient of the weights is added to `dw`, where it is wanted.
    fn backward(&self, weights: &Weights, back: Back, dw: Option<&mut Weights>);
    /// The tangent of the result, in `dy`, which is zeros.
    fn tangent(&self, weights: &Weights, along: Along, dy: &mut [f32], threads: &Threads);
    /// What [`PerImage::backward`] and [`PerImage::tangent`] read.
    fn keeps(&self) -> Keeps;
    /// What is made anew when the weights have changed, for [`PerImage::backward`].
    fn renew(&mut self, _: &Weights) {}
}

/// A step on the whole batch.
pub(super) trait PerBatch: Send + Sync + Debug {
    /// The result.
    fn forward(&self, weights: &Weights, x: &[&[f32]], y: &mut [f32], threads: &Threads) -> Result<(), EvalError>;
    /// The cotangents of the operands and the gradient of the weights.
    fn backward(&self, weights: &mut Weights, back: Back, sink: Sink, threads: &Threads) -> Result<(), EvalError>;
    /// The tangent of the result, in `dy`, which is zeros.
    fn tangent(&self, weights: &Weights, along: Along, dy: &mut [f32], threads: &Threads) -> Result<(), EvalError>;
    /// What [`PerBatch::backward`] and [`PerBatch::tangent`] read.
    fn keeps(&self) -> Keeps;
}
