//! Programs run by tests: with a clean environment, a limit of time, and an end for certain. Kills by process id only,
//! and only what descends from a process that the harness started.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::PATIENCE;

/// A command with nothing of the developer's environment: fixed `PATH`, `HOME`, `LANG`, and `/` as folder.
pub fn command(program: impl AsRef<Path>) -> Command {
    let mut command = Command::new(program.as_ref());
    command.env_clear();
    command.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    command.env("HOME", "/root").env("LANG", "C.UTF-8").current_dir("/").stdin(Stdio::null());
    command
}

/// What a program said and how it ended.
#[derive(Debug)]
pub struct Finished {
    /// The exit status.
    pub status: ExitStatus,
    /// Standard output, lossily as UTF-8.
    pub stdout: String,
    /// Standard error, lossily as UTF-8.
    pub stderr: String,
}

impl Finished {
    /// The exit code; -1 when a signal ended the program.
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or(-1)
    }

    /// Itself, after a panic unless the program ended with 0.
    pub fn ok(self) -> Self {
        assert!(self.status.success(), "{}\n{}{}", self.status, self.stdout, self.stderr);
        self
    }
}

/// Runs a command to its end. Panics when it cannot start or takes longer than [`PATIENCE`].
pub fn run(command: &mut Command) -> Finished {
    let mut process = Process::spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
    let stdout = collect(process.child.stdout.take());
    let stderr = collect(process.child.stderr.take());
    let status =
        process.wait(PATIENCE).unwrap_or_else(|| panic!("{command:?} still runs after {PATIENCE:?}"));
    Finished { status, stdout: stdout.join().expect("reader"), stderr: stderr.join().expect("reader") }
}

fn collect(source: Option<impl Read + Send + 'static>) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut source) = source {
            // A cut pipe ends the text; what came before still counts.
            let _ = source.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// A child that does not outlive its owner, nor do its descendants.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) child: Child,
}

impl Process {
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let child = command.spawn().unwrap_or_else(|error| {
            panic!("{command:?}: {error}; `tests/install-packages` installs what tests need")
        });
        Self { child }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The exit status, or nothing when it still runs after `limit`.
    pub(crate) fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child of ours") {
                return Some(status);
            }
            if Instant::now() >= deadline {
                return None;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Kills it and everything that descends from it.
    pub(crate) fn end(&mut self) {
        let reaped = self.child.try_wait().ok().flatten().is_some();
        let mut known = BTreeSet::new();
        if !reaped {
            known.insert(self.id());
        }
        // Descendants may fork while they are counted, so count until no new one is found.
        loop {
            let found: BTreeSet<u32> = descendants(&known).difference(&known).copied().collect();
            if found.is_empty() {
                break;
            }
            known.extend(found);
        }
        for process in known {
            let id = Pid::from_raw(i32::try_from(process).expect("a process id"));
            // It may have ended by itself.
            let _ = kill(id, Signal::SIGKILL);
        }
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// All processes whose chain of parents leads to one of `roots`.
fn descendants(roots: &BTreeSet<u32>) -> BTreeSet<u32> {
    let mut all = BTreeSet::new();
    let mut parents: Vec<(u32, u32)> = Vec::new();
    for entry in std::fs::read_dir("/proc").expect("/proc").flatten() {
        let Some(process) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        // pid (name, which may hold anything) state parent ...
        let parent = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1)?.parse().ok());
        parents.extend(parent.map(|parent| (process, parent)));
    }
    let mut frontier = roots.clone();
    while !frontier.is_empty() {
        frontier =
            parents.iter().filter(|(_, parent)| frontier.contains(parent)).map(|(child, _)| *child).collect();
        all.extend(&frontier);
    }
    all
}

/// `libfaketime`, which moves the clock of a program.
pub(crate) fn faketime_library() -> String {
    let folders =
        [format!("/usr/lib/{}-linux-gnu", std::env::consts::ARCH), "/usr/lib64".into(), "/usr/lib".into()];
    folders
        .iter()
        .map(|folder| format!("{folder}/faketime/libfaketime.so.1"))
        .find(|path| Path::new(path).exists())
        .expect("libfaketime.so.1: `tests/install-packages` installs it")
}
