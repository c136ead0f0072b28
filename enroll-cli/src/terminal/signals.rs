//! Signals that would end the command are held back while something could be left half done: a file for a picture, a
//! terminal without echo, a credential whose recovery codes nobody has seen.

use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::error::Error;

/// The signals of a user, a closing terminal and a shutdown are held back until this is dropped.
pub struct Held {
    queue: SignalFd,
    held: SigSet,
}

impl Held {
    /// Begins to hold them back.
    ///
    /// # Errors
    /// [`Error::Terminal`] when the kernel refuses.
    pub fn begin() -> Result<Held, Error> {
        let held = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT]
            .into_iter()
            .collect::<SigSet>();
        held.thread_block()
            .and_then(|()| SignalFd::with_flags(&held, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC))
            .map(|queue| Held { queue, held })
            .map_err(|errno| Error::Terminal(errno.into()))
    }

    /// Takes a signal that has come meanwhile. To be called where stopping leaves nothing half done.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when one has.
    pub fn check(&self) -> Result<(), Error> {
        match self.queue.read_signal() {
            Ok(Some(signal)) => {
                let number = i32::try_from(signal.ssi_signo).unwrap_or_default();
                Err(Error::Interrupted(Signal::try_from(number).unwrap_or(Signal::SIGTERM)))
            }
            Ok(None) | Err(_) => Ok(()),
        }
    }

    /// What becomes readable when a signal has come.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.queue.as_fd()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.held.thread_unblock();
    }
}
