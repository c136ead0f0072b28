//! `pam_twinlock.so`: the hooks under the names that libpam looks for, and the allocator that wipes.

use twinlock_pam::{Twinlock, WipingAllocator};

#[global_allocator]
static ALLOCATOR: WipingAllocator = WipingAllocator;

pam::pam_hooks!(Twinlock);
