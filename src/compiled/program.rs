//! Programs: steps in stages, run forward, backward and along a direction.
//!
//! A stage is either one step on the whole batch, or several steps on images, which are run for one image after the other (and images on several threads), so that
//! what a stage makes and reads itself stays in the cache. Backward the stages run in reverse. Gradients of weights are summed over fixed groups of images and
//! then group after group, so that the result does not depend on the number of threads.

mod backward;
mod forward;
mod frame;
mod plan;
mod tangent;

use super::memory::Home;
use super::step::{Back, PerBatch, PerImage, Sink, Slope};
use super::weights::Weights;
use crate::ops::fast::threads::Threads;
use frame::{Frame, Images, Taken, by_image, chunks};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};
use tl_kernel::context::EvalError;

/// A value of a program.
#[derive(Clone, Debug)]
pub(super) struct Value {
    /// Elements of one sample, halo included.
    pub(super) each: usize,
    /// Samples.
    pub(super) batch: usize,
    /// Where it comes from, when no step makes it.
    pub(super) source: Home,
    /// Whether a gradient is wanted that goes through it.
    pub(super) slope: bool,
    /// Whether its gradient itself is wanted.
    pub(super) leaf: bool,
}

/// What a step does.
#[derive(Debug)]
pub(super) enum Action {
    /// It works on one image at a time.
    Image(Box<dyn PerImage>),
    /// It works on the whole batch.
    Batch(Box<dyn PerBatch>),
}

/// A step with its operands.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) action: Action,
    /// Values, each once.
    pub(super) inputs: Vec<usize>,
    pub(super) output: usize,
    /// Its weights, if any.
    pub(super) weights: Option<usize>,
    /// The node of the graph that it ends.
    pub(super) node: usize,
}

#[derive(Debug)]
struct Stage {
    steps: Range<usize>,
    images: bool,
    /// Sizes of the buffers, forward and backward.
    buffers: [Vec<usize>; 2],
    /// Buffers that no thread uses now.
    spare: [Mutex<Vec<Vec<Vec<f32>>>>; 2],
}

impl Stage {
    /// `f` with buffers of its own.
    fn with_buffers<R>(&self, which: usize, f: impl FnOnce(&mut Vec<Vec<f32>>) -> R) -> R {
        let lock = || self.spare[which].lock().unwrap_or_else(PoisonError::into_inner);
        let spare = lock().pop();
        let mut buffers = spare.unwrap_or_else(|| self.buffers[which].iter().map(|&size| vec![0.0; size]).collect());
        let result = f(&mut buffers);
        lock().push(buffers);
        result
    }
}

/// A plan that can be run.
#[derive(Debug)]
pub(super) struct Program {
    values: Vec<Value>,
    steps: Vec<Step>,
    stages: Vec<Stage>,
    /// Homes of the values, and of their cotangents.
    homes: [Vec<Home>; 2],
    slots: [Vec<Vec<f32>>; 2],
    constants: Vec<Vec<f32>>,
    pub(super) weights: Vec<Weights>,
    /// For every step and operand: whether its cotangent is added to what is there.
    adds: Vec<Vec<bool>>,
    outputs: Vec<usize>,
    /// For every stage, what the groups of images sum their gradients in.
    sums: Vec<Vec<Vec<Weights>>>,
    stale: bool,
}

/// What became of an error.
pub(super) type Failed = (usize, EvalError);

impl Program {
    pub(super) fn new(
        values: Vec<Value>,
        steps: Vec<Step>,
        constants: Vec<Vec<f32>>,
        weights: Vec<Weights>,
        outputs: Vec<usize>,
        training: bool,
    ) -> Self {
        let stages = stages(&values, &steps);
        let mut program = Program {
            values,
            steps,
            stages,
            homes: [Vec::new(), Vec::new()],
            slots: [Vec::new(), Vec::new()],
            constants,
            weights,
            adds: Vec::new(),
            outputs,
            sums: Vec::new(),
            stale: true,
        };
        program.plan_forward(training);
        if training {
            program.plan_backward();
        }
        program
    }

    /// Bytes of all slots, buffers of one thread, constants and weights.
    pub(super) fn bytes(&self) -> usize {
        let slots: usize = self.slots.iter().flatten().map(Vec::len).sum();
        let buffers = self.stages.iter().flat_map(|s| s.buffers.iter()).map(|b| b.iter().sum()).max().unwrap_or(0usize);
        let weights: usize = self.weights.iter().map(Weights::size).sum();
        4 * (slots + buffers + weights + self.constants.iter().map(Vec::len).sum::<usize>())
    }

    /// How many steps there are, in how many stages.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.steps.len(), self.stages.len())
    }

    /// Whether a step has a backward pass.
    fn goes_back(&self, step: &Step) -> bool {
        self.values[step.output].slope
    }

    /// The value of an output, after a run.
    pub(super) fn value<'a>(&'a self, id: usize, inputs: &[&'a [f32]]) -> &'a [f32] {
        let value = &self.values[id];
        let all = match self.homes[0][id] {
            Home::Input(index) => inputs[index],
            Home::Constant(index) => &self.constants[index],
            Home::Slot(slot) => &self.slots[0][slot],
            Home::Buffer(_) | Home::None => &[],
        };
        &all[..value.each * value.batch]
    }

    /// The cotangent of a leaf, after a run backward; `None` where nothing depends on it.
    pub(super) fn slope(&self, id: usize) -> Option<&[f32]> {
        let value = &self.values[id];
        match self.homes[1].get(id) {
            Some(Home::Slot(slot)) => Some(&self.slots[1][*slot][..value.each * value.batch]),
            _ => None,
        }
    }

    /// The constant of this number.
    pub(super) fn constant_mut(&mut self, index: usize) -> &mut Vec<f32> {
        &mut self.constants[index]
    }

    /// Says that weights were changed from outside.
    pub(super) fn renew(&mut self) {
        self.stale = true;
    }
}

/// The value and its slot, where it has one.
fn slot_of(homes: &[Home], id: usize) -> Option<(usize, usize)> {
    match homes.get(id) {
        Some(Home::Slot(slot)) => Some((id, *slot)),
        _ => None,
    }
}

/// Steps on images of one batch that follow one another make a stage.
fn stages(values: &[Value], steps: &[Step]) -> Vec<Stage> {
    let mut stages: Vec<Stage> = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        let images = matches!(step.action, Action::Image(_));
        let batch = values[step.output].batch;
        match stages.last_mut() {
            Some(stage) if images && stage.images && values[steps[stage.steps.start].output].batch == batch => {
                stage.steps.end = index + 1
            }
            _ => stages.push(Stage {
                steps: index..index + 1,
                images,
                buffers: Default::default(),
                spare: Default::default(),
            }),
        }
    }
    stages
}
