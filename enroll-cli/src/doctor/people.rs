//! Those who log in here: whether their credential and record can be used, and whether an administrator has one.

use std::collections::BTreeSet;

use twinlock_system::{Fault, Ledger, Paths, Standing, User, accounts, clock};
use twinlock_verifier::verdict::clock_is_behind;

use super::belongings::FOLDER;
use super::problem::{Problem, Role};
use super::rules::Rules;
use super::sudoers::Sudoers;

/// Looks at one user, or at all that this host lists; those that cannot log in are left out.
pub fn look(
    paths: &Paths,
    user: Option<&User>,
    (rules, sudoers): (&Rules, &Sudoers),
    problems: &mut Vec<Problem>,
    unchecked: &mut Vec<String>,
) {
    // One fault of the state is the fault of all users.
    let broken = |problem: &Problem| match problem {
        Problem::Missing { role, .. } => *role == Role::State,
        Problem::Unsafe { role, mode, .. } => *role == Role::State && *mode == FOLDER,
        _ => false,
    };
    if problems.iter().any(broken) {
        unchecked.push("the users of this host: the folders of the state must be mended first".to_owned());
        return;
    }
    let all = match user {
        Some(user) => Ok(vec![user.clone()]),
        None => accounts::all(),
    };
    let mut users = match all {
        Ok(users) => users,
        Err(fault) => {
            unchecked.push(format!("the users of this host: {fault}"));
            return;
        }
    };
    users.retain(accounts::can_log_in);
    let (ledger, now) = (Ledger::new(paths), clock::now());
    let mut administrators = BTreeSet::new();
    let mut enrolled = false;
    for user in &users {
        let administrator = is_administrator(user, sudoers);
        if administrator {
            administrators.insert(user.name.clone());
        }
        let record = ledger.read(user);
        if let Ok(Some(record)) = &record
            && now >= clock::BUILT
            && clock_is_behind(record, now, clock::BUILT)
        {
            let last =
                record.last.as_ref().map_or(record.burned_until, |last| last.at.max(record.burned_until));
            problems.push(Problem::ClockBehindRecord { user: user.name.clone(), last });
        }
        match Standing::of(paths, user, &record) {
            Ok(Standing::Enrolled(_) | Standing::SwitchedOff(_)) => enrolled |= administrator,
            Ok(Standing::NotEnrolled) => {}
            Err(trouble) => {
                problems.push(Problem::User { name: user.name.clone(), trouble: trouble.to_string() });
            }
        }
    }
    // About one user it says nothing of the others.
    if user.is_none() && rules.requires && !enrolled {
        let names = administrators.into_iter().take(8).collect();
        problems.push(Problem::NoAdministrator { names, denied: !rules.leads_through_enrolment });
    }
}

fn is_administrator(user: &User, sudoers: &Sudoers) -> bool {
    let in_group = |group: &String| {
        let answer: Result<Option<bool>, Fault> = user.is_in_group(group);
        matches!(answer, Ok(Some(true)))
    };
    user.uid == 0 || sudoers.users.contains(&user.name) || sudoers.groups.iter().any(in_group)
}
