//! Everything on the disk that is ours: there, root's, and in nobody else's hands.

use std::ffi::OsStr;
use std::fs::Metadata;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use twinlock_system::Paths;

use super::problem::{Problem, Role};

const COMMAND: &str = "/usr/bin/twinlock";
const HELPER: &str = "/usr/libexec/twinlock/check";
const MODULE: &str = "pam_twinlock.so";
/// What the module holds in front of its version.
const VERSION_MARK: &[u8] = b"twinlock-version=";
/// The mode of the state's folders.
pub const FOLDER: u32 = 0o700;
/// There where SELinux is on.
const SELINUX: &str = "/sys/fs/selinux/enforce";
const STAT: &str = "/usr/bin/stat";

/// Looks at module, command, helper and state.
pub fn look(paths: &Paths, problems: &mut Vec<Problem>) {
    match module() {
        Some(module) => {
            safe(&module, Role::Module, 0o022, 0o644, problems);
            version(&module, problems);
        }
        None => problems.push(Problem::Missing { path: MODULE.into(), role: Role::Module }),
    }
    safe(Path::new(COMMAND), Role::Command, 0o6022, 0o755, problems);
    let helper = Path::new(HELPER);
    if let Some(metadata) = safe(helper, Role::Helper, 0o2022, 0o4755, problems)
        && metadata.mode() & 0o4000 == 0
    {
        problems.push(Problem::HelperNotSetuid { path: helper.to_owned() });
    }
    if safe(&paths.state, Role::State, 0o077, FOLDER, problems).is_none() {
        return;
    }
    for folder in ["ledger", "credentials", "pending"] {
        let folder = paths.state.join(folder);
        if safe(&folder, Role::State, 0o077, FOLDER, problems).is_none() {
            continue;
        }
        let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        files.sort();
        for file in files {
            safe(&file, Role::State, 0o077, 0o600, problems);
        }
    }
}

/// The module in the distribution's folder: the one where `pam_unix.so` lies.
pub fn module() -> Option<PathBuf> {
    let arch = std::env::consts::ARCH;
    let folders = [
        format!("/usr/lib/{arch}-linux-gnu/security"),
        format!("/lib/{arch}-linux-gnu/security"),
        "/usr/lib64/security".to_owned(),
        "/lib64/security".to_owned(),
        "/usr/lib/security".to_owned(),
        "/lib/security".to_owned(),
    ];
    let here = |folder: &&String| Path::new(folder).join("pam_unix.so").exists();
    let module = folders.iter().filter(here).map(|folder| Path::new(folder).join(MODULE));
    module.into_iter().find(|module| module.symlink_metadata().is_ok())
}

/// Looks at one path; what is there, if it is what it must be. `wrong` bits must not be set.
fn safe(path: &Path, role: Role, wrong: u32, mode: u32, problems: &mut Vec<Problem>) -> Option<Metadata> {
    let Ok(metadata) = path.symlink_metadata() else {
        problems.push(Problem::Missing { path: path.to_owned(), role });
        return None;
    };
    let folder = mode == FOLDER;
    let is = if metadata.is_dir() != folder || !(folder || metadata.is_file()) {
        if folder { "is no folder".to_owned() } else { "is no regular file".to_owned() }
    } else if metadata.uid() != 0 {
        format!("belongs to UID {}", metadata.uid())
    } else if metadata.permissions().mode() & wrong != 0 {
        format!("has mode {:04o}", metadata.permissions().mode() & 0o7777)
    } else {
        return Some(metadata);
    };
    problems.push(Problem::Unsafe { path: path.to_owned(), role, is, mode });
    None
}

/// Compares the module's version with this command's.
fn version(module: &Path, problems: &mut Vec<Problem>) {
    let Ok(bytes) = std::fs::read(module) else { return };
    let Some(found) = marked(&bytes) else { return };
    if found != env!("CARGO_PKG_VERSION") {
        problems.push(Problem::OtherVersion { path: module.to_owned(), module: found });
    }
}

fn marked(bytes: &[u8]) -> Option<String> {
    let at = bytes.windows(VERSION_MARK.len()).position(|window| window == VERSION_MARK)?;
    let version = bytes.get(at + VERSION_MARK.len()..)?;
    let end = version.iter().position(|byte| !(byte.is_ascii_alphanumeric() || b".-+".contains(byte)))?;
    Some(String::from_utf8_lossy(&version[..end]).into_owned())
}

/// Paths and the SELinux types that the policy module gives them.
const TYPES: [(&str, &str); 5] = [
    (HELPER, "twinlock_check_exec_t"),
    ("/var/lib/twinlock", "twinlock_var_lib_t"),
    ("/var/lib/twinlock/ledger", "twinlock_ledger_t"),
    ("/var/lib/twinlock/credentials", "twinlock_credential_t"),
    ("/var/lib/twinlock/pending", "twinlock_pending_t"),
];

/// Looks at SELinux labels, where SELinux is on.
pub fn labels(problems: &mut Vec<Problem>) {
    if !Path::new(SELINUX).exists() {
        return;
    }
    let paths = TYPES.map(|(path, _)| OsStr::new(path));
    let mut stat = Command::new(STAT);
    stat.arg("--printf=%n\\t%C\\n").args(paths).stdin(Stdio::null());
    if let Ok(output) = stat.output() {
        wrong_labels(&String::from_utf8_lossy(&output.stdout), problems);
    }
}

/// Compares what stat(1) printed with the types as they should be.
fn wrong_labels(printed: &str, problems: &mut Vec<Problem>) {
    for (path, context) in printed.lines().filter_map(|line| line.split_once('\t')) {
        let is = context.split(':').nth(2).unwrap_or(context);
        let Some((_, should)) = TYPES.iter().find(|(known, _)| *known == path) else { continue };
        if is != *should {
            let (is, should) = (is.to_owned(), (*should).to_owned());
            problems.push(Problem::Label { path: path.into(), is, should });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_of_another_type_is_found() {
        let printed = "/usr/libexec/twinlock/check\tsystem_u:object_r:bin_t:s0\n\
                       /var/lib/twinlock\tsystem_u:object_r:twinlock_var_lib_t:s0\n\
                       /var/lib/twinlock/ledger\tunconfined_u:object_r:twinlock_ledger_t:s0\n";
        let mut problems = Vec::new();
        wrong_labels(printed, &mut problems);
        let expected = Problem::Label {
            path: HELPER.into(),
            is: "bin_t".to_owned(),
            should: "twinlock_check_exec_t".to_owned(),
        };
        assert_eq!(problems, [expected]);
    }

    #[test]
    fn the_version_is_read_out_of_the_module() {
        assert_eq!(marked(b"\x7fELF..twinlock-version=0.1.0\0..").as_deref(), Some("0.1.0"));
        assert_eq!(marked(b"\x7fELF....."), None);
        assert_eq!(marked(b"twinlock-version=0.1.0"), None);
    }
}
