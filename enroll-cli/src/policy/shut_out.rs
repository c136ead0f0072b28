//! Whom a sound policy would shut out of this host: its administrators, users who can enrol by no login, root at sshd. It
//! asks what a login would ask, and changes nothing. Before a PAM service names the module, it takes for granted that sshd
//! and the console will.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use twinlock_policy::{Decision, Fault, Grace, Policy, Requirement, Subject, Unenrolled, grace};
use twinlock_system::{Ledger, Paths, Standing, User, accounts, clock};
use twinlock_verifier::Record;
use twinlock_verifier::verdict::clock_is_behind;

use crate::administrators::{Outlook, WayIn};
use crate::doctor::{Files, Service, sshd};
use crate::groups::Groups;
use crate::in_force::InForce;
use crate::texts;

/// An address that no rule names: one for documentation (RFC 5737).
const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 0));
/// Services that will ask on a host where none does yet.
const USUAL: [&str; 2] = ["login", "sshd"];
/// Users whom a warning names.
const NAMED: usize = 5;

/// Warnings about those who could not log in under a sound policy. Only root can find out.
pub fn warnings(read: &InForce, paths: &Paths) -> Vec<Fault> {
    let mut look = Look {
        policy: &read.policy,
        paths,
        ledger: Ledger::new(paths),
        groups: Groups::default(),
        doors: doors(),
        addresses: addresses(&read.policy),
        now: clock::now(),
    };
    let found = [administrators(&read.policy, paths), look.unenrolled(), look.root_at_sshd()];
    // None of them stands in one line.
    let file = read.files.first().cloned().unwrap_or_default();
    let warning = |(message, mend)| Fault { file: file.clone(), line: None, column: None, message, mend };
    found.into_iter().flatten().map(warning).collect()
}

fn administrators(policy: &Policy, paths: &Paths) -> Option<(String, String)> {
    let outlook = Outlook::under(policy, paths);
    match outlook.best() {
        WayIn::Open => None,
        WayIn::Enrolment => Some(texts::no_administrator_enrolled(&outlook.names())),
        WayIn::None => Some(texts::no_administrator_gets_in(&outlook.names())),
    }
}

/// A service that asks for codes.
struct Door {
    service: String,
    /// It can lead through enrolment, where the policy lets it.
    enrols: bool,
}

/// The services of this host that ask.
fn doors() -> Vec<Door> {
    let files = Files::default();
    let services = files.services();
    let services = services.iter().map(|name| Service::read(name, &|name| files.find(name)));
    let door = |service: Service| Door { enrols: service.can_enrol(), service: service.name };
    let doors: Vec<Door> = services.filter(Service::has_us).map(door).collect();
    if doors.is_empty() {
        return USUAL.map(|name| Door { service: name.to_owned(), enrols: true }).into();
    }
    doors
}

/// Addresses that logins may come from, as far as rules tell them apart; None is this host itself.
fn addresses(policy: &Policy) -> BTreeSet<Option<String>> {
    let networks = policy.rules().flat_map(|rule| rule.networks());
    let first = networks.filter_map(|network| {
        let address: IpAddr = network.split('/').next()?.parse().ok()?;
        Some(Some(address.to_string()))
    });
    first.chain([None, Some(ELSEWHERE.to_string())]).collect()
}

struct Look<'a> {
    policy: &'a Policy,
    paths: &'a Paths,
    ledger: Ledger,
    groups: Groups,
    doors: Vec<Door>,
    addresses: BTreeSet<Option<String>>,
    now: i64,
}

impl Look<'_> {
    /// Those who have no code, need one wherever they log in, and can enrol nowhere.
    fn unenrolled(&mut self) -> Option<(String, String)> {
        let mut users = accounts::all().unwrap_or_default();
        users.retain(|user| accounts::can_log_in(user) && self.is_shut_out(user));
        let names: Vec<&str> = users.iter().take(NAMED).map(|user| user.name.as_str()).collect();
        (!users.is_empty()).then(|| texts::no_way_to_enrol(users.len(), &names))
    }

    fn is_shut_out(&mut self, user: &User) -> bool {
        let record = self.ledger.read(user);
        let known = record.as_ref().ok().and_then(Option::as_ref);
        let (doors, addresses) = (&self.doors, &self.addresses);
        let (policy, groups, now) = (self.policy, &mut self.groups, self.now);
        let lets_in = doors.iter().any(|door| {
            // Nothing of sshd's is local.
            let from = addresses.iter().filter(|from| from.is_some() || door.service != "sshd");
            from.map(Option::as_deref).any(|from| {
                let decision = decide(policy, groups, user, (&door.service, from), known, now);
                decision.requirement != Requirement::Required
                    || door.enrols && decision.enroll_here && decision.unenrolled == Unenrolled::Enroll
                    || has_grace(&decision, known, now)
            })
        });
        // Last, since it opens a file in a home.
        !lets_in && matches!(Standing::of(self.paths, user, &record), Ok(Standing::NotEnrolled))
    }

    /// Whether root is asked for a code at sshd, which lets root answer nothing.
    fn root_at_sshd(&mut self) -> Option<(String, String)> {
        if !self.doors.iter().any(|door| door.service == "sshd") {
            return None;
        }
        let root = User::by_uid(0).ok().flatten()?;
        let record = self.ledger.read(&root);
        let known = record.as_ref().ok().and_then(Option::as_ref);
        let from = ELSEWHERE.to_string();
        let decision = decide(self.policy, &mut self.groups, &root, ("sshd", Some(&from)), known, self.now);
        let asked = match decision.requirement {
            Requirement::Exempt => false,
            Requirement::Required => true,
            Requirement::UserDriven => {
                matches!(Standing::of(self.paths, &root, &record), Ok(Standing::Enrolled(_)))
            }
        };
        if !asked {
            return None;
        }
        match sshd::ask(Some(&root.name), Some(ELSEWHERE)) {
            sshd::Said::Settings(settings) => {
                settings.replaces_roots_answers().map(texts::root_cannot_answer)
            }
            _ => None,
        }
    }
}

fn decide(
    policy: &Policy,
    groups: &mut Groups,
    user: &User,
    (service, rhost): (&str, Option<&str>),
    known: Option<&Record>,
    now: i64,
) -> Decision {
    let subject = Subject {
        user: &user.name,
        uid: user.uid,
        gid: user.gid,
        service,
        rhost,
        now,
        clock_is_behind: is_behind(known, now),
    };
    policy.decide(&subject, &mut groups.of(user))
}

fn is_behind(known: Option<&Record>, now: i64) -> bool {
    known.map_or(now < clock::BUILT, |record| clock_is_behind(record, now, clock::BUILT))
}

fn has_grace(decision: &Decision, known: Option<&Record>, now: i64) -> bool {
    let key = decision.grace_key.map(|key| key.0);
    let begun = known.and_then(|record| record.graces.iter().find(|grace| Some(grace.rule) == key));
    let begun = begun.map(|grace| grace.start);
    matches!(grace(decision, begun, now, is_behind(known, now)), Grace::Until(_))
}
