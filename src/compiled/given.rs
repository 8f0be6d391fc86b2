//! What a compiled graph is given: checked before anything runs, and an error that names the thing and both shapes.

use crate::error::{Code, Error};
use tl_kernel::context::EvalError;
use tl_kernel::ir::evaluate::Named;
use tl_kernel::ir::{CheckedGraph, Shape, Tensor};

/// Whether every tensor that is asked for is given in its shape; `what` they are, `input` or `parameter`.
pub(super) fn check<'g, V>(
    what: &str,
    asked: impl Iterator<Item = (&'g str, &'g Shape)>,
    given: &Named<V>,
) -> Result<(), Error> {
    for (name, shape) in asked {
        let place = || format!("{what} {name:?}");
        let tensor = given.get(name).ok_or_else(|| {
            Error::new(Code::InputMissing, place(), format!("nothing is given, the graph asks for the shape {shape}"))
        })?;
        if tensor.shape() != shape {
            let message = format!("the graph asks for the shape {shape}, what is given has {}", tensor.shape());
            return Err(Error::new(Code::InputShape, place(), message));
        }
    }
    Ok(())
}

/// Whether the inputs are those of the graph, all of them and in their shapes.
pub(super) fn check_inputs(graph: &CheckedGraph, inputs: &Named<f32>) -> Result<(), Error> {
    check("input", graph.inputs(), inputs)?;
    if inputs.len() == graph.inputs().count() {
        return Ok(()); // all that is asked for is there, and no more
    }
    let name = inputs.keys().find(|name| !graph.inputs().any(|(known, _)| known == *name));
    let unknown = |name: &String| unknown(Code::InputName, "input", name, graph.inputs().map(|(name, _)| name));
    name.map_or(Ok(()), |name| Err(unknown(name)))
}

/// Whether every cotangent is that of an output, in its shape.
pub(super) fn check_cotangents(graph: &CheckedGraph, cotangents: &Named<f32>) -> Result<(), Error> {
    for (name, cotangent) in cotangents {
        let Some(node) = graph.outputs().get(name).and_then(|&id| graph.nodes().get(id)) else {
            return Err(unknown(Code::Gradient, "output", name, graph.outputs().keys().map(String::as_str)));
        };
        if *cotangent.shape() != node.shape {
            let message = format!("its value has the shape {}, the cotangent {}", node.shape, cotangent.shape());
            return Err(Error::new(Code::Gradient, format!("output {name:?}"), message));
        }
    }
    Ok(())
}

fn unknown<'n>(code: Code, what: &str, name: &str, known: impl Iterator<Item = &'n str>) -> Error {
    let known: Vec<&str> = known.collect();
    let has = if known.is_empty() { "none at all".to_string() } else { known.join(", ") };
    Error::new(code, format!("{what} {name:?}"), format!("the graph has no {what} of this name, but {has}"))
}

/// Whether the graph was compiled for gradients.
pub(super) fn asked(gradients: bool) -> Result<(), Error> {
    let message = "it was compiled without gradients; `Options::gradients` asks for those of parameters, `Options::inputs` for those of inputs, too";
    if gradients { Ok(()) } else { Err(Error::new(Code::Gradient, "the compiled graph", message)) }
}

/// Whether the plan has tangents along the source of this name.
pub(super) fn planned(name: &str, wanted: bool) -> Result<(), Error> {
    let message = "there is no tangent along it: it leads to labels, masks or weights of classes, or it is an input and \
        the graph was compiled without `Options::inputs`";
    if wanted { Ok(()) } else { Err(Error::new(Code::Gradient, format!("{name:?}"), message)) }
}

/// The error with the node where it arose.
pub(super) fn located(graph: &CheckedGraph, (id, error): (usize, EvalError)) -> Error {
    let op = graph.nodes().get(id).map_or("", |node| node.op.name());
    Error::new(Code::Evaluation, format!("node {id} ({op})"), error.to_string())
}

/// The numbers of words.
pub(super) fn floats(words: &Tensor<u32>) -> Vec<f32> {
    words.data().iter().map(|&word| f32::from_bits(word)).collect()
}
