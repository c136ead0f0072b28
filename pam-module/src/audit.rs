//! The module's lines in the log: who wants in, by which way, and what came of it; and for a refused login pam_unix's
//! own line besides, for the tools that look for that. A name that NSS does not know is not written down: it may be
//! a password typed in the wrong place.

use twinlock_policy::Policy;
use twinlock_system::identity;
use twinlock_system::logfmt::{Line, one_line};

use crate::host::{Host, Level};
use crate::login::Login;

/// Whose name may stand in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named<'a> {
    /// A user whom NSS knows.
    User(&'a str),
    /// A name that NSS does not know, or was not asked about.
    Unknown,
}

/// A line that can be sent to the host's log.
pub trait ToLog {
    /// Sends it.
    fn send(&self, host: &mut dyn Host, level: Level);
}

impl ToLog for Line {
    fn send(&self, host: &mut dyn Host, level: Level) {
        host.log(level, self);
    }
}

/// Begins a line about a login.
pub fn event(event: &str, login: &Login, named: Named<'_>) -> Line {
    let mut line = Line::event(event);
    let name = match named {
        Named::User(name) => name,
        // sshd itself logs the names of unknown users; elsewhere a person may have typed a password.
        Named::Unknown if login.service == "sshd" => &login.name,
        Named::Unknown => "(unknown)",
    };
    line.quoted("user", name);
    line.plain("service", &login.service);
    line.plain("rhost", login.rhost.as_deref().unwrap_or_default());
    line.plain("tty", &login.tty);
    line
}

/// The line that pam_unix writes for a refused login, in its own shape.
pub fn authentication_failure(host: &mut dyn Host, login: &Login, named: Named<'_>) {
    let user = match named {
        Named::User(name) => format!("  user={}", one_line(name)),
        Named::Unknown => String::new(),
    };
    // Not logfmt: pam_unix's own shape.
    let line = Line::verbatim(format!(
        "authentication failure; logname= uid={} euid={} tty={} ruser={} rhost={}{user}",
        identity::real_uid(),
        identity::effective_uid(),
        one_line(&login.tty),
        one_line(&login.ruser),
        one_line(login.rhost.as_deref().unwrap_or_default()),
    ));
    host.log(Level::Notice, &line);
}

/// Says that the policy is broken, with the first fault's place.
pub fn policy_is_broken(host: &mut dyn Host, policy: &Policy) {
    let faults = policy.faults();
    let Some(first) = faults.first() else { return };
    let mut line = Line::event("policy_broken");
    line.quoted("fault", &first.to_string());
    line.plain("faults", &faults.len().to_string());
    line.quoted("effect", "the strictest policy is in force: codes are required and nobody can enrol");
    host.log(Level::Alert, &line);
}
