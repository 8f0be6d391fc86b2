//! The whole corpus, as `tl corpus` checks it: every certificate under `certs/` against its `.expect` file.

#[test]
fn every_certificate_of_the_corpus_is_as_expected() {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let certs = concat!(env!("CARGO_MANIFEST_DIR"), "/certs");
    let exit = tl::commands::run(["tl", "corpus", certs].map(Into::into), &mut out, &mut err);
    assert_eq!(exit, 0, "{}{}", String::from_utf8_lossy(&out), String::from_utf8_lossy(&err));
}
