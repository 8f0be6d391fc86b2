//! The nodes that the outputs need, in an order of evaluation.
//!
//! The format asks writers to sort nodes; some do not, and since every name has one definition the meaning does not depend on it. Among the nodes
//! that are ready the first in the file comes first, so a sorted file keeps its order.

use crate::error::{ImportError, fault};
use crate::proto::{GraphProto, NodeProto};
use std::collections::{BTreeMap, BTreeSet};

/// The positions of the needed nodes, each after those whose outputs it uses.
pub(crate) fn order(graph: &GraphProto) -> Result<Vec<usize>, ImportError> {
    let mut producer: BTreeMap<&str, usize> = BTreeMap::new();
    for (position, node) in graph.node.iter().enumerate() {
        for name in node.output.iter().filter(|name| !name.is_empty()) {
            if producer.insert(name, position).is_some() {
                return Err(fault!(Name, "{name:?} is defined twice"));
            }
        }
    }
    if graph.output.is_empty() {
        return Err(fault!(NotAModel, "the graph has no output"));
    }
    let sources = |node: &NodeProto| -> BTreeSet<usize> {
        node.input.iter().filter_map(|name| producer.get(name.as_str()).copied()).collect()
    };
    let mut users: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    let mut waiting: BTreeMap<usize, usize> = BTreeMap::new();
    let mut ready = BTreeSet::new();
    let mut open: Vec<usize> = graph.output.iter().filter_map(|o| producer.get(o.name.as_deref()?).copied()).collect();
    while let Some(position) = open.pop() {
        let Some(node) = graph.node.get(position).filter(|_| !waiting.contains_key(&position)) else {
            continue;
        };
        let sources = sources(node);
        waiting.insert(position, sources.len());
        if sources.is_empty() {
            ready.insert(position);
        }
        for source in sources {
            users.entry(source).or_default().push(position);
            open.push(source);
        }
    }
    let mut order = Vec::with_capacity(waiting.len());
    while let Some(position) = ready.pop_first() {
        order.push(position);
        for user in users.get(&position).into_iter().flatten() {
            if let Some(left) = waiting.get_mut(user) {
                *left = left.saturating_sub(1);
                if *left == 0 {
                    ready.insert(*user);
                }
            }
        }
    }
    if order.len() != waiting.len() {
        return Err(fault!(Name, "nodes use each other's outputs in a circle"));
    }
    Ok(order)
}
