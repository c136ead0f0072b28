//! The hooks: libpam calls them, they call a flow, and the flow's outcome becomes one return code.
//!
//! A panic inside is caught by the `pam` crate and becomes PAM_ABORT; nothing is printed about it, since the
//! message could hold what was typed.

use std::ffi::CStr;

use pam::constants::{PamFlag, PamResultCode};
use pam::module::{PamHandle, PamHooks};
use twinlock_system::{Paths, faults, registers};

use crate::account;
use crate::auth;
use crate::ffi;
use crate::host::{Host, PamHost};
use crate::outcome::Outcome;

/// The module.
#[derive(Debug)]
pub struct Twinlock;

impl PamHooks for Twinlock {
    fn sm_authenticate(handle: &mut PamHandle, words: Vec<&CStr>, flags: PamFlag) -> PamResultCode {
        run("authenticate", handle, &words, flags, auth::authenticate)
    }

    fn acct_mgmt(handle: &mut PamHandle, words: Vec<&CStr>, flags: PamFlag) -> PamResultCode {
        run("acct_mgmt", handle, &words, flags, account::manage)
    }

    /// There are no credentials to set; any other answer would drop a session whose stack has only us.
    fn sm_setcred(handle: &mut PamHandle, _: Vec<&CStr>, _: PamFlag) -> PamResultCode {
        enter("setcred", handle);
        PamResultCode::PAM_SUCCESS
    }
}

/// From here on a panic is silent. Set each time: the panic hook is the only state that a panic reads, and another
/// module built with the same library could have set it.
fn enter(hook: &str, handle: &mut PamHandle) {
    std::panic::set_hook(Box::new(|_| {}));
    faults::arm(|| ffi::variable(handle, c"TWINLOCK_FAULT"));
    faults::point(hook);
}

type Flow = fn(&mut dyn Host, &Paths, &[&str]) -> Outcome;

fn run(hook: &str, handle: &mut PamHandle, words: &[&CStr], flags: PamFlag, flow: Flow) -> PamResultCode {
    if !ffi::memory_is_there() {
        return Outcome::NoMemory.into();
    }
    enter(hook, handle);
    // A word that is not UTF-8 is no word of ours; it stays in the list as one that is unknown.
    let words: Vec<&str> = words.iter().map(|word| word.to_str().unwrap_or("(not UTF-8)")).collect();
    let outcome = flow(&mut PamHost::new(handle, flags), &Paths::default(), &words);
    registers::wipe();
    outcome.into()
}
