//! The intermediate representation: shapes, attributes, graphs, and reading a graph over a context.

#[macro_use]
pub mod attributes;
pub mod evaluate;
pub mod graph;
pub mod reverse;
pub mod shape;

pub use evaluate::evaluate;
pub use graph::{CheckedGraph, Graph, Node};
pub use shape::{Shape, Tensor};
