//! What a certificate may ask for: each case asks for far more than its size, and is declined before it is given.

use std::collections::BTreeMap;
use tl_kernel::cert::digest::Digest;
use tl_kernel::diagnostic::Code;
use tl_kernel::{Certificate, Diagnostic, Limits, decode};

/// The certificate of an identity of `elements` numbers with these cases, inputs and outputs all the tensor `a` of the file `t.safetensors`.
fn identity(elements: usize, cases: usize, file: &[u8], limits: &Limits) -> Result<Certificate, Diagnostic> {
    let tensor = format!(r#"{{"shape":[{elements}],"file":"t.safetensors","tensor":"a"}}"#);
    let list = |name: &str| vec![format!(r#"{{"{name}":{tensor}}}"#); cases].join(",");
    let digest = Digest::of(file);
    let text = format!(
        r#"{{"format":"tl-cert/1","claim":{{"kind":"forward","tolerance":{{"abs":"0","rel":"0"}},"outputs":[{}]}},
        "model":{{"graph":{{"nodes":[{{"op":"input","attributes":{{"name":"x"}},"parents":[],"shape":[{elements}]}}],"outputs":{{"y":0}}}},
        "parameters":{{}}}},"inputs":[{}],"files":{{"t.safetensors":"{digest}"}}}}"#,
        list("y"),
        list("x"),
    );
    let files = BTreeMap::from([("t.safetensors".to_string(), file.to_vec())]);
    decode(text.as_bytes(), limits)?.bind(&files, limits)
}

fn file(table: &str, data: &[u8]) -> Vec<u8> {
    let length = u64::try_from(table.len()).unwrap().to_le_bytes();
    [&length, table.as_bytes(), data].concat()
}

fn one_tensor(elements: usize) -> Vec<u8> {
    let end = 4 * elements;
    let table = format!(r#"{{"a":{{"dtype":"F32","shape":[{elements}],"data_offsets":[0,{end}]}}}}"#);
    file(&table, &vec![0; end])
}

#[test]
fn the_work_of_all_cases_together_is_limited() {
    let (elements, file) = (1000, one_tensor(1000));
    let limits = Limits { work: 4 * 1000, ..Limits::default() };
    assert!(identity(elements, 4, &file, &limits).is_ok());
    let code = identity(elements, 5, &file, &limits).map(|_| ()).map_err(|d| d.code);
    assert_eq!(code, Err(Code::LimitWork));
}

#[test]
fn the_table_of_a_file_is_limited_as_a_certificate_is() {
    let table = format!(r#"{{"__metadata__":[{}[]]}}"#, "[],".repeat(1 << 12));
    let limits = Limits { json_bytes: 1 << 12, ..Limits::default() };
    let code = identity(1, 1, &file(&table, &[]), &limits).map(|_| ()).map_err(|d| d.code);
    assert_eq!(code, Err(Code::LimitBytes));
}
