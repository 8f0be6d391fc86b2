//! Certificates of the corpus through the doors of the kernel, without files, threads or renderings.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use tl_kernel::diagnostic::Code;
use tl_kernel::{Diagnostic, Limits, Verdict, conclude, decode, discharge, obligations};

macro_rules! corpus {
    ($name:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../certs/", $name))
    };
}

const AFFINE: &[u8] = corpus!("accept/data/affine.safetensors");

/// What the verdict is, by the code of its first finding; an early refusal counts as one.
fn verdict(text: &[u8], file: &[u8]) -> Result<(), Code> {
    let limits = Limits::default();
    let files = BTreeMap::from([("data/affine.safetensors".to_string(), file.to_vec())]);
    let certificate = decode(text, &limits).and_then(|document| {
        let named = |(name, _): &(&String, _)| text.windows(name.len()).any(|part| part == name.as_bytes());
        let files = files.iter().filter(named).map(|(name, bytes)| (name.clone(), bytes.clone())).collect();
        document.bind(&files, &limits)
    });
    let certificate = certificate.map_err(|finding: Diagnostic| finding.code)?;
    let parts = obligations(&certificate).into_iter().map(|part| discharge(&certificate, part, &limits)).collect();
    match conclude(&certificate, parts) {
        Verdict::Accepted(_) => Ok(()),
        Verdict::Rejected(findings) | Verdict::Declined(findings) => Err(findings[0].code),
    }
}

#[test]
fn a_certificate_with_a_file_is_accepted_and_one_byte_more_or_less_is_not() {
    let text = corpus!("accept/file.json");
    assert_eq!(verdict(text, AFFINE), Ok(()));
    let mut other = AFFINE.to_vec();
    other[AFFINE.len() - 1] ^= 1;
    assert_eq!(verdict(text, &other), Err(Code::FileDigest));
    assert_eq!(verdict(&text[..text.len() - 3], AFFINE), Err(Code::Syntax));
}

#[test]
fn words_are_compared_bit_by_bit() {
    assert_eq!(verdict(corpus!("accept/linear.json"), AFFINE), Ok(()));
    assert_eq!(verdict(corpus!("accept/exec_sequential.json"), AFFINE), Ok(()));
    assert_eq!(verdict(corpus!("reject/exec_one_bit.json"), AFFINE), Err(Code::BitsDiffer));
}

#[test]
fn a_schedule_is_well_formed_where_it_is_stated_and_a_tree_for_its_own_number_of_terms() {
    assert_eq!(verdict(corpus!("accept/exec_tree.json"), AFFINE), Ok(()));
    assert_eq!(verdict(corpus!("reject/tree_too_short.json"), AFFINE), Err(Code::Schedule));
    for (name, text) in [
        ("no lanes", &corpus!("reject/lanes_none.json")[..]),
        ("no leaf", corpus!("reject/leaf_none.json")),
        ("a term twice", corpus!("reject/tree_term_twice.json")),
        ("a pair of a later one", corpus!("reject/tree_forward.json")),
    ] {
        let refused = decode(text, &Limits::default()).map(|_| ()).map_err(|finding| finding.code);
        assert_eq!(refused, Err(Code::Schedule), "{name}");
    }
}
