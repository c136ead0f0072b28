//! The key that an enrolment at login shows: kept as pending while it is set up, shown again to the same place, and
//! finished with only by the last login that saw it. Whoever knows the password may be at the same desk as the user:
//! a key that two logins have seen must never become the one that counts without the second of them knowing.
//!
//! Looked at and changed under the lock of the ledger's record, so that no showing falls between the last look and
//! the registration.

use twinlock_enrollment::Parameters;
use twinlock_enrollment::pending::Pending;
use twinlock_system::ledger::Keep;
use twinlock_system::{Fault, Ledger, Paths, User, pending, random};
use zeroize::Zeroizing;

/// Where a key is shown.
pub(super) struct Place<'a> {
    pub(super) paths: &'a Paths,
    pub(super) user: &'a User,
    pub(super) service: &'a str,
    /// The remote address or the terminal.
    pub(super) source: &'a str,
}

/// Which key to show.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Want {
    /// The one shown to the same place a short while ago, if there is one.
    Same,
    /// Another one.
    Other,
}

impl Place<'_> {
    /// A key to show now, and whether it was shown before. It is kept as pending, as shown once more.
    ///
    /// # Errors
    /// A [`Fault`]: then nothing may be shown.
    pub(super) fn key(&self, want: Want) -> Result<(Pending, bool), Fault> {
        Ledger::new(self.paths).change(self.user, |change| (self.show(want, change.now), Keep::Nothing))?
    }

    fn show(&self, want: Want, now: i64) -> Result<(Pending, bool), Fault> {
        let before = match want {
            Want::Same => self.read()?,
            Want::Other => None,
        };
        let before = before
            .filter(|old| old.belongs_to(&self.user.name) && old.reusable_by(self.service, self.source, now));
        let (key, again) = match before {
            Some(old) => (Pending { shown: old.shown.saturating_add(1), ..old }, true),
            None => (self.new_key(now)?, false),
        };
        pending::write(self.paths, self.user.uid, key.to_text().as_bytes())?;
        Ok((key, again))
    }

    fn new_key(&self, now: i64) -> Result<Pending, Fault> {
        let mut secret = Zeroizing::new([0; 20]);
        random(secret.as_mut_slice())?;
        Ok(Pending {
            user: self.user.name.clone(),
            service: self.service.to_owned(),
            source: self.source.to_owned(),
            first_shown: now,
            shown: 1,
            secret,
            parameters: Parameters::default(),
        })
    }

    /// What is pending. A damaged one is none: nobody has finished with it.
    fn read(&self) -> Result<Option<Pending>, Fault> {
        let bytes = pending::read(self.paths, self.user.uid)?;
        Ok(bytes
            .and_then(|bytes| std::str::from_utf8(&bytes).ok().and_then(|text| Pending::parse(text).ok())))
    }

    /// Whether this key was shown to nobody after it was shown here. To be asked under the record's lock.
    ///
    /// # Errors
    /// A [`Fault`] when it cannot be known.
    pub(super) fn is_ours_alone(&self, key: &Pending) -> Result<bool, Fault> {
        Ok(self.read()?.as_ref() == Some(key))
    }
}
