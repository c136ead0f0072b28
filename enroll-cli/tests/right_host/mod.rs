//! A host as it must be: Debian's own PAM files with our lines where pam-auth-update puts them, sshd as the package's
//! example has it, an administrator who enrolled. And its opposite, nothing set up yet.
#![allow(dead_code, reason = "each test program uses some of it")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{DirBuilder, Permissions, read_to_string, set_permissions};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use twinlock_tests::process::{self, Finished};
use twinlock_tests::{Account, Host, Phone, artefacts};

pub const AUTH: &str = "auth required pam_twinlock.so account_phase\n";
pub const ACCOUNT: &str = "account required pam_twinlock.so\n";
pub const DROP_IN: &str = "/etc/ssh/sshd_config.d/10-twinlock.conf";

/// Module, command, helper, state and policy, and nothing that names the module.
pub fn fresh() -> (Host, Account) {
    let host = Host::new();
    host.install_module(&artefacts::module());
    host.install_command(Path::new(env!("CARGO_BIN_EXE_twinlock")));
    host.write("/usr/libexec/twinlock/check", "", 0o4755);
    for folder in ["ledger", "credentials", "pending"] {
        let folder = Path::new("/var/lib/twinlock").join(folder);
        DirBuilder::new().recursive(true).mode(0o700).create(folder).unwrap();
    }
    mode("/var/lib/twinlock", 0o700);
    host.policy("require_mfa = true\nissuer = \"ACME ERP\"\n");
    let maria = host.add_user("maria", "correct horse");
    says(&host, "/usr/bin/timedatectl", "yes");
    (host, maria)
}

/// The same with everything set up.
pub fn right() -> (Host, Account) {
    let (host, maria) = fresh();
    let text = |path: &str| read_to_string(path).unwrap();
    host.write("/etc/pam.d/common-auth", &(text("/etc/pam.d/common-auth") + AUTH), 0o644);
    host.write(
        "/etc/pam.d/common-account",
        &(ACCOUNT.to_owned() + &text("/etc/pam.d/common-account")),
        0o644,
    );
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/sshd/twinlock.conf");
    host.write(DROP_IN, &read_to_string(example).unwrap(), 0o644);
    host.write("/etc/sudoers.d/maria", "maria ALL=(ALL:ALL) ALL\n", 0o440);
    let _ = Phone::of(&maria);
    (host, maria)
}

/// Puts a program in place that says one line.
pub fn says(host: &Host, path: &str, line: &str) {
    host.write(path, &format!("#!/bin/sh\necho {line}\n"), 0o755);
}

pub fn mode(path: impl AsRef<Path>, mode: u32) {
    set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

pub fn twinlock(words: &[&str]) -> Finished {
    process::run(process::command("/usr/bin/twinlock").args(words))
}

/// Paths that are not as they were, but for those that a login or an sshd of the tests makes.
pub fn changed(before: &Everything) -> Vec<PathBuf> {
    let after = everything();
    let paths: BTreeSet<&PathBuf> = before.keys().chain(after.keys()).collect();
    let others = ["/var/lib/twinlock/ledger/", "/var/lib/twinlock/pending/", "/etc/ssh/twinlock_tests"];
    let ours = |path: &&&PathBuf| !others.iter().any(|other| path.to_string_lossy().starts_with(other));
    let differ = |path: &&&PathBuf| before.get(**path) != after.get(**path);
    paths.iter().filter(ours).filter(differ).map(|path| (*path).clone()).collect()
}

/// Mode and bytes of each path.
pub type Everything = BTreeMap<PathBuf, (u32, Vec<u8>)>;

/// Every file below folders that setup may touch, with its mode.
pub fn everything() -> Everything {
    let mut found = BTreeMap::new();
    let mut folders: Vec<PathBuf> = ["/etc", "/var/lib/pam", "/var/lib/twinlock"].map(PathBuf::from).into();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let metadata = path.symlink_metadata().unwrap();
            if metadata.is_dir() {
                folders.push(path.clone());
            }
            let bytes = if metadata.is_file() { std::fs::read(&path).unwrap() } else { Vec::new() };
            found.insert(path, (metadata.permissions().mode(), bytes));
        }
    }
    found
}
