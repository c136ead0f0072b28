//! Editing a credential: what a new one makes of the registrations of the old one. Pure; the caller has judged a code
//! of the old one before, and writes the file and the record afterwards.
//!
//! No code works twice, whatever is edited: an authenticator that gives the same codes under another label or id keeps
//! its last step, one that is added takes no code of a time in which a removed one was used, and a used recovery code stays
//! used wherever its hash stands in the new set.

use std::fmt;

use crate::credential::{Authenticator, Credential, RecoverySet};
use crate::record::{Record, Registered};
use crate::steps::{self, Match};

/// Longest time, in seconds, for which a removed authenticator keeps another from being added: twice the steps that a
/// phone's clock may be off, of the longest kind. A clock that was ahead must not do it for years.
pub(crate) const LONGEST_AFTERMATH: i64 = 12 * 120;

/// A code that confirms one authenticator of a new credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Confirmed {
    /// The authenticator's place in the credential.
    pub place: usize,
    /// The code's step.
    pub step: u64,
}

/// Why a new credential cannot take the place of the old one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EditFault {
    /// An authenticator is new, and no code of it was given; only one can be added at a time.
    Unconfirmed,
    /// The code of the new authenticator is of a time in which a removed one was used, or counts as used.
    TooSoon,
    /// A known secret with other digits or another period.
    Altered,
}

impl EditFault {
    /// A word for `reason=`.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Unconfirmed => "not_confirmed",
            Self::TooSoon => "confirm_too_soon",
            Self::Altered => "parameters_changed",
        }
    }
}

impl fmt::Display for EditFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unconfirmed => "an authenticator is new, and no code of it was given",
            Self::TooSoon => "the new authenticator's code is of a time whose codes count as used",
            Self::Altered => "a known secret with other digits or another period",
        })
    }
}

impl std::error::Error for EditFault {}

/// Finds the one authenticator of a credential that a code is of now; None when it is of none, or of several.
pub fn confirm(credential: &Credential, code: &str, now: i64) -> Option<Confirmed> {
    let mut found = None;
    for (place, one) in credential.authenticators.iter().enumerate() {
        if usize::from(one.digits) != code.len() {
            continue;
        }
        if let Match::Fresh { step, .. } = steps::find(one, code, now, 0, 0) {
            if found.is_some() {
                return None;
            }
            found = Some(Confirmed { place, step });
        }
    }
    found
}

impl Record {
    /// The record after `new` took the place of `old` (None: there was none) at `now`. That no two of its
    /// authenticators give the same codes is known since it was read.
    ///
    /// # Errors
    /// [`EditFault`]; then nothing is to be changed.
    pub fn edited(
        &self,
        old: Option<&Credential>,
        new: &Credential,
        confirmed: Option<Confirmed>,
        now: i64,
    ) -> Result<Self, EditFault> {
        let old_set = old.and_then(|old| old.recovery.as_ref());
        let old = old.map_or(&[][..], |old| &old.authenticators);
        let old: Vec<(&Authenticator, _)> = old.iter().map(|one| (one, steps::sample(one))).collect();
        let mut next = self.clone();
        // The recovery set, and that the user is enrolled; the authenticators follow.
        next.register(new);
        if let (Some(entry), Some(old), Some(new)) = (&mut next.recovery, old_set, &new.recovery) {
            entry.used |= self.used_before(old, new);
        }
        next.authenticators.clear();
        let mut kept = Vec::new();
        for (place, one) in new.authenticators.iter().enumerate() {
            let codes = steps::sample(one);
            let known = old.iter().find(|(_, others)| *others == codes).map(|(known, _)| *known);
            let fingerprint = one.fingerprint();
            let entry = match (known, known.and_then(|known| self.registered(known))) {
                (Some(known), Some(entry)) => {
                    if (known.digits, known.period) != (one.digits, one.period) {
                        return Err(EditFault::Altered);
                    }
                    kept.push(entry.fingerprint);
                    Registered { fingerprint, ..*entry }
                }
                _ => {
                    let step =
                        confirmed.filter(|code| code.place == place).ok_or(EditFault::Unconfirmed)?.step;
                    if step <= self.last_used_step(one) || steps::start(step, one.period) < self.retired_until
                    {
                        return Err(EditFault::TooSoon);
                    }
                    Registered { fingerprint, last_step: step, drift: 0, lean: 0 }
                }
            };
            next.authenticators.push(entry);
        }
        for entry in self.authenticators.iter().filter(|entry| !kept.contains(&entry.fingerprint)) {
            // Whoever had it may stand at an address that is remembered, by a code of it.
            next.remembered.clear();
            let known = old.iter().find(|(known, _)| known.fingerprint() == entry.fingerprint);
            // Whose period is not known any more, because its user deleted it by hand, waits longest.
            let end = known
                .map_or(i64::MAX, |(known, _)| steps::start(entry.last_step.saturating_add(1), known.period));
            let latest = now.saturating_add(LONGEST_AFTERMATH);
            next.retired_until = next.retired_until.max(end.min(latest));
        }
        Ok(next)
    }

    /// The places in a new recovery set of codes that were used in the old one: the same hash by the same salt and rounds
    /// is the same code. A set that has not changed keeps its places as they are.
    fn used_before(&self, old: &RecoverySet, new: &RecoverySet) -> u16 {
        let Some(known) = self.recovery.filter(|set| set.fingerprint == old.fingerprint()) else { return 0 };
        if old == new || (&old.salt, old.rounds) != (&new.salt, new.rounds) {
            return 0;
        }
        let was_used = |hash: &[u8; 32]| {
            old.hashes.iter().enumerate().any(|(place, other)| other == hash && known.used >> place & 1 == 1)
        };
        let places = new.hashes.iter().enumerate().filter(|(_, hash)| was_used(hash));
        places.fold(0, |used, (place, _)| used | 1 << place)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::credential::Algorithm;

    const NOW: i64 = 1_900_000_005;

    fn one(id: u32, label: &str, secret: &[u8]) -> Authenticator {
        Authenticator {
            id,
            label: label.to_owned(),
            secret: secret.to_vec().into(),
            algorithm: Algorithm::Sha1,
            digits: 6,
            period: 30,
            enrolled: 0,
        }
    }

    fn credential(authenticators: &[Authenticator]) -> Credential {
        Credential { authenticators: authenticators.to_vec(), recovery: None }
    }

    fn step() -> u64 {
        steps::step_at(NOW, 30).unwrap()
    }

    fn code(one: &Authenticator) -> String {
        steps::code_at(one, u64::try_from(NOW).unwrap())
    }

    /// A record of this credential whose authenticators were all used in the current step.
    fn used(credential: &Credential) -> Record {
        let mut record = Record::new("maria");
        record.register(credential);
        for entry in &mut record.authenticators {
            (entry.last_step, entry.drift, entry.lean) = (step(), 1, -1);
        }
        record
    }

    #[test]
    fn a_known_secret_under_another_name_keeps_its_steps() {
        let phone = one(1, "phone", &[1; 20]);
        let old = credential(std::slice::from_ref(&phone));
        let record = used(&old);
        let padded = [[1; 20].as_slice(), &[0; 5]].concat();
        let twins = [one(1, "work phone", &[1; 20]), one(9, "phone", &[1; 20]), one(1, "phone", &padded)];
        for twin in twins {
            let label = (twin.id, twin.label.clone(), twin.secret.len());
            let next =
                record.edited(Some(&old), &credential(std::slice::from_ref(&twin)), None, NOW).unwrap();
            let entry = next.registered(&twin).unwrap();
            assert_eq!((entry.last_step, entry.drift, entry.lean), (step(), 1, -1), "{label:?}");
            assert!(!next.knows(&old.clone().into()), "{label:?}");
            assert_eq!(next.retired_until, 0, "{label:?}");
        }
    }

    #[test]
    fn a_known_secret_with_other_parameters_is_refused() {
        let phone = one(1, "phone", &[1; 20]);
        let old = credential(std::slice::from_ref(&phone));
        for altered in
            [Authenticator { digits: 8, ..phone.clone() }, Authenticator { period: 60, ..phone.clone() }]
        {
            let confirmed = Some(Confirmed { place: 0, step: step() });
            let outcome = used(&old).edited(Some(&old), &credential(&[altered]), confirmed, NOW);
            assert_eq!(outcome, Err(EditFault::Altered));
        }
    }

    #[test]
    fn one_is_added_with_its_own_code_and_that_code_is_used() {
        let (phone, spare) = (one(1, "phone", &[1; 20]), one(2, "spare", &[2; 20]));
        let old = credential(std::slice::from_ref(&phone));
        let new = credential(&[phone.clone(), spare.clone()]);
        let record = used(&old);
        assert_eq!(record.edited(Some(&old), &new, None, NOW), Err(EditFault::Unconfirmed));
        // A code of the one that is there already confirms nothing.
        let of_the_old = confirm(&new, &code(&phone), NOW);
        assert_eq!(of_the_old, Some(Confirmed { place: 0, step: step() }));
        assert_eq!(record.edited(Some(&old), &new, of_the_old, NOW), Err(EditFault::Unconfirmed));
        let next = record.edited(Some(&old), &new, confirm(&new, &code(&spare), NOW), NOW).unwrap();
        assert_eq!(next.registered(&spare).unwrap().last_step, step());
        assert_eq!(next.registered(&phone), record.registered(&phone));
        // Two at once cannot both be confirmed.
        let two = credential(&[phone, spare.clone(), one(3, "third", &[3; 20])]);
        assert_eq!(
            record.edited(Some(&old), &two, confirm(&two, &code(&spare), NOW), NOW),
            Err(EditFault::Unconfirmed)
        );
    }

    #[test]
    fn with_one_that_is_removed_the_remembered_addresses_are_forgotten() {
        let (phone, spare) = (one(1, "phone", &[1; 20]), one(2, "spare", &[2; 20]));
        let both = credential(&[phone.clone(), spare.clone()]);
        let renamed = credential(&[Authenticator { label: "old".to_owned(), ..phone }, spare.clone()]);
        let mut record = used(&both);
        record.remember("sshd", crate::Source::V4([192, 0, 2, 7]), NOW);
        let remembered = |new| record.edited(Some(&both), new, None, NOW).unwrap().remembered.len();
        assert_eq!((remembered(&both), remembered(&renamed)), (1, 1));
        assert_eq!(remembered(&credential(&[spare])), 0);
    }

    #[test]
    fn one_that_is_removed_and_added_again_takes_no_code_of_before() {
        let (phone, spare) = (one(1, "phone", &[1; 20]), one(2, "spare", &[2; 20]));
        let both = credential(&[phone.clone(), spare.clone()]);
        let alone = credential(std::slice::from_ref(&phone));
        let removed = used(&both).edited(Some(&both), &alone, None, NOW).unwrap();
        assert_eq!(removed.retired_until, i64::try_from((step() + 1) * 30).unwrap());
        let again = |step| removed.edited(Some(&alone), &both, Some(Confirmed { place: 1, step }), NOW + 30);
        assert_eq!(again(step()), Err(EditFault::TooSoon));
        assert_eq!(again(step() + 1).unwrap().registered(&spare).unwrap().last_step, step() + 1);
    }

    #[test]
    fn a_phone_is_replaced_by_another_in_one_edit() {
        let (phone, new_phone) = (one(1, "phone", &[1; 20]), one(1, "phone", &[2; 20]));
        let (old, new) = (credential(&[phone]), credential(std::slice::from_ref(&new_phone)));
        let next = used(&old).edited(Some(&old), &new, confirm(&new, &code(&new_phone), NOW), NOW).unwrap();
        assert!(next.knows(&new.clone().into()) && !next.knows(&old.clone().into()));
    }

    #[test]
    fn what_counts_as_used_confirms_nothing() {
        let new = credential(&[one(1, "phone", &[1; 20])]);
        let mut record = Record::new("maria");
        record.burn(NOW);
        let confirmed = |step| Some(Confirmed { place: 0, step });
        assert_eq!(record.edited(None, &new, confirmed(step() + 1), NOW), Err(EditFault::TooSoon));
        assert!(record.edited(None, &new, confirmed(step() + 2), NOW).is_ok());
    }

    #[test]
    fn a_clock_that_was_ahead_keeps_nobody_from_adding_for_long() {
        let (phone, spare) = (one(1, "phone", &[1; 20]), one(2, "spare", &[2; 20]));
        let both = credential(&[phone.clone(), spare]);
        let mut record = used(&both);
        record.authenticators.iter_mut().for_each(|entry| entry.last_step *= 2);
        let next = record.edited(Some(&both), &credential(&[phone]), None, NOW).unwrap();
        assert_eq!(next.retired_until, NOW + LONGEST_AFTERMATH);
    }

    #[test]
    fn the_recovery_set_is_replaced_or_kept_with_what_was_used() {
        let set = |salt: u8| {
            Some(RecoverySet { salt: vec![salt; 16], rounds: 100_000, hashes: vec![[salt; 32]; 10] })
        };
        let phone = one(1, "phone", &[1; 20]);
        let old = Credential { authenticators: vec![phone.clone()], recovery: set(1) };
        let mut record = used(&old);
        record.recovery.as_mut().unwrap().used = 0b101;
        let edit = |new: &Credential| record.edited(Some(&old), new, None, NOW).unwrap();
        assert_eq!(edit(&old).recovery.unwrap().used, 0b101);
        let new = Credential { authenticators: vec![phone.clone()], recovery: set(2) };
        assert_eq!(edit(&new).recovery.unwrap().left(), 10);
        assert!(!edit(&new).knows(&old.clone().into()));
        assert_eq!(edit(&credential(&[phone])).recovery, None);
    }

    #[test]
    fn a_used_recovery_code_stays_used_wherever_it_stands_in_the_new_set() {
        let hashes: Vec<_> = (0..10u8).map(|number| [number; 32]).collect();
        let set = RecoverySet { salt: vec![1; 16], rounds: 100_000, hashes };
        let with = |set: &RecoverySet| Credential {
            recovery: Some(set.clone()),
            ..credential(&[one(1, "phone", &[1; 20])])
        };
        let old = with(&set);
        let mut record = used(&old);
        record.recovery.as_mut().unwrap().used = 0b11;
        let edit =
            |new: &RecoverySet| record.edited(Some(&old), &with(new), None, NOW).unwrap().recovery.unwrap();
        let mut turned = set.clone();
        turned.hashes.reverse();
        assert_eq!(edit(&turned).used, 0b11 << 8);
        let mut fewer = set.clone();
        fewer.hashes = vec![[1; 32], [7; 32], [1; 32]];
        assert_eq!((edit(&fewer).used, edit(&fewer).left()), (0b101, 1));
        // By another salt or other rounds the same hash is another code.
        let salted = RecoverySet { salt: vec![2; 16], ..set.clone() };
        assert_eq!(edit(&salted).used, 0);
        assert_eq!(edit(&RecoverySet { rounds: 100_001, ..set }).used, 0);
    }
}
