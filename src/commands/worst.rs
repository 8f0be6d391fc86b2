//! How far recorded values are from the exact ones: what `tl certify` proposes as a tolerance where none is given.

use super::certify::real_inputs;
use super::grad::{Listed, exact};
use crate::error::{Code, Error};
use crate::model::Model;
use tl_kernel::context::EvalError;
use tl_kernel::context::real::{Ball, Real};
use tl_kernel::ir::evaluate::Named;
use tl_kernel::ir::{Tensor, evaluate};
use tl_kernel::number::Dyadic;

/// The largest |y − s| and the largest radius in it; an error, and whether more precision is of no use.
pub(super) type Worst = Result<(Dyadic, Dyadic), (Error, bool)>;

/// An upper bound of the largest |y − s| over all cases, known to within 1 part in 1,000 of itself, or to 4096 bits.
pub(super) fn worst_error(at: impl Fn(u64) -> Worst) -> Result<Dyadic, Error> {
    let mut precision = 128;
    loop {
        match at(precision) {
            Ok((worst, radius)) if worst.is_zero() || radius.scaled(10) <= worst || precision >= 4096 => {
                return Ok(worst);
            }
            Err(error) if precision >= 4096 || error.1 => return Err(error.0),
            _ => precision *= 2,
        }
    }
}

/// The bound over recorded outputs.
pub(super) fn worst_output(model: &Model, inputs: &[Named<u32>], outputs: &[Named<u32>], precision: u64) -> Worst {
    let real = Real::new(precision);
    let mut found = (Dyadic::zero(), Dyadic::zero());
    for (case, (inputs, outputs)) in inputs.iter().zip(outputs).enumerate() {
        let inputs = real_inputs(&real, inputs).map_err(|error| (error, true))?;
        let exact = evaluate(&model.graph, |_| &real, &model.parameters, &inputs);
        let exact = exact.map_err(|located| {
            let undecided = matches!(located.error, EvalError::Undecided { .. });
            (Error::at_node(&model.path, &located), !undecided)
        })?;
        for (name, recorded) in outputs {
            let balls: &[Ball] = exact.get(name).map_or(&[], |tensor| tensor.data());
            widen(&mut found, recorded, balls, || format!("case {case}, output {name:?}"))?;
        }
    }
    Ok(found)
}

/// The bound over recorded gradients.
pub(super) fn worst_gradient(model: &Model, inputs: &[Named<u32>], listed: &Listed, precision: u64) -> Worst {
    let real = Real::new(precision);
    let mut found = (Dyadic::zero(), Dyadic::zero());
    for (case, ((inputs, seeds), recorded)) in inputs.iter().zip(&listed.seeds).zip(&listed.recorded).enumerate() {
        let exact = exact(model, &real, inputs, seeds, recorded)?;
        for (id, recorded) in recorded {
            let balls: &[Ball] = exact.get(id).map_or(&[], |tensor| tensor.data());
            widen(&mut found, recorded, balls, || format!("case {case}, the gradient of node {id}"))?;
        }
    }
    Ok(found)
}

/// Takes the errors of a recorded tensor into account.
fn widen(
    (worst, radius): &mut (Dyadic, Dyadic),
    recorded: &Tensor<u32>,
    balls: &[Ball],
    place: impl Fn() -> String,
) -> Result<(), (Error, bool)> {
    for (position, (&word, ball)) in recorded.data().iter().zip(balls).enumerate() {
        let Some(y) = Dyadic::from_binary32(word) else {
            let place = format!("{}, index {:?}", place(), recorded.shape().index_of(position));
            return Err((Error::new(Code::NotFinite, place, format!("the word {word:08x}")), true));
        };
        let error = y.sub(ball.mid()).abs().add(&ball.rad());
        *worst = worst.clone().max(error);
        *radius = radius.clone().max(ball.rad());
    }
    Ok(())
}
