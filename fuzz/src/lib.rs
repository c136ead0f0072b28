//! What must hold of every parser, whatever it is fed: one function a parser, which takes any bytes and panics when a
//! property does not hold. `make fuzz` feeds them bytes that reach new code (runner/); `cargo test` feeds them every seed
//! and every input that once broke one (seeds/, found/). Nothing here touches a file, a clock or a random source, so an
//! input does the same each time.
#![forbid(unsafe_code)]
// A property that does not hold is a panic: that is what the fuzzer looks for.
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, clippy::unreachable)]

mod arguments;
mod credential;
mod helper_input;
mod import;
mod ledger;
mod ledger_events;
mod parts;
mod pending;
mod people;
mod policy;
mod policy_rules;
mod said;
mod typed;

/// One target: a parser and what must hold of it.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, and that of its folders below seeds/ and found/.
    pub name: &'static str,
    /// Panics when a property does not hold of these bytes; else says whether the parser took them for what it reads.
    pub run: fn(&[u8]) -> bool,
}

/// All targets.
pub const TARGETS: &[Target] = &[
    Target { name: "arguments", run: arguments::run },
    Target { name: "credential", run: credential::run },
    Target { name: "helper_input", run: helper_input::run },
    Target { name: "import_google", run: import::run_google },
    Target { name: "import_oath", run: import::run_oath },
    Target { name: "ledger", run: ledger::run },
    Target { name: "ledger_events", run: ledger_events::run },
    Target { name: "pending", run: pending::run },
    Target { name: "policy", run: policy::run },
    Target { name: "policy_rules", run: policy_rules::run },
    Target { name: "typed", run: typed::run },
];

/// The target of this name.
pub fn target(name: &str) -> Option<Target> {
    TARGETS.iter().copied().find(|target| target.name == name)
}
