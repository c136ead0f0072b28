//! What the machine outside looks like, before and after: the proof that the demo leaves it as it was. Only looks.
//!
//! Other programs live on a machine too, and change things meanwhile. What tells theirs from the demo's: the demo's
//! programs see every compared folder through an overlay (the story checks that it is there), which holds each path
//! that they wrote. If a wall had a hole, it would be one of those paths that is changed outside. So a change of any
//! other path is told, and does not count; and likewise for mounts.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use twinlock_tests::artefacts;

/// Folders that are compared.
const FOLDERS: &[&str] = &["/etc", "/home", "/root", "/var/lib"];
/// The state of the package manager: `make demo` installs what is missing.
const NOT_COMPARED: &[&str] = &["/var/lib/apt", "/var/lib/dpkg"];
/// What nobody but the demo would write, whatever the overlays say.
const OURS: &[&str] = &["/etc/twinlock", "/var/lib/twinlock", "/usr/bin/twinlock", "/home/maria"];
/// How deep folders are compared. A login writes near the top; build trees in a home may hold millions of files.
const DEPTH: usize = 6;
/// How long the last processes may take to end.
const ENDING: Duration = Duration::from_secs(5);

/// Everything about a file but its content, which its times stand for.
type Stamp = [i64; 9];

/// A look at the machine.
#[derive(Debug)]
pub struct Machine {
    files: BTreeMap<PathBuf, Stamp>,
    accounts: BTreeMap<&'static str, Vec<u8>>,
    mounts: BTreeSet<String>,
    listening: BTreeMap<String, u64>,
    name: String,
}

/// What the demo did that the comparison has to know.
#[derive(Clone, Debug, Default)]
pub struct Traces {
    /// The mount namespace of its host, as `/proc/PID/ns/mnt` names it.
    pub walls: PathBuf,
    /// What its programs wrote there.
    pub written: BTreeSet<PathBuf>,
    /// Where something is mounted there.
    pub mounted: BTreeSet<String>,
}

/// The outcome for one part of the machine.
#[derive(Debug)]
pub struct Compared {
    /// The part, and how much of it was compared.
    pub what: String,
    /// What is not as it was.
    pub changed: Vec<String>,
    /// What other programs did meanwhile.
    pub by_others: Vec<String>,
}

impl Machine {
    /// Looks at the machine around the calling process; from outside of any host.
    pub fn look() -> Self {
        let mut files = BTreeMap::new();
        let others: Vec<PathBuf> =
            NOT_COMPARED.iter().map(PathBuf::from).chain([artefacts::target_folder()]).collect();
        for folder in FOLDERS {
            walk(Path::new(folder), DEPTH, &others, &mut files);
        }
        walk(&pam_folder(), 1, &others, &mut files);
        walk(Path::new("/usr/bin/twinlock"), 0, &others, &mut files);
        let accounts = ["/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow"];
        Self {
            files,
            accounts: accounts.map(|path| (path, std::fs::read(path).unwrap_or_default())).into(),
            mounts: mounts(),
            listening: listening(),
            name: nix::unistd::gethostname().unwrap_or_default().to_string_lossy().into_owned(),
        }
    }

    /// Compares this look, before, with one that was taken after.
    pub fn compare(&self, after: &Self, traces: &Traces) -> Vec<Compared> {
        let pam = pam_folder();
        let folders = FOLDERS.iter().map(Path::new).chain([pam.as_path(), Path::new("/usr/bin/twinlock")]);
        let mut parts: Vec<Compared> = folders.map(|folder| self.folder(after, folder, traces)).collect();
        let accounts = self.accounts.keys().filter(|path| self.accounts[*path] != after.accounts[*path]);
        parts.push(Compared {
            what: "users, groups and passwords, byte for byte".into(),
            changed: accounts.map(|path| (*path).to_owned()).collect(),
            by_others: Vec::new(),
        });
        parts.push(self.mounts(after, traces));
        parts.push(self.ports(after));
        parts.push(Compared {
            what: "processes that the demo started: all must have ended".into(),
            changed: left_running(&traces.walls),
            by_others: Vec::new(),
        });
        parts
    }

    fn folder(&self, after: &Self, folder: &Path, traces: &Traces) -> Compared {
        let below = |machine: &Self| -> BTreeMap<PathBuf, Stamp> {
            let inside = machine.files.iter().filter(|(path, _)| path.starts_with(folder));
            inside.map(|(path, stamp)| (path.clone(), *stamp)).collect()
        };
        let (old, new) = (below(self), below(after));
        let differs = |path: &&PathBuf| old.get(*path) != new.get(*path);
        let paths: BTreeSet<&PathBuf> = old.keys().chain(new.keys()).filter(differs).collect();
        let is_ours =
            |path: &Path| traces.written.contains(path) || OURS.iter().any(|ours| path.starts_with(ours));
        // The folder of a written file is in the overlay too; outside, it changes with any entry that others change.
        let of_others = |folder: &Path| {
            let mut inside = paths.iter().filter(|path| path.parent() == Some(folder));
            inside.clone().count() > 0 && inside.all(|path| !is_ours(path))
        };
        let (mut changed, mut by_others) = (Vec::new(), Vec::new());
        for &path in &paths {
            let how = match (old.get(path), new.get(path)) {
                (None, _) => "is new",
                (_, None) => "is gone",
                _ => "changed",
            };
            let list = if is_ours(path) && !of_others(path) { &mut changed } else { &mut by_others };
            list.push(format!("{} {how}", path.display()));
        }
        let count = match new.len() {
            0 => "not there, as before".to_owned(),
            1 => "1 entry".to_owned(),
            count => format!("{count} entries"),
        };
        Compared { what: format!("{} ({count})", folder.display()), changed, by_others }
    }

    fn mounts(&self, after: &Self, traces: &Traces) -> Compared {
        let (mut changed, mut by_others) = (Vec::new(), Vec::new());
        for mount in self.mounts.symmetric_difference(&after.mounts) {
            let ours = mount_point(mount).is_some_and(|at| traces.mounted.contains(at));
            let list = if ours { &mut changed } else { &mut by_others };
            list.push(format!("mount {mount}"));
        }
        if self.name != after.name {
            changed.push(format!("the host name is {}", after.name));
        }
        Compared {
            what: format!("mounts ({}) and host name ({})", after.mounts.len(), after.name),
            changed,
            by_others,
        }
    }

    fn ports(&self, after: &Self) -> Compared {
        let (mut changed, mut by_others) = (Vec::new(), Vec::new());
        for (address, &socket) in after.listening.iter().filter(|(at, _)| !self.listening.contains_key(*at)) {
            match holder(socket) {
                Some(program) => by_others.push(format!("{program} listens at {address}")),
                None => changed.push(format!("somebody listens at {address}")),
            }
        }
        let gone = self.listening.keys().filter(|at| !after.listening.contains_key(*at));
        by_others.extend(gone.map(|address| format!("nobody listens at {address} any more")));
        Compared { what: format!("listening TCP ports ({})", after.listening.len()), changed, by_others }
    }
}

/// The folder of PAM modules, by the path under which overlays hold it (`/lib` may be a link).
fn pam_folder() -> PathBuf {
    let folder = twinlock_tests::pam_folder();
    folder.canonicalize().unwrap_or(folder)
}

/// Stamps `path` and what is below it, on the same file system.
fn walk(path: &Path, depth: usize, others: &[PathBuf], files: &mut BTreeMap<PathBuf, Stamp>) {
    let Ok(found) = path.symlink_metadata() else { return };
    if others.iter().any(|other| other == path) {
        return;
    }
    let number = |value: u64| value.cast_signed();
    let (mode, owner, group) = (found.mode().into(), found.uid().into(), found.gid().into());
    files.insert(
        path.to_owned(),
        [
            mode,
            owner,
            group,
            number(found.ino()),
            number(found.size()),
            found.mtime(),
            found.mtime_nsec(),
            found.ctime(),
            found.ctime_nsec(),
        ],
    );
    if depth == 0 || !found.is_dir() {
        return;
    }
    for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
        let same = entry.metadata().is_ok_and(|inside| inside.dev() == found.dev());
        if same {
            walk(&entry.path(), depth - 1, others, files);
        }
    }
}

/// The mounts that this process and its parent see.
fn mounts() -> BTreeSet<String> {
    let parent = nix::unistd::getppid();
    let tables = ["/proc/self/mountinfo".to_owned(), format!("/proc/{parent}/mountinfo")];
    let text: String =
        tables.iter().map(|table| std::fs::read_to_string(table).unwrap_or_default()).collect();
    text.lines().map(str::to_owned).collect()
}

/// Where a line of a mountinfo mounts.
pub fn mount_point(line: &str) -> Option<&str> {
    line.split(' ').nth(4)
}

/// The addresses at which something listens (TCP), and the socket behind each.
fn listening() -> BTreeMap<String, u64> {
    let mut sockets = BTreeMap::new();
    for table in ["tcp", "tcp6"] {
        let text = std::fs::read_to_string(format!("/proc/self/net/{table}")).unwrap_or_default();
        for line in text.lines().skip(1) {
            // proc_net_tcp: sl local_address rem_address st ... inode
            let fields: Vec<&str> = line.split_whitespace().collect();
            let [_, local, _, "0A", ..] = fields[..] else { continue };
            let Some((address, port)) = local.split_once(':') else { continue };
            let port = u16::from_str_radix(port, 16).unwrap_or_default();
            let socket = fields.get(9).and_then(|number| number.parse().ok()).unwrap_or_default();
            sockets.insert(format!("{table} {address} port {port}"), socket);
        }
    }
    sockets
}

/// The program that holds a socket.
fn holder(socket: u64) -> Option<String> {
    let wanted = PathBuf::from(format!("socket:[{socket}]"));
    processes().into_iter().find_map(|(process, name)| {
        let open = std::fs::read_dir(format!("/proc/{process}/fd")).ok()?;
        let holds = open.flatten().any(|file| std::fs::read_link(file.path()).is_ok_and(|to| to == wanted));
        holds.then(|| format!("{name} (process {process})"))
    })
}

/// Processes that still stand on the demo's host, or descend from this one, when all had time to end.
fn left_running(walls: &Path) -> Vec<String> {
    let deadline = Instant::now() + ENDING;
    loop {
        let left: Vec<String> = processes()
            .into_iter()
            .filter(|(process, _)| {
                let on_host =
                    std::fs::read_link(format!("/proc/{process}/ns/mnt")).is_ok_and(|at| at == walls);
                on_host || parent(*process) == Some(std::process::id())
            })
            .map(|(process, name)| format!("{name} (process {process}) still runs"))
            .collect();
        if left.is_empty() || Instant::now() > deadline {
            return left;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// All processes, with their names.
fn processes() -> Vec<(u32, String)> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers
        .filter_map(|process| {
            let name = std::fs::read_to_string(format!("/proc/{process}/comm")).ok()?;
            Some((process, name.trim_end().to_owned()))
        })
        .collect()
}

fn parent(process: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    stat.rsplit(')').next()?.split_whitespace().nth(1)?.parse().ok()
}
