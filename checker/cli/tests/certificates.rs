//! What becomes of a certificate: every way to be malformed, false or too large, with its code and place.

mod common;

use common::{
    Folder, INPUT_WORDS, LATER_KIND, LINEAR, NODE, ONE_ULP_OFF, OUTPUT_WORDS, RELU, TOLERANCE, assert_refused, changed,
    check, linear, weights,
};
use tl_kernel::cert::digest::Digest;

#[test]
fn one_ulp_is_rejected_at_zero_tolerance_and_accepted_at_one() {
    let ran = check(&changed(&[ONE_ULP_OFF]));
    assert_refused(&ran, 1, "TL0231", "/claim/outputs/0/y", "one ulp");
    assert!(ran.err.contains("index [0] of shape [2]"), "{ran:?}");
    for (tolerance, exit) in [
        (r#""tolerance": {"abs": "0x1p-23", "rel": "0"}"#, 0),
        (r#""tolerance": {"abs": "0x0.ffffffffp-23", "rel": "0"}"#, 1),
        (r#""tolerance": {"abs": "0x0.8p-23", "rel": "0", "slack": "2"}"#, 0),
        (r#""tolerance": {"abs": "0", "rel": "1/8388609"}"#, 0),
        (r#""tolerance": {"abs": "0", "rel": "1/8388610"}"#, 1),
    ] {
        assert_eq!(check(&changed(&[ONE_ULP_OFF, (TOLERANCE, tolerance)])).exit, exit, "{tolerance}");
    }
}

/// What is wrong, the changes that make it so, and the code and pointer of the diagnostic.
type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str, &'a str);

#[test]
fn what_is_malformed_or_false_is_rejected_where_it_stands() {
    let cases: &[Case] = &[
        (
            "a duplicate key",
            &[(TOLERANCE, r#""tolerance": {"abs": "0", "rel": "0", "abs": "1"}"#)],
            "TL0102",
            "/claim/tolerance/abs",
        ),
        ("a duplicate name", &[(r#"{"y": 1}"#, r#"{"y": 1, "y": 0}"#)], "TL0102", "/model/graph/outputs/y"),
        (
            "an unknown key",
            &[(TOLERANCE, r#""tolerance": {"abs": "0", "rel": "0", "slak": "1"}"#)],
            "TL0103",
            "/claim/tolerance/slak",
        ),
        ("an unknown key at the top", &[(r#""files""#, r#""note": "x", "files""#)], "TL0103", "/note"),
        (
            "an unknown attribute",
            &[(r#""relu","#, r#""relu", "attributes": {"slope": "0"},"#)],
            "TL0103",
            "/model/graph/nodes/1/attributes/slope",
        ),
        ("a missing key", &[(TOLERANCE, r#""tolerance": {"abs": "0"}"#)], "TL0104", "/claim/tolerance"),
        ("null", &[(r#""files": {}"#, r#""files": null"#)], "TL0105", "/files"),
        ("another format", &[("tl-cert/1", "tl-cert/2")], "TL0107", "/format"),
        ("a NaN output", &[(OUTPUT_WORDS, r#""words": "7fc00000 00000000""#)], "TL0202", "/claim/outputs/0/y"),
        ("an infinite input", &[(INPUT_WORDS, r#""words": "7f800000 bf800000""#)], "TL0202", "/inputs/0/x"),
        (
            "a forward reference",
            &[(NODE, r#"{"op": "relu", "parents": [2], "shape": [2]}, {"op": "relu", "parents": [0], "shape": [2]}"#)],
            "TL0132",
            "/model/graph/nodes/1/parents",
        ),
        (
            "a self reference",
            &[(NODE, r#"{"op": "relu", "parents": [1], "shape": [2]}"#)],
            "TL0132",
            "/model/graph/nodes/1/parents",
        ),
        (
            "a shape that overflows",
            &[(NODE, r#"{"op": "relu", "parents": [0], "shape": [4294967296, 4294967296]}"#)],
            "TL0136",
            "/model/graph/nodes/1/shape",
        ),
        (
            "a shape that is too large",
            &[(NODE, r#"{"op": "relu", "parents": [0], "shape": [65536, 32768]}"#)],
            "TL0136",
            "/model/graph/nodes/1/shape",
        ),
        (
            "a zero dimension",
            &[(r#""outputs": [{"y": {"shape": [2]"#, r#""outputs": [{"y": {"shape": [0]"#)],
            "TL0136",
            "/claim/outputs/0/y/shape",
        ),
        (
            "a parameter that nothing uses",
            &[(r#""parameters": {}"#, r#""parameters": {"b": {"shape": [], "words": "00000000"}}"#)],
            "TL0117",
            "/model/parameters",
        ),
        ("a node that nothing uses", &[(r#"{"y": 1}"#, r#"{"y": 0}"#)], "TL0117", "/model/graph/nodes/1"),
        ("an output that is not recorded", &[(r#"{"y": 1}"#, r#"{"y": 1, "z": 1}"#)], "TL0116", "/claim/outputs/0"),
        (
            "no case",
            &[(r#""inputs": [{"x": {"shape": [2], "words": "3f800000 bf800000"}}]"#, r#""inputs": []"#)],
            "TL0203",
            "/claim/outputs",
        ),
        ("an unknown kind of claim", &[(r#""kind": "forward""#, r#""kind": "forwards""#)], "TL0109", "/claim/kind"),
        (
            "a path upward",
            &[(r#""files": {}"#, r#""files": {"../w.safetensors": ""}"#)],
            "TL0112",
            "/files/..~1w.safetensors",
        ),
        (
            "an absolute path",
            &[(r#""files": {}"#, r#""files": {"/w.safetensors": ""}"#)],
            "TL0112",
            "/files/~1w.safetensors",
        ),
        (
            "a word too many",
            &[(OUTPUT_WORDS, r#""words": "3f800000 00000000 00000000""#)],
            "TL0111",
            "/claim/outputs/0/y/words",
        ),
        (
            "a negative tolerance",
            &[(TOLERANCE, r#""tolerance": {"abs": "0", "rel": "-1"}"#)],
            "TL0230",
            "/claim/tolerance/rel",
        ),
    ];
    for (case, changes, code, pointer) in cases {
        assert_refused(&check(&changed(changes)), 1, code, pointer, case);
    }
}

#[test]
fn what_is_not_one_json_value_is_rejected() {
    for length in [0, 1, RELU.len() / 2, RELU.len() - 1] {
        assert_refused(&check(&RELU[..length]), 1, "TL0101", "", "truncated");
    }
    for more in ["x", "{}", "\0", ","] {
        assert_refused(&check(&(RELU.to_string() + more)), 1, "TL0101", "", "trailing bytes");
    }
    assert_eq!(check(&(RELU.to_string() + " \n\t")).exit, 0, "white space may follow");
    let deep = "[".repeat(10_000) + &"]".repeat(10_000);
    assert_refused(&check(&deep), 1, "TL0101", "", "deep");
    let deep_inside = changed(&[(r#""files": {}"#, &format!(r#""files": {deep}"#))]);
    assert_refused(&check(&deep_inside), 1, "TL0101", "", "deep inside");
    let folder = Folder::new();
    folder.write("cert.json", [RELU.as_bytes(), b"\xff"].concat());
    assert_refused(&folder.run(&["cert.json"]), 1, "TL0101", "", "not UTF-8");
}

#[test]
fn a_tensor_file_that_is_not_the_one_meant_is_rejected() {
    let folder = linear();
    let mut other = weights();
    *other.last_mut().expect("not empty") ^= 1;
    folder.write("weights.safetensors", other);
    let ran = folder.run(&["cert.json"]);
    assert_refused(&ran, 1, "TL0113", "/files/weights.safetensors", "another file");
    assert!(ran.err.contains(&Digest::of(&weights()).to_string()), "{ran:?}");

    let cut = &weights()[..weights().len() - 4];
    folder.write("weights.safetensors", cut);
    folder.write("cert.json", LINEAR.replace("DIGEST", &Digest::of(cut).to_string()));
    assert_refused(&folder.run(&["cert.json"]), 1, "TL0115", "/files/weights.safetensors", "a cut file");

    folder.write("cert.json", LINEAR.replace("DIGEST", &"A".repeat(64)));
    assert_refused(&folder.run(&["cert.json"]), 1, "TL0113", "/files/weights.safetensors", "not a digest");
}

#[cfg(unix)]
#[test]
fn no_tensor_file_is_read_through_a_link() {
    use std::os::unix::fs::symlink;
    let folder = linear();
    let (file, elsewhere) = (folder.path("weights.safetensors"), folder.path("elsewhere"));
    std::fs::rename(&file, &elsewhere).expect("renamed");
    symlink(&elsewhere, &file).expect("linked");
    assert_refused(&folder.run(&["cert.json"]), 1, "TL0112", "/files/weights.safetensors", "a linked file");

    folder.write("real/weights.safetensors", weights());
    symlink(folder.path("real"), folder.path("linked")).expect("linked");
    let text = LINEAR.replace("weights.safetensors", "linked/weights.safetensors");
    folder.write("cert.json", text.replace("DIGEST", &Digest::of(&weights()).to_string()));
    assert_refused(&folder.run(&["cert.json"]), 1, "TL0112", "/files/linked~1weights.safetensors", "a linked folder");
}

#[test]
fn what_passes_a_limit_is_declined() {
    let many = "0,".repeat(999_999) + "0"; // nodes are counted before they are decoded
    let million = changed(&[(NODE, &format!("{NODE},{many}"))]);
    assert_refused(&check(&million), 2, "TL0303", "/model/graph/nodes", "a million nodes");
    for (options, code, pointer) in [
        (["--max-json-bytes", "100"], "TL0301", ""),
        (["--max-nodes", "1"], "TL0303", "/model/graph/nodes"),
        (["--max-elements", "3"], "TL0302", "/model/graph"),
        (["--max-work", "3"], "TL0304", "/model/graph"),
    ] {
        let ran = Folder::with(RELU).run(&[options[0], options[1], "cert.json"]);
        assert_refused(&ran, 2, code, pointer, options[0]);
    }
    let ran = linear().run(&["--max-file-bytes", "10", "cert.json"]);
    assert_refused(&ran, 2, "TL0301", "/files/weights.safetensors", "a large tensor file");
}

#[test]
fn a_kind_of_claim_for_later_versions_is_declined() {
    assert_refused(&check(&changed(&[LATER_KIND])), 2, "TL0307", "/claim/kind", "region");
}
