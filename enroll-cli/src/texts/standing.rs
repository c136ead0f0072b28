//! The words of `twinlock status` and `twinlock verify`.

use super::{count, defused};
use crate::status::{AuthenticatorState, CredentialState, LedgerState, Status};
use crate::verify::{Checked, Recorded};

/// A right code.
pub fn code_is_right(checked: &Checked, recorded: Recorded) -> String {
    let what = match checked {
        Checked::Authenticator(label) => format!("The code is right ({}).", defused(label)),
        Checked::Recovery(left) => {
            let leaves = if recorded == Recorded::Yes { "It leaves" } else { "Used at a login, it leaves" };
            format!("The recovery code is right. {leaves} {left}.")
        }
        Checked::RecoveryPerhapsUsed => {
            "The recovery code belongs to your set. Whether it was used before, only root can see.".to_owned()
        }
        Checked::RecoveryTooEarly => {
            "The recovery code belongs to your set. A login takes it only after a first code \
                                      from the app."
                .to_owned()
        }
    };
    let became = match recorded {
        Recorded::Yes => "It is used up now, as at a login.",
        Recorded::DryRun => "Checked only: it was not used up and not counted.",
        Recorded::NoHelper => {
            "Checked only: it was not used up and not counted, since the check helper is\nnot installed here."
        }
    };
    format!("{what}\n{became}\n")
}

/// The whole report.
pub fn status(status: &Status) -> String {
    let mut lines = Lines::default();
    lines.add("User", &format!("{} (UID {})", status.user, status.uid));
    if let Some(required) = status.required {
        lines.add("Code", if required { "required" } else { "not required" });
    }
    credential(&mut lines, &status.credential, status.ledger.is_some());
    match &status.ledger {
        None => lines.add("Ledger", &format!("only root can read it: sudo twinlock status {}", status.user)),
        Some(ledger) => self::ledger(&mut lines, ledger, &status.credential),
    }
    lines.0
}

/// Lines of a name and a value each.
#[derive(Default)]
struct Lines(String);

impl Lines {
    fn add(&mut self, name: &str, value: &str) {
        let name = if name.is_empty() { String::new() } else { format!("{name}:") };
        self.0.push_str(&format!("{name:<16} {}\n", defused(value)));
    }
}

fn credential(lines: &mut Lines, credential: &CredentialState, is_root: bool) {
    let path = credential.path.as_deref().unwrap_or_default();
    let fault = credential.fault.as_deref().unwrap_or_default();
    match credential.state {
        "valid" => lines.add("Credential", path),
        "damaged" => lines.add("Credential", &format!("{path} is damaged: {fault}; logins are refused")),
        "sealed" => lines.add("Credential", &format!("{path}, which only root can read")),
        "unreadable" => lines.add("Credential", &format!("not usable: {fault}; logins are refused")),
        _ => lines.add("Credential", "none"),
    }
    for one in &credential.authenticators {
        lines.add("Authenticator", &authenticator(one));
    }
    if credential.state == "valid" && !is_root {
        lines.add(
            "Recovery codes",
            &format!("{} in the credential, used ones among them", credential.recovery_codes),
        );
    }
}

fn authenticator(one: &AuthenticatorState) -> String {
    let day = one.enrolled.split('T').next().unwrap_or_default();
    let unknown = if one.registered == Some(false) { "; NOT REGISTERED: logins are refused" } else { "" };
    format!(
        "{:?}, {}, {} digits, {} s, enrolled {day}{unknown}",
        one.label, one.algorithm, one.digits, one.period
    )
}

fn ledger(lines: &mut Lines, ledger: &LedgerState, credential: &CredentialState) {
    if let Some(fault) = &ledger.fault {
        return lines.add("Ledger", &format!("not usable: {fault}; logins are refused"));
    }
    if !ledger.enrolled {
        let next = if credential.state == "valid" {
            "; the first code that a login accepts registers it"
        } else {
            ""
        };
        lines.add("Ledger", &format!("not enrolled{next}"));
    } else {
        let switch = if ledger.switched_off { "switched off by the user" } else { "on" };
        let registered =
            ledger.registered.map(|number| format!(", {} registered", count(number, "authenticator")));
        lines.add("Ledger", &format!("enrolled, {switch}{}", registered.unwrap_or_default()));
        match (credential.state, ledger.knows_credential) {
            ("absent", _) => {
                lines.add("", "the credential is gone: logins are refused until it is back, or reset")
            }
            (_, Some(false)) => lines.add("", "the credential is not the registered one: logins are refused"),
            _ => {}
        }
        lines.add("Recovery codes", &format!("{} left", ledger.recovery_codes_left.unwrap_or(0)));
    }
    let last = ledger.last_accepted.as_ref();
    lines.add(
        "Last accepted",
        &last.map_or("never".to_owned(), |last| format!("{} for {}", last.at, last.service)),
    );
    let since = ledger.failing_since.as_ref().map(|since| format!(", since {since}")).unwrap_or_default();
    lines.add("Wrong codes", &format!("{}{since}", ledger.failures));
    if let Some(until) = &ledger.throttled_until {
        lines.add("Throttled", &format!("until {until}"));
    }
    if ledger.throttled_sources > 0 {
        lines.add("", &format!("{} must wait", count(ledger.throttled_sources, "address")));
    }
    if ledger.disabled {
        lines.add("Disabled", "too many wrong codes; an administrator has to unlock");
    }
}
