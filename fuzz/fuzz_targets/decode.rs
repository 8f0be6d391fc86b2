//! Arbitrary bytes as a certificate: decoding never panics, and a graph that decodes is a fixed point of writing and reading.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tl_kernel::Diagnostic;
use tl_kernel::cert::digest::Digest;
use tl_kernel::cert::json::{Cursor, Json, parse};
use tl_kernel::diagnostic::Code;
use tl_kernel::ir::Graph;

fn graph_of(bytes: &[u8]) -> Result<Graph, Diagnostic> {
    let mut model = Cursor::root(parse(bytes)?).object()?.take("model")?.object()?;
    Graph::decode(model.take("graph")?, &tl_fuzz::limits())
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(document) = tl_kernel::decode(bytes, &tl_fuzz::limits()) else {
        return;
    };
    let graph = graph_of(bytes).expect("the graph of a decoded document decodes alone");
    let text = Json::object([("model", Json::object([("graph", graph.encode())]))]).to_string();
    let again = match graph_of(text.as_bytes()) {
        // The canonical text of a number such as 1e4096 is longer than the format reads.
        Err(finding) if finding.code == Code::ExactNumber => return,
        again => again.expect("a written graph decodes"),
    };
    assert_eq!(graph, again, "reading what was written gives the same graph");
    assert_eq!(Digest::of_graph(&graph), Digest::of_graph(&again));
    assert!(document.files().all(|(path, _)| !path.contains("..") && !path.starts_with('/')));
});
