//! What is known of one account, in the words of the report.

use std::collections::HashMap;

use twinlock_policy::{Date, Decision, Grace, Policy, Requirement, Subject, Unenrolled, grace};
use twinlock_system::credential::{self, Place};
use twinlock_system::ruling::limits;
use twinlock_system::standing::Standing;
use twinlock_system::{Ledger, Paths, Trouble, User, clock};
use twinlock_verifier::verdict::clock_is_behind;
use twinlock_verifier::{Limits, Record};

use super::Account;
use crate::groups::Groups;
use crate::texts;

/// Everything that the accounts share.
pub struct Gathering<'a> {
    policy: &'a Policy,
    paths: &'a Paths,
    ledger: &'a Ledger,
    service: &'a str,
    from: Option<&'a str>,
    now: i64,
    limits: Limits,
    exemptions: HashMap<String, Date>,
    groups: Groups,
}

impl<'a> Gathering<'a> {
    /// Prepares a report about logins by a service from an address.
    pub fn new(
        policy: &'a Policy,
        paths: &'a Paths,
        ledger: &'a Ledger,
        service: &'a str,
        from: Option<&'a str>,
        now: i64,
    ) -> Gathering<'a> {
        let exemptions = policy.rules().filter_map(|rule| Some((rule.label(), rule.exempt_until()?)));
        let exemptions = exemptions.collect();
        let (limits, groups) = (limits(policy), Groups::default());
        Gathering { policy, paths, ledger, service, from, now, limits, exemptions, groups }
    }

    /// One account.
    pub fn account(&mut self, user: &User) -> Account {
        let record = self.ledger.read(user);
        let behind = match &record {
            Ok(Some(record)) => clock_is_behind(record, self.now, clock::BUILT),
            Ok(None) => self.now < clock::BUILT,
            Err(_) => true,
        };
        let subject = Subject {
            user: &user.name,
            uid: user.uid,
            gid: user.gid,
            service: self.service,
            rhost: self.from,
            now: self.now,
            clock_is_behind: behind,
        };
        let decision = self.policy.decide(&subject, &mut self.groups.of(user));
        let standing = Standing::of(self.paths, user, &record);
        let record = record.ok().flatten();
        let mut account = self.decided(user, &decision);
        self.grace(&decision, record.as_ref(), behind, &standing, &mut account);
        self.stands(user, standing, &mut account);
        if let Some(record) = &record {
            self.recorded(record, &mut account);
        }
        account
    }

    fn decided(&self, user: &User, decision: &Decision) -> Account {
        let exempt = decision.reason.rule.as_ref().filter(|_| decision.requirement == Requirement::Exempt);
        Account {
            user: user.name.clone(),
            uid: user.uid,
            requirement: word(decision.requirement),
            would_be: decision.reported.as_ref().map(|other| word(other.requirement)),
            enrolled: "no",
            trouble: None,
            place: None,
            grace_until: None,
            grace_days: None,
            authenticators: 0,
            recovery_codes_left: None,
            last_used: None,
            last_service: None,
            failures: 0,
            throttled_until: None,
            disabled: false,
            exempt_until: exempt.and_then(|rule| self.exemptions.get(rule)).map(Date::to_string),
            reason: decision.reason.to_string(),
        }
    }

    fn grace(
        &self,
        decision: &Decision,
        record: Option<&Record>,
        behind: bool,
        standing: &Result<Standing, Trouble>,
        account: &mut Account,
    ) {
        if !matches!(standing, Ok(Standing::NotEnrolled)) || decision.requirement != Requirement::Required {
            return;
        }
        let key = decision.grace_key.map(|key| key.0);
        let begun = record.and_then(|record| record.graces.iter().find(|grace| Some(grace.rule) == key));
        let begun = begun.map(|grace| grace.start);
        if let Grace::Until(end) = grace(decision, begun, self.now, behind) {
            // Days that nobody has begun yet end some day after the first login, or with the date.
            account.grace_days = decision.grace_days.filter(|_| begun.is_none());
            let told = if account.grace_days.is_some() { decision.enroll_by } else { Some(end) };
            account.grace_until = told.map(texts::instant);
        } else if decision.unenrolled == Unenrolled::Deny {
            account.trouble = Some(texts::DENIED.to_owned());
        } else if !decision.enroll_here {
            account.trouble = Some(texts::cannot_enrol_by(self.service));
        }
    }

    fn stands(&self, user: &User, standing: Result<Standing, Trouble>, account: &mut Account) {
        let credential = match standing {
            Ok(Standing::NotEnrolled) => return,
            Ok(Standing::Enrolled(credential)) => {
                account.enrolled = "yes";
                credential
            }
            Ok(Standing::SwitchedOff(credential)) => {
                account.enrolled = "off";
                credential
            }
            Err(trouble) => {
                account.enrolled = "trouble";
                account.trouble = Some(trouble.to_string());
                return;
            }
        };
        account.authenticators = credential.authenticators.len();
        // The one in the state folder is the one that counts.
        let system = credential::system_path(self.paths, user.uid);
        let place = if system.symlink_metadata().is_ok() { Place::System } else { Place::Home };
        account.place = Some(if place == Place::System { "system" } else { "home" });
    }

    fn recorded(&self, record: &Record, account: &mut Account) {
        account.recovery_codes_left = record.enrolled.then(|| record.recovery.map_or(0, |set| set.left()));
        account.last_used = record.last.as_ref().map(|last| texts::instant(last.at));
        account.last_service = record.last.as_ref().map(|last| last.service.clone());
        account.failures = record.failures;
        account.disabled = record.is_disabled(&self.limits);
        let mut bounded = record.clone();
        bounded.bound_waits(&self.limits, self.now);
        let waits = bounded.sources.iter().chain([&bounded.overflow]).map(|wait| wait.until);
        let latest = waits.chain([bounded.wait_until]).max().filter(|until| *until > self.now);
        account.throttled_until = latest.map(texts::instant);
    }
}

fn word(requirement: Requirement) -> &'static str {
    match requirement {
        Requirement::Exempt => "exempt",
        Requirement::UserDriven => "user-driven",
        Requirement::Required => "required",
    }
}
