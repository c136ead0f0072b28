//! What the auth hook tells the account hook of the same transaction. It names the user and the service it is
//! about, so that it counts for nobody else; every entry of auth replaces it.

/// What happened in the auth hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passed {
    /// A code was verified and recorded.
    Verified,
    /// No code could be asked for yet: the account hook may lead through enrolment.
    MayEnrol,
    /// Nothing was asked, and the log says why. To the account hook it is as if the auth hook had not run.
    Unasked,
}

/// A note from auth to account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    /// UID of the user it is about.
    pub uid: u32,
    /// The name that wanted in, as the auth hook was given it. Another one is another user as long as nobody has looked.
    pub name: String,
    /// PAM service it is about.
    pub service: String,
    /// What happened.
    pub passed: Passed,
}
