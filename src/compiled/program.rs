//! Programs: steps in stages, run forward and backward.
//!
//! A stage is either one step on the whole batch, or several steps on images, which are run for one image after the other (and images on several threads), so that
//! what a stage makes and reads itself stays in the cache. Backward the stages run in reverse. Gradients of weights are summed over fixed groups of images and
//! then group after group, so that the result does not depend on the number of threads.

mod frame;
mod plan;

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

/// Groups of images whose gradients are summed apart.
const GROUPS: usize = 8;
/// The most values that all groups of a stage sum in.
const SUMS: usize = 1 << 23;

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

    /// Runs forward.
    pub(super) fn forward(&mut self, inputs: &[&[f32]], threads: &Threads) -> Result<(), Failed> {
        for s in 0..self.stages.len() {
            if self.stages[s].images {
                self.images_forward(s, inputs, threads)
            } else {
                self.batch_forward(s, inputs, threads)?
            }
        }
        Ok(())
    }

    fn batch_forward(&mut self, s: usize, inputs: &[&[f32]], threads: &Threads) -> Result<(), Failed> {
        let step = &self.steps[self.stages[s].steps.start];
        let Action::Batch(action) = &step.action else { return Ok(()) };
        let Home::Slot(slot) = self.homes[0][step.output] else { return Ok(()) };
        let mut out = std::mem::take(&mut self.slots[0][slot]);
        let value = &self.values[step.output];
        let x: Vec<&[f32]> = step.inputs.iter().map(|&id| self.value(id, inputs)).collect();
        let none = Weights::default();
        let weights = step.weights.map_or(&none, |w| &self.weights[w]);
        let done = action.forward(weights, &x, &mut out[..value.each * value.batch], threads);
        let node = step.node;
        self.slots[0][slot] = out;
        done.map_err(|error| (node, error))
    }

    fn images_forward(&mut self, s: usize, inputs: &[&[f32]], threads: &Threads) {
        let stage = &self.stages[s];
        let steps = &self.steps[stage.steps.clone()];
        let batch = self.values[steps[0].output].batch;
        let made: Vec<(usize, usize)> = steps.iter().filter_map(|step| slot_of(&self.homes[0], step.output)).collect();
        let mut taken: Vec<Vec<f32>> = made.iter().map(|&(_, slot)| std::mem::take(&mut self.slots[0][slot])).collect();
        let rows = by_image(&self.values, &made, &mut taken, batch);
        let (program, none, alone) = (&*self, Weights::default(), Threads::new(1));
        let run = |images: Images, threads: &Threads| {
            stage.with_buffers(0, |buffers| {
                for (image, outs) in images {
                    let mut frame = Frame { program, which: 0, inputs, image, outs, buffers };
                    for step in steps {
                        let Action::Image(action) = &step.action else { continue };
                        let mut out = frame.take(step.output);
                        let x: Vec<&[f32]> = step.inputs.iter().map(|&id| frame.read(id)).collect();
                        let weights = step.weights.map_or(&none, |w| &program.weights[w]);
                        action.forward(weights, &x, out.slice(program.values[step.output].each), threads);
                        frame.put(step.output, out);
                    }
                }
            });
        };
        if batch < threads.count() {
            run(rows, threads);
        } else {
            let size = batch.div_ceil(if threads.count() == 1 { 1 } else { 4 * threads.count() });
            threads.each(chunks(rows, size), |images| run(images, &alone));
        }
        for ((_, slot), buffer) in made.iter().zip(taken) {
            self.slots[0][*slot] = buffer;
        }
    }

    /// Runs backward after a run forward. `cotangents` are those of the outputs; an absent one is zero. With a `rate` the weights step along their gradients
    /// by it; without, `gradients` (which are zeros) hold them.
    pub(super) fn backward(
        &mut self,
        inputs: &[&[f32]],
        cotangents: &[Option<&[f32]>],
        rate: Option<f32>,
        gradients: &mut [Weights],
        threads: &Threads,
    ) -> Result<(), Failed> {
        if self.stale {
            for step in &mut self.steps {
                if let (Action::Image(action), Some(w)) = (&mut step.action, step.weights) {
                    action.renew(&self.weights[w]);
                }
            }
            self.stale = false;
        }
        for (index, &output) in self.outputs.iter().enumerate() {
            let Some((_, slot)) = slot_of(&self.homes[1], output) else { continue };
            let value = &self.values[output];
            let to = &mut self.slots[1][slot][..value.each * value.batch];
            match cotangents[index] {
                Some(from) => to.copy_from_slice(from),
                None => to.fill(0.0),
            }
        }
        for s in (0..self.stages.len()).rev() {
            if self.stages[s].images {
                self.images_backward(s, inputs, rate, gradients, threads);
            } else {
                self.batch_backward(s, inputs, rate, gradients, threads)?;
            }
        }
        self.stale = rate.is_some();
        Ok(())
    }

    fn batch_backward(
        &mut self,
        s: usize,
        inputs: &[&[f32]],
        rate: Option<f32>,
        gradients: &mut [Weights],
        threads: &Threads,
    ) -> Result<(), Failed> {
        let index = self.stages[s].steps.start;
        let (output, w) = (self.steps[index].output, self.steps[index].weights);
        let Some((_, dy_slot)) = slot_of(&self.homes[1], output) else { return Ok(()) };
        let mut weights = w.map(|w| std::mem::take(&mut self.weights[w])).unwrap_or_default();
        let mut dy = std::mem::take(&mut self.slots[1][dy_slot]);
        let dx_slots: Vec<Option<(usize, usize)>> =
            self.steps[index].inputs.iter().map(|&id| slot_of(&self.homes[1], id)).collect();
        let mut dx: Vec<Vec<f32>> = dx_slots
            .iter()
            .map(|slot| slot.map(|(_, slot)| std::mem::take(&mut self.slots[1][slot])).unwrap_or_default())
            .collect();
        let step = &self.steps[index];
        let Action::Batch(action) = &step.action else { return Ok(()) };
        let size = |id: usize| self.values[id].each * self.values[id].batch;
        let slopes = dx.iter_mut().zip(&dx_slots).zip(&self.adds[index]);
        let mut slopes: Vec<Option<Slope>> =
            slopes.map(|((data, slot), &add)| slot.map(|(id, _)| Slope { data: &mut data[..size(id)], add })).collect();
        let keeps = action.keeps();
        let x: Vec<&[f32]> = step.inputs.iter().map(|&id| if keeps.x { self.value(id, inputs) } else { &[] }).collect();
        let y = if keeps.y { self.value(output, inputs) } else { &[] };
        let back = Back { x: &x, y, dy: &mut dy[..size(output)], dx: &mut slopes };
        let mut spare = Weights::default();
        let sink = match (rate, w) {
            (Some(rate), _) => Sink::Step(-rate),
            (None, Some(w)) => Sink::Sum(&mut gradients[w]),
            (None, None) => Sink::Sum(&mut spare),
        };
        let done = action.backward(&mut weights, back, sink, threads).map_err(|error| (step.node, error));
        if let Some(w) = w {
            self.weights[w] = weights;
        }
        self.slots[1][dy_slot] = dy;
        for (slot, data) in dx_slots.iter().zip(dx) {
            if let Some((_, slot)) = slot {
                self.slots[1][*slot] = data;
            }
        }
        done
    }

    fn images_backward(
        &mut self,
        s: usize,
        inputs: &[&[f32]],
        rate: Option<f32>,
        gradients: &mut [Weights],
        threads: &Threads,
    ) {
        let stage = &self.stages[s];
        let steps = &self.steps[stage.steps.clone()];
        let batch = self.values[steps[0].output].batch;
        // The cotangents in slots that this stage reads or writes, each once.
        let touched = steps.iter().flat_map(|step| step.inputs.iter().chain([&step.output]));
        let mut made: Vec<(usize, usize)> = touched.filter_map(|&id| slot_of(&self.homes[1], id)).collect();
        made.sort_unstable();
        made.dedup();
        let mut taken: Vec<Vec<f32>> = made.iter().map(|&(_, slot)| std::mem::take(&mut self.slots[1][slot])).collect();
        let used: Vec<usize> =
            steps.iter().filter(|step| self.goes_back(step)).filter_map(|step| step.weights).collect();
        let size: usize = used.iter().map(|&w| self.weights[w].size()).sum();
        let groups = GROUPS.min(SUMS / size.max(1)).clamp(1, batch);
        let mut sums = std::mem::take(&mut self.sums[s]);
        sums.resize_with(groups, || used.iter().map(|&w| self.weights[w].zeros()).collect());
        let rows = by_image(&self.values, &made, &mut taken, batch);
        let (program, none) = (&*self, Weights::default());
        let parts = chunks(rows, batch.div_ceil(groups)).into_iter().zip(&mut sums);
        threads.each(parts, |(images, sums)| {
            sums.iter_mut().for_each(Weights::clear);
            stage.with_buffers(1, |buffers| {
                for (image, outs) in images {
                    let mut frame = Frame { program, which: 1, inputs, image, outs, buffers };
                    for (index, step) in stage.steps.clone().zip(steps).rev() {
                        let Action::Image(action) = &step.action else { continue };
                        if !program.goes_back(step) {
                            continue;
                        }
                        let mut dy = frame.take(step.output);
                        let mut dx: Vec<Option<Taken>> = step.inputs.iter().map(|&id| frame.take_if(id)).collect();
                        let keeps = action.keeps();
                        let x: Vec<&[f32]> =
                            step.inputs.iter().map(|&id| if keeps.x { frame.value(id) } else { &[] }).collect();
                        let y = if keeps.y { frame.value(step.output) } else { &[] };
                        let each = |id: usize| program.values[id].each;
                        let slopes = dx.iter_mut().zip(&step.inputs).zip(&program.adds[index]);
                        let mut slopes: Vec<Option<Slope>> = slopes
                            .map(|((taken, &id), &add)| {
                                taken.as_mut().map(|taken| Slope { data: taken.slice(each(id)), add })
                            })
                            .collect();
                        let weights = step.weights.map_or(&none, |w| &program.weights[w]);
                        let sum = step.weights.and_then(|w| used.iter().position(|&u| u == w)).map(|at| &mut sums[at]);
                        action.backward(
                            weights,
                            Back { x: &x, y, dy: dy.slice(each(step.output)), dx: &mut slopes },
                            sum,
                        );
                        drop(slopes);
                        frame.put(step.output, dy);
                        for (&id, taken) in step.inputs.iter().zip(dx) {
                            if let Some(taken) = taken {
                                frame.put(id, taken);
                            }
                        }
                    }
                }
            });
        });
        for ((_, slot), buffer) in made.iter().zip(taken) {
            self.slots[1][*slot] = buffer;
        }
        for (at, &w) in used.iter().enumerate() {
            for sum in &sums {
                match rate {
                    Some(rate) => self.weights[w].add(-rate, &sum[at]),
                    None => gradients[w].add(1.0, &sum[at]),
                }
            }
        }
        self.sums[s] = sums;
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
