//! A file of another program's in a user's home, looked at and removed as the user. No link is followed.

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use nix::unistd::UnlinkatFlags;
use zeroize::Zeroizing;

use crate::credential::as_owner;
use crate::file::{self, Expected};
use crate::kernel::unlinkat;
use crate::{Fault, User};

/// Reads a file right below the home, of at most so many bytes, that is the user's own and that nobody else may read,
/// write or run; None when it is not there.
///
/// # Errors
/// A [`Fault`] for anything else.
pub fn read_private(user: &User, name: &str, most: usize) -> Result<Option<Zeroizing<Vec<u8>>>, Fault> {
    // Everything but reading and writing by the owner; a sticky bit means nothing on a file, and is refused too.
    let expected = Expected { uid: user.uid, forbidden: 0o7177, most };
    let path = user.home.join(name);
    as_owner(user, || {
        if !user.home.is_absolute() {
            return Ok(None);
        }
        let home = match file::open_folder(&user.home) {
            Err(Errno::ENOENT | Errno::ENOTDIR) => return Ok(None),
            opened => opened.map_err(Fault::io("open", &user.home))?,
        };
        match file::open_file(&home, name, OFlag::O_RDONLY, Mode::empty()) {
            Ok(opened) => file::read_all(&path, opened, &expected).map(Some),
            Err(Errno::ENOENT) => Ok(None),
            Err(Errno::ELOOP) => Err(Fault::not_safe(&path, "is a symbolic link")),
            Err(errno) => Err(Fault::io("open", &path)(errno)),
        }
    })
}

/// Removes a file right below the home. Absent is fine.
///
/// # Errors
/// A [`Fault`] when it is there and cannot be removed.
pub fn remove(user: &User, name: &str) -> Result<(), Fault> {
    let path = user.home.join(name);
    as_owner(user, || {
        let home = file::open_folder(&user.home).map_err(Fault::io("open", &user.home))?;
        match unlinkat(&home, name, UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(errno) => Err(Fault::io("remove", &path)(errno)),
        }
    })
}
