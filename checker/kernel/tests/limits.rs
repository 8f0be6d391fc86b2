//! What a certificate may ask for: each case asks for far more than its size, and is declined before it is given.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use tl_kernel::cert::digest::Digest;
use tl_kernel::cert::json::{Cursor, parse};
use tl_kernel::context::Context;
use tl_kernel::context::real::{MAX_PRECISION, MIN_PRECISION, Real};
use tl_kernel::diagnostic::Code;
use tl_kernel::ir::Shape;
use tl_kernel::number::Dyadic;
use tl_kernel::spec::Op;
use tl_kernel::{Certificate, Diagnostic, Limits, Verdict, conclude, decode, discharge, obligations};

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
fn the_table_of_a_file_is_limited_as_a_certificate_is() {
    let table = format!(r#"{{"__metadata__":[{}[]]}}"#, "[],".repeat(1 << 12));
    let limits = Limits { json_bytes: 1 << 12, ..Limits::default() };
    let code = identity(1, 1, &file(&table, &[]), &limits).map(|_| ()).map_err(|d| d.code);
    assert_eq!(code, Err(Code::LimitBytes));
}

/// The operation that a node of this text has.
fn op(text: &str) -> Op {
    let mut node = parse(text.as_bytes()).and_then(|json| Cursor::root(json).object()).unwrap();
    Op::decode(&mut node).unwrap()
}

#[test]
fn bins_that_are_wide_along_one_axis_and_many_along_another_are_counted() {
    let pool = op(r#"{"op":"adaptive_avg_pool","attributes":{"output":[1,4096]}}"#);
    let x = Shape::new(vec![1, 1, 4096, 1]).unwrap();
    let y = pool.shape(&[&x]).unwrap();
    assert!(pool.work(&[&x], &y) >= 4096 * 4096); // every cell is read for every bin
}

#[test]
fn the_way_back_through_a_kernel_as_wide_as_its_input_is_counted() {
    let shape = |dimensions: &[usize]| Shape::new(dimensions.to_vec()).unwrap();
    let (wide, one) = (shape(&[1, 1, 1 << 20]), shape(&[1, 1, 1]));
    let conv =
        op(r#"{"op":"conv","attributes":{"stride":[1],"dilation":[1],"pad_before":[0],"pad_after":[0],"groups":1}}"#);
    assert!(conv.work(&[&wide, &wide], &one) >= 1 << 40); // every cell of x may meet every cell of the kernel
    let strided = op(
        r#"{"op":"conv","attributes":{"stride":[1048576],"dilation":[1],"pad_before":[0],"pad_after":[0],"groups":1}}"#,
    );
    assert!(strided.work(&[&wide, &wide], &one) < 1 << 30); // it meets one
    let transposed = op(
        r#"{"op":"conv_transpose","attributes":{"stride":[1],"dilation":[1],"pad_before":[1048575],"pad_after":[1048575],"output_padding":[0],"groups":1}}"#,
    );
    assert!(transposed.work(&[&wide, &wide], &one) >= 1 << 40);
}

#[test]
fn every_case_counts_as_work() {
    let (file, many) = (one_tensor(1), Limits::default());
    let work = identity(1, 1, &file, &many).unwrap().graph().work();
    let few = Limits { work: 3 * work, ..many };
    assert!(identity(1, 3, &file, &few).is_ok());
    let code = identity(1, 4, &file, &few).map(|_| ()).map_err(|d| d.code);
    assert_eq!(code, Err(Code::LimitWork));
}

#[test]
fn the_precision_of_a_claim_stays_within_the_limits_on_work_and_elements() {
    let undecided = r#"{"format":"tl-cert/1","claim":{"kind":"forward","tolerance":{"abs":"1/100663296","rel":"0"},
        "outputs":[{"y":{"shape":[3],"words":"3eaaaaab 3eaaaaab 3eaaaaab"}}]},
        "model":{"graph":{"nodes":[{"op":"input","attributes":{"name":"x"},"parents":[],"shape":[3]},
        {"op":"softmax","attributes":{"axis":0},"parents":[0],"shape":[3]}],"outputs":{"y":1}},"parameters":{}},
        "inputs":[{"x":{"shape":[3],"words":"00000000 00000000 00000000"}}]}"#;
    let certificate = decode(undecided.as_bytes(), &Limits::default()).unwrap();
    let certificate = certificate.bind(&BTreeMap::new(), &Limits::default()).unwrap();
    let (work, live) = (certificate.graph().work(), certificate.graph().live());
    let precision = |limits: &Limits| {
        let obligation = obligations(&certificate)[0];
        let finding = discharge(&certificate, obligation, limits).unwrap_err();
        let precision = finding.facts.iter().find(|(name, _)| *name == "precision").map(|(_, p)| p.parse().unwrap());
        assert!(matches!(conclude(&certificate, vec![Err(finding.clone())]), Verdict::Declined(_)));
        (finding.code, precision)
    };
    let default = Limits::default();
    assert_eq!(precision(&default), (Code::Undecided, Some(MAX_PRECISION)));
    let worked = Limits { work: 8 * work, ..default.clone() };
    assert_eq!(precision(&worked), (Code::Undecided, Some(512)));
    let held = Limits { elements: 8 * live, ..default.clone() };
    assert_eq!(precision(&held), (Code::Undecided, Some(256)));
    let none = Limits { elements: 6 * live - 1, ..default };
    assert_eq!(precision(&none), (Code::LimitElements, None));
}

#[test]
fn sine_of_an_argument_too_large_to_reduce_is_between_minus_one_and_one() {
    for precision in [MIN_PRECISION, 64, MAX_PRECISION] {
        let real = Real::new(precision);
        let top = i64::try_from(precision).unwrap() + 1152;
        for (exponent, reduced) in [(top - 1, true), (top, false), (1 << 39, false)] {
            let x = tl_kernel::context::real::Ball::exact(Dyadic::power_of_two(exponent));
            for ball in [real.sin(&x).unwrap(), real.cos(&x).unwrap()] {
                assert_eq!(ball.rad() < Dyadic::one(), reduced, "2^{exponent} at {precision}");
            }
        }
    }
}

/// A chain of `depth` nodes that are not recorded, and `ends` outputs that each depend on all of it.
fn fan(depth: usize, ends: usize, limits: &Limits) -> Result<Certificate, Diagnostic> {
    let relu = |parent: usize| format!(r#"{{"op":"relu","parents":[{parent}],"shape":[]}}"#);
    let chain = (0..depth).map(relu).chain((0..ends).map(|_| relu(depth)));
    let nodes: String = chain.map(|node| format!(",{node}")).collect();
    let names = |each: &dyn Fn(usize) -> String| {
        let entries: Vec<String> = (0..ends).map(|i| format!(r#""y{i}":{}"#, each(i))).collect();
        entries.join(",")
    };
    let outputs = names(&|i| (depth + 1 + i).to_string());
    let recorded = names(&|_| r#"{"shape":[],"words":"3f800000"}"#.to_string());
    let text = format!(
        r#"{{"format":"tl-cert/1","claim":{{"kind":"trace","tolerance":{{"abs":"0","rel":"0"}},"nodes":[{{}}],"outputs":[{{{recorded}}}]}},
        "model":{{"graph":{{"nodes":[{{"op":"input","attributes":{{"name":"x"}},"parents":[],"shape":[]}}{nodes}],"outputs":{{{outputs}}}}},
        "parameters":{{}}}},"inputs":[{{"x":{{"shape":[],"words":"3f800000"}}}}]}}"#
    );
    decode(text.as_bytes(), limits)?.bind(&BTreeMap::new(), limits)
}

#[test]
fn what_is_evaluated_for_many_recorded_nodes_again_is_counted_for_each() {
    let limits = Limits::default();
    let certificate = fan(200, 30, &limits).unwrap();
    let results = obligations(&certificate).into_iter().map(|part| discharge(&certificate, part, &limits)).collect();
    assert!(matches!(conclude(&certificate, results), Verdict::Accepted(_)));
    let (graph, few) = (certificate.graph().work(), 30 * 200 * 3 * 8192); // thirty times the chain, at the cost of a trace
    assert!(fan(200, 30, &Limits { work: graph.max(few), ..limits.clone() }).is_err_and(|d| d.code == Code::LimitWork));
    assert!(fan(5000, 5000, &limits).is_err_and(|d| d.code == Code::LimitWork));
}

/// Whether x ≤ 0 for x = 1 in binary32 but not over the reals, a constraint said so many times, within so much work.
fn said(times: usize, work: u64) -> Result<Certificate, Diagnostic> {
    let constraint = r#"{"terms":[{"output":"y","index":[],"coefficient":"1/3"}],"at_most":"0"}"#;
    let one = r#"{"shape":[],"words":"3f800000"}"#;
    let text = format!(
        r#"{{"format":"tl-cert/1","claim":{{"kind":"divergence","execution":{{"rounding":"nearest_even","nan":"canonical",
        "schedule":{{"order":{{"kind":"sequential"}},"fma":false,"start":"zero","bias":"last"}}}},
        "gap":{{"kind":"decision","property":[[{}]],"binary32":true}},"outputs":[{{"y":{one}}}]}},
        "model":{{"graph":{{"nodes":[{{"op":"input","attributes":{{"name":"x"}},"parents":[],"shape":[]}}],"outputs":{{"y":0}}}},
        "parameters":{{}}}},"inputs":[{{"x":{one}}}]}}"#,
        vec![constraint; times].join(",")
    );
    let limits = Limits { work, ..Limits::default() };
    decode(text.as_bytes(), &limits)?.bind(&BTreeMap::new(), &limits)
}

#[test]
fn the_terms_of_a_property_count_as_work() {
    let work = 64 * 6 * 100; // a hundred terms, at the cost of a divergence
    assert!(said(99, work).is_ok());
    assert!(said(100, work).is_err_and(|d| d.code == Code::LimitWork));
}

/// The negative of 1, executed in the order of a tree of so many terms, for so many cases, within so much work.
fn ordered(terms: usize, cases: usize, work: u64) -> Result<Certificate, Diagnostic> {
    let pairs: Vec<String> = (1..terms).map(|k| format!("[{},{k}]", if k == 1 { 0 } else { terms + k - 2 })).collect();
    let one = |word| format!(r#"{{"{}":{{"shape":[],"words":"{word}"}}}}"#, if word == "3f800000" { "x" } else { "y" });
    let text = format!(
        r#"{{"format":"tl-cert/1","claim":{{"kind":"exec","execution":{{"rounding":"nearest_even","nan":"canonical",
        "schedule":{{"order":{{"kind":"tree","pairs":[{}]}},"fma":false,"start":"first_term","bias":"last"}}}},"outputs":[{}]}},
        "model":{{"graph":{{"nodes":[{{"op":"input","attributes":{{"name":"x"}},"parents":[],"shape":[]}},
        {{"op":"neg","parents":[0],"shape":[]}}],"outputs":{{"y":1}}}},"parameters":{{}}}},"inputs":[{}]}}"#,
        pairs.join(","),
        vec![one("bf800000"); cases].join(","),
        vec![one("3f800000"); cases].join(",")
    );
    let limits = Limits { work, ..Limits::default() };
    decode(text.as_bytes(), &limits)?.bind(&BTreeMap::new(), &limits)
}

#[test]
fn a_tree_that_every_case_reads_anew_counts_as_work() {
    assert!(ordered(1001, 1, 1 << 20).is_ok());
    assert!(ordered(1001, 100, 4 * 1000 * 100).is_err_and(|d| d.code == Code::LimitWork));
    assert!(ordered(2, 100, 4 * 1000 * 100).is_ok());
}

/// One number, recorded within a tolerance of so many digits, within so much work.
fn within(digits: usize, work: u64) -> Result<Certificate, Diagnostic> {
    let one = r#"{"shape":[],"words":"3f800000"}"#;
    let text = format!(
        r#"{{"format":"tl-cert/1","claim":{{"kind":"forward","tolerance":{{"abs":"1/1{}","rel":"0"}},"outputs":[{{"y":{one}}}]}},
        "model":{{"graph":{{"nodes":[{{"op":"input","attributes":{{"name":"x"}},"parents":[],"shape":[]}}],"outputs":{{"y":0}}}},
        "parameters":{{}}}},"inputs":[{{"x":{one}}}]}}"#,
        "0".repeat(digits)
    );
    let limits = Limits { work, ..Limits::default() };
    decode(text.as_bytes(), &limits)?.bind(&BTreeMap::new(), &limits)
}

#[test]
fn the_digits_of_a_tolerance_count_as_work() {
    assert!(within(150, 1000).is_ok());
    assert!(within(900, 1000).is_err_and(|d| d.code == Code::LimitWork));
    assert!(within(900, 100_000).is_ok());
}
