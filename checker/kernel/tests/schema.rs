//! What is generated from the op table stays in step with it: the JSON Schema of certificates, and one page an operation.

use std::path::{Path, PathBuf};
use tl_kernel::cert::schema::schema;
use tl_kernel::spec::Op;

fn spec_tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec-tests")
}

/// `BLESS=1` renews the file.
#[test]
fn the_schema_in_the_repository_is_the_generated_one() {
    let path = spec_tests().join("tl-cert-1.schema.json");
    let text = schema().expect("the container is JSON").to_string();
    let value: serde_json::Value = serde_json::from_str(&text).expect("a schema is JSON");
    let generated = serde_json::to_string_pretty(&value).expect("a value is text") + "\n";
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &generated).expect("the file can be written");
    }
    let recorded = std::fs::read_to_string(&path).expect("the schema is in the repository");
    assert!(recorded == generated, "run `BLESS=1 cargo test -p tl-kernel --test schema`");
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
