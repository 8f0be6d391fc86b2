//! Reverse mode on a tape (Linnainmaa 1976).
//!
//! Claim: the gradients have the bits that `tl_kernel::ir::reverse::pullback` has over the same reading: operations are visited from the last to the first, and a node that is used more than once adds
//! up what it is sent in that order. Only nodes between a wanted one and a cotangent are visited.

use super::checkpoint::Values;
use super::run::WRONG_SIZE;
use super::{Id, Role, Tape};
use crate::error::{Code, Error};
use std::collections::BTreeMap;
use tl_kernel::context::EvalError;
use tl_kernel::ir::Tensor;

/// Which cotangents are returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Those of the wanted nodes.
    Wanted,
    /// Those of all nodes on the way, with what each contributed to which.
    Everything,
}

/// Gradients, as data.
#[derive(Clone, Debug, Default)]
pub struct Gradients {
    wanted: BTreeMap<Id, Tensor<f32>>,
    steps: Vec<Step>,
}

/// A step of the reverse pass: a node passes its cotangent on to its parents.
#[derive(Clone, Debug)]
pub struct Step {
    /// The node.
    pub node: Id,
    /// Its cotangent, complete.
    pub cotangent: Tensor<f32>,
    /// What it contributed to the cotangents of its parents.
    pub contributions: Vec<(Id, Tensor<f32>)>,
}

impl Gradients {
    /// The gradient of a wanted node, in its shape.
    pub fn of(&self, id: Id) -> Option<&Tensor<f32>> {
        self.wanted.get(&id)
    }

    /// The gradients of all wanted nodes.
    pub fn iter(&self) -> impl Iterator<Item = (Id, &Tensor<f32>)> {
        self.wanted.iter().map(|(&id, gradient)| (id, gradient))
    }

    /// The steps of the reverse pass in their order, where everything was kept.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Who contributed what to the cotangent of a node, where everything was kept.
    pub fn contributions(&self, to: Id) -> impl Iterator<Item = (Id, &Tensor<f32>)> {
        let sent = self.steps.iter().flat_map(|step| step.contributions.iter().map(move |sent| (step.node, sent)));
        sent.filter(move |(_, (parent, _))| *parent == to).map(|(from, (_, tensor))| (from, tensor))
    }
}

impl Tape<'_> {
    /// The gradients of all inputs and parameters from the cotangent of one node, which is 1 where none is given and the node has one element; everything is kept.
    pub fn backward(&self, id: Id, cotangent: Option<Tensor<f32>>) -> Result<Gradients, Error> {
        let shape = self.node(id)?.shape();
        let one = || Tensor::new(shape.clone(), vec![1.0]);
        let cotangent = cotangent.or_else(one).ok_or_else(|| {
            let message =
                format!("its value has the shape {shape}, not one element: a cotangent of that shape is needed");
            Error::new(Code::Gradient, self.place(id), message)
        })?;
        let wanted = |id: &Id| matches!(self.nodes[id.0].role, Role::Input | Role::Parameter);
        let wanted: Vec<Id> = (0..self.nodes.len()).map(Id).filter(wanted).collect();
        self.pullback(&[(id, cotangent)], &wanted, Keep::Everything)
    }

    /// The cotangents of the nodes `wanted`, from those of other nodes; zero where nothing leads to one.
    pub fn pullback(&self, cotangents: &[(Id, Tensor<f32>)], wanted: &[Id], keep: Keep) -> Result<Gradients, Error> {
        let mut open: Vec<Option<Tensor<f32>>> = vec![None; self.nodes.len()];
        for (id, cotangent) in cotangents {
            let shape = self.node(*id)?.shape();
            if cotangent.shape() != shape {
                let message = format!("its value has the shape {shape}, the cotangent {}", cotangent.shape());
                return Err(Error::new(Code::Gradient, self.place(*id), message));
            }
            let place = &mut open[id.0];
            *place = Some(place.as_ref().map_or_else(|| cotangent.clone(), |earlier| total(earlier, cotangent)));
        }
        let mut is_wanted = vec![false; self.nodes.len()];
        for &id in wanted {
            self.node(id)?;
            is_wanted[id.0] = true;
        }
        let mut leads = is_wanted.clone();
        for (id, node) in self.nodes.iter().enumerate() {
            leads[id] |= node.parents.iter().any(|parent| leads[parent.0]);
        }
        let (mut values, mut found) = (Values::new(self), Gradients::default());
        for id in (0..self.nodes.len()).rev() {
            let Some(dy) = open[id].take() else { continue };
            let what = || format!("the cotangent of {}", self.place(Id(id)));
            self.run.refuse_anomaly(dy.data(), dy.shape(), what)?;
            if is_wanted[id] {
                found.wanted.insert(Id(id), dy.clone());
            }
            let node = &self.nodes[id];
            let asked: Vec<bool> = node.parents.iter().map(|parent| leads[parent.0]).collect();
            let mut step = Step { node: Id(id), cotangent: dy, contributions: Vec::new() };
            if asked.contains(&true) {
                values.reach(id)?;
                let parents = node.parents.iter().map(|parent| values.of(parent.0)).collect::<Result<Vec<_>, _>>()?;
                let of_parents = self.run.vjp(&node.op, &parents, values.of(id)?, &step.cotangent, &asked);
                let of_parents = of_parents.map_err(|error| self.without_rule(Id(id), &error))?;
                for (((&parent, x), _), cotangent) in
                    node.parents.iter().zip(&parents).zip(&asked).zip(of_parents).filter(|((_, asked), _)| **asked)
                {
                    let sent = cotangent.and_then(|data| Tensor::new(x.shape().clone(), data));
                    let sent = sent.ok_or_else(|| self.without_rule(Id(id), &WRONG_SIZE))?;
                    let what = || {
                        format!("what {} contributes to the cotangent of {}", self.place(Id(id)), self.place(parent))
                    };
                    self.run.refuse_anomaly(sent.data(), sent.shape(), what)?;
                    let place = &mut open[parent.0];
                    *place = Some(place.as_ref().map_or_else(|| sent.clone(), |earlier| total(earlier, &sent)));
                    if keep == Keep::Everything {
                        step.contributions.push((parent, sent));
                    }
                }
            }
            if keep == Keep::Everything {
                found.steps.push(step);
            }
        }
        for &id in wanted {
            let shape = self.nodes[id.0].shape();
            let zeros = || Tensor::new(shape.clone(), vec![0.0; shape.elements()]);
            if let (false, Some(zeros)) = (found.wanted.contains_key(&id), zeros()) {
                found.wanted.insert(id, zeros);
            }
        }
        Ok(found)
    }

    /// That an operation has no cotangent to give, with the sources that ask for one.
    fn without_rule(&self, id: Id, error: &EvalError) -> Error {
        let mut message = error.to_string();
        if matches!(error, EvalError::Undefined { .. }) {
            let names: Vec<String> = self.nodes[id.0].parents.iter().map(|&parent| self.name(parent)).collect();
            message +=
                &format!("; its operands are {}: labels and masks are constants, or not asked for", names.join(", "));
        }
        Error::new(Code::Gradient, self.place(id), message)
    }
}

/// `earlier + later`, in this order.
fn total(earlier: &Tensor<f32>, later: &Tensor<f32>) -> Tensor<f32> {
    let mut later = later.data().iter();
    earlier.map(|a| a + later.next().copied().unwrap_or(0.0))
}
