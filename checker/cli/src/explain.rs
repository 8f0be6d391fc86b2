//! The pages behind `--explain`: one file a code.

include!(concat!(env!("OUT_DIR"), "/pages.rs"));

/// The page of a code, by its identifier in any case.
pub fn page(code: &str) -> Option<&'static str> {
    PAGES.iter().find(|(id, _)| id.eq_ignore_ascii_case(code)).map(|(_, text)| *text)
}
