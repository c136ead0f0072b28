//! A line in the log (authpriv) for every administrator's act: who, what, on whom, and what came of it. Who it was is
//! what the kernel says; the name that sudo left in the environment is a hint and is called one. Never a secret, a code
//! or what was typed.

use std::time::Duration;

use syslog::{Facility, Formatter3164, LoggerBackend};
use twinlock_system::logfmt::Line;

use crate::caller::Caller;
use crate::error::{Error, Exit};

const SOCKET: &str = "/dev/log";
/// How long a log that is busy is waited for.
const PATIENCE: Duration = Duration::from_secs(1);
/// What the kernel says of a session that nobody logged in to: (uid_t) -1.
const NO_LOGIN: &str = "4294967295";

/// One act, while it is done.
pub struct Act {
    line: Line,
    outcome: Option<&'static str>,
}

impl Act {
    /// Adds what was done.
    pub fn note(&mut self, key: &str, value: &str) -> &mut Self {
        self.line.plain(key, value);
        self
    }

    /// Adds on whom.
    pub fn on(&mut self, user: &str) -> &mut Self {
        self.line.quoted("user", user);
        self
    }

    /// Everything was as wanted already.
    pub fn unchanged(&mut self) {
        self.outcome = Some("unchanged");
    }
}

/// Does something that only root may do, and writes down what came of it, a refusal too.
///
/// # Errors
/// [`Error::AdministratorsOnly`], and whatever the act itself says.
pub fn act(
    event: &str,
    caller: &Caller,
    act: impl FnOnce(&mut Act) -> Result<Exit, Error>,
) -> Result<Exit, Error> {
    let mut made = Act { line: Line::event(event), outcome: None };
    made.line.quoted("by", &caller.user.name).plain("by_uid", &caller.user.uid.to_string());
    if let Some(uid) = login_uid() {
        made.line.plain("login_uid", &uid);
    }
    if let Some(hint) = std::env::var_os("SUDO_USER") {
        made.line.quoted("sudo_user_hint", &hint.to_string_lossy());
    }
    let done = if caller.is_root { act(&mut made) } else { Err(Error::AdministratorsOnly) };
    let (outcome, reason) = match &done {
        Ok(Exit::Done) => (made.outcome.unwrap_or("done"), None),
        Ok(Exit::PolicyInvalid) => ("refused", Some("policy_invalid")),
        Ok(_) => ("failed", None),
        Err(error) => (if error.is_refusal() { "refused" } else { "failed" }, Some(error.reason())),
    };
    made.line.plain("outcome", outcome);
    if let Some(reason) = reason {
        made.line.plain("reason", reason);
    }
    send(&made.line, done.is_ok());
    done
}

/// The user whom this session was begun for, by the kernel: proc(5). `sudo` and `su` leave it as it is.
fn login_uid() -> Option<String> {
    let text = std::fs::read_to_string("/proc/self/loginuid").ok()?;
    let text = text.trim();
    (!text.is_empty() && text != NO_LOGIN).then(|| text.to_owned())
}

/// Sends a line. A log that is not there, or does not read, delays nothing by more than [`PATIENCE`].
fn send(line: &Line, is_done: bool) {
    let formatter = Formatter3164 {
        facility: Facility::LOG_AUTHPRIV,
        hostname: None,
        process: "twinlock".to_owned(),
        pid: std::process::id(),
    };
    let Ok(mut logger) = syslog::unix_custom(formatter, SOCKET) else { return };
    let LoggerBackend::Unix(socket) = &logger.backend else { return };
    if socket.set_write_timeout(Some(PATIENCE)).is_err() {
        return;
    }
    // What an administrator wants done is done, whether or not it can be written down.
    let _ = if is_done { logger.notice(line) } else { logger.warning(line) };
}
