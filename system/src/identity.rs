//! Acting as a user on the file system: their fsuid, fsgid and groups, for the length of one closure.
//!
//! Only this thread's identity changes, its supplementary groups too: the kernel keeps them by thread, and only libc
//! sets them for all. A host may let two users in at once in two threads, and one login must not take the groups of the
//! other for the host's own and leave them behind. Whatever the closure does, the old identity is back before this
//! returns; a panic included.

use nix::unistd::{Gid, Uid, setfsgid, setfsuid};
use rustix::process::{getegid, geteuid, getgroups, getuid};
use rustix::thread::set_thread_groups;

use crate::{Fault, User};

/// How often the old identity is tried to get back.
const RESTORES: u32 = 3;

/// Which supplementary groups to act with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Groups {
    /// None: enough for nearly every home, and no look-up.
    None,
    /// All that NSS knows: for a home behind a folder that only a group may enter.
    All,
}

/// The real UID of this process.
pub fn real_uid() -> u32 {
    getuid().as_raw()
}

/// The effective UID of this process.
pub fn effective_uid() -> u32 {
    geteuid().as_raw()
}

/// Runs `act` with the user's identity on the file system. Root acts as itself.
///
/// # Errors
/// [`Fault::Identity`] when the identity cannot be taken; then `act` did not run. The same when the old one
/// could not be restored: the caller must fail.
pub fn as_user<T>(user: &User, groups: Groups, act: impl FnOnce() -> T) -> Result<T, Fault> {
    let own = geteuid();
    if own.as_raw() == user.uid {
        return Ok(act());
    }
    if !own.is_root() {
        return Err(Fault::Identity("this process is neither root nor that user"));
    }
    let wanted = match groups {
        Groups::None => Vec::new(),
        Groups::All => user.groups().map_err(|_| Fault::Identity("the groups are not known"))?,
    };
    let mut before = Before::take(user, &wanted)?;
    let outcome = act();
    before.restore()?;
    Ok(outcome)
}

/// No user's: as an identity to take it takes none, and tells the one in force (setfsuid(2)).
const NO_ID: u32 = u32::MAX;

/// The identity to go back to.
struct Before {
    /// None where they already were those that were wanted, as in most hosts.
    groups: Option<Vec<rustix::thread::Gid>>,
    fsuid: Uid,
    fsgid: Gid,
    restored: bool,
}

impl Before {
    fn take(user: &User, wanted: &[Gid]) -> Result<Self, Fault> {
        let groups = getgroups().map_err(|_| Fault::Identity("getgroups"))?;
        let wanted: Vec<_> =
            wanted.iter().map(|group| rustix::thread::Gid::from_raw(group.as_raw())).collect();
        let groups = Some(groups).filter(|groups| *groups != wanted);
        if groups.is_some() {
            // Of this thread alone.
            set_thread_groups(&wanted).map_err(|_| Fault::Identity("setgroups"))?;
        }
        let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
        // The gid first: once the fsuid is the user's, the capability to change the other may be gone.
        let (fsgid, fsuid) = (setfsgid(gid), setfsuid(uid));
        // Where a filter of system calls says -1, nobody's identity is in these; it is still the effective one.
        let fsgid = if fsgid.as_raw() == NO_ID { Gid::from_raw(getegid().as_raw()) } else { fsgid };
        let fsuid = if fsuid.as_raw() == NO_ID { Uid::from_raw(geteuid().as_raw()) } else { fsuid };
        let mut before = Self { groups, fsuid, fsgid, restored: false };
        // These calls report nothing.
        if in_force() != (uid, gid) {
            before.restore()?;
            return Err(Fault::Identity("setfsuid"));
        }
        Ok(before)
    }

    fn restore(&mut self) -> Result<(), Fault> {
        if self.restored {
            return Ok(());
        }
        self.restored = true;
        // The kernel may lack memory for a moment, and the process that we live in must not be left as somebody else.
        if (0..RESTORES).any(|_| self.is_restored()) {
            return Ok(());
        }
        Err(Fault::Identity("the old identity did not come back"))
    }

    fn is_restored(&self) -> bool {
        setfsuid(self.fsuid);
        setfsgid(self.fsgid);
        let groups = self.groups.as_deref().map_or(Ok(()), set_thread_groups);
        groups.is_ok() && in_force() == (self.fsuid, self.fsgid)
    }
}

/// Fsuid and fsgid of this thread.
fn in_force() -> (Uid, Gid) {
    (setfsuid(Uid::from_raw(NO_ID)), setfsgid(Gid::from_raw(NO_ID)))
}

impl Drop for Before {
    fn drop(&mut self) {
        // Only reached by a panic inside the closure; the hook turns it into a refusal.
        let _ = self.restore();
    }
}
