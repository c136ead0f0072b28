//! Standard input and output: texts out, answers in. Everything goes out through [`print`] and comes in through
//! [`ask`]; neither leaves a copy of a secret in a buffer of its own, and a terminal is always left as it was found.

mod signals;

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use crate::error::Error;

pub use signals::Held;

/// Bytes of an answer that are kept; more has no shape of a code.
const LONGEST: usize = 256;
/// How often progress is shown.
const PROGRESS: Duration = Duration::from_millis(250);
/// Bytes of one line that are read at all.
const BOUND: usize = 64 * 1024;

/// How an answer is shown while it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Echo {
    /// As typed.
    On,
    /// Not at all.
    Off,
}

/// Whether somebody sits at both ends.
pub fn is_interactive() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// Writes to standard output, at once and without a buffer that would keep what it held.
///
/// # Errors
/// What the system says; a reader of a pipe that has gone is one of these.
pub fn print(text: &str) -> io::Result<()> {
    let mut out = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    out.write_all(text.as_bytes())
}

/// Writes to standard error. There is nobody to tell if that fails.
pub fn complain(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Prints a report as JSON, ended by a newline.
///
/// # Errors
/// [`Error::Output`].
pub fn print_json(report: &impl serde::Serialize) -> Result<(), Error> {
    // Room for all of a usual report, since some hold a secret and a buffer that grows leaves copies behind.
    let mut text = Zeroizing::new(Vec::with_capacity(16 * 1024));
    serde_json::to_writer_pretty(&mut *text, report).map_err(|error| Error::Output(error.into()))?;
    text.push(b'\n');
    let mut out = io::stdout().as_fd().try_clone_to_owned().map(File::from).map_err(Error::Output)?;
    out.write_all(&text).map_err(Error::Output)
}

/// Asks for one line on the terminal, or takes the first of what is piped in (then without a prompt). `None` is the
/// end of the input.
///
/// # Errors
/// [`Error::Interrupted`] when one of the signals held by `held` comes first; [`Error::Terminal`].
pub fn ask(prompt: &str, echo: Echo, held: &Held) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
    let stdin = io::stdin();
    let is_terminal = stdin.is_terminal();
    let mut silence = None;
    if is_terminal {
        // Silent before the prompt invites anybody to type.
        if echo == Echo::Off {
            silence = Some(Silence::begin(stdin.as_fd()).map_err(terminal)?);
        }
        complain(prompt);
    }
    let answer = line(stdin.as_fd(), held);
    drop(silence);
    if is_terminal && !matches!(answer, Ok(Some(_))) {
        // The cursor still stands behind the prompt.
        complain("\n");
    }
    answer
}

fn line(input: BorrowedFd<'_>, held: &Held) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
    let mut kept = Zeroizing::new(Vec::with_capacity(LONGEST));
    let mut piece = Zeroizing::new([0; LONGEST]);
    let mut seen = 0usize;
    while seen < BOUND {
        wait(input, held)?;
        let read = match nix::unistd::read(input, &mut *piece) {
            Ok(read) => read,
            Err(Errno::EINTR | Errno::EAGAIN) => continue,
            Err(errno) => return Err(terminal(errno)),
        };
        if read == 0 {
            return Ok((seen > 0).then_some(kept));
        }
        seen = seen.saturating_add(read);
        let piece = piece.get(..read).unwrap_or_default();
        let end = piece.iter().position(|&byte| byte == b'\n');
        let piece = piece.get(..end.unwrap_or(read)).unwrap_or_default();
        let room = LONGEST - kept.len();
        kept.extend_from_slice(piece.get(..room.min(piece.len())).unwrap_or_default());
        if end.is_some() {
            break;
        }
    }
    Ok(Some(kept))
}

/// Waits for input, or for one of the held signals.
fn wait(input: BorrowedFd<'_>, held: &Held) -> Result<(), Error> {
    loop {
        let mut sources =
            [PollFd::new(held.as_fd(), PollFlags::POLLIN), PollFd::new(input, PollFlags::POLLIN)];
        match poll(&mut sources, PollTimeout::NONE) {
            Ok(_) => {}
            Err(Errno::EINTR) => continue,
            Err(errno) => return Err(terminal(errno)),
        }
        held.check()?;
        if sources[1].any().unwrap_or(true) {
            return Ok(());
        }
    }
}

fn terminal(errno: Errno) -> Error {
    Error::Terminal(errno.into())
}

/// A terminal that shows nothing of what is typed, until this is dropped.
struct Silence {
    terminal: OwnedFd,
    before: Termios,
}

impl Silence {
    fn begin(terminal: BorrowedFd<'_>) -> Result<Silence, Errno> {
        let owned = terminal.try_clone_to_owned().map_err(|_| Errno::EMFILE)?;
        let before = tcgetattr(&owned)?;
        let mut silent = before.clone();
        silent.local_flags.remove(LocalFlags::ECHO);
        // The Enter key is still seen, so that the answer stands on a line of its own.
        silent.local_flags.insert(LocalFlags::ECHONL);
        tcsetattr(&owned, SetArg::TCSADRAIN, &silent)?;
        Ok(Silence { terminal: owned, before })
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        // Nothing better can be done with a terminal that has gone.
        let _ = tcsetattr(&self.terminal, SetArg::TCSADRAIN, &self.before);
    }
}

/// How far something long has come, on a terminal; elsewhere nothing is shown.
pub struct Progress {
    all: usize,
    done: usize,
    is_shown: bool,
    next: Instant,
}

impl Progress {
    /// Begins to count. Nothing is shown of what ends at once.
    pub fn begin(all: usize) -> Progress {
        Progress { all, done: 0, is_shown: false, next: Instant::now() + PROGRESS }
    }

    /// One more is done.
    pub fn step(&mut self) {
        self.done = self.done.saturating_add(1);
        // The clock is asked now and then only.
        if self.done.is_multiple_of(64) && Instant::now() >= self.next && io::stderr().is_terminal() {
            complain(&format!("\r{}", crate::texts::progress(self.done, self.all)));
            self.is_shown = true;
            self.next = Instant::now() + PROGRESS;
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.is_shown {
            // The line is free again.
            complain("\r\u{1b}[K");
        }
    }
}

/// The window that texts are fitted to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Columns.
    pub columns: usize,
    /// Lines.
    pub rows: usize,
    /// Whether the locale is UTF-8.
    pub utf8: bool,
    /// Whether the terminal knows colours.
    pub colours: bool,
}

impl Window {
    /// The window behind standard output, 80x24 where it does not say. Locale and kind of terminal are the
    /// environment's to tell; they decide how the picture is drawn and nothing else.
    pub fn current() -> Window {
        let size = terminal_size::terminal_size_of(io::stdout());
        let (columns, rows) = size.map_or((80, 24), |(width, height)| (width.0.into(), height.0.into()));
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(variable).unwrap_or_default();
        let locale = locale.to_ascii_lowercase();
        Window {
            columns,
            rows,
            utf8: locale.contains("utf-8") || locale.contains("utf8"),
            colours: has_colours(&variable("TERM").unwrap_or_default()),
        }
    }
}

/// Terminals by name: nearly all know colours; DEC's and those named monochrome do not.
fn has_colours(term: &str) -> bool {
    !matches!(term, "" | "dumb" | "unknown" | "network")
        && !term.starts_with("vt")
        && !term.split('-').any(|part| matches!(part, "m" | "mono"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_without_colours_are_known_by_name() {
        for (term, colours) in [
            ("xterm-256color", true),
            ("linux", true),
            ("screen", true),
            ("tmux-256color", true),
            ("vt220", false),
            ("vt100-w", false),
            ("xterm-mono", false),
            ("linux-m", false),
            ("dumb", false),
            ("", false),
        ] {
            assert_eq!(has_colours(term), colours, "{term}");
        }
    }
}
