//! One program for all targets, so that it is built once: FUZZ_TARGET names the one that this run is about.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use twinlock_fuzz::{Target, target};

static TARGET: OnceLock<Target> = OnceLock::new();

fuzz_target!(
    init: {
        let name = std::env::var("FUZZ_TARGET").expect("FUZZ_TARGET names no target");
        TARGET.get_or_init(|| target(&name).expect("FUZZ_TARGET names an unknown target"));
    },
    |bytes: &[u8]| {
        if let Some(target) = TARGET.get() {
            let _ = (target.run)(bytes);
        }
    }
);
