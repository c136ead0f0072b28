//! Out of the caller's hands. Whoever starts a setuid program chooses its descriptors, limits, signals, environment,
//! folder and mask; after [`take_over`] nothing of that is left, and the caller can neither signal nor trace the
//! process. Of the caller one thing is believed, the real UID, because the kernel says it.

use std::mem::ManuallyDrop;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{open, OFlag};
use nix::sys::prctl;
use nix::sys::resource::{getrlimit, rlim_t, setrlimit, Resource, RLIM_INFINITY};
use nix::sys::signal::{SigEvent, SigSet, SigevNotify, Signal};
use nix::sys::stat::{umask, Mode};
use nix::sys::timer::{Expiration, Timer, TimerSetTimeFlags};
use nix::time::ClockId;
use nix::unistd::{chdir, close, geteuid, getuid, setgroups, setresgid, setresuid, setsid, Gid, Uid};

/// How long this process may live. Input, look-ups and the ledger's lock have limits of their own; this one is for
/// whatever waits longer, such as a reader of our output that never reads.
pub const LIFETIME: Duration = Duration::from_secs(60);

/// Limits of this process, whatever they were. None is above what a host gives by default, so that in most cases
/// this raises nothing and needs no capability for it. No limit of processor time: what the caller used before it became
/// this program counts too, and it could choose when the kernel ends us.
const LIMITS: [(Resource, rlim_t); 6] = [
    (Resource::RLIMIT_FSIZE, 1 << 24),
    (Resource::RLIMIT_NOFILE, 256),
    (Resource::RLIMIT_STACK, 1 << 23),
    (Resource::RLIMIT_AS, RLIM_INFINITY),
    (Resource::RLIMIT_DATA, RLIM_INFINITY),
    (Resource::RLIMIT_CPU, RLIM_INFINITY),
];

/// Who called. While it lives, the process's time runs.
#[derive(Debug)]
pub struct Caller {
    /// The real UID that the process was started with.
    pub uid: u32,
    /// Not taken down at the end: it goes with the process, and nix panics where the kernel will not delete it, which would
    /// be a second answer after the first.
    _lifetime: ManuallyDrop<Timer>,
}

/// Why the process cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It has not root's rights: no setuid bit, or one that does not count here.
    NotSetuid,
    /// The kernel refused one of the steps.
    Refused,
}

impl From<Errno> for Unfit {
    fn from(_: Errno) -> Self {
        Self::Refused
    }
}

/// Remembers who called and takes the process out of their hands.
///
/// # Errors
/// [`Unfit`]; then the process must end.
pub fn take_over() -> Result<Caller, Unfit> {
    let uid = getuid().as_raw();
    if !geteuid().is_root() {
        return Err(Unfit::NotSetuid);
    }
    let (root, wheel) = (Uid::from_raw(0), Gid::from_raw(0));
    setgroups(&[])?;
    setresgid(wheel, wheel, wheel)?;
    // From here on the caller may not signal this process: kill(2) compares the sender's UIDs with these.
    setresuid(root, root, root)?;
    prctl::set_dumpable(false)?;
    // What the terminal, the session or timers of before may still send is not taken. A write into a closed pipe is
    // an error and no signal.
    SigSet::all().thread_set_mask()?;
    // To the kernel 1 says more than 0: nor may a core go to a program that collects them (fs/coredump.c).
    setrlimit(Resource::RLIMIT_CORE, 1, 1).or_else(|_| setrlimit(Resource::RLIMIT_CORE, 0, 0))?;
    for (resource, limit) in LIMITS {
        setrlimit(resource, limit, limit)?;
    }
    lift_pending_signals()?;
    let lifetime = end_after(LIFETIME)?;
    keep_standard_descriptors_only()?;
    clear_environment()?;
    // EPERM: a leader of its process group, as shells make it. Then the terminal stays, and its signals are blocked.
    let _ = setsid();
    chdir("/")?;
    umask(Mode::from_bits_truncate(0o077));
    Ok(Caller { uid, _lifetime: ManuallyDrop::new(lifetime) })
}

/// Our timer is one pending signal of root's, and the kernel counts those of all of root's processes together: with a limit
/// of our own, one user's crowd of helpers would use it up for everybody's. Without CAP_SYS_RESOURCE it is as high as it
/// may be.
fn lift_pending_signals() -> Result<(), Unfit> {
    let resource = Resource::RLIMIT_SIGPENDING;
    setrlimit(resource, RLIM_INFINITY, RLIM_INFINITY).or_else(|_| {
        let (_, hard) = getrlimit(resource)?;
        setrlimit(resource, hard, hard)
    })?;
    Ok(())
}

/// Ends the process after a time, whatever it waits for then: the timer's signal is SIGKILL, which can be neither
/// blocked nor ignored, and a caller may have had SIGALRM ignored.
fn end_after(time: Duration) -> Result<Timer, Unfit> {
    let event = SigEvent::new(SigevNotify::SigevSignal { signal: Signal::SIGKILL, si_value: 0 });
    let mut timer = Timer::new(ClockId::CLOCK_MONOTONIC, event)?;
    timer.set(Expiration::OneShot(time.into()), TimerSetTimeFlags::empty())?;
    Ok(timer)
}

/// Fills 0, 1 and 2 where they are closed, so that no file of ours takes their place, and closes all others.
fn keep_standard_descriptors_only() -> Result<(), Unfit> {
    loop {
        let opened = open("/dev/null", OFlag::O_RDWR | OFlag::O_NOCTTY, Mode::empty())?;
        if std::os::fd::AsRawFd::as_raw_fd(&opened) > 2 {
            break;
        }
        // It stays open as the descriptor that was missing.
        let _ = std::os::fd::IntoRawFd::into_raw_fd(opened);
    }
    let listed = std::fs::read_dir("/proc/self/fd").map_err(|_| Unfit::Refused)?;
    let numbers = listed.map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    // All of them first: the list itself is read through one.
    let numbers: Option<Vec<i32>> = numbers.collect();
    for number in numbers.ok_or(Unfit::Refused)? {
        if number > 2 {
            let _ = close(number);
        }
    }
    Ok(())
}

/// The loader has dropped what is dangerous to itself (ld.so(8), secure-execution mode). Name service modules go by
/// the rest once real and effective UID are the same, as some LDAP library does with `LDAPCONF`.
fn clear_environment() -> Result<(), Unfit> {
    for (name, _) in std::env::vars_os() {
        // `=x=y` has no name that could be removed, nor one that anything could ask for.
        if !name.as_encoded_bytes().contains(&b'=') {
            std::env::remove_var(name);
        }
    }
    let mut left = std::env::vars_os();
    if left.all(|(name, _)| name.as_encoded_bytes().contains(&b'=')) {
        Ok(())
    } else {
        Err(Unfit::Refused)
    }
}
