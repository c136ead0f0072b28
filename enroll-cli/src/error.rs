//! Everything that can go wrong in this door, and the exit status that it ends with. The two halves of what is said
//! about it, what went wrong and what to do now, are in `texts`. No variant may hold a secret, a code or what was typed.

use std::path::PathBuf;

use nix::sys::signal::Signal;
use twinlock_system::Fault;
use twinlock_verifier::edit::EditFault;
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
    /// A user whom root named has none.
    NoCredentialOf(String),
    /// The ledger knows this user's credential, and it is gone.
    CredentialMissing(String),
    /// This user's credential holds something that the ledger does not know.
    Unregistered(String),
    /// The credential is where only root can read it, and what was asked for needs it.
    Sealed,
    /// Something about it is wrong, which `status` tells.
    NotListed,
    /// The check helper is not installed, and only it could do this.
    NoHelper,
    /// The check helper cannot tell; its word for why.
    HelperUnavailable(String),
    /// The check helper does not do it; its word for why.
    HelperRefused(String),
    /// One copy of the record was damaged, so whatever may have been used counts as used now.
    LedgerRepaired,
    /// Somebody else changed the credential at the same time.
    CredentialChanged,
    /// What was to be written is no credential.
    Impossible(CredentialFault),
    /// A change that the record does not follow.
    Edit(EditFault),
    /// There is an authenticator of this name already.
    LabelTaken(String),
    /// There is none of this name.
    NoSuchAuthenticator {
        /// The name.
        label: String,
        /// Those that there are.
        labels: Vec<String>,
    },
    /// As many as one credential can hold.
    TooManyAuthenticators,
    /// The last one is never removed.
    LastAuthenticator {
        /// Its name.
        label: String,
        /// Whose, where it is not the caller's.
        user: Option<String>,
    },
    /// A code is required, so codes cannot be switched off; whose, where they are not the caller's.
    Required(Option<String>),
    /// No code was accepted yet, so there is nothing to switch.
    NotRegisteredYet,
    /// An offer was not taken up.
    LeftAsItIs,
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
    /// Key or recovery codes could not be shown, so nothing was changed.
    NotShown(std::io::Error),
    /// The change counts, and what came of it could not be shown.
    NotShownAfterwards(std::io::Error),
    /// It failed after key and codes were shown; they count for nothing.
    Void(Box<Error>),
    /// Files, ledger or look-ups.
    System(Fault),
    /// Standard output.
    Output(std::io::Error),
    /// The terminal, or standard input.
    Terminal(std::io::Error),
    /// `setup` was not done.
    Setup(crate::setup::Trouble),
    /// A code that was not right; it was counted as at a login.
    Refused(Rejection),
    /// `verify --dry-run`: not right.
    CheckedOnly(Rejection),
}

impl Error {
    /// The exit status.
    pub fn exit(&self) -> Exit {
        match self {
            Error::OutputMissing | Error::OutputUnused | Error::PictureInJson | Error::YesMissing => {
                Exit::Usage
            }
            Error::SetUid
            | Error::RootOnly
            | Error::AdministratorsOnly
            | Error::StoreIsRoots
            | Error::Sealed
            | Error::LastAuthenticator { .. }
            | Error::Required(_) => Exit::NotAllowed,
            Error::HelperRefused(reason)
                if matches!(reason.as_str(), "required" | "enrollment_not_allowed") =>
            {
                Exit::NotAllowed
            }
            Error::Void(error) => error.exit(),
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
                | Error::LabelTaken(_)
                | Error::NoSuchAuthenticator { .. }
                | Error::TooManyAuthenticators
                | Error::LastAuthenticator { .. }
                | Error::Required(_)
                | Error::Refused(_)
                | Error::CheckedOnly(_)
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
            Error::NotShown(_) | Error::NotShownAfterwards(_) | Error::Output(_) => "output",
            Error::System(fault) => fault.reason(),
            Error::Void(error) => error.reason(),
            Error::NoCredential | Error::NoCredentialOf(_) => "not_enrolled",
            Error::CredentialMissing(_) => "credential_missing",
            Error::Unregistered(_) => "credential_unregistered",
            Error::LedgerRepaired => "ledger_repaired",
            Error::CredentialChanged => "changed_meanwhile",
            Error::LabelTaken(_) => "name_taken",
            Error::NoSuchAuthenticator { .. } => "unknown_authenticator",
            Error::TooManyAuthenticators => "too_many",
            Error::LastAuthenticator { .. } => "last_authenticator",
            Error::Required(_) => "required",
            Error::NotRegisteredYet => "not_registered",
            Error::Refused(rejection) | Error::CheckedOnly(rejection) => rejection.word(),
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
