//! Compiled graphs: planned once, run often.
//!
//! [`Compiled::new`] plans a [`CheckedGraph`] with its parameters (see `lower`: layouts, fusion, folding, packed weights; `memory`: which buffer holds what);
//! [`Compiled::forward`], [`Compiled::vjp`] and [`Compiled::step`] run it. The fast plan may reorder sums and uses polynomials for the elementary functions;
//! its results are those of the graph within rounding, whatever the number of threads.
//! With [`Options::deterministic`] there is no plan but the order of the nodes: the kernel's specification, node after node, over [`Hardware32`], bit for bit what
//! [`tl_kernel::ir::evaluate`] delivers over the kernel's `Binary32` under [`Compiled::schedule`].

mod batches;
mod images;
mod lower;
mod memory;
mod program;
mod rows;
mod step;
mod weights;

use crate::hardware::Hardware32;
use crate::ops::fast::pointwise::add_scaled;
use crate::ops::fast::threads::Threads;
use lower::Source;
use program::Program;
use std::collections::BTreeMap;
use tl_kernel::context::EvalError;
use tl_kernel::context::binary32::schedule::Schedule;
use tl_kernel::ir::evaluate::{Located, Named};
use tl_kernel::ir::{CheckedGraph, Tensor, evaluate};
use tl_kernel::spec::Op;
use weights::Weights;

/// How a graph is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Threads that a run may use.
    pub threads: usize,
    /// Whether every bit is the one that the schedule fixes.
    pub deterministic: bool,
    /// Whether gradients will be asked for; a plan without is smaller and faster.
    pub gradients: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options { threads: 1, deterministic: false, gradients: false }
    }
}

/// A graph that is ready to run.
#[derive(Debug)]
pub struct Compiled {
    graph: CheckedGraph,
    threads: Threads,
    context: Hardware32,
    /// The parameters, as the graph names them; stale where `moved`.
    parameters: Named<f32>,
    moved: bool,
    plan: Option<Plan>,
}

#[derive(Debug)]
struct Plan {
    program: Program,
    sources: BTreeMap<String, Vec<Source>>,
    inputs: Vec<(String, usize)>,
    outputs: Vec<(String, usize)>,
}

const MISSING: EvalError = EvalError::Internal { what: "a source has no tensor of its shape" };
const NO_GRADIENTS: EvalError = EvalError::Internal { what: "the graph was compiled without gradients" };

fn located(graph: &CheckedGraph, (node, error): (usize, EvalError)) -> Located {
    Located { node, op: graph.nodes().get(node).map_or("", |node| node.op.name()), error }
}

impl Compiled {
    /// Plans the graph; `parameters` are the words of its constants.
    pub fn new(graph: &CheckedGraph, parameters: &Named<u32>, options: Options) -> Result<Self, Located> {
        let mut by_node = BTreeMap::new();
        let mut named = Named::new();
        for (id, node) in graph.nodes().iter().enumerate() {
            let Op::Const(source) = &node.op else { continue };
            let words = parameters.get(&source.name).filter(|words| *words.shape() == node.shape);
            let values: Vec<f32> = words
                .ok_or(MISSING)
                .map_err(|error| located(graph, (id, error)))?
                .data()
                .iter()
                .map(|&word| f32::from_bits(word))
                .collect();
            named.extend(Tensor::new(node.shape.clone(), values.clone()).map(|tensor| (source.name.clone(), tensor)));
            by_node.insert(id, values);
        }
        let context = Hardware32::default();
        let plan = if options.deterministic {
            None
        } else {
            let lowered = lower::lower(graph, &by_node, options.gradients, context.clone())
                .map_err(|failed| located(graph, failed))?;
            let outputs = lowered.outputs.iter().map(|&(_, value)| value).collect();
            let program = Program::new(
                lowered.values,
                lowered.steps,
                lowered.constants,
                lowered.weights,
                outputs,
                options.gradients,
            );
            Some(Plan { program, sources: lowered.sources, inputs: lowered.inputs, outputs: lowered.outputs })
        };
        Ok(Compiled {
            graph: graph.clone(),
            threads: Threads::new(options.threads),
            context,
            parameters: named,
            moved: false,
            plan,
        })
    }

    /// The order of the sums, where the graph was compiled to keep it.
    pub fn schedule(&self) -> Option<&Schedule> {
        self.plan.is_none().then(|| self.context.schedule())
    }

    /// Bytes that the plan holds: values, buffers, constants and packed weights.
    pub fn bytes(&self) -> usize {
        self.plan.as_ref().map_or(0, |plan| plan.program.bytes())
    }

    /// Steps and stages of the plan.
    pub fn counts(&self) -> (usize, usize) {
        self.plan.as_ref().map_or((self.graph.nodes().len(), self.graph.nodes().len()), |plan| plan.program.counts())
    }

    /// The inputs in the order of the plan.
    fn gather<'a>(&self, plan: &Plan, inputs: &'a Named<f32>) -> Result<Vec<&'a [f32]>, Located> {
        let find = |(name, _): &(String, usize)| {
            let node = self
                .graph
                .nodes()
                .iter()
                .position(|node| matches!(&node.op, Op::Input(source) if source.name == *name));
            let shape = node.and_then(|node| self.graph.nodes().get(node)).map(|node| &node.shape);
            let tensor = inputs.get(name).filter(|tensor| Some(tensor.shape()) == shape);
            tensor.map(Tensor::data).ok_or_else(|| located(&self.graph, (node.unwrap_or(0), MISSING)))
        };
        plan.inputs.iter().map(find).collect()
    }

    /// The outputs.
    pub fn forward(&mut self, inputs: &Named<f32>) -> Result<Named<f32>, Located> {
        let Some(mut plan) = self.plan.take() else {
            let words = self.words();
            let reading = |_| &self.context;
            return self.threads.within(|| evaluate(&self.graph, reading, &words, inputs));
        };
        let run = self.gather(&plan, inputs).and_then(|inputs| {
            let done = plan.program.forward(&inputs, &self.threads);
            done.map_err(|failed| located(&self.graph, failed))?;
            Ok(self.outputs(&plan, &inputs))
        });
        self.plan = Some(plan);
        run
    }

    fn outputs(&self, plan: &Plan, inputs: &[&[f32]]) -> Named<f32> {
        let shape = |name: &String| {
            self.graph.outputs().get(name).and_then(|&id| self.graph.nodes().get(id)).map(|node| node.shape.clone())
        };
        let output = |(name, value): &(String, usize)| {
            Some((name.clone(), Tensor::new(shape(name)?, plan.program.value(*value, inputs).to_vec())?))
        };
        plan.outputs.iter().filter_map(output).collect()
    }

    /// The outputs, and the gradient of every parameter where `cotangents`, of the outputs, are those of the outputs; one that is left out is zero.
    pub fn vjp(
        &mut self,
        inputs: &Named<f32>,
        cotangents: impl FnOnce(&Named<f32>) -> Named<f32>,
    ) -> Result<(Named<f32>, Named<f32>), Located> {
        let mut gradients: Vec<Weights> =
            self.plan.iter().flat_map(|plan| plan.program.weights.iter().map(Weights::zeros)).collect();
        let outputs = self.back(inputs, cotangents, None, &mut gradients)?;
        let Some(plan) = &self.plan else { return Ok((outputs, Named::new())) };
        let mut slopes = Named::new();
        for (name, sources) in &plan.sources {
            let Some(parameter) = self.parameters.get(name) else { continue };
            let mut sum = vec![0.0; parameter.shape().elements()];
            for source in sources {
                match source {
                    Source::Packed(w, packing) => {
                        let mut part = vec![0.0; sum.len()];
                        packing.unpack(&gradients[*w], &mut part);
                        add_scaled(1.0, &part, &mut sum);
                    }
                    Source::Plain(_, value) => {
                        if let Some(part) = plan.program.slope(*value) {
                            add_scaled(1.0, part, &mut sum);
                        }
                    }
                }
            }
            slopes.extend(Tensor::new(parameter.shape().clone(), sum).map(|sum| (name.clone(), sum)));
        }
        Ok((outputs, slopes))
    }

    /// One step of gradient descent: forward, backward from the `cotangents` of the outputs, and every parameter moves by `−rate` times its gradient.
    pub fn step(
        &mut self,
        inputs: &Named<f32>,
        cotangents: impl FnOnce(&Named<f32>) -> Named<f32>,
        rate: f32,
    ) -> Result<Named<f32>, Located> {
        let shared = self.plan.as_ref().is_some_and(|plan| plan.sources.values().any(|sources| sources.len() > 1));
        self.moved = true;
        if !shared {
            let outputs = self.back(inputs, cotangents, Some(rate), &mut [])?;
            let Some(plan) = &mut self.plan else { return Ok(outputs) };
            for source in plan.sources.values().flatten() {
                if let Source::Plain(index, value) = *source {
                    let slope = plan.program.slope(value).map(<[f32]>::to_vec).unwrap_or_default();
                    add_scaled(-rate, &slope, plan.program.constant_mut(index));
                }
            }
            return Ok(outputs);
        }
        // A parameter that several steps have packed: its gradient is summed first.
        let (outputs, gradients) = self.vjp(inputs, cotangents)?;
        let mut parameters = self.parameters();
        for (name, gradient) in &gradients {
            let Some(parameter) = parameters.get_mut(name) else { continue };
            let mut values = parameter.data().to_vec();
            add_scaled(-rate, gradient.data(), &mut values);
            if let Some(plan) = &mut self.plan {
                for source in &plan.sources[name] {
                    match source {
                        Source::Packed(w, packing) => packing.pack(&values, &mut plan.program.weights[*w]),
                        Source::Plain(index, _) => plan.program.constant_mut(*index).copy_from_slice(&values),
                    }
                }
                plan.program.renew();
            }
            parameter.clone_from(&Tensor::new(parameter.shape().clone(), values).unwrap_or_else(|| parameter.clone()));
        }
        Ok(outputs)
    }

    /// Forward and backward.
    fn back(
        &mut self,
        inputs: &Named<f32>,
        cotangents: impl FnOnce(&Named<f32>) -> Named<f32>,
        rate: Option<f32>,
        gradients: &mut [Weights],
    ) -> Result<Named<f32>, Located> {
        let outputs = self.forward(inputs)?;
        let cotangents = cotangents(&outputs);
        let mut plan = self.plan.take().ok_or_else(|| located(&self.graph, (0, NO_GRADIENTS)))?;
        let run = self.gather(&plan, inputs).and_then(|inputs| {
            let fits = |name: &String| {
                cotangents.get(name).filter(|c| outputs.get(name).is_some_and(|o| o.shape() == c.shape()))
            };
            let given: Vec<Option<&[f32]>> =
                plan.outputs.iter().map(|(name, _)| fits(name).map(Tensor::data)).collect();
            let (threads, program) = (&self.threads, &mut plan.program);
            let done = program.backward(&inputs, &given, rate, gradients, threads);
            done.map_err(|failed| located(&self.graph, failed))
        });
        self.plan = Some(plan);
        run.map(|()| outputs)
    }

    /// The parameters as they are now.
    pub fn parameters(&self) -> Named<f32> {
        let mut parameters = self.parameters.clone();
        let Some(plan) = self.plan.as_ref().filter(|_| self.moved) else { return parameters };
        for (name, sources) in &plan.sources {
            let (Some(parameter), Some(source)) = (parameters.get_mut(name), sources.first()) else { continue };
            let mut values = vec![0.0; parameter.shape().elements()];
            match source {
                Source::Packed(w, packing) => packing.unpack(&plan.program.weights[*w], &mut values),
                Source::Plain(_, value) => values.copy_from_slice(plan.program.value(*value, &[])),
            }
            if let Some(tensor) = Tensor::new(parameter.shape().clone(), values) {
                *parameter = tensor;
            }
        }
        parameters
    }

    /// The words of the parameters.
    fn words(&self) -> Named<u32> {
        let words = |tensor: &Tensor<f32>| tensor.try_map(|x| Ok::<u32, std::convert::Infallible>(x.to_bits()));
        self.parameters.iter().filter_map(|(name, tensor)| Some((name.clone(), words(tensor).ok()?))).collect()
    }
}
