//! Where the values and their cotangents of a program live.

use super::super::memory::{Claim, places};
use super::*;

impl Program {
    pub(super) fn plan_forward(&mut self, training: bool) {
        let count = self.values.len();
        // Times: stage s is 2s + 1; inside a stage, steps.
        let (mut made, mut read, mut forever) = (vec![usize::MAX; count], vec![0; count], vec![false; count]);
        for &output in &self.outputs {
            forever[output] = true;
        }
        for (s, stage) in self.stages.iter().enumerate() {
            for step in &self.steps[stage.steps.clone()] {
                made[step.output] = s;
                read[step.output] = s;
                step.inputs.iter().for_each(|&input| read[input] = s);
                if training && self.goes_back(step) {
                    let keeps = match &step.action {
                        Action::Image(action) => action.keeps(),
                        Action::Batch(action) => action.keeps(),
                    };
                    forever[step.output] |= keeps.y;
                    step.inputs.iter().for_each(|&input| forever[input] |= keeps.x);
                }
            }
        }
        let mut homes: Vec<Home> = self.values.iter().map(|value| value.source).collect();
        let mut claims = Vec::new();
        let mut local = vec![Vec::new(); self.stages.len()];
        for id in (0..count).filter(|&id| made[id] != usize::MAX) {
            let stage = made[id];
            if self.stages[stage].images && read[id] == stage && !forever[id] {
                local[stage].push(id);
            } else {
                let to = if forever[id] { usize::MAX } else { read[id] };
                let value = &self.values[id];
                claims.push(Claim { id, size: value.each * value.batch, from: stage, to });
            }
        }
        for (s, ids) in local.into_iter().enumerate() {
            let steps = self.stages[s].steps.clone();
            let claims = ids.into_iter().map(|id| {
                let uses = steps
                    .clone()
                    .filter(|&step| self.steps[step].output == id || self.steps[step].inputs.contains(&id));
                let uses: Vec<usize> = uses.collect();
                Claim { id, size: self.values[id].each, from: uses[0], to: uses[uses.len() - 1] }
            });
            let (placed, sizes) = places(claims.collect());
            placed.into_iter().for_each(|(id, buffer)| homes[id] = Home::Buffer(buffer));
            self.stages[s].buffers[0] = sizes;
        }
        let (placed, sizes) = places(claims);
        placed.into_iter().for_each(|(id, slot)| homes[id] = Home::Slot(slot));
        self.slots[0] = sizes.into_iter().map(|size| vec![0.0; size]).collect();
        self.homes[0] = homes;
    }

    pub(super) fn plan_backward(&mut self) {
        let (count, last) = (self.values.len(), self.stages.len());
        // Times count backward: stage s is at last − s; the given cotangents are written at 0, leaves are read for ever.
        let (mut first, mut read) = (vec![usize::MAX; count], vec![0; count]);
        let mut within = vec![true; count];
        for &output in &self.outputs {
            first[output] = 0;
            within[output] = false;
        }
        self.adds = vec![Vec::new(); self.steps.len()];
        for (s, stage) in self.stages.iter().enumerate().rev() {
            for step in stage.steps.clone().rev() {
                let Step { inputs, output, .. } = &self.steps[step];
                if !self.goes_back(&self.steps[step]) {
                    self.adds[step] = vec![false; inputs.len()];
                    continue;
                }
                read[*output] = last - s;
                within[*output] &= stage.images && first[*output] == last - s;
                self.adds[step] = inputs.iter().map(|&input| first[input] != usize::MAX).collect();
                for &input in inputs.iter().filter(|&&input| self.values[input].slope) {
                    first[input] = first[input].min(last - s);
                    read[input] = last - s;
                }
            }
        }
        let mut homes = vec![Home::None; count];
        let (mut claims, mut local) = (Vec::new(), vec![Vec::new(); last]);
        for id in (0..count).filter(|&id| self.values[id].slope && first[id] != usize::MAX) {
            let value = &self.values[id];
            if within[id] && !value.leaf && first[id] == read[id] {
                local[last - first[id]].push(id);
            } else {
                let to = if value.leaf { usize::MAX } else { read[id] };
                claims.push(Claim { id, size: value.each * value.batch, from: first[id], to });
            }
        }
        for (s, ids) in local.into_iter().enumerate() {
            let steps = self.stages[s].steps.clone();
            let claims = ids.into_iter().map(|id| {
                let uses = steps
                    .clone()
                    .rev()
                    .filter(|&step| self.steps[step].output == id || self.steps[step].inputs.contains(&id));
                let uses: Vec<usize> = uses.map(|step| steps.end - step).collect();
                Claim { id, size: self.values[id].each, from: uses[0], to: uses[uses.len() - 1] }
            });
            let (placed, sizes) = places(claims.collect());
            placed.into_iter().for_each(|(id, buffer)| homes[id] = Home::Buffer(buffer));
            self.stages[s].buffers[1] = sizes;
        }
        let (placed, sizes) = places(claims);
        placed.into_iter().for_each(|(id, slot)| homes[id] = Home::Slot(slot));
        self.slots[1] = sizes.into_iter().map(|size| vec![0.0; size]).collect();
        self.homes[1] = homes;
        self.sums = vec![Vec::new(); last];
    }
}
