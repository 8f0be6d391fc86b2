//! The fast plan of a graph: its program, and where the graph's inputs, outputs and parameters are in it.

use super::given::floats;
use super::lower::{Source, lower};
use super::program::{Failed, Program};
use super::weights::Weights;
use crate::hardware::Hardware32;
use crate::ops::fast::pointwise::add_scaled;
use crate::ops::fast::threads::Threads;
use std::collections::{BTreeMap, BTreeSet};
use tl_kernel::ir::evaluate::Named;
use tl_kernel::ir::{CheckedGraph, Shape, Tensor};
use tl_kernel::spec::Op;

/// A plan, and what it holds of the last run.
#[derive(Debug)]
pub(super) struct Plan {
    program: Program,
    /// For every source that something was planned for, by node: where it is.
    sources: BTreeMap<usize, Vec<Source>>,
    shapes: BTreeMap<usize, Shape>,
    /// Those that have a gradient.
    slopes: BTreeSet<usize>,
    inputs: Vec<(String, usize)>,
    outputs: Vec<(String, usize, Shape)>,
    moved: bool,
}

impl Plan {
    /// Plans the graph; `slopes` are the sources that gradients are asked of, where any will be.
    pub(super) fn new(
        graph: &CheckedGraph,
        parameters: &Named<u32>,
        slopes: Option<BTreeSet<usize>>,
        hardware: &Hardware32,
    ) -> Result<Self, Failed> {
        let value = |(id, node): (usize, &tl_kernel::ir::Node)| match &node.op {
            Op::Const(source) => Some((id, floats(parameters.get(&source.name)?))),
            _ => None,
        };
        let by_node = graph.nodes().iter().enumerate().filter_map(value).collect();
        let lowered = lower(graph, &by_node, slopes.as_ref(), hardware.clone())?;
        let shape = |id: usize| graph.nodes()[id].shape.clone();
        let output = |(name, value): (String, usize)| {
            let shape = shape(graph.outputs()[&name]);
            (name, value, shape)
        };
        let outputs: Vec<(String, usize, Shape)> = lowered.outputs.into_iter().map(output).collect();
        let program = Program::new(
            lowered.values,
            lowered.steps,
            lowered.constants,
            lowered.weights,
            outputs.iter().map(|&(_, value, _)| value).collect(),
            slopes.is_some(),
        );
        let shapes = lowered.sources.keys().map(|&id| (id, shape(id))).collect();
        let (sources, inputs, slopes) = (lowered.sources, lowered.inputs, slopes.unwrap_or_default());
        Ok(Plan { program, sources, shapes, slopes, inputs, outputs, moved: false })
    }

    pub(super) fn bytes(&self) -> usize {
        self.program.bytes()
    }

    pub(super) fn counts(&self) -> (usize, usize) {
        self.program.counts()
    }

    /// Whether parameters are no longer what the plan was made of.
    pub(super) fn moved(&self) -> bool {
        self.moved
    }

    /// The inputs, which were checked, in the order of the plan.
    fn gather<'i>(&self, inputs: &'i Named<f32>) -> Vec<&'i [f32]> {
        self.inputs.iter().map(|(name, _)| inputs.get(name).map_or(&[][..], Tensor::data)).collect()
    }

    /// The outputs.
    pub(super) fn forward(&mut self, inputs: &Named<f32>, threads: &Threads) -> Result<Named<f32>, Failed> {
        let inputs = self.gather(inputs);
        self.program.forward(&inputs, threads)?;
        let output = |(name, value, shape): &(String, usize, Shape)| {
            let values = self.program.value(*value, &inputs).to_vec();
            Some((name.clone(), Tensor::new(shape.clone(), values)?))
        };
        Ok(self.outputs.iter().filter_map(output).collect())
    }

    /// Backward, after [`Plan::forward`] of the same inputs.
    fn back(
        &mut self,
        inputs: &Named<f32>,
        cotangents: &Named<f32>,
        rate: Option<f32>,
        gradients: &mut [Weights],
        threads: &Threads,
    ) -> Result<(), Failed> {
        let inputs = self.gather(inputs);
        let given: Vec<Option<&[f32]>> =
            self.outputs.iter().map(|(name, ..)| cotangents.get(name).map(Tensor::data)).collect();
        self.program.backward(&inputs, &given, rate, gradients, threads)
    }

    /// The gradients of sources, by node, after [`Plan::forward`] of the same inputs.
    pub(super) fn gradients(
        &mut self,
        inputs: &Named<f32>,
        cotangents: &Named<f32>,
        threads: &Threads,
    ) -> Result<BTreeMap<usize, Tensor<f32>>, Failed> {
        let mut weights: Vec<Weights> = self.program.weights.iter().map(Weights::zeros).collect();
        self.back(inputs, cotangents, None, &mut weights, threads)?;
        let gradient = |&id: &usize| {
            let shape = self.shapes.get(&id)?;
            let mut sum = vec![0.0; shape.elements()];
            for source in self.sources.get(&id)? {
                match *source {
                    Source::Packed(w, packing) => {
                        let mut part = vec![0.0; sum.len()];
                        packing.unpack(&weights[w], &mut part);
                        add_scaled(1.0, &part, &mut sum);
                    }
                    Source::Plain(_, value) | Source::Input(value) => {
                        add_scaled(1.0, self.program.slope(value).unwrap_or_default(), &mut sum);
                    }
                }
            }
            Some((id, Tensor::new(shape.clone(), sum)?))
        };
        Ok(self.slopes.iter().filter_map(gradient).collect())
    }

    /// The tangents of the outputs along those of sources, by node, after [`Plan::forward`] of the same inputs.
    pub(super) fn tangents(
        &self,
        inputs: &Named<f32>,
        directions: &BTreeMap<usize, Tensor<f32>>,
        threads: &Threads,
    ) -> Result<Named<f32>, Failed> {
        let (mut values, mut weights) = (BTreeMap::new(), BTreeMap::new());
        for (id, tangent) in directions {
            for source in self.sources.get(id).into_iter().flatten() {
                match *source {
                    Source::Packed(w, packing) => {
                        let to = weights.entry(w).or_insert_with(|| self.program.weights[w].zeros());
                        packing.pack(tangent.data(), to);
                    }
                    Source::Plain(_, value) | Source::Input(value) => {
                        values.insert(value, tangent.data().to_vec());
                    }
                }
            }
        }
        let found = self.program.tangents(&self.gather(inputs), values, &weights, threads)?;
        let output = |((name, _, shape), tangent): (&(String, usize, Shape), Option<Vec<f32>>)| {
            let values = tangent.unwrap_or_else(|| vec![0.0; shape.elements()]);
            Some((name.clone(), Tensor::new(shape.clone(), values)?))
        };
        Ok(self.outputs.iter().zip(found).filter_map(output).collect())
    }

    /// Moves every parameter that has a gradient by `−rate` times that, after [`Plan::forward`] of the same inputs.
    pub(super) fn step(
        &mut self,
        inputs: &Named<f32>,
        cotangents: &Named<f32>,
        rate: f32,
        threads: &Threads,
    ) -> Result<(), Failed> {
        self.moved = true;
        if self.sources.values().all(|sources| sources.len() == 1) {
            self.back(inputs, cotangents, Some(rate), &mut [], threads)?;
            for source in self.sources.values().flatten() {
                if let Source::Plain(index, value) = *source {
                    let slope = self.program.slope(value).map(<[f32]>::to_vec).unwrap_or_default();
                    add_scaled(-rate, &slope, self.program.constant_mut(index));
                }
            }
            return Ok(());
        }
        // A parameter that several steps have packed: its gradient is summed first.
        let gradients = self.gradients(inputs, cotangents, threads)?;
        for (id, mut values) in self.parameters() {
            let Some(gradient) = gradients.get(&id) else { continue };
            add_scaled(-rate, gradient.data(), &mut values);
            for source in &self.sources[&id] {
                match source {
                    Source::Packed(w, packing) => packing.pack(&values, &mut self.program.weights[*w]),
                    Source::Plain(index, _) => self.program.constant_mut(*index).copy_from_slice(&values),
                    Source::Input(_) => {}
                }
            }
        }
        self.program.renew();
        Ok(())
    }

    /// The values of the parameters, by node.
    pub(super) fn parameters(&self) -> BTreeMap<usize, Vec<f32>> {
        let value = |(&id, sources): (&usize, &Vec<Source>)| {
            let mut values = vec![0.0; self.shapes[&id].elements()];
            match *sources.first()? {
                Source::Packed(w, packing) => packing.unpack(&self.program.weights[w], &mut values),
                Source::Plain(_, value) => values.copy_from_slice(self.program.value(value, &[])),
                Source::Input(_) => return None,
            }
            Some((id, values))
        };
        self.sources.iter().filter_map(value).collect()
    }
}
