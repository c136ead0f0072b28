//! What the doctor can find, as values. The words are in `texts`; here stands only what each is called and how bad it is.

use std::path::PathBuf;

use serde::Serialize;
use twinlock_policy::Fault;

use super::stack::Phase;

/// How bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// A login would fail, or a code could be skipped.
    Error,
    /// It works, and yet it is probably not meant.
    Warning,
}

/// A problem of this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// No PAM file names the module.
    NowhereAsked { required: bool },
    /// Services that the policy names and that do not ask.
    NotAsked { services: Vec<String>, demanded: bool },
    /// Our line is never reached.
    Unreachable { service: String, phase: Phase, line: String },
    /// A way past our line.
    Bypass { service: String, phase: Phase, way: Vec<String> },
    /// A control that makes our refusal count for nothing.
    WayIn { service: String, phase: Phase, line: String },
    /// A control other than `required` that does no harm.
    OtherControl { service: String, phase: Phase, line: String },
    /// A right code does not open.
    KeepsOut { service: String, phase: Phase, line: String },
    /// Those of whom nothing is asked do not get in.
    KeepsOutExcused { service: String, phase: Phase },
    /// Two of our lines in one stack.
    Twice { service: String, phase: Phase, lines: Vec<String> },
    /// No account line of ours, and yet an auth line.
    NoAccountLine { service: String },
    /// No auth line of ours, and yet an account line.
    NoAuthLine { service: String },
    /// `account_phase` is missing.
    NoAccountPhase { service: String, line: String, required: bool },
    /// A word that the module does not know.
    UnknownWord { service: String, line: String, word: String },
    /// Nothing but a code is asked for.
    CodeAlone { service: String, line: String },
    /// The code comes before the password.
    BeforeFactor { service: String, line: String },
    /// The code is asked for even after a wrong password.
    AfterFailure { service: String, line: String },
    /// A screen locker in `enroll_at`.
    LockerEnrols { service: String },
    /// sudo passes over the account phase.
    SudoWithoutAccount { service: String, place: String },

    /// `sshd -T` fails.
    SshdFails { said: String },
    /// `UsePAM no`.
    SshdWithoutPam,
    /// `KbdInteractiveAuthentication no`.
    SshdCannotAsk,
    /// `PasswordAuthentication yes`.
    SshdPasswords,
    /// A list of methods without a code.
    SshdMethods { list: String, refused: bool, serious: bool },
    /// A list of methods without a key, where our line counts on one.
    SshdWithoutKey { list: String },
    /// `PermitRootLogin` that makes sshd answer for root.
    SshdRoot { value: String, asked_about: bool },
    /// `LoginGraceTime` in seconds.
    SshdGrace { seconds: u64 },

    /// The clock is before this build.
    ClockBehind { now: i64 },
    /// Nothing keeps the clock right.
    ClockFree,
    /// A user's last code was accepted later than now.
    ClockBehindRecord { user: String, last: i64 },

    /// Something of ours is not there.
    Missing { path: PathBuf, role: Role },
    /// Something of ours is not as it must be.
    Unsafe { path: PathBuf, role: Role, is: String, mode: u32 },
    /// The helper lacks its bit.
    HelperNotSetuid { path: PathBuf },
    /// The module is of another version.
    OtherVersion { path: PathBuf, module: String },
    /// A wrong SELinux label.
    Label { path: PathBuf, is: String, should: String },

    /// A fault of the policy.
    Policy(Fault),
    /// A warning of the policy.
    PolicyWarning(Fault),

    /// No administrator has a second factor.
    NoAdministrator { names: Vec<String>, denied: bool },
    /// A user whose credential or record cannot be used.
    User { name: String, trouble: String },
}

/// What something of ours is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The PAM module.
    Module,
    /// The command.
    Command,
    /// The helper.
    Helper,
    /// Folders of the state, and what is in them.
    State,
}

impl Problem {
    /// Its name for scripts; never changes.
    pub fn id(&self) -> &'static str {
        match self {
            Self::NowhereAsked { .. } => "pam-nowhere",
            Self::NotAsked { .. } => "pam-no-line",
            Self::Unreachable { .. } => "pam-unreachable",
            Self::Bypass { phase: Phase::Auth, .. } => "pam-bypass",
            Self::Bypass { phase: Phase::Account, .. } => "pam-account-bypass",
            Self::WayIn { .. } => "pam-way-in",
            Self::OtherControl { .. } => "pam-control",
            Self::KeepsOut { .. } => "pam-keeps-out",
            Self::KeepsOutExcused { .. } => "pam-keeps-out-excused",
            Self::Twice { .. } => "pam-twice",
            Self::NoAccountLine { .. } => "pam-no-account-line",
            Self::NoAuthLine { .. } => "pam-no-auth-line",
            Self::NoAccountPhase { .. } => "pam-no-account-phase",
            Self::UnknownWord { .. } => "pam-unknown-word",
            Self::CodeAlone { .. } => "pam-code-alone",
            Self::BeforeFactor { .. } => "pam-before-password",
            Self::AfterFailure { .. } => "pam-after-wrong-password",
            Self::LockerEnrols { .. } => "enroll-at-locker",
            Self::SudoWithoutAccount { .. } => "sudo-no-account",
            Self::SshdFails { .. } => "sshd-config",
            Self::SshdWithoutPam => "sshd-no-pam",
            Self::SshdCannotAsk => "sshd-cannot-ask",
            Self::SshdPasswords => "sshd-passwords",
            Self::SshdMethods { .. } => "sshd-methods",
            Self::SshdWithoutKey { .. } => "sshd-no-key",
            Self::SshdRoot { .. } => "sshd-root",
            Self::SshdGrace { .. } => "sshd-grace",
            Self::ClockBehind { .. } => "clock-behind",
            Self::ClockFree => "clock-not-synchronised",
            Self::ClockBehindRecord { .. } => "clock-behind-ledger",
            Self::Missing { role, .. } => match role {
                Role::Module => "module-missing",
                Role::Command => "command-missing",
                Role::Helper => "helper-missing",
                Role::State => "state-missing",
            },
            Self::Unsafe { role, .. } => match role {
                Role::Module => "module-unsafe",
                Role::Command => "command-unsafe",
                Role::Helper => "helper-unsafe",
                Role::State => "state-unsafe",
            },
            Self::HelperNotSetuid { .. } => "helper-not-setuid",
            Self::OtherVersion { .. } => "module-version",
            Self::Label { .. } => "selinux-label",
            Self::Policy(_) => "policy-fault",
            Self::PolicyWarning(_) => "policy-warning",
            Self::NoAdministrator { .. } => "no-administrator",
            Self::User { .. } => "user-trouble",
        }
    }

    /// How bad it is.
    pub fn severity(&self) -> Severity {
        let error = match self {
            Self::NowhereAsked { required } | Self::NoAccountPhase { required, .. } => *required,
            Self::NotAsked { demanded, .. } => *demanded,
            Self::SshdMethods { serious, .. } => *serious,
            Self::SshdRoot { asked_about, .. } => *asked_about,
            Self::NoAdministrator { denied, .. } => *denied,
            Self::Missing { role, .. } => !matches!(role, Role::Command | Role::Helper),
            Self::Unsafe { role, .. } => *role != Role::Command,
            Self::OtherControl { .. }
            | Self::BeforeFactor { .. }
            | Self::AfterFailure { .. }
            | Self::SshdPasswords
            | Self::SshdGrace { .. }
            | Self::ClockFree
            | Self::HelperNotSetuid { .. }
            | Self::OtherVersion { .. }
            | Self::PolicyWarning(_) => false,
            _ => true,
        };
        if error { Severity::Error } else { Severity::Warning }
    }
}
