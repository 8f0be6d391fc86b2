//! The pages of the operations stay in step with the op table: one page an operation.

#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use tl_kernel::spec::Op;

fn spec_tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec-tests")
}

#[test]
fn every_operation_has_a_page_with_numbered_constraints_and_no_page_is_left_over() {
    let mut pages: Vec<String> = std::fs::read_dir(spec_tests().join("ops"))
        .expect("the pages are in the repository")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().trim_end_matches(".md").to_string())
        .collect();
    pages.sort();
    let mut keywords: Vec<&str> = Op::KEYWORDS.to_vec();
    keywords.sort();
    assert_eq!(pages, keywords);
    for keyword in keywords {
        let page = std::fs::read_to_string(spec_tests().join(format!("ops/{keyword}.md"))).expect("a page is text");
        assert!(page.starts_with(&format!("# {keyword}\n")), "{keyword}");
        assert!(page.contains("## Constraints") && page.contains("## Conventions"), "{keyword}");
    }
}
