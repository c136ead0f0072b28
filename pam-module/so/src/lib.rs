//! `pam_twinlock.so`: the hooks under the names that libpam looks for, and the allocator that wipes.
// No index or slice that may panic, outside tests: in a hook it would be a login refused.
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::string_slice))]

use twinlock_pam::{Twinlock, WipingAllocator};

#[global_allocator]
static ALLOCATOR: WipingAllocator = WipingAllocator;

/// The version, as bytes in the file, for `twinlock doctor` to compare with its own.
#[used]
static VERSION: &str = concat!("twinlock-version=", env!("CARGO_PKG_VERSION"), "\0");

pam::pam_hooks!(Twinlock);
