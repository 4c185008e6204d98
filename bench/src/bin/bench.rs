//! The whole run.
fn main() {}
