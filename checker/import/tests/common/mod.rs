//! What the tests share: where the data are, and a comparison of a model over the reals with recorded outputs.

#![allow(dead_code, reason = "each test binary uses a part")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tl_import::Model;
use tl_kernel::context::real::Real;
use tl_kernel::context::{Context, EvalError};
use tl_kernel::ir::{Tensor, evaluate};
use tl_kernel::limits::Limits;
use tl_kernel::number::Dyadic;

/// Bits of the reading over the reals; far more than binary32 results can show.
const PRECISION: u64 = 64;

/// The folder or file of test data, or why there is none.
pub(crate) fn data(name: &str) -> Result<PathBuf, String> {
    let root = std::env::var_os("TL_DATA").map(PathBuf::from);
    let path = root.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data")).join(name);
    if path.exists() { Ok(path) } else { Err(format!("SKIPPED: there are no test data at {}", path.display())) }
}

/// Whether the outputs over the reals are near the recorded ones, |y − s| ≤ atol + rtol·|s|; what differs otherwise, and `SKIP …` where there is no real
/// number to compare.
pub(crate) fn compare(
    model: &Model,
    inputs: &BTreeMap<String, Tensor<u32>>,
    outputs: &[Tensor<u32>],
    rtol: f32,
    atol: f32,
) -> Result<(), String> {
    let checked = model.graph.clone().check("", &Limits::default()).map_err(|error| error.to_string())?;
    let real = Real::new(PRECISION);
    let values = inputs.iter().filter(|(name, _)| model.inputs.iter().any(|(input, _)| &input == name));
    let values: Result<_, EvalError> =
        values.map(|(name, tensor)| Ok((name.clone(), tensor.try_map(|&word| real.datum(word))?))).collect();
    let skip = |error: EvalError| match error {
        EvalError::NotFinite { .. } | EvalError::Undefined { .. } => format!("SKIP {error}"),
        error => error.to_string(),
    };
    let found = evaluate(&checked, |_| &real, &model.parameters, &values.map_err(skip)?)
        .map_err(|located| skip(located.error))?;
    let dyadic = |x: f32| Dyadic::from_binary32(x.to_bits()).unwrap();
    for (expected, name) in outputs.iter().zip(&model.outputs) {
        let found = &found[name];
        if expected.dimensions() != found.dimensions() {
            return Err(format!("{name} has shape {:?}, recorded is {:?}", found.dimensions(), expected.dimensions()));
        }
        for (i, (word, ball)) in expected.data().iter().zip(found.data()).enumerate() {
            let Some(y) = Dyadic::from_binary32(*word) else {
                return Err("SKIP a recorded output is not finite".to_string());
            };
            let allowed = dyadic(atol).add(&dyadic(rtol).mul(&y.abs()));
            if ball.mid().sub(&y).abs() > allowed {
                return Err(format!("{name}[{i}] is {:?}, recorded is {}", ball.mid(), f32::from_bits(*word)));
            }
        }
    }
    Ok(())
}
