//! A user's credential file: in their home, opened as themselves; or in the state folder, where root's
//! processes alone can read it. A file in the state folder is the one that counts.
//!
//! Both parts of the path below the home are opened one by one with O_NOFOLLOW, so no link that a user
//! plants is ever followed (docs/decisions/0001).

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag};
use nix::sys::stat::{FchmodatFlags, Mode, fchmodat};
use nix::unistd::{AccessFlags, UnlinkatFlags, faccessat};
use twinlock_verifier::credential::MAX_FILE;
use zeroize::Zeroizing;

use crate::file::{self, Expected};
use crate::identity::{Groups, as_user, effective_uid};
use crate::kernel::{mkdirat, unlinkat};
use crate::paths::below;
use crate::{Fault, Paths, User, faults};

const FOLDER: &str = ".twinlock";
const NAME: &str = "credential.toml";
const PLACE: &str = ".twinlock/credential.toml";
/// Group and others may do nothing with a credential.
const NOT_PRIVATE: u32 = 0o077;

/// Where a credential is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// `~/.twinlock/credential.toml`.
    Home,
    /// `/var/lib/twinlock/credentials/<uid>.toml`.
    System,
}

/// What was found.
#[derive(Debug)]
pub enum Found {
    /// The home could be read, or does not exist yet, and holds none.
    Absent,
    /// A credential's bytes.
    Bytes(Zeroizing<Vec<u8>>, Place),
}

/// The path of the credential in a user's home.
pub fn home_path(user: &User) -> PathBuf {
    below(&user.home, PLACE)
}

/// The path of the credential in the state folder.
pub fn system_path(paths: &Paths, uid: u32) -> PathBuf {
    below(&paths.state, &format!("credentials/{uid}.toml"))
}

/// Reads a user's credential.
///
/// # Errors
/// A [`Fault`] for anything but a file that is safe, or none at all: only ENOENT is an absence.
pub fn read(paths: &Paths, user: &User) -> Result<Found, Fault> {
    if let Some(bytes) = read_system(paths, user)? {
        return Ok(Found::Bytes(bytes, Place::System));
    }
    let found = as_owner(user, || read_home(user))?;
    Ok(found.map_or(Found::Absent, |bytes| Found::Bytes(bytes, Place::Home)))
}

/// Acts as a user in their home: without their other groups, and once more with them where that was not enough,
/// because perhaps a folder on the way lets only a group in. Asking for the groups is dear, so it comes second.
pub(crate) fn as_owner<T>(user: &User, act: impl Fn() -> Result<T, Fault>) -> Result<T, Fault> {
    match as_user(user, Groups::None, &act)? {
        Err(Fault::Io { errno: Errno::EACCES, .. }) if effective_uid() == 0 => {
            as_user(user, Groups::All, &act)?
        }
        outcome => outcome,
    }
}

fn read_system(paths: &Paths, user: &User) -> Result<Option<Zeroizing<Vec<u8>>>, Fault> {
    if effective_uid() != 0 {
        return Ok(None);
    }
    let folder_path = below(&paths.state, "credentials");
    let folder = match file::open_folder(&folder_path) {
        Err(Errno::ENOENT) => return Ok(None),
        opened => opened.map_err(Fault::io("open", &folder_path))?,
    };
    file::check_folder(&folder_path, &folder, 0, NOT_PRIVATE)?;
    read_one(&folder, &folder_path, &format!("{}.toml", user.uid), 0)
}

fn read_home(user: &User) -> Result<Option<Zeroizing<Vec<u8>>>, Fault> {
    let Some((folder, path)) = open_home_folder(user)? else { return Ok(None) };
    faults::point("credential reading");
    read_one(&folder, &path, NAME, user.uid)
}

/// `~/.twinlock` and its path, or None where there is none, or no home.
fn open_home_folder(user: &User) -> Result<Option<(OwnedFd, PathBuf)>, Fault> {
    if !user.home.is_absolute() {
        return Err(Fault::not_safe(&user.home, "is the home, and not an absolute path"));
    }
    let home = match file::open_folder(&user.home) {
        Err(Errno::ENOENT) => return Ok(None),
        opened => opened.map_err(Fault::io("open", &user.home))?,
    };
    let path = below(&user.home, FOLDER);
    let folder = match file::open_subfolder(&home, FOLDER) {
        Err(Errno::ENOENT) => return Ok(None),
        Err(Errno::ENOTDIR | Errno::ELOOP) => return Err(Fault::not_safe(&path, "is not a folder")),
        opened => opened.map_err(Fault::io("open", &path))?,
    };
    file::check_folder(&path, &folder, user.uid, 0o022)?;
    Ok(Some((folder, path)))
}

fn read_one(
    folder: &OwnedFd,
    folder_path: &Path,
    name: &str,
    uid: u32,
) -> Result<Option<Zeroizing<Vec<u8>>>, Fault> {
    let opened = file::open_file(folder, name, OFlag::O_RDONLY, Mode::empty());
    if matches!(opened, Err(Errno::ENOENT)) {
        return Ok(None);
    }
    let path = &below(folder_path, name);
    let opened = match opened {
        Err(Errno::ELOOP) => return Err(Fault::not_safe(path, "is a symbolic link")),
        Err(Errno::ENXIO) => return Err(Fault::not_safe(path, "is not a regular file")),
        opened => opened.map_err(Fault::io("open", path))?,
    };
    file::read_all(path, opened, &Expected { uid, forbidden: NOT_PRIVATE, most: MAX_FILE }).map(Some)
}

/// Writes a user's credential, whole or not at all, with its final mode from the first moment.
///
/// In the home this is done as the user; `~/.twinlock` is made if it is not there.
///
/// # Errors
/// A [`Fault`]; then what was there before is still there.
pub fn write(paths: &Paths, user: &User, place: Place, text: &[u8]) -> Result<PathBuf, Fault> {
    match place {
        Place::Home => as_owner(user, || write_home(user, text)),
        Place::System => {
            let folder_path = below(&paths.state, "credentials");
            let folder = file::open_folder(&folder_path).map_err(Fault::io("open", &folder_path))?;
            file::check_folder(&folder_path, &folder, 0, NOT_PRIVATE)?;
            let path = system_path(paths, user.uid);
            file::replace(&folder, &format!("{}.toml", user.uid), &path, text)?;
            Ok(path)
        }
    }
}

/// Whether the user has a home that they can write a credential to. A home that is root's, as a chroot of sshd's must be,
/// holds none. Whatever else is in the way is for the writing to tell.
pub fn has_home(user: &User) -> bool {
    if !user.home.is_absolute() || user.home == Path::new("/") {
        return false;
    }
    let may_write = as_owner(user, || {
        let home = file::open_folder(&user.home).map_err(Fault::io("open", &user.home))?;
        match file::open_subfolder(&home, FOLDER) {
            Err(Errno::ENOENT) => {
                let access = AccessFlags::W_OK | AccessFlags::X_OK;
                faccessat(&home, ".", access, AtFlags::AT_EACCESS).map_err(Fault::io("write to", &user.home))
            }
            _ => Ok(()),
        }
    });
    !matches!(
        may_write,
        Err(Fault::Io { errno: Errno::EACCES | Errno::EROFS | Errno::ENOENT | Errno::ENOTDIR, .. })
    )
}

fn write_home(user: &User, text: &[u8]) -> Result<PathBuf, Fault> {
    let home = file::open_folder(&user.home).map_err(Fault::io("open", &user.home))?;
    let folder_path = below(&user.home, FOLDER);
    match mkdirat(&home, FOLDER, Mode::S_IRWXU) {
        Ok(()) => {
            // The host's umask, which is not ours to change, may have taken all bits away: then its owner could not even
            // open it.
            let open_to_its_owner = fchmodat(&home, FOLDER, Mode::S_IRWXU, FchmodatFlags::NoFollowSymlink);
            if let Err(errno) = open_to_its_owner {
                let _ = unlinkat(&home, FOLDER, UnlinkatFlags::RemoveDir);
                return Err(Fault::io("set the mode of", &folder_path)(errno));
            }
        }
        Err(Errno::EEXIST) => {}
        Err(errno) => return Err(Fault::io("make", &folder_path)(errno)),
    }
    let (folder, _) = open_home_folder(user)?
        .ok_or_else(|| Fault::not_safe(&folder_path, "vanished while it was being written"))?;
    let path = home_path(user);
    faults::point("credential writing");
    file::replace(&folder, NAME, &path, text)?;
    Ok(path)
}

/// The UIDs that have a credential in the state folder.
///
/// # Errors
/// A [`Fault`] when they cannot be listed.
pub fn system_uids(paths: &Paths) -> Result<Vec<u32>, Fault> {
    let path = below(&paths.state, "credentials");
    match file::open_folder(&path) {
        Err(Errno::ENOENT) => Ok(Vec::new()),
        opened => {
            let folder = opened.map_err(Fault::io("open", &path))?;
            file::check_folder(&path, &folder, 0, NOT_PRIVATE)?;
            file::uids(&path, &folder, ".toml")
        }
    }
}

/// Removes whatever stands in the place of a UID's credential in the state folder; false when nothing did.
///
/// # Errors
/// A [`Fault`] when it is there and cannot be removed.
pub fn clear_system(paths: &Paths, uid: u32) -> Result<bool, Fault> {
    let path = system_path(paths, uid);
    was_there(nix::unistd::unlink(&path), &path)
}

/// Removes whatever stands in the place of the credential in a user's home, a link or another kind of file too, as the
/// user; false when nothing did. What a link leads to stays.
///
/// # Errors
/// A [`Fault`] when it is there and cannot be removed, or nobody can tell.
pub fn clear_home(user: &User) -> Result<bool, Fault> {
    as_owner(user, || {
        if !user.home.is_absolute() {
            return Ok(false);
        }
        let home = match file::open_folder(&user.home) {
            Err(Errno::ENOENT | Errno::ENOTDIR) => return Ok(false),
            opened => opened.map_err(Fault::io("open", &user.home))?,
        };
        // Nothing is read, so owner and mode of the folder do not matter.
        match file::open_subfolder(&home, FOLDER) {
            Err(Errno::ENOENT) => Ok(false),
            Err(Errno::ENOTDIR | Errno::ELOOP) => {
                let removed = unlinkat(&home, FOLDER, UnlinkatFlags::NoRemoveDir);
                was_there(removed, &below(&user.home, FOLDER))
            }
            opened => {
                let path = home_path(user);
                let folder = opened.map_err(Fault::io("open", &below(&user.home, FOLDER)))?;
                let removed = match unlinkat(&folder, NAME, UnlinkatFlags::NoRemoveDir) {
                    Err(Errno::EISDIR) => unlinkat(&folder, NAME, UnlinkatFlags::RemoveDir),
                    removed => removed,
                };
                was_there(removed, &path)
            }
        }
    })
}

fn was_there(removed: nix::Result<()>, path: &Path) -> Result<bool, Fault> {
    match removed {
        Ok(()) => Ok(true),
        Err(Errno::ENOENT) => Ok(false),
        Err(errno) => Err(Fault::io("remove", path)(errno)),
    }
}

/// Removes a user's credential from one place. Absent is fine.
///
/// # Errors
/// A [`Fault`] when it is there and cannot be removed.
pub fn remove(paths: &Paths, user: &User, place: Place) -> Result<(), Fault> {
    match place {
        Place::Home => as_owner(user, || match open_home_folder(user)? {
            Some((folder, path)) => {
                let removed = unlinkat(&folder, NAME, UnlinkatFlags::NoRemoveDir);
                was_there(removed, &below(&path, NAME)).map(drop)
            }
            None => Ok(()),
        }),
        Place::System => clear_system(paths, user.uid).map(drop),
    }
}
