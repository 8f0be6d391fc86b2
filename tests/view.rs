//! Pages of `tl view`: what stands in them, that they need nothing else, and (where Chromium and playwright are installed) that a click shows a node.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

fn certificate(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("certs").join(name)
}

/// The exit code of `tl` with these arguments, and what it prints.
fn tl(arguments: &[&str]) -> (u8, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code =
        tl::commands::run(std::iter::once("tl").chain(arguments.iter().copied()).map(Into::into), &mut out, &mut err);
    (code, String::from_utf8_lossy(&[out, err].concat()).into_owned())
}

fn page(what: &str, file: &Path, place: &TempDir) -> (PathBuf, String) {
    let output = place.path().join("page.html");
    let (code, text) = tl(&["view", what, &file.to_string_lossy(), "-o", &output.to_string_lossy()]);
    assert_eq!(code, 0, "{text}");
    let page = fs::read_to_string(&output).expect("a page");
    (output, page)
}

#[test]
fn a_page_is_whole_and_asks_for_nothing() {
    let place = TempDir::new().expect("a folder");
    for (what, file) in [("graph", "accept/trace_rounding.json"), ("tape", "accept/gradient_network.json")] {
        let (_, page) = page(what, &certificate(file), &place);
        for mark in ["/*STYLE*/", "/*SCRIPT*/", "\"DATA\"", "TITLE"] {
            assert!(!page.contains(mark), "{mark} is left in the page of {file}");
        }
        // The only address is the name of the SVG namespace.
        let addresses = page.matches("://").count() - page.matches("http://www.w3.org/2000/svg").count();
        assert_eq!(addresses, 0, "{file}");
        assert!(!page.contains("<link") && !page.contains("src="), "{file}");
        assert!(page.contains("ACCEPTED"), "{file}");
    }
}

#[test]
fn a_tape_shows_values_gradients_and_who_contributed() {
    let place = TempDir::new().expect("a folder");
    let (_, page) = page("tape", &certificate("accept/gradient_network.json"), &place);
    // x = [2, 1]: y = 3, loss = 4, and the cotangent of the prediction is 2·(3 − 1) = 4.
    for part in [r#""op":"mse""#, r#""gradient":"#, r#""steps":[{"node":7,"norm":"1","sent":[{"to":5,"norm":"4""#] {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn a_graph_shows_what_a_trace_found_at_each_node() {
    let place = TempDir::new().expect("a folder");
    let (_, page) = page("graph", &certificate("accept/trace_rounding.json"), &place);
    for part in [r#"["allowed, rounding""#, r#"["worst ulps""#] {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn a_name_cannot_leave_the_page_s_data() {
    let place = TempDir::new().expect("a folder");
    let text = fs::read_to_string(certificate("accept/gradient_cotangent.json")).expect("a certificate");
    let file = place.path().join("hostile.json");
    fs::write(&file, text.replace("\"loss\"", "\"</script><script>alert(1)\"")).expect("a file");
    let (_, page) = page("graph", &file, &place);
    assert!(!page.contains("<script>alert"), "the name ends the element");
}

#[test]
fn what_cannot_be_shown_is_refused_with_a_place() {
    let place = TempDir::new().expect("a folder");
    let output = place.path().join("page.html").to_string_lossy().into_owned();
    let file = certificate("accept/gradient_network.json").to_string_lossy().into_owned();
    for (arguments, message) in [
        (vec!["view", "tape", &file, "--of", "logits", "-o", &output], "no output has this name, but loss"),
        (vec!["view", "tape", &file, "--case", "3", "-o", &output], "3 is none"),
        (vec!["view", "graph", "nowhere.json", "-o", &output], "cannot be read"),
    ] {
        let (code, text) = tl(&arguments);
        assert_eq!(code, 3, "{arguments:?}: {text}");
        assert!(text.contains(message), "{arguments:?}: {text}");
        assert!(!Path::new(&output).exists(), "half a page was written");
    }
}

#[test]
fn a_click_in_chromium_shows_the_node() {
    let python = std::env::var("TL_PYTHON").unwrap_or_else(|_| "python3".into());
    let ready = |command: &mut Command| command.output().is_ok_and(|output| output.status.success());
    if !ready(Command::new(&python).args(["-c", "import playwright"]))
        || !ready(Command::new("chromium").arg("--version"))
    {
        println!(
            "SKIPPED a_click_in_chromium_shows_the_node: playwright (tests/view/requirements.txt) or chromium is not installed"
        );
        return;
    }
    let place = TempDir::new().expect("a folder");
    let (file, _) = page("tape", &certificate("accept/gradient_network.json"), &place);
    let picture = place.path().join("page.png");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/view/click.py");
    let output = Command::new(&python).arg(script).arg(&file).arg("3").arg(&picture).output().expect("python");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(!text.contains("error:"), "{text}");
    assert!(text.contains("panel: relu 3 | shape [1, 2]"), "{text}");
    assert!(text.contains("selected: 3"), "{text}");
    assert!(text.contains("step: step 2 of"), "{text}");
    assert!(fs::metadata(&picture).is_ok_and(|it| it.len() > 10_000), "no picture");
}
