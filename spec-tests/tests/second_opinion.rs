//! The second opinion (`second_opinion/check.py`, written from `certs/FORMAT.md` alone) against what the corpus expects of `tl-check`.
//!
//! Skipped without Python 3.9. What it does not support it declines, and the line counts that with the reasons; a disagreement fails.

use std::process::Command;

#[test]
fn a_second_checker_agrees_on_the_whole_corpus() {
    let python = Command::new("python3").args(["-c", "import sys; sys.exit(sys.version_info < (3, 9))"]).output();
    if !python.is_ok_and(|run| run.status.success()) {
        println!("SKIPPED second_opinion: no python3 of version 3.9 or later");
        return;
    }
    let agree = concat!(env!("CARGO_MANIFEST_DIR"), "/second_opinion/agree.py");
    let run = Command::new("python3").args(["-B", agree]).output().expect("python3 runs");
    print!("{}", String::from_utf8_lossy(&run.stdout));
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
}
