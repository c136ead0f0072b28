//! Changes of the policy's files: whole or not at all, with the mode and the group that policy.toml had. Whether a text
//! is a policy must have been asked before; nothing here does.

use std::os::fd::OwnedFd;
use std::path::PathBuf;

use nix::errno::Errno;
use nix::fcntl::AtFlags;
use nix::sys::stat::Mode;
use nix::unistd::{Gid, UnlinkatFlags};

use crate::file::{self, Looks};
use crate::kernel::{fstatat, unlinkat};
use crate::{Fault, Paths};

const MAIN: &str = "policy.toml";
const TRIAL: &str = "trial.toml";
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// Replaces policy.toml.
///
/// # Errors
/// A [`Fault`]; then the old one is still there.
pub fn replace(paths: &Paths, text: &[u8]) -> Result<(), Fault> {
    write(paths, MAIN, text)
}

/// Writes trial.toml, in the place of one that is there.
///
/// # Errors
/// A [`Fault`]; then what was there before is still there.
pub fn write_trial(paths: &Paths, text: &[u8]) -> Result<(), Fault> {
    write(paths, TRIAL, text)
}

/// Removes trial.toml; false when there was none.
///
/// # Errors
/// A [`Fault`] when it is there and cannot be removed.
pub fn remove_trial(paths: &Paths) -> Result<bool, Fault> {
    let (folder, path) = place(paths, TRIAL)?;
    match unlinkat(&folder, TRIAL, UnlinkatFlags::NoRemoveDir) {
        Ok(()) => {
            // As durable as the file system makes it: one that comes back is a trial that ends by itself.
            let _ = file::sync_folder(&folder);
            Ok(true)
        }
        Err(Errno::ENOENT) => Ok(false),
        Err(errno) => Err(Fault::io("remove", &path)(errno)),
    }
}

fn write(paths: &Paths, name: &str, text: &[u8]) -> Result<(), Fault> {
    let (folder, path) = place(paths, name)?;
    file::replace_as(&folder, name, &path, text, looks(&folder))
}

fn place(paths: &Paths, name: &str) -> Result<(OwnedFd, PathBuf), Fault> {
    let folder = file::open_folder(&paths.policy).map_err(Fault::io("open", &paths.policy))?;
    file::check_folder(&paths.policy, &folder, 0, WRITABLE_BY_OTHERS)?;
    Ok((folder, paths.policy.join(name)))
}

/// Mode and group of policy.toml, without what would make the policy unbelievable.
fn looks(folder: &OwnedFd) -> Looks {
    match fstatat(folder, MAIN, AtFlags::AT_SYMLINK_NOFOLLOW) {
        Ok(stat) => Looks {
            mode: Mode::from_bits_truncate(stat.st_mode & 0o777 & !WRITABLE_BY_OTHERS),
            group: Some(Gid::from_raw(stat.st_gid)),
        },
        Err(_) => Looks { mode: Mode::from_bits_truncate(0o644), group: Some(Gid::from_raw(0)) },
    }
}
