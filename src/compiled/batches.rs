//! Steps on a whole batch: affine layers, and whatever the kernel's specification computes.

use super::step::{Along, Back, Keeps, PerBatch, Sink};
use super::weights::Weights;
use crate::hardware::Hardware32;
use crate::ops::fast::pointwise::{add_scaled, where_positive};
use crate::ops::fast::product::{Left, Panels, product, product_in_panels, product_of_panels, transpose};
use crate::ops::fast::simd::vectorized;
use crate::ops::fast::threads::Threads;
use crate::ops::fast::tile::{Finish, Start};
use crate::transform::forward::tangent;
use std::sync::{Mutex, PoisonError};
use tl_kernel::context::EvalError;
use tl_kernel::ir::{Shape, Tensor};
use tl_kernel::spec::Op;

/// An affine layer, perhaps with relu after it: x [rows, in] · W [in, out] + b.
#[derive(Debug, Default)]
pub(super) struct Affine {
    pub(super) rows: usize,
    pub(super) relu: bool,
    workspace: Mutex<Workspace>,
}

#[derive(Debug, Default)]
struct Workspace {
    cotangent: Panels,
    turned: Panels,
    back: Vec<f32>,
}

impl Affine {
    pub(super) fn new(rows: usize, relu: bool) -> Self {
        Affine { rows, relu, workspace: Mutex::default() }
    }

    /// x · W, from `start`.
    fn times(&self, x: &[f32], panels: &Panels, start: Start, finish: Finish, y: &mut [f32], threads: &Threads) {
        let left = Left { data: x, row: panels.rows, step: 1 };
        product(threads, left, self.rows, panels, y, panels.columns, start, finish);
    }
}

impl PerBatch for Affine {
    fn forward(&self, weights: &Weights, x: &[&[f32]], y: &mut [f32], threads: &Threads) -> Result<(), EvalError> {
        let finish = if self.relu { Finish::Relu } else { Finish::Store };
        self.times(x[0], &weights.panels[0], weights.bias(0), finish, y, threads);
        Ok(())
    }

    fn backward(&self, weights: &mut Weights, back: Back, sink: Sink, threads: &Threads) -> Result<(), EvalError> {
        let Back { x, y, dy, dx } = back;
        let (fan, out) = (weights.panels[0].rows, weights.panels[0].columns);
        if self.relu {
            where_positive(y, dy);
        }
        let workspace = &mut *self.workspace.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slope) = &mut dx[0] {
            if workspace.turned.data.is_empty() {
                workspace.turned = Panels::zeros(out, self.rows);
                workspace.back = vec![0.0; fan * self.rows];
            }
            workspace.turned.copy_transposed(dy, out);
            product_of_panels(threads, &weights.panels[0], &workspace.turned, &mut workspace.back);
            if slope.add {
                let mut turned = vec![0.0; fan * self.rows];
                transpose(&workspace.back, fan, self.rows, &mut turned);
                vectorized(
                    #[inline(always)]
                    || slope.data.iter_mut().zip(&turned).for_each(|(to, from)| *to += from),
                );
            } else {
                transpose(&workspace.back, fan, self.rows, slope.data);
            }
        }
        if workspace.cotangent.data.is_empty() {
            workspace.cotangent = Panels::zeros(self.rows, out);
        }
        workspace.cotangent.copy(dy, out);
        let (weights, factor) = match sink {
            Sink::Sum(sum) => (sum, 1.0),
            Sink::Step(factor) => (weights, factor),
        };
        product_in_panels(threads, x[0], fan, &workspace.cotangent, &mut weights.panels[0], Finish::Add(factor));
        if let Some(bias) = weights.vectors.first_mut() {
            let mut sum = vec![0.0; out];
            vectorized(
                #[inline(always)]
                || {
                    for row in dy.chunks_exact(out) {
                        sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
                    }
                    bias.iter_mut().zip(&sum).for_each(|(to, sum)| *to += factor * sum);
                },
            );
        }
        Ok(())
    }

    fn tangent(&self, weights: &Weights, along: Along, dy: &mut [f32], threads: &Threads) -> Result<(), EvalError> {
        if let Some(dw) = along.dw {
            self.times(along.x[0], &dw.panels[0], dw.bias(0), Finish::Store, dy, threads);
        }
        if let Some(dx) = along.dx[0] {
            self.times(dx, &weights.panels[0], Start::Value, Finish::Store, dy, threads);
        }
        if self.relu {
            where_positive(along.y, dy);
        }
        Ok(())
    }

    fn keeps(&self) -> Keeps {
        Keeps { x: true, y: self.relu }
    }
}

/// An operation by the kernel's specification, over the processor's floats.
#[derive(Debug)]
pub(super) struct Specified {
    pub(super) op: Op,
    pub(super) shapes: Vec<Shape>,
    pub(super) shape: Shape,
    pub(super) context: Hardware32,
}

pub(super) const WRONG_SIZE: EvalError = EvalError::Internal { what: "a value of a program does not fill its shape" };

fn tensor(values: &[f32], shape: &Shape) -> Result<Tensor<f32>, EvalError> {
    Tensor::new(shape.clone(), values.to_vec()).ok_or(WRONG_SIZE)
}

impl Specified {
    fn operands(&self, x: &[&[f32]]) -> Result<Vec<Tensor<f32>>, EvalError> {
        x.iter().zip(&self.shapes).map(|(x, shape)| tensor(x, shape)).collect()
    }
}

impl PerBatch for Specified {
    fn forward(&self, _: &Weights, x: &[&[f32]], y: &mut [f32], _: &Threads) -> Result<(), EvalError> {
        let operands = self.operands(x)?;
        let values = self.op.value(&self.context, &operands.iter().collect::<Vec<_>>(), &self.shape)?;
        y.copy_from_slice(&values);
        Ok(())
    }
    fn backward(&self, _: &mut Weights, back: Back, _: Sink, _: &Threads) -> Result<(), EvalError> {
        let (operands, y, dy) = (self.operands(back.x)?, tensor(back.y, &self.shape)?, tensor(back.dy, &self.shape)?);
        let wanted: Vec<bool> = back.dx.iter().map(Option::is_some).collect();
        let slopes = self.op.vjp(&self.context, &operands.iter().collect::<Vec<_>>(), &y, &dy, &wanted)?;
        for (to, from) in back.dx.iter_mut().zip(slopes) {
            if let (Some(to), Some(from)) = (to, from) {
                to.ready();
                add_scaled(1.0, &from, to.data);
            }
        }
        Ok(())
    }
    fn tangent(&self, _: &Weights, along: Along, dy: &mut [f32], _: &Threads) -> Result<(), EvalError> {
        let (operands, y) = (self.operands(along.x)?, tensor(along.y, &self.shape)?);
        let moving = |(dx, shape): (&Option<&[f32]>, &Shape)| dx.map(|dx| tensor(dx, shape)).transpose();
        let tangents = along.dx.iter().zip(&self.shapes).map(moving).collect::<Result<Vec<_>, _>>()?;
        let tangents: Vec<Option<&Tensor<f32>>> = tangents.iter().map(Option::as_ref).collect();
        if let Some(found) = tangent(&self.context, &self.op, &operands.iter().collect::<Vec<_>>(), &tangents, &y)? {
            dy.copy_from_slice(found.data());
        }
        Ok(())
    }
    fn keeps(&self) -> Keeps {
        Keeps { x: true, y: true }
    }
}

/// The same values, in samples of another size.
#[derive(Debug)]
pub(super) struct Copy;

impl PerBatch for Copy {
    fn forward(&self, _: &Weights, x: &[&[f32]], y: &mut [f32], _: &Threads) -> Result<(), EvalError> {
        y.copy_from_slice(x[0]);
        Ok(())
    }
    fn backward(&self, _: &mut Weights, back: Back, _: Sink, _: &Threads) -> Result<(), EvalError> {
        if let Some(slope) = &mut back.dx[0] {
            slope.ready();
            add_scaled(1.0, back.dy, slope.data);
        }
        Ok(())
    }
    fn tangent(&self, _: &Weights, along: Along, dy: &mut [f32], _: &Threads) -> Result<(), EvalError> {
        along.dx[0].into_iter().for_each(|dx| dy.copy_from_slice(dx));
        Ok(())
    }
    fn keeps(&self) -> Keeps {
        Keeps { x: false, y: false }
    }
}

/// Values that one thread takes at a time.
const PART: usize = 1 << 13;

/// Values that are moved, left out or repeated, from one operand or several.
#[derive(Debug)]
pub(super) struct Moved {
    /// Runs of neighbours: operand, first element there, how many; an operand that does not exist is padding.
    runs: Vec<(usize, usize, usize)>,
    /// Where each element comes from, where the runs of a single operand are short.
    places: Vec<u32>,
}

impl Moved {
    /// `places` are those of the operands' elements, counted from 1 through all operands, operand i from `starts[i]`; 0 is padding.
    pub(super) fn new(places: &[u32], starts: &[u32]) -> Self {
        let mut runs: Vec<(usize, usize, usize)> = Vec::new();
        for &place in places {
            let operand = starts.partition_point(|&start| start <= place).wrapping_sub(1);
            let at = starts.get(operand).map_or(0, |&start| (place - start) as usize); // a u32 fits
            match runs.last_mut() {
                Some((of, first, count)) if *of == operand && (operand == usize::MAX || *first + *count == at) => {
                    *count += 1
                }
                _ => runs.push((operand, at, 1)),
            }
        }
        let short = starts.len() == 1 && places.len() < 8 * runs.len() && places.iter().all(|&place| place > 0);
        let places = if short { places.iter().map(|place| place - 1).collect() } else { Vec::new() };
        Moved { runs, places }
    }
}

impl PerBatch for Moved {
    fn forward(&self, _: &Weights, x: &[&[f32]], y: &mut [f32], threads: &Threads) -> Result<(), EvalError> {
        if !self.places.is_empty() {
            let parts = y.chunks_mut(PART).zip(self.places.chunks(PART));
            let of = |(y, places): (&mut [f32], &[u32])| {
                y.iter_mut().zip(places).for_each(|(y, &place)| *y = x[0][place as usize]);
            };
            threads.each(parts, of);
            return Ok(());
        }
        let mut rest = y;
        for &(operand, at, count) in &self.runs {
            let (to, after) = rest.split_at_mut(count);
            match x.get(operand) {
                Some(from) => to.copy_from_slice(&from[at..at + count]),
                None => to.fill(0.0),
            }
            rest = after;
        }
        Ok(())
    }
    fn backward(&self, _: &mut Weights, back: Back, _: Sink, _: &Threads) -> Result<(), EvalError> {
        back.dx.iter_mut().flatten().for_each(|slope| slope.ready());
        let mut from = 0;
        for &(operand, at, count) in &self.runs {
            if let Some(Some(slope)) = back.dx.get_mut(operand) {
                add_scaled(1.0, &back.dy[from..from + count], &mut slope.data[at..at + count]);
            }
            from += count;
        }
        Ok(())
    }
    fn tangent(&self, weights: &Weights, along: Along, dy: &mut [f32], threads: &Threads) -> Result<(), EvalError> {
        if let (false, Some(dx)) = (self.places.is_empty(), along.dx[0]) {
            return self.forward(weights, &[dx], dy, threads);
        }
        let mut rest = dy;
        for &(operand, at, count) in &self.runs {
            let (to, after) = rest.split_at_mut(count);
            if let Some(Some(dx)) = along.dx.get(operand) {
                to.copy_from_slice(&dx[at..at + count]);
            }
            rest = after;
        }
        Ok(())
    }
    fn keeps(&self) -> Keeps {
        Keeps { x: false, y: false }
    }
}
