//! How operations are run: the order of sums, and what is watched for.

use crate::error::{Code, Error};
use crate::hardware::{Hardware32, default_schedule};
use crate::ops;
use tl_kernel::context::EvalError;
use tl_kernel::context::binary32::Schedule;
use tl_kernel::ir::{Shape, Tensor};
use tl_kernel::spec::Op;

/// How operations are run. The bits depend on the schedule alone, never on threads.
#[derive(Clone, Debug)]
pub struct Run {
    hardware: Hardware32,
    /// Whether the first NaN or infinity, in a value or on the way back, is an error.
    pub detect_anomaly: bool,
}

impl Default for Run {
    fn default() -> Self {
        Run::new(default_schedule())
    }
}

/// The cotangents of the parents, of those that are asked for.
pub(super) type Cotangents = Vec<Option<Vec<f32>>>;

impl Run {
    /// Runs whose sums are ordered by `schedule`.
    pub fn new(schedule: Schedule) -> Self {
        Run { hardware: Hardware32::new(schedule), detect_anomaly: false }
    }

    /// The reading that decides the bits.
    pub fn hardware(&self) -> &Hardware32 {
        &self.hardware
    }

    /// The value of an operation; `place` says where it stands.
    pub(super) fn value(
        &self,
        op: &Op,
        parents: &[&Tensor<f32>],
        shape: &Shape,
        place: &dyn Fn() -> String,
    ) -> Result<Tensor<f32>, Error> {
        let failed = |error: EvalError| Error::new(Code::Evaluation, place(), error.to_string());
        let value = ops::value(&self.hardware, op, parents, shape).map_err(failed)?;
        self.refuse_anomaly(&value, shape, || format!("the value of {}", place()))?;
        Tensor::new(shape.clone(), value).ok_or_else(|| failed(WRONG_SIZE))
    }

    /// The cotangents of the parents that are `wanted`, in their shapes.
    pub(super) fn vjp(
        &self,
        op: &Op,
        parents: &[&Tensor<f32>],
        y: &Tensor<f32>,
        dy: &Tensor<f32>,
        wanted: &[bool],
    ) -> Result<Cotangents, EvalError> {
        ops::vjp(&self.hardware, op, parents, y, dy, wanted)
    }

    /// An error that names the first NaN or infinity, where that is asked for.
    pub(super) fn refuse_anomaly(
        &self,
        values: &[f32],
        shape: &Shape,
        what: impl FnOnce() -> String,
    ) -> Result<(), Error> {
        match values.iter().position(|x| !x.is_finite()).filter(|_| self.detect_anomaly) {
            None => Ok(()),
            Some(at) => {
                let message = format!("{} is {} at index {:?}", what(), values[at], shape.index_of(at));
                Err(Error::new(Code::Anomaly, "", message))
            }
        }
    }
}

pub(super) const WRONG_SIZE: EvalError = EvalError::Internal { what: "a value does not fill its shape" };
