//! The enrolment under way: one small root-only file per user, so that a cut connection does not change the
//! key that somebody is typing into a phone. Its text is the enrollment room's.

use std::os::fd::OwnedFd;
use std::path::PathBuf;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use nix::unistd::UnlinkatFlags;
use zeroize::Zeroizing;

use crate::file::{self, Expected};
use crate::kernel::unlinkat;
use crate::{Fault, Paths, faults};

const NOT_PRIVATE: u32 = 0o077;
const MAX_FILE: usize = 4096;

fn place(paths: &Paths) -> Result<(OwnedFd, PathBuf), Fault> {
    let path = paths.state.join("pending");
    let folder = file::open_folder(&path).map_err(Fault::io("open", &path))?;
    file::check_folder(&path, &folder, 0, NOT_PRIVATE)?;
    Ok((folder, path))
}

/// The text of a user's pending enrolment; None when there is none.
///
/// # Errors
/// A [`Fault`] when it cannot be read or is not root's alone.
pub fn read(paths: &Paths, uid: u32) -> Result<Option<Zeroizing<Vec<u8>>>, Fault> {
    let (folder, path) = place(paths)?;
    let path = path.join(uid.to_string());
    match file::open_file(&folder, &uid.to_string(), OFlag::O_RDONLY, Mode::empty()) {
        Ok(opened) => {
            let expected = Expected { uid: 0, forbidden: NOT_PRIVATE, most: MAX_FILE };
            file::read_all(&path, opened, &expected).map(Some)
        }
        Err(Errno::ENOENT) => Ok(None),
        Err(errno) => Err(Fault::io("open", &path)(errno)),
    }
}

/// Replaces a user's pending enrolment.
///
/// # Errors
/// A [`Fault`]; then the old one is still there.
pub fn write(paths: &Paths, uid: u32, text: &[u8]) -> Result<(), Fault> {
    let (folder, path) = place(paths)?;
    faults::point("pending writing");
    file::replace(&folder, &uid.to_string(), &path.join(uid.to_string()), text)
}

/// Forgets a user's pending enrolment. Absent is fine.
///
/// # Errors
/// A [`Fault`] when it is there and cannot be removed.
pub fn remove(paths: &Paths, uid: u32) -> Result<(), Fault> {
    clear(paths, uid).map(drop)
}

/// Forgets a user's pending enrolment; false when there was none.
///
/// # Errors
/// A [`Fault`] when it is there and cannot be removed.
pub fn clear(paths: &Paths, uid: u32) -> Result<bool, Fault> {
    let (folder, path) = place(paths)?;
    match unlinkat(&folder, &uid.to_string(), UnlinkatFlags::NoRemoveDir) {
        Ok(()) => Ok(true),
        Err(Errno::ENOENT) => Ok(false),
        Err(errno) => Err(Fault::io("remove", &path.join(uid.to_string()))(errno)),
    }
}

/// The UIDs that have a pending enrolment.
///
/// # Errors
/// A [`Fault`] when they cannot be listed.
pub fn uids(paths: &Paths) -> Result<Vec<u32>, Fault> {
    let (folder, path) = place(paths)?;
    file::uids(&path, &folder, "")
}
