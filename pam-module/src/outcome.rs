//! How a hook ends: one value, one return code (docs/admin-guide.md lists them; design, section 6).

use pam::constants::PamResultCode;

/// How a hook ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A code was verified and recorded, now or in this transaction's auth hook; or the user enrolled just now.
    Verified,
    /// Nothing is asked of this user here.
    NotAsked,
    /// Refused: wrong, replayed, throttled, no answer, not enrolled.
    Refused,
    /// Refused by the account hook.
    Denied,
    /// NSS does not know the user.
    UnknownUser,
    /// Something that must work does not.
    Unavailable,
    /// The module's line in the PAM stack is wrong.
    Misconfigured,
    /// No memory.
    NoMemory,
}

impl From<Outcome> for PamResultCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Verified => Self::PAM_SUCCESS,
            Outcome::NotAsked => Self::PAM_IGNORE,
            Outcome::Refused => Self::PAM_AUTH_ERR,
            Outcome::Denied => Self::PAM_PERM_DENIED,
            Outcome::UnknownUser => Self::PAM_USER_UNKNOWN,
            Outcome::Unavailable => Self::PAM_AUTHINFO_UNAVAIL,
            Outcome::Misconfigured => Self::PAM_SERVICE_ERR,
            Outcome::NoMemory => Self::PAM_BUF_ERR,
        }
    }
}
