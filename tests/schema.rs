//! The JSON Schema of certificates stays in step with what it is generated from, the op table.

use std::path::Path;
use tl::schema::schema;

/// `BLESS=1` renews the file.
#[test]
fn the_schema_in_the_repository_is_the_generated_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("spec-tests/tl-cert-1.schema.json");
    let text = schema().expect("the container is JSON").to_string();
    let value: serde_json::Value = serde_json::from_str(&text).expect("a schema is JSON");
    let generated = serde_json::to_string_pretty(&value).expect("a value is text") + "\n";
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &generated).expect("the file can be written");
    }
    let recorded = std::fs::read_to_string(&path).expect("the schema is in the repository");
    assert!(recorded == generated, "run `BLESS=1 cargo test --test schema`");
}
