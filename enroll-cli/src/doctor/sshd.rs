//! What sshd is set to, by its own word: `sshd -T`, for a user and an address where they are given.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use super::problem::Problem;
use super::rules::Rules;
use super::services::Service;

/// The daemon.
pub const PROGRAM: &str = "/usr/sbin/sshd";
/// Seconds that a first login may need: unlocking a phone, installing an app, scanning, a code.
const GRACE: u64 = 300;

/// What sshd said.
#[derive(Debug)]
pub enum Said {
    /// There is no sshd on this host.
    Nothing,
    /// It cannot be asked, which does not mean that it does not run.
    Unasked(String),
    /// It would not start.
    Fault(String),
    /// Its settings.
    Settings(Settings),
}

/// Settings in force, by lower-case name.
#[derive(Debug, Default)]
pub struct Settings(BTreeMap<String, String>);

/// Asks sshd.
pub fn ask(user: Option<&str>, from: Option<IpAddr>) -> Said {
    if !Path::new(PROGRAM).exists() {
        return Said::Nothing;
    }
    let mut command = Command::new(PROGRAM);
    command.arg("-T");
    if user.is_some() || from.is_some() {
        let address = from.map_or("127.0.0.1".to_owned(), |from| from.to_string());
        command.arg("-C").arg(format!("user={},host={address},addr={address}", user.unwrap_or("root")));
    }
    match command.stdin(Stdio::null()).output() {
        Ok(output) if output.status.success() => {
            Said::Settings(Settings::parse(&String::from_utf8_lossy(&output.stdout)))
        }
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            // Its folder is made by the unit that starts it.
            if said.contains("privilege separation directory") {
                Said::Unasked(said)
            } else {
                Said::Fault(said)
            }
        }
        Err(error) => Said::Unasked(error.to_string()),
    }
}

impl Settings {
    /// Reads what `sshd -T` prints.
    pub fn parse(text: &str) -> Self {
        let pair = |line: &str| {
            let (name, value) = line.trim().split_once(char::is_whitespace)?;
            Some((name.to_ascii_lowercase(), value.trim().to_owned()))
        };
        Self(text.lines().filter_map(pair).collect())
    }

    fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    fn is(&self, name: &str, value: &str) -> bool {
        self.get(name).eq_ignore_ascii_case(value)
    }

    /// The value of `PermitRootLogin`, where it makes sshd replace every answer that root types; None where root may
    /// answer, where root is refused anyway, and where PAM is not asked.
    pub fn replaces_roots_answers(&self) -> Option<&str> {
        let value = self.get("permitrootlogin");
        let barred = ["without-password", "prohibit-password", "forced-commands-only"].contains(&value);
        (barred && !self.is("usepam", "no")).then_some(value)
    }

    /// The lists of methods of which one must pass whole. Without a list each method that is on is one; `password` has a
    /// finding of its own.
    fn lists(&self) -> Vec<String> {
        let methods = self.get("authenticationmethods");
        if !methods.is_empty() && methods != "any" {
            return methods.split_whitespace().map(str::to_owned).collect();
        }
        let alone = [
            ("pubkeyauthentication", "publickey"),
            ("hostbasedauthentication", "hostbased"),
            ("gssapiauthentication", "gssapi-with-mic"),
            ("kbdinteractiveauthentication", "keyboard-interactive"),
        ];
        let on = alone.iter().filter(|(setting, _)| self.is(setting, "yes"));
        on.map(|(_, method)| (*method).to_owned()).collect()
    }
}

/// Who is asked about.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// The user of `-C`.
    pub user: Option<&'a str>,
    /// Somebody means root to log in: there are keys in root's home.
    pub root_has_keys: bool,
}

/// Judges the settings for a service `sshd` that has us.
pub fn judge(settings: &Settings, service: &Service, rules: &Rules, about: About<'_>) -> Vec<Problem> {
    // Without PAM nothing else matters.
    if settings.is("usepam", "no") {
        return vec![Problem::SshdWithoutPam];
    }
    let mut problems = Vec::new();
    let passwords = settings.is("passwordauthentication", "yes");
    let one_answer = service.takes_one_answer();
    if settings.is("kbdinteractiveauthentication", "no") && !(passwords && one_answer) {
        problems.push(Problem::SshdCannotAsk);
    }
    if passwords && !one_answer {
        problems.push(Problem::SshdPasswords);
    }
    let refused = rules.account_required.contains("sshd") && service.account.ours().next().is_some();
    for list in settings.lists() {
        let methods: Vec<&str> =
            list.split(',').map(|method| method.split(':').next().unwrap_or(method)).collect();
        let code = methods
            .iter()
            .position(|method| *method == "keyboard-interactive" || one_answer && *method == "password");
        let key = methods.iter().position(|method| *method == "publickey");
        match code {
            None if methods == ["password"] => {}
            None => {
                let serious = rules.requires || !refused;
                problems.push(Problem::SshdMethods { list, refused, serious });
            }
            Some(code) if service.counts_on_a_key() && key.is_none_or(|key| key > code) => {
                problems.push(Problem::SshdWithoutKey { list });
            }
            Some(_) => {}
        }
    }
    let asked_about = about.user == Some("root");
    if let Some(root) = settings.replaces_roots_answers()
        && (asked_about || about.user.is_none() && about.root_has_keys)
    {
        problems.push(Problem::SshdRoot { value: root.to_owned(), asked_about });
    }
    if let Ok(seconds @ 1..GRACE) = settings.get("logingracetime").parse()
        && rules.leads_through_enrolment
        && rules.enroll_at.contains("sshd")
    {
        problems.push(Problem::SshdGrace { seconds });
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    const RIGHT: &str = "usepam yes\nlogingracetime 600\npermitrootlogin without-password\n\
                         pubkeyauthentication yes\npasswordauthentication no\nkbdinteractiveauthentication yes\n\
                         authenticationmethods publickey,keyboard-interactive keyboard-interactive:pam\n";

    fn found(settings: &str, auth: &str, about: About<'_>) -> Vec<&'static str> {
        let text = format!("{auth}account required pam_twinlock.so\naccount required pam_unix.so\n");
        let service = Service::read("sshd", &|_: &str| Some(("sshd".to_owned(), text.clone())));
        let sshd = ["sshd".to_owned()];
        let rules = Rules {
            requires: true,
            leads_through_enrolment: true,
            enroll_at: sshd.clone().into(),
            account_required: sshd.into(),
        };
        judge(&Settings::parse(settings), &service, &rules, about).iter().map(Problem::id).collect()
    }

    #[test]
    fn each_setting_that_gets_in_the_way_is_found() {
        const ANYBODY: About<'_> = About { user: None, root_has_keys: false };
        let with = "auth requisite pam_unix.so\nauth required pam_twinlock.so account_phase\n";
        let one = "auth required pam_twinlock.so account_phase forward_pass\nauth requisite pam_unix.so use_first_pass\n";
        let key =
            "auth required pam_permit.so\nauth required pam_twinlock.so account_phase after_publickey\n";
        for (changed, auth, about, expected) in [
            ("", with, ANYBODY, &[][..]),
            ("usepam no", with, ANYBODY, &["sshd-no-pam"]),
            ("kbdinteractiveauthentication no", with, ANYBODY, &["sshd-cannot-ask"]),
            ("passwordauthentication yes", with, ANYBODY, &["sshd-passwords"]),
            ("authenticationmethods any", with, ANYBODY, &["sshd-methods"]),
            ("authenticationmethods any\npubkeyauthentication no", with, ANYBODY, &[]),
            ("authenticationmethods publickey", with, ANYBODY, &["sshd-methods"]),
            (
                "authenticationmethods publickey,password keyboard-interactive",
                with,
                ANYBODY,
                &["sshd-methods"],
            ),
            ("", key, ANYBODY, &["sshd-no-key"]),
            ("authenticationmethods publickey,keyboard-interactive", key, ANYBODY, &[]),
            ("authenticationmethods keyboard-interactive,publickey", key, ANYBODY, &["sshd-no-key"]),
            ("", with, About { user: Some("root"), root_has_keys: false }, &["sshd-root"]),
            ("", with, About { user: Some("maria"), root_has_keys: true }, &[]),
            ("", with, About { user: None, root_has_keys: true }, &["sshd-root"]),
            (
                "passwordauthentication yes\nkbdinteractiveauthentication no\nauthenticationmethods publickey,password",
                one,
                ANYBODY,
                &[],
            ),
            ("permitrootlogin yes", with, About { user: Some("root"), root_has_keys: true }, &[]),
            ("logingracetime 120", with, ANYBODY, &["sshd-grace"]),
            ("logingracetime 300", with, ANYBODY, &[]),
            ("logingracetime 0", with, ANYBODY, &[]),
        ] {
            // The last value of a name counts here, the first in sshd_config.
            assert_eq!(found(&format!("{RIGHT}{changed}\n"), auth, about), expected, "{changed} {auth}");
        }
    }
}
