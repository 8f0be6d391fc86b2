//! Files of other people → tensors, boxes and the kernel's intermediate representation.
//!
//! Claim: what is imported means what the file means by its published format, or there is a [`ImportError`] that names the place. Nothing is
//! approximated, no convention is guessed, and the same bytes give the same graph. The importer is believed only by sentences that name
//! the source file.
//!
//! | door | from | to |
//! |---|---|---|
//! | [`import_onnx`], [`import_onnx_bytes`] | ONNX, operator sets 7 to 28 (`.onnx`, `.onnx.gz`, external data) | [`Model`] |
//! | [`read_tensors`], [`read_arrays`], [`parse_tensor`] | `.npy`, `.npz`, TensorProto `.pb`, `.safetensors` | float32 tensors; arrays to bind inputs to |
//! | [`read_property`] | VNN-LIB 1.0 (`.vnnlib`, `.vnnlib.gz`) | [`Property`] with its input box |

mod array;
mod builder;
mod call;
mod error;
mod file;
mod fold;
mod lower;
mod moves;
mod npy;
mod npz;
mod onnx;
mod order;
mod proto;
mod tensor_proto;
mod tensors;
mod vnnlib;

pub use array::{Array, Dtype, Elements};
pub use error::{At, ImportError};
pub use lower::operators;
pub use onnx::{OPSETS, import_onnx, import_onnx_bytes};
pub use tensors::{parse_arrays, parse_tensor, read_arrays, read_tensors};
pub use vnnlib::{Bounds, Property, parse_property, read_property};

use std::collections::BTreeMap;
use tl_kernel::ir::{Graph, Shape, Tensor};

/// What the file leaves open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportOptions {
    /// The size of an open first dimension of an input.
    pub batch: usize,
    /// The sizes of other open dimensions, by their names in the model.
    pub dimensions: BTreeMap<String, usize>,
    /// Inputs that become constants, by name; every input that is not float32 has to be here.
    pub bindings: BTreeMap<String, Array>,
    /// Largest number of bytes of the model (decompressed) and of one external tensor.
    pub limit: usize,
}

impl Default for ImportOptions {
    fn default() -> Self {
        ImportOptions { batch: 1, dimensions: BTreeMap::new(), bindings: BTreeMap::new(), limit: DEFAULT_LIMIT }
    }
}

/// The default of [`ImportOptions::limit`], and the limit of every tensor file: 2 GiB, as protobuf messages are limited.
pub const DEFAULT_LIMIT: usize = 1 << 31;

/// An imported model.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Model {
    /// The graph; [`Graph::check`] accepts it.
    pub graph: Graph,
    /// The parameters of the graph, binary32 words by name.
    pub parameters: BTreeMap<String, Tensor<u32>>,
    /// The inputs of the graph in the order of its nodes, with their shapes.
    pub inputs: Vec<(String, Shape)>,
    /// The outputs in the order of the file.
    pub outputs: Vec<String>,
    /// The named values of the file (inputs, constants, results of operators) that are the values of nodes: the id of the node. A value that was folded into
    /// others, or that no output needs, has none; a node may have several names.
    pub values: BTreeMap<String, usize>,
    /// Inputs of the file that no output needs.
    pub unused_inputs: Vec<String>,
    /// The version of the operator set `ai.onnx`.
    pub opset: i64,
    /// The version of the file format.
    pub ir_version: i64,
    /// The program that wrote the file, as it says.
    pub producer: String,
}
