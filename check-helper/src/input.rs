//! What the caller says: one word as the only argument, and a few lines on standard input. Bounded in size and time,
//! and refused as a whole when anything in it is not exactly as it must be.

use std::ffi::OsString;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use zeroize::Zeroizing;

/// Largest input, in bytes.
const MOST: usize = 128 * 1024;
/// How long the caller may take until the end of the input.
const TIME: Duration = Duration::from_secs(20);
/// Longest name of a service.
const LONGEST_SERVICE: usize = 64;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// How the caller stands.
    Status,
    /// Is this code right?
    Verify,
    /// Replace the credential.
    Change,
    /// Turn the user's own switch off.
    Disable,
    /// Turn it on again.
    Enable,
}

impl Operation {
    /// From the process's arguments: the name that it was started by, whatever that is, and one word.
    pub fn from_arguments(arguments: impl Iterator<Item = OsString>) -> Option<Self> {
        let mut words = arguments.skip(1);
        let (Some(word), None) = (words.next(), words.next()) else { return None };
        match word.as_encoded_bytes() {
            b"status" => Some(Self::Status),
            b"verify" => Some(Self::Verify),
            b"change" => Some(Self::Change),
            b"disable" => Some(Self::Disable),
            b"enable" => Some(Self::Enable),
            _ => None,
        }
    }

    fn takes(self, key: &[u8]) -> bool {
        match key {
            b"service" => true,
            b"answer" => self != Self::Status,
            b"confirm" | b"base" | b"credential" => self == Self::Change,
            _ => false,
        }
    }
}

/// What was said.
pub struct Input {
    /// PAM service, or "unknown".
    pub service: String,
    /// What was typed: a code or a recovery code.
    pub answer: Zeroizing<Vec<u8>>,
    /// A code of the authenticator that a change adds.
    pub confirm: Zeroizing<Vec<u8>>,
    /// The fingerprint, in hexadecimal, of the credential that the new one was made from.
    pub base: Option<Vec<u8>>,
    /// The new credential's text.
    pub credential: Zeroizing<Vec<u8>>,
}

/// Why the input is not taken. What is wrong with it is not said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadInput {
    /// Not as it must be.
    Malformed,
    /// Its end did not come in time.
    Slow,
}

/// Reads standard input to its end.
///
/// # Errors
/// [`BadInput`].
pub fn read(operation: Operation) -> Result<Input, BadInput> {
    let stdin = std::io::stdin();
    let deadline = Instant::now() + TIME;
    // All of it at once: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(vec![0; MOST.saturating_add(1)]);
    let mut filled = 0usize;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = PollTimeout::try_from(left).map_err(|_| BadInput::Slow)?;
        match poll(&mut [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)], timeout) {
            Ok(0) => return Err(BadInput::Slow),
            Ok(_) => {}
            Err(_) => return Err(BadInput::Malformed),
        }
        let rest = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()).ok_or(BadInput::Malformed)?;
        match nix::unistd::read(stdin.as_fd(), rest) {
            Ok(0) => break,
            Ok(count) => filled = filled.saturating_add(count),
            // Somebody else took what poll saw.
            Err(Errno::EAGAIN | Errno::EINTR) => {}
            Err(_) => return Err(BadInput::Malformed),
        }
    }
    parse(operation, bytes.get(..filled).unwrap_or_default()).ok_or(BadInput::Malformed)
}

/// Takes the lines apart; None for anything that is not as it must be.
pub fn parse(operation: Operation, bytes: &[u8]) -> Option<Input> {
    if bytes.len() > MOST || bytes.contains(&0) {
        return None;
    }
    let mut service = None;
    let mut answer = None;
    let mut confirm = None;
    let mut base = None;
    let mut credential = None;
    let mut rest = bytes;
    while !rest.is_empty() {
        let end = rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
        let line = rest.get(..end)?;
        rest = rest.get(end.saturating_add(1)..).unwrap_or_default();
        if line == b"credential" && operation.takes(line) {
            credential = Some(rest);
            break;
        }
        let equals = line.iter().position(|&byte| byte == b'=')?;
        let (key, value) = (line.get(..equals)?, line.get(equals.saturating_add(1)..)?);
        let slot = match key {
            b"service" => &mut service,
            b"answer" => &mut answer,
            b"confirm" => &mut confirm,
            b"base" => &mut base,
            _ => return None,
        };
        if !operation.takes(key) || slot.replace(value).is_some() {
            return None;
        }
    }
    if operation == Operation::Change && credential.is_none() {
        return None;
    }
    let secret = |value: Option<&[u8]>| Zeroizing::new(value.unwrap_or_default().to_vec());
    Some(Input {
        service: service.and_then(service_name).unwrap_or("unknown").to_owned(),
        answer: secret(answer),
        confirm: secret(confirm),
        base: base.map(<[u8]>::to_vec),
        credential: secret(credential),
    })
}

fn service_name(value: &[u8]) -> Option<&str> {
    let usual = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    let fits = (1..=LONGEST_SERVICE).contains(&value.len()) && value.iter().all(usual);
    std::str::from_utf8(value).ok().filter(|_| fits)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn exactly_one_known_word_is_an_operation() {
        let cases: &[(&[&str], Option<Operation>)] = &[
            (&["check", "status"], Some(Operation::Status)),
            (&["", "verify"], Some(Operation::Verify)),
            (&["-sh", "change"], Some(Operation::Change)),
            (&["x", "disable"], Some(Operation::Disable)),
            (&["x", "enable"], Some(Operation::Enable)),
            (&[], None),
            (&["status"], None),
            (&["check"], None),
            (&["check", ""], None),
            (&["check", "Status"], None),
            (&["check", "status "], None),
            (&["check", "--help"], None),
            (&["check", "status", "status"], None),
            (&["check", "status", ""], None),
        ];
        for (arguments, expected) in cases {
            let given = arguments.iter().map(OsString::from);
            assert_eq!(Operation::from_arguments(given), *expected, "{arguments:?}");
        }
    }

    #[test]
    fn an_input_is_taken_as_it_must_be_or_not_at_all() {
        use Operation::{Change, Enable, Status, Verify};
        let cases: &[(Operation, &[u8], bool)] = &[
            (Status, b"", true),
            (Status, b"service=swaylock\n", true),
            (Status, b"service=swaylock", true),
            (Status, b"answer=1\n", false),
            (Verify, b"answer=123456\nservice=x\n", true),
            (Verify, b"answer=a=b", true),
            (Verify, b"answer=1\nanswer=1\n", false),
            (Verify, b"Answer=1\n", false),
            (Verify, b" answer=1\n", false),
            (Verify, b"answer=1\n\n", false),
            (Verify, b"answer=1\0\n", false),
            (Verify, b"answer\n", false),
            (Verify, b"=1\n", false),
            (Verify, b"user=root\n", false),
            (Verify, b"answer=1\ncredential\n", false),
            (Verify, b"confirm=1\n", false),
            (Enable, b"answer=1\nbase=0\n", false),
            (Change, b"answer=1\n", false),
            (Change, b"credential\n", true),
            (Change, b"credential", true),
            (Change, b"credential=\n", false),
            (Change, b"answer=1\nconfirm=2\nbase=3\ncredential\nversion = 1\nanswer=2\n", true),
            (Change, b"confirm=1\nconfirm=2\ncredential\n", false),
        ];
        for (operation, bytes, taken) in cases {
            let text = String::from_utf8_lossy(bytes);
            assert_eq!(parse(*operation, bytes).is_some(), *taken, "{operation:?} {text:?}");
        }
        assert!(parse(Change, &[b"credential\n".as_slice(), &vec![b'x'; MOST - 11]].concat()).is_some());
        assert!(parse(Change, &[b"credential\n".as_slice(), &vec![b'x'; MOST - 10]].concat()).is_none());
    }

    #[test]
    fn the_new_text_is_everything_after_its_line() {
        let input = parse(Operation::Change, b"answer= 12\ncredential\na\nanswer=3\n").unwrap();
        assert_eq!(
            (input.answer.as_slice(), input.credential.as_slice()),
            (&b" 12"[..], &b"a\nanswer=3\n"[..])
        );
    }

    #[test]
    fn an_unusual_service_is_unknown() {
        let long = "x".repeat(65);
        let cases = ["", "a b", "a\tb", "sshd\"", "../x", "dienst/ä", &long];
        for service in cases {
            let input = parse(Operation::Status, format!("service={service}\n").as_bytes()).unwrap();
            assert_eq!(input.service, "unknown", "{service:?}");
        }
        let input = parse(Operation::Status, b"service=kde-np.1_x\n").unwrap();
        assert_eq!(input.service, "kde-np.1_x");
    }
}
