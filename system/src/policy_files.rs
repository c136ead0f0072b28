//! The policy's files as text. Whether a text is a policy is the policy room's question; whether the file
//! may be believed is answered here: root's, writable by root alone, no link, no special file.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use twinlock_policy::{Moment, Policy, SourceFile, TrialState};

use crate::file::{self, Expected, SAFE, check_folder, open_file, open_folder, open_subfolder, read_public};
use crate::kernel::{open, read as read_some};
use crate::paths::below;
use crate::{Fault, Paths, clock, faults};

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
        open(Path::new("/proc/sys/kernel/random/boot_id"), SAFE | OFlag::O_RDONLY, Mode::empty()).ok()?;
    let mut bytes = [0; 64];
    let length = read_some(&file, &mut bytes).ok()?;
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
                main: policy_file(&main_path, Err(fault)),
                drop_ins: Vec::new(),
                trial: None,
            };
        }
    };
    let main = read_one(&folder, "policy.toml", &main_path);
    let drop_in_path = below(&paths.policy, "policy.d");
    let drop_ins = match open_subfolder(&folder, "policy.d") {
        Err(Errno::ENOENT) => Vec::new(),
        Err(errno) => vec![policy_file(&drop_in_path, Err(Fault::io("open", &drop_in_path)(errno)))],
        Ok(drop_in_folder) => read_drop_ins(&drop_in_folder, &drop_in_path),
    };
    let trial_path = below(&paths.policy, "trial.toml");
    let trial = match read_one(&folder, "trial.toml", &trial_path) {
        Err(Fault::Io { errno: Errno::ENOENT, .. }) => None,
        text => Some(policy_file(&trial_path, text)),
    };
    PolicyFiles { main: policy_file(&main_path, main), drop_ins, trial }
}

fn read_drop_ins(folder: &OwnedFd, path: &Path) -> Vec<PolicyFile> {
    let listed = check_folder(path, folder, 0, WRITABLE_BY_OTHERS).and_then(|()| names(path, folder));
    let names = match listed {
        Ok(names) => names,
        Err(fault) => return vec![policy_file(path, Err(fault))],
    };
    let one = |name: &String| {
        let path: PathBuf = path.join(name);
        let text = read_one(folder, name, &path);
        policy_file(&path, text)
    };
    names.iter().map(one).collect()
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

fn read_one(folder: &OwnedFd, name: &str, path: &Path) -> Result<Vec<u8>, Fault> {
    let opened = open_file(folder, name, OFlag::O_RDONLY, Mode::empty()).map_err(|errno| match errno {
        Errno::ELOOP => Fault::not_safe(path, "is a symbolic link"),
        errno => Fault::io("open", path)(errno),
    })?;
    read_public(path, opened, &Expected { uid: 0, forbidden: WRITABLE_BY_OTHERS, most: MAX_FILE })
}

fn policy_file(path: &Path, text: Result<Vec<u8>, Fault>) -> PolicyFile {
    PolicyFile { path: path.display().to_string(), text }
}
