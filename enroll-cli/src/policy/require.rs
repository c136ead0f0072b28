//! `twinlock policy require`: one value in policy.toml. Every other byte of it stays as it is, comments, order and line
//! ends included, so a diff shows one line.

use serde::Serialize;
use toml::de::DeTable;
use twinlock_system::{Paths, policy_change, policy_files};

use super::change;
use crate::administrators::{Outlook, WayIn};
use crate::caller::Caller;
use crate::cli::RequireMfa;
use crate::error::{Error, Exit};
use crate::{audit, in_force, terminal, texts};

/// The report.
#[derive(Debug, Serialize)]
pub struct Required {
    /// "on", "off" or "report".
    pub require_mfa: &'static str,
    pub changed: bool,
    pub valid: bool,
    pub file: String,
    /// Rules that say for themselves what they require.
    pub rules_of_their_own: usize,
    /// No administrator is enrolled yet; the next login of one enrols.
    pub nobody_enrolled: bool,
    /// No administrator can log in; it was insisted on.
    pub locked_out: bool,
}

/// Sets `require_mfa`.
///
/// # Errors
/// [`Error`]; then nothing was changed.
pub fn run(
    value: RequireMfa,
    force: bool,
    json: bool,
    caller: &Caller,
    paths: &Paths,
) -> Result<Exit, Error> {
    audit::act("admin_policy_require", caller, |act| {
        act.note("require_mfa", word(value));
        let files = policy_files::read(paths);
        let now = in_force::parse(&files);
        change::no_trial(&now)?;
        let Ok(before) = &files.main.text else {
            return change::refuse(&in_force::parse_instead(&files.main, &files), json);
        };
        // A text that is not TOML is refused below, with every fault.
        let text = edited(before, value).unwrap_or_else(|| before.to_vec());
        let new = in_force::parse_instead(&change::draft(&files.main.path, &text), &files);
        if !new.faults.is_empty() {
            return change::refuse(&new, json);
        }
        let mut report = Required {
            require_mfa: word(value),
            changed: text != before.as_slice(),
            valid: true,
            file: files.main.path.clone(),
            rules_of_their_own: own_rules(&new.policy),
            nobody_enrolled: false,
            locked_out: false,
        };
        if !report.changed {
            act.unchanged();
        } else {
            if value == RequireMfa::On {
                let outlook = Outlook::under(&new.policy, paths);
                report.nobody_enrolled = outlook.best() == WayIn::Enrolment;
                report.locked_out = outlook.best() == WayIn::None;
                if report.locked_out && !force {
                    return Err(Error::LocksOut(outlook.names().into_iter().map(str::to_owned).collect()));
                }
            }
            change::still(&files, paths)?;
            policy_change::replace(paths, &text)?;
            act.note("policy", &format!("sha256:{:.12}", new.policy.hash_hex()));
        }
        if json {
            terminal::print_json(&report)?;
        } else {
            terminal::complain(&texts::required_but(&report));
            terminal::print(&texts::required(&report)).map_err(Error::Output)?;
        }
        Ok(Exit::Done)
    })
}

fn word(value: RequireMfa) -> &'static str {
    match value {
        RequireMfa::On => "on",
        RequireMfa::Off => "off",
        RequireMfa::Report => "report",
    }
}

fn own_rules(policy: &twinlock_policy::Policy) -> usize {
    let own = |rule: &twinlock_policy::RuleView<'_>| {
        rule.exempt_until().is_some() || rule.settings().iter().any(|setting| setting.key == "require_mfa")
    };
    policy.rules().filter(own).count()
}

/// The text with another value of `require_mfa`, or with the key above everything else where there is none; None when it
/// is no TOML.
fn edited(text: &[u8], value: RequireMfa) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(text).ok()?;
    // The parser does not count it; it stays where it is.
    let (mark, body) = text.strip_prefix('\u{feff}').map_or(("", text), |body| ("\u{feff}", body));
    let document = DeTable::parse(body).ok()?;
    let written = match value {
        RequireMfa::On => "true",
        RequireMfa::Off => "false",
        RequireMfa::Report => "\"report\"",
    };
    let found = document.get_ref().iter().find(|(key, _)| *key.get_ref() == "require_mfa");
    let new = match found {
        Some((_, old)) => {
            let place = old.span();
            format!("{mark}{}{written}{}", body.get(..place.start)?, body.get(place.end..)?)
        }
        None => format!("{mark}require_mfa = {written}\n{body}"),
    };
    Some(new.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_changes_and_not_a_byte_besides() {
        for (before, value, after) in [
            ("require_mfa = false\n", RequireMfa::On, "require_mfa = true\n"),
            (
                "# ours\r\nissuer = \"A\"\r\nrequire_mfa=\"report\" # pilot\r\n\r\n[throttle]\r\n",
                RequireMfa::On,
                "# ours\r\nissuer = \"A\"\r\nrequire_mfa=true # pilot\r\n\r\n[throttle]\r\n",
            ),
            ("\u{feff}require_mfa = true", RequireMfa::Report, "\u{feff}require_mfa = \"report\""),
            (
                "\"require_mfa\" = 'report'\n[[rule]]\nrequire_mfa = true\n",
                RequireMfa::Off,
                "\"require_mfa\" = false\n[[rule]]\nrequire_mfa = true\n",
            ),
            ("# nothing\n[throttle]\n", RequireMfa::Off, "require_mfa = false\n# nothing\n[throttle]\n"),
        ] {
            let edited = edited(before.as_bytes(), value);
            assert_eq!(edited.as_deref(), Some(after.as_bytes()), "{before}");
        }
        assert_eq!(edited(b"require_mfa = ", RequireMfa::On), None);
        assert_eq!(edited(b"\xff", RequireMfa::On), None);
    }
}
