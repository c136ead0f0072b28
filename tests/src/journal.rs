//! The system log of a test's host: a datagram socket in the place of `/dev/log`. Hears everything that modules and
//! programs of the host log from the moment the host exists, and forgets it with the host.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::PATIENCE;

const SOCKET: &str = "/dev/log";
/// The datagram that ends the reader; no syslog line is empty.
const STOP: &[u8] = b"";

/// One line of the log, taken apart (RFC 3164 as glibc writes it).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalLine {
    /// Facility: 10 is authpriv.
    pub facility: u8,
    /// Severity: 0 emergency to 7 debug.
    pub severity: u8,
    /// The program, without `[pid]`.
    pub tag: String,
    /// The process, where the line says it.
    pub pid: Option<u32>,
    /// What follows the tag.
    pub message: String,
    /// The whole datagram, byte for byte but lossily as UTF-8.
    pub raw: String,
}

/// The collected log.
#[derive(Debug)]
pub struct Journal {
    heard: Arc<(Mutex<Vec<JournalLine>>, Condvar)>,
    reader: Option<JoinHandle<()>>,
}

impl Journal {
    /// Binds the socket. Only inside a host.
    pub(crate) fn start() -> Self {
        let socket = UnixDatagram::bind(SOCKET).unwrap_or_else(|error| panic!("bind {SOCKET}: {error}"));
        std::fs::set_permissions(Path::new(SOCKET), std::fs::Permissions::from_mode(0o666)).expect("chmod");
        let heard = Arc::new((Mutex::new(Vec::new()), Condvar::new()));
        let told = Arc::clone(&heard);
        let reader = std::thread::spawn(move || {
            let mut buffer = vec![0; 1 << 16];
            while let Ok(length) = socket.recv(&mut buffer) {
                if buffer[..length] == *STOP {
                    return;
                }
                told.0.lock().unwrap().push(JournalLine::parse(&buffer[..length]));
                told.1.notify_all();
            }
        });
        Self { heard, reader: Some(reader) }
    }

    /// Everything heard so far.
    pub fn lines(&self) -> Vec<JournalLine> {
        self.heard.0.lock().unwrap().clone()
    }

    /// Waits until everything is heard that was sent before. After this, what is not here was not logged.
    pub fn catch_up(&self) {
        const MARK: &str = "<0>Jan  1 00:00:00 journal: everything before this is heard";
        let socket = UnixDatagram::unbound().expect("a socket");
        socket.send_to(MARK.as_bytes(), SOCKET).expect("the journal listens");
        self.wait_for(|line| line.raw == MARK);
        self.heard.0.lock().unwrap().retain(|line| line.raw != MARK);
    }

    /// Forgets what was heard so far.
    pub fn clear(&self) {
        self.heard.0.lock().unwrap().clear();
    }

    /// The first line for which `wanted` holds, heard already or within [`PATIENCE`]. Panics with the log otherwise.
    pub fn wait_for(&self, wanted: impl Fn(&JournalLine) -> bool) -> JournalLine {
        self.look_for(&wanted, PATIENCE)
            .unwrap_or_else(|| panic!("no such line in the log:\n{}", self.text()))
    }

    /// The first line for which `wanted` holds, heard already or within `limit`.
    pub fn look_for(&self, wanted: impl Fn(&JournalLine) -> bool, limit: Duration) -> Option<JournalLine> {
        let deadline = Instant::now() + limit;
        let mut lines = self.heard.0.lock().unwrap();
        loop {
            if let Some(line) = lines.iter().find(|line| wanted(line)) {
                return Some(line.clone());
            }
            let left = deadline.checked_duration_since(Instant::now())?;
            lines = self.heard.1.wait_timeout(lines, left).unwrap().0;
        }
    }

    /// The log as text, one line each.
    pub fn text(&self) -> String {
        self.lines().iter().map(|line| format!("{}[{:?}] {}\n", line.tag, line.pid, line.message)).collect()
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        let Some(reader) = self.reader.take() else { return };
        let told = UnixDatagram::unbound().and_then(|socket| socket.send_to(STOP, SOCKET));
        if told.is_ok() {
            let _ = reader.join();
        }
    }
}

impl JournalLine {
    fn parse(datagram: &[u8]) -> Self {
        let raw = String::from_utf8_lossy(datagram).into_owned();
        let (priority, rest) = raw
            .strip_prefix('<')
            .and_then(|rest| rest.split_once('>'))
            .and_then(|(number, rest)| Some((number.parse::<u8>().ok()?, rest)))
            .unwrap_or((0, &raw));
        // `Nov 25 01:38:43 ` is 16 characters.
        let rest = rest.get(16..).unwrap_or(rest);
        let (tag, message) = rest.split_once(": ").unwrap_or((rest, ""));
        let (tag, pid) = match tag.split_once('[') {
            Some((tag, pid)) => (tag, pid.trim_end_matches(']').parse().ok()),
            None => (tag, None),
        };
        Self {
            facility: priority >> 3,
            severity: priority & 7,
            tag: tag.to_owned(),
            pid,
            message: message.trim_end_matches(['\n', '\0']).to_owned(),
            raw,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::JournalLine;

    #[test]
    fn a_line_is_taken_apart() {
        let line = JournalLine::parse(
            b"<85>Nov 25 01:38:43 sshd[123]: pam_unix(sshd:auth): authentication failure; a: b",
        );
        assert_eq!((line.facility, line.severity, line.pid), (10, 5, Some(123)));
        assert_eq!(
            (line.tag.as_str(), line.message.as_str()),
            ("sshd", "pam_unix(sshd:auth): authentication failure; a: b")
        );
    }
}
