//! A run forward: stage after stage; the images of a stage on several threads.

use super::*;

impl Program {
    /// Runs forward.
    pub(in crate::compiled) fn forward(&mut self, inputs: &[&[f32]], threads: &Threads) -> Result<(), Failed> {
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
}
