//! Compiled graphs: planned once, run often.
//!
//! [`Compiled::new`] plans a [`CheckedGraph`] with its parameters (see `lower`: layouts, fusion, folding, packed weights; `memory`: which buffer holds what);
//! [`Compiled::forward`], [`Compiled::vjp`], [`Compiled::jvp`] and [`Compiled::step`] run it. The fast plan may reorder sums and uses polynomials for the elementary functions;
//! its results are those of the graph within rounding, whatever the number of threads.
//! With [`Options::deterministic`] there is no plan but the order of the nodes: values are the kernel's specification, gradients its reverse rules, node after node, over
//! [`Hardware32`](crate::Hardware32), bit for bit what the [tape](crate::tape) has and what the kernel's `Binary32` delivers under [`Compiled::schedule`].

#[cfg(doctest)]
#[doc = include_str!("../../docs/compiled.md")]
mod documentation {}

mod batches;
mod convolutions;
mod fast;
mod given;
mod images;
mod lower;
mod memory;
mod program;
mod rows;
mod step;
mod weights;

use crate::error::Error;
use crate::ops::fast::pointwise::add_scaled;
use crate::ops::fast::threads::Threads;
use crate::tape::{Id, Keep, Run, Tape};
use crate::transform::Function;
use fast::Plan;
use tl_kernel::context::binary32::schedule::Schedule;
use tl_kernel::ir::evaluate::Named;
use tl_kernel::ir::{CheckedGraph, Tensor, evaluate};

/// How a graph is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Threads that a run may use.
    pub threads: usize,
    /// Whether every bit is the one that the schedule fixes.
    pub deterministic: bool,
    /// Whether gradients of the parameters will be asked for; a plan without is smaller and faster.
    pub gradients: bool,
    /// Whether gradients of the inputs will be asked for, too; this implies `gradients`.
    pub inputs: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options { threads: 1, deterministic: false, gradients: false, inputs: false }
    }
}

/// A graph that is ready to run.
#[derive(Debug)]
pub struct Compiled {
    graph: CheckedGraph,
    threads: Threads,
    run: Run,
    /// The words of the parameters, as the graph names them; stale where there is a plan whose weights have moved.
    parameters: Named<u32>,
    gradients: bool,
    /// Whose gradients are asked for: names and nodes.
    wanted: Vec<(String, usize)>,
    /// None where every bit is fixed.
    plan: Option<Plan>,
}

impl Compiled {
    /// Plans the graph; `parameters` are the words of its constants.
    pub fn new(graph: &CheckedGraph, parameters: &Named<u32>, options: Options) -> Result<Self, Error> {
        given::check("parameter", graph.constants(), parameters)?;
        let (run, gradients) = (Run::default(), options.gradients || options.inputs);
        let kind = |id: usize| graph.nodes().get(id).and_then(|node| node.op.source()).map(|(kind, _)| kind);
        let mut wanted = Function::new(&run, graph, parameters).differentiable_nodes();
        wanted.retain(|&(_, id)| gradients && (options.inputs || kind(id) == Some("const")));
        let plan = if options.deterministic {
            None
        } else {
            let slopes = gradients.then(|| wanted.iter().map(|&(_, id)| id).collect());
            Some(Plan::new(graph, parameters, slopes, run.hardware()).map_err(|failed| given::located(graph, failed))?)
        };
        Ok(Compiled {
            graph: graph.clone(),
            threads: Threads::new(options.threads),
            run,
            parameters: parameters.clone(),
            gradients,
            wanted,
            plan,
        })
    }

    /// The order of the sums, where the graph was compiled to keep it.
    pub fn schedule(&self) -> Option<&Schedule> {
        self.plan.is_none().then(|| self.run.hardware().schedule())
    }

    /// Bytes that the plan holds: values, buffers, constants and packed weights.
    pub fn bytes(&self) -> usize {
        self.plan.as_ref().map_or(0, Plan::bytes)
    }

    /// Steps and stages of the plan.
    pub fn counts(&self) -> (usize, usize) {
        self.plan.as_ref().map_or((self.graph.nodes().len(), self.graph.nodes().len()), Plan::counts)
    }

    /// The inputs and parameters whose gradients [`Compiled::vjp`] returns: all that lead to no labels, masks or weights of classes.
    pub fn differentiable(&self) -> impl Iterator<Item = &str> {
        self.wanted.iter().map(|(name, _)| name.as_str())
    }

    /// The outputs.
    pub fn forward(&mut self, inputs: &Named<f32>) -> Result<Named<f32>, Error> {
        given::check_inputs(&self.graph, inputs)?;
        let Compiled { graph, threads, run, parameters, plan, .. } = self;
        let outputs = match plan {
            Some(plan) => plan.forward(inputs, threads),
            None => threads.within(|| {
                let found = evaluate(graph, |_| run.hardware(), parameters, inputs);
                found.map_err(|located| (located.node, located.error))
            }),
        };
        outputs.map_err(|failed| given::located(graph, failed))
    }

    /// The outputs, and the gradients of all that is [`Compiled::differentiable`], where `cotangents`, of the outputs, are those of the outputs; one that is left out is zero.
    pub fn vjp(
        &mut self,
        inputs: &Named<f32>,
        cotangents: impl FnOnce(&Named<f32>) -> Named<f32>,
    ) -> Result<(Named<f32>, Named<f32>), Error> {
        given::asked(self.gradients)?;
        if self.plan.is_none() {
            return self.pullback(inputs, cotangents);
        }
        let outputs = self.forward(inputs)?;
        let cotangents = cotangents(&outputs);
        given::check_cotangents(&self.graph, &cotangents)?;
        let Compiled { graph, threads, wanted, plan: Some(plan), .. } = self else { return Ok(Default::default()) };
        let gradients = plan.gradients(inputs, &cotangents, threads);
        let mut gradients = gradients.map_err(|failed| given::located(graph, failed))?;
        let named = |(name, id): &(String, usize)| Some((name.clone(), gradients.remove(id)?));
        let gradients = wanted.iter().filter_map(named).collect();
        Ok((outputs, gradients))
    }

    /// [`Compiled::vjp`] on a tape: the reverse rules of the specification, in its order.
    fn pullback(
        &self,
        inputs: &Named<f32>,
        cotangents: impl FnOnce(&Named<f32>) -> Named<f32>,
    ) -> Result<(Named<f32>, Named<f32>), Error> {
        let Compiled { graph, threads, run, parameters, wanted, .. } = self;
        given::check_inputs(graph, inputs)?;
        let tape = threads.within(|| Tape::replay(run, graph, parameters, inputs))?;
        let outputs = tape.outputs(graph)?;
        let cotangents = cotangents(&outputs);
        given::check_cotangents(graph, &cotangents)?;
        let seed = |(name, id): (&String, &usize)| Some((Id(*id), cotangents.get(name)?.clone()));
        let seeds: Vec<(Id, Tensor<f32>)> = graph.outputs().iter().filter_map(seed).collect();
        let ids: Vec<Id> = wanted.iter().map(|&(_, id)| Id(id)).collect();
        let found = threads.within(|| tape.pullback(&seeds, &ids, Keep::Wanted))?;
        let named = |(name, id): &(String, usize)| Some((name.clone(), found.of(Id(*id))?.clone()));
        let gradients = wanted.iter().filter_map(named).collect();
        Ok((outputs, gradients))
    }

    /// The outputs, and their derivatives along `tangents` of inputs and parameters (zero for one that is not listed); a name that is both is `inputs/NAME` or `parameters/NAME`.
    /// The fast plan has tangents along all that is [`Compiled::differentiable`]; with every bit fixed they are those of [`Function::jvp`].
    pub fn jvp(&mut self, inputs: &Named<f32>, tangents: &Named<f32>) -> Result<(Named<f32>, Named<f32>), Error> {
        given::check_inputs(&self.graph, inputs)?;
        let function = Function::new(&self.run, &self.graph, &self.parameters);
        if self.plan.is_none() {
            return self.threads.within(|| function.jvp(inputs, tangents));
        }
        let directions = function.directions(tangents)?;
        given::asked(self.gradients)?;
        for name in tangents.keys() {
            let id = function.find(name)?;
            given::planned(name, self.wanted.iter().any(|&(_, wanted)| wanted == id))?;
        }
        let outputs = self.forward(inputs)?;
        let Compiled { graph, threads, plan: Some(plan), .. } = self else { return Ok(Default::default()) };
        let moved = plan.tangents(inputs, &directions, threads).map_err(|failed| given::located(graph, failed))?;
        Ok((outputs, moved))
    }

    /// One step of gradient descent: forward, backward from the `cotangents` of the outputs, and every parameter w moves to `w + (−rate)·gradient`.
    pub fn step(
        &mut self,
        inputs: &Named<f32>,
        cotangents: impl FnOnce(&Named<f32>) -> Named<f32>,
        rate: f32,
    ) -> Result<Named<f32>, Error> {
        given::asked(self.gradients)?;
        if self.plan.is_some() {
            let outputs = self.forward(inputs)?;
            let cotangents = cotangents(&outputs);
            given::check_cotangents(&self.graph, &cotangents)?;
            let Compiled { graph, threads, plan: Some(plan), .. } = self else { return Ok(outputs) };
            plan.step(inputs, &cotangents, rate, threads).map_err(|failed| given::located(graph, failed))?;
            return Ok(outputs);
        }
        let (outputs, gradients) = self.pullback(inputs, cotangents)?;
        for (name, id) in &self.wanted {
            let Some(("const", parameter)) = self.graph.nodes()[*id].op.source() else { continue };
            let (Some(words), Some(gradient)) = (self.parameters.get_mut(parameter), gradients.get(name)) else {
                continue;
            };
            let mut values = given::floats(words);
            add_scaled(-rate, gradient.data(), &mut values);
            let mut moved = values.iter().map(|value| value.to_bits());
            *words = words.map(|&word| moved.next().unwrap_or(word));
        }
        Ok(outputs)
    }

    /// The parameters as they are now.
    pub fn parameters(&self) -> Named<f32> {
        self.words().into_iter().map(|(name, words)| (name, words.map(|&word| f32::from_bits(word)))).collect()
    }

    /// The words of the parameters as they are now.
    fn words(&self) -> Named<u32> {
        let mut parameters = self.parameters.clone();
        let Some(plan) = self.plan.as_ref().filter(|plan| plan.moved()) else { return parameters };
        for (id, values) in plan.parameters() {
            let Some(("const", name)) = self.graph.nodes()[id].op.source() else { continue };
            if let Some(words) = parameters.get_mut(name) {
                let mut values = values.iter().map(|value| value.to_bits());
                *words = words.map(|&word| values.next().unwrap_or(word));
            }
        }
        parameters
    }
}
