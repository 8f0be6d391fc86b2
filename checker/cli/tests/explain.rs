//! The pages behind `--explain`: every code has one, all have one form, and their examples print what they say.
//!
//! `BLESS=1 cargo test -p tl-check --test explain` writes the diagnostics into the pages again.

mod common;

use common::{Folder, changed};
use std::collections::BTreeMap;
use std::{env, fs, path::PathBuf};
use tl_kernel::Code;
use tl_kernel::diagnostic::Outcome;

/// The codes of the shell, with their titles.
const SHELL: &[(&str, &str)] = &[
    ("TL0001", "the command line is not understood"),
    ("TL0002", "a file cannot be read"),
    ("TL0003", "no certificate found"),
    ("TL0004", "a policy is malformed"),
    ("TL0005", "a report cannot be written"),
];

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("explain")
}

/// Every code there is, with its title.
fn codes() -> BTreeMap<&'static str, &'static str> {
    let kernel = Code::ALL.iter().map(|code| (code.id(), code.title()));
    let import = tl_import::ImportError::CODES.iter().copied();
    SHELL.iter().copied().chain(kernel).chain(import).collect()
}

#[test]
fn every_code_has_a_page_and_every_page_a_code() {
    for (id, title) in codes() {
        let first = tl_check::page(id).and_then(|page| page.lines().next());
        assert_eq!(first, Some(format!("# {id}: {title}").as_str()));
    }
    for entry in fs::read_dir(folder()).expect("the folder of the pages") {
        let name = entry.expect("an entry").file_name().into_string().expect("a plain name");
        assert!(name.strip_suffix(".md").is_some_and(|id| codes().contains_key(id)), "{name} explains no code");
    }
}

#[test]
fn every_page_has_the_same_parts_and_says_how_the_command_ends() {
    for (id, _) in codes() {
        let page = tl_check::page(id).unwrap_or_default();
        let parts: Vec<&str> = page.lines().filter(|line| line.starts_with("## ")).collect();
        assert_eq!(parts, ["## Example", "## Why it is an error", "## What to do"], "{id}");
        assert!((12..=45).contains(&page.lines().count()), "{id} has {} lines", page.lines().count());
        let kernel = Code::ALL.iter().find(|code| code.id() == id);
        let end = kernel.map_or("exit 3", |code| match code.outcome() {
            Outcome::Rejected => "REJECTED (exit 1)",
            Outcome::Declined => "DECLINED (exit 2)",
        });
        let flat = page.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            flat.contains(end) || flat.contains("`tl-check` does not read such files"),
            "{id} does not say how the command ends"
        );
    }
}

/// What a page shows, what it says in words, and the options of the command.
struct Example {
    code: &'static str,
    shown: &'static [(&'static str, &'static str)],
    told: &'static [(&'static str, &'static str)],
    options: &'static [&'static str],
}

const fn example(code: &'static str, shown: &'static [(&'static str, &'static str)]) -> Example {
    Example { code, shown, told: &[], options: &[] }
}

const fn limit(code: &'static str, options: &'static [&'static str]) -> Example {
    Example { code, shown: &[], told: &[], options }
}

const TOLERANCE: &str = r#""tolerance": {"abs": "0", "rel": "0"}"#;
const OUTPUTS: &str = r#""outputs": [{"y": {"shape": [2], "words": "3f800000 00000000"}}]"#;
const INPUTS: &str = r#""inputs": [{"x": {"shape": [2], "words": "3f800000 bf800000"}}]"#;
const INPUT: &str = r#"{"op": "input", "attributes": {"name": "x"}, "parents": [], "shape": [2]}"#;
const NODE: &str = r#"{"op": "relu", "parents": [0], "shape": [2]}"#;
const KIND: &str = r#""kind": "forward","#;
const PARAMETERS: &str = r#""parameters": {}"#;
const FILES: &str = r#""files": {},"#;

/// The claim that an execution of the same graph and the reals part ways; what it states beside is shown.
const fn divergence(code: &'static str, shown: &'static [(&'static str, &'static str)]) -> Example {
    const EXECUTION: &str = r#""kind": "divergence", "execution": {"rounding": "nearest_even", "nan": "canonical", "schedule": {"order":
        {"kind": "sequential"}, "fma": false, "start": "first_term", "bias": "last"}},"#;
    Example { code, shown, told: &[(KIND, EXECUTION)], options: &[] }
}

const EXAMPLES: &[Example] = &[
    example("TL0101", &[(PARAMETERS, r#""parameters": {},"#)]),
    example("TL0102", &[(KIND, r#""kind": "forward", "kind": "exec","#)]),
    example("TL0103", &[(TOLERANCE, r#""tolerance": {"abs": "0", "rel": "0", "ulp": "1"}"#)]),
    example("TL0104", &[(TOLERANCE, r#""tolerance": {"rel": "0"}"#)]),
    example("TL0105", &[(TOLERANCE, r#""tolerance": {"abs": 0, "rel": 0}"#)]),
    example("TL0106", &[(NODE, r#"{"op": "relu", "parents": [0.0], "shape": [2]}"#)]),
    example("TL0107", &[(r#""format": "tl-cert/1""#, r#""format": "tl-cert/2""#)]),
    example("TL0108", &[(TOLERANCE, r#""tolerance": {"abs": ".5", "rel": "0"}"#)]),
    example("TL0109", &[(r#""kind": "forward""#, r#""kind": "forwards""#)]),
    example("TL0111", &[(OUTPUTS, r#""outputs": [{"y": {"shape": [2], "words": "3F800000 00000000"}}]"#)]),
    example(
        "TL0112",
        &[(
            FILES,
            r#""files": {"../w.safetensors": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},"#,
        )],
    ),
    example(
        "TL0113",
        &[(
            FILES,
            r#""files": {"weights.safetensors": "0000000000000000000000000000000000000000000000000000000000000000"},"#,
        )],
    ),
    example(
        "TL0115",
        &[(
            FILES,
            r#""files": {"weights.safetensors": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},"#,
        )],
    ),
    example("TL0116", &[(INPUTS, r#""inputs": [{}]"#)]),
    example("TL0117", &[(PARAMETERS, r#""parameters": {"bias": {"shape": [2], "words": "00000000 00000000"}}"#)]),
    example("TL0131", &[(NODE, r#"{"op": "relu6", "parents": [0], "shape": [2]}"#)]),
    example("TL0132", &[(NODE, r#"{"op": "relu", "parents": [1], "shape": [2]}"#)]),
    example("TL0133", &[(NODE, r#"{"op": "relu", "parents": [0, 0], "shape": [2]}"#)]),
    example("TL0134", &[(NODE, r#"{"op": "softmax", "attributes": {"axis": 1}, "parents": [0], "shape": [2]}"#)]),
    example("TL0135", &[(NODE, r#"{"op": "relu", "parents": [0], "shape": [1, 2]}"#)]),
    example("TL0136", &[(NODE, r#"{"op": "relu", "parents": [0], "shape": [0]}"#)]),
    example("TL0137", &[(r#""outputs": {"y": 1}"#, r#""outputs": {"y": 2}"#)]),
    example("TL0138", &[(NODE, INPUT)]),
    example("TL0141", &[(INPUTS, r#""inputs": [{"x": {"shape": [1, 2], "words": "3f800000 bf800000"}}]"#)]),
    example("TL0201", &[(NODE, r#"{"op": "log", "parents": [0], "shape": [2]}"#)]),
    example("TL0202", &[(OUTPUTS, r#""outputs": [{"y": {"shape": [2], "words": "7fc00000 00000000"}}]"#)]),
    example("TL0203", &[(INPUTS, r#""inputs": []"#)]),
    example("TL0230", &[(TOLERANCE, r#""tolerance": {"abs": "-1e-6", "rel": "0"}"#)]),
    example("TL0231", &[(OUTPUTS, r#""outputs": [{"y": {"shape": [2], "words": "3f800001 00000000"}}]"#)]),
    Example {
        code: "TL0251",
        shown: &[
            (KIND, r#""kind": "trace", "nodes": [{}],"#),
            (OUTPUTS, r#""outputs": [{"y": {"shape": [2], "words": "3f800001 00000000"}}]"#),
        ],
        told: &[(TOLERANCE, r#""tolerance": {"rounding": {"factor": "1", "library": 4}}"#)],
        options: &[],
    },
    divergence("TL0260", &[(TOLERANCE, r#""gap": {"kind": "decision", "property": [[]], "binary32": true}"#)]),
    divergence(
        "TL0261",
        &[(
            TOLERANCE,
            r#""gap": {"kind": "element", "output": "y", "index": [0], "beyond": {"abs": "0", "rel": "0"}}"#,
        )],
    ),
    Example {
        code: "TL0270",
        shown: &[(OUTPUTS, r#""gradients": [{"inputs": {"x": {"shape": [2], "words": "3f800000 00000000"}}}]"#)],
        told: &[(KIND, r#""kind": "gradient","#)],
        options: &[],
    },
    Example {
        code: "TL0271",
        shown: &[(
            OUTPUTS,
            r#""cotangents": [{"y": {"shape": [2], "words": "3f800000 3f800000"}}],
"gradients": [{"inputs": {"x": {"shape": [2], "words": "3f800000 3f800000"}}}]"#,
        )],
        told: &[(KIND, r#""kind": "gradient","#)],
        options: &[],
    },
    Example {
        code: "TL0273",
        shown: &[(KIND, r#""kind": "adjoint","#), (TOLERANCE, r#""method": "identity""#)],
        told: &[
            (
                r#",
    "outputs": [{"y": {"shape": [2], "words": "3f800000 00000000"}}]"#,
                "",
            ),
            (INPUTS, r#""inputs": []"#),
        ],
        options: &[],
    },
    limit("TL0301", &["--max-json-bytes", "100"]),
    limit("TL0302", &["--max-elements", "3"]),
    limit("TL0303", &["--max-nodes", "1"]),
    limit("TL0304", &["--max-work", "3"]),
    Example {
        code: "TL0305",
        shown: &[
            (TOLERANCE, r#""tolerance": {"abs": "1/100663296", "rel": "0"}"#),
            (OUTPUTS, r#""outputs": [{"y": {"shape": [3], "words": "3eaaaaab 3eaaaaab 3eaaaaab"}}]"#),
        ],
        told: &[
            (INPUT, r#"{"op": "input", "attributes": {"name": "x"}, "parents": [], "shape": [3]}"#),
            (NODE, r#"{"op": "softmax", "attributes": {"axis": 0}, "parents": [0], "shape": [3]}"#),
            (INPUTS, r#""inputs": [{"x": {"shape": [3], "words": "00000000 00000000 00000000"}}]"#),
        ],
        options: &[],
    },
    Example {
        code: "TL0306",
        shown: &[(NODE, r#"{"op": "exp", "parents": [0], "shape": [2]}"#)],
        told: &[(INPUTS, r#""inputs": [{"x": {"shape": [2], "words": "47c35000 bf800000"}}]"#)],
        options: &[],
    },
    example("TL0307", &[(r#""kind": "forward""#, r#""kind": "region""#)]),
];

#[test]
fn every_example_shows_what_triggers_it_and_the_diagnostic_that_follows() {
    let bless = env::var_os("BLESS").is_some();
    for Example { code, shown, told, options } in EXAMPLES {
        let place = Folder::with(&changed(&[*shown, *told].concat()));
        place.write("weights.safetensors", "");
        let printed = place.run(&[*options, &["cert.json"]].concat()).err;
        assert!(printed.contains(&format!("[{code}]: ")), "the example of {code} prints {printed}");
        let file = folder().join(format!("{code}.md"));
        let mut page = fs::read_to_string(&file).expect("a page");
        if bless {
            page = with_diagnostic(&page, &printed);
            fs::write(&file, &page).expect("a page");
        }
        assert!(page.contains(&format!("```text\n{printed}```\n")), "the page of {code} does not print\n{printed}");
        let command =
            if options.is_empty() { String::new() } else { format!("tl-check {} cert.json", options.join(" ")) };
        for fragment in shown.iter().map(|(_, to)| *to).chain([command.as_str()]) {
            assert!(page.contains(fragment), "the page of {code} does not show {fragment}");
        }
    }
}

/// The page with `printed` as its block of text, which follows the first other block.
fn with_diagnostic(page: &str, printed: &str) -> String {
    let block = format!("```text\n{printed}```\n");
    let Some((before, rest)) = page.split_once("```text\n") else {
        let (example, rest) = page.split_once("\n```\n").expect("a block that shows what triggers it");
        return format!("{example}\n```\n\n{block}{rest}");
    };
    let (_, after) = rest.split_once("```\n").expect("the end of the block");
    format!("{before}{block}{after}")
}
