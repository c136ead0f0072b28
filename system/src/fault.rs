//! What can go wrong with files, identities and look-ups, in words for the log.

use std::fmt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use twinlock_verifier::record::RecordFault;

/// A thing that is not there, told apart from every trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Absence;

/// Why something could not be read, written or looked up. Never holds file contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A system call on a path failed.
    Io {
        /// What was being done, as in "open", "write".
        doing: &'static str,
        /// On which file.
        path: PathBuf,
        /// The system's answer.
        errno: Errno,
    },
    /// A file is not as safe as it must be.
    Unsafe {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it, as in "has mode 0644".
        why: String,
    },
    /// NSS failed to look a name up.
    Lookup {
        /// The system's answer.
        errno: Errno,
    },
    /// The process could not act as the user.
    Identity(&'static str),
    /// Somebody held the record's lock for too long.
    Locked {
        /// The record.
        path: PathBuf,
    },
    /// The record is damaged.
    Record {
        /// The record.
        path: PathBuf,
        /// How.
        fault: RecordFault,
    },
    /// The record belongs to another name: the UID was given anew.
    OtherUser {
        /// The record.
        path: PathBuf,
    },
    /// A file may not grow to the size that a record needs (`ulimit -f`).
    FileSizeLimit,
    /// The check helper did not answer as it must.
    Helper(&'static str),
    /// The kernel gave no random bytes.
    Random,
}

impl Fault {
    /// For `map_err`. The path is copied only when something went wrong: a login that goes well asks for this at each call
    /// of the kernel.
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(Errno) -> Self {
        move |errno| Self::Io { doing, path: path.to_owned(), errno }
    }

    pub(crate) fn not_safe(path: &Path, why: impl Into<String>) -> Self {
        Self::Unsafe { path: path.to_owned(), why: why.into() }
    }

    /// A word for the log's `reason=`.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Io { errno: Errno::ENOENT, .. } => "missing",
            Self::Io { .. } => "io",
            Self::Unsafe { .. } => "unsafe_file",
            Self::Lookup { .. } => "lookup",
            Self::Identity(_) => "identity",
            Self::Locked { .. } => "lock_held",
            Self::Record { .. } => "ledger_damaged",
            Self::OtherUser { .. } => "uid_reused",
            Self::FileSizeLimit => "file_size_limit",
            Self::Helper(_) => "helper",
            Self::Random => "random",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { doing, path, errno } => {
                write!(f, "cannot {doing} {}: {}", path.display(), errno.desc())
            }
            Self::Unsafe { path, why } => write!(f, "{} {why}", path.display()),
            Self::Lookup { errno } => write!(f, "the user database does not answer: {}", errno.desc()),
            Self::Identity(what) => write!(f, "cannot act as the user: {what}"),
            Self::Locked { path } => write!(f, "{}: its lock was held for too long", path.display()),
            Self::Record { path, fault } => {
                write!(f, "{}: {fault}; `twinlock reset` starts it anew", path.display())
            }
            Self::OtherUser { path } => {
                write!(f, "{}: belongs to another user name; `twinlock reset` starts it anew", path.display())
            }
            Self::FileSizeLimit => f.write_str("the file size limit is too small to record anything"),
            Self::Helper(what) => write!(f, "the check helper: {what}; reinstall the package"),
            Self::Random => f.write_str("the kernel gives no random bytes"),
        }
    }
}

impl std::error::Error for Fault {}
