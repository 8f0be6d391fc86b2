//! ONNX models in bytes, written field by field as the protobuf of onnx.proto3 has them.

fn varint(mut n: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while n > 127 {
        bytes.push(n as u8 | 128);
        n >>= 7;
    }
    bytes.push(n as u8);
    bytes
}

/// A field with a number.
pub(crate) fn number(field: usize, n: usize) -> Vec<u8> {
    [varint(field << 3), varint(n)].concat()
}

/// A field with a message or a text.
pub(crate) fn message(field: usize, content: impl AsRef<[u8]>) -> Vec<u8> {
    [varint(field << 3 | 2), varint(content.as_ref().len()), content.as_ref().to_vec()].concat()
}

fn value(name: &str, dimensions: &[usize]) -> Vec<u8> {
    let dimensions = dimensions.iter().flat_map(|&d| message(1, number(1, d))).collect::<Vec<_>>();
    let tensor = [number(1, 1), message(2, dimensions)].concat();
    [message(1, name), message(2, message(1, tensor))].concat()
}

/// A parameter of the graph.
pub(crate) fn parameter(name: &str, dimensions: &[usize], values: &[f32]) -> Vec<u8> {
    let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let dimensions = dimensions.iter().flat_map(|&d| number(1, d)).collect::<Vec<_>>();
    message(5, [dimensions, number(2, 1), message(8, name), message(9, data)].concat())
}

/// A node of the graph; `attributes` are messages of field 5.
pub(crate) fn node(op: &str, inputs: &[&str], output: &str, attributes: &[u8]) -> Vec<u8> {
    let inputs = inputs.iter().flat_map(|input| message(1, input)).collect::<Vec<_>>();
    message(1, [inputs, message(2, output), message(4, op), attributes.to_vec()].concat())
}

/// A model of these nodes and parameters, from x to y, of an IR version and an operator set.
pub(crate) fn model(parts: &[Vec<u8>], x: &[usize], y: &[usize], ir: usize, opset: usize) -> Vec<u8> {
    let ends = [message(2, "graph"), message(11, value("x", x)), message(12, value("y", y))];
    let graph = [parts.concat(), ends.concat()].concat();
    [number(1, ir), message(7, graph), message(8, number(2, opset))].concat()
}
