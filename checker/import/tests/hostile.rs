//! Files that are cut, altered, of another kind, or that ask for more than they may: each is an error with its code, none a panic.

use std::fs;
use std::io::Write;
use std::path::Path;
use tl_import::{
    Array, Dtype, Elements, ImportError, ImportOptions, Model, import_onnx, import_onnx_bytes, read_arrays,
    read_tensors,
};

/// A protobuf varint.
fn varint(mut n: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while n >= 0x80 {
        bytes.push((n & 0x7f) as u8 | 0x80);
        n >>= 7;
    }
    bytes.push(n as u8);
    bytes
}

/// A field that holds an integer.
fn int(field: u64, n: u64) -> Vec<u8> {
    [varint(field << 3), varint(n)].concat()
}

/// A field that holds bytes, a text, or a message.
fn bytes(field: u64, content: impl AsRef<[u8]>) -> Vec<u8> {
    let content = content.as_ref();
    [varint(field << 3 | 2), varint(content.len() as u64), content.to_vec()].concat()
}

/// A `ValueInfoProto`: dimensions as numbers or as names.
fn value(name: &str, dtype: u64, dimensions: &[Result<u64, &str>]) -> Vec<u8> {
    let dimension = |d: &Result<u64, &str>| bytes(1, d.map_or_else(|name| bytes(2, name), |n| int(1, n)));
    let shape: Vec<u8> = dimensions.iter().flat_map(dimension).collect();
    [bytes(1, name), bytes(2, bytes(1, [int(1, dtype), bytes(2, shape)].concat()))].concat()
}

/// A `NodeProto` with attribute messages.
fn node(op: &str, inputs: &[&str], outputs: &[&str], attributes: &[Vec<u8>]) -> Vec<u8> {
    let names = |field, names: &[&str]| names.iter().flat_map(|name| bytes(field, name)).collect::<Vec<u8>>();
    let attributes: Vec<u8> = attributes.iter().flat_map(|a| bytes(5, a)).collect();
    [names(1, inputs), names(2, outputs), bytes(4, op), attributes].concat()
}

/// An integer attribute.
fn attribute(name: &str, n: u64) -> Vec<u8> {
    [bytes(1, name), int(3, n), int(20, 2)].concat()
}

/// A float32 `TensorProto` of dimensions with other fields.
fn tensor(name: &str, dimensions: &[u64], rest: Vec<u8>) -> Vec<u8> {
    let dimensions: Vec<u8> = dimensions.iter().flat_map(|&d| int(1, d)).collect();
    [dimensions, int(2, 1), bytes(8, name), rest].concat()
}

/// A graph of nodes with other fields, the input x [1, 2] and the output y.
fn graph(nodes: &[Vec<u8>], rest: Vec<u8>) -> Vec<u8> {
    let nodes: Vec<u8> = nodes.iter().flat_map(|n| bytes(1, n)).collect();
    [nodes, bytes(11, value("x", 1, &[Ok(1), Ok(2)])), bytes(12, value("y", 1, &[])), rest].concat()
}

/// A model of operator set `opset` with other fields.
fn model(opset: u64, graph: Vec<u8>, rest: Vec<u8>) -> Vec<u8> {
    [int(1, 8), bytes(7, graph), bytes(8, int(2, opset)), rest].concat()
}

/// A model of one node.
fn one(node: Vec<u8>) -> Vec<u8> {
    model(13, graph(&[node], Vec::new()), Vec::new())
}

fn import(bytes: &[u8]) -> Result<Model, ImportError> {
    import_onnx_bytes(bytes, None, &ImportOptions::default())
}

fn relu() -> Vec<u8> {
    node("Relu", &["x"], &["y"], &[])
}

#[test]
fn what_a_model_may_not_be_is_refused_with_its_code_and_place() {
    let plain = || graph(&[relu()], Vec::new());
    let float64 = [bytes(1, relu()), bytes(11, value("x", 11, &[Ok(2)])), bytes(12, value("y", 11, &[]))].concat();
    let integer = [bytes(1, relu()), bytes(11, value("x", 7, &[Ok(2)])), bytes(12, value("y", 1, &[]))].concat();
    let symbolic =
        [bytes(1, relu()), bytes(11, value("x", 1, &[Err("N"), Err("width")])), bytes(12, value("y", 1, &[]))].concat();
    let initializer = |t: Vec<u8>| model(13, graph(&[node("Add", &["x", "c"], &["y"], &[])], bytes(5, t)), Vec::new());
    let nll = |label: i64, attributes: &[Vec<u8>]| {
        let labels = [int(1, 1), int(2, 7), bytes(8, "c"), bytes(9, label.to_le_bytes())].concat();
        let node = node("NegativeLogLikelihoodLoss", &["x", "c"], &["y"], attributes);
        model(13, graph(&[node], bytes(5, labels)), Vec::new())
    };
    let average = [bytes(1, "reduction"), bytes(4, "average"), int(20, 3)].concat();
    let subgraph = [bytes(1, "body"), bytes(6, plain()), int(20, 5)].concat();
    for (bytes, code, mention) in [
        (Vec::new(), "TL0415", "ai.onnx"),
        (int(1, 8), "TL0415", "ai.onnx"),
        (bytes(8, int(2, 13)), "TL0415", "no graph"),
        (b"; a text\n(assert (<= X_0 1))\n".to_vec(), "TL0414", ""),
        (b"PK\x03\x04\x14\0\0\0\0\0".to_vec(), "TL0414", ""),
        (tensor("t", &[2], bytes(9, [0; 8])), "TL0414", ""),
        (model(6, plain(), Vec::new()), "TL0416", "version 6"),
        (model(29, plain(), Vec::new()), "TL0416", "version 29"),
        (model(u64::MAX, plain(), Vec::new()), "TL0416", "version -1"),
        (model(13, plain(), bytes(8, int(2, 13))), "TL0416", "twice"),
        (model(13, plain(), bytes(25, "f")), "TL0417", "functions"),
        (model(13, plain(), bytes(20, "f")), "TL0417", "training"),
        (model(13, graph(&[relu()], bytes(15, "s")), Vec::new()), "TL0417", "sparse"),
        (model(13, graph(&[relu()], bytes(14, "q")), Vec::new()), "TL0417", "quantization"),
        (one(node("Frobnicate", &["x"], &["y"], &[])), "TL0418", "Frobnicate"),
        (one([relu(), bytes(7, "com.example")].concat()), "TL0418", "com.example"),
        (one(node("Erf", &["x"], &["y"], &[attribute("speed", 3)])), "TL0419", "speed"),
        (one(node("If", &["x"], &["y"], &[subgraph])), "TL0418", "If"),
        (one(node("Softmax", &["x"], &["y"], &[attribute("axis", 2)])), "TL0419", "axis 2"),
        (one(node("Concat", &["x", "x"], &["y"], &[])), "TL0420", "axis"),
        (
            one(node(
                "Concat",
                &["x"],
                &["y"],
                &[bytes(1, "axis"), int(20, 1)].concat().chunks(99).map(<[u8]>::to_vec).collect::<Vec<_>>(),
            )),
            "TL0420",
            "axis",
        ),
        (model(13, float64, Vec::new()), "TL0421", "float64"),
        (model(13, integer, Vec::new()), "TL0428", "int64"),
        (model(13, symbolic, Vec::new()), "TL0427", "width"),
        (initializer(tensor("c", &[3], bytes(9, [0; 8]))), "TL0422", "\"c\""),
        (initializer(tensor("c", &[2], bytes(9, [0; 7]))), "TL0422", "7 bytes"),
        (initializer(tensor("c", &[2], [bytes(9, [0; 8]), bytes(4, [0; 8])].concat())), "TL0422", "several"),
        (initializer(tensor("c", &[1 << 40, 1 << 40], bytes(9, [0; 8]))), "TL0432", "\"c\""),
        (initializer(tensor("c", &[u64::MAX], bytes(9, [0; 8]))), "TL0422", "-1"),
        (initializer(tensor("c", &[3], bytes(9, [0; 12]))), "TL0430", "broadcast"),
        (initializer([int(2, 8), bytes(8, "c")].concat()), "TL0421", "string"),
        (
            initializer(tensor(
                "c",
                &[2],
                [int(14, 1), bytes(13, [bytes(1, "location"), bytes(2, "f")].concat())].concat(),
            )),
            "TL0424",
            "no folder",
        ),
        (model(13, graph(&[relu(), relu()], Vec::new()), Vec::new()), "TL0425", "twice"),
        (one(node("Relu", &["missing"], &["y"], &[])), "TL0425", "missing"),
        (one(node("Add", &["x", "y"], &["y"], &[])), "TL0425", "circle"),
        (one(node("Relu", &["x", "x"], &["y"], &[])), "TL0426", "Relu"),
        (one(node("Add", &["x", ""], &["y"], &[])), "TL0426", "input 1"),
        (one(node("Reshape", &["x", "x"], &["y"], &[])), "TL0429", "input 1"),
        (one(node("MatMul", &["x", "x"], &["y"], &[])), "TL0430", "matmul_c2"),
        (one(node("Shape", &["x"], &["y"], &[])), "TL0421", "int64"),
        (one(node("Dropout", &["x"], &["d", "y"], &[])), "TL0417", "output 1"),
        (one(node("NegativeLogLikelihoodLoss", &["x", "x"], &["y"], &[])), "TL0429", "labels"),
        (one(node("SoftmaxCrossEntropyLoss", &["x", "x"], &["y"], &[])), "TL0429", "labels"),
        (one(node("SoftmaxCrossEntropyLoss", &["x"], &["y"], &[])), "TL0426", "1 inputs"),
        (nll(1, &[average]), "TL0419", "average"),
        (nll(1, &[attribute("ignore_index", 16_777_217)]), "TL0430", "nll_c4"),
        (nll(16_777_217, &[]), "TL0431", "16777217"),
        // 1, then −∞: a mask, which nothing but a softmax reads.
        (initializer(tensor("c", &[2], bytes(9, [0, 0, 0x80, 0x3f, 0, 0, 0x80, 0xff]))), "TL0417", "softmax"),
        (one(node("Less", &["x", "x"], &["y"], &[])), "TL0429", "input 0"),
    ] {
        match import(&bytes) {
            Err(error) => {
                assert_eq!(error.code(), code, "{error}");
                assert!(error.to_string().contains(mention), "{error} mentions {mention:?}");
            }
            Ok(_) => panic!("{code} {mention} was expected"),
        }
    }
}

#[test]
fn the_options_close_what_the_model_leaves_open() {
    let symbolic =
        [bytes(1, relu()), bytes(11, value("x", 1, &[Err("N"), Err("width")])), bytes(12, value("y", 1, &[]))].concat();
    let mut options = ImportOptions { batch: 3, ..ImportOptions::default() };
    options.dimensions.insert("width".into(), 5);
    let imported = import_onnx_bytes(&model(13, symbolic, Vec::new()), None, &options).unwrap();
    assert_eq!(imported.inputs[0].1.dimensions(), [3, 5]);

    let nodes = [bytes(1, node("Gather", &["x", "i"], &["y"], &[attribute("axis", 1)]))].concat();
    let inputs =
        [bytes(11, value("x", 1, &[Ok(1), Ok(2)])), bytes(11, value("i", 7, &[Ok(1)])), bytes(12, value("y", 1, &[]))]
            .concat();
    let gather = model(13, [nodes, inputs].concat(), Vec::new());
    assert_eq!(import(&gather).unwrap_err().code(), "TL0428");
    let mut options = ImportOptions::default();
    options.bindings.insert("i".into(), Array::integers(vec![-1]));
    assert_eq!(import_onnx_bytes(&gather, None, &options).unwrap().graph.nodes.len(), 2);
    for (array, code) in [
        (Array::integers(vec![0, 1]), "TL0430"),
        (Array::new(Dtype::Float32, vec![1], Elements::Words(vec![0])).unwrap(), "TL0421"),
    ] {
        let mut options = ImportOptions::default();
        options.bindings.insert("i".into(), array);
        let error = import_onnx_bytes(&gather, None, &options).unwrap_err();
        assert_eq!(error.code(), code);
    }
    options.bindings.insert("j".into(), Array::integers(vec![-1]));
    assert_eq!(import_onnx_bytes(&gather, None, &options).unwrap_err().code(), "TL0425");
}

/// A xorshift generator (Marsaglia 2003) from a listed seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

#[test]
fn cut_and_altered_models_never_panic() {
    let mut random = Random(0x5eed_0001);
    let (mut refused, mut accepted) = (0, 0);
    let mut count = |bytes: &[u8]| match import(bytes) {
        Ok(_) => accepted += 1,
        Err(error) => {
            assert!(error.code().starts_with("TL04"));
            refused += 1;
        }
    };
    for line in include_str!("data/operators.txt").lines() {
        let hex = line.split('\t').nth(1).unwrap();
        let whole: Vec<u8> =
            (0..hex.len() / 2).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap()).collect();
        for _ in 0..40 {
            count(&whole[..random.below(whole.len())]);
            let mut altered = whole.clone();
            for _ in 0..=random.below(3) {
                let at = random.below(altered.len());
                altered[at] = match random.below(3) {
                    0 => altered[at] ^ 1 << random.below(8),
                    1 => [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
                    _ => random.next() as u8,
                };
            }
            count(&altered);
        }
    }
    for _ in 0..2000 {
        let noise: Vec<u8> = (0..random.below(200)).map(|_| random.next() as u8).collect();
        count(&noise);
    }
    println!("{refused} refused, {accepted} accepted");
    assert!(refused > 6000);
}

#[test]
fn external_data_come_only_from_plain_files_beside_the_model() {
    let folder = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("weights"), [0u8; 12]).unwrap();
    fs::write(outside.path().join("weights"), [0u8; 8]).unwrap();
    fs::create_dir(folder.path().join("inner")).unwrap();
    fs::write(folder.path().join("inner/weights"), [0u8; 8]).unwrap();
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(outside.path().join("weights"), folder.path().join("link")).unwrap();
        std::os::unix::fs::symlink(outside.path(), folder.path().join("folder")).unwrap();
    }
    let absolute = outside.path().join("weights");
    for (location, offset, length, expected) in [
        ("weights", "4", "8", None),
        ("inner/weights", "0", "", None),
        ("weights", "0", "12", Some("TL0422")),
        ("weights", "8", "8", Some("TL0424")),
        ("weights", "99", "", Some("TL0424")),
        ("weights", "-1", "8", Some("TL0424")),
        ("weights", "18446744073709551615", "18446744073709551615", Some("TL0424")),
        ("inner", "0", "", Some("TL0424")),
        ("missing", "0", "8", Some("TL0424")),
        ("../weights", "0", "8", Some("TL0423")),
        ("inner/../../weights", "0", "8", Some("TL0423")),
        ("./weights", "4", "8", Some("TL0423")),
        ("", "0", "8", Some("TL0423")),
        ("a\\b", "0", "8", Some("TL0423")),
        (absolute.to_str().unwrap(), "0", "8", Some("TL0423")),
        ("link", "0", "8", Some("TL0423")),
        ("folder/weights", "0", "8", Some("TL0423")),
    ] {
        let entry = |key: &str, value: &str| {
            if value.is_empty() && key == "length" {
                Vec::new()
            } else {
                bytes(13, [bytes(1, key), bytes(2, value)].concat())
            }
        };
        let data = [int(14, 1), entry("location", location), entry("offset", offset), entry("length", length)].concat();
        let file =
            model(13, graph(&[node("Add", &["x", "c"], &["y"], &[])], bytes(5, tensor("c", &[2], data))), Vec::new());
        let path = folder.path().join("model.onnx");
        fs::write(&path, file).unwrap();
        let found = import_onnx(&path, &ImportOptions::default()).err();
        assert_eq!(found.as_ref().map(ImportError::code), expected, "{location} {offset} {length}: {found:?}");
    }
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn gzip_is_undone_within_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx.gz");
    let options = ImportOptions { limit: 1 << 16, ..ImportOptions::default() };
    let whole = gzip(&one(relu()));
    for (content, expected) in [
        (whole.clone(), None),
        (gzip(&vec![0; 1 << 24]), Some("TL0412")),
        (whole[..whole.len() - 9].to_vec(), Some("TL0413")),
        (one(relu()), Some("TL0413")),
    ] {
        fs::write(&path, content).unwrap();
        assert_eq!(import_onnx(&path, &options).err().map(|error| error.code().to_string()).as_deref(), expected);
    }
    assert_eq!(import_onnx(folder.path().join("none.onnx"), &options).unwrap_err().code(), "TL0411");
    assert_eq!(import_onnx(folder.path(), &options).unwrap_err().code(), "TL0411");
}

fn npy(version: u8, header: &str, data: &[u8]) -> Vec<u8> {
    let length = header.len().to_le_bytes();
    let length = if version == 1 { &length[..2] } else { &length[..4] };
    [b"\x93NUMPY", [version, 0].as_slice(), length, header.as_bytes(), data].concat()
}

fn dictionary(descr: &str, fortran: &str, shape: &str) -> String {
    format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}        \n")
}

/// The code with which the file is refused as float32 tensors.
fn refusal(folder: &Path, name: &str, content: &[u8]) -> Option<String> {
    let path = folder.join(name);
    fs::write(&path, content).unwrap();
    read_tensors(&path).err().map(|error| error.code().to_string())
}

#[test]
fn npy_arrays_of_another_layout_or_size_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let float = |shape: &str| dictionary("<f4", "False", shape);
    for (content, expected) in [
        (npy(1, &float("(2, 1)"), &[0; 8]), None),
        (npy(2, &float("(2,)"), &[0; 8]), None),
        (npy(3, &float("()"), &[0; 4]), None),
        (npy(1, &dictionary("<f4", "True", "(1, 2)"), &[0; 8]), None),
        (npy(1, &dictionary("<f4", "True", "(2, 2)"), &[0; 16]), Some("TL0433")),
        (npy(1, &dictionary(">f4", "False", "(2,)"), &[0; 8]), Some("TL0433")),
        (npy(1, &dictionary("<f8", "False", "(2,)"), &[0; 16]), Some("TL0421")),
        (npy(1, &dictionary("<i8", "False", "(2,)"), &[0; 16]), Some("TL0421")),
        (npy(1, &dictionary("|O", "False", "(2,)"), &[0; 16]), Some("TL0421")),
        (npy(1, &float("(2,)"), &[0; 7]), Some("TL0433")),
        (npy(1, &float("(2,)"), &[0; 9]), Some("TL0433")),
        (npy(1, &float("(99999999999, 99999999999)"), &[0; 8]), Some("TL0432")),
        (npy(1, &float("(0,)"), &[]), Some("TL0430")),
        (npy(1, &float("(2)"), &[0; 8]), Some("TL0433")),
        (npy(1, &float("(-2,)"), &[0; 8]), Some("TL0433")),
        (npy(1, &float("(99999999999999999999999,)"), &[0; 8]), Some("TL0433")),
        (npy(1, "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", &[0; 8]), Some("TL0433")),
        (npy(1, "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,)}", &[0; 8]), Some("TL0421")),
        (npy(1, &"(".repeat(60_000), &[]), Some("TL0433")),
        (npy(4, &float("(2,)"), &[0; 8]), Some("TL0433")),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff".to_vec(), Some("TL0433")),
        (b"\x93NUM".to_vec(), Some("TL0433")),
        (Vec::new(), Some("TL0433")),
    ] {
        assert_eq!(
            refusal(folder.path(), "a.npy", &content).as_deref(),
            expected,
            "{:?}",
            String::from_utf8_lossy(&content)
        );
    }
    assert_eq!(refusal(folder.path(), "a.txt", b"1 2").as_deref(), Some("TL0436"));
}

#[test]
fn what_numpy_writers_write_is_read() {
    // Written by numpy 2.4.6: np.savez and np.savez_compressed of two arrays [[1, 2, 3], [4, 5, 6]] in float32.
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    for file in ["stored.npz", "deflated.npz"] {
        let arrays = read_arrays(data.join(file)).unwrap();
        assert_eq!(arrays.keys().collect::<Vec<_>>(), ["a", "b"]);
        for array in arrays.values() {
            assert_eq!(array.dimensions(), [2, 3]);
            assert_eq!(array.tensor().unwrap().data()[5], 6f32.to_bits());
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let whole = fs::read(data.join("stored.npz")).unwrap();
    let mut random = Random(0x5eed_0002);
    for _ in 0..2000 {
        let mut altered = whole.clone();
        let at = random.below(altered.len());
        altered[at] ^= 1 << random.below(8);
        let cut = random.below(4) == 0;
        let length = if cut { random.below(altered.len()) } else { altered.len() };
        let _ = refusal(folder.path(), "b.npz", &altered[..length]);
    }
    assert_eq!(refusal(folder.path(), "b.npz", &whole[..whole.len() - 30]).as_deref(), Some("TL0434"));
    assert_eq!(refusal(folder.path(), "b.npz", b"PK").as_deref(), Some("TL0434"));
    let at = whole.windows(4).position(|w| w == 6f32.to_le_bytes()).unwrap();
    let mut altered = whole.clone();
    altered[at] ^= 1;
    assert_eq!(refusal(folder.path(), "b.npz", &altered).as_deref(), Some("TL0434"), "the CRC is checked");
}

#[test]
fn safetensors_and_messages_are_read_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file =
        |header: &str, data: &[u8]| [(header.len() as u64).to_le_bytes().as_slice(), header.as_bytes(), data].concat();
    let entry = |dtype: &str, shape: &str, end: &str| {
        format!("{{\"w\":{{\"dtype\":\"{dtype}\",\"shape\":{shape},\"data_offsets\":[0,{end}]}}}}")
    };
    let deep = format!("{{\"w\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    for (content, expected) in [
        (file(&entry("F32", "[2]", "8"), &[0; 8]), None),
        (file(&entry("F64", "[1]", "8"), &[0; 8]), Some("TL0421")),
        (file(&entry("U64", "[1]", "8"), &[0; 8]), Some("TL0421")),
        (file(&entry("F32", "[2]", "8"), &[0; 7]), Some("TL0435")),
        (file(&entry("F32", "[2]", "8"), &[0; 9]), Some("TL0435")),
        (file(&entry("F32", "[3]", "8"), &[0; 8]), Some("TL0435")),
        (file(&entry("F32", "[4611686018427387903]", "18446744073709551612"), &[0; 8]), Some("TL0435")),
        (file(&deep, &[]), Some("TL0435")),
        (u64::MAX.to_le_bytes().to_vec(), Some("TL0435")),
        (Vec::new(), Some("TL0435")),
    ] {
        assert_eq!(refusal(folder.path(), "a.safetensors", &content).as_deref(), expected);
    }
    for (content, expected) in [
        (tensor("t", &[2], bytes(9, [0; 8])), None),
        (tensor("t", &[2], bytes(9, [0; 8]))[..6].to_vec(), Some("TL0414")),
        (tensor("t", &[3], bytes(9, [0; 8])), Some("TL0422")),
        (b"\xff\xff\xff".to_vec(), Some("TL0414")),
        (Vec::new(), Some("TL0421")),
    ] {
        assert_eq!(refusal(folder.path(), "a.pb", &content).as_deref(), expected);
    }
}
