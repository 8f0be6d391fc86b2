//! Arbitrary bytes as an ONNX model: importing never panics, and what is imported is a graph that the kernel accepts, with its parameters.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tl_import::{ImportOptions, import_onnx_bytes};
use tl_kernel::Limits;

fuzz_target!(|bytes: &[u8]| {
    let options = ImportOptions { limit: 1 << 16, ..ImportOptions::default() };
    let Ok(model) = import_onnx_bytes(bytes, None, &options) else {
        return;
    };
    let unlimited = Limits { nodes: usize::MAX, elements: usize::MAX, work: u64::MAX, ..Limits::default() };
    let graph = model.graph.check("", &unlimited).expect("an imported graph is well-formed");
    assert_eq!(graph.constants().count(), model.parameters.len(), "every parameter is asked for");
    for (name, shape) in graph.constants() {
        let parameter = model.parameters.get(name).expect("every constant has its parameter");
        assert_eq!(parameter.shape(), shape, "{name}");
    }
});
