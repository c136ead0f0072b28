//! The policy's files as text. Whether a text is a policy is the policy room's question; whether the file
//! may be believed is answered here: root's, writable by root alone, no link, no special file.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use twinlock_policy::{Moment, Policy, SourceFile, TrialState};

use crate::file::{self, Expected, SAFE, check_folder, open_file, open_folder, open_subfolder, read_public};
use crate::paths::below;
use crate::{Fault, Paths, clock, faults, kernel};

/// The largest policy file that is read, in bytes: a policy that names 10,000 users has a fifth of it.
pub const MAX_FILE: usize = 1024 * 1024;
/// Nobody but root may write to a policy or its folders.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// One policy file: its path and its bytes, or why it cannot be believed.
#[derive(Debug)]
pub struct PolicyFile {
    /// Its path, for errors and reasons.
    pub path: String,
    /// Its text.
    pub text: Result<Vec<u8>, Fault>,
}

/// `policy.toml` and the files of `policy.d` that end in `.toml`, in the order of their names.
#[derive(Debug)]
pub struct PolicyFiles {
    /// `policy.toml`.
    pub main: PolicyFile,
    /// `policy.d/*.toml`.
    pub drop_ins: Vec<PolicyFile>,
    /// `trial.toml`; None when there is none.
    pub trial: Option<PolicyFile>,
}

/// The policy in force, and what became of a trial.
#[derive(Debug)]
pub struct InForce {
    /// The policy.
    pub policy: Policy,
    /// Whether it is a trial's.
    pub trial: TrialState,
}

/// Reads and parses the policy that is in force. Never fails: a broken policy is the strictest one, with its faults
/// inside. `clock_is_behind` says that nothing holds which is limited in time; a clock before the build always does.
pub fn load(paths: &Paths, clock_is_behind: bool) -> InForce {
    let files = read(paths);
    let drop_ins: Vec<_> = files.drop_ins.iter().map(PolicyFile::source).collect();
    let now = clock::now();
    // Only a trial asks for it.
    let boot_id = files.trial.as_ref().and_then(|_| boot_id());
    let moment =
        Moment { now, boot_id: boot_id.as_deref(), clock_is_behind: clock_is_behind || now < clock::BUILT };
    let trial = files.trial.as_ref().map(PolicyFile::source);
    let (policy, trial) = Policy::in_force(&files.main.source(), &drop_ins, trial.as_ref(), &moment);
    InForce { policy, trial }
}

/// The kernel's id of this boot: random(4).
pub fn boot_id() -> Option<String> {
    let file =
        kernel::open(Path::new("/proc/sys/kernel/random/boot_id"), SAFE | OFlag::O_RDONLY, Mode::empty())
            .ok()?;
    let mut bytes = [0; 64];
    let length = kernel::read(&file, &mut bytes).ok()?;
    let id = std::str::from_utf8(bytes.get(..length)?).ok()?;
    Some(id.trim().to_owned()).filter(|id| !id.is_empty())
}

impl PolicyFile {
    /// The file as the policy room takes it.
    pub fn source(&self) -> SourceFile<'_> {
        let text = self.text.as_ref().map(|text| text.as_slice()).map_err(ToString::to_string);
        SourceFile { path: &self.path, text }
    }
}

/// Reads the policy's files. Never fails: a file that cannot be read says so in its place.
pub fn read(paths: &Paths) -> PolicyFiles {
    faults::point("policy reading");
    let main_path = below(&paths.policy, "policy.toml");
    let folder = open_folder(&paths.policy).map_err(Fault::io("open", &paths.policy)).and_then(|folder| {
        check_folder(&paths.policy, &folder, 0, WRITABLE_BY_OTHERS)?;
        Ok(folder)
    });
    let folder = match folder {
        Ok(folder) => folder,
        Err(fault) => {
            return PolicyFiles {
                main: policy_file(main_path, Err(fault)),
                drop_ins: Vec::new(),
                trial: None,
            };
        }
    };
    let main = read_one(open(&folder, "policy.toml"), main_path);
    let drop_ins = match open_subfolder(&folder, "policy.d") {
        Err(Errno::ENOENT) => Vec::new(),
        opened => read_drop_ins(opened, below(&paths.policy, "policy.d")),
    };
    let trial = match open(&folder, "trial.toml") {
        Err(Errno::ENOENT) => None,
        opened => Some(read_one(opened, below(&paths.policy, "trial.toml"))),
    };
    PolicyFiles { main, drop_ins, trial }
}

fn read_drop_ins(opened: nix::Result<OwnedFd>, path: PathBuf) -> Vec<PolicyFile> {
    let listed = opened.map_err(Fault::io("open", &path)).and_then(|folder| {
        check_folder(&path, &folder, 0, WRITABLE_BY_OTHERS)?;
        names(&path, &folder).map(|names| (folder, names))
    });
    match listed {
        Ok((folder, names)) => {
            names.iter().map(|name| read_one(open(&folder, name), below(&path, name))).collect()
        }
        Err(fault) => vec![policy_file(path, Err(fault))],
    }
}

fn names(path: &Path, folder: &OwnedFd) -> Result<Vec<String>, Fault> {
    let mut names = Vec::new();
    for name in file::names(path, folder)? {
        match name.into_string() {
            Ok(name) if name.ends_with(".toml") => names.push(name),
            Ok(_) => {}
            Err(_) => return Err(Fault::not_safe(path, "holds a name that is not UTF-8")),
        }
    }
    names.sort();
    Ok(names)
}

fn open(folder: &OwnedFd, name: &str) -> nix::Result<OwnedFd> {
    open_file(folder, name, OFlag::O_RDONLY, Mode::empty())
}

fn read_one(opened: nix::Result<OwnedFd>, path: PathBuf) -> PolicyFile {
    let opened = opened.map_err(|errno| match errno {
        Errno::ELOOP => Fault::not_safe(&path, "is a symbolic link"),
        errno => Fault::io("open", &path)(errno),
    });
    let expected = Expected { uid: 0, forbidden: WRITABLE_BY_OTHERS, most: MAX_FILE };
    let text = opened.and_then(|opened| read_public(&path, opened, &expected));
    policy_file(path, text)
}

fn policy_file(path: PathBuf, text: Result<Vec<u8>, Fault>) -> PolicyFile {
    let path = path.into_os_string().into_string();
    PolicyFile { path: path.unwrap_or_else(|path| path.to_string_lossy().into_owned()), text }
}
