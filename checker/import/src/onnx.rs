//! A whole model: decoded, checked for what is not supported, walked in order, lowered node by node.

use crate::array::{Array, Elements, MAX_FOLDED};
use crate::builder::{Builder, Value};
use crate::call::Call;
use crate::error::{ImportError, fault};
use crate::proto::{DimensionProto, GraphProto, ModelProto, NodeProto, TensorTypeProto, ValueInfoProto};
use crate::tensor_proto::{self, External};
use crate::{Dtype, ImportOptions, Model, file};
use crate::{lower, order};
use prost::Message;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::Path;
use tl_kernel::ir::Shape;
use tl_kernel::limits::Limits;

/// The supported versions of the operator set `ai.onnx`.
pub const OPSETS: RangeInclusive<i64> = 7..=28;

/// The model in the file at `path`; a name that ends in `.gz` is decompressed. External data are read from beside the file.
pub fn import_onnx(path: impl AsRef<Path>, options: &ImportOptions) -> Result<Model, ImportError> {
    let path = path.as_ref();
    let read = || {
        let bytes = file::read(path, options.limit)?;
        import(&bytes, Some(path.parent().unwrap_or(Path::new(""))), options)
    };
    read().map_err(|error| error.in_file(path.display()))
}

/// The model in `bytes`, which may be gzipped (no ONNX message begins as gzip does); `base` is the folder of its external data, without which
/// it may have none.
pub fn import_onnx_bytes(bytes: &[u8], base: Option<&Path>, options: &ImportOptions) -> Result<Model, ImportError> {
    if bytes.starts_with(&[0x1f, 0x8b]) {
        return import(&file::gunzip(bytes, options.limit)?, base, options);
    }
    import(bytes, base, options)
}

fn import(bytes: &[u8], base: Option<&Path>, options: &ImportOptions) -> Result<Model, ImportError> {
    let model = ModelProto::decode(bytes).map_err(|error| fault!(Protobuf, "no ONNX model: {error}"))?;
    let opset = opset(&model)?;
    let graph = model.graph.as_ref().ok_or_else(|| fault!(NotAModel, "it has no graph"))?;
    refuse(&model, graph)?;
    let walk = Walk {
        opset,
        external: External { base, limit: options.limit },
        options,
        builder: Builder::default(),
        values: BTreeMap::new(),
        dimensions: BTreeMap::new(),
        folded: 0,
        refused: BTreeMap::new(),
    };
    let mut imported = walk.import(graph)?;
    imported.opset = opset;
    imported.ir_version = model.ir_version.unwrap_or(0);
    imported.producer = model.producer_name.unwrap_or_default();
    Ok(imported)
}

/// The version of the default operator set.
fn opset(model: &ModelProto) -> Result<i64, ImportError> {
    let is_default = |domain: &Option<String>| matches!(domain.as_deref().unwrap_or_default(), "" | "ai.onnx");
    let mut versions =
        model.opset_import.iter().filter(|set| is_default(&set.domain)).map(|set| set.version.unwrap_or(0));
    match (versions.next(), versions.next()) {
        (None, _) => Err(fault!(NotAModel, "it names no version of the operator set ai.onnx")),
        (Some(_), Some(_)) => Err(fault!(Opset, "the operator set ai.onnx is named twice")),
        (Some(version), None) if OPSETS.contains(&version) => Ok(version),
        (Some(version), None) => {
            Err(fault!(Opset, "version {version} of ai.onnx, supported are {} to {}", OPSETS.start(), OPSETS.end()))
        }
    }
}

/// Refuses what a model may hold beside plain nodes.
fn refuse(model: &ModelProto, graph: &GraphProto) -> Result<(), ImportError> {
    let features = [
        ("functions of the model", model.functions.len()),
        ("training information", model.training_info.len()),
        ("sparse initializers", graph.sparse_initializer.len()),
        ("quantization annotations", graph.quantization_annotation.len()),
    ];
    match features.into_iter().find(|&(_, number)| number > 0) {
        Some((feature, number)) => Err(fault!(UnsupportedFeature, "{feature} ({number})")),
        None => Ok(()),
    }
}

/// The walk over the nodes of a graph.
struct Walk<'a> {
    opset: i64,
    external: External<'a>,
    options: &'a ImportOptions,
    builder: Builder,
    values: BTreeMap<&'a str, Value>,
    /// Sizes of the symbolic dimensions.
    dimensions: BTreeMap<&'a str, usize>,
    /// Elements of the constants that nodes made.
    folded: usize,
    /// Inputs that could not be imported; an error only where a needed node uses one.
    refused: BTreeMap<&'a str, ImportError>,
}

impl<'a> Walk<'a> {
    fn import(mut self, graph: &'a GraphProto) -> Result<Model, ImportError> {
        let order = order::order(graph)?;
        for tensor in &graph.initializer {
            let name = tensor.name.as_deref().unwrap_or_default();
            let is_input = || graph.input.iter().any(|input| input.name.as_deref() == Some(name));
            if self.options.bindings.contains_key(name) && is_input() {
                continue; // an initializer of an input is its default
            }
            let array = tensor_proto::array(tensor, self.external)?;
            self.define(name, Value::constant(name, array))?;
        }
        let mut unused = Vec::new();
        for input in &graph.input {
            let name = input.name.as_deref().unwrap_or_default();
            if self.values.contains_key(name) {
                continue; // before IR version 4, initializers are listed among the inputs
            }
            match self.input(name, input).map_err(|error| error.at(format!("input {name:?}"))) {
                Ok(value) => {
                    let is_empty = |array: &Array| array.dimensions().contains(&0);
                    if !self.options.bindings.contains_key(name)
                        && matches!(&value, Value::Constant(constant) if is_empty(&constant.array))
                    {
                        unused.push(name.to_string());
                    }
                    self.define(name, value)?;
                }
                Err(error) => {
                    unused.push(name.to_string());
                    self.refused.insert(name, error);
                }
            }
        }
        let undeclared = |name: &&String| !graph.input.iter().any(|input| input.name.as_ref() == Some(name));
        if let Some(name) = self.options.bindings.keys().find(undeclared) {
            return Err(fault!(Name, "a tensor is bound to {name:?}, which is no input"));
        }
        for position in order {
            if let Some(node) = graph.node.get(position) {
                self.node(node).map_err(|error| error.at(place(position, node)))?;
            }
        }
        self.finish(graph, unused)
    }

    fn define(&mut self, name: &'a str, value: Value) -> Result<(), ImportError> {
        match self.values.insert(name, value) {
            Some(_) => Err(fault!(Name, "{name:?} is defined twice")),
            None => Ok(()),
        }
    }

    /// The value of a graph input: a bound constant, or an input of the imported graph.
    fn input(&mut self, name: &'a str, info: &'a ValueInfoProto) -> Result<Value, ImportError> {
        let tensor = info.r#type.as_ref().and_then(|t| t.tensor_type.as_ref());
        let tensor = tensor.ok_or_else(|| fault!(UnsupportedFeature, "it is not a tensor"))?;
        let dtype = tensor_proto::dtype(tensor.elem_type.unwrap_or(0))?;
        if let Some(array) = self.options.bindings.get(name) {
            bindable(array, dtype, tensor)?;
            return Ok(Value::constant(name, array.clone()));
        }
        if dtype.range().is_some() {
            return Err(fault!(UnboundInput, "it is {}; bind it to a constant", dtype.name()));
        } else if dtype != Dtype::Float32 {
            return Err(fault!(Dtype, "it is {}, supported is float32", dtype.name()));
        }
        let shape = tensor.shape.as_ref().ok_or_else(|| fault!(SymbolicDimension, "it has no shape"))?;
        let mut dimensions = Vec::with_capacity(shape.dim.len());
        for (axis, dimension) in shape.dim.iter().enumerate() {
            let symbol = dimension.dim_param.as_deref().unwrap_or_default();
            let size = match dimension.dim_value {
                Some(value) if value >= 0 && symbol.is_empty() => {
                    usize::try_from(value).map_err(|_| fault!(LimitElements, "dimension {value}"))?
                }
                _ => self.symbolic(symbol, axis)?,
            };
            dimensions.push(size);
        }
        if dimensions.contains(&0) {
            // Nothing is read from it, so that it is a constant, and no input of the graph.
            let nothing = Array::new(Dtype::Float32, dimensions, Elements::Words(Vec::new()))?;
            return Ok(Value::constant(name, nothing));
        }
        let shape = Shape::new(dimensions).map_err(|error| fault!(Shapes, "{error}"))?;
        Ok(Value::Node(self.builder.input(name, shape)))
    }

    /// The size of a dimension that the model leaves open: as the options name it, or the batch when it is the first.
    fn symbolic(&mut self, symbol: &'a str, axis: usize) -> Result<usize, ImportError> {
        let named = self.options.dimensions.get(symbol).or(self.dimensions.get(symbol)).filter(|_| !symbol.is_empty());
        match named {
            Some(&size) => Ok(size),
            None if axis == 0 => {
                self.dimensions.insert(symbol, self.options.batch);
                Ok(self.options.batch)
            }
            None => Err(fault!(SymbolicDimension, "dimension {axis} is {symbol:?}; give it a size by name")),
        }
    }

    fn node(&mut self, node: &'a NodeProto) -> Result<(), ImportError> {
        if !matches!(node.domain.as_deref().unwrap_or_default(), "" | "ai.onnx") {
            let domain = node.domain.as_deref().unwrap_or_default();
            return Err(fault!(
                UnsupportedOp,
                "{} of the domain {domain:?}",
                node.op_type.as_deref().unwrap_or_default()
            ));
        }
        let mut inputs = Vec::with_capacity(node.input.len());
        for name in &node.input {
            inputs.push(if name.is_empty() { None } else { Some(self.value(name)?) });
        }
        let outputs: Vec<&str> = node.output.iter().map(String::as_str).collect();
        let mut call = Call::new(node, self.opset, inputs, outputs.clone(), self.external)?;
        let values = lower::lower(&mut self.builder, &mut call)?;
        call.finish()?;
        for (position, name) in outputs.iter().enumerate().skip(values.len()) {
            let error = fault!(UnsupportedFeature, "output {position} of {}", call.op);
            self.refused.insert(name, error.at(format!("value {name:?}")));
        }
        for (name, value) in outputs.into_iter().zip(values).filter(|(name, _)| !name.is_empty()) {
            if let Value::Constant(constant) = &value {
                self.folded = self.folded.saturating_add(constant.array.elements().len());
            }
            if self.folded > MAX_FOLDED {
                return Err(fault!(LimitElements, "folding makes more than {MAX_FOLDED} elements"));
            }
            let value = match value {
                Value::Constant(constant) if constant.name.is_empty() => {
                    Value::constant(name, std::rc::Rc::unwrap_or_clone(constant.array))
                }
                value => value,
            };
            self.define(name, value)?;
        }
        Ok(())
    }

    fn value(&self, name: &str) -> Result<Value, ImportError> {
        match (self.values.get(name), self.refused.get(name)) {
            (Some(value), _) => Ok(value.clone()),
            (None, Some(error)) => Err(error.clone()),
            (None, None) => Err(fault!(Name, "{name:?} is used before it is defined")),
        }
    }

    fn finish(mut self, graph: &GraphProto, mut unused_inputs: Vec<String>) -> Result<Model, ImportError> {
        let mut outputs = BTreeMap::new();
        let mut names = Vec::new();
        for output in &graph.output {
            let name = output.name.clone().unwrap_or_default();
            let id = self.value(&name).and_then(|value| self.builder.node(&value));
            let id = id.map_err(|error| error.at(format!("output {name:?}")))?;
            if outputs.insert(name.clone(), id).is_some() {
                return Err(fault!(Name, "output {name:?} occurs twice"));
            }
            names.push(name);
        }
        let node = |(name, value): (&&str, &Value)| Some((name.to_string(), self.builder.stands_for(value)?));
        let values = self.values.iter().filter_map(node).collect();
        let finished = self.builder.finish(outputs, values);
        let unbounded = Limits { nodes: usize::MAX, elements: usize::MAX, work: u64::MAX, ..Limits::default() };
        let checked = finished.graph.check("", &unbounded).map_err(|diagnostic| fault!(Graph, "{diagnostic}"))?;
        unused_inputs.extend(finished.unused_inputs);
        unused_inputs.sort_unstable();
        Ok(Model {
            inputs: checked.inputs().map(|(name, shape)| (name.to_string(), shape.clone())).collect(),
            outputs: names,
            unused_inputs,
            graph: checked.graph().clone(),
            parameters: finished.parameters,
            values: finished.values,
            ..Model::default()
        })
    }
}

/// Refuses to bind an input to an array of another type or shape.
fn bindable(array: &Array, dtype: Dtype, declared: &TensorTypeProto) -> Result<(), ImportError> {
    if array.dtype() != dtype {
        let (found, due) = (array.dtype().name(), dtype.name());
        return Err(fault!(Dtype, "it is {due}, the tensor bound to it {found}"));
    }
    let Some(shape) = &declared.shape else {
        return Ok(());
    };
    let fits = |(dimension, &size): (&DimensionProto, &usize)| {
        dimension.dim_value.is_none_or(|value| usize::try_from(value).map_or(value < 0, |value| value == size))
    };
    let same_rank = shape.dim.len() == array.rank();
    if !same_rank || !shape.dim.iter().zip(array.dimensions()).all(fits) {
        return Err(fault!(Shapes, "the tensor bound to it has shape {:?}", array.dimensions()));
    }
    Ok(())
}

fn place(position: usize, node: &NodeProto) -> String {
    let op = node.op_type.as_deref().unwrap_or_default();
    match node.name.as_deref().unwrap_or_default() {
        "" => format!("node {position} ({op})"),
        name => format!("node {position} {name:?} ({op})"),
    }
}
