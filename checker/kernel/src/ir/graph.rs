//! Graphs: a list of nodes in static single assignment, parents before children.
//!
//! Claim: a [`CheckedGraph`] exists only if every constraint below holds; evaluation relies on them and checks none again.
//!
//! - graph_c1: every parent id is smaller than the node's own id (so the graph is acyclic and its order is an evaluation order);
//! - graph_c2: every operation has as many parents as it takes, and its constraints (`spec-tests/ops/`) hold for their shapes;
//! - graph_c3: every declared shape is the inferred one; the shapes of `input` and `const` are declared only;
//! - graph_c4: inputs have different names, and so do constants, and so do outputs; there is at least one output;
//! - graph_c5: every node leads to an output;
//! - graph_c6: nodes, live elements and work are within the stated limits.

use crate::cert::json::{Cursor, Json, Object};
use crate::diagnostic::{Code, Diagnostic};
use crate::ir::Shape;
use crate::ir::attributes::Attribute;
use crate::limits::Limits;
use crate::spec::Op;
use std::collections::{BTreeMap, BTreeSet};

/// One operation applied to earlier nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// The operation with its attributes.
    pub op: Op,
    /// Ids of the operands.
    pub parents: Vec<usize>,
    /// The declared shape of the result.
    pub shape: Shape,
}

/// A graph as written, not yet checked.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Graph {
    /// The nodes; a node's id is its position.
    pub nodes: Vec<Node>,
    /// The outputs: name and node id.
    pub outputs: BTreeMap<String, usize>,
}

/// A graph that satisfies graph_c1 … graph_c6.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedGraph {
    graph: Graph,
    last_use: Vec<usize>,
    work: Vec<u64>,
    live: usize,
}

attribute! {
    Shape,
    |cursor: Cursor| {
        let pointer = cursor.pointer();
        Shape::new(Attribute::decode(cursor)?).map_err(|error| Diagnostic::new(Code::ShapeInvalid, pointer, error))
    },
    |shape: &Shape| shape.dimensions().to_vec().encode(),
    Json::defined("shape")
}

impl Graph {
    /// Decodes `{"nodes": […], "outputs": {…}}`.
    pub fn decode(cursor: Cursor, limits: &Limits) -> Result<Self, Diagnostic> {
        cursor.record(|graph| {
            let nodes = graph.take("nodes")?;
            let place = nodes.pointer();
            let nodes = nodes.array()?;
            few_nodes(nodes.len(), place, limits)?;
            let nodes = nodes.map(|node| node.record(Node::decode)).collect::<Result<_, _>>()?;
            let outputs = graph.take("outputs")?.object()?;
            let outputs =
                outputs.into_entries().map(|(name, id)| Ok((name, id.integer()?))).collect::<Result<_, _>>()?;
            Ok(Graph { nodes, outputs })
        })
    }

    /// The graph as certificates write it; also what its digest is taken of.
    pub fn encode(&self) -> Json {
        let outputs = self.outputs.iter().map(|(name, id)| (name.clone(), id.encode())).collect();
        Json::object([
            ("nodes", Json::Array(self.nodes.iter().map(Node::encode).collect())),
            ("outputs", Json::Object(outputs)),
        ])
    }

    /// Checks graph_c1 … graph_c6. Places in diagnostics are relative to `pointer`, where the graph stands.
    pub fn check(self, pointer: &str, limits: &Limits) -> Result<CheckedGraph, Diagnostic> {
        few_nodes(self.nodes.len(), format!("{pointer}/nodes"), limits)?;
        let mut work = Vec::with_capacity(self.nodes.len());
        let mut last_use: Vec<usize> = (0..self.nodes.len()).collect();
        for (id, node) in self.nodes.iter().enumerate() {
            let place = format!("{pointer}/nodes/{id}");
            work.push(self.check_node(id, node).map_err(|mut diagnostic| {
                diagnostic.pointer = format!("{place}{}", diagnostic.pointer);
                diagnostic.at_node(id, node.op.name())
            })?);
            for &parent in &node.parents {
                if let Some(last) = last_use.get_mut(parent) {
                    *last = id;
                }
            }
        }
        self.check_names(pointer)?;
        self.check_outputs(pointer, &mut last_use)?;
        let mut checked = CheckedGraph { graph: self, last_use, work, live: 0 };
        checked.live = checked.live_elements();
        Code::LimitElements.unless(checked.live <= limits.elements, pointer, || {
            format!("{} elements alive at one time, the limit is {}", checked.live, limits.elements)
        })?;
        let work = checked.work();
        Code::LimitWork.unless(work <= limits.work, pointer, || {
            format!("the cost of {work} multiply-adds, the limit is {}", limits.work)
        })?;
        Ok(checked)
    }

    /// graph_c1, graph_c2, graph_c3 for one node; its work.
    fn check_node(&self, id: usize, node: &Node) -> Result<u64, Diagnostic> {
        for &parent in &node.parents {
            Code::ForwardReference
                .unless(parent < id, "/parents", || format!("parent {parent} of node {id} is not an earlier node"))?;
        }
        let (arity, count) = (node.op.arity(), node.parents.len());
        Code::Arity.unless(arity.contains(&count), "/parents", || {
            format!("takes {} to {} parents, has {count}", arity.start(), arity.end())
        })?;
        if node.op.is_source() {
            return Ok(node.op.work(&[], &node.shape));
        }
        let parents: Vec<&Shape> = node.parents.iter().filter_map(|&p| self.nodes.get(p)).map(|n| &n.shape).collect();
        let inferred = node.op.shape(&parents).map_err(|fault| {
            Diagnostic::new(Code::Constraint, "", fault.message).with("constraint", fault.constraint)
        })?;
        if inferred != node.shape {
            let finding = Diagnostic::new(Code::ShapeDiffers, "/shape", "the declared shape is not the inferred one");
            return Err(finding.comparing(&node.shape, inferred));
        }
        Ok(node.op.work(&parents, &node.shape))
    }

    /// graph_c4 for inputs and constants.
    fn check_names(&self, pointer: &str) -> Result<(), Diagnostic> {
        let mut seen = BTreeMap::new();
        for (id, node) in self.nodes.iter().enumerate() {
            let earlier = node.op.source().and_then(|source| seen.insert(source, id));
            if let (Some((kind, name)), Some(earlier)) = (node.op.source(), earlier) {
                let message = format!("{kind} {name:?} is also node {earlier}");
                let place = format!("{pointer}/nodes/{id}/attributes/name");
                return Err(Diagnostic::new(Code::DuplicateName, place, message));
            }
        }
        Ok(())
    }

    /// graph_c4 for outputs, and graph_c5. An output is used after the last node.
    fn check_outputs(&self, pointer: &str, last_use: &mut [usize]) -> Result<(), Diagnostic> {
        let place = format!("{pointer}/outputs");
        Code::Output.unless(!self.outputs.is_empty(), &place, || "a graph has at least one output".into())?;
        for (name, &id) in &self.outputs {
            let message = || format!("output {name:?} is node {id}, which does not exist");
            let missing = || Diagnostic::new(Code::Output, &place, message());
            *last_use.get_mut(id).ok_or_else(missing)? = usize::MAX;
        }
        // The last of the nodes that lead to no output is used by none: a node that uses it comes later, so it leads to an output, and so would this one.
        for (id, node) in self.nodes.iter().enumerate().rev() {
            let needless = || format!("node {id} leads to no output");
            let found = Code::Unused.unless(last_use.get(id) != Some(&id), format!("{pointer}/nodes/{id}"), needless);
            found.map_err(|finding| finding.at_node(id, node.op.name()))?;
        }
        Ok(())
    }
}

fn few_nodes(count: usize, place: String, limits: &Limits) -> Result<(), Diagnostic> {
    let message = || format!("{count} nodes, the limit is {}", limits.nodes);
    Code::LimitNodes.unless(count <= limits.nodes, place, message)
}

impl CheckedGraph {
    /// The nodes; a node's id is its position.
    pub fn nodes(&self) -> &[Node] {
        &self.graph.nodes
    }

    /// The outputs: name and node id.
    pub fn outputs(&self) -> &BTreeMap<String, usize> {
        &self.graph.outputs
    }

    /// The graph as it was written.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Inputs, by name, with their shapes.
    pub fn inputs(&self) -> impl Iterator<Item = (&str, &Shape)> {
        self.sources("input")
    }

    /// Constants, by name, with their shapes.
    pub fn constants(&self) -> impl Iterator<Item = (&str, &Shape)> {
        self.sources("const")
    }

    fn sources(&self, kind: &'static str) -> impl Iterator<Item = (&str, &Shape)> {
        let sources = self.nodes().iter().filter_map(|node| Some((node.op.source()?, &node.shape)));
        sources.filter(move |((of, _), _)| *of == kind).map(|((_, name), shape)| (name, shape))
    }

    /// The cost of one evaluation, in the unit of [`Op::work`].
    pub fn work(&self) -> u64 {
        self.work.iter().fold(0, |sum, work| sum.saturating_add(*work))
    }

    /// The cost of one node.
    pub(crate) fn work_of(&self, id: usize) -> u64 {
        self.work.get(id).copied().unwrap_or(u64::MAX)
    }

    /// The most elements alive at one time in an evaluation.
    pub fn live(&self) -> usize {
        self.live
    }

    /// Id of the last node that uses the value of node `id`; `usize::MAX` for an output.
    fn last_use(&self, id: usize) -> usize {
        self.last_use.get(id).copied().unwrap_or(usize::MAX)
    }

    /// The most elements alive at one time when each value is dropped after its last use.
    fn live_elements(&self) -> usize {
        let size = |id: usize| self.nodes().get(id).map_or(0, |node| node.shape.elements());
        let (mut live, mut most) = (0usize, 0usize);
        for (id, node) in self.nodes().iter().enumerate() {
            live = live.saturating_add(size(id));
            most = most.max(live);
            let dying: BTreeSet<usize> = node.parents.iter().copied().filter(|&p| self.last_use(p) == id).collect();
            live = dying.into_iter().fold(live, |live, p| live.saturating_sub(size(p)));
        }
        most
    }
}

impl Node {
    fn decode(node: &mut Object) -> Result<Self, Diagnostic> {
        Ok(Node { op: Op::decode(node)?, parents: node.decode("parents")?, shape: node.decode("shape")? })
    }

    fn encode(&self) -> Json {
        let mut entries = self.op.encode();
        entries.push(("parents".to_string(), self.parents.encode()));
        entries.push(("shape".to_string(), self.shape.encode()));
        Json::Object(entries)
    }
}
