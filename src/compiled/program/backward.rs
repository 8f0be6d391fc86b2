//! A run backward: the stages in reverse; the gradients of weights by groups of images.

use super::*;
use crate::ops::fast::pointwise::add_scaled;

/// Groups of images whose gradients are summed apart.
const GROUPS: usize = 8;
/// The most values that all groups of a stage sum in.
const SUMS: usize = 1 << 23;

impl Program {
    /// Runs backward after a run forward. `cotangents` are those of the outputs; an absent one is zero. With a `rate` the weights step along their gradients
    /// by it; without, `gradients` (which are zeros) hold them.
    pub(in crate::compiled) fn backward(
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
            // A value may be several outputs.
            if !self.outputs[..index].contains(&output) {
                to.fill(0.0);
            }
            add_scaled(1.0, cotangents[index].unwrap_or_default(), to);
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
