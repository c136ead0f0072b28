//! The PAM module as a library: hooks, then the host behind a trait, then the flows.
//!
//! `hooks` turns a flow's outcome into exactly one return code; `host` is all that a flow sees of libpam;
//! `auth`, `account` and `enrolment` are the flows. Nothing here ends, hangs or changes the host process, and no
//! error becomes PAM_SUCCESS or PAM_IGNORE. `unsafe` lives in `ffi` alone.
#![deny(unsafe_code)]
// No index or slice that may panic, outside tests: in a hook it would be a login refused.
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::string_slice))]

mod account;
mod answers;
mod arguments;
mod audit;
mod auth;
mod enrolment;
mod ffi;
mod hooks;
mod host;
mod locker;
mod login;
mod marker;
mod outcome;
mod texts;

pub use ffi::WipingAllocator;
pub use hooks::Twinlock;
