//! The ledger: one record per user, changed under exclusion and durable before anybody is told.
//!
//! Nothing outside this file knows that a record is a file. Reading needs no lock; changing takes an OFD
//! lock that is polled and given up after [`LOCK_WAIT`], so a stopped process delays only its own user, and
//! not for ever. A change is one write into the older of two slots, and one fdatasync.

// Sizes and offsets in a file that may hold anything.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use std::borrow::Cow;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, FcntlArg, OFlag, RenameFlags, fcntl};
use nix::sys::stat::Mode;
use nix::unistd::UnlinkatFlags;
use twinlock_verifier::Record;
use twinlock_verifier::record::{FILE_BYTES, RecordFault, SLOT_BYTES, Slots, used};

use crate::file::{self, Expected};
use crate::kernel::{
    FileStat, fchmod, fdatasync, fstat, fstatat, fsync, ftruncate, pause, renameat2, unlinkat,
};
use crate::paths::below;
use crate::{Fault, Paths, User, clock, faults};

/// How long a login waits for another one of the same user.
pub const LOCK_WAIT: Duration = Duration::from_secs(5);
const LOCK_POLL: Duration = Duration::from_millis(10);
const NOT_PRIVATE: u32 = 0o077;
/// Bytes that a slot of somebody with a phone or two uses; what has more is read again.
const USUAL_BYTES: usize = 512;

/// All records.
#[derive(Clone, Debug)]
pub struct Ledger {
    folder: PathBuf,
}

/// What a change makes of the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Write it; only when it is durable does the change count.
    Record,
    /// Leave it as it was.
    Nothing,
}

/// A record in the hands of a change.
pub struct Change<'a> {
    /// The record; what is done to it is written.
    pub record: &'a mut Record,
    /// One of its copies was damaged, so every code that may have been used was just counted as used.
    pub repaired: bool,
    /// Unix seconds, read once the lock was held. A process can be stopped before that for as long as somebody likes,
    /// and what it knew of the time then would end the waits that others were given meanwhile.
    pub now: i64,
}

impl Ledger {
    /// The ledger in the state folder.
    pub fn new(paths: &Paths) -> Self {
        Self { folder: below(&paths.state, "ledger") }
    }

    /// A user's record as it is now; None when there never was one.
    ///
    /// # Errors
    /// A [`Fault`] for anything but a whole record of this very user, or none.
    pub fn read(&self, user: &User) -> Result<Option<Record>, Fault> {
        let name = name(user.uid);
        let path = below(&self.folder, &name);
        let folder = self.open_folder()?;
        let Some(opened) = Opened::record(&folder, &name, &path, OFlag::O_RDONLY)? else {
            return Ok(None);
        };
        faults::point("ledger reading");
        opened.decode(&path, user).map(|slots| Some(slots.record))
    }

    /// The UIDs that have a record.
    ///
    /// # Errors
    /// A [`Fault`] when they cannot be listed.
    pub fn uids(&self) -> Result<Vec<u32>, Fault> {
        let folder = self.open_folder()?;
        file::uids(&self.folder, &folder, "")
    }

    /// The record of a UID, whoever's it was when it was made; None when there never was one. For looking at it only:
    /// whether it is still its user's, nobody has asked.
    ///
    /// # Errors
    /// A [`Fault`] for anything but a whole record, or none.
    pub fn look_at(&self, uid: u32) -> Result<Option<Record>, Fault> {
        let name = name(uid);
        let path = below(&self.folder, &name);
        let folder = self.open_folder()?;
        let Some(opened) = Opened::record(&folder, &name, &path, OFlag::O_RDONLY)? else { return Ok(None) };
        opened.decode_any(&path).map(|slots| Some(slots.record))
    }

    /// Changes a user's record under its lock, and makes the change durable. The record is made first if
    /// there is none. Should a copy be damaged, whatever could have been used by now counts as used.
    ///
    /// # Errors
    /// A [`Fault`]; then nobody may be told what `change` returned, and it is not returned.
    pub fn change<T>(&self, user: &User, change: impl FnOnce(Change<'_>) -> (T, Keep)) -> Result<T, Fault> {
        // Asked before anything is evaluated, so that a right and a wrong code get the same answer.
        file::allowed_to_write(FILE_BYTES)?;
        let name = name(user.uid);
        let path = below(&self.folder, &name);
        let folder = self.open_folder()?;
        let opened = self.locked(&folder, user, &name, &path)?;
        let mut slots = opened.decode(&path, user)?;
        let now = clock::now();
        let repaired = !slots.whole;
        if repaired {
            slots.record.burn(now);
        }
        faults::point("ledger before the change");
        let (outcome, keep) = change(Change { record: &mut slots.record, repaired, now });
        faults::point("ledger before the write");
        if keep == Keep::Record || repaired {
            let (bytes, offset) =
                slots.next().map_err(|fault| Fault::Record { path: path.clone(), fault })?;
            opened.file.write_all_at(&bytes, offset).map_err(|error| Fault::Io {
                doing: "write",
                path: path.clone(),
                errno: file::errno(&error),
            })?;
            faults::point("ledger before the sync");
            fdatasync(&opened.file).map_err(Fault::io("sync", &path))?;
        }
        Ok(outcome)
    }

    /// Removes a user's record. Absent is fine.
    ///
    /// # Errors
    /// A [`Fault`] when it is there and cannot be removed.
    pub fn remove(&self, user: &User) -> Result<(), Fault> {
        self.clear(user.uid).map(drop)
    }

    /// Removes the record of a UID, whosever it is and whatever is wrong with it; false when there was none.
    ///
    /// # Errors
    /// A [`Fault`] when it is there and cannot be removed.
    pub fn clear(&self, uid: u32) -> Result<bool, Fault> {
        let name = name(uid);
        let path = below(&self.folder, &name);
        let folder = self.open_folder()?;
        let was_there = match unlinkat(&folder, &name, UnlinkatFlags::NoRemoveDir) {
            Ok(()) => true,
            Err(Errno::ENOENT) => false,
            Err(errno) => return Err(Fault::io("remove", &path)(errno)),
        };
        file::sync_folder(&folder).map_err(Fault::io("sync", &path))?;
        Ok(was_there)
    }

    /// A missing folder is a trouble, not an empty ledger: perhaps /var is not mounted, and then everybody
    /// would be a stranger.
    fn open_folder(&self) -> Result<OwnedFd, Fault> {
        let folder = file::open_folder(&self.folder).map_err(Fault::io("open", &self.folder))?;
        file::check_folder(&self.folder, &folder, 0, NOT_PRIVATE)?;
        Ok(folder)
    }

    /// The record's file, locked, and certainly the one that its name leads to.
    fn locked(&self, folder: &OwnedFd, user: &User, name: &str, path: &Path) -> Result<Opened, Fault> {
        #[allow(clippy::arithmetic_side_effects, reason = "a clock since boot, and five seconds")]
        let deadline = Instant::now() + LOCK_WAIT;
        loop {
            match Opened::record(folder, name, path, OFlag::O_RDWR)? {
                None => create(folder, user, name, path, deadline)?,
                Some(opened) => {
                    lock(&opened.file, path, deadline)?;
                    // It may have been removed or made anew while this waited.
                    if is_named(folder, name, &opened.stat).map_err(Fault::io("examine", path))? {
                        return Ok(opened);
                    }
                }
            }
            if Instant::now() >= deadline {
                return Err(Fault::Locked { path: path.to_owned() });
            }
        }
    }
}

/// The name of a record's file in the folder.
fn name(uid: u32) -> String {
    uid.to_string()
}

fn expected() -> Expected {
    Expected { uid: 0, forbidden: NOT_PRIVATE, most: usize::MAX }
}

/// A record's file, and what was found when it was opened.
struct Opened {
    file: File,
    stat: FileStat,
}

impl Opened {
    /// Opens the record of this name; None when there is none, or its last name went between being found and being opened.
    fn record(folder: &OwnedFd, name: &str, path: &Path, access: OFlag) -> Result<Option<Self>, Fault> {
        let file = match file::open_file(folder, name, access, Mode::empty()) {
            Err(Errno::ENOENT) => return Ok(None),
            Err(Errno::ELOOP) => return Err(Fault::not_safe(path, "is a symbolic link")),
            opened => opened.map_err(Fault::io("open", path))?,
        };
        let stat = fstat(&file).map_err(Fault::io("examine", path))?;
        if stat.st_nlink == 0 {
            return Ok(None);
        }
        file::check_stat(path, &stat, &expected())?;
        Ok(Some(Self { file: File::from(file), stat }))
    }

    /// Reads the user's own record. A name binds once something is registered under it. Before that there is nothing that
    /// the next holder of the UID must not have, and a stranger who mistypes a code under another name of the same UID must
    /// not keep its owner out; what was counted stays counted.
    fn decode(&self, path: &Path, user: &User) -> Result<Slots, Fault> {
        let mut slots = self.decode_any(path)?;
        if slots.record.user != user.name {
            if slots.record.enrolled {
                return Err(Fault::OtherUser { path: path.to_owned() });
            }
            slots.record.user.clone_from(&user.name);
        }
        Ok(slots)
    }

    fn decode_any(&self, path: &Path) -> Result<Slots, Fault> {
        let fault = |fault| Fault::Record { path: path.to_owned(), fault };
        if usize::try_from(self.stat.st_size) != Ok(FILE_BYTES) {
            return Err(fault(RecordFault::Size));
        }
        let (mut first, mut second) = ([0; USUAL_BYTES], [0; USUAL_BYTES]);
        let first = self.slot(0, &mut first).map_err(Fault::io("read", path))?;
        let second = self.slot(SLOT_BYTES, &mut second).map_err(Fault::io("read", path))?;
        Slots::of(&first, &second).map_err(fault)
    }

    /// The part of a slot that says something: nearly always in its first bytes, which are read alone.
    fn slot<'a>(&self, offset: usize, usual: &'a mut [u8; USUAL_BYTES]) -> nix::Result<Cow<'a, [u8]>> {
        self.fill(usual, offset)?;
        let used = used(usual);
        if used <= USUAL_BYTES {
            return Ok(Cow::Borrowed(usual));
        }
        let mut bytes = vec![0; used];
        self.fill(&mut bytes, offset)?;
        Ok(Cow::Owned(bytes))
    }

    /// Reads until the buffer is full. What a file lacks that shrank meanwhile stays zero, and is damage.
    fn fill(&self, bytes: &mut [u8], offset: usize) -> nix::Result<()> {
        let mut filled = 0usize;
        while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.file.read_at(rest, offset.saturating_add(filled) as u64) {
                Ok(0) => break,
                Ok(read) => filled = filled.saturating_add(read),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(file::errno(&error)),
            }
        }
        Ok(())
    }
}

fn lock(file: impl AsFd + Copy, path: &Path, deadline: Instant) -> Result<(), Fault> {
    let whole_file = libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    loop {
        match fcntl(file, FcntlArg::F_OFD_SETLK(&whole_file)) {
            Ok(_) => return Ok(()),
            Err(Errno::EAGAIN | Errno::EACCES | Errno::EINTR) => {}
            Err(errno) => return Err(Fault::io("lock", path)(errno)),
        }
        if Instant::now() >= deadline {
            return Err(Fault::Locked { path: path.to_owned() });
        }
        pause(LOCK_POLL);
    }
}

fn is_named(folder: &OwnedFd, name: &str, opened: &FileStat) -> nix::Result<bool> {
    match fstatat(folder, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
        Ok(named) => Ok(named.st_ino == opened.st_ino && named.st_dev == opened.st_dev),
        Err(Errno::ENOENT) => Ok(false),
        Err(errno) => Err(errno),
    }
}

/// Makes an empty record under another name and renames it, so that a record is whole or not there. The
/// other name is one per user and is used again, so a crash leaves nothing that grows.
fn create(folder: &OwnedFd, user: &User, name: &str, path: &Path, deadline: Instant) -> Result<(), Fault> {
    let bytes = Slots::create(&Record::new(&user.name))
        .map_err(|fault| Fault::Record { path: path.to_owned(), fault })?;
    let new = format!("{name}.new");
    let private = Mode::S_IRUSR | Mode::S_IWUSR;
    let opened = file::open_file(folder, &new, OFlag::O_RDWR | OFlag::O_CREAT, private)
        .map_err(Fault::io("create", path))?;
    let stat = fstat(&opened).map_err(Fault::io("examine", path))?;
    if stat.st_nlink == 0 {
        return Ok(());
    }
    file::check_stat(path, &stat, &expected())?;
    lock(&opened, path, deadline)?;
    // Whoever held the lock before may have finished the same work: then this file is the record itself, or
    // a left-over beside it.
    if !is_named(folder, &new, &stat).map_err(Fault::io("examine", path))? {
        return Ok(());
    }
    faults::point("ledger creation");
    fchmod(&opened, private).map_err(Fault::io("set the mode of", path))?;
    let file = File::from(opened);
    let write = ftruncate(&file, 0)
        .and_then(|()| file.write_all_at(&bytes, 0).map_err(|error| file::errno(&error)))
        .and_then(|()| fsync(&file));
    write.map_err(Fault::io("write", path))?;
    match renameat2(folder, &new, folder, name, RenameFlags::RENAME_NOREPLACE) {
        Ok(()) => file::sync_folder(folder).map_err(Fault::io("sync", path)),
        Err(Errno::EEXIST) => {
            let _ = unlinkat(folder, &new, UnlinkatFlags::NoRemoveDir);
            Ok(())
        }
        Err(errno) => Err(Fault::io("create", path)(errno)),
    }
}
