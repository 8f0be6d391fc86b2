//! tl-check.
fn main() {}
