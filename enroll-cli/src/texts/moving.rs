//! The words of `twinlock import`.

use std::fmt::Write;

use twinlock_system::clock;

use super::{count, defused};
use crate::import::{Imported, Told, What};

/// What there is to tell of a line or a file.
pub fn import_remark(what: &What) -> String {
    match what {
        What::Invalid(what) => format!("not carried: the other module refuses it too ({what})"),
        What::Ignored => "passed over, as the other module does".to_owned(),
        What::Hotp => "not carried: counter-based (HOTP) tokens are not supported; enrol anew".to_owned(),
        What::NotTotp => "not carried: time-based codes are not switched on in it (TOTP_AUTH)".to_owned(),
        What::SecretLength(bytes) => {
            format!("not carried: the secret has {}; 10 to 128 are taken", count(*bytes, "byte"))
        }
        What::Period(seconds) => format!("not carried: a step of {seconds} s; 15 to 120 are taken"),
        What::Skew(steps) => format!(
            "the phone's clock is {steps} steps off, and at most 4 are followed: it must be set right, or its codes are refused"
        ),
        What::Window(steps) => {
            format!("a window of {steps} steps is not carried: a code of the step before or after is taken")
        }
        What::ScratchCodes(codes) => format!(
            "{} not carried: they have 8 digits; `twinlock recovery-codes` makes new ones",
            count(*codes, "scratch code")
        ),
        What::RateLimit => "its limit is not carried: the policy's [throttle] holds".to_owned(),
        What::BurnedUpToNow => {
            "the other module did not note what was used: codes up to now count as used".to_owned()
        }
        What::UsedUntil(end) => {
            format!("codes until {} count as used there, and so here", clock::readable(*end))
        }
        What::Pin => "its PIN is not carried: the first factor is the stack's password line".to_owned(),
        What::Twice => "the same secret again: passed over".to_owned(),
    }
}

/// Another credential is there.
pub fn import_other_credential(user: &str) -> String {
    format!("there is another credential already; `twinlock reset {user}` first if it shall be replaced")
}

/// A credential is there that cannot be used.
pub fn import_damaged(fault: &str, user: &str) -> String {
    format!("there is a credential that cannot be used ({fault}); `twinlock reset {user}` first")
}

/// The ledger knows a credential that is gone.
pub fn import_credential_gone(user: &str) -> String {
    format!("was set up here before, and the credential is gone; `twinlock reset {user}` first")
}

/// Nobody has this name.
pub fn import_no_user() -> String {
    "there is no such user".to_owned()
}

/// A user who was named has no file.
pub fn import_no_file(name: &str) -> String {
    format!("there is no ~/{name}")
}

/// The whole report.
pub fn imported(report: &Imported) -> String {
    let mut text = String::new();
    for told in &report.remarks {
        remark(&mut text, "", told);
    }
    let mut done = 0;
    for one in &report.users {
        let user = defused(&one.user);
        let authenticators = match one.outcome {
            "imported" | "would be imported" => format!(" ({})", count(one.authenticators, "authenticator")),
            _ => String::new(),
        };
        let why = one.why.as_deref().map(|why| format!(": {}", defused(why))).unwrap_or_default();
        let removed = if one.removed { "; the old file is removed" } else { "" };
        let _ = writeln!(text, "{user}: {}{authenticators}{why}{removed}", one.outcome);
        for told in &one.remarks {
            remark(&mut text, "  ", told);
        }
        done += usize::from(one.outcome == report.done());
    }
    let unchanged = report.users.iter().filter(|one| one.outcome == "unchanged").count();
    let _ = writeln!(
        text,
        "{}: {done} {}, {unchanged} unchanged, {} not.{}",
        count(report.users.len(), "user"),
        report.done(),
        report.users.len() - done - unchanged,
        if report.removed { " The old file is removed." } else { "" }
    );
    text
}

fn remark(text: &mut String, indent: &str, told: &Told) {
    let line = told.line.map(|line| format!("line {line}: ")).unwrap_or_default();
    let _ = writeln!(text, "{indent}{line}{}", defused(&told.text));
}
