//! Lines for authpriv, with the module's names for what happened and `via=helper` to tell them apart. The service in
//! them is the caller's word. A log that is not there, or does not read, delays nothing by more than [`PATIENCE`].

use std::time::Duration;

use syslog::{Facility, Formatter3164, LoggerBackend};
use twinlock_system::logfmt::Line;

const SOCKET: &str = "/dev/log";
/// How long a log that is busy is waited for.
const PATIENCE: Duration = Duration::from_secs(1);

/// How urgent a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Something that must work does not.
    Error,
    /// A refusal.
    Notice,
    /// Anything else.
    Info,
}

/// Sends a line.
pub fn send(level: Level, line: &Line) {
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
    // A line that is lost is better than a login that hangs.
    let _ = match level {
        Level::Error => logger.err(line),
        Level::Notice => logger.notice(line),
        Level::Info => logger.info(line),
    };
}
