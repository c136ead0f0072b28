//! The only room that does I/O: NSS, policy files, files opened as their user, the ledger's file and its
//! lock, the clock, random bytes.
//!
//! Nothing in a home is opened as root, nothing that a user controls is followed, and a trouble is never
//! taken for an absence. Paths come in as parameters; the constants of the build are [`Paths::default`].
// No index or slice that may panic, outside tests: in a hook it would be a login refused.
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::string_slice))]

pub mod accounts;
pub mod check_helper;
pub mod clock;
pub mod credential;
mod fault;
pub mod faults;
mod file;
pub mod home_file;
pub mod identity;
mod kernel;
pub mod ledger;
pub mod logfmt;
pub mod paths;
pub mod pending;
pub mod policy_change;
pub mod policy_files;
pub mod registers;
pub mod ruling;
pub mod standing;
pub mod users;
pub mod verification;

pub use fault::{Absence, Fault};
pub use ledger::Ledger;
pub use paths::Paths;
pub use ruling::Ruling;
pub use standing::{Standing, Trouble};
pub use users::User;

use rustix::rand::{GetRandomFlags, getrandom};

/// Fills the buffer with random bytes of the kernel's.
///
/// # Errors
/// [`Fault::Random`] when the kernel has none to give.
pub fn random(buffer: &mut [u8]) -> Result<(), Fault> {
    // The system call and nothing else: a library that falls back on /dev/urandom keeps it open, in a host that is not ours.
    let mut filled = 0usize;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match getrandom(rest, GetRandomFlags::empty()) {
            Ok(0) => return Err(Fault::Random),
            Ok(more) => filled = filled.saturating_add(more),
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return Err(Fault::Random),
        }
    }
    Ok(())
}

/// The short name of this host, as accounts and the default issuer show it.
pub fn host_name() -> String {
    let name = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok()).unwrap_or_default();
    let short = name.split('.').next().unwrap_or_default();
    if short.is_empty() { "localhost".to_owned() } else { short.to_owned() }
}
