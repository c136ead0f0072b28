//! Calls into libpam that the `pam` crate does not make.

use std::ffi::{CStr, CString, c_char, c_int, c_void};

use pam::constants::PamResultCode;
use pam::items::ItemType;
use pam::module::PamHandle;

use crate::marker::Marker;

#[link(name = "pam")]
unsafe extern "C" {
    fn pam_syslog(handle: *const PamHandle, priority: c_int, format: *const c_char, ...);
    fn pam_getenv(handle: *mut PamHandle, name: *const c_char) -> *const c_char;
    fn pam_set_item(handle: *mut PamHandle, item: c_int, value: *const c_void) -> c_int;
    fn pam_putenv(handle: *mut PamHandle, name_and_value: *const c_char) -> c_int;
}

/// Sends one line to the log, tagged by libpam with module and service: pam_syslog(3). `priority` is a level of
/// syslog(3); the facility is libpam's, authpriv. A line with a NUL is not sent.
pub fn syslog(handle: &PamHandle, priority: c_int, line: String) {
    let Ok(line) = CString::new(line) else { return };
    // SAFETY: the handle is libpam's own and lives through the hook; the format has one `%s`, and `line` is a
    // terminated string that outlives the call.
    unsafe { pam_syslog(handle, priority, c"%s".as_ptr(), line.as_ptr()) }
}

/// A PAM variable, as pam_getenv(3) returns it; None when it is not set or not UTF-8.
pub fn variable(handle: &mut PamHandle, name: &CStr) -> Option<String> {
    // SAFETY: the handle is valid through the hook and the name is terminated.
    let value = unsafe { pam_getenv(handle, name.as_ptr()) };
    if value.is_null() {
        return None;
    }
    // SAFETY: libpam returned a terminated string that it owns; it is copied before libpam is called again.
    unsafe { CStr::from_ptr(value) }.to_str().ok().map(str::to_owned)
}

/// Sets a PAM variable, `NAME=value`: pam_putenv(3), which copies it. False when libpam refused.
pub fn write_variable(handle: &mut PamHandle, name_and_value: String) -> bool {
    let Ok(text) = CString::new(name_and_value) else { return false };
    // SAFETY: the handle is valid through the hook and the text is terminated; libpam keeps a copy.
    unsafe { pam_putenv(handle, text.as_ptr()) == PamResultCode::PAM_SUCCESS as c_int }
}

/// Sets PAM_AUTHTOK for the modules behind this one: pam_set_item(3), which copies it. False when libpam refused.
pub fn set_password(handle: &mut PamHandle, password: &[u8]) -> bool {
    let Ok(password) = CString::new(password) else { return false };
    // SAFETY: the handle is valid through the hook; PAM_AUTHTOK takes a terminated string, of which libpam keeps a
    // copy. Ours is wiped with every block that is freed.
    let set = unsafe { pam_set_item(handle, ItemType::AuthTok as c_int, password.as_ptr().cast()) };
    set == PamResultCode::PAM_SUCCESS as c_int
}

/// The marker that an earlier hook of this transaction left, if any.
pub fn read_marker(handle: &PamHandle, name: &str) -> Option<Marker> {
    // SAFETY: data under this name is only ever set by `PamHost::set_marker`, as a boxed Option<Marker>. Another
    // module could use the name only by intent, and then runs as root in this process anyway.
    unsafe { handle.get_data::<Option<Marker>>(name) }.ok().and_then(Clone::clone)
}

/// Whether the host still has memory: 1 MiB is asked for and given back untouched. A Rust allocation that
/// fails would end the host, so a hook asks first.
pub fn memory_is_there() -> bool {
    const PROBE: usize = 1 << 20;
    // SAFETY: the block is given back at once and never used; free takes NULL too. `black_box` keeps the
    // compiler from leaving out a pair of calls whose result nobody uses.
    unsafe {
        let block = std::hint::black_box(libc::malloc(PROBE));
        libc::free(block);
        !block.is_null()
    }
}
