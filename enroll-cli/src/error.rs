//! Everything that can go wrong in this door, and the exit status that it ends with. The two halves of what is said
//! about it, what went wrong and what to do now, are in `texts`. No variant may hold a secret, a code or what was typed.

use std::path::PathBuf;

use nix::sys::signal::Signal;
use twinlock_system::Fault;
use twinlock_verifier::{CredentialFault, Rejection};

/// How the command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// Failed, or what was looked at needs mending.
    Failed = 1,
    /// Wrong usage.
    Usage = 2,
    /// Not allowed.
    NotAllowed = 3,
    /// The policy is invalid.
    PolicyInvalid = 4,
}

/// Why the command could not do what it was asked.
#[derive(Debug)]
pub enum Error {
    /// It runs with rights that are not its caller's.
    SetUid,
    /// The kernel will not switch core dumps off.
    CoreDumps,
    /// NSS knows nobody with the UID that this process runs as.
    NoSuchCaller(u32),
    /// NSS knows nobody of this name.
    NoSuchUser(String),
    /// Only root may look at others.
    RootOnly,
    /// `enroll` without a terminal.
    NoTerminal,
    /// `--qr svg` or `png` without a file.
    OutputMissing,
    /// A file without a picture to put into it.
    OutputUnused,
    /// A picture for the terminal, and JSON.
    PictureInJson,
    /// There is a credential already.
    AlreadyEnrolled {
        /// Where.
        path: PathBuf,
        /// Its authenticators.
        labels: Vec<String>,
    },
    /// There is a credential that cannot be used.
    Damaged {
        /// Where.
        path: PathBuf,
        /// What is wrong with it.
        fault: CredentialFault,
    },
    /// There is none.
    NoCredential,
    /// There is no home to write a credential to.
    NoHome(PathBuf),
    /// Credentials are kept where only root can write.
    StoreIsRoots,
    /// The clock shows a time before this program was built.
    Clock(i64),
    /// The names are too long for a QR code.
    Picture(twinlock_enrollment::Error),
    /// A file that the caller named.
    File {
        /// What was being done, as in "read".
        doing: &'static str,
        /// Which file.
        path: PathBuf,
        /// The system's answer.
        error: std::io::Error,
    },
    /// Nothing typed; nothing changed.
    Cancelled,
    /// A signal came before anything was changed.
    Interrupted(Signal),
    /// The recovery codes could not be shown, so the credential was taken back.
    NotShown(std::io::Error),
    /// The ledger could not be written, so the credential was taken back.
    NotRegistered(Fault),
    /// Files, ledger or look-ups.
    System(Fault),
    /// Standard output.
    Output(std::io::Error),
    /// The terminal, or standard input.
    Terminal(std::io::Error),
    /// `verify`: not right.
    Refused(Rejection),
}

impl Error {
    /// The exit status.
    pub fn exit(&self) -> Exit {
        match self {
            Error::OutputMissing | Error::OutputUnused | Error::PictureInJson => Exit::Usage,
            Error::SetUid | Error::RootOnly | Error::StoreIsRoots => Exit::NotAllowed,
            _ => Exit::Failed,
        }
    }

    /// Whether nobody is left to be told: the reader of a pipe went away.
    pub fn is_silent(&self) -> bool {
        matches!(self, Error::Output(error) if error.kind() == std::io::ErrorKind::BrokenPipe)
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Error::System(fault)
    }
}
