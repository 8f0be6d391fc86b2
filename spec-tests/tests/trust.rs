//! `TRUST.md` names what is there: every link of its leads to a file, and each of the nine ways of being fooled has a certificate that must be refused.

use std::path::Path;

/// The targets of the links in a line of Markdown that stay within the repository.
fn links(line: &str) -> Vec<&str> {
    let targets = line.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    targets.map(|(target, _)| target).filter(|target| !target.contains("://") && !target.starts_with('#')).collect()
}

#[test]
fn every_file_that_trust_md_names_is_there_and_the_nine_ways_have_theirs() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let page = std::fs::read_to_string(root.join("TRUST.md")).expect("TRUST.md");
    let missing: Vec<&str> = page.lines().flat_map(links).filter(|link| !root.join(link).exists()).collect();
    assert!(missing.is_empty(), "not there: {missing:?}");
    for way in 1..=9 {
        let row =
            page.lines().find(|line| line.starts_with(&format!("| {way} · "))).unwrap_or_else(|| panic!("way {way}"));
        let refused = links(row)
            .iter()
            .filter(|link| link.starts_with("certs/reject/") || link.starts_with("certs/decline/"))
            .count();
        assert!(refused > 0, "way {way} has no certificate");
    }
    let catalogued = page.lines().flat_map(links).filter(|link| link.starts_with("certs/")).count();
    println!("trust: {catalogued} links to certificates");
}
