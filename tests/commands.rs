//! The command from outside: import, run and certify on models small enough to compute by hand, and everything that is refused.

mod folder;
mod onnx;

use folder::Folder;
use onnx::{model, node, parameter};
use std::fs;
use std::path::Path;

fn npy_of(descr: &str, fortran: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': ({shape}), }}");
    let mut bytes = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    bytes.extend(format!("{header:<117}\n").bytes());
    bytes.extend(data);
    bytes
}

fn npy(shape: &str, values: &[f32]) -> Vec<u8> {
    let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    npy_of("<f4", "False", shape, &data)
}

/// `y = relu(x W + b)` in ONNX, x [1, 2], W = [[1, 2, 0.5], [−1, 0.25, 3]], b = [0.5, −8, 0].
fn onnx() -> Vec<u8> {
    let parts = [
        node("MatMul", &["x", "W"], "m", &[]),
        node("Add", &["m", "b"], "s", &[]),
        node("Relu", &["s"], "y", &[]),
        parameter("W", &[2, 3], &[1.0, 2.0, 0.5, -1.0, 0.25, 3.0]),
        parameter("b", &[3], &[0.5, -8.0, 0.0]),
    ];
    model(&parts, &[1, 2], &[1, 3], 8, 17)
}

/// The tiny model, imported, and x = [3, 1], for which y = [2.5, 0, 4.5].
fn tiny() -> Folder {
    let folder = Folder::new();
    folder.write("tiny.onnx", onnx());
    folder.write("x.npy", npy("1, 2", &[3.0, 1.0]));
    let ran = folder.tl("import @tiny.onnx -o @tiny.json");
    assert_eq!(ran.exit, 0, "{ran:?}");
    folder
}

#[test]
fn an_imported_model_is_summarised_and_runs_as_its_source_does() {
    let folder = tiny();
    let ran = folder.tl("import @tiny.onnx -o @models");
    for line in
        ["input       x [1, 2]", "output      y [1, 3]", "parameters  9 in 2 tensors", "written     @models/tiny.json"]
    {
        assert!(ran.out.contains(line), "{line}: {}", ran.out);
    }
    assert_eq!(folder.read("tiny.json"), folder.read("models/tiny.json"));
    let from_file = folder.tl("run @tiny.json --input @x.npy");
    assert_eq!(from_file.out, "y [1, 3]\n  [0, 0]  40200000  2.5\n  [0, 1]  00000000  0.0\n  [0, 2]  40900000  4.5\n");
    assert_eq!(from_file.out, folder.tl("run @tiny.onnx --input x=@x.npy").out);
    let data: Vec<u8> = [3.0f32, 1.0].iter().flat_map(|value| value.to_le_bytes()).collect();
    folder.write("fortran.npy", npy_of("<f4", "True", "1, 2", &data));
    assert_eq!(from_file.out, folder.tl("run @tiny.json --input @fortran.npy").out);
}

#[test]
fn every_reading_prints_its_own_values() {
    let folder = tiny();
    folder.write("third.npy", npy("1, 2", &[1.0 / 3.0, 0.0]));
    let cases = [
        ("--semantics binary32", "[0, 0]  3f555556  0.8333334"),
        ("--semantics rational", "[0, 0]  27962027 / 33554432  = 0.833333343…"),
        ("--semantics real:64", "[0, 0]  0.83333334326744079"),
        ("--semantics interval --radius 1/4", "[0, 0]  [0.333333343"),
    ];
    for (reading, expected) in cases {
        let ran = folder.tl(&format!("run @tiny.json --input @third.npy {reading}"));
        assert_eq!(ran.exit, 0, "{ran:?}");
        assert!(ran.out.contains(expected), "{reading}: {}", ran.out);
    }
}

#[test]
fn outputs_are_written_in_each_format_and_read_back() {
    let folder = tiny();
    for name in ["y.npy", "y.npz", "y.safetensors"] {
        let ran = folder.tl(&format!("run @tiny.json --input @x.npy -o @{name}"));
        assert_eq!(ran.exit, 0, "{ran:?}");
        let tensors = tl_import::read_tensors(folder.path(name)).expect("it is read back");
        let words: Vec<u32> = tensors.into_values().flat_map(|tensor| tensor.data().to_vec()).collect();
        assert_eq!(words, [0x4020_0000, 0, 0x4090_0000], "{name}");
    }
    folder.tl("run @tiny.json --input @x.npy --semantics rational -o @y.json");
    assert!(folder.read("y.json").contains(r#"["5/2","0","9/2"]"#), "{}", folder.read("y.json"));
}

#[test]
fn certificates_of_both_kinds_are_accepted_inline_in_files_and_with_shared_parameters() {
    let folder = tiny();
    folder.write("other.npy", npy("1, 2", &[-0.1, 7.3]));
    folder.write("y.npy", npy("1, 3", &[2.5, 0.0, 4.5]));
    let cases = [
        "--claim forward",
        "--claim forward --output @y.npy --abs 0",
        "--claim forward --rel 1e-6 --inline-limit 0",
        "--claim exec",
        "--claim exec --input @other.npy --inline-limit 2",
        "--claim exec --parameters shared/tiny.safetensors",
        r#"--claim exec --schedule {"order":{"kind":"pairwise","leaf":1},"fma":true,"start":"zero","bias":"first"}"#,
    ];
    for (i, options) in cases.iter().enumerate() {
        let ran = folder.tl(&format!("certify @tiny.json --input @x.npy {options} -o @cert{i}.json"));
        assert_eq!(ran.exit, 0, "{options}: {ran:?}");
        assert!(ran.out.starts_with(&format!("ACCEPTED @cert{i}.json: ")), "{options}: {ran:?}");
        assert!(ran.err.contains("note: checked in "), "{options}: {ran:?}");
    }
    let with_files: Vec<bool> =
        (0..cases.len()).map(|i| folder.path(&format!("cert{i}.safetensors")).exists()).collect();
    assert_eq!(with_files, [false, false, true, false, true, false, false]);
    assert!(folder.read("cert4.json").contains("inputs"));
    assert!(folder.path("shared/tiny.safetensors").exists());
}

#[test]
fn a_tolerance_that_is_not_given_is_found_and_stated() {
    let folder = tiny();
    folder.write("y.npy", npy("1, 3", &[2.5, 0.0, 4.5000005]));
    let ran = folder.tl("certify @tiny.json --input @x.npy --output @y.npy -o @cert.json");
    assert!(ran.err.contains("two digits that holds is 4.8e-7"), "{ran:?}");
    assert!(folder.read("cert.json").contains(r#""abs":"4.8e-7""#), "{}", folder.read("cert.json"));
}

const LEFT: &str = r#"--schedule {"order":{"kind":"sequential"},"fma":false,"start":"first_term","bias":"last"}"#;
const GAP: &str = r#"{"kind":"element","output":"y","index":[0,0],"beyond":{"abs":"1/2","rel":"0"}}"#;

/// `absorb_trigger` at x = 1/2, where node 7 is 1, and 0 when it is summed from the left; `t.npy` is that 0 and `y.npy` what follows from it.
fn absorbing() -> Folder {
    let folder = Folder::new();
    assert_eq!(folder.tl("generate absorb_trigger -o @").exit, 0);
    folder.write("t.npy", npy("1, 1", &[0.0]));
    folder.write("y.npy", npy("1, 2", &[0.0, 1.0]));
    folder
}

#[test]
fn divergences_and_traces_are_certified_from_own_and_recorded_values() {
    let folder = absorbing();
    folder.write("gap.json", GAP);
    let gap_file = format!("--gap {}", folder.path("gap.json").display());
    let recorded = "--claim trace --nodes 7=@t.npy --output @y.npy";
    let cases = [
        (
            format!("--claim divergence --gap {GAP} {LEFT}"),
            0,
            "\"y\"[0, 0] y is not finite or |y - s| > 1*(0.5 + 0*max(|y|, |s|))",
        ),
        (format!("--claim divergence --gap {GAP} {LEFT} --output @y.npy"), 0, "bit for bit"),
        (format!("--claim divergence --gap {GAP}"), 1, "error[TL0261]"), // the engine's own order cancels first
        ("--claim trace".into(), 0, "at each of 5 recorded nodes in all"),
        ("--claim trace --ulps 0".into(), 0, "1*(0 + 0*max(|y|, |s|))"),
        (recorded.into(), 0, "elementary functions within 4 ulps"),
        (format!("{recorded} --rounding 1/2 --library 0"), 0, "0.5*(what rounding to nearest can explain"),
        (format!("{recorded} --abs 1"), 0, "at each of 2 recorded nodes in all"),
        (format!("{recorded} --ulps 4"), 1, "node 7 (linear)"),
        ("--ulps 1/2".into(), 0, "1*(0 + 0*max(|y|, |s|) + 0.5*ulp(y))"),
    ];
    for (options, exit, expected) in cases {
        let input = "certify @absorb_trigger.json --input @absorb_trigger.input.npz";
        let ran = folder.tl(&format!("{input} {options} -o @cert.json"));
        assert_eq!(ran.exit, exit, "{options}: {ran:?}");
        assert!(ran.out.contains(expected) || ran.err.contains(expected), "{options}: {ran:?}");
    }
    // The folder stands in the place of the sign of a file, so that one is put in by hand.
    let words = format!(
        "certify @absorb_trigger.json --input @absorb_trigger.input.npz --claim divergence {LEFT} -o @cert.json"
    );
    let here = format!("{}/", folder.0.path().display());
    let words = words
        .split(' ')
        .map(|word| word.replace('@', &here))
        .chain(gap_file.split(' ').map(|word| word.replace(&here, &format!("@{here}"))));
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let exit = tl::commands::run(["tl".to_string()].into_iter().chain(words).map(Into::into), &mut out, &mut err);
    assert_eq!(exit, 0, "{}", String::from_utf8_lossy(&err));
}

#[test]
fn options_of_claims_that_do_not_go_together_are_refused() {
    let folder = absorbing();
    folder.write("wide.npy", npy("1, 3", &[0.0; 3]));
    let certify = "certify @absorb_trigger.json --input @absorb_trigger.input.npz";
    let trace = "--claim trace --output @y.npy";
    let cases = [
        ("--claim divergence".to_string(), "TL0501", "--gap says in what the two part ways"),
        (format!("--claim divergence --gap {GAP} --abs 1"), "TL0501", "its tolerance stands in the gap"),
        (format!("--gap {GAP}"), "TL0501", "only --claim divergence has a gap"),
        ("--claim divergence --gap {".into(), "TL0501", "--gap"),
        (r#"--claim divergence --gap {"kind":"argmin"}"#.into(), "TL0501", r#"no gap is of kind "argmin""#),
        (r#"--claim divergence --gap {"kind":"argmax","output":"y"}"#.into(), "TL0501", "a required key is missing"),
        ("--claim divergence --gap @missing.json".into(), "TL0501", "--gap"),
        ("--claim exec --ulps 1".into(), "TL0501", "every bit is claimed"),
        ("--claim exec --slack 2".into(), "TL0501", "every bit is claimed"),
        ("--nodes 7=@t.npy".into(), "TL0501", "only --claim trace records nodes"),
        ("--rounding 1".into(), "TL0501", "only --claim trace can allow"),
        ("--library 1".into(), "TL0501", "only --claim trace can allow"),
        (format!("{trace} --rounding 1 --abs 1"), "TL0501", "not both"),
        (format!("{trace} --rounding=-1"), "TL0501", "-1 is negative"),
        (format!("{trace} --ulps x"), "TL0501", "--ulps"),
        (format!("{trace} {LEFT}"), "TL0501", "in their own order"),
        (format!("{trace} --nodes @t.npy"), "TL0504", "nodes; say which"),
        (format!("{trace} --nodes 11=@y.npy"), "TL0504", r#"the graph has no node "11""#),
        (format!("{trace} --nodes 0=@t.npy"), "TL0504", r#"the graph has no node "0""#),
        (format!("{trace} --nodes 7=@wide.npy"), "TL0505", r#"the node "7" has shape [1, 1]"#),
        (
            format!("{trace} --nodes 7=@t.npy --nodes 7=@t.npy"),
            "TL0506",
            "2 cases of recorded nodes, 1 of recorded outputs",
        ),
        ("--claim trace --nodes 7=@t.npy".into(), "TL0506", "1 cases of recorded nodes, 0 of recorded outputs"),
    ];
    let before = folder.names();
    for (options, code, message) in cases {
        let ran = folder.tl(&format!("{certify} {options} -o @cert.json"));
        assert_eq!(ran.exit, 3, "{options}: {ran:?}");
        assert!(ran.err.contains(&format!("error[{code}")) && ran.err.contains(message), "{options}: {ran:?}");
        assert_eq!(folder.names(), before, "{options}");
    }
}

#[test]
fn a_false_claim_is_written_as_asked_and_rejected() {
    let folder = tiny();
    folder.write("y.npy", npy("1, 3", &[2.5, 0.0, 4.75]));
    for (options, code) in [("--abs 1e-9", "TL0231"), ("--claim exec", "TL0241")] {
        let ran = folder.tl(&format!("certify @tiny.json --input @x.npy --output @y.npy {options} -o @cert.json"));
        assert_eq!(ran.exit, 1, "{ran:?}");
        assert!(ran.out.starts_with("REJECTED @cert.json"), "{ran:?}");
        assert!(ran.err.contains(&format!("error[{code}]")), "{ran:?}");
    }
}

#[test]
fn what_cannot_be_used_is_refused_with_a_code_and_leaves_nothing_behind() {
    let folder = tiny();
    folder.write("shared.safetensors", "others");
    folder.write("double.npy", npy_of("<f8", "False", "1, 2", &[0; 16]));
    folder.write("flat.npy", npy("2,", &[3.0, 1.0]));
    folder.write("wide.npy", npy("1, 3", &[3.0, 1.0, 2.0]));
    folder.write("cut.npy", &npy("1, 2", &[3.0, 1.0])[..130]);
    folder.write("inf.npy", npy("1, 3", &[f32::INFINITY, 0.0, 4.5]));
    folder.write("text.json", "{}");
    folder.write("other.json", r#"{"format":"tl-graph/2"}"#);
    folder.write(
        "escape.json",
        r#"{"format":"tl-graph/1","graph":{"nodes":[],"outputs":{}},"parameters":"../w.safetensors"}"#,
    );
    folder.write("later.json", folder.read("tiny.json").replace(r#""parents":[1,2]"#, r#""parents":[1,9]"#));
    folder.write("lost.json", folder.read("tiny.json").replace("tiny.safetensors", "lost.safetensors"));
    let certify = "certify @tiny.json --input @x.npy";
    let cases = [
        ("run @tiny.json --input @double.npy".into(), "TL0421"),
        ("run @tiny.json --input @cut.npy".into(), "TL0"),
        ("run @tiny.json --input @flat.npy".into(), "TL0505"),
        ("run @tiny.json --input @wide.npy --reshape".into(), "TL0505"),
        ("run @tiny.json --input z=@x.npy".into(), "TL0504"),
        ("run @tiny.json --input @missing.npy".into(), "TL0411"),
        ("run @tiny.json --input @tiny.safetensors".into(), "TL0504"),
        ("run @tiny.json --input @x.npy --input @x.npy".into(), "TL0506"),
        ("run @tiny.json --input @x.npy --semantics rational -o @y.npz".into(), "TL0510"),
        ("run @tiny.json --input @x.npy -o @y.txt".into(), "TL0510"),
        ("run @tiny.json --input @x.npy -o @missing/y.npy".into(), "TL0508"),
        ("run @tiny.json --input @x.npy --radius 1".into(), "TL0501"),
        ("run @tiny.json --input @x.npy --schedule {}".into(), "TL0501"),
        ("run @missing.json --input @x.npy".into(), "TL0512"),
        ("run @text.json --input @x.npy".into(), "TL0104"),
        ("run @other.json --input @x.npy".into(), "TL0107"),
        ("run @escape.json --input @x.npy".into(), "TL0112"),
        ("run @lost.json --input @x.npy".into(), "TL0411"),
        ("import @tiny.json".into(), "TL0502"),
        ("import @missing.onnx -o @m.json".into(), "TL0411"),
        ("import @x.npy".into(), "TL0502"),
        ("import @tiny.onnx -o @x.npy/deep".into(), "TL0508"),
        ("import @tiny.onnx --bind x".into(), "TL0501"),
        ("generate nothing -o @models".into(), "TL0501"),
        (format!("{certify} --abs -1 -o @c.json"), "TL0501"),
        (format!("{certify} --abs 1e -o @c.json"), "TL0501"),
        (format!("{certify} --claim exec --abs 1 -o @c.json"), "TL0501"),
        (format!("{certify} --output @inf.npy -o @c.json"), "TL0509"),
        (format!("{certify} --output @wide.npy --output @wide.npy -o @c.json"), "TL0506"),
        (format!("{certify} --output @flat.npy -o @c.json"), "TL0505"),
        (format!("{certify} -o @c.cert"), "TL0501"),
        (format!("{certify} -o @x.npy/c.json"), "TL0508"),
        (format!("{certify} --parameters shared.safetensors -o @c.json"), "TL0508"),
        ("corpus @nothing".into(), "TL0511"),
    ];
    let before = folder.names();
    for (line, code) in cases {
        let line: String = line;
        let line = if line.contains("--abs -1") { line.replace("--abs -1", "--abs=-1") } else { line };
        let ran = folder.tl(&line);
        assert_eq!(ran.exit, 3, "{line}: {ran:?}");
        assert!(ran.err.contains(&format!("error[{code}")), "{line}: {ran:?}");
        assert_eq!(ran.out, "", "{line}");
        assert_eq!(folder.names(), before, "{line}");
    }
    let reshaped = folder.tl("run @tiny.json --input @flat.npy --reshape");
    assert_eq!(reshaped.exit, 0, "{reshaped:?}");
}

#[test]
fn a_failing_tensor_file_leaves_no_certificate() {
    let folder = tiny();
    fs::create_dir(folder.path("c.safetensors")).expect("the folder is writable");
    let before = folder.names();
    let ran = folder.tl("certify @tiny.json --input @x.npy --inline-limit 0 -o @c.json");
    assert_eq!((ran.exit, folder.names()), (3, before), "{}", ran.err);
}

#[test]
fn generated_models_are_the_same_every_time_and_complete() {
    let folder = Folder::new();
    for name in tl::generate::NAMES {
        for again in ["a", "b"] {
            assert_eq!(folder.tl(&format!("generate {name} -o @{again}")).exit, 0);
        }
        for suffix in ["json", "safetensors", "input.npz"] {
            let bytes =
                |again: &str| fs::read(folder.path(&format!("{again}/{name}.{suffix}"))).expect("it is written");
            assert!(bytes("a") == bytes("b"), "{name}.{suffix}");
        }
    }
    let ran = folder.tl("generate mnist_cnn -o @a");
    assert!(ran.out.contains("parameters  3,489,130 in 10 tensors"), "{}", ran.out);
    let ran = folder.tl("run @a/attention.json --input @a/attention.input.npz --semantics interval");
    assert_eq!(ran.exit, 0, "{ran:?}");
}

#[test]
fn a_corpus_is_blessed_by_nobody_but_its_keeper() {
    let folder = tiny();
    let certs = Path::new("corpus/accept");
    fs::create_dir_all(folder.path("corpus/accept")).expect("the folder is writable");
    let certify = format!("certify @tiny.json --input @x.npy --claim exec -o @{}/tiny.json", certs.display());
    assert_eq!(folder.tl(&certify).exit, 0);
    let ran = folder.tl("corpus @corpus");
    assert!(ran.exit == 3 && ran.err.contains("TL0511") && ran.err.contains("BLESS=1"), "{ran:?}");
    let expect = |exit: u8, stdout: &str| format!("run: tl-check tiny.json\nexit: {exit}\nstdout:\n{stdout}stderr:\n");
    folder.write("corpus/accept/tiny.expect", expect(0, "ACCEPTED\n"));
    let ran = folder.tl("corpus @corpus");
    assert!(
        ran.exit == 1
            && ran.out.contains("NOT AS EXPECTED")
            && ran.out.contains("1 certificates, 0 as expected, 1 not"),
        "{ran:?}"
    );
    folder.write("corpus/accept/tiny.expect", expect(1, ""));
    let ran = folder.tl("corpus @corpus");
    assert!(
        ran.err.contains(r#"expected "exit 1 (no code)""#) && ran.err.contains(r#"found    "exit 0 (no code)""#),
        "{ran:?}"
    );
    folder.write("corpus/accept/tiny.expect", "run: rm certs\nexit: 0\nstdout:\nstderr:\n");
    assert!(folder.tl("corpus @corpus").err.contains("TL0511"));
}

#[test]
fn the_schema_is_one_json_value() {
    let ran = Folder::new().tl("schema");
    assert!(tl_kernel::cert::json::parse(ran.out.as_bytes()).is_ok() && ran.exit == 0);
}

#[test]
fn every_code_is_explained() {
    let folder = Folder::new();
    for code in tl::error::Code::ALL {
        let page = folder.tl(&format!("explain {}", code.id()));
        assert_eq!(page.exit, 0, "{page:?}");
        assert!(page.out.starts_with(&format!("# {}: {}\n", code.id(), code.title())), "{page:?}");
    }
    assert!(folder.tl("explain tl0231").out.starts_with("# TL0231: "), "the checker's codes, too");
    assert_eq!(folder.tl("explain TL9999").exit, 3);
}

#[test]
fn completions_and_manual_pages_are_printed_on_request() {
    let folder = Folder::new();
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let ran = folder.tl(&format!("completions {shell}"));
        assert!(ran.exit == 0 && ran.out.contains("certify"), "{shell}: {}", ran.err);
    }
    for (line, heading) in [("man", "tl"), ("man diff", "diff")] {
        let ran = folder.tl(line);
        assert!(ran.exit == 0 && ran.out.contains(".TH") && ran.out.contains(heading), "{line}: {}", ran.err);
    }
    assert_eq!(folder.tl("man nothing").exit, 3);
}
