//! Cases: tensors from files for the inputs (or recorded outputs) of a graph.
//!
//! A file is given as `NAME=FILE`, or as `FILE` where the names follow: from the file (`.npz`, `.safetensors`, a named `.pb`), or because the graph has only one.
//! A name that is given again begins the next case; every name is given equally often. Shapes are exact: `[10]` is not `[1, 10]`, unless a reshape is asked for.

use crate::error::{Code, Error};
use crate::model::Model;
use std::path::Path;
use tl_kernel::ir::evaluate::Named;
use tl_kernel::ir::{Shape, Tensor};

/// What tensors are given for, as messages say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// An input of the graph.
    Input,
    /// A recorded output.
    Output,
    /// A recorded node.
    Node,
    /// A recorded gradient.
    Gradient,
    /// A cotangent of an output.
    Cotangent,
}

impl Role {
    fn word(self) -> &'static str {
        match self {
            Role::Input => "input",
            Role::Output => "output",
            Role::Node => "node",
            Role::Gradient => "gradient",
            Role::Cotangent => "cotangent",
        }
    }
}

/// The cases that the files `given` are, for the inputs of the model. A graph without inputs has one case.
pub fn read_inputs(model: &Model, given: &[String], reshape: bool) -> Result<Vec<Named<u32>>, Error> {
    let (wanted, unused) = (model.inputs(), &model.unused_inputs);
    let is_used = |text: &&String| !text.split_once('=').is_some_and(|(name, _)| unused.iter().any(|u| u == name));
    let given: Vec<String> = given.iter().filter(is_used).cloned().collect();
    let cases = read(Role::Input, &wanted, &given, reshape)?;
    match wanted.first() {
        None => Ok(vec![Named::new()]),
        Some((name, shape)) if cases.is_empty() => {
            let message = format!("nothing is given for {name:?} of shape {shape}");
            Err(Error::new(Code::InputMissing, "--input", message))
        }
        Some(_) => Ok(cases),
    }
}

/// The recorded nodes that the files `given` are, by id in decimal; any but sources and outputs, and as many cases as there are files for the node that has most.
pub fn read_nodes(model: &Model, given: &[String], reshape: bool) -> Result<Vec<Named<u32>>, Error> {
    let wanted: Vec<_> = recordable(model).map(|id| (id.to_string(), model.graph.nodes()[id].shape.clone())).collect();
    gather(Role::Node, &wanted, given, reshape)
}

/// The recorded gradients that the files `given` are, by source; not every source needs one.
pub fn read_gradients(wanted: &[(String, Shape)], given: &[String], reshape: bool) -> Result<Vec<Named<u32>>, Error> {
    gather(Role::Gradient, wanted, given, reshape)
}

/// The nodes that a trace may record beside the outputs.
pub fn recordable(model: &Model) -> impl Iterator<Item = usize> {
    let (nodes, outputs) = (model.graph.nodes(), model.graph.outputs());
    (0..nodes.len()).filter(move |id| !nodes[*id].op.is_source() && !outputs.values().any(|output| output == id))
}

/// The cases that the files `given` are, for the tensors `wanted`; none when nothing is given.
pub fn read(role: Role, wanted: &[(String, Shape)], given: &[String], reshape: bool) -> Result<Vec<Named<u32>>, Error> {
    let cases = gather(role, wanted, given, reshape)?;
    for (i, case) in cases.iter().enumerate() {
        if let Some((name, shape)) = wanted.iter().find(|(name, _)| !case.contains_key(name)) {
            let message = format!("case {i} has no {} {name:?} of shape {shape}", role.word());
            return Err(Error::new(Code::InputMissing, format!("--{}", role.word()), message));
        }
    }
    Ok(cases)
}

/// The cases that the files `given` are, complete or not.
fn gather(role: Role, wanted: &[(String, Shape)], given: &[String], reshape: bool) -> Result<Vec<Named<u32>>, Error> {
    let mut cases: Vec<Named<u32>> = Vec::new();
    for text in given {
        for (name, tensor) in tensors(role, wanted, text)? {
            let Some((_, shape)) = wanted.iter().find(|(wanted, _)| *wanted == name) else {
                let names: Vec<&str> = wanted.iter().map(|(name, _)| name.as_str()).collect();
                let message = format!("the graph has no {} {name:?}, but {}", role.word(), names.join(", "));
                return Err(Error::new(Code::InputName, text, message));
            };
            let tensor = fit(role, &name, shape, tensor, reshape)
                .map_err(|message| Error::new(Code::InputShape, text, message))?;
            let free = cases.iter().position(|case| !case.contains_key(&name));
            let case = free.unwrap_or(cases.len());
            if case == cases.len() {
                cases.push(Named::new());
            }
            cases[case].insert(name, tensor);
        }
    }
    Ok(cases)
}

/// The named tensors of one argument.
fn tensors(role: Role, wanted: &[(String, Shape)], text: &str) -> Result<Vec<(String, Tensor<u32>)>, Error> {
    let (name, file) = match text.split_once('=') {
        Some((name, file)) => (Some(name.to_string()), file),
        None => (None, text),
    };
    let mut found = tl_import::read_tensors(Path::new(file))?;
    if let Some(name) = name {
        let one = found.len() == 1;
        let tensor = found.remove(&name).or_else(|| found.pop_first().filter(|_| one).map(|(_, tensor)| tensor));
        let missing =
            || Error::new(Code::InputName, text, format!("the file has several tensors, none of them {name:?}"));
        return Ok(vec![(name.clone(), tensor.ok_or_else(missing)?)]);
    }
    let unnamed = |found: &Named<u32>| found.keys().all(|key| !wanted.iter().any(|(name, _)| name == key));
    if found.len() == 1 && unnamed(&found) {
        let [(name, _)] = wanted else {
            let names: Vec<String> = wanted.iter().map(|(name, _)| format!("{name}={file}")).collect();
            let message = format!("the graph has {} {}s; say which: {}", wanted.len(), role.word(), names.join(" or "));
            return Err(Error::new(Code::InputName, text, message));
        };
        return Ok(found.into_values().map(|tensor| (name.clone(), tensor)).collect());
    }
    Ok(found.into_iter().collect())
}

/// The tensor in the shape that the graph asks for.
fn fit(role: Role, name: &str, shape: &Shape, tensor: Tensor<u32>, reshape: bool) -> Result<Tensor<u32>, String> {
    if tensor.shape() == shape {
        return Ok(tensor);
    }
    let found = tensor.shape().clone();
    let reshaped = Tensor::new(shape.clone(), tensor.data().to_vec()).filter(|_| reshape);
    reshaped.ok_or_else(|| {
        let help =
            if !reshape && found.elements() == shape.elements() { "; --reshape reads it so, row-major" } else { "" };
        format!("the {} {name:?} has shape {shape}, the file has {found}{help}", role.word())
    })
}
