//! A run along a direction: tangents of the values, step after step, after a run forward.
//!
//! A step has a tangent where an operand or its weights have one. A tangent of the whole batch lives from the step that makes it to the last that reads it.

use super::super::step::Along;
use super::*;
use std::collections::BTreeMap;

/// The part of an image, of `each` values; nothing where nothing is kept.
fn part(all: &[f32], each: usize, image: usize) -> &[f32] {
    all.get(image * each..(image + 1) * each).unwrap_or_default()
}

impl Program {
    /// The tangents of the outputs, after a run forward; none stands for zero. `found` has those of values that no step makes, `weights` those of weights, by number.
    pub(in crate::compiled) fn tangents(
        &self,
        inputs: &[&[f32]],
        mut found: BTreeMap<usize, Vec<f32>>,
        weights: &BTreeMap<usize, Weights>,
        threads: &Threads,
    ) -> Result<Vec<Option<Vec<f32>>>, Failed> {
        let mut last = vec![0; self.values.len()];
        for (index, step) in self.steps.iter().enumerate() {
            step.inputs.iter().for_each(|&id| last[id] = index);
        }
        self.outputs.iter().for_each(|&id| last[id] = usize::MAX);
        for (index, step) in self.steps.iter().enumerate() {
            let dx: Vec<Option<&[f32]>> = step.inputs.iter().map(|id| found.get(id).map(Vec::as_slice)).collect();
            let dw = step.weights.and_then(|w| weights.get(&w));
            if dw.is_some() || dx.iter().any(Option::is_some) {
                let tangent = self.tangent(step, inputs, &dx, dw, threads)?;
                found.insert(step.output, tangent);
            }
            step.inputs.iter().filter(|&&id| last[id] == index).for_each(|id| drop(found.remove(id)));
        }
        Ok(self.outputs.iter().map(|id| found.get(id).cloned()).collect())
    }

    /// The tangent of what a step makes.
    fn tangent(
        &self,
        step: &Step,
        inputs: &[&[f32]],
        dx: &[Option<&[f32]>],
        dw: Option<&Weights>,
        threads: &Threads,
    ) -> Result<Vec<f32>, Failed> {
        let (none, each) = (Weights::default(), |id: usize| self.values[id].each);
        let weights = step.weights.map_or(&none, |w| &self.weights[w]);
        let keeps = match &step.action {
            Action::Image(action) => action.keeps(),
            Action::Batch(action) => action.keeps(),
        };
        let kept = |keep: bool, id: usize| if keep { self.value(id, inputs) } else { &[] };
        let x: Vec<&[f32]> = step.inputs.iter().map(|&id| kept(keeps.x, id)).collect();
        let y = kept(keeps.y, step.output);
        let mut dy = vec![0.0; each(step.output) * self.values[step.output].batch];
        match &step.action {
            Action::Batch(action) => {
                let along = Along { x: &x, y, dx, dw };
                action.tangent(weights, along, &mut dy, threads).map_err(|error| (step.node, error))?;
            }
            Action::Image(action) => {
                let run = |(image, dy): (usize, &mut [f32]), threads: &Threads| {
                    let part = |all, id| part(all, each(id), image);
                    let x: Vec<&[f32]> = x.iter().zip(&step.inputs).map(|(x, &id)| part(x, id)).collect();
                    let dx: Vec<Option<&[f32]>> =
                        dx.iter().zip(&step.inputs).map(|(dx, &id)| dx.map(|dx| part(dx, id))).collect();
                    action.tangent(weights, Along { x: &x, y: part(y, step.output), dx: &dx, dw }, dy, threads);
                };
                let (alone, images) = (Threads::new(1), dy.chunks_mut(each(step.output)).enumerate());
                if self.values[step.output].batch < threads.count() {
                    images.for_each(|image| run(image, threads));
                } else {
                    threads.each(images, |image| run(image, &alone));
                }
            }
        }
        Ok(dy)
    }
}
