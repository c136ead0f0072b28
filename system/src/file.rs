//! Opening, checking and reading small files without following, waiting or trusting.

use std::ffi::CString;
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, RenameFlags};
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::stat::{Mode, SFlag};
use nix::unistd::{Gid, UnlinkatFlags};
use rustix::fs::Dir;
use zeroize::Zeroizing;

use crate::Fault;
use crate::kernel::{
    self, FileStat, change_group, fchmod, fstat, fsync, open, openat, read, renameat2, unlinkat,
};

/// Flags of every open: never a controlling terminal, never inherited, never a wait on a FIFO or device.
pub(crate) const SAFE: OFlag = OFlag::O_CLOEXEC.union(OFlag::O_NOCTTY).union(OFlag::O_NONBLOCK);

/// Opens a folder as a place to start from. Links on the way to it are followed: its path is the
/// administrator's.
pub(crate) fn open_folder(path: &Path) -> nix::Result<OwnedFd> {
    open(path, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
}

/// Opens the folder `name` in `parent`; a link in its place is an error (ENOTDIR or ELOOP).
pub(crate) fn open_subfolder(parent: impl AsFd, name: &str) -> nix::Result<OwnedFd> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    openat(parent, name, flags, Mode::empty())
}

/// Opens the file `name` in `folder`; a link in its place is an error (ELOOP).
pub(crate) fn open_file(folder: impl AsFd, name: &str, flags: OFlag, mode: Mode) -> nix::Result<OwnedFd> {
    openat(folder, name, SAFE | OFlag::O_NOFOLLOW | flags, mode)
}

/// What a file must be like before a byte of it is believed.
pub(crate) struct Expected {
    /// Its owner.
    pub uid: u32,
    /// Permission bits that must not be set.
    pub forbidden: u32,
    /// Its largest size in bytes.
    pub most: usize,
}

/// Checks an open file: regular, of the expected owner, without forbidden permissions, with one name, not
/// larger than expected.
pub(crate) fn check_file(path: &Path, file: impl AsFd, expected: &Expected) -> Result<FileStat, Fault> {
    let stat = fstat(file).map_err(Fault::io("examine", path))?;
    check_stat(path, &stat, expected)?;
    Ok(stat)
}

/// The same for what is known of an open file already.
pub(crate) fn check_stat(path: &Path, stat: &FileStat, expected: &Expected) -> Result<(), Fault> {
    let kind = SFlag::from_bits_truncate(stat.st_mode & SFlag::S_IFMT.bits());
    if kind != SFlag::S_IFREG {
        return Err(Fault::not_safe(path, "is not a regular file"));
    }
    check_owner(path, stat, expected)?;
    if stat.st_nlink != 1 {
        return Err(Fault::not_safe(path, format!("has {} names (hard links)", stat.st_nlink)));
    }
    if usize::try_from(stat.st_size).unwrap_or(usize::MAX) > expected.most {
        return Err(Fault::not_safe(path, format!("has more than {} bytes", expected.most)));
    }
    Ok(())
}

/// Checks an open folder's owner and permissions.
pub(crate) fn check_folder(path: &Path, folder: impl AsFd, uid: u32, forbidden: u32) -> Result<(), Fault> {
    let stat = fstat(folder).map_err(Fault::io("examine", path))?;
    check_owner(path, &stat, &Expected { uid, forbidden, most: usize::MAX })
}

fn check_owner(path: &Path, stat: &FileStat, expected: &Expected) -> Result<(), Fault> {
    if stat.st_uid != expected.uid {
        return Err(Fault::not_safe(path, format!("belongs to UID {}, not {}", stat.st_uid, expected.uid)));
    }
    if stat.st_mode & expected.forbidden != 0 {
        return Err(Fault::not_safe(path, format!("has mode {:04o}", stat.st_mode & 0o7777)));
    }
    Ok(())
}

/// Reads a checked file whole. It may have grown since; then it is an error.
pub(crate) fn read_all(path: &Path, file: OwnedFd, expected: &Expected) -> Result<Zeroizing<Vec<u8>>, Fault> {
    read_public(path, file, expected).map(Zeroizing::new)
}

/// The same for what everybody may know, which is not worth the wiping: byte by byte, it costs more than the reading.
pub(crate) fn read_public(path: &Path, file: OwnedFd, expected: &Expected) -> Result<Vec<u8>, Fault> {
    let stat = check_file(path, &file, expected)?;
    let size = usize::try_from(stat.st_size).unwrap_or(0);
    // Room for all of it at once, and for one byte more: a buffer that grows leaves copies behind, and a file that ends
    // before that byte needs no second look.
    let mut bytes = Zeroizing::new(vec![0; size.saturating_add(1)]);
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match read(&file, rest) {
            Ok(0) => break,
            Ok(more) => filled = filled.saturating_add(more),
            Err(Errno::EINTR) => continue,
            Err(errno) => return Err(Fault::io("read", path)(errno)),
        }
        if filled == size {
            break;
        }
    }
    if filled > size {
        return Err(Fault::not_safe(path, "grew while it was read"));
    }
    bytes.truncate(filled);
    // What was read so far is wiped where something went wrong above.
    Ok(std::mem::take(&mut *bytes))
}

/// An error of the standard library as the errno that it carries.
pub(crate) fn errno(error: &std::io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}

/// Makes sure that a file of this size may be written. Going past the limit would raise SIGXFSZ in a host
/// that is not ours to end.
pub(crate) fn allowed_to_write(bytes: usize) -> Result<(), Fault> {
    match getrlimit(Resource::RLIMIT_FSIZE) {
        Ok((soft, _)) if soft >= u64::try_from(bytes).unwrap_or(u64::MAX) => Ok(()),
        _ => Err(Fault::FileSizeLimit),
    }
}

/// What a written file is like, besides belonging to who writes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Looks {
    /// Its permissions.
    pub mode: Mode,
    /// Its group; None for that of who writes it.
    pub group: Option<Gid>,
}

impl Looks {
    /// Its owner's alone.
    pub const PRIVATE: Self = Self { mode: Mode::S_IRUSR.union(Mode::S_IWUSR), group: None };
}

/// Replaces the file `name` by a private one, whole or not at all.
pub(crate) fn replace(folder: &OwnedFd, name: &str, path: &Path, text: &[u8]) -> Result<(), Fault> {
    replace_as(folder, name, path, text, Looks::PRIVATE)
}

/// Replaces the file `name`, whole or not at all: a new file beside it, never more open than its final mode, is made
/// durable and renamed over it.
pub(crate) fn replace_as(
    folder: &OwnedFd,
    name: &str,
    path: &Path,
    text: &[u8],
    looks: Looks,
) -> Result<(), Fault> {
    allowed_to_write(text.len())?;
    let new = format!("{name}.new");
    match unlinkat(folder, &new, UnlinkatFlags::NoRemoveDir) {
        Ok(()) | Err(Errno::ENOENT) => {}
        Err(errno) => return Err(Fault::io("clear the way for", path)(errno)),
    }
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL;
    let opened = open_file(folder, &new, flags, Looks::PRIVATE.mode).map_err(Fault::io("create", path))?;
    let grouped = looks.group.map_or(Ok(()), |group| change_group(&opened, group));
    // The host's umask may have taken bits away; it is not ours to change.
    let written = grouped.and_then(|()| fchmod(&opened, looks.mode)).and_then(|()| {
        let mut out = File::from(opened);
        out.write_all(text).map_err(|error| errno(&error))?;
        fsync(&out)?;
        renameat2(folder, &new, folder, name, RenameFlags::empty())
    });
    if let Err(errno) = written {
        let _ = unlinkat(folder, &new, UnlinkatFlags::NoRemoveDir);
        return Err(Fault::io("write", path)(errno));
    }
    // The name itself must last too. Not every file system can sync a folder; then it is as durable as that
    // system makes it.
    let _ = sync_folder(folder);
    Ok(())
}

/// The names in an open folder, in no order; those that begin with a dot are left out.
pub(crate) fn names(path: &Path, folder: &OwnedFd) -> Result<Vec<CString>, Fault> {
    let fault = |errno| Fault::io("list", path)(errno);
    // The folder itself may be open as a place to start from only.
    let opened =
        open_file(folder, ".", OFlag::O_RDONLY | OFlag::O_DIRECTORY, Mode::empty()).map_err(fault)?;
    let mut names = Vec::new();
    for entry in Dir::new(opened).map_err(kernel::errno).map_err(fault)? {
        let entry = entry.map_err(kernel::errno).map_err(fault)?;
        if !entry.file_name().to_bytes().starts_with(b".") {
            names.push(entry.file_name().to_owned());
        }
    }
    Ok(names)
}

/// The UIDs that files of a folder are named after, with `end` behind the number.
pub(crate) fn uids(path: &Path, folder: &OwnedFd, end: &str) -> Result<Vec<u32>, Fault> {
    let mut uids = Vec::new();
    for name in names(path, folder)? {
        let number = name.to_str().ok().and_then(|name| name.strip_suffix(end));
        let uid = number.and_then(|number| number.parse::<u32>().ok());
        // Not `+5` or `007`, which no program of ours writes.
        uids.extend(uid.filter(|uid| Some(uid.to_string().as_str()) == number));
    }
    uids.sort_unstable();
    Ok(uids)
}

/// Makes the names in a folder durable.
pub(crate) fn sync_folder(folder: &OwnedFd) -> nix::Result<()> {
    open_file(folder, ".", OFlag::O_RDONLY | OFlag::O_DIRECTORY, Mode::empty())
        .and_then(|opened| fsync(&opened))
}
