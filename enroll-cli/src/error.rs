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
    /// Only root may do what administrators do.
    AdministratorsOnly,
    /// A policy is on trial until this time (Unix seconds), so nothing else may change it.
    TrialHolds(i64),
    /// No policy is on trial; what became of the one that was, if any.
    NoTrial(Option<String>),
    /// No login took a code under the trial.
    NotTried,
    /// trial.toml is not as `policy try` writes it.
    NotATrial(PathBuf),
    /// The kernel does not say which boot this is, so no trial could hold.
    NoBootId,
    /// Under the new policy none of these administrators could log in.
    LocksOut(Vec<String>),
    /// Somebody else changed the policy's files at the same time.
    ChangedMeanwhile,
    /// Something that cannot be undone, without a terminal to ask at and without `--yes`.
    YesMissing,
    /// The question was not answered with yes.
    NotConfirmed,
    /// Not everything could be removed; the ledger still knows the user, so nobody logs in as them.
    NotRemoved(Vec<String>),
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
        /// Whose, where it is not the caller's.
        user: Option<String>,
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
    /// `setup` was not done.
    Setup(crate::setup::Trouble),
    /// `verify`: not right.
    Refused(Rejection),
}

impl Error {
    /// The exit status.
    pub fn exit(&self) -> Exit {
        match self {
            Error::OutputMissing | Error::OutputUnused | Error::PictureInJson | Error::YesMissing => {
                Exit::Usage
            }
            Error::SetUid | Error::RootOnly | Error::AdministratorsOnly | Error::StoreIsRoots => {
                Exit::NotAllowed
            }
            _ => Exit::Failed,
        }
    }

    /// Whether it was refused, rather than tried in vain.
    pub fn is_refusal(&self) -> bool {
        matches!(
            self,
            Error::AdministratorsOnly
                | Error::TrialHolds(_)
                | Error::NoTrial(_)
                | Error::NotTried
                | Error::LocksOut(_)
                | Error::YesMissing
                | Error::NotConfirmed
                | Error::AlreadyEnrolled { .. }
                | Error::Setup(_)
        )
    }

    /// A word for the log's `reason=`.
    pub fn reason(&self) -> &'static str {
        match self {
            Error::AdministratorsOnly | Error::RootOnly => "not_root",
            Error::TrialHolds(_) => "trial_holds",
            Error::NoTrial(_) => "no_trial",
            Error::NotTried => "no_code_under_trial",
            Error::NotATrial(_) => "trial_unreadable",
            Error::LocksOut(_) => "locks_out_administrators",
            Error::ChangedMeanwhile => "changed_meanwhile",
            Error::YesMissing | Error::NotConfirmed | Error::Cancelled | Error::Interrupted(_) => {
                "not_confirmed"
            }
            Error::NotRemoved(_) => "not_removed",
            Error::Setup(trouble) => trouble.reason(),
            Error::AlreadyEnrolled { .. } => "enrolled_already",
            Error::Damaged { .. } => "credential_damaged",
            Error::NoSuchUser(_) => "unknown_user",
            Error::Clock(_) => "clock",
            Error::NotShown(_) | Error::Output(_) => "output",
            Error::NotRegistered(fault) | Error::System(fault) => fault.reason(),
            _ => "other",
        }
    }

    /// Whether nobody is left to be told: the reader of a pipe went away.
    pub fn is_silent(&self) -> bool {
        matches!(self, Error::Output(error) if error.kind() == std::io::ErrorKind::BrokenPipe)
    }
}

impl From<crate::setup::Trouble> for Error {
    fn from(trouble: crate::setup::Trouble) -> Self {
        Error::Setup(trouble)
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Error::System(fault)
    }
}
