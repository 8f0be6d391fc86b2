//! Graphs and tapes as a page: one self-contained HTML file that needs no network.
//!
//! The page shows the graph with the shapes of what flows along its edges; of a tape the values, the gradients, who contributed what to them, and the reverse pass step by step; of a
//! certificate its verdict, and where it bounds errors, what is allowed and what was found. Data go into the page as one JSON text; `page.js` draws them, `page.css` says how it looks.

mod layout;
mod source;
mod summary;

use crate::error::{Code, Error};
use crate::tape::{Gradients, Id, Tape};
use layout::layout;
pub use source::Source;
use std::collections::BTreeMap;
use summary::{figure, norm, summary};
use tl_kernel::cert::json::Json;
use tl_kernel::ir::CheckedGraph;

/// More nodes than a page can show.
pub const MAX_NODES: usize = 4000;

/// What a page is made of.
#[derive(Debug)]
pub struct View<'a> {
    /// What the page is about, such as a file's name.
    pub title: String,
    /// A sentence below it, such as a verdict.
    pub sentence: String,
    /// The graph.
    pub graph: &'a CheckedGraph,
    /// Its values.
    pub tape: Option<&'a Tape<'a>>,
    /// A reverse pass over it in which everything was kept.
    pub gradients: Option<&'a Gradients>,
    /// What is known of errors at nodes, by id: name and figure.
    pub budgets: BTreeMap<usize, Vec<(String, String)>>,
}

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

impl View<'_> {
    /// The page, or that there is too much to show.
    pub fn page(&self) -> Result<String, Error> {
        let count = self.graph.nodes().len();
        if count > MAX_NODES {
            let message = format!("{count} nodes are more than a page can show, which is {MAX_NODES}");
            return Err(Error::new(Code::Usage, &self.title, message));
        }
        // Inside a script element only `</` and `<!--` could end it.
        let data = self.data().to_string().replace('<', "\\u003c");
        let title = self.title.replace('&', "&amp;").replace('<', "&lt;");
        let parts = [("/*STYLE*/", STYLE), ("/*SCRIPT*/", SCRIPT), ("TITLE", &title), ("\"DATA\"", &data)];
        Ok(parts.iter().fold(PAGE.to_string(), |page, (mark, part)| page.replacen(mark, part, 1)))
    }

    /// Sources that only one node uses stand inside it.
    fn drawn(&self) -> Vec<bool> {
        let nodes = self.graph.nodes();
        let mut uses = vec![0usize; nodes.len()];
        nodes.iter().flat_map(|node| &node.parents).for_each(|&parent| uses[parent] += 1);
        self.graph.outputs().values().for_each(|&id| uses[id] += 2);
        let inside =
            |(id, uses): (usize, usize)| uses == 1 && nodes[id].op.source().is_some_and(|(kind, _)| kind == "const");
        uses.into_iter().enumerate().map(|at| !inside(at)).collect()
    }

    fn data(&self) -> Json {
        let nodes = self.graph.nodes();
        let parents: Vec<Vec<usize>> = nodes.iter().map(|node| node.parents.clone()).collect();
        let drawn = self.drawn();
        let places = layout(&parents, &drawn);
        let integer = |n: usize| Json::Integer(i64::try_from(n).unwrap_or(i64::MAX));
        let gradients = self.cotangents();
        let node = |(id, node): (usize, &tl_kernel::ir::Node)| {
            let (layer, place) = places[id];
            let (keyword, name) = (node.op.name(), node.op.source().map_or("", |(_, name)| name));
            let attributes = node.op.encode().into_iter().find(|(key, _)| key == "attributes").map(|(_, json)| json);
            let outputs = self.graph.outputs().iter().filter(|(_, output)| **output == id);
            let value = self.tape.and_then(|tape| tape.value(Id(id)).ok()).map(summary);
            let budget = self.budgets.get(&id).into_iter().flatten();
            let pair = |(name, figure): &(String, String)| Json::Array(vec![Json::string(name), Json::string(figure)]);
            let mut entries = vec![
                ("op", Json::string(keyword)),
                ("name", Json::string(name)),
                ("shape", Json::string(node.shape.to_string())),
                ("parents", Json::Array(node.parents.iter().map(|&p| integer(p)).collect())),
                ("outputs", Json::Array(outputs.map(|(name, _)| Json::string(name)).collect())),
                ("drawn", Json::Bool(drawn[id])),
                ("layer", integer(layer)),
                ("place", Json::string(format!("{place:.3}"))),
                ("budget", Json::Array(budget.map(pair).collect())),
            ];
            entries.extend(attributes.map(|attributes| ("attributes", attributes)));
            entries.extend(value.map(|value| ("value", value)));
            entries.extend(gradients.get(&id).cloned().map(|gradient| ("gradient", gradient)));
            Json::object(entries)
        };
        Json::object([
            ("title", Json::string(&self.title)),
            ("sentence", Json::string(&self.sentence)),
            ("nodes", Json::Array(nodes.iter().enumerate().map(node).collect())),
            ("steps", Json::Array(self.steps())),
        ])
    }

    /// What is shown of every cotangent.
    fn cotangents(&self) -> BTreeMap<usize, Json> {
        let Some(gradients) = self.gradients else { return BTreeMap::new() };
        let of_steps = gradients.steps().iter().map(|step| (step.node, &step.cotangent));
        of_steps.chain(gradients.iter()).map(|(id, tensor)| (id.0, summary(tensor))).collect()
    }

    /// The reverse pass: each node with what it sends to its parents.
    fn steps(&self) -> Vec<Json> {
        let id = |id: Id| Json::Integer(i64::try_from(id.0).unwrap_or(i64::MAX));
        let steps = self.gradients.map(Gradients::steps).unwrap_or_default();
        let sent = |(to, tensor): &(Id, tl_kernel::ir::Tensor<f32>)| {
            Json::object([("to", id(*to)), ("norm", Json::string(figure(norm(tensor)))), ("what", summary(tensor))])
        };
        let step = |step: &crate::tape::Step| {
            let norm = Json::string(figure(norm(&step.cotangent)));
            let sent = step.contributions.iter().map(sent).collect();
            Json::object([("node", id(step.node)), ("norm", norm), ("sent", Json::Array(sent))])
        };
        steps.iter().map(step).collect()
    }
}
