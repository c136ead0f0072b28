//! Users and groups by NSS. 'No such user' and 'the look-up failed' are different answers wherever the
//! sources let them be.

use std::ffi::CString;
use std::path::PathBuf;

use nix::errno::Errno;
use nix::unistd::{Gid, Group, Uid};

use crate::{Fault, faults};

/// A user as NSS returns it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The canonical name, which may differ from what was typed.
    pub name: String,
    /// User ID.
    pub uid: u32,
    /// Primary group ID.
    pub gid: u32,
    /// Home folder as NSS says; it need not exist.
    pub home: PathBuf,
    /// Login shell.
    pub shell: PathBuf,
}

impl User {
    /// Looks a user up by name, with `getpwnam_r`. None when no source knows the name.
    ///
    /// # Errors
    /// [`Fault::Lookup`] when a source failed.
    pub fn by_name(name: &str) -> Result<Option<Self>, Fault> {
        faults::point("user look-up");
        found(nix::unistd::User::from_name(name))
    }

    /// Looks a user up by ID, with `getpwuid_r`.
    ///
    /// # Errors
    /// [`Fault::Lookup`] when a source failed.
    pub fn by_uid(uid: u32) -> Result<Option<Self>, Fault> {
        found(nix::unistd::User::from_uid(Uid::from_raw(uid)))
    }

    /// Whether the user is in a group: by primary group, or by the group's list of members. None when no
    /// source knows the group.
    ///
    /// # Errors
    /// [`Fault::Lookup`] when a source failed. (`getgrouplist` would hide that: it answers with the primary
    /// group alone while a source is down.)
    pub fn is_in_group(&self, group: &str) -> Result<Option<bool>, Fault> {
        faults::point("group look-up");
        match Group::from_name(group) {
            Ok(Some(group)) => Ok(Some(group.gid.as_raw() == self.gid || group.mem.contains(&self.name))),
            Ok(None) => Ok(None),
            Err(errno) => Err(Fault::Lookup { errno }),
        }
    }

    /// All groups of the user. Slow where directories are large, so only asked for when needed.
    pub(crate) fn groups(&self) -> Result<Vec<Gid>, Errno> {
        let name = CString::new(self.name.as_str()).map_err(|_| Errno::EINVAL)?;
        nix::unistd::getgrouplist(&name, Gid::from_raw(self.gid))
    }
}

fn found(answer: nix::Result<Option<nix::unistd::User>>) -> Result<Option<User>, Fault> {
    match answer {
        Ok(user) => Ok(user.map(|user| User {
            name: user.name,
            uid: user.uid.as_raw(),
            gid: user.gid.as_raw(),
            home: user.dir,
            shell: user.shell,
        })),
        Err(errno) => Err(Fault::Lookup { errno }),
    }
}
