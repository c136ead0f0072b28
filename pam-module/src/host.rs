//! The host as a flow sees it: a few questions, a conversation, a log. [`PamHost`] is the real one; a test can
//! write a script instead. No flow sees a pointer or a PAM constant.

use std::ffi::CStr;

use pam::constants::{
    PAM_ERROR_MSG, PAM_PROMPT_ECHO_OFF, PAM_PROMPT_ECHO_ON, PAM_SILENT, PAM_TEXT_INFO, PamFlag,
    PamMessageStyle,
};
use pam::conv::Conv;
use pam::items::{AuthTok, RHost, RUser, Service, Tty};
use pam::module::PamHandle;
use pam::secret::SecretBytes;
use twinlock_system::faults;
use twinlock_system::logfmt::Line;

use crate::ffi;
use crate::marker::Marker;

const MARKER: &str = "twinlock_marker";

/// How an answer is shown while it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Echo {
    /// Not at all.
    Off,
    /// As typed.
    On,
}

/// Levels of the log, as in syslog(3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Somebody has to act now: the policy is broken.
    Alert,
    /// Something that must work does not.
    Error,
    /// A refusal.
    Notice,
    /// Everything else.
    Info,
}

/// The host could not do it: no conversation, no memory, no such item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostFault;

/// What somebody typed; wiped when dropped.
pub type Answer = SecretBytes;

/// Everything a flow may ask of the application that called PAM.
pub trait Host {
    /// The name that wants in (PAM_USER).
    fn user(&mut self) -> Result<String, HostFault>;
    /// PAM_SERVICE.
    fn service(&self) -> String;
    /// PAM_RHOST, if it is set and not empty.
    fn rhost(&self) -> Option<String>;
    /// PAM_TTY.
    fn tty(&self) -> String;
    /// PAM_RUSER.
    fn ruser(&self) -> String;
    /// Whether the answer is the password that a module before us was given (PAM_AUTHTOK).
    fn is_password(&self, answer: &[u8]) -> bool;
    /// The password that a module before us was given (PAM_AUTHTOK).
    fn password(&self) -> Option<Answer>;
    /// Gives the modules behind us a password (PAM_AUTHTOK).
    fn set_password(&mut self, password: &[u8]) -> Result<(), HostFault>;
    /// Asks, and waits for the answer. `None` is an application that answered with nothing.
    fn ask(&mut self, echo: Echo, text: &str) -> Result<Option<Answer>, HostFault>;
    /// Shows a line that needs no answer, unless the application wants silence.
    fn tell(&mut self, text: &str);
    /// Shows why something was refused, unless the application wants silence.
    fn refuse(&mut self, text: &str);
    /// Sends one line to the log.
    fn log(&mut self, level: Level, line: &Line);
    /// A PAM variable (not the process's environment).
    fn variable(&mut self, name: &CStr) -> Option<String>;
    /// Sets a PAM variable, which becomes part of the session's environment.
    fn set_variable(&mut self, name: &str, value: &str) -> Result<(), HostFault>;
    /// The marker of this transaction.
    fn marker(&self) -> Option<Marker>;
    /// Replaces the marker of this transaction.
    fn set_marker(&mut self, marker: Option<Marker>) -> Result<(), HostFault>;
}

/// libpam and the application behind it.
pub struct PamHost<'a> {
    handle: &'a mut PamHandle,
    silent: bool,
}

impl<'a> PamHost<'a> {
    /// The host of one hook.
    pub fn new(handle: &'a mut PamHandle, flags: PamFlag) -> Self {
        Self { handle, silent: flags & PAM_SILENT != 0 }
    }

    fn send(&self, style: PamMessageStyle, text: &str) -> Result<Option<Answer>, HostFault> {
        let conversation = self.handle.get_item::<Conv<'_>>().map_err(|_| HostFault)?.ok_or(HostFault)?;
        let answer = conversation.send(style, text).map_err(|_| HostFault);
        faults::point("conversation");
        answer
    }
}

fn text(item: Option<&CStr>) -> String {
    item.map(|item| item.to_str().map_or_else(|_| item.to_string_lossy().into_owned(), str::to_owned))
        .unwrap_or_default()
}

impl Host for PamHost<'_> {
    fn user(&mut self) -> Result<String, HostFault> {
        faults::point("user name");
        self.handle.get_user(None).map_err(|_| HostFault)
    }

    fn service(&self) -> String {
        text(self.handle.get_item::<Service<'_>>().ok().flatten().map(|item| item.0))
    }

    fn rhost(&self) -> Option<String> {
        let rhost = text(self.handle.get_item::<RHost<'_>>().ok().flatten().map(|item| item.0));
        Some(rhost).filter(|rhost| !rhost.is_empty())
    }

    fn tty(&self) -> String {
        text(self.handle.get_item::<Tty<'_>>().ok().flatten().map(|item| item.0))
    }

    fn ruser(&self) -> String {
        text(self.handle.get_item::<RUser<'_>>().ok().flatten().map(|item| item.0))
    }

    fn is_password(&self, answer: &[u8]) -> bool {
        faults::point("password item");
        matches!(self.handle.get_item::<AuthTok<'_>>(), Ok(Some(password)) if password.as_bytes() == answer)
    }

    fn password(&self) -> Option<Answer> {
        self.handle.get_item::<AuthTok<'_>>().ok().flatten().map(|password| password.to_owned_secret())
    }

    fn set_password(&mut self, password: &[u8]) -> Result<(), HostFault> {
        ffi::set_password(self.handle, password).then_some(()).ok_or(HostFault)
    }

    fn ask(&mut self, echo: Echo, text: &str) -> Result<Option<Answer>, HostFault> {
        let style = if echo == Echo::On { PAM_PROMPT_ECHO_ON } else { PAM_PROMPT_ECHO_OFF };
        self.send(style, text)
    }

    fn tell(&mut self, text: &str) {
        if !self.silent {
            // Nobody is let in or kept out by a text; an application that cannot show it is not told again.
            let _ = self.send(PAM_TEXT_INFO, text);
        }
    }

    fn refuse(&mut self, text: &str) {
        if !self.silent {
            let _ = self.send(PAM_ERROR_MSG, text);
        }
    }

    fn log(&mut self, level: Level, line: &Line) {
        faults::point("log");
        let priority = match level {
            Level::Alert => libc::LOG_ALERT,
            Level::Error => libc::LOG_ERR,
            Level::Notice => libc::LOG_NOTICE,
            Level::Info => libc::LOG_INFO,
        };
        ffi::syslog(self.handle, priority, line.whole());
    }

    fn variable(&mut self, name: &CStr) -> Option<String> {
        faults::point("variable reading");
        ffi::variable(self.handle, name)
    }

    fn set_variable(&mut self, name: &str, value: &str) -> Result<(), HostFault> {
        faults::point("variable writing");
        let mut text = String::with_capacity(name.len().saturating_add(value.len()).saturating_add(2));
        text.push_str(name);
        text.push('=');
        text.push_str(value);
        ffi::write_variable(self.handle, text).then_some(()).ok_or(HostFault)
    }

    fn marker(&self) -> Option<Marker> {
        faults::point("marker reading");
        ffi::read_marker(self.handle, MARKER)
    }

    fn set_marker(&mut self, marker: Option<Marker>) -> Result<(), HostFault> {
        faults::point("marker writing");
        self.handle.set_data(MARKER, Box::new(marker)).map_err(|_| HostFault)
    }
}
