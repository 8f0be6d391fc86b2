//! Derivatives of functions that are given as graphs: values in, derivatives out, nothing kept in between.
//!
//! Claim: [`Function::vjp`] and what is made of it apply the reverse rules of the operations in the order of [`crate::tape`]; [`Function::jvp`] and what is made of it differentiate the operations' own
//! values forward; [`Function::hvp`] does the one over the other. Away from kinks they are derivatives of the same function, and the tests compare them.
//! What is differentiated is said by name. A name means an input of the graph, else a parameter; where there are both, `inputs/NAME` and `parameters/NAME` say which.
//!
//! ```
//! use tl::tape::{Run, Tape, tensor};
//! use tl::transform::{Function, named};
//!
//! // f(x) = x₀²·x₁
//! let run = Run::default();
//! let mut tape = Tape::new(&run);
//! let x = tape.input("x", tensor(&[2], &[3.0, 5.0]))?;
//! let w = tape.constant("w", tensor(&[2, 2], &[1.0, 0.0, 0.0, 1.0]))?;
//! let y = tape.matmul(w, x)?;
//! let squares = tape.mul(x, y)?;
//! let f = tape.sum(squares, &[0])?; // x₀² + x₁²
//! let recorded = tape.graph(&[("f", f)])?;
//!
//! let f = Function::of(&run, &recorded.model);
//! let at = named([("x", tensor(&[2], &[3.0, 5.0]))]);
//! let (value, gradient) = f.value_and_grad(&at, "f", &["x"])?;
//! assert_eq!(value, 34.0);
//! assert_eq!(gradient["x"].data(), [6.0, 10.0]);
//! let hessian = f.hessian(&at, "f", &["x"])?;
//! assert_eq!(hessian[&("x".to_string(), "x".to_string())].data(), [2.0, 0.0, 0.0, 2.0]);
//! # Ok::<(), tl::Error>(())
//! ```

mod branch;
mod clip;
pub(crate) mod forward;
mod second;

pub use clip::{clip_by_norm, clip_by_value};

// The examples there are compiled.
#[cfg(doctest)]
#[doc = include_str!("../../docs/gradients.md")]
mod documentation {}

use crate::error::{Code, Error};
use crate::model::Model;
use crate::tape::{Id, Keep, Run, Tape};
use std::collections::BTreeMap;
use tl_kernel::ir::evaluate::Named;
use tl_kernel::ir::{CheckedGraph, Shape, Tensor};

/// A graph with its parameters, and how it is run.
#[derive(Clone, Copy, Debug)]
pub struct Function<'a> {
    run: &'a Run,
    graph: &'a CheckedGraph,
    parameters: &'a Named<u32>,
}

/// Second derivatives, by the names of the two sources.
pub type ByPair = BTreeMap<(String, String), Tensor<f32>>;

/// Tensors by name.
pub fn named<const N: usize>(tensors: [(&str, Tensor<f32>); N]) -> Named<f32> {
    tensors.into_iter().map(|(name, tensor)| (name.to_string(), tensor)).collect()
}

impl<'a> Function<'a> {
    /// The function that a graph with these parameters is.
    pub fn new(run: &'a Run, graph: &'a CheckedGraph, parameters: &'a Named<u32>) -> Self {
        Function { run, graph, parameters }
    }

    /// The function that a model is.
    pub fn of(run: &'a Run, model: &'a Model) -> Self {
        Function::new(run, &model.graph, &model.parameters)
    }

    /// The outputs.
    pub fn value(&self, inputs: &Named<f32>) -> Result<Named<f32>, Error> {
        self.replayed(inputs)?.outputs(self.graph)
    }

    /// The outputs, and the transposed derivative by the sources `wrt` of `cotangents` of outputs (zero for an output that is not listed).
    pub fn vjp(
        &self,
        inputs: &Named<f32>,
        wrt: &[&str],
        cotangents: &Named<f32>,
    ) -> Result<(Named<f32>, Named<f32>), Error> {
        let (sources, tape) = (self.sources(wrt)?, self.replayed(inputs)?);
        let cotangent = |(name, tensor): (&String, &Tensor<f32>)| Ok((Id(self.output(name)?), tensor.clone()));
        let cotangents = cotangents.iter().map(cotangent).collect::<Result<Vec<_>, Error>>()?;
        Ok((tape.outputs(self.graph)?, pulled(&tape, &cotangents, &sources)?))
    }

    /// The gradient of an output of one element by the sources `wrt`.
    pub fn grad(&self, inputs: &Named<f32>, of: &str, wrt: &[&str]) -> Result<Named<f32>, Error> {
        Ok(self.value_and_grad(inputs, of, wrt)?.1)
    }

    /// An output of one element, and its gradient by the sources `wrt`.
    pub fn value_and_grad(&self, inputs: &Named<f32>, of: &str, wrt: &[&str]) -> Result<(f32, Named<f32>), Error> {
        let (sources, output) = (self.sources(wrt)?, self.number(of)?);
        let tape = self.replayed(inputs)?;
        let one = tape.value(Id(output))?.map(|_| 1.0);
        let value = tape.value(Id(output))?.data().first().copied().unwrap_or_default();
        Ok((value, pulled(&tape, &[(Id(output), one)], &sources)?))
    }

    /// The outputs, and their derivatives along `tangents` of sources (zero for a source that is not listed).
    pub fn jvp(&self, inputs: &Named<f32>, tangents: &Named<f32>) -> Result<(Named<f32>, Named<f32>), Error> {
        let directions = self.directions(tangents)?;
        let tape = self.replayed(inputs)?;
        let moved = forward::tangents(self.run, self.graph, &tape, &directions)?;
        let output = |(name, &id): (&String, &usize)| {
            let tangent = match &moved[id] {
                Some(tangent) => tangent.clone(),
                None => tape.value(Id(id))?.map(|_| 0.0),
            };
            Ok((name.clone(), tangent))
        };
        Ok((tape.outputs(self.graph)?, self.graph.outputs().iter().map(output).collect::<Result<_, Error>>()?))
    }

    /// The Jacobians of an output by the sources `wrt`, row by row in reverse mode: each in the shape of the output followed by that of the source.
    pub fn jacrev(&self, inputs: &Named<f32>, of: &str, wrt: &[&str]) -> Result<Named<f32>, Error> {
        let (sources, output) = (self.sources(wrt)?, self.output(of)?);
        let tape = self.replayed(inputs)?;
        let y = tape.value(Id(output))?;
        let mut rows: Vec<Vec<f32>> = vec![Vec::new(); sources.len()];
        for at in 0..y.data().len() {
            let gradients = tape.pullback(&[(Id(output), unit(y, at))], &ids(&sources), Keep::Wanted)?;
            for (rows, &(_, source)) in rows.iter_mut().zip(&sources) {
                rows.extend(gradients.of(Id(source)).map_or(&[][..], |gradient| gradient.data()));
            }
        }
        let jacobian = |(&(name, source), rows): (&(&str, usize), Vec<f32>)| {
            Ok((name.to_string(), self.joined(output, source, rows)?))
        };
        sources.iter().zip(rows).map(jacobian).collect()
    }

    /// The same Jacobians, column by column in forward mode.
    pub fn jacfwd(&self, inputs: &Named<f32>, of: &str, wrt: &[&str]) -> Result<Named<f32>, Error> {
        let (sources, output) = (self.sources(wrt)?, self.output(of)?);
        let tape = self.replayed(inputs)?;
        let rows = tape.value(Id(output))?.data().len();
        let mut jacobians = Named::new();
        for (name, source) in sources {
            let x = tape.value(Id(source))?;
            let columns = x.data().len();
            let mut jacobian = vec![0.0; rows * columns];
            for at in 0..columns {
                let direction = BTreeMap::from([(source, unit(x, at))]);
                let moved = forward::tangents(self.run, self.graph, &tape, &direction)?;
                let column = moved[output].as_ref().map_or(&[][..], |tangent| tangent.data());
                column.iter().enumerate().for_each(|(row, &slope)| jacobian[row * columns + at] = slope);
            }
            jacobians.insert(name.to_string(), self.joined(output, source, jacobian)?);
        }
        Ok(jacobians)
    }

    /// The Hessian of an output of one element times the tangents, by the sources of the tangents: forward over reverse.
    pub fn hvp(&self, inputs: &Named<f32>, of: &str, tangents: &Named<f32>) -> Result<Named<f32>, Error> {
        let (output, directions) = (self.number(of)?, self.directions(tangents)?);
        let tape = self.replayed(inputs)?;
        let products = second::hvp(self.run, self.graph, &tape, output, &directions, &self.all(tangents)?)?;
        let name = |name: &String| Ok((name.clone(), products[&self.find(name)?].clone()));
        tangents.keys().map(name).collect()
    }

    /// The Hessian of an output of one element, by every pair of the sources `wrt`: each in the shape of the first followed by that of the second. Forward over reverse, a column at a time.
    pub fn hessian(&self, inputs: &Named<f32>, of: &str, wrt: &[&str]) -> Result<ByPair, Error> {
        let (sources, output) = (self.sources(wrt)?, self.number(of)?);
        let tape = self.replayed(inputs)?;
        let wanted: Vec<usize> = sources.iter().map(|&(_, id)| id).collect();
        let mut hessians = ByPair::new();
        for &(column_name, column) in &sources {
            let x = tape.value(Id(column))?;
            let columns = x.data().len();
            let rows = |&id: &usize| Ok(vec![0.0f32; tape.value(Id(id))?.data().len() * columns]);
            let mut blocks = wanted.iter().map(rows).collect::<Result<Vec<_>, Error>>()?;
            for at in 0..columns {
                let direction = BTreeMap::from([(column, unit(x, at))]);
                let products = second::hvp(self.run, self.graph, &tape, output, &direction, &wanted)?;
                for (block, id) in blocks.iter_mut().zip(&wanted) {
                    let product = products[id].data().iter().enumerate();
                    product.for_each(|(row, &value)| block[row * columns + at] = value);
                }
            }
            for (&(row_name, row), block) in sources.iter().zip(blocks) {
                hessians.insert((row_name.to_string(), column_name.to_string()), self.joined(row, column, block)?);
            }
        }
        Ok(hessians)
    }

    /// The names of all sources that can be differentiated by, and of the others: those that lead to labels or masks.
    pub fn differentiable(&self) -> (Vec<String>, Vec<String>) {
        let named = |ids: Vec<usize>| ids.into_iter().map(|id| self.name(id)).collect();
        let (free, blocked) = forward::differentiable(self.graph);
        (named(free), named(blocked))
    }

    /// The sources that can be differentiated by: names and nodes.
    pub(crate) fn differentiable_nodes(&self) -> Vec<(String, usize)> {
        forward::differentiable(self.graph).0.into_iter().map(|id| (self.name(id), id)).collect()
    }

    fn replayed(&self, inputs: &Named<f32>) -> Result<Tape<'a>, Error> {
        if let Some(name) = inputs.keys().find(|name| !self.graph.inputs().any(|(input, _)| input == *name)) {
            return Err(unknown("input", name, self.graph.inputs().map(|(name, _)| name.to_string())));
        }
        Tape::replay(self.run, self.graph, self.parameters, inputs)
    }

    /// The name of a source, with its list where that is needed.
    fn name(&self, id: usize) -> String {
        let Some((kind, name)) = self.graph.nodes()[id].op.source() else { return format!("node {id}") };
        let both = self.graph.inputs().any(|(n, _)| n == name) && self.graph.constants().any(|(n, _)| n == name);
        let list = if kind == "input" { "inputs" } else { "parameters" };
        if both { format!("{list}/{name}") } else { name.to_string() }
    }

    /// The node of the source of this name.
    pub fn find(&self, name: &str) -> Result<usize, Error> {
        let sources = self.graph.nodes().iter().enumerate().filter_map(|(id, node)| Some((id, node.op.source()?)));
        let lists = [("inputs", "input"), ("parameters", "const")];
        let is = |kind: &str, of: &str| {
            let qualified = lists.iter().any(|&(list, k)| {
                k == kind && name.strip_prefix(list).and_then(|rest| rest.strip_prefix('/')) == Some(of)
            });
            of == name || qualified
        };
        let found: Vec<usize> = sources.clone().filter(|&(_, (kind, of))| is(kind, of)).map(|(id, _)| id).collect();
        match found[..] {
            [id] => Ok(id),
            [] => Err(unknown("input or parameter", name, sources.map(|(_, (_, of))| of.to_string()))),
            _ => {
                let message = format!("there are several of this name; write inputs/{name} or parameters/{name}");
                Err(Error::new(Code::Gradient, format!("{name:?}"), message))
            }
        }
    }

    fn sources<'n>(&self, names: &[&'n str]) -> Result<Vec<(&'n str, usize)>, Error> {
        names.iter().map(|&name| Ok((name, self.find(name)?))).collect()
    }

    fn all(&self, tangents: &Named<f32>) -> Result<Vec<usize>, Error> {
        tangents.keys().map(|name| self.find(name)).collect()
    }

    /// Tangents by node, in the shapes of the nodes.
    pub(crate) fn directions(&self, tangents: &Named<f32>) -> Result<BTreeMap<usize, Tensor<f32>>, Error> {
        let direction = |(name, tangent): (&String, &Tensor<f32>)| {
            let id = self.find(name)?;
            let shape = &self.graph.nodes()[id].shape;
            if tangent.shape() != shape {
                let message = format!("it has the shape {shape}, its tangent {}", tangent.shape());
                return Err(Error::new(Code::Gradient, format!("{name:?}"), message));
            }
            Ok((id, tangent.clone()))
        };
        tangents.iter().map(direction).collect()
    }

    /// The node of the output of this name.
    fn output(&self, name: &str) -> Result<usize, Error> {
        let outputs = self.graph.outputs();
        outputs.get(name).copied().ok_or_else(|| unknown("output", name, outputs.keys().cloned()))
    }

    /// The node of an output of one element.
    fn number(&self, name: &str) -> Result<usize, Error> {
        let id = self.output(name)?;
        let shape = &self.graph.nodes()[id].shape;
        if shape.elements() == 1 {
            return Ok(id);
        }
        let message = format!("it has the shape {shape}, not one element: a cotangent of that shape is needed (vjp)");
        Err(Error::new(Code::Gradient, format!("output {name:?}"), message))
    }

    /// Values in the shape of one node followed by that of another.
    fn joined(&self, first: usize, second: usize, values: Vec<f32>) -> Result<Tensor<f32>, Error> {
        let [a, b] = [first, second].map(|id| self.graph.nodes()[id].shape.dimensions());
        let failed = |fault: String| Error::new(Code::Gradient, format!("the derivative of {a:?} by {b:?}"), fault);
        let shape = Shape::new([a, b].concat()).map_err(failed)?;
        Tensor::new(shape, values).ok_or_else(|| failed("it does not fill its shape".into()))
    }
}

fn unknown(what: &str, name: &str, known: impl Iterator<Item = String>) -> Error {
    let known: Vec<String> = known.collect();
    let message = format!("the graph has no {what} of this name, but {}", known.join(", "));
    Error::new(Code::Gradient, format!("{name:?}"), message)
}

fn ids(sources: &[(&str, usize)]) -> Vec<Id> {
    sources.iter().map(|&(_, id)| Id(id)).collect()
}

fn pulled(tape: &Tape, cotangents: &[(Id, Tensor<f32>)], sources: &[(&str, usize)]) -> Result<Named<f32>, Error> {
    let gradients = tape.pullback(cotangents, &ids(sources), Keep::Wanted)?;
    let gradient = |&(name, id): &(&str, usize)| Some((name.to_string(), gradients.of(Id(id))?.clone()));
    Ok(sources.iter().filter_map(gradient).collect())
}

/// One at a position, zero elsewhere.
fn unit(like: &Tensor<f32>, at: usize) -> Tensor<f32> {
    let mut position = 0..;
    like.map(|_| if position.next() == Some(at) { 1.0 } else { 0.0 })
}
