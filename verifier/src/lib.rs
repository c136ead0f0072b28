//! Is this code good?
//!
//! The credential's format, TOTP steps, recovery codes, the throttle and the ledger's record: bytes and the
//! time go in, a verdict and bytes come out. This room never reads a file, a clock or a random source, never
//! keeps state of its own, and never puts a secret, a code or what was typed into an error or a `Debug`.
// Outside tests, no index that may panic and no sum that may overflow: times, steps, counts and the bytes of a record come
// from files and clocks that may hold anything, and a panic here would be a login refused.
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::string_slice, clippy::arithmetic_side_effects))]

pub mod credential;
pub mod edit;
pub mod record;
pub mod recovery;
mod remember;
pub mod source;
pub mod steps;
pub mod throttle;
pub mod typed;
pub mod verdict;

pub use credential::{Algorithm, Authenticator, Credential, CredentialFault, Identified, RecoverySet};
pub use record::{Acceptance, Record};
pub use source::Source;
pub use throttle::Limits;
pub use typed::Typed;
pub use verdict::{Accepted, By, Rejection, Request, Verdict, judge};
