//! The words of `twinlock unlock`, `reset` and `report`.

use std::fmt::Write;

use super::{count, defused};
use crate::report::{Account, Report};
use crate::reset::{Orphans, Removed};
use crate::unlock::Unlocked;

/// A code is required, there is none, and the policy lets nobody enrol at a login.
pub const DENIED: &str = "may not enrol at a login (unenrolled = \"deny\")";

/// A code is required, there is none, and this service cannot lead through enrolment.
pub fn cannot_enrol_by(service: &str) -> String {
    format!("cannot enrol by {service} (enroll_at)")
}

/// What `unlock` did.
pub fn unlocked(report: &Unlocked) -> String {
    let user = defused(&report.user);
    if !report.changed {
        return format!("{user}: nothing was locked: unchanged.\n");
    }
    let mut text = format!("{user}: unlocked.\n");
    let mut add = |line: String| {
        let _ = writeln!(text, "  {line}");
    };
    if report.failures > 0 {
        add(format!("{} forgotten", count(report.failures.try_into().unwrap_or(usize::MAX), "wrong code")));
    }
    if report.was_disabled {
        add("codes are no longer disabled".to_owned());
    }
    if report.was_throttled {
        add("nobody has to wait any more".to_owned());
    }
    if let Some(ahead) = &report.ahead_until {
        add(format!("the record came from a clock that was ahead ({ahead}), and is back at now;"));
        add("codes of now count as used: wait for the next but one".to_owned());
    }
    if report.repaired {
        add("a copy of the record was damaged: codes of the last minutes and all recovery codes count as used".to_owned());
    }
    text
}

/// Before a user is reset.
pub fn reset_question(user: &str, uid: u32) -> String {
    format!(
        "This takes the second factor of {} (UID {uid}) away: the phone, the recovery codes and\n\
         what the ledger knows. They can enrol anew. Go on? [y/N] ",
        defused(user)
    )
}

/// Before what is left of former users is removed.
pub fn orphans_question(found: &[(u32, Option<String>)]) -> String {
    let mut text =
        "No source of users knows these UIDs. If a directory (sssd, LDAP) is down, stop here.\n".to_owned();
    for (uid, name) in found {
        let name = name.as_deref().map(|name| format!(" ({})", defused(name))).unwrap_or_default();
        let _ = writeln!(text, "  UID {uid}{name}");
    }
    text.push_str("Remove what is left of them? [y/N] ");
    text
}

/// What `reset` removed of one user.
pub fn reset(report: &Removed) -> String {
    let user = report.user.as_deref().map(defused).unwrap_or_default();
    let mut text = match (report.removed.is_empty(), report.complete) {
        (true, true) => format!("{user}: nothing was set up: unchanged.\n"),
        (_, true) => format!("{user}: reset.\n"),
        (_, false) => format!("{user}: NOT reset wholly.\n"),
    };
    removed(&mut text, report);
    text
}

fn removed(text: &mut String, report: &Removed) {
    for path in &report.removed {
        let _ = writeln!(text, "  removed {}", defused(path));
    }
    if let Some(name) = report.record_of.as_ref().filter(|_| report.user.is_some()) {
        let _ = writeln!(text, "  the record was of {}, who had this UID before", defused(name));
    }
}

/// What `reset --orphans` removed.
pub fn orphans(report: &Orphans) -> String {
    let mut text = String::new();
    for one in &report.removed {
        let name = one.record_of.as_deref().map(|name| format!(" ({})", defused(name))).unwrap_or_default();
        let _ = writeln!(text, "UID {}{name}:", one.uid);
        removed(&mut text, one);
    }
    if report.removed.is_empty() {
        text.push_str("Nothing is left of former users: unchanged.\n");
    }
    for uid in &report.not_looked_up {
        let _ = writeln!(text, "UID {uid}: the look-up failed, so nothing was touched.");
    }
    text
}

/// While accounts are gone through, on a terminal.
pub fn progress(done: usize, all: usize) -> String {
    format!("{done} of {all} accounts")
}

/// The table.
pub fn report(report: &Report) -> String {
    let head = ["USER", "REQUIREMENT", "ENROLLED", "WHERE", "RECOVERY", "LAST USED"].map(str::to_owned);
    let rows: Vec<_> = report.accounts.iter().map(|one| (row(one), remarks(one))).collect();
    let mut widths = [0; 6];
    for cells in std::iter::once(&head).chain(rows.iter().map(|(cells, _)| cells)) {
        for (width, cell) in widths.iter_mut().zip(cells) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    let remarks_head = "REMARKS".to_owned();
    let all = std::iter::once((&head, &remarks_head)).chain(rows.iter().map(|(cells, more)| (cells, more)));
    for (cells, more) in all {
        let mut line = String::new();
        for (cell, width) in cells.iter().zip(widths) {
            let _ = write!(line, "{cell:<width$}  ");
        }
        line.push_str(more);
        let _ = writeln!(text, "{}", line.trim_end());
    }
    for stray in &report.ledgers_without_account {
        let name = stray.record_of.as_deref().map(|name| format!(" ({})", defused(name))).unwrap_or_default();
        let why =
            stray.fault.as_deref().map_or("no such account; see `twinlock reset --orphans`".into(), defused);
        let _ = writeln!(text, "record of UID {}{name}: {why}", stray.uid);
    }
    text.push_str(&summary(report));
    text
}

fn row(one: &Account) -> [String; 6] {
    let dash = || "-".to_owned();
    let last = one
        .last_used
        .as_ref()
        .map(|at| format!("{at} {}", one.last_service.as_deref().map(defused).unwrap_or_default()));
    let requirement = match one.would_be.filter(|other| *other != one.requirement) {
        Some(other) => format!("{} (would be {other})", one.requirement),
        None => one.requirement.to_owned(),
    };
    [
        defused(&one.user),
        requirement,
        one.enrolled.to_owned(),
        one.place.map_or_else(dash, str::to_owned),
        one.recovery_codes_left.map_or_else(dash, |left| left.to_string()),
        last.unwrap_or_else(dash),
    ]
}

fn remarks(one: &Account) -> String {
    let mut remarks = Vec::new();
    if one.disabled {
        remarks.push("disabled after too many wrong codes".to_owned());
    }
    remarks.extend(one.throttled_until.as_ref().map(|until| format!("throttled until {until}")));
    remarks.extend(one.grace_until.as_ref().map(|until| format!("may put it off until {until}")));
    remarks.extend(
        one.grace_days
            .map(|days| format!("may put it off for {} from the first login", count(days as usize, "day"))),
    );
    remarks.extend(one.exempt_until.as_ref().map(|date| format!("exempt until {date}")));
    remarks.extend(one.trouble.as_deref().map(defused));
    remarks.join("; ")
}

fn summary(report: &Report) -> String {
    let all = &report.accounts;
    let required = all.iter().filter(|one| one.requirement == "required");
    let (mut ready, mut open) = (0, 0);
    for one in required {
        match one.enrolled {
            "yes" | "off" => ready += 1,
            _ => open += 1,
        }
    }
    let from = report.from.as_deref().map(|from| format!(" from {}", defused(from))).unwrap_or_default();
    let trial = if report.policy.on_trial { ", on trial" } else { "" };
    let broken = if report.policy.valid {
        ""
    } else {
        "The policy is broken, so the STRICTEST policy is in force; `twinlock policy check` says why.\n"
    };
    format!(
        "\n{} by {}{from} at {}: {ready} required and enrolled, {open} required and not, {} not required.\n\
         policy=sha256:{:.12}{trial}\n{broken}",
        count(all.len(), "account"),
        defused(&report.service),
        report.at,
        all.len() - ready - open,
        report.policy.hash
    )
}
