//! The command from outside: which certificates lead to which exit code and diagnostic, and what is printed where.

mod common;

use common::{Folder, RELU, Ran, changed, check};
use serde_json::Value;
use tl_kernel::cert::digest::Digest;

const TOLERANCE: &str = r#""tolerance": {"abs": "0", "rel": "0"}"#;
const OUTPUT_WORDS: &str = r#""words": "3f800000 00000000""#;
const INPUT_WORDS: &str = r#""words": "3f800000 bf800000""#;
const NODE: &str = r#"{"op": "relu", "parents": [0], "shape": [2]}"#;
/// The recorded 1 replaced by its successor.
const ONE_ULP_OFF: (&str, &str) = (OUTPUT_WORDS, r#""words": "3f800001 00000000""#);
const LATER_KIND: (&str, &str) = (r#""kind": "forward""#, r#""kind": "region""#);

/// `y = x Wᵀ + w` at `x = [1, −1]`, with `W = [[1, 2], [3, 4]]` and `w = [5, 6]` in `weights.safetensors`.
const LINEAR: &str = r#"{
  "format": "tl-cert/1",
  "about": "an affine layer",
  "producer": {"name": "by hand", "version": "1"},
  "claim": {
    "kind": "forward",
    "tolerance": {"abs": "0", "rel": "0", "slack": "1"},
    "outputs": [{"y": {"shape": [1, 2], "words": "40800000 40a00000"}}]
  },
  "model": {
    "graph": {
      "nodes": [
        {"op": "input", "attributes": {"name": "x"}, "parents": [], "shape": [1, 2]},
        {"op": "const", "attributes": {"name": "W"}, "parents": [], "shape": [2, 2]},
        {"op": "const", "attributes": {"name": "w"}, "parents": [], "shape": [2]},
        {"op": "linear", "parents": [0, 1, 2], "shape": [1, 2]}
      ],
      "outputs": {"y": 3}
    },
    "parameters": {
      "W": {"shape": [2, 2], "file": "weights.safetensors", "tensor": "W"},
      "w": {"shape": [2], "file": "weights.safetensors", "tensor": "w"}
    }
  },
  "inputs": [{"x": {"shape": [1, 2], "words": "3f800000 bf800000"}}],
  "files": {"weights.safetensors": "DIGEST"},
  "witness": {"precision": 64}
}"#;

/// The tensor file of [`LINEAR`].
fn weights() -> Vec<u8> {
    let table = br#"{"W":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},"w":{"dtype":"F32","shape":[2],"data_offsets":[16,24]}}"#;
    let words = [
        0x3f80_0000_u32,
        0x4000_0000,
        0x4040_0000,
        0x4080_0000,
        0x40a0_0000,
        0x40c0_0000,
    ];
    let mut bytes = u64::try_from(table.len())
        .expect("small")
        .to_le_bytes()
        .to_vec();
    bytes.extend(table);
    bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    bytes
}

/// A folder with [`LINEAR`], its tensor file and the right digest.
fn linear() -> Folder {
    let folder = Folder::with(&LINEAR.replace("DIGEST", &Digest::of(&weights()).to_string()));
    folder.write("weights.safetensors", weights());
    folder
}

/// Asserts the exit code, the first diagnostic (its code and pointer), and that stdout is the one sentence of a verdict.
fn assert_refused(ran: &Ran, exit: i32, code: &str, pointer: &str, case: &str) {
    let (level, word) = if exit == 1 {
        ("error", "REJECTED")
    } else {
        ("declined", "DECLINED")
    };
    let mut lines = ran.err.lines();
    assert_eq!(ran.exit, exit, "{case}: {ran:?}");
    assert!(
        lines
            .next()
            .is_some_and(|line| line.starts_with(&format!("{level}[{code}]: "))),
        "{case}: {ran:?}"
    );
    let place = lines
        .next()
        .and_then(|line| line.trim_start().strip_prefix("--> cert.json#"));
    assert_eq!(
        place.map(|place| place.split("  ").next().unwrap_or(place)),
        Some(pointer),
        "{case}: {ran:?}"
    );
    assert!(
        ran.out.starts_with(&format!("{word} cert.json: {code} ")),
        "{case}: {ran:?}"
    );
    assert_eq!(ran.out.lines().count(), 1, "{case}: {ran:?}");
}

/// Asserts exit 3, the code on stderr, and nothing on stdout.
fn assert_trouble(ran: &Ran, code: &str) {
    assert_eq!((ran.exit, ran.out.as_str()), (3, ""), "{ran:?}");
    assert!(ran.err.contains(code), "{ran:?}");
}

#[test]
fn a_true_claim_is_accepted_with_one_sentence_on_stdout() {
    let ran = check(RELU);
    assert_eq!(ran.exit, 0, "{ran:?}");
    assert!(
        ran.out
            .starts_with("ACCEPTED cert.json: for each of 1 listed inputs x, "),
        "{ran:?}"
    );
    assert_eq!(
        (ran.out.lines().count(), ran.out.ends_with(".\n")),
        (1, true),
        "{ran:?}"
    );
    assert!(
        ran.err
            .lines()
            .all(|line| line.starts_with("note: cert.json: ")),
        "{ran:?}"
    );
}

#[test]
fn a_claim_about_parameters_in_a_file_is_accepted() {
    let folder = linear();
    let ran = folder.run(&["cert.json"]);
    assert_eq!(ran.exit, 0, "{ran:?}");
    assert_eq!(
        ran.out,
        folder.run(&["cert.json"]).out,
        "the same bytes give the same sentence"
    );
}

#[test]
fn tensor_files_are_found_beside_the_certificate_from_anywhere() {
    let folder = Folder::new();
    folder.write(
        "deep/er/cert.json",
        LINEAR.replace("DIGEST", &Digest::of(&weights()).to_string()),
    );
    folder.write("deep/er/weights.safetensors", weights());
    assert_eq!(folder.run(&["deep/er/cert.json"]).exit, 0);
}

#[test]
fn one_ulp_is_rejected_at_zero_tolerance_and_accepted_at_one() {
    let ran = check(&changed(&[ONE_ULP_OFF]));
    assert_refused(&ran, 1, "TL0231", "/claim/outputs/0/y", "one ulp");
    assert!(ran.err.contains("index [0] of shape [2]"), "{ran:?}");
    for (tolerance, exit) in [
        (r#""tolerance": {"abs": "0x1p-23", "rel": "0"}"#, 0),
        (r#""tolerance": {"abs": "0x0.ffffffffp-23", "rel": "0"}"#, 1),
        (
            r#""tolerance": {"abs": "0x0.8p-23", "rel": "0", "slack": "2"}"#,
            0,
        ),
        (r#""tolerance": {"abs": "0", "rel": "1/8388609"}"#, 0),
        (r#""tolerance": {"abs": "0", "rel": "1/8388610"}"#, 1),
    ] {
        assert_eq!(
            check(&changed(&[ONE_ULP_OFF, (TOLERANCE, tolerance)])).exit,
            exit,
            "{tolerance}"
        );
    }
}

#[test]
fn what_is_malformed_or_false_is_rejected_where_it_stands() {
    let cases: &[(&str, &[(&str, &str)], &str, &str)] = &[
        (
            "a duplicate key",
            &[(
                TOLERANCE,
                r#""tolerance": {"abs": "0", "rel": "0", "abs": "1"}"#,
            )],
            "TL0102",
            "/claim/tolerance/abs",
        ),
        (
            "a duplicate name",
            &[(r#"{"y": 1}"#, r#"{"y": 1, "y": 0}"#)],
            "TL0102",
            "/model/graph/outputs/y",
        ),
        (
            "an unknown key",
            &[(
                TOLERANCE,
                r#""tolerance": {"abs": "0", "rel": "0", "slak": "1"}"#,
            )],
            "TL0103",
            "/claim/tolerance/slak",
        ),
        (
            "an unknown key at the top",
            &[(r#""files""#, r#""note": "x", "files""#)],
            "TL0103",
            "/note",
        ),
        (
            "an unknown attribute",
            &[(r#""relu","#, r#""relu", "attributes": {"slope": "0"},"#)],
            "TL0103",
            "/model/graph/nodes/1/attributes/slope",
        ),
        (
            "a missing key",
            &[(TOLERANCE, r#""tolerance": {"abs": "0"}"#)],
            "TL0104",
            "/claim/tolerance",
        ),
        (
            "null",
            &[(r#""files": {}"#, r#""files": null"#)],
            "TL0105",
            "/files",
        ),
        (
            "another format",
            &[("tl-cert/1", "tl-cert/2")],
            "TL0107",
            "/format",
        ),
        (
            "a NaN output",
            &[(OUTPUT_WORDS, r#""words": "7fc00000 00000000""#)],
            "TL0202",
            "/claim/outputs/0/y",
        ),
        (
            "an infinite input",
            &[(INPUT_WORDS, r#""words": "7f800000 bf800000""#)],
            "TL0202",
            "/inputs/0/x",
        ),
        (
            "a forward reference",
            &[(
                NODE,
                r#"{"op": "relu", "parents": [2], "shape": [2]}, {"op": "relu", "parents": [0], "shape": [2]}"#,
            )],
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
            &[(
                NODE,
                r#"{"op": "relu", "parents": [0], "shape": [4294967296, 4294967296]}"#,
            )],
            "TL0136",
            "/model/graph/nodes/1/shape",
        ),
        (
            "a shape that is too large",
            &[(
                NODE,
                r#"{"op": "relu", "parents": [0], "shape": [65536, 32768]}"#,
            )],
            "TL0136",
            "/model/graph/nodes/1/shape",
        ),
        (
            "a zero dimension",
            &[(
                r#""outputs": [{"y": {"shape": [2]"#,
                r#""outputs": [{"y": {"shape": [0]"#,
            )],
            "TL0136",
            "/claim/outputs/0/y/shape",
        ),
        (
            "a parameter that nothing uses",
            &[(
                r#""parameters": {}"#,
                r#""parameters": {"b": {"shape": [], "words": "00000000"}}"#,
            )],
            "TL0117",
            "/model/parameters",
        ),
        (
            "a node that nothing uses",
            &[(r#"{"y": 1}"#, r#"{"y": 0}"#)],
            "TL0117",
            "/model/graph/nodes/1",
        ),
        (
            "an output that is not recorded",
            &[(r#"{"y": 1}"#, r#"{"y": 1, "z": 1}"#)],
            "TL0116",
            "/claim/outputs/0",
        ),
        (
            "no case",
            &[(
                r#""inputs": [{"x": {"shape": [2], "words": "3f800000 bf800000"}}]"#,
                r#""inputs": []"#,
            )],
            "TL0203",
            "/claim/outputs",
        ),
        (
            "an unknown kind of claim",
            &[(r#""kind": "forward""#, r#""kind": "forwards""#)],
            "TL0109",
            "/claim/kind",
        ),
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
        assert_refused(
            &check(&(RELU.to_string() + more)),
            1,
            "TL0101",
            "",
            "trailing bytes",
        );
    }
    assert_eq!(
        check(&(RELU.to_string() + " \n\t")).exit,
        0,
        "white space may follow"
    );
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
    assert_refused(
        &ran,
        1,
        "TL0113",
        "/files/weights.safetensors",
        "another file",
    );
    assert!(
        ran.err.contains(&Digest::of(&weights()).to_string()),
        "{ran:?}"
    );

    let cut = &weights()[..weights().len() - 4];
    folder.write("weights.safetensors", cut);
    folder.write(
        "cert.json",
        LINEAR.replace("DIGEST", &Digest::of(cut).to_string()),
    );
    assert_refused(
        &folder.run(&["cert.json"]),
        1,
        "TL0115",
        "/files/weights.safetensors",
        "a cut file",
    );

    folder.write("cert.json", LINEAR.replace("DIGEST", &"A".repeat(64)));
    assert_refused(
        &folder.run(&["cert.json"]),
        1,
        "TL0113",
        "/files/weights.safetensors",
        "not a digest",
    );
}

#[cfg(unix)]
#[test]
fn no_tensor_file_is_read_through_a_link() {
    use std::os::unix::fs::symlink;
    let folder = linear();
    let (file, elsewhere) = (folder.path("weights.safetensors"), folder.path("elsewhere"));
    std::fs::rename(&file, &elsewhere).expect("renamed");
    symlink(&elsewhere, &file).expect("linked");
    assert_refused(
        &folder.run(&["cert.json"]),
        1,
        "TL0112",
        "/files/weights.safetensors",
        "a linked file",
    );

    folder.write("real/weights.safetensors", weights());
    symlink(folder.path("real"), folder.path("linked")).expect("linked");
    let text = LINEAR.replace("weights.safetensors", "linked/weights.safetensors");
    folder.write(
        "cert.json",
        text.replace("DIGEST", &Digest::of(&weights()).to_string()),
    );
    assert_refused(
        &folder.run(&["cert.json"]),
        1,
        "TL0112",
        "/files/linked~1weights.safetensors",
        "a linked folder",
    );
}

#[test]
fn what_passes_a_limit_is_declined() {
    let many = "0,".repeat(999_999) + "0"; // nodes are counted before they are decoded
    let million = changed(&[(NODE, &format!("{NODE},{many}"))]);
    assert_refused(
        &check(&million),
        2,
        "TL0303",
        "/model/graph/nodes",
        "a million nodes",
    );
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
    assert_refused(
        &ran,
        2,
        "TL0301",
        "/files/weights.safetensors",
        "a large tensor file",
    );
}

#[test]
fn a_kind_of_claim_for_later_versions_is_declined() {
    assert_refused(
        &check(&changed(&[LATER_KIND])),
        2,
        "TL0307",
        "/claim/kind",
        "region",
    );
}

#[test]
fn without_a_file_or_a_sensible_command_line_there_is_no_verdict() {
    let folder = Folder::with(RELU);
    std::fs::create_dir(folder.path("empty")).expect("a folder");
    assert_trouble(&folder.run(&["missing.json"]), "TL0002");
    assert_trouble(&folder.run(&["empty"]), "TL0003");
    assert_trouble(&folder.run(&["cert.json", "empty"]), "TL0003");
    assert_trouble(&folder.run(&[]), "Usage");
    assert_trouble(
        &folder.run(&["--skip-checks", "cert.json"]),
        "--skip-checks",
    );
    assert_trouble(
        &folder.run(&["--max-precision", "5000", "cert.json"]),
        "5000",
    );
    assert_trouble(&folder.run(&["--explain", "TL9999"]), "TL0001");
    assert_trouble(
        &folder.run(&["--model", "missing.onnx", "cert.json"]),
        "missing.onnx",
    );
    let linear = linear();
    std::fs::remove_file(linear.path("weights.safetensors")).expect("removed");
    assert_trouble(&linear.run(&["cert.json"]), "TL0002");
}

#[test]
fn what_only_informs_exits_0() {
    let folder = Folder::new();
    for (arguments, begin) in [
        (&["--explain", "TL0231"][..], "# TL0231: "),
        (&["--explain", "tl0231"], "# TL0231: "),
        (&["--print-assumptions"], "ACCEPTED means: "),
        (&["--version"], "tl-check "),
        (&["--help"], "Decide certificates"),
    ] {
        let ran = folder.run(arguments);
        assert_eq!((ran.exit, ran.err.as_str()), (0, ""), "{arguments:?}");
        assert!(ran.out.starts_with(begin), "{arguments:?}: {ran:?}");
    }
}

#[test]
fn folders_are_searched_at_every_level_in_the_order_of_paths() {
    let folder = Folder::new();
    for name in ["all/b.json", "all/a/z.json", "all/c/d/e.json"] {
        folder.write(name, RELU);
    }
    folder.write("all/notes.txt", "not a certificate");
    let ran = folder.run(&["all"]);
    let paths: Vec<&str> = ran
        .out
        .lines()
        .filter_map(|line| line.strip_prefix("ACCEPTED ")?.split(": ").next())
        .collect();
    assert_eq!(
        (ran.exit, paths),
        (0, vec!["all/a/z.json", "all/b.json", "all/c/d/e.json"])
    );
    folder.write("all/c/f.json", "{");
    assert_eq!(folder.run(&["all"]).exit, 1);
}

#[test]
fn of_several_certificates_the_exit_code_is_the_worst() {
    let folder = Folder::new();
    folder.write("accepted.json", RELU);
    folder.write("rejected.json", changed(&[ONE_ULP_OFF]));
    folder.write("declined.json", changed(&[LATER_KIND]));
    for (names, exit) in [
        (&["accepted", "accepted"][..], 0),
        (&["accepted", "declined"], 2),
        (&["declined", "rejected"], 1),
        (&["rejected", "declined", "accepted"], 1),
        (&["rejected", "missing", "accepted"], 3),
    ] {
        let files: Vec<String> = names.iter().map(|name| format!("{name}.json")).collect();
        let ran = folder.run(&files.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(ran.exit, exit, "{names:?}: {ran:?}");
        let verdicts = names.iter().filter(|&&name| name != "missing").count();
        assert_eq!(
            ran.out.lines().count(),
            verdicts,
            "every certificate is judged: {ran:?}"
        );
    }
}

#[test]
fn a_false_case_among_true_ones_is_rejected_on_any_number_of_threads() {
    let input = r#"{"x": {"shape": [2], "words": "3f800000 bf800000"}}"#;
    let output = r#"{"y": {"shape": [2], "words": "3f800000 00000000"}}"#;
    let wrong = r#"{"y": {"shape": [2], "words": "3f800000 00000001"}}"#;
    let text = |outputs: [&str; 5]| {
        changed(&[
            (input, &[input; 5].join(", ")),
            (output, &outputs.join(", ")),
        ])
    };
    for jobs in ["1", "4", "64"] {
        let folder = Folder::with(&text([output; 5]));
        assert_eq!(folder.run(&["--jobs", jobs, "cert.json"]).exit, 0);
        folder.write("cert.json", text([output, output, output, wrong, output]));
        let ran = folder.run(&["--jobs", jobs, "cert.json"]);
        assert_refused(&ran, 1, "TL0231", "/claim/outputs/3/y", jobs);
    }
}

#[test]
fn the_json_rendering_carries_verdict_code_and_pointer() {
    let folder = Folder::new();
    folder.write("accepted.json", RELU);
    folder.write("rejected.json", changed(&[ONE_ULP_OFF]));
    let ran = folder.run(&[
        "--format",
        "json",
        "accepted.json",
        "rejected.json",
        "missing.json",
    ]);
    assert_eq!((ran.exit, ran.err.as_str()), (3, ""), "{ran:?}");
    let rows: Value = serde_json::from_str(&ran.out).expect("stdout is one JSON value");
    let at = |pointer: &str| {
        rows.pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    assert_eq!(
        (at("/0/path"), at("/0/verdict")),
        ("accepted.json", "ACCEPTED")
    );
    assert!(at("/0/sentence").starts_with("for each of 1 listed inputs x, "));
    assert_eq!(
        (at("/1/verdict"), at("/1/diagnostics/0/code")),
        ("REJECTED", "TL0231")
    );
    assert_eq!(at("/1/diagnostics/0/pointer"), "/claim/outputs/0/y");
    assert_eq!(
        rows.pointer("/1/diagnostics/0/index"),
        Some(&serde_json::json!([0]))
    );
    assert!(
        rows.pointer("/2/verdict").is_some_and(Value::is_null)
            && at("/2/trouble").contains("TL0002")
    );
}
