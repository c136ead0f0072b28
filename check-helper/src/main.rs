//! The setuid helper.
fn main() {}
