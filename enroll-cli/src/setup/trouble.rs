//! Why `setup` did not do what it was asked. The words are in `texts`.

use std::path::{Path, PathBuf};

use crate::doctor::Problem;

/// What stood in the way.
#[derive(Debug)]
pub enum Trouble {
    /// The result would let somebody in without a code, or keep everybody out.
    Refused(Vec<Problem>),
    /// No account of this host has a password, and the stack would ask for one.
    NoPasswords,
    /// There is no stack to put our lines into.
    NoStack(PathBuf),
    /// Neither of the distribution's tools is there, or the package's profile is missing.
    NoTool,
    /// A tool failed; what it said.
    Tool(&'static str, String),
    /// sshd does not accept the configuration.
    SshdRefuses(String),
    /// There is no sshd.
    NoSshd,
    /// An earlier setup was interrupted.
    Interrupted,
    /// A file was changed since the last setup.
    ChangedSince(PathBuf),
    /// Nothing to undo.
    NothingKept,
    /// What was kept cannot be read.
    Kept(PathBuf),
    /// A link or something that is no text stands in a file's place.
    NotAFile(PathBuf),
    /// A file.
    File { doing: &'static str, path: PathBuf, error: std::io::Error },
}

impl Trouble {
    /// A trouble with a file.
    pub fn file(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::File { doing, path, error }
    }

    /// A word for the log.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Refused(_) => "unsafe_result",
            Self::NoPasswords => "no_passwords",
            Self::NoStack(_) => "no_stack",
            Self::NoTool => "no_tool",
            Self::Tool(..) => "tool_failed",
            Self::SshdRefuses(_) => "sshd_refuses",
            Self::NoSshd => "no_sshd",
            Self::Interrupted => "interrupted",
            Self::ChangedSince(_) => "changed_since",
            Self::NothingKept => "nothing_kept",
            Self::Kept(_) => "copies_unreadable",
            Self::NotAFile(_) => "not_a_file",
            Self::File { .. } => "io",
        }
    }
}
