//! The bug zoo: every entry comes to what it should, the corpus has its certificates byte for byte, and `docs/bugs.md` says what running it says. `BLESS=1` renews both.
//!
//! What is made from published networks needs the data folder, and is SKIPPED without it.

use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tl::bugs::{ENTRIES, Entry, Report, page, report};
use tl::generate::{data_folder, gaps, reference};
use tl_check::{Judged, Settings, judge};
use tl_import::ImportOptions;
use tl_kernel::number::Exact;
use tl_kernel::{Limits, Verdict};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn blessing() -> bool {
    std::env::var_os("BLESS").is_some_and(|value| value == "1")
}

/// The reports of the entries that can be run here, their certificates below `folder`.
fn reports(folder: &Path, wanted: impl Fn(&Entry) -> bool) -> Vec<Report> {
    let data = data_folder();
    let mut reports = Vec::new();
    for entry in ENTRIES.iter().filter(|entry| wanted(entry)) {
        match entry.bug(&data).unwrap_or_else(|error| panic!("{error}")) {
            Some(bug) => reports.push(report(entry, bug, folder).unwrap_or_else(|error| panic!("{error}"))),
            None => print!("{}", gaps::skipped(entry.name, &data, entry.files())),
        }
    }
    reports
}

#[test]
fn every_entry_comes_to_what_it_should_and_the_corpus_and_the_page_say_so() {
    let folder = TempDir::new().expect("a temporary folder");
    let reports = reports(folder.path(), |_| true);
    for report in &reports {
        assert!(report.as_expected(), "{}", report.text());
        assert!(report.certificates.len() >= 2, "{}", report.entry.name);
        if !report.entry.files().is_empty() {
            continue; // its certificates are not in the corpus
        }
        for certificate in &report.certificates {
            let (made, kept) = (folder.path().join(&certificate.file), root().join("certs").join(&certificate.file));
            if blessing() {
                fs::copy(&made, &kept).expect("the corpus is writable");
            }
            let same = fs::read(&made).ok() == fs::read(&kept).ok();
            assert!(same, "{}: run `BLESS=1 cargo test --test bugs`, then `BLESS=1 tl corpus`", kept.display());
        }
    }
    let path = root().join("docs/bugs.md");
    let complete = reports.len() == ENTRIES.len();
    if blessing() {
        assert!(complete, "the page has every entry: set TL_DATA");
        fs::write(&path, page(&reports)).expect("the page is writable");
    }
    let recorded = fs::read_to_string(&path).expect("the page is in the repository");
    for report in &reports {
        assert!(recorded.contains(&report.section()), "{}: run `BLESS=1 cargo test --test bugs`", report.entry.name);
    }
    assert!(!complete || recorded == page(&reports), "run `BLESS=1 cargo test --test bugs`");
}

#[test]
fn the_corpus_has_no_certificate_of_the_zoo_that_the_zoo_does_not_make() {
    let folder = TempDir::new().expect("a temporary folder");
    let made: Vec<String> = reports(folder.path(), |entry| entry.files().is_empty())
        .iter()
        .flat_map(|report| report.certificates.iter().map(|certificate| certificate.file.clone()))
        .collect();
    for place in ["accept", "reject", "decline"] {
        for entry in fs::read_dir(root().join("certs").join(place)).expect("the corpus is there") {
            let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
            let file = format!("{place}/{name}");
            assert!(!name.starts_with("bug_") || !name.ends_with(".json") || made.contains(&file), "{file}");
        }
    }
}

#[test]
fn the_networks_of_the_gap_are_those_of_the_published_files() {
    let data = data_folder();
    for name in ["absorb_const", "absorb_trigger", "zombori_step", gaps::MNIST] {
        let path = data.join(format!("fp_gap/{name}.onnx"));
        let made = match name {
            gaps::MNIST => gaps::mnist(&data).expect("the data are as they were published"),
            _ => reference(name).ok(),
        };
        let (Some(made), true) = (made, path.exists()) else {
            println!("SKIPPED {name}: no data at {} (set TL_DATA)", path.display());
            continue;
        };
        let published = tl_import::import_onnx(&path, &ImportOptions::default()).expect("the file is ONNX");
        let [ours, theirs] = [made.model.graph.graph(), &published.graph].map(|graph| graph.encode().to_string());
        assert_eq!(ours, theirs, "{name}");
        for (parameter, tensor) in &published.parameters {
            assert!(made.model.parameters.get(parameter) == Some(tensor), "{name}: {parameter}");
        }
        assert_eq!(made.model.parameters.len(), published.parameters.len(), "{name}");
        let count: usize = published.parameters.values().map(|tensor| tensor.data().len()).sum();
        println!("{name}: {count} parameters and the graph agree with {}", path.display());
    }
}

/// The published words and exact values of ACAS Xu 1_9 at the counterexample to property 7, and the margins.
#[test]
fn the_published_counterexample_is_one_in_binary32_and_none_over_the_reals() {
    let path = data_folder().join("float_real_disagreements/acasxu_1_9_prop_7.json");
    let entry = Entry::named("acasxu_1_9_prop_7").expect("the entry is in the table");
    let bug = entry.bug(&data_folder()).unwrap_or_else(|error| panic!("{error}"));
    let (Some(bug), Ok(text)) = (bug, fs::read_to_string(&path)) else {
        println!("SKIPPED acasxu_1_9_prop_7: no data at {} (set TL_DATA)", path.display());
        return;
    };
    let published: serde_json::Value = serde_json::from_str(&text).expect("the record is JSON");
    let published = &published[0];
    let texts = |key: &str| -> Vec<String> {
        let list = published[key].as_array().expect("a list");
        list.iter().map(|item| item.as_str().expect("a text").to_string()).collect()
    };
    let words = |named: &tl_kernel::ir::evaluate::Named<u32>| -> Vec<String> {
        named.values().flat_map(|tensor| tensor.data().iter().map(|word| format!("{word:08x}"))).collect()
    };
    assert_eq!(words(&bug.broken.inputs), texts("x_binary32_hex"));
    assert_eq!(words(&bug.broken.outputs().expect("it runs")), texts("y_onnxruntime_1_19_2_binary32_hex"));
    let folder = TempDir::new().expect("a temporary folder");
    let found = report(entry, bug, folder.path()).unwrap_or_else(|error| panic!("{error}"));
    let exact = Exact::parse(&texts("y_exact")[3]).expect("an exact number");
    let ball = found.fixed.real.as_ref().expect("it has a real value");
    assert!(ball.lower().to_rational() <= *exact.rational() && *exact.rational() <= ball.upper().to_rational());
    let settings = Settings { limits: Limits::default(), model: None, jobs: 1 };
    let certificate = folder.path().join("accept/acasxu_1_9_prop_7_divergence.json");
    let Judged::Verdict(Verdict::Accepted(accepted), _) = judge(&certificate, &settings, 1) else {
        panic!("the divergence is not accepted");
    };
    let fact = |name: &str| accepted.facts().iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
    assert_eq!(fact("binary32 margin").as_deref(), Some("-7.45058059692…e-9"));
    assert_eq!(fact("real margin").as_deref(), Some("2.53408626931…e-9"));
}

fn tl(words: &[&str]) -> (u8, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let words = ["tl"].iter().chain(words).map(Into::into);
    let exit = tl::commands::run(words, &mut out, &mut err);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the output is text");
    (exit, text(out), text(err))
}

#[test]
fn the_table_has_a_line_an_entry_and_a_name_that_is_none_is_refused() {
    let (exit, out, err) = tl(&["bugs"]);
    assert_eq!(exit, 0, "{out}{err}");
    for entry in ENTRIES {
        let skipped = format!("SKIPPED {}: ", entry.name);
        assert!(out.contains(&format!("\n{} ", entry.name)) || err.contains(&skipped), "{}: {out}{err}", entry.name);
    }
    let (exit, out, err) = tl(&["bugs", "run", "fused_multiply_add"]);
    assert_eq!(exit, 0, "{err}");
    assert!(out.contains("word of root[]                7fc00000 = NaN"), "{out}");
    assert!(out.contains("ACCEPTED         accept/bug_fused_multiply_add_divergence.json"), "{out}");
    let (exit, out, err) = tl(&["bugs", "run", "nothing"]);
    assert!(
        exit == 3 && out.is_empty() && err.contains("error[TL0501]: no bug has this name, but softmax_overflow"),
        "{err}"
    );
}
