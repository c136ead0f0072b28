//! Calls of the kernel that go to it directly (rustix) and not through libc: every function of libc's that the module
//! names is looked up at every login, at the price of a page of code. Words and types are those of nix, as in the rest of
//! this room; flags have the kernel's own numbers in both.
//!
//! Nothing here decides, retries or follows anything that its caller did not ask for. What rustix takes for granted stays with
//! libc (getrlimit, uname): a filter of system calls may refuse that too, and then there is no answer to read.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, RenameFlags};
use nix::sys::stat::Mode;
use nix::unistd::{Gid, UnlinkatFlags};
use rustix::fs::{self, Timespec};

/// What fstat(2) tells; its fields are those of the manual page.
pub(crate) type FileStat = fs::Stat;

/// open(2).
pub(crate) fn open(path: &Path, flags: OFlag, mode: Mode) -> nix::Result<OwnedFd> {
    fs::open(path, flags_of(flags), mode_of(mode)).map_err(errno)
}

/// openat(2).
pub(crate) fn openat(folder: impl AsFd, name: &str, flags: OFlag, mode: Mode) -> nix::Result<OwnedFd> {
    fs::openat(folder, name, flags_of(flags), mode_of(mode)).map_err(errno)
}

/// fstat(2).
pub(crate) fn fstat(file: impl AsFd) -> nix::Result<FileStat> {
    fs::fstat(file).map_err(errno)
}

/// fstatat(2).
pub(crate) fn fstatat(folder: impl AsFd, name: &str, flags: AtFlags) -> nix::Result<FileStat> {
    fs::statat(folder, name, fs::AtFlags::from_bits_retain(flags.bits().cast_unsigned())).map_err(errno)
}

/// read(2).
pub(crate) fn read(file: impl AsFd, bytes: &mut [u8]) -> nix::Result<usize> {
    rustix::io::read(file, bytes).map_err(errno)
}

/// fchmod(2).
pub(crate) fn fchmod(file: impl AsFd, mode: Mode) -> nix::Result<()> {
    fs::fchmod(file, mode_of(mode)).map_err(errno)
}

/// fchown(2), for a file that keeps its owner.
pub(crate) fn change_group(file: impl AsFd, group: Gid) -> nix::Result<()> {
    fs::fchown(file, None, Some(fs::Gid::from_raw(group.as_raw()))).map_err(errno)
}

/// fsync(2).
pub(crate) fn fsync(file: impl AsFd) -> nix::Result<()> {
    fs::fsync(file).map_err(errno)
}

/// fdatasync(2).
pub(crate) fn fdatasync(file: impl AsFd) -> nix::Result<()> {
    fs::fdatasync(file).map_err(errno)
}

/// ftruncate(2).
pub(crate) fn ftruncate(file: impl AsFd, size: u64) -> nix::Result<()> {
    fs::ftruncate(file, size).map_err(errno)
}

/// nanosleep(2); a signal may end it early.
pub(crate) fn pause(duration: Duration) {
    let seconds = duration.as_secs().try_into().unwrap_or(i64::MAX);
    let nanoseconds = duration.subsec_nanos().into();
    let _ = rustix::thread::nanosleep(&Timespec { tv_sec: seconds, tv_nsec: nanoseconds });
}

/// mkdirat(2).
pub(crate) fn mkdirat(folder: impl AsFd, name: &str, mode: Mode) -> nix::Result<()> {
    fs::mkdirat(folder, name, mode_of(mode)).map_err(errno)
}

/// unlinkat(2).
pub(crate) fn unlinkat(folder: impl AsFd, name: &str, what: UnlinkatFlags) -> nix::Result<()> {
    let flags = match what {
        UnlinkatFlags::RemoveDir => fs::AtFlags::REMOVEDIR,
        UnlinkatFlags::NoRemoveDir => fs::AtFlags::empty(),
    };
    fs::unlinkat(folder, name, flags).map_err(errno)
}

/// renameat2(2).
pub(crate) fn renameat2(
    from: impl AsFd,
    old: &str,
    to: impl AsFd,
    new: &str,
    flags: RenameFlags,
) -> nix::Result<()> {
    fs::renameat_with(from, old, to, new, fs::RenameFlags::from_bits_retain(flags.bits())).map_err(errno)
}

/// The error as nix names it.
pub(crate) fn errno(error: rustix::io::Errno) -> Errno {
    Errno::from_raw(error.raw_os_error())
}

fn flags_of(flags: OFlag) -> fs::OFlags {
    fs::OFlags::from_bits_retain(flags.bits().cast_unsigned())
}

fn mode_of(mode: Mode) -> fs::Mode {
    fs::Mode::from_raw_mode(mode.bits())
}
