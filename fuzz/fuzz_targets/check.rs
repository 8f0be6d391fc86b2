//! Arbitrary bytes as a certificate and its tensor file, judged to the end: whatever they are, there is a verdict within the limits.
//!
//! The bytes are `JSON` or `JSON NUL FILE`. The file is given under every path that the certificate names, and 64 zeros in the JSON stand for its
//! digest, so that a mutation of the file does not end at the digest.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::collections::BTreeMap;
use tl_kernel::cert::digest::Digest;
use tl_kernel::diagnostic::Code;
use tl_kernel::{Verdict, conclude, decode, discharge, obligations, refuse};

fn judge(json: &[u8], file: &[u8]) -> Verdict {
    let limits = tl_fuzz::limits();
    let document = match decode(json, &limits) {
        Ok(document) => document,
        Err(finding) => return refuse(vec![finding]),
    };
    let files: BTreeMap<String, Vec<u8>> =
        document.files().map(|(path, _)| (path.to_string(), file.to_vec())).collect();
    let certificate = match document.bind(&files, &limits) {
        Ok(certificate) => certificate,
        Err(finding) => return refuse(vec![finding]),
    };
    let results = obligations(&certificate).into_iter().map(|part| discharge(&certificate, part, &limits)).collect();
    conclude(&certificate, results)
}

fuzz_target!(|bytes: &[u8]| {
    let mut halves = bytes.splitn(2, |&byte| byte == 0);
    let (json, file) = (halves.next().unwrap_or_default(), halves.next().unwrap_or_default());
    let json =
        String::from_utf8_lossy(json).replace(&"0".repeat(64), &Digest::of(file).to_string().replace("sha256:", ""));
    match judge(json.as_bytes(), file) {
        Verdict::Accepted(accepted) => assert!(!accepted.sentence().is_empty()),
        Verdict::Rejected(findings) | Verdict::Declined(findings) => {
            assert!(!findings.is_empty(), "a refusal has a reason");
            for finding in &findings {
                assert_ne!(finding.code, Code::Internal, "{finding}");
            }
        }
    }
});
