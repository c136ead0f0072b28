//! A user's record through any sequence of events: right, wrong and used codes, recovery codes, clocks that step, writes
//! that are torn, slots that are damaged, edits and an administrator's unlock. Whatever happens, nobody is let in twice by
//! one code.
//!
//! What is done around `judge` is what system/src/ledger.rs and system/src/verification.rs do with a file and a lock.

use std::collections::BTreeSet;

use twinlock_verifier::edit::confirm;
use twinlock_verifier::record::{SLOT_BYTES, Slots};
use twinlock_verifier::steps::{self, code_at};
use twinlock_verifier::{
    Accepted, Authenticator, By, Credential, Limits, Record, Rejection, Request, Source, Typed, Verdict,
    judge, recovery,
};

use crate::parts::Parts;
use crate::people::{self, BUILT, NOW};

/// Events of one input.
const MOST: usize = 64;
/// Phones that there are, whether or not they are in the credential.
const PHONES: u32 = 4;
/// Seconds for which a removed authenticator keeps another from being added, at most (verifier/src/edit.rs).
const LONGEST_AFTERMATH: i64 = 12 * 120;

pub fn run(bytes: &[u8]) -> bool {
    let mut parts = Parts(bytes);
    let mut login = Login::new(&mut parts);
    for _ in 0..MOST {
        if parts.is_empty() {
            break;
        }
        login.event(&mut parts);
    }
    !login.texts.is_empty()
}

/// What becomes of a write.
#[derive(Clone, Copy, PartialEq)]
enum Write {
    Durable,
    /// Only the bytes from here to there (modulo its length) got to the disk, and nobody was told anything.
    Torn(usize, usize),
}

/// One user, what they have, and what they were let in by.
struct Login {
    phones: Vec<Authenticator>,
    credential: Credential,
    set: u8,
    limits: Limits,
    file: Vec<u8>,
    now: i64,
    source: Source,
    /// What becomes of the next one.
    write: Write,
    /// A bit of a slot was turned since both were whole.
    damaged: bool,
    /// The phones and steps by whose codes somebody was let in.
    steps: BTreeSet<(u32, u64)>,
    /// The recovery sets and codes.
    recovery: BTreeSet<(u8, u8)>,
    /// Codes that were told to be wrong since the last success or unlock.
    wrong: u32,
    /// Texts that were accepted, for trying them again.
    texts: Vec<String>,
}

impl Login {
    fn new(parts: &mut Parts<'_>) -> Self {
        let phones: Vec<_> = (1..=PHONES).map(|id| people::authenticator(id, parts)).collect();
        let credential = Credential {
            authenticators: phones[..1 + parts.below(3)].to_vec(),
            recovery: parts.flag().then(|| people::recovery_set(0)),
        };
        let mut record = Record::new("maria");
        // Enrolled, or to be enrolled by the first code.
        if parts.flag() {
            record.register(&credential);
        }
        let limits = Limits {
            free_failures: parts.pick(&[3, 0, 20]),
            first_wait: parts.pick(&[5, 1, 3600]),
            longest_wait: parts.pick(&[3600, 5, 86_400]),
            disable_after: parts.pick(&[100, 5, 21]),
        };
        Self {
            phones,
            credential,
            set: 0,
            limits,
            file: Slots::create(&record).unwrap(),
            now: NOW,
            source: Source::Local,
            write: Write::Durable,
            damaged: false,
            steps: BTreeSet::new(),
            recovery: BTreeSet::new(),
            wrong: 0,
            texts: Vec::new(),
        }
    }

    fn event(&mut self, parts: &mut Parts<'_>) {
        match parts.byte() % 14 {
            0..=2 => {
                let code = self.code(parts);
                self.answer(&code);
            }
            3 => {
                let code = parts.pick(&["000000", "1234567", "99999999", "424242"]);
                self.answer(code);
            }
            4 if !self.texts.is_empty() => {
                let code = self.texts[parts.below(self.texts.len())].clone();
                self.answer(&code);
            }
            5 | 6 => {
                let code = people::recovery_code(self.set, parts.byte() % 12);
                self.answer(&recovery::encode(&code));
            }
            7 => self.now += i64::from(parts.byte()),
            8 => self.now += parts.pick(&[3600, 30, 60, 86_400, 86_400 * 365, 15]),
            9 => self.now -= parts.pick(&[600, 30, 61, 86_400, 86_400 * 365, NOW, 15]),
            10 => {
                self.write = Write::Torn(usize::from(parts.u16()), usize::from(parts.u16()));
            }
            11 => {
                let octet = parts.byte();
                self.source = parts.pick(&[
                    Source::Local,
                    Source::V4([192, 0, 2, octet]),
                    Source::V6([octet; 8]),
                    Source::Named,
                ]);
            }
            12 => self.unlock(),
            13 => match parts.byte() % 3 {
                0 => self.damage(parts),
                _ => self.edit(parts),
            },
            _ => {}
        }
    }

    /// What one of the authenticators shows, or showed, or will show.
    fn code(&self, parts: &mut Parts<'_>) -> String {
        let one = &self.credential.authenticators[parts.below(self.credential.authenticators.len())];
        let steps = i64::from(parts.byte() % 13) - 6;
        let time = self.now.max(0) + steps * i64::from(one.period);
        code_at(one, u64::try_from(time).unwrap_or(0))
    }

    /// A change of the record, as the ledger makes it; None when nobody is told what came of it.
    fn change<T>(&mut self, change: impl FnOnce(&mut Record) -> (T, bool)) -> Option<T> {
        let mut slots = Slots::decode(&self.file).ok()?;
        if !slots.whole {
            // A torn slot holds nothing that anybody was told; a damaged one may have been the newest.
            if std::mem::take(&mut self.damaged) {
                self.wrong = self.wrong.min(slots.record.failures);
                self.forget_the_future();
            }
            slots.record.burn(self.now);
            self.store(&slots);
            return None;
        }
        let (outcome, keep) = change(&mut slots.record);
        if !keep || self.store(&slots) { Some(outcome) } else { None }
    }

    /// Whether it is durable.
    fn store(&mut self, slots: &Slots) -> bool {
        let (bytes, offset) = slots.next().unwrap();
        let place = usize::try_from(offset).unwrap();
        let (from, to) = match std::mem::replace(&mut self.write, Write::Durable) {
            Write::Durable => (0, bytes.len()),
            Write::Torn(from, to) => (from % (bytes.len() + 1), to % (bytes.len() + 1)),
        };
        let (from, to) = (from.min(to), from.max(to));
        self.file[place + from..place + to].copy_from_slice(&bytes[from..to]);
        (from, to) == (0, bytes.len())
    }

    fn answer(&mut self, text: &str) {
        let typed = Typed::from_bytes(text.as_bytes());
        let recovery_hash = match &typed {
            Typed::Recovery(code) => Some(people::recovery_hash(code)),
            _ => None,
        };
        let credential = self.credential.clone().into();
        let (limits, now) = (self.limits, self.now);
        let request = Request {
            typed: &typed,
            recovery_hash,
            credential: &credential,
            now,
            built: BUILT,
            source: self.source,
            service: "sshd",
            policy: [3; 32],
            limits: &limits,
        };
        let judged = self.change(|record| {
            let before = record.clone();
            let verdict = judge(&request, record);
            let keep = verdict.must_be_recorded() || *record != before;
            ((verdict, before, record.clone()), keep)
        });
        match judged {
            Some((Verdict::Accepted(Accepted { by, .. }), before, after)) => {
                self.let_in(&by, text, &before, &after);
                if !after.is_disabled(&self.limits) {
                    self.wrong = 0;
                }
            }
            Some((Verdict::Rejected(Rejection::Wrong), ..)) => {
                self.wrong += 1;
                assert!(self.wrong <= self.limits.disable_after, "more guesses than the policy allows");
            }
            _ => {}
        }
    }

    fn let_in(&mut self, by: &By, text: &str, before: &Record, after: &Record) {
        match by {
            By::Authenticator(label) => {
                let one = self.credential.authenticators.iter().find(|one| one.label == *label).unwrap();
                let step = after.registered(one).expect("let in by a stranger").last_step;
                assert!(step > before.last_used_step(one), "let in by a step that counts as used");
                assert!(code_at(one, step * u64::from(one.period)) == text, "the step is not the code's");
                assert!(self.steps.insert((one.id, step)), "let in twice by one code");
                let later = self.steps.iter().any(|(id, other)| *id == one.id && *other > step);
                assert!(!later, "let in by a code older than the last");
                assert!(self.now >= BUILT);
            }
            By::RecoveryCode { .. } => {
                let typed = Typed::from_bytes(text.as_bytes());
                let Typed::Recovery(code) = typed else { panic!("let in by a recovery code that is none") };
                assert!(self.recovery.insert((code[0], code[1])), "let in twice by one recovery code");
            }
        }
        self.texts.push(text.to_owned());
    }

    /// A record that comes back from a clock that was ahead, by an administrator's leave or by a damaged slot, does not
    /// know any more what was used beyond the window of now.
    fn forget_the_future(&mut self) {
        let (phones, now) = (&self.phones, self.now);
        let period = |id: u32| phones.iter().find(|one| one.id == id).map_or(30, |one| one.period);
        self.steps.retain(|(id, step)| Some(*step) <= steps::window_end(now, period(*id), 0));
    }

    fn unlock(&mut self) {
        let (credential, now) = (self.credential.clone(), self.now);
        let is_ahead = self.change(|record| {
            let is_ahead = record.ahead_until(now, Some(&credential)).is_some();
            record.unlock(now, Some(&credential));
            (is_ahead, true)
        });
        if let Some(is_ahead) = is_ahead {
            self.wrong = 0;
            if is_ahead {
                self.forget_the_future();
            }
        }
    }

    /// One bit of one slot turns.
    fn damage(&mut self, parts: &mut Parts<'_>) {
        // Where there is mostly something: the beginning of either slot.
        let place = parts.pick(&[0, SLOT_BYTES]) + usize::from(parts.byte());
        if let Some(byte) = self.file.get_mut(place) {
            *byte ^= 1 << parts.below(8);
            self.damaged = true;
        }
    }

    /// Adds an authenticator with its own code, removes one, relabels one, or draws new recovery codes.
    fn edit(&mut self, parts: &mut Parts<'_>) {
        let mut new = self.credential.clone();
        match parts.byte() % 4 {
            0 if new.authenticators.len() > 1 => {
                new.authenticators.remove(parts.below(new.authenticators.len()));
            }
            1 => {
                let place = parts.below(new.authenticators.len());
                // A name of its own, and again another with each edit.
                new.authenticators[place].label.push('x');
                new.authenticators[place].label.truncate(20);
            }
            2 => new.recovery = parts.flag().then(|| people::recovery_set(self.set + 1)),
            _ => {
                let phone = &self.phones[parts.below(self.phones.len())];
                if new.authenticators.iter().any(|one| one.id == phone.id) {
                    return;
                }
                new.authenticators.push(phone.clone());
            }
        }
        if Credential::parse(new.to_text().as_bytes()).is_err() {
            return;
        }
        let (old, now) = (self.credential.clone(), self.now);
        let last = &new.authenticators[new.authenticators.len() - 1];
        let code = code_at(last, u64::try_from(now).unwrap_or(0));
        let confirmed = confirm(&new, &code, now);
        let added = last.id;
        let edited = self.change(|record| {
            let known = record.enrolled && record.knows(&old.clone().into());
            let edited = Some(record.clone()).filter(|_| known);
            match edited.and_then(|record| record.edited(Some(&old), &new, confirmed, now).ok()) {
                Some(next) => {
                    *record = next;
                    (true, true)
                }
                None => (false, false),
            }
        });
        if edited != Some(true) {
            return;
        }
        if old.authenticators.iter().all(|one| one.id != added) {
            let step = confirmed.expect("added without a code of its own").step;
            assert!(self.steps.insert((added, step)), "a used code confirms");
        }
        for one in
            old.authenticators.iter().filter(|one| new.authenticators.iter().all(|other| other.id != one.id))
        {
            // Codes of a clock that was ahead do not keep a phone from being added for years.
            let latest = now.saturating_add(LONGEST_AFTERMATH);
            self.steps.retain(|(id, step)| *id != one.id || steps::start(*step, one.period) < latest);
        }
        if new.recovery != old.recovery {
            self.set = new.recovery.as_ref().map_or(self.set, |set| set.salt[0]);
        }
        self.credential = new;
    }
}
