//! One line on a terminal that says what is measured now; silence where nobody looks.

use std::io::{IsTerminal, Write};
use std::time::Instant;

/// The line.
#[derive(Debug)]
pub struct Progress {
    started: Instant,
    seen: bool,
}

impl Default for Progress {
    fn default() -> Self {
        Self { started: Instant::now(), seen: std::io::stderr().is_terminal() }
    }
}

impl Progress {
    /// Says what begins.
    pub fn now(&self, what: &str) {
        if self.seen {
            let seconds = self.started.elapsed().as_secs();
            let _ = write!(std::io::stderr(), "\r\x1b[K[{:>2}:{:02}] {what}", seconds / 60, seconds % 60);
        }
    }

    /// Takes the line away.
    pub fn done(&self) {
        if self.seen {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
