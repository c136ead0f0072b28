//! Who runs this command, by the kernel and NSS alone: never by `$USER`, `$HOME` or what a terminal says.

use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::unistd::{getegid, geteuid, getgid, getuid};
use twinlock_system::User;

use crate::error::Error;

/// The user of this process.
pub struct Caller {
    /// As NSS knows them.
    pub user: User,
    /// Whether it is root.
    pub is_root: bool,
}

/// Makes sure that no core dump and no debugger of the same user gets at what is in memory.
///
/// # Errors
/// [`Error::CoreDumps`] when the kernel refuses.
pub fn shield() -> Result<(), Error> {
    setrlimit(Resource::RLIMIT_CORE, 0, 0)
        .and_then(|()| prctl::set_dumpable(false))
        .map_err(|_| Error::CoreDumps)
}

/// Looks the caller up.
///
/// # Errors
/// [`Error::SetUid`] for a process with anybody else's rights, [`Error::NoSuchCaller`], or a failed look-up.
pub fn identify() -> Result<Caller, Error> {
    let uid = getuid();
    if uid != geteuid() || getgid() != getegid() {
        return Err(Error::SetUid);
    }
    let user = User::by_uid(uid.as_raw())?.ok_or(Error::NoSuchCaller(uid.as_raw()))?;
    Ok(Caller { user, is_root: uid.is_root() })
}
