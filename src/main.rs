//! tl.
fn main() {}
