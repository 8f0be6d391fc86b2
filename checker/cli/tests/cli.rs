//! The command from outside: exit codes, what is printed where, and which files are meant.

mod common;

use common::{
    Folder, LATER_KIND, LINEAR, ONE_ULP_OFF, RELU, Ran, assert_refused, changed, check, linear, onnx, weights,
};
use serde_json::Value;
use tl_kernel::cert::digest::Digest;

/// Asserts exit 3, the code on stderr, and nothing on stdout.
fn assert_trouble(ran: &Ran, code: &str) {
    assert_eq!((ran.exit, ran.out.as_str()), (3, ""), "{ran:?}");
    assert!(ran.err.contains(code), "{ran:?}");
}

#[test]
fn a_true_claim_is_accepted_with_one_sentence_on_stdout() {
    let ran = check(RELU);
    assert_eq!(ran.exit, 0, "{ran:?}");
    assert!(ran.out.starts_with("ACCEPTED cert.json: for each of 1 listed inputs x, "), "{ran:?}");
    assert_eq!((ran.out.lines().count(), ran.out.ends_with(".\n")), (1, true), "{ran:?}");
    assert!(ran.err.lines().all(|line| line.starts_with("note: cert.json: ")), "{ran:?}");
}

#[test]
fn a_claim_about_parameters_in_a_file_is_accepted() {
    let folder = linear();
    let ran = folder.run(&["cert.json"]);
    assert_eq!(ran.exit, 0, "{ran:?}");
    assert_eq!(ran.out, folder.run(&["cert.json"]).out, "the same bytes give the same sentence");
}

#[test]
fn tensor_files_are_found_beside_the_certificate_from_anywhere() {
    let folder = Folder::new();
    folder.write("deep/er/cert.json", LINEAR.replace("DIGEST", &Digest::of(&weights()).to_string()));
    folder.write("deep/er/weights.safetensors", weights());
    assert_eq!(folder.run(&["deep/er/cert.json"]).exit, 0);
}

#[test]
fn without_a_file_or_a_sensible_command_line_there_is_no_verdict() {
    let folder = Folder::with(RELU);
    std::fs::create_dir(folder.path("empty")).expect("a folder");
    assert_trouble(&folder.run(&["missing.json"]), "TL0002");
    assert_trouble(&folder.run(&["empty"]), "TL0003");
    let beside = folder.run(&["cert.json", "empty"]);
    assert_eq!((beside.exit, beside.out.lines().count()), (3, 1), "the certificate beside it is judged: {beside:?}");
    assert_trouble(&folder.run(&[]), "Usage");
    assert_trouble(&folder.run(&["--skip-checks", "cert.json"]), "--skip-checks");
    assert_trouble(&folder.run(&["--max-precision", "5000", "cert.json"]), "5000");
    assert_trouble(&folder.run(&["--explain", "TL9999"]), "TL0001");
    assert_trouble(&folder.run(&["--model", "missing.onnx", "cert.json"]), "missing.onnx");
    let linear = linear();
    std::fs::remove_file(linear.path("weights.safetensors")).expect("removed");
    assert_trouble(&linear.run(&["cert.json"]), "TL0002");
}

#[test]
fn what_only_informs_exits_0() {
    let folder = Folder::new();
    for (arguments, told) in [
        (&["--explain", "TL0231"][..], "# TL0231: "),
        (&["--explain", "tl0231"], "# TL0231: "),
        (&["--print-assumptions"], "ACCEPTED means: "),
        (&["--version"], "tl-check "),
        (&["--help"], "Usage: tl-check "),
    ] {
        let ran = folder.run(arguments);
        assert_eq!((ran.exit, ran.err.as_str()), (0, ""), "{arguments:?}");
        assert!(ran.out.contains(told), "{arguments:?}: {ran:?}");
    }
}

#[cfg(unix)]
#[test]
fn a_link_to_a_certificate_is_judged_with_its_folder() {
    use std::os::unix::fs::symlink;
    let folder = Folder::new();
    folder.write("all/relu.json", RELU);
    folder.write("elsewhere.json", RELU.replace("3f800000 00000000", "3f800000 00000001"));
    symlink(folder.path("elsewhere.json"), folder.path("all/other.json")).expect("linked");
    let ran = folder.run(&["all"]);
    assert!(ran.exit == 1 && ran.out.contains("REJECTED all/other.json"), "{ran:?}");
    symlink(folder.path("nowhere.json"), folder.path("all/broken.json")).expect("linked");
    assert_trouble(&folder.run(&["all/broken.json"]), "TL0002");
    assert_eq!(folder.run(&["all"]).exit, 3);
}

#[test]
fn folders_are_searched_at_every_level_in_the_order_of_paths() {
    let folder = Folder::new();
    for name in ["all/b.json", "all/a/z.json", "all/c/d/e.json"] {
        folder.write(name, RELU);
    }
    folder.write("all/notes.txt", "not a certificate");
    let ran = folder.run(&["all"]);
    let paths: Vec<&str> =
        ran.out.lines().filter_map(|line| line.strip_prefix("ACCEPTED ")?.split(": ").next()).collect();
    assert_eq!((ran.exit, paths), (0, vec!["all/a/z.json", "all/b.json", "all/c/d/e.json"]));
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
        assert_eq!(ran.out.lines().count(), verdicts, "every certificate is judged: {ran:?}");
    }
}

#[test]
fn a_false_case_among_true_ones_is_rejected_on_any_number_of_threads() {
    let input = r#"{"x": {"shape": [2], "words": "3f800000 bf800000"}}"#;
    let output = r#"{"y": {"shape": [2], "words": "3f800000 00000000"}}"#;
    let wrong = r#"{"y": {"shape": [2], "words": "3f800000 00000001"}}"#;
    let text = |outputs: [&str; 5]| changed(&[(input, &[input; 5].join(", ")), (output, &outputs.join(", "))]);
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
    let ran = folder.run(&["--format", "json", "accepted.json", "rejected.json", "missing.json"]);
    assert_eq!((ran.exit, ran.err.as_str()), (3, ""), "{ran:?}");
    let rows: Value = serde_json::from_str(&ran.out).expect("stdout is one JSON value");
    let at = |pointer: &str| rows.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    assert_eq!((at("/0/path"), at("/0/verdict")), ("accepted.json", "ACCEPTED"));
    assert!(at("/0/sentence").starts_with("for each of 1 listed inputs x, "));
    assert_eq!((at("/1/verdict"), at("/1/diagnostics/0/code")), ("REJECTED", "TL0231"));
    assert_eq!(at("/1/diagnostics/0/pointer"), "/claim/outputs/0/y");
    assert_eq!(rows.pointer("/1/diagnostics/0/index"), Some(&serde_json::json!([0])));
    assert!(rows.pointer("/2/verdict").is_some_and(Value::is_null) && at("/2/code") == "TL0002");
}

#[test]
fn with_a_model_the_sentence_speaks_of_that_file_or_there_is_none() {
    let folder = Folder::with(RELU);
    for op in ["Relu", "Tanh", "Einsum"] {
        folder.write(&format!("{op}.onnx"), onnx(op));
    }
    let ran = folder.run(&["cert.json", "--model", "Relu.onnx"]);
    let name = format!(", which is the model Relu.onnx ({:?}) as tl-import reads it.\n", Digest::of(&onnx("Relu")));
    assert!(ran.exit == 0 && ran.out.ends_with(&name), "{ran:?}");
    let ran = folder.run(&["cert.json", "--model", "Tanh.onnx"]);
    assert_refused(&ran, 1, "TL0401", "/model/graph", "another model");
    assert_trouble(&folder.run(&["cert.json", "--model", "Einsum.onnx"]), "TL0418");
    assert_trouble(&folder.run(&["cert.json", "--model", "cert.json"]), "TL0414");
}
