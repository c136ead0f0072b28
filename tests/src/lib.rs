//! The stage for end-to-end tests: a host of its own per test, made of real parts.
//!
//! A [`Host`] is a private set of mounts, network and host name around the calling thread, in which `/etc`, `/home`,
//! `/var`, `/usr` and the rest may be changed at will and nothing remains. On it run real programs: a scripted PAM
//! application ([`PamClient`]), `sshd` ([`Sshd`]), and whatever wants a terminal ([`Terminal`]); the system log is
//! heard by a [`Journal`]; `oathtool` and `zbarimg` are the second opinions. Nothing waits without a limit, and every
//! failure is a panic that says what was expected and what was there.
//!
//! ```no_run
//! use twinlock_tests::{Host, PamClient, oathtool};
//!
//! let host = Host::new();
//! let maria = host.add_user("maria", "secret");
//! host.install_twinlock();
//! host.policy("require_mfa = true\n");
//! host.pam_service("till", "auth required pam_twinlock.so account_phase\naccount required pam_twinlock.so\n");
//! let mut login = PamClient::new(&host, "till").user(&maria.name).rhost("192.0.2.7").start();
//! login.expect_prompt("Verification code: ");
//! login.answer("000000");
//! let outcome = login.finish();
//! assert_eq!(outcome.code("authenticate"), twinlock_tests::pam::AUTH_ERR);
//! outcome.assert_host_unchanged();
//! host.journal().wait_for(|line| line.message.contains("event=code_rejected"));
//! ```
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a harness speaks by panics")]

mod account;
pub mod artefacts;
mod escape;
mod host;
mod journal;
mod namespace;
pub mod oathtool;
pub mod pam;
mod pam_client;
mod phone;
pub mod picture;
pub mod process;
mod sshd;
pub mod system_calls;
mod terminal;
pub mod witness;

pub use account::Account;
pub use host::{Host, pam_folder};
pub use journal::{Journal, JournalLine};
pub use pam_client::{Dialogue, Hook, Message, MessageKind, Outcome, PamClient};
pub use phone::{Phone, STACK};
pub use sshd::{SshKey, Sshd};
pub use terminal::{Terminal, TerminalSetup};

/// How long anything may take before it counts as hanging.
pub const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);
