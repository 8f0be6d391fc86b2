//! Checkpoints: a part of the tape whose values are not kept, and computed again on the way back (Griewank & Walther 2000; Chen et al. 2016).
//!
//! Claim: gradients have the same bits as without, because an operation gives the same bits for the same operands; what is kept shrinks by the values inside.
//! A segment inside another becomes a part of it: it is computed again together with it.

use super::{Id, Node, Role, Tape};
use crate::error::{Code, Error};
use std::ops::Range;
use tl_kernel::ir::Tensor;

/// Nodes whose values are computed again.
pub(super) type Segment = Range<usize>;

impl Tape<'_> {
    /// Runs `function` on the tape, and keeps of what it computes only the result that it returns.
    pub fn checkpoint(&mut self, function: impl FnOnce(&mut Self) -> Result<Id, Error>) -> Result<Id, Error> {
        let start = self.nodes.len();
        let result = match function(self) {
            Ok(result) => result,
            Err(error) => {
                self.truncate(start);
                return Err(error);
            }
        };
        self.value(result)?;
        for (id, node) in self.nodes.iter_mut().enumerate().skip(start) {
            if node.role == Role::Result && id != result.0 {
                node.value = None;
            }
        }
        self.segments.retain(|inner| inner.start < start);
        if start < self.nodes.len() {
            self.segments.push(start..self.nodes.len());
        }
        Ok(result)
    }

    fn truncate(&mut self, start: usize) {
        self.nodes.truncate(start);
        self.sources.retain(|_, id| id.0 < start);
        self.segments.retain(|segment| segment.end <= start);
    }
}

/// The values of a tape on the way back: those that were kept, and those of one segment at a time.
pub(super) struct Values<'t, 'a> {
    tape: &'t Tape<'a>,
    segment: Segment,
    again: Vec<Option<Tensor<f32>>>,
}

impl<'t, 'a> Values<'t, 'a> {
    pub(super) fn new(tape: &'t Tape<'a>) -> Self {
        Values { tape, segment: 0..0, again: Vec::new() }
    }

    /// Makes the values of node `id` and of its parents available.
    pub(super) fn reach(&mut self, id: usize) -> Result<(), Error> {
        // Segments are apart and in order.
        let after = self.tape.segments.partition_point(|segment| segment.start <= id);
        let segment = after.checked_sub(1).map(|at| &self.tape.segments[at]).filter(|segment| segment.contains(&id));
        match segment {
            Some(segment) if *segment == self.segment => return Ok(()),
            None => {
                (self.segment, self.again) = (0..0, Vec::new());
                return Ok(());
            }
            Some(segment) => (self.segment, self.again) = (segment.clone(), Vec::with_capacity(segment.len())),
        }
        for id in self.segment.clone() {
            let Node { op, parents, shape, value, .. } = &self.tape.nodes[id];
            let again = match value {
                Some(_) => None,
                None => {
                    let parents = parents.iter().map(|parent| self.of(parent.0)).collect::<Result<Vec<_>, _>>()?;
                    Some(self.tape.run.value(op, &parents, shape, &|| self.tape.place(Id(id)))?)
                }
            };
            self.again.push(again);
        }
        Ok(())
    }

    /// The value of a node that was reached.
    pub(super) fn of(&self, id: usize) -> Result<&Tensor<f32>, Error> {
        let again = || self.again.get(id.checked_sub(self.segment.start)?)?.as_ref();
        let lost = || Error::new(Code::Tape, self.tape.place(Id(id)), "its value was neither kept nor computed again");
        self.tape.nodes[id].value.as_ref().or_else(again).ok_or_else(lost)
    }
}
