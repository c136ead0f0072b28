//! Whom a decision is about, and the facts that the caller must look up for it.

/// One login as the policy sees it. Everything in it comes from PAM, NSS and the clock, through the caller.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The canonical login name: `pw_name` as NSS returned it, not what was typed.
    pub user: &'a str,
    /// The user's UID. The policy does not use it; it travels with the name for [`Facts`] and logs.
    pub uid: u32,
    /// The user's primary GID, for [`Facts`].
    pub gid: u32,
    /// `PAM_SERVICE`.
    pub service: &'a str,
    /// `PAM_RHOST`; `None` and `""` both mean that there is no remote host.
    pub rhost: Option<&'a str>,
    /// Now, in seconds since the epoch.
    pub now: i64,
    /// The clock stands before the build date or the ledger's newest time: nothing time-limited that loosens holds.
    pub clock_is_behind: bool,
}

/// Whether a user is in a group, as far as it can be known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Membership {
    /// In it, by primary or supplementary group.
    Yes,
    /// Not in it.
    No,
    /// The group does not exist or could not be looked up; why, for the log.
    Unknown(String),
}

/// Looks things up for a decision. Asked only when they matter, and at most once per name and decision.
pub trait Facts {
    /// Whether the subject is in the group of this name (compared by GID).
    fn in_group(&mut self, group: &str) -> Membership;
}
