//! Tapes and graphs: what ran eagerly as a graph that the kernel checks, and a graph run on a tape.

use super::{Id, Node, Role, Tape};
use crate::error::{Code, Error};
use crate::model::Model;
use std::collections::BTreeMap;
use std::path::Path;
use tl_kernel::Limits;
use tl_kernel::ir::evaluate::Named;
use tl_kernel::ir::{CheckedGraph, Graph, Tensor, graph};
use tl_kernel::spec::Op;

/// What a tape holds, as certificates have it.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The graph and its parameters.
    pub model: Model,
    /// The values of the inputs.
    pub inputs: Named<u32>,
    /// For each node of the tape the node of the graph; none where it leads to no output.
    pub nodes: Vec<Option<usize>>,
}

/// Memory alone bounds a tape.
const UNLIMITED: Limits = Limits {
    json_bytes: usize::MAX,
    file_bytes: usize::MAX,
    nodes: usize::MAX,
    elements: usize::MAX,
    work: u64::MAX,
    precision: 4096,
};

impl<'a> Tape<'a> {
    /// The graph of what leads to `outputs`, with its parameters and inputs.
    pub fn graph(&self, outputs: &[(&str, Id)]) -> Result<Recorded, Error> {
        let mut leads = vec![false; self.nodes.len()];
        for (_, id) in outputs {
            self.node(*id)?;
            leads[id.0] = true;
        }
        for (id, node) in self.nodes.iter().enumerate().rev() {
            if leads[id] {
                node.parents.iter().for_each(|parent| leads[parent.0] = true);
            }
        }
        let (mut place, mut nodes) = (vec![None; self.nodes.len()], Vec::new());
        let (mut parameters, mut inputs) = (Named::new(), Named::new());
        for (id, node) in self.nodes.iter().enumerate().filter(|(id, _)| leads[*id]) {
            place[id] = Some(nodes.len());
            // Parents lead to the output too.
            let parents = node.parents.iter().filter_map(|parent| place[parent.0]).collect();
            nodes.push(graph::Node { op: node.op.clone(), parents, shape: node.shape.clone() });
            if let (Some((_, name)), Some(value)) = (node.op.source(), &node.value) {
                let list = if node.role == Role::Input { &mut inputs } else { &mut parameters };
                list.insert(name.to_string(), value.map(|x| x.to_bits()));
            }
        }
        let ids = outputs.iter().filter_map(|(name, id)| Some((name.to_string(), place[id.0]?)));
        let graph = Graph { nodes, outputs: ids.collect() };
        let graph = graph.check("", &UNLIMITED).map_err(|finding| Error::found(Path::new("the tape"), &finding))?;
        let model =
            Model { path: "the tape".into(), graph, parameters, unused_inputs: Vec::new(), values: BTreeMap::new() };
        Ok(Recorded { model, inputs, nodes: place })
    }

    /// A tape on which a graph has run; node ids are those of the graph.
    pub fn replay(
        run: &'a super::Run,
        graph: &CheckedGraph,
        parameters: &Named<u32>,
        inputs: &Named<f32>,
    ) -> Result<Self, Error> {
        let mut tape = Tape::new(run);
        for (id, node) in graph.nodes().iter().enumerate() {
            let (name, role, value) = match &node.op {
                Op::Input(input) => (Some(&input.name), Role::Input, inputs.get(&input.name).cloned()),
                Op::Const(constant) => {
                    let value = parameters.get(&constant.name).map(|words| words.map(|&word| f32::from_bits(word)));
                    (Some(&constant.name), Role::Parameter, value)
                }
                op => {
                    let parents = node.parents.iter().map(|&id| tape.value(Id(id))).collect::<Result<Vec<_>, _>>()?;
                    let place = || format!("node {id} ({})", op.name());
                    (None, Role::Result, Some(run.value(op, &parents, &node.shape, &place)?))
                }
            };
            let place = || format!("{} {:?}", node.op.name(), name.map_or("", |name| name.as_str()));
            let value = value.ok_or_else(|| {
                Error::new(Code::InputMissing, place(), format!("nothing is given for the shape {}", node.shape))
            })?;
            if *value.shape() != node.shape {
                let message =
                    format!("the graph asks for the shape {}, what is given has {}", node.shape, value.shape());
                return Err(Error::new(Code::InputShape, place(), message));
            }
            if let Some(name) = name {
                run.refuse_anomaly(value.data(), value.shape(), || format!("the value of {}", place()))?;
                tape.sources.insert((role == Role::Input, name.clone()), Id(id));
            }
            let (name, parents) = (name.cloned(), node.parents.iter().map(|&id| Id(id)).collect());
            let (op, shape) = (node.op.clone(), node.shape.clone());
            tape.nodes.push(Node { name, role, op, parents, shape, value: Some(value) });
        }
        Ok(tape)
    }

    /// The values of outputs of a graph that was replayed.
    pub(crate) fn outputs(&self, graph: &CheckedGraph) -> Result<Named<f32>, Error> {
        let output = |(name, &id): (&String, &usize)| Ok((name.clone(), self.value(Id(id))?.clone()));
        graph.outputs().iter().map(output).collect()
    }

    /// The values as certificates have them.
    pub fn words(value: &Tensor<f32>) -> Tensor<u32> {
        const NAN: u32 = 0x7fc0_0000;
        value.map(|x| if x.is_nan() { NAN } else { x.to_bits() })
    }
}
