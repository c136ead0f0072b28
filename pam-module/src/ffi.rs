//! The only unsafe code: what the `pam` crate does not offer of libpam, and the allocator.
//!
//! Everything here is small enough to be argued about in a sentence; nothing of it decides anything.
#![allow(unsafe_code)]

mod allocator;
mod libpam;
#[cfg(all(target_arch = "x86_64", target_pointer_width = "64", target_env = "gnu", not(test)))]
mod names;

pub use allocator::WipingAllocator;
pub use libpam::{memory_is_there, read_marker, set_password, syslog, variable, write_variable};
