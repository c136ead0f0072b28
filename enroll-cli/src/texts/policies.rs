//! The words of `twinlock policy`.

use std::fmt::Write;

use twinlock_policy::{Doubt, Mismatch, TrialState};
use twinlock_system::Fault;

use super::{count, defused};
use crate::policy::{Check, Explained, Finding, Grace, Required, Show, Trial};

/// Faults, then warnings: place and message, and below how to mend it.
pub fn findings(faults: &[Finding<'_>], warnings: &[Finding<'_>]) -> String {
    let mut text = String::new();
    for (kind, list) in [("", faults), ("warning: ", warnings)] {
        for Finding { file, line, column, message, mend } in list {
            let place =
                [*line, *column].into_iter().flatten().map(|number| format!(":{number}")).collect::<String>();
            let found = format!("{file}{place}: {kind}{message}");
            let _ = write!(text, "{}\n  {}\n", defused(&found), defused(mend));
        }
    }
    text
}

/// The last line of a check that found no fault.
pub fn policy_is_sound(check: &Check<'_>) -> String {
    let warnings = if check.warnings.is_empty() {
        String::new()
    } else {
        format!(", {}", count(check.warnings.len(), "warning"))
    };
    format!(
        "The policy is sound: {}, {}{warnings}, sha256:{:.12}\n",
        count(check.files.len(), "file"),
        count(check.rules, "rule"),
        check.hash
    )
}

/// The last line of a check that found faults.
pub fn policy_is_invalid(faults: usize, in_force: bool) -> String {
    let meanwhile = if in_force { "; until all are mended the strictest policy is in force" } else { "" };
    format!("The policy is invalid: {}{meanwhile}.\n", count(faults, "fault"))
}

/// A group of a rule that nobody knows.
pub fn unknown_group(rule: &str, group: &str) -> (String, String) {
    (
        format!("rule {rule:?} names the group {group:?}, which does not exist"),
        "correct the name or make the group; until then the rule is taken both ways, and the stricter holds"
            .to_owned(),
    )
}

/// A group of a rule that could not be looked up.
pub fn group_not_looked_up(rule: &str, group: &str, fault: &Fault) -> (String, String) {
    (
        format!("rule {rule:?} names the group {group:?}: {fault}"),
        "see that the directory (sssd, LDAP) is up; until then the rule is taken both ways, and the stricter holds"
            .to_owned(),
    )
}

/// No administrator would get in.
pub fn no_administrator_gets_in(names: &[&str]) -> (String, String) {
    (
        format!("with this policy no administrator could log in ({})", names.join(", ")),
        "enrol one before it counts: `twinlock enroll`, or `twinlock enroll --user NAME`".to_owned(),
    )
}

/// No administrator has a code yet.
pub fn no_administrator_enrolled(names: &[&str]) -> (String, String) {
    (
        format!("no administrator is enrolled yet ({})", names.join(", ")),
        "enrol one, `twinlock enroll`; else keep a session open until one has logged in with a code"
            .to_owned(),
    )
}

/// Users who need a code and cannot get one, the first of them by name.
pub fn no_way_to_enrol(users: usize, names: &[&str]) -> (String, String) {
    let more = if users > names.len() { ", ..." } else { "" };
    (
        format!("no way to enrol at any login, and a code is required: {}: {}{more}", count(users, "user"), names.join(", ")),
        "`twinlock enroll --user NAME` for each; or unenrolled = \"enroll\", and in enroll_at a service whose line \
         for pam_twinlock.so says account_phase"
            .to_owned(),
    )
}

/// sshd passes no answer of root's on.
pub fn root_cannot_answer(setting: &str) -> (String, String) {
    // What `sshd -T` still calls it.
    let setting = if setting == "without-password" { "prohibit-password" } else { setting };
    (
        format!(
            "root is asked for a code at sshd, which replaces every answer there (PermitRootLogin {setting}): root is refused"
        ),
        "log in as a user and use sudo; or, in sshd_config: PermitRootLogin yes".to_owned(),
    )
}

/// What is in force, as a policy would be written, with the place of each value.
pub fn policy_in_force(show: &Show<'_>) -> String {
    let mut text = String::new();
    if !show.valid {
        text.push_str(
            "# The policy is broken, so the STRICTEST policy is in force: everybody needs a code, nobody\n",
        );
        text.push_str("# can enrol at login, no rule counts. `twinlock policy check` lists all faults.\n");
    }
    for file in show.files {
        let _ = writeln!(text, "# read: {}", defused(file));
    }
    if let Some(trial) = trial(show.trial) {
        let _ = writeln!(text, "# trial: {trial}");
    }
    let _ = writeln!(text, "# policy=sha256:{:.12}\n", show.hash);
    for setting in &show.settings {
        text.push_str(&line(setting.key, &setting.value, setting.file.as_deref(), setting.line));
    }
    for rule in &show.rules {
        let _ = write!(text, "\n[[rule]] # {}:{}\n", defused(rule.file), rule.line);
        let mut add = |key: &str, value: String| {
            let _ = writeln!(text, "{key} = {}", defused(&value));
        };
        add("name", format!("{:?}", rule.rule));
        let networks: Vec<&str> = rule.networks.iter().map(String::as_str).collect();
        for (key, names) in [
            ("users", &rule.users),
            ("groups", &rule.groups),
            ("services", &rule.services),
            ("networks", &networks),
        ] {
            if !names.is_empty() {
                add(key, format!("{names:?}"));
            }
        }
        if let Some(date) = &rule.exempt_until {
            add("exempt", "true".to_owned());
            add("expires", date.clone());
        }
        for (key, value) in [("reason", rule.reason), ("approved_by", rule.approved_by)] {
            if let Some(value) = value {
                add(key, format!("{value:?}"));
            }
        }
        for setting in &rule.settings {
            add(setting.key, setting.value.clone());
        }
    }
    text
}

/// What became of a trial; None where there is none.
pub fn trial(state: TrialState) -> Option<String> {
    Some(match state {
        TrialState::Absent => return None,
        TrialState::Holds { until } => format!("in force until {}", super::instant(until)),
        TrialState::NotYet { start } => format!("passed over: it begins {}", super::instant(start)),
        TrialState::Ended { deadline } => format!("passed over: it ended {}", super::instant(deadline)),
        TrialState::OtherBoot => "passed over: the host was booted since".to_owned(),
        TrialState::ClockBehind => "passed over: the clock is behind".to_owned(),
        TrialState::Broken => "broken: nobody can say whether it holds".to_owned(),
    })
}

fn line(key: &str, value: &str, file: Option<&str>, line: Option<u32>) -> String {
    let from = match (file, line) {
        (Some(file), Some(line)) => format!("{file}:{line}"),
        _ => "default".to_owned(),
    };
    let setting = format!("{key} = {value}");
    defused(&format!("{setting:<40} # {from}")) + "\n"
}

/// Why a rule does not match.
pub fn mismatch(why: Mismatch) -> String {
    match why {
        Mismatch::Service => "the service is not among services".to_owned(),
        Mismatch::User => "the user is not among users".to_owned(),
        Mismatch::Network => "the address is in none of networks".to_owned(),
        Mismatch::Group => "the user is in none of groups".to_owned(),
        Mismatch::Expired(date) => format!("the exemption ended with {date}"),
        Mismatch::ClockBehind => "the clock is behind, so no exemption holds".to_owned(),
    }
}

/// Why a rule could not be decided.
pub fn doubt(doubt: &Doubt) -> String {
    match doubt {
        Doubt::Address(rhost) => format!("{rhost:?} is no address"),
        Doubt::Group { group, why } => format!("group {group:?}: {why}"),
    }
}

/// What one login needs.
pub fn explanation(explained: &Explained) -> String {
    let mut text = String::new();
    let mut add = |line: String| {
        text.push_str(&defused(&line));
        text.push('\n');
    };
    let from = explained.from.as_deref().map_or("from this host".to_owned(), |from| format!("from {from}"));
    add(format!("{} by {} {from} at {}", explained.user, explained.service, explained.at));
    let decision = &explained.decision;
    add(match decision.requirement {
        "exempt" => "  no code is asked for (exempt)".to_owned(),
        "required" => "  a code is required".to_owned(),
        _ => "  a code is asked for if the user is enrolled".to_owned(),
    });
    add(format!("  because of {}", decision.reason));
    if decision.requirement == "required" {
        add(format!(
            "  if not enrolled: {}",
            unenrolled(&explained.service, decision.unenrolled, decision.enroll_here)
        ));
        if let Some(grace) = grace(&decision.grace) {
            add(format!("  grace: {grace}"));
        }
    }
    if decision.remember > 0 {
        add(format!("  after a code, none is asked for from this address for {} s", decision.remember));
    }
    if let Some(reported) = &explained.reported {
        add(format!("  report only: require_mfa = true would make it {}", reported.requirement));
    }
    for one in &explained.considered {
        let why = if one.why.is_empty() { String::new() } else { format!(": {}", one.why.join("; ")) };
        add(format!("rule {:?} ({}:{}) {}{why}", one.rule, one.file, one.line, one.outcome));
    }
    text
}

fn unenrolled(service: &str, unenrolled: &str, enroll_here: bool) -> String {
    match (unenrolled, enroll_here) {
        ("enroll", _) => "the login leads through enrolment".to_owned(),
        (_, true) => "refused (unenrolled = \"deny\")".to_owned(),
        (_, false) => format!("refused; {service} cannot lead through enrolment, or may not (enroll_at)"),
    }
}

fn grace(grace: &Grace) -> Option<String> {
    match (grace.lasts, &grace.until, grace.days) {
        (Some(true), Some(until), _) => Some(format!("enrolment may be put off until {until}")),
        (Some(false), Some(until), _) => Some(format!("over since {until}")),
        (None, _, Some(days)) => {
            Some(format!("{} from the first login, which only root can look up", count(days as usize, "day")))
        }
        _ => None,
    }
}

/// The last line about a new text that is no policy.
pub fn nothing_was_changed(faults: usize) -> String {
    format!("Nothing was changed: the new policy would have {}.\n", count(faults, "fault"))
}

/// What `policy require` did.
pub fn required(report: &Required) -> String {
    let value = match report.require_mfa {
        "on" => "true",
        "off" => "false",
        _ => "\"report\"",
    };
    let done = if report.changed { "" } else { " already: unchanged" };
    let rules = match report.rules_of_their_own {
        0 => String::new(),
        1 => "1 rule says for itself what it requires (`twinlock policy show`).\n".to_owned(),
        more => format!("{more} rules say for themselves what they require (`twinlock policy show`).\n"),
    };
    format!("{}: require_mfa = {value}{done}\n{rules}", defused(&report.file))
}

/// What `policy require` warns of.
pub fn required_but(report: &Required) -> String {
    administrators(report.nobody_enrolled, report.locked_out)
}

/// What `policy try` and `policy confirm` warn of.
pub fn trial_but(report: &Trial) -> String {
    administrators(report.nobody_enrolled, report.locked_out)
}

fn administrators(nobody_enrolled: bool, locked_out: bool) -> String {
    if locked_out {
        "twinlock: warning: no administrator can log in under this policy.\n  \
         Keep this session open, and enrol one: `twinlock enroll`, or `twinlock enroll --user NAME`\n"
            .to_owned()
    } else if nobody_enrolled {
        "twinlock: warning: no administrator is enrolled yet; the next login of one leads through enrolment.\n  \
         Keep this session open until one has logged in with a code.\n"
            .to_owned()
    } else {
        String::new()
    }
}

/// What `policy try` and `policy confirm` did.
pub fn trial_report(report: &Trial) -> String {
    let until = report.until.as_deref().unwrap_or_default();
    match report.trial {
        "begun" => format!(
            "On trial until {until}; then policy.toml holds again, by itself.\n\
             Keep this session open and log in with a code from a second one. Then:\n  \
             twinlock policy confirm      makes it permanent\n  \
             twinlock policy try --end    ends it now\n"
        ),
        "ended" => "The trial has ended: policy.toml holds again.\n".to_owned(),
        "confirmed" => "Permanent: policy.toml is what was on trial.\n".to_owned(),
        _ => "No policy is on trial: unchanged.\n".to_owned(),
    }
}
