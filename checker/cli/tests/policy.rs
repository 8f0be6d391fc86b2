//! Policies from outside: what is rejected under them, which rule speaks of which file, and every way to be malformed.

mod common;

use common::{Folder, INPUT_WORDS, ONE_ULP_OFF, OUTPUT_WORDS, RELU, TOLERANCE, assert_refused, changed, onnx};
use std::{env, fs, path::PathBuf};
use tl_check::Policy;
use tl_kernel::Code;
use tl_kernel::cert::digest::Digest;

const GRAPH: &str = "a72ca786317c8920c9de867b69dffcedcdd5d457549f5d4c453033e74a7d5906";

/// A policy of one rule about `cert.json`.
fn rule(keys: &str) -> String {
    format!("format = \"tl-policy/1\"\n\n[[certificate]]\npath = \"cert.json\"\nclaim = [\"forward\"]\n{keys}\n")
}

fn under(policy: &str, certificate: &str, options: &[&str]) -> common::Ran {
    let folder = Folder::with(certificate);
    folder.write("tl-policy.toml", policy);
    folder.write("relu.onnx", onnx("Relu"));
    folder.run(&[&["--policy", "tl-policy.toml", "cert.json"], options].concat())
}

#[test]
fn what_is_within_the_policy_is_accepted_and_says_so() {
    let policy = rule("");
    let ran = under(&policy, RELU, &[]);
    let name = format!(", within the policy tl-policy.toml ({:?}).\n", Digest::of(policy.as_bytes()));
    assert!(ran.exit == 0 && ran.out.ends_with(&name), "{ran:?}");
}

#[test]
fn what_states_less_than_the_policy_is_rejected_though_it_is_true() {
    let loose = changed(&[(TOLERANCE, r#""tolerance": {"abs": "1e-6", "rel": "0", "slack": "10"}"#)]);
    let importer = "assume = [\"importer\"]";
    let file = format!("model-file = \"{}\"\n{importer}", Digest::of(&onnx("Relu")));
    let another = format!("model-file = \"{GRAPH}\"\n{importer}");
    let model = &["--model", "relu.onnx"][..];
    for (keys, certificate, options, refused) in [
        ("abs = \"1e-5\"", loose.as_str(), &[][..], None),
        ("abs = \"any\"", &loose, &[], None),
        ("abs = \"1/100000\"\nrel = \"0x1p-20\"", &loose, &[], None),
        ("abs = \"9.99e-6\"", &loose, &[], Some(("TL0453", "/claim"))),
        ("", &loose, &[], Some(("TL0453", "/claim"))),
        ("cases = 1", RELU, &[], None),
        ("cases = 2", RELU, &[], Some(("TL0453", "/inputs"))),
        ("gap = \"0\"", RELU, &[], Some(("TL0453", "/claim"))),
        (&format!("graph = \"{GRAPH}\""), RELU, &[], None),
        (&format!("parameters = \"{GRAPH}\""), RELU, &[], Some(("TL0451", "/model/parameters"))),
        ("", RELU, model, Some(("TL0454", "/model"))),
        (importer, RELU, model, None),
        (&file, RELU, model, None),
        (&file, RELU, &[], Some(("TL0451", "/model"))),
        (&another, RELU, model, Some(("TL0451", "/model"))),
    ] {
        let ran = under(&rule(keys), certificate, options);
        match refused {
            None => assert_eq!(ran.exit, 0, "{keys}: {ran:?}"),
            Some((code, pointer)) => {
                assert_refused(&ran, 1, code, pointer, keys);
                let shows = |name| ran.err.contains(&format!("   | {name:<10} "));
                assert!(shows("recorded") && shows("demanded"), "{keys}: both sides are shown: {ran:?}");
                assert!(ran.err.contains("tl-policy.toml:3 path \"cert.json\""), "{keys}: the rule is named: {ran:?}");
            }
        }
    }
    let exec = rule("").replace("forward", "exec");
    assert_refused(&under(&exec, RELU, &[]), 1, "TL0452", "/claim/kind", "another kind");
}

#[test]
fn a_policy_makes_nothing_true() {
    let ran = under(&rule("abs = \"any\"\nrel = \"any\""), &changed(&[ONE_ULP_OFF]), &[]);
    assert_refused(&ran, 1, "TL0231", "/claim/outputs/0/y", "a false claim within the policy");
    let ran = under(&rule(""), "{", &[]);
    assert_refused(&ran, 1, "TL0101", "", "no certificate at all");
}

#[test]
fn every_rule_that_matches_must_be_met_in_any_order() {
    let loose = changed(&[(TOLERANCE, r#""tolerance": {"abs": "1e-5", "rel": "0"}"#)]);
    let rules = ["abs = \"1e-4\"", "abs = \"1e-6\"", "abs = \"1e-5\""].map(|keys| rule(keys).split_off(22));
    for order in [[0, 1, 2], [1, 2, 0], [2, 0, 1]] {
        let text: String = order.iter().map(|&i| rules[i].as_str()).collect();
        let ran = under(&format!("format = \"tl-policy/1\"\n{text}"), &loose, &[]);
        assert_refused(&ran, 1, "TL0453", "/claim", "the strictest of three");
        assert_eq!(ran.err.matches("error[").count(), 1, "the others are met: {ran:?}");
    }
}

#[test]
fn what_no_rule_matches_is_rejected_unless_the_policy_says_otherwise() {
    let elsewhere = rule("").replace("cert.json", "other.json");
    assert_refused(&under(&elsewhere, RELU, &[]), 1, "TL0455", "", "unlisted");
    let allowing = elsewhere.replacen("\n\n", "\nunlisted = \"allow\"\n", 1);
    let ran = under(&allowing, RELU, &[]);
    assert!(ran.exit == 0 && ran.out.contains(", of which the policy tl-policy.toml (sha256:"), "{ran:?}");
    assert!(ran.out.ends_with("demands nothing.\n"), "{ran:?}");
    // It allows what is unlisted, not what is listed and weaker.
    let both = allowing + "[[certificate]]\npath = \"*.json\"\nclaim = [\"exec\"]\n";
    assert_refused(&under(&both, RELU, &[]), 1, "TL0452", "/claim/kind", "listed");
}

#[test]
fn a_required_certificate_that_is_not_checked_is_missing() {
    let policy =
        rule("required = true") + "\n[[certificate]]\npath = \"nets/**\"\nclaim = [\"forward\"]\nrequired = true\n";
    let ran = under(&policy, RELU, &[]);
    assert_eq!(ran.exit, 1, "{ran:?}");
    assert!(ran.out.contains("\nREJECTED tl-policy.toml: TL0456 "), "{ran:?}");
    assert!(ran.err.contains("matches \"nets/**\"\n  --> tl-policy.toml#/certificate/1\n"), "{ran:?}");

    let folder = Folder::with(RELU);
    folder.write("tl-policy.toml", &policy);
    folder.write("nets/deep/relu.json", RELU);
    let all = &["--policy", "tl-policy.toml", "cert.json", "nets"];
    assert_eq!(folder.run(all).exit, 0);
    // A file that cannot be read was not checked; trouble outranks the rejection that follows.
    let gone = folder.run(&["--policy", "tl-policy.toml", "cert.json", "nets/deep/gone.json"]);
    assert!(gone.exit == 3 && gone.out.contains("TL0456"), "{gone:?}");
}

/// A pattern, a path below the folder of the policy, and whether the one matches the other.
#[test]
fn patterns_match_real_paths_relative_to_the_policy() {
    for (pattern, path, matches) in [
        ("cert.json", "cert.json", true),
        ("cert.json", "a/cert.json", false),
        ("Cert.json", "cert.json", false),
        ("*.json", "cert.json", true),
        ("*.json", "a/cert.json", false),
        ("*", "a/b.json", false),
        ("**/*.json", "cert.json", true),
        ("**/*.json", "a/b/c.json", true),
        ("a/**", "a/b/c.json", true),
        ("a/**", "ab/c.json", false),
        ("a/**/c.json", "a/c.json", true),
        ("a/**/c.json", "a/x/y/c.json", true),
        ("a/?.json", "a/b.json", true),
        ("a/?.json", "a/bb.json", false),
        ("?/b.json", "a/b.json", true),
        ("a?b.json", "a/b.json", false),
        ("[ab]/x.json", "b/x.json", true),
        ("[!ab]/x.json", "b/x.json", false),
        ("{a,b/c}/x.json", "b/c/x.json", true),
        ("{a,b}/x.json", "c/x.json", false),
        ("a b/é.json", "a b/é.json", true),
        ("[[]x].json", "[x].json", true),
    ] {
        let folder = Folder::new();
        folder.write("policies/tl-policy.toml", rule("").replace("cert.json", pattern));
        folder.write(&format!("policies/{path}"), RELU);
        // Whatever the way to it, the real path counts.
        for way in [format!("policies/{path}"), format!("./policies/../policies/{path}")] {
            let ran = folder.run(&["--policy", "policies/tl-policy.toml", &way]);
            assert_eq!(ran.exit, i32::from(!matches), "{pattern} {way}: {ran:?}");
            assert_eq!(ran.err.contains("TL0455"), !matches, "{pattern} {way}: {ran:?}");
        }
    }
}

#[cfg(unix)]
#[test]
fn no_link_and_no_way_around_brings_a_certificate_under_another_rule() {
    use std::os::unix::fs::symlink;
    let folder = Folder::new();
    folder.write(
        "project/tl-policy.toml",
        rule("").replace("cert.json", "strict/**")
            + "\n[[certificate]]\npath = \"lax/**\"\nclaim = [\"forward\"]\nabs = \"any\"\n",
    );
    folder.write("project/strict/cert.json", changed(&[(TOLERANCE, r#""tolerance": {"abs": "1", "rel": "0"}"#)]));
    folder.write("elsewhere/cert.json", RELU);
    fs::create_dir(folder.path("project/lax")).expect("a folder");
    symlink(folder.path("project/strict/cert.json"), folder.path("project/lax/cert.json")).expect("linked");
    symlink(folder.path("elsewhere"), folder.path("project/lax/more")).expect("linked");
    for (way, code) in [
        ("project/strict/cert.json", "TL0453"),
        ("project/lax/../strict/cert.json", "TL0453"),
        ("project/lax/cert.json", "TL0453"),
        ("project/lax/more/cert.json", "TL0455"),
        ("elsewhere/cert.json", "TL0455"),
    ] {
        let ran = folder.run(&["--policy", "project/tl-policy.toml", way]);
        assert!(ran.exit == 1 && ran.err.contains(code), "{way}: {ran:?}");
    }
}

/// A text, the line and column of what is wrong with it, and a part of the message.
type Wrong<'a> = (&'a str, (usize, usize), &'a str);

#[test]
fn what_is_no_policy_is_refused_where_it_stands() {
    let one = "format = \"tl-policy/1\"\n[[certificate]]\npath = \"a\"\nclaim = [\"forward\"]\n"; // its next line is line 5
    let with = |keys: &str| format!("{one}{keys}\n");
    let path = |path: &str| one.replace("\"a\"", path);
    let table: &[(String, (usize, usize), &str)] = &[
        // The text.
        ("".into(), (1, 1), "missing field `format`"),
        ("{}".into(), (1, 1), ""),
        ("\u{0}".into(), (1, 2), ""),
        ("format".into(), (1, 7), ""),
        ("format = ".into(), (1, 10), ""),
        ("format = \"tl-policy/1".into(), (1, 22), ""),
        // The head.
        ("format = \"tl-policy/2\"\nnew = 1".into(), (1, 10), "not \"tl-policy/2\""),
        ("format = \"tl-policy/1 \"".into(), (1, 10), "this checker reads"),
        ("format = 1".into(), (1, 10), "expected a string"),
        ("format = \"tl-policy/1\"".into(), (1, 1), "missing field `certificate`"),
        ("format = \"tl-policy/1\"\ncertificate = []".into(), (1, 1), "1 to 1000 rules, not 0"),
        ("format = \"tl-policy/1\"\ncertificate = {}".into(), (2, 15), ""),
        ("format = \"tl-policy/1\"\n[certificate]\npath = \"a\"\n".into(), (2, 1), ""),
        (format!("{one}[[certificates]]\n"), (5, 3), "unknown field `certificates`"),
        (format!("unlisted = \"warn\"\n{one}"), (1, 12), "unknown variant `warn`"),
        (format!("unlisted = true\n{one}"), (1, 12), ""),
        (format!("{one}format = \"tl-policy/1\"\n"), (5, 1), "unknown field `format`"),
        (format!("format = \"tl-policy/1\"\n{one}"), (2, 1), "duplicate key"),
        // Rules.
        (with("claim = [\"exec\"]"), (5, 1), "duplicate key"),
        (with("toleranse = \"1\""), (5, 1), "unknown field `toleranse`"),
        (with("model_file = \"1\""), (5, 1), "unknown field `model_file`"),
        (with("Abs = \"1\""), (5, 1), "unknown field `Abs`"),
        (with("required = \"yes\""), (5, 12), "expected a boolean"),
        ("format = \"tl-policy/1\"\n[[certificate]]\npath = \"a\"\n".into(), (2, 1), "missing field `claim`"),
        ("format = \"tl-policy/1\"\n[[certificate]]\nclaim = [\"exec\"]\n".into(), (2, 1), "missing field `path`"),
        (one.replace("[\"forward\"]", "\"forward\""), (4, 9), "expected a sequence"),
        (one.replace("\"forward\"", ""), (2, 1), "at least one kind"),
        (one.replace("forward", "forwards"), (4, 9), "no claim is of kind \"forwards\""),
        (one.replace("forward", ""), (4, 9), "no claim is of kind"),
        // Figures.
        (with("abs = 1e-5"), (5, 7), "expected a string"),
        (with("abs = 0"), (5, 7), "expected a string"),
        (with("abs = \"\""), (5, 7), "digits are missing"),
        (with("abs = \"1e-5 \""), (5, 7), "expected an integer"),
        (with("abs = \"-1e-5\""), (5, 7), "-1e-5 is negative"),
        (with("abs = \"inf\""), (5, 7), "expected an integer"),
        (with("abs = \"nan\""), (5, 7), "expected an integer"),
        (with("abs = \"ANY\""), (5, 7), "expected an integer"),
        (with("abs = \"1/0\""), (5, 7), "the denominator is zero"),
        (with("abs = \"1e99999\""), (5, 7), "an exponent is at most"),
        (with("abs = [\"1\"]"), (5, 7), "expected a string"),
        (with("gap = \"any\""), (5, 7), "expected an integer"),
        (with("gap = \"-1\""), (5, 7), "is negative"),
        (with("cases = 0"), (5, 9), "at least 1"),
        (with("cases = -1"), (5, 9), "at least 1"),
        (with("cases = \"3\""), (5, 9), ""),
        (with("cases = 1.0"), (5, 9), ""),
        (with("cases = 99999999999999999999"), (5, 9), ""),
        // Digests and assumptions.
        (with("graph = \"abc\""), (5, 9), "64 lower-case"),
        (with(&format!("graph = \"{}\"", GRAPH.to_uppercase())), (5, 9), "64 lower-case"),
        (with(&format!("graph = \"sha256:{GRAPH}\"")), (5, 9), "64 lower-case"),
        (with("assume = \"importer\""), (5, 10), "expected a sequence"),
        (with("assume = [\"Importer\"]"), (5, 10), "no assumption is called \"Importer\""),
        (with("assume = [\"*\"]"), (5, 10), "no assumption is called"),
        (with(&format!("model-file = \"{GRAPH}\"")), (2, 1), "rests on the importer"),
        // Paths.
        (path("\"\""), (3, 8), "without empty names"),
        (path("\"/a\""), (3, 8), "relative to the policy file"),
        (path("\"../a\""), (3, 8), "relative to the policy file"),
        (path("\"a/./b\""), (3, 8), "relative to the policy file"),
        (path("\"a//b\""), (3, 8), "relative to the policy file"),
        (path("\"a/\""), (3, 8), "relative to the policy file"),
        (path("'a\\b'"), (3, 8), "no backslash"),
        (path("\"a\\nb\""), (3, 8), "no control character"),
        (path("\"[a\""), (3, 8), "unclosed character class"),
        (path("\"{a\""), (3, 8), "unclosed alternate group"),
        (path("\"[z-a]\""), (3, 8), "invalid range"),
        (path(&format!("\"{}\"", "{".repeat(900))), (3, 8), ""),
        (path(&format!("\"{}\"", "*".repeat(1001))), (3, 8), "at most 1000 bytes"),
        (path("[\"a\"]"), (3, 8), "expected a string"),
        // Size.
        (
            format!("format = \"tl-policy/1\"\n{}", "[[certificate]]\npath = \"a\"\nclaim = [\"exec\"]\n".repeat(1001)),
            (1, 1),
            "not 1001",
        ),
        (format!("x = {}", "[".repeat(100_000)), (1, 0), ""),
        ("#".repeat((1 << 20) + 1), (1, 1), "at most 1048576 bytes"),
    ];
    let mut others = Vec::new();
    for (text, (line, column), message) in table {
        let short: String = text.chars().take(200).collect();
        let found = Policy::parse(text.as_bytes()).map(drop);
        let as_expected = found.as_ref().is_err_and(|found| {
            let place = (found.position.line, found.position.column);
            found.message.contains(message) && (place == (*line, *column) || *column == 0)
        });
        if !as_expected {
            others.push(format!("{short}\n  expected {line}:{column} {message}\n  found {found:?}\n"));
        }
    }
    assert!(others.is_empty(), "{}", others.concat());
    let not_text: &[Wrong] = &[("format = \"tl-policy/1\"\n# é", (2, 4), "not UTF-8")];
    for (text, (line, column), message) in not_text {
        let found = Policy::parse(&[text.as_bytes(), b"\xff"].concat()).expect_err("not UTF-8");
        assert_eq!((found.position.line, found.position.column, found.message.as_str()), (*line, *column, *message));
    }
}

#[test]
fn a_cut_or_changed_policy_is_read_or_refused_and_never_more() {
    let text = rule(&format!(
        "abs = \"1e-5\"\nrel = \"any\"\ncases = 3\ngraph = \"{GRAPH}\"\nassume = [\"importer\"]\nrequired = true"
    ));
    assert!(Policy::parse(text.as_bytes()).is_ok());
    let read = (0..text.len()).filter(|&end| Policy::parse(&text.as_bytes()[..end]).is_ok()).count();
    assert!((1..40).contains(&read), "few prefixes are whole: {read}");
    for at in 0..text.len() {
        for byte in [0, b'"', b'\n', b'[', b'=', b'*', b'{', 0x80, 0xff] {
            let mut changed = text.clone().into_bytes();
            changed[at] = byte;
            if let Err(found) = Policy::parse(&changed) {
                assert!(!found.message.is_empty() && found.position.line <= 12, "{at} {byte}: {found:?}");
            }
        }
    }
}

#[test]
fn a_malformed_policy_is_never_ignored() {
    for (content, place) in [
        (rule("abs = 1e-5"), "TL0004]: the policy is malformed: "),
        (String::new(), "  --> tl-policy.toml:1:1\n"),
        (rule("toleranse = \"1\""), "  --> tl-policy.toml:6:1\n"),
    ] {
        let ran = under(&content, RELU, &[]);
        assert_eq!((ran.exit, ran.out.as_str()), (3, ""), "{ran:?}");
        assert!(ran.err.contains(place), "{ran:?}");
    }
    let folder = Folder::with(RELU);
    for (path, message) in [("none.toml", "TL0002"), (".", "TL0002")] {
        let ran = folder.run(&["--policy", path, "cert.json"]);
        assert!(ran.exit == 3 && ran.out.is_empty() && ran.err.contains(message), "{path}: {ran:?}");
    }
    folder.write("large.toml", vec![b'\n'; (1 << 20) + 1]);
    assert_eq!(folder.run(&["--policy", "large.toml", "cert.json"]).exit, 3);
    let report = folder.run(&["--policy", "none.toml", "--format", "json", "cert.json"]);
    assert!(report.exit == 3 && report.out.contains("\"verdict\": null"), "the report says so, too: {report:?}");
}

/// A rule, a certificate of the corpus, and the word in the finding when it is weaker.
#[test]
fn every_kind_of_claim_is_held_to_what_it_states() {
    let corpus = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../certs/accept");
    let everything = "claim = [\"forward\", \"exec\", \"trace\", \"divergence\"]";
    let any = "abs = \"any\"\nrel = \"any\"\nulps = \"any\"\nfactor = \"any\"\nlibrary = \"any\"\n";
    for (keys, name, weaker) in [
        ("claim = [\"trace\"]\nfactor = \"1\"\nlibrary = \"4\"\nnodes = 3", "trace_rounding", None),
        ("claim = [\"trace\"]\nfactor = \"1\"\nlibrary = \"4\"\nnodes = 4", "trace_rounding", Some("(nodes)")),
        ("claim = [\"trace\"]\nfactor = \"1\"\nlibrary = \"3\"", "trace_rounding", Some("(library)")),
        ("claim = [\"trace\"]\nfactor = \"0.9\"\nlibrary = \"4\"", "trace_rounding", Some("(factor)")),
        ("claim = [\"trace\"]", "trace_rounding", Some("(factor)")),
        ("claim = [\"trace\"]\nabs = \"1\"\nfactor = \"1\"\nlibrary = \"4\"", "trace_rounding", Some("(abs)")),
        // The tolerance of one operation counts, whatever that of the others is.
        ("claim = [\"trace\"]\nulps = \"4\"", "trace_ulps", None),
        ("claim = [\"trace\"]\nulps = \"3\"", "trace_ulps", Some("(ulps)")),
        ("claim = [\"trace\"]", "trace_ulps", Some("(ulps)")),
        ("claim = [\"trace\"]\nabs = \"0.6\"", "trace_local", None),
        ("claim = [\"trace\"]\nabs = \"0.5\"", "trace_local", Some("(abs)")),
        ("claim = [\"divergence\"]\ngap = \"1/2\"", "divergence_absorbed", None),
        ("claim = [\"divergence\"]\ngap = \"0.51\"", "divergence_absorbed", Some("(gap)")),
        ("claim = [\"divergence\"]\ngap = \"0\"", "divergence_argmax", Some("(gap)")),
        ("claim = [\"divergence\"]", "divergence_argmax", None),
        ("claim = [\"exec\"]", "exec_fma", None),
        ("claim = [\"exec\"]\nabs = \"0\"", "exec_fma", Some("(abs)")),
        ("claim = [\"forward\"]\nabs = \"1\"", "slack", None),
        // Nothing that is accepted is out of every policy's reach.
        (&format!("{everything}\n{any}"), "trace_two_cases", None),
        (&format!("{everything}\n{any}"), "divergence_decision", None),
        (&format!("{everything}\n{any}"), "relative", None),
        (&format!("{everything}\n{any}"), "exec_nan_x86", None),
    ] {
        let certificate = fs::read_to_string(corpus.join(format!("{name}.json"))).expect("a certificate");
        let ran = under(&rule("").replace("claim = [\"forward\"]", keys), &certificate, &[]);
        match weaker {
            None => assert_eq!(ran.exit, 0, "{name} {keys}: {ran:?}"),
            Some(word) => assert!(
                ran.exit == 1 && ran.err.contains("[TL0453]") && ran.err.contains(word),
                "{name} {keys}: {ran:?}"
            ),
        }
    }
}

#[test]
fn the_policies_that_the_documentation_shows_are_policies() {
    for page in ["README.md", "docs/ci.md"] {
        let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(page);
        let text = fs::read_to_string(file).expect("a page");
        let policy = text.split_once("```toml\n").and_then(|(_, rest)| rest.split_once("```")).expect("a policy").0;
        assert!(Policy::parse(policy.as_bytes()).is_ok(), "{page}: {:?}", Policy::parse(policy.as_bytes()));
    }
}

#[cfg(unix)]
#[test]
fn a_certificate_from_a_pipe_is_read_once() {
    let folder = Folder::new();
    let made = std::process::Command::new("mkfifo").arg(folder.path("cert.json")).status();
    assert!(made.is_ok_and(|status| status.success()), "mkfifo is there");
    let (path, text) = (folder.path("cert.json"), changed(&[ONE_ULP_OFF]));
    let writer = std::thread::spawn(move || fs::write(path, text));
    assert_refused(&folder.run(&["cert.json"]), 1, "TL0231", "/claim/outputs/0/y", "a pipe");
    assert!(writer.join().is_ok_and(|written| written.is_ok()));
}

/// The pages of the policy's codes show a policy, and what is printed under it about a small certificate.
/// `BLESS=1 cargo test -p tl-check --test policy` writes what is printed into the pages again.
#[test]
fn the_pages_print_what_follows_from_the_policies_that_they_show() {
    let loose = changed(&[(TOLERANCE, r#""tolerance": {"abs": "1e-4", "rel": "0"}"#)]);
    assert!(loose.contains(INPUT_WORDS) && loose.contains(OUTPUT_WORDS));
    let codes = Code::ALL.iter().map(|code| code.id()).filter(|id| id.starts_with("TL045")).chain(["TL0004"]);
    for code in codes {
        let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("explain/{code}.md"));
        let mut page = fs::read_to_string(&file).expect("a page");
        let block = |kind: &str, page: &str| {
            let from =
                page.split_once(&format!("```{kind}\n")).unwrap_or_else(|| panic!("{code} has a block of {kind}")).1;
            from.split_once("```\n").expect("the end of the block").0.to_string()
        };
        let policy = format!("format = \"tl-policy/1\"\n\n{}", block("toml", &page));
        let command = block("sh", &page);
        let options: Vec<&str> = command.split_whitespace().skip(1).collect();
        let folder = Folder::with(&loose);
        folder.write("tl-policy.toml", &policy);
        folder.write("model.onnx", onnx("Relu"));
        let printed = folder.run(&options).err;
        let printed: String =
            printed.lines().filter(|line| !line.starts_with("note: ")).map(|line| format!("{line}\n")).collect();
        assert!(printed.starts_with(&format!("error[{code}]: ")), "{code}: {printed}");
        if env::var_os("BLESS").is_some() {
            page =
                page.replacen(&format!("```text\n{}```", block("text", &page)), &format!("```text\n{printed}```"), 1);
            fs::write(&file, &page).expect("a page");
        }
        assert_eq!(block("text", &page), printed, "{code}");
    }
}
