//! Renderings against goldens (`BLESS=1 cargo test -p tl-check --test render` renews them), and what must hold of each whatever it renders.

mod common;

use common::{Folder, LATER_KIND, NODE, ONE_ULP_OFF, RELU, TOLERANCE, changed};
use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::Value;
use std::{env, fs, path::PathBuf};

/// Every kind of outcome, the last name as hostile as a file system that is used in CI has it.
fn mixed() -> Folder {
    let folder = Folder::new();
    folder.write("certs/accepted.json", RELU);
    folder.write("certs/outside.json", changed(&[ONE_ULP_OFF]));
    folder.write("certs/arity.json", changed(&[(NODE, r#"{"op": "relu", "parents": [0, 0], "shape": [2]}"#)]));
    folder.write("certs/loose.json", changed(&[(TOLERANCE, r#""tolerance": {"abs": "1", "rel": "0"}"#)]));
    folder.write("certs/later.json", changed(&[LATER_KIND]));
    folder.write("certs/broken, 100%: <b>é & `x` | y.json", "{\n  \"format\": \"tl-cert/1\",\n");
    fs::create_dir(folder.path("empty")).expect("a folder");
    folder.write("tl-policy.toml", "format = \"tl-policy/1\"\n\n[[certificate]]\npath = \"certs/*.json\"\nclaim = [\"forward\"]\n\n[[certificate]]\npath = \"nets/**\"\nclaim = [\"exec\"]\nrequired = true\n");
    folder
}

const ALL: &[&str] = &["--policy", "tl-policy.toml", "./certs", "empty"];

fn golden(name: &str, found: &str) {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if env::var_os("BLESS").is_some() {
        fs::create_dir_all(file.parent().expect("a folder")).expect("the folder of the goldens");
        fs::write(&file, found).expect("a golden");
    }
    let expected = fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(found, expected, "{name} differs from its golden; BLESS=1 renews it");
}

#[test]
fn every_rendering_is_its_golden() {
    let folder = mixed();
    let human = folder.run(ALL);
    assert_eq!(human.exit, 3, "{human:?}");
    golden("human.stdout", &human.out);
    golden("human.stderr", &human.err);
    for (format, name) in
        [("json", "report.json"), ("sarif", "report.sarif"), ("junit", "report.xml"), ("github", "github.txt")]
    {
        let ran = folder.run(&[&["--format", format], ALL].concat());
        assert_eq!((ran.exit, ran.err.as_str()), (3, ""), "{format}: {ran:?}");
        golden(name, &ran.out);
        assert_eq!(folder.run(&[&["--format", format], ALL].concat()).out, ran.out, "{format} is deterministic");
    }
    let ran = folder.run(&[&["--summary", "summary.md"], ALL].concat());
    assert_eq!((&ran.out, &ran.err), (&human.out, &human.err), "a summary changes nothing else");
    golden("summary.md", &fs::read_to_string(folder.path("summary.md")).expect("a summary"));
}

#[test]
fn colours_are_a_matter_of_the_option_and_the_terminal() {
    let folder = mixed();
    let ran = folder.run(&[&["--color", "always"], ALL].concat());
    golden("colours.stdout", &ran.out);
    golden("colours.stderr", &ran.err);
    let plain = folder.run(ALL);
    assert!(!plain.out.contains('\u{1b}') && !plain.err.contains('\u{1b}'), "no terminal, no colours, no progress");
    let never = folder.run(&[&["--color", "never"], ALL].concat());
    assert_eq!((never.out, never.err), (plain.out, plain.err));
}

#[test]
fn quiet_tells_what_failed_and_nothing_else() {
    let folder = mixed();
    let (loud, quiet) = (folder.run(ALL), folder.run(&[&["--quiet"], ALL].concat()));
    let kept = |text: &str| {
        text.lines()
            .filter(|line| !line.starts_with("ACCEPTED ") && !line.starts_with("note: "))
            .map(|line| format!("{line}\n"))
            .collect::<String>()
    };
    assert_eq!((quiet.exit, quiet.out, quiet.err), (loud.exit, kept(&loud.out), kept(&loud.err)));
    let ran = folder.run(&["-q", "certs/accepted.json"]);
    assert_eq!((ran.exit, ran.out.as_str(), ran.err.as_str()), (0, "", ""));
}

#[test]
fn a_report_in_a_file_is_the_one_on_stdout() {
    let folder = mixed();
    let human = folder.run(ALL);
    for format in ["json", "sarif", "junit", "github"] {
        folder.write("report", "an old report");
        let ran = folder.run(&[&["--format", format, "--output", "report"], ALL].concat());
        assert_eq!(
            (ran.exit, &ran.out, &ran.err),
            (3, &human.out, &human.err),
            "verdicts are told for people: {format}"
        );
        let report = fs::read_to_string(folder.path("report")).expect("a report");
        assert_eq!(report, folder.run(&[&["--format", format], ALL].concat()).out, "{format}");
    }
    folder.run(&["--output", "report", "certs/accepted.json"]);
    let report = fs::read_to_string(folder.path("report")).expect("a report");
    assert!(report.starts_with("note: ") && report.ends_with(".\n") && report.contains("\nACCEPTED "), "{report}");
    let left: Vec<_> =
        fs::read_dir(folder.path("")).expect("the folder").map(|entry| entry.expect("an entry").file_name()).collect();
    assert_eq!(left.len(), 4, "no temporary file is left: {left:?}");
}

#[test]
fn a_report_that_cannot_be_written_is_trouble_and_leaves_the_old_one() {
    let folder = Folder::with(RELU);
    for options in
        [["--output", "missing/report"], ["--output", "."], ["--summary", "missing/summary"], ["--summary", "."]]
    {
        let ran = folder.run(&[&options[..], &["cert.json"]].concat());
        assert!(ran.exit == 3 && ran.err.contains("error[TL0005]: cannot be written: "), "{options:?}: {ran:?}");
        assert!(ran.out.starts_with("ACCEPTED "), "the verdict is told all the same: {ran:?}");
    }
}

#[cfg(unix)]
#[test]
fn a_report_goes_through_a_link_and_into_a_pipe_and_neither_becomes_a_file() {
    let folder = Folder::with(RELU);
    folder.write("real", "an old report");
    std::os::unix::fs::symlink(folder.path("real"), folder.path("link")).expect("linked");
    let made = std::process::Command::new("mkfifo").arg(folder.path("pipe")).status();
    assert!(made.is_ok_and(|status| status.success()), "mkfifo is there");
    let pipe = folder.path("pipe");
    let reader = std::thread::spawn(move || fs::read_to_string(pipe));
    for path in ["link", "pipe"] {
        assert_eq!(folder.run(&["--format", "json", "--output", path, "cert.json"]).exit, 0);
        assert!(!fs::symlink_metadata(folder.path(path)).expect("it is there").is_file(), "{path}");
    }
    let through = reader.join().expect("no panic").expect("a report");
    assert!(through.starts_with('[') && through == fs::read_to_string(folder.path("real")).expect("a report"));
}

#[test]
fn a_summary_is_appended() {
    let folder = Folder::with(RELU);
    folder.write("summary.md", "# before\n\n");
    folder.run(&["--summary", "summary.md", "cert.json"]);
    folder.run(&["--summary", "summary.md", "cert.json"]);
    let text = fs::read_to_string(folder.path("summary.md")).expect("a summary");
    assert!(
        text.starts_with("# before\n\n## tl-check: 1 ACCEPTED\n") && text.matches("## tl-check").count() == 2,
        "{text}"
    );
}

#[test]
fn ten_annotations_of_each_kind_are_told_and_the_rest_counted() {
    let folder = Folder::new();
    for i in 0..12 {
        folder.write(&format!("wrong{i:02}.json"), changed(&[ONE_ULP_OFF]));
        folder.write(&format!("later{i:02}.json"), changed(&[LATER_KIND]));
    }
    folder.write("right.json", RELU);
    let ran = folder.run(&["--format", "github", "."]);
    let count = |start: &str| ran.out.lines().filter(|line| line.starts_with(start)).count();
    assert_eq!((count("::error "), count("::warning "), count("::")), (10, 10, 20), "{}", ran.out);
    assert_eq!((count("REJECTED "), count("DECLINED "), count("ACCEPTED ")), (12, 12, 1), "every verdict is told");
    for kind in ["error", "warning"] {
        assert!(ran.out.contains(&format!("\nand 2 more of 12 annotations of the kind {kind}\n")), "{}", ran.out);
    }
}

/// A name that says what the checker never said, wherever lines or escapes are believed.
#[cfg(unix)]
#[test]
fn no_name_speaks_for_the_checker() {
    let folder = Folder::new();
    let name = "a\n::error::forged\nACCEPTED b.json: all is well.\r\u{1b}[2K]]>%0A,title=x.json";
    folder.write(
        name,
        changed(&[
            ONE_ULP_OFF,
            (r#"{"y": {"shape""#, r#"{"y\nACCEPTED": {"shape""#),
            (r#"{"y": 1}"#, r#"{"y\nACCEPTED": 1}"#),
        ]),
    );
    let human = folder.run(&["."]);
    assert_eq!((human.exit, human.out.lines().count()), (1, 1), "{human:?}");
    assert!(human.out.starts_with("REJECTED ./a\\n::error::forged\\nACCEPTED b.json"), "{human:?}");
    let github = folder.run(&["--format", "github", "."]);
    let commands: Vec<&str> =
        github.out.lines().filter(|line| line.contains("::error") && !line.starts_with("REJECTED")).collect();
    assert!(
        commands.len() == 1 && commands[0].starts_with("::error file=a%0A%3A%3Aerror%3A%3Aforged%0AACCEPTED"),
        "{github:?}"
    );
    assert!(commands[0].contains("%250A%2Ctitle=x.json,line=6,"), "{github:?}");
    folder.run(&["--summary", "summary.md", "."]);
    let summary = fs::read_to_string(folder.path("summary.md")).expect("a summary");
    for text in [&human.out, &human.err, &github.out, &summary] {
        assert!(!text.contains('\u{1b}') && !text.lines().any(|line| line.starts_with("ACCEPTED")), "{text}");
    }
    let xml = folder.run(&["--format", "junit", "."]).out;
    assert_eq!(elements(&xml).iter().filter(|name| *name == "failure").count(), 1, "{xml}");
}

/// The names of the elements of a document that is well-formed.
fn elements(xml: &str) -> Vec<String> {
    let mut reader = Reader::from_str(xml);
    let mut names = Vec::new();
    loop {
        match reader.read_event().expect("well-formed XML") {
            Event::Start(element) | Event::Empty(element) => {
                for attribute in element.attributes() {
                    attribute.expect("an attribute");
                }
                names.push(element.name().as_ref().to_string());
            }
            Event::Eof => return names,
            _ => (),
        }
    }
}

#[test]
fn the_junit_report_is_xml_with_a_case_a_certificate() {
    let xml = mixed().run(&[&["--format", "junit"], ALL].concat()).out;
    let names = elements(&xml);
    let count = |name: &str| names.iter().filter(|found| *found == name).count();
    let counts = ["testcase", "failure", "skipped", "error", "testsuite", "testsuites"].map(count);
    assert_eq!(counts, [8, 5, 1, 1, 1, 1], "{xml}");
    assert_eq!(xml.matches("tests=\"8\" failures=\"5\" errors=\"1\" skipped=\"1\"").count(), 2, "{xml}");
}

/// What the specification of SARIF and GitHub's reading of it ask for; CI holds the golden to the official schema besides.
#[test]
fn the_sarif_report_has_the_form_that_code_scanning_reads() {
    let folder = mixed();
    let log: Value = serde_json::from_str(&folder.run(&[&["--format", "sarif"], ALL].concat()).out).expect("JSON");
    assert_eq!((log["version"].as_str(), log["runs"].as_array().map(Vec::len)), (Some("2.1.0"), Some(1)));
    let run = &log["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().expect("rules");
    let results = run["results"].as_array().expect("results");
    assert_eq!(results.len(), 7);
    for result in results {
        let rule = &rules[usize::try_from(result["ruleIndex"].as_u64().expect("an index")).expect("small")];
        assert_eq!(rule["id"], result["ruleId"]);
        assert!(rule["help"]["markdown"].as_str().is_some_and(|page| page.starts_with("# TL")), "{rule}");
        assert!(["error", "warning"].contains(&result["level"].as_str().unwrap_or_default()), "{result}");
        assert!(result["message"]["text"].as_str().is_some_and(|text| !text.is_empty()), "{result}");
        let place = &result["locations"][0]["physicalLocation"];
        let uri = place["artifactLocation"]["uri"].as_str().expect("a URI");
        assert!(!uri.starts_with(['.', '/']) && uri.chars().all(|c| c.is_ascii_graphic()), "{uri}");
        assert!(place.get("region").is_none_or(|region| region["startLine"].as_u64() >= Some(1)), "{place}");
    }
    // What a finding is known by does not depend on its figures or its line.
    let print = |text: &str| {
        folder.write("certs/outside.json", text);
        let out = folder.run(&["--format", "sarif", "certs/outside.json"]).out;
        let log: Value = serde_json::from_str(&out).expect("JSON");
        log["runs"][0]["results"][0]["partialFingerprints"]["finding/v1"].as_str().expect("a fingerprint").to_string()
    };
    let first = print(&changed(&[ONE_ULP_OFF]));
    assert_eq!(first.len(), 64);
    assert_eq!(print(&("\n\n".to_string() + &changed(&[ONE_ULP_OFF]).replace("3f800001", "3f900000"))), first);
    assert_ne!(print(&changed(&[(common::OUTPUT_WORDS, r#""words": "3f800000 3f800000""#)])), first, "another element");
}

#[test]
fn completions_and_the_manual_name_every_option() {
    let folder = Folder::new();
    let options = ["--policy", "--format", "--output", "--summary", "--quiet", "--color", "--max-precision"];
    for (arguments, dashes) in [
        (&["--completions", "bash"][..], "--"),
        (&["--completions", "zsh"], "--"),
        (&["--completions", "fish"], ""),
        (&["--completions", "powershell"], "--"),
        (&["--man"], "\\-\\-"),
    ] {
        let ran = folder.run(arguments);
        assert_eq!((ran.exit, ran.err.as_str()), (0, ""), "{arguments:?}");
        for option in options {
            let name = &option[2..];
            let written =
                format!("{dashes}{}", if dashes.starts_with('\\') { name.replace('-', "\\-") } else { name.into() });
            assert!(ran.out.contains(&written), "{arguments:?} do not name {option}");
        }
    }
    let ran = folder.run(&["--completions", "tcsh"]);
    assert_eq!((ran.exit, ran.out.as_str()), (3, ""), "{ran:?}");
}
