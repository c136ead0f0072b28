//! Asking the setuid check helper: for whoever is not root. The helper believes nothing of us but the real UID; we
//! believe its one word.
//!
//! It is started from inside hosts that are not ours, so no signal of it may reach them: what is written goes by
//! `send` without SIGPIPE, its end is noticed by the end of its output, and every wait has a limit. Not by the standard
//! library's `Command`: the thirty functions of libc that it needs would be looked up at every login.

use std::ffi::{CStr, CString};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::spawn::{PosixSpawnAttr, PosixSpawnFileActions, posix_spawn};
use nix::sys::stat::Mode;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, Shutdown, SocketFlags, SocketType, recv, send, shutdown, socketpair,
};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use zeroize::Zeroizing;

use crate::Fault;
use crate::kernel::{errno, pause};

/// Where the helper is. A constant of the build, like all paths.
pub const PATH: &str = "/usr/libexec/twinlock/check";
/// How long an answer may take: the ledger's lock, and a disk that is slow.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long its end may take, once it has said all or was ended.
const ENDING: Duration = Duration::from_secs(2);
/// Longest answer that is read, in bytes.
const MOST: usize = 16 * 1024;

/// What the helper said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// `accepted`, `rejected`, `refused`, `unavailable` or `status`.
    pub word: String,
    details: Vec<(String, String)>,
}

impl Reply {
    /// A detail of the reply, as in `reason`, `wait`, `left`.
    pub fn detail(&self, key: &str) -> Option<&str> {
        self.details.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// A detail that is a number.
    pub fn number<T: std::str::FromStr>(&self, key: &str) -> Option<T> {
        self.detail(key)?.parse().ok()
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let word = lines.next()?.to_owned();
        let detail = |line: &str| line.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned()));
        Some(Self { word, details: lines.filter_map(detail).collect() })
    }
}

/// Runs one operation of the helper's (`status`, `verify`, `change`, `disable`, `enable`) for the real user of this
/// process. `input` is what the helper reads: lines of `key=value`.
///
/// # Errors
/// [`Fault::Helper`] when it is not there, does not answer in time, or says nothing.
pub fn ask(operation: &str, input: &[u8]) -> Result<Reply, Fault> {
    let failed = |errno: Errno| Fault::Io { doing: "run", path: Path::new(PATH).to_owned(), errno };
    let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)
        .map_err(|error| failed(errno(error)))?;
    let child = start(operation, &theirs).map_err(failed)?;
    // Only the helper holds the other end now, so that its end is heard.
    drop(theirs);
    let mut text = Zeroizing::new(String::new());
    let heard = tell(&ours, input)
        .map_err(|error| failed(errno(error)))
        .and_then(|()| hear(&ours, &mut text, Instant::now().checked_add(PATIENCE)));
    drop(ours);
    reap(child, heard.is_ok());
    heard?;
    Reply::parse(&text).ok_or(Fault::Helper("it says nothing"))
}

/// Starts the helper, with one socket as its input and its output. It leaves the folder, the environment and the signals of
/// this process behind by itself, as it must for any caller.
fn start(operation: &str, socket: &OwnedFd) -> nix::Result<Pid> {
    let mut files = PosixSpawnFileActions::init()?;
    // Right also where the socket itself is one of these three, in a host that has closed them.
    files.add_dup2(socket.as_raw_fd(), 0)?;
    files.add_dup2(0, 1)?;
    files.add_open(2, "/dev/null", OFlag::O_RDWR, Mode::empty())?;
    let words = [PATH, operation].map(CString::new);
    let [Ok(program), Ok(operation)] = words else { return Err(Errno::EINVAL) };
    let environment: [&CStr; 0] = [];
    let child = posix_spawn(PATH, &files, &PosixSpawnAttr::init()?, &[program, operation], &environment)?;
    Pid::from_raw(child.as_raw()).ok_or(Errno::ECHILD)
}

/// Leaves the host neither a child nor a wait. Whoever closed their output is at their end; what is not soon, or was not
/// understood, is ended. A host may have reaped it already: then it is not ours to signal.
fn reap(child: Pid, at_its_end: bool) {
    let mut deadline = Instant::now().checked_add(if at_its_end { ENDING } else { Duration::ZERO });
    let mut ended = false;
    while let Ok(None) | Err(io::Errno::INTR) = waitpid(Some(child), WaitOptions::NOHANG) {
        if deadline.is_none_or(|at| Instant::now() >= at) {
            if ended {
                return;
            }
            let _ = kill_process(child, Signal::KILL);
            ended = true;
            deadline = Instant::now().checked_add(ENDING);
        }
        pause(Duration::from_millis(1));
    }
}

fn tell(socket: &OwnedFd, mut input: &[u8]) -> io::Result<()> {
    while !input.is_empty() {
        match send(socket, input, SendFlags::NOSIGNAL) {
            Ok(sent) => input = input.get(sent..).unwrap_or_default(),
            Err(io::Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    shutdown(socket, Shutdown::Write)
}

fn hear(socket: &OwnedFd, text: &mut String, deadline: Option<Instant>) -> Result<(), Fault> {
    let left = || deadline.map_or(Duration::ZERO, |at| at.saturating_duration_since(Instant::now()));
    let mut bytes = Zeroizing::new(Vec::with_capacity(1024));
    let mut buffer = [0; 1024];
    loop {
        let timeout = Timespec::try_from(left()).ok();
        match poll(&mut [PollFd::new(socket, PollFlags::IN)], timeout.as_ref()) {
            Ok(0) => return Err(Fault::Helper("it does not answer")),
            Ok(_) => {}
            Err(io::Errno::INTR) if !left().is_zero() => continue,
            Err(_) => return Err(Fault::Helper("it cannot be heard")),
        }
        match recv(socket, &mut buffer, RecvFlags::DONTWAIT) {
            Ok((0, _)) => break,
            Ok((read, _)) => bytes.extend_from_slice(buffer.get(..read).unwrap_or_default()),
            Err(io::Errno::INTR | io::Errno::AGAIN) => {}
            // It ended without having read all that it was told; what it said before was heard.
            Err(io::Errno::CONNRESET) => break,
            Err(_) => return Err(Fault::Helper("it cannot be heard")),
        }
        if bytes.len() > MOST {
            return Err(Fault::Helper("it says too much"));
        }
    }
    text.push_str(std::str::from_utf8(&bytes).map_err(|_| Fault::Helper("it says something else"))?);
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_reply_is_one_word_and_details() {
        let reply = Reply::parse("rejected\nreason=throttled\nwait=5\n").unwrap();
        assert_eq!(
            (reply.word.as_str(), reply.detail("reason"), reply.number("wait")),
            ("rejected", Some("throttled"), Some(5))
        );
        assert_eq!(Reply::parse(""), None);
    }
}
