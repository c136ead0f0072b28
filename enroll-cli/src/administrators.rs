//! Whether an administrator could still log in under a policy: before it is in force, since afterwards nobody might be
//! left to mend it. Administrators are root and the members of the groups that sudo usually trusts, as far as they have
//! a login shell. A group that cannot be looked up has no members here, which errs on the strict side.

use std::collections::BTreeMap;

use nix::unistd::Group;
use twinlock_policy::{Policy, Requirement, Subject, Unenrolled};
use twinlock_system::ruling::{Nss, limits};
use twinlock_system::{Ledger, Paths, Standing, User, accounts, clock};
use twinlock_verifier::Record;

/// Groups whose members may become root on usual hosts.
const GROUPS: [&str; 3] = ["sudo", "wheel", "admin"];
/// The ways into a host from outside: from some address that no rule names, and from its own console.
const DOORS: [(&str, Option<&str>); 2] = [("sshd", Some("192.0.2.0")), ("login", None)];

/// How an administrator gets in. Ordered from not at all to best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WayIn {
    /// A code is required; they have none and cannot enrol at a login, or what they have cannot be used.
    None,
    /// They are led through enrolment, or may put it off for now.
    Enrolment,
    /// They have a code, or need none.
    Open,
}

/// The administrators and how each of them gets in.
pub struct Outlook(BTreeMap<String, WayIn>);

impl Outlook {
    /// Finds out how the administrators would get in under a policy.
    pub fn under(policy: &Policy, paths: &Paths) -> Outlook {
        let mut ways = BTreeMap::new();
        for user in administrators() {
            let way = way_in(policy, paths, &user);
            ways.insert(user.name, way);
        }
        Outlook(ways)
    }

    /// How the best of them gets in.
    pub fn best(&self) -> WayIn {
        self.0.values().copied().max().unwrap_or(WayIn::None)
    }

    /// Their names.
    pub fn names(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }
}

fn administrators() -> Vec<User> {
    let mut found: BTreeMap<String, User> = BTreeMap::new();
    let mut add = |user: Option<User>| found.extend(user.map(|user| (user.name.clone(), user)));
    add(User::by_uid(0).ok().flatten());
    // Members by primary group are in no list of members.
    let listed = accounts::all().unwrap_or_default();
    for name in GROUPS {
        let Ok(Some(group)) = Group::from_name(name) else { continue };
        group.mem.iter().for_each(|member| add(User::by_name(member).ok().flatten()));
        listed.iter().filter(|user| user.gid == group.gid.as_raw()).for_each(|user| add(Some(user.clone())));
    }
    found.into_values().filter(accounts::can_log_in).collect()
}

fn way_in(policy: &Policy, paths: &Paths, user: &User) -> WayIn {
    let record = Ledger::new(paths).read(user);
    let now = clock::now();
    let enrolled = match Standing::of(paths, user, &record) {
        Ok(Standing::NotEnrolled) => Some(false),
        Ok(Standing::Enrolled(_) | Standing::SwitchedOff(_)) => Some(true),
        Err(_) => None,
    };
    let disabled = |record: &Record| record.is_disabled(&limits(policy));
    let disabled = record.as_ref().ok().and_then(Option::as_ref).is_some_and(disabled);
    let way = |(service, rhost): (&str, Option<&str>)| {
        let subject = Subject {
            user: &user.name,
            uid: user.uid,
            gid: user.gid,
            service,
            rhost,
            now,
            clock_is_behind: now < clock::BUILT,
        };
        let decision = policy.decide(&subject, &mut Nss { user });
        if decision.requirement == Requirement::Exempt {
            return WayIn::Open;
        }
        match enrolled {
            None => WayIn::None,
            Some(true) if disabled => WayIn::None,
            Some(true) => WayIn::Open,
            Some(false) if decision.requirement == Requirement::UserDriven => WayIn::Open,
            Some(false) if decision.unenrolled == Unenrolled::Enroll && decision.enroll_here => {
                WayIn::Enrolment
            }
            Some(false) => match twinlock_policy::grace(&decision, None, now, now < clock::BUILT) {
                twinlock_policy::Grace::Until(_) => WayIn::Enrolment,
                twinlock_policy::Grace::Over(_) => WayIn::None,
            },
        }
    };
    DOORS.into_iter().map(way).max().unwrap_or(WayIn::None)
}
