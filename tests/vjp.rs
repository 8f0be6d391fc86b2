//! The book's 81 items: every check holds, and `docs/vjp.md` says what running them says. `BLESS=1` renews it.

use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;
use tl::book::{CHAPTERS, Finding, Kind, check, items, page, totals};
use tl_check::{Judged, Settings, judge};
use tl_kernel::{Limits, Verdict};

fn blessing() -> bool {
    std::env::var_os("BLESS").is_some_and(|value| value == "1")
}

#[test]
fn every_item_holds_and_the_page_says_so() {
    let folder = TempDir::new().expect("a temporary folder");
    let stem = |number| format!("vjp_{number:02}");
    let findings: Vec<Finding> = items()
        .map(|(chapter, item)| {
            check(chapter, item, folder.path(), &stem(item.number)).unwrap_or_else(|e| panic!("{e}"))
        })
        .collect();
    for finding in &findings {
        assert!(finding.holds(), "{}", finding.text());
        let steps = |name| finding.steps.iter().filter(|step| step.name == name).count();
        assert!(finding.steps.iter().any(|step| step.certificate.is_some()), "{}", finding.text());
        // An axiom is assumed nowhere: its derivative is compared, its smoothness shown.
        assert!(finding.item.kind != Kind::Axiom || steps("formula") + steps("smooth") == 1, "{}", finding.text());
        for written in finding.steps.iter().filter_map(|step| step.certificate.as_ref()) {
            assert!(folder.path().join(&written.file).exists(), "{}", written.file);
        }
    }
    assert!(totals(&findings).starts_with("81 of 81: 65 of 65 theorems, 6 of 6 definitions, 10 of 10 axioms"));
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/vjp.md");
    let made = page(&findings);
    if blessing() {
        fs::write(&path, &made).expect("the page is writable");
    }
    let recorded = fs::read_to_string(&path).unwrap_or_default();
    assert!(recorded == made, "run `BLESS=1 cargo test --test vjp`");
}

#[test]
fn the_axioms_with_a_kink_say_what_happens_there() {
    let folder = TempDir::new().expect("a temporary folder");
    for number in [31, 36, 37, 43] {
        let (chapter, item) = items().find(|(_, item)| item.number == number).expect("the item is in the table");
        let finding = check(chapter, item, folder.path(), "item").unwrap_or_else(|e| panic!("{e}"));
        let step = |name: &str| finding.steps.iter().find(|step| step.name == name).expect("the step is there");
        assert_eq!(step("kink").result, "REJECTED TL0201", "{}", finding.text());
        assert_eq!(step("convention").result, "ACCEPTED", "{}", finding.text());
    }
}

fn tl(words: &[&str]) -> (u8, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let words = ["tl"].iter().chain(words).map(Into::into);
    let exit = tl::commands::run(words, &mut out, &mut err);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the output is text");
    (exit, text(out), text(err))
}

#[test]
fn an_item_by_its_number_leaves_certificates_that_the_checker_accepts() {
    let folder = TempDir::new().expect("a temporary folder");
    let path = folder.path().join("chain.json");
    let (exit, out, err) = tl(&["vjp", "10", "-o", &path.to_string_lossy()]);
    assert_eq!(exit, 0, "{out}{err}");
    assert!(out.starts_with("theorem 10, chapter 2 (the calculus): rule 1, chain\n"), "{out}");
    let settings = Settings { limits: Limits::default(), model: None, jobs: 1 };
    for file in ["chain.json", "chain_gradient.json"] {
        let judged = judge(&folder.path().join(file), &settings, 1);
        let Judged::Verdict(Verdict::Accepted(accepted), _) = judged else { panic!("{file} is not accepted") };
        assert!(out.contains(file) && !accepted.sentence().is_empty(), "{out}");
    }
}

#[test]
fn an_item_is_told_as_json() {
    let (exit, out, err) = tl(&["vjp", "36", "--json"]);
    assert_eq!(exit, 0, "{out}{err}");
    let told: serde_json::Value = serde_json::from_str(&out).expect("the output is JSON");
    let item = &told["items"][0];
    assert_eq!((&item["number"], &item["kind"], &item["holds"]), (&36.into(), &"axiom".into(), &true.into()), "{out}");
    let names: Vec<&str> =
        item["steps"].as_array().expect("a list").iter().filter_map(|s| s["name"].as_str()).collect();
    assert_eq!(names, ["adjoint", "formula", "gradient", "kink", "convention"]);
}

#[test]
fn what_is_asked_wrongly_is_said() {
    for (words, said) in [
        (&["vjp", "82"][..], "error[TL0501]: the book's items that count are numbered from 1 to 81"),
        (&["vjp", "0"], "error[TL0501]"),
        (&["vjp", "1", "-o", "certificate.txt"], "a certificate is a file NAME.json"),
        (&["vjp", "1", "--all"], "cannot be used with"),
        (&["vjp"], "Usage"),
    ] {
        let (exit, out, err) = tl(words);
        assert!(exit == 3 && out.is_empty() && err.contains(said), "{words:?}: {exit} {out}{err}");
    }
}

#[test]
fn no_number_of_the_book_is_missing_or_given_twice() {
    let numbers: Vec<u32> = CHAPTERS.iter().flat_map(|chapter| chapter.items).map(|item| item.number).collect();
    assert_eq!(numbers, (1..=81).collect::<Vec<_>>());
}
