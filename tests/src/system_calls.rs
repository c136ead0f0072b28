//! The system calls of a program as `strace` tells them, and the ways in which each of them can fail: what tests need to
//! make every single one of them fail, or the last thing that its process did.

use std::collections::HashMap;

/// A system call of a run: its name, and which of this name in the whole process it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Its name, as strace spells it.
    pub name: String,
    /// Which of this name it is, from 1, as `when=` counts.
    pub number: usize,
    /// Which is the last of this name that the hook makes.
    pub last: usize,
    /// The whole line of the trace.
    pub line: String,
}

/// What becomes of a call: an error (`error=EIO`), or success that did nothing (`retval=0`); and whether of all later
/// ones of its name in the hook, too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What strace does instead of the call.
    pub instead: String,
    /// From this call on, every time.
    pub lasting: bool,
}

impl Call {
    /// All calls of a trace, in their order.
    pub fn all(trace: &str) -> Vec<Self> {
        let mut counts = HashMap::new();
        let lines = trace.lines().filter(|line| line.contains('(') && !line.starts_with(['+', '-']));
        lines
            .map(|line| {
                let name = line.split('(').next().unwrap_or_default().to_owned();
                let number = counts.entry(name.clone()).and_modify(|count| *count += 1).or_insert(1);
                Self { name, number: *number, last: *number, line: line.to_owned() }
            })
            .collect()
    }

    /// The calls between entry and return of the n-th hook that `pam_stage.so call=` called, from 0.
    ///
    /// # Panics
    /// When the trace has no such hook.
    pub fn of_hook(trace: &str, hook: usize) -> Vec<Self> {
        let all = Self::all(trace);
        let marked = |mark: &str| {
            let place = all.iter().enumerate().filter(|(_, call)| call.line.contains(mark)).nth(hook);
            place.unwrap_or_else(|| panic!("no hook {hook} in the trace\n{trace}")).0
        };
        let mut calls = all[marked("/pam_stage/hook begins") + 1..marked("/pam_stage/hook ended")].to_vec();
        let last: HashMap<String, usize> =
            calls.iter().map(|call| (call.name.clone(), call.number)).collect();
        for call in &mut calls {
            call.last = last[&call.name];
        }
        calls
    }

    /// Whether the scripted application makes it in its conversation: not a call of the module's.
    pub fn is_of_the_conversation(&self) -> bool {
        // Its descriptors are from 100 up, and nobody else's.
        ["read(1", "write(1"].iter().any(|start| {
            let number = self.line.strip_prefix(start).and_then(|rest| rest.split([',', '<']).next());
            number.is_some_and(|rest| rest.len() == 2 && rest.bytes().all(|digit| digit.is_ascii_digit()))
        })
    }

    /// The arguments for strace under which the process dies or stops (`KILL`, `STOP`) as it enters this call.
    pub fn signalled(&self, signal: &str) -> Vec<String> {
        self.strace(&[], &format!("signal={signal}:when={}", self.number))
    }

    /// The arguments for strace under which this call fails.
    pub fn failing(&self, fault: &Fault) -> Vec<String> {
        let last = if fault.lasting { format!("..{}", self.last) } else { String::new() };
        // Much quicker, as only calls of this name stop at strace; signals it does not send so (strace 6.1).
        let quickly = ["-f", "--seccomp-bpf"];
        self.strace(&quickly, &format!("{}:when={}{last}", fault.instead, self.number))
    }

    fn strace(&self, how: &[&str], what: &str) -> Vec<String> {
        let filters = [format!("trace={}", self.name), format!("inject={}:{what}", self.name)];
        let filters = filters.into_iter().flat_map(|filter| ["-e".to_owned(), filter]);
        how.iter().map(|&word| word.to_owned()).chain(filters).collect()
    }

    /// Whether the trace of a run under [`Call::failing`] shows that this very call failed.
    pub fn has_failed(&self, trace: &str) -> bool {
        trace.lines().position(|line| line.ends_with("(INJECTED)")) == Some(self.number - 1)
    }

    /// Every way in which this call can fail, by its manual page in section 2; errors of network file systems with it.
    ///
    /// # Panics
    /// When nobody has said yet how calls of this name fail.
    pub fn faults(&self) -> Vec<Fault> {
        let once = |instead: String| Fault { instead, lasting: false };
        let errors = errors(&self.name).split_whitespace().map(|error| once(format!("error={error}")));
        // What it returned when nothing was wrong.
        let returned = self.line.rsplit(" = ").next().unwrap_or_default();
        let odd: Vec<String> = match self.name.as_str() {
            // The file ended, or holds another byte than was thought.
            "read" | "pread64" => vec!["retval=0".into(), "retval=1".into()],
            "write" | "pwrite64" => vec!["retval=0".into()],
            // Which has no errors: the kernel answers with the break that is in force.
            "brk" => vec!["retval=0".into()],
            // Nor have these, which answer with what was in force before, whether or not they did anything.
            "setfsuid" | "setfsgid" => vec![format!("retval={returned}")],
            _ => Vec::new(),
        };
        let lasting = match self.name.as_str() {
            "openat" => &["error=EMFILE", "error=EIO"][..],
            "newfstatat" | "fstat" | "pread64" | "fsync" | "fdatasync" => &["error=EIO"],
            "pwrite64" => &["error=ENOSPC"],
            "fcntl" => &["error=EAGAIN"],
            "mmap" | "setgroups" => &["error=ENOMEM"],
            "brk" => &["retval=0"],
            "getrandom" => &["error=ENOSYS"],
            "sendto" | "connect" => &["error=ECONNREFUSED"],
            _ => &[],
        };
        let lasting = lasting.iter().map(|&instead| Fault { instead: instead.to_owned(), lasting: true });
        errors.chain(odd.into_iter().map(once)).chain(lasting).collect()
    }

    /// Whether a failure of it is want of memory, for which Rust ends the process and the C library may.
    pub fn asks_for_memory(&self) -> bool {
        ["mmap", "brk", "mremap"].contains(&self.name.as_str())
    }
}

/// In the short form (`TWINLOCK_FAULTS=short`) one of so many, else all.
pub fn share<T>(all: Vec<T>, one_of: usize) -> Vec<T> {
    let step = if is_short() { one_of } else { 1 };
    all.into_iter().step_by(step).collect()
}

/// Whether calls of this name are tried: all, or those of `make test-faults ONLY=pread64` alone.
pub fn is_wanted(name: &str) -> bool {
    only().is_none_or(|only| only == name)
}

/// Whether calls of every name are tried, and so every kind of outcome can be expected.
pub fn are_all_wanted() -> bool {
    only().is_none()
}

fn only() -> Option<String> {
    std::env::var("TWINLOCK_FAULTS_ONLY").ok().filter(|only| !only.is_empty())
}

/// Whether `make test-faults SHORT=1` runs.
pub fn is_short() -> bool {
    std::env::var_os("TWINLOCK_FAULTS").is_some_and(|form| form == "short")
}

/// The errors of a system call: those of its manual page, without the ones that only a wrong argument can bring (EFAULT,
/// EINVAL of most), with EIO and ESTALE where a file system may say so.
fn errors(name: &str) -> &'static str {
    match name {
        "openat" | "open" => {
            "EACCES EAGAIN EBUSY EDQUOT EEXIST EINTR EIO EISDIR ELOOP EMFILE ENAMETOOLONG ENFILE ENODEV ENOENT ENOMEM \
             ENOSPC ENOTDIR ENXIO EOVERFLOW EPERM EROFS ESTALE ETXTBSY"
        }
        "openat2" => {
            "E2BIG EACCES EAGAIN EINTR EINVAL EIO ELOOP EMFILE ENFILE ENOENT ENOMEM ENOSYS ENOTDIR ENXIO EPERM ESTALE \
             EXDEV"
        }
        "close" => "EDQUOT EINTR EIO ENOSPC",
        "read" | "pread64" | "readv" => "EAGAIN EBADF EINTR EINVAL EIO EISDIR ESTALE",
        "write" | "pwrite64" | "writev" => "EAGAIN EDQUOT EFBIG EINTR EINVAL EIO ENOSPC EPERM EPIPE ESTALE",
        "fsync" | "fdatasync" => "EBADF EDQUOT EINTR EINVAL EIO ENOSPC EROFS ESTALE",
        "fcntl" => "EACCES EAGAIN EBADF EDEADLK EINTR EINVAL EIO EMFILE ENOLCK",
        "newfstatat" | "fstat" | "stat" | "lstat" | "statx" | "statfs" | "fstatfs" => {
            "EACCES EBADF EIO ELOOP ENAMETOOLONG ENOENT ENOMEM ENOSYS ENOTDIR EOVERFLOW ESTALE"
        }
        "access" | "faccessat" | "faccessat2" | "readlink" | "readlinkat" | "chdir" => {
            "EACCES EIO ELOOP ENAMETOOLONG ENOENT ENOMEM ENOTDIR ESTALE"
        }
        "lseek" => "EBADF EINVAL ENXIO EOVERFLOW ESPIPE",
        "getdents64" => "EBADF EINVAL EIO ENOENT ENOTDIR ESTALE",
        "mkdirat" | "mkdir" => {
            "EACCES EDQUOT EEXIST EIO ELOOP EMLINK ENAMETOOLONG ENOENT ENOMEM ENOSPC ENOTDIR EPERM EROFS ESTALE"
        }
        "renameat2" | "renameat" | "rename" => {
            "EACCES EBUSY EDQUOT EEXIST EINVAL EIO EISDIR ELOOP EMLINK ENOENT ENOMEM ENOSPC ENOSYS ENOTDIR ENOTEMPTY \
             EPERM EROFS ESTALE EXDEV"
        }
        "unlinkat" | "unlink" => "EACCES EBUSY EIO EISDIR ELOOP ENOENT ENOMEM ENOTDIR EPERM EROFS ESTALE",
        "chmod" | "fchmod" | "fchown" | "fchownat" | "fchmodat" => "EDQUOT EIO ENOENT EPERM EROFS ESTALE",
        "ftruncate" | "fallocate" => "EFBIG EINTR EINVAL EIO ENOSPC EOPNOTSUPP EPERM EROFS ESTALE ETXTBSY",
        "fadvise64" | "ioctl" => "EBADF EINVAL ENOTTY ESPIPE",
        "setgroups" => "EINVAL ENOMEM EPERM",
        "getgroups" => "EFAULT EINVAL EPERM",
        // A filter of system calls may say so.
        "setfsuid" | "setfsgid" => "EPERM",
        "setresuid" | "setresgid" | "setuid" | "setgid" => "EAGAIN EINVAL EPERM",
        "setsid" | "setpriority" => "EACCES EPERM ESRCH",
        "getrandom" => "EAGAIN EFAULT EINTR EINVAL ENOSYS EPERM",
        "mmap" => "EACCES EAGAIN ENFILE ENODEV ENOMEM EOVERFLOW EPERM",
        "mremap" => "ENOMEM",
        "mprotect" | "munmap" | "madvise" | "mlock" | "mlock2" | "munlock" => "EACCES EAGAIN EINVAL ENOMEM",
        "socket" => "EACCES EAFNOSUPPORT EMFILE ENFILE ENOBUFS ENOMEM EPROTONOSUPPORT",
        "connect" => "EACCES EAGAIN ECONNREFUSED EINTR EISCONN ENETUNREACH ENOENT EPERM EPROTOTYPE ETIMEDOUT",
        "sendto" | "sendmsg" | "recvfrom" | "recvmsg" | "bind" | "getsockname" | "getpeername"
        | "setsockopt" => {
            "EACCES EAGAIN ECONNREFUSED ECONNRESET EDESTADDRREQ EINTR EMSGSIZE ENOBUFS ENOMEM ENOTCONN EPERM EPIPE"
        }
        "prlimit64" | "getrlimit" | "setrlimit" => "EINVAL EPERM ESRCH",
        "prctl" | "capset" | "capget" | "arch_prctl" => "EACCES EINVAL ENOSYS EPERM",
        "rt_sigaction" | "rt_sigprocmask" | "sigaltstack" | "setitimer" | "timer_create"
        | "timer_settime" | "timer_delete" => "EINVAL ENOMEM EPERM",
        "clock_nanosleep" | "clock_gettime" | "nanosleep" => "EINTR EINVAL EPERM",
        "poll" | "ppoll" | "select" | "pselect6" => "EINTR EINVAL ENOMEM",
        "futex" => "EAGAIN EINTR EINVAL ENOSYS ETIMEDOUT",
        "close_range" | "dup2" | "dup3" | "dup" => "EBADF EBUSY EINTR EMFILE ENOMEM ENOSYS",
        "uname" | "sched_getaffinity" | "set_robust_list" | "rseq" | "set_tid_address" => {
            "EINVAL ENOSYS EPERM"
        }
        // Which cannot fail.
        "getuid" | "geteuid" | "getgid" | "getegid" | "getpid" | "getppid" | "gettid" | "getsid"
        | "umask" | "brk" | "exit_group" | "exit" | "execve" | "rt_sigreturn" | "restart_syscall" => "",
        _ => panic!("how {name} fails is not said here: see its manual page"),
    }
}
