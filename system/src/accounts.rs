//! The accounts of this host, as far as its sources list them. Directories often do not (sssd's `enumerate`): then only
//! those that somebody names, or whom the ledger knows, can be looked up.
//!
//! The list comes from `getent`, because nothing safe in Rust offers getpwent(3), and one child costs less than it.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::errno::Errno;

use crate::{Fault, User, file};

const GETENT: &str = "/usr/bin/getent";

/// Programs that no session begins with.
const NO_SHELL: [&str; 7] = ["nologin", "false", "true", "sync", "shutdown", "halt", "poweroff"];

/// All accounts that the sources list, in their order; of two with one name the first, as look-ups find it.
///
/// # Errors
/// A [`Fault`] when they cannot be listed.
pub fn all() -> Result<Vec<User>, Fault> {
    let path = Path::new(GETENT);
    let mut getent = Command::new(path);
    getent.arg("passwd").env_clear().current_dir("/").stdin(Stdio::null()).stderr(Stdio::null());
    let output = getent.output().map_err(|error| Fault::io("run", path)(file::errno(&error)))?;
    if !output.status.success() {
        return Err(Fault::Lookup { errno: Errno::EIO });
    }
    let mut seen = HashSet::new();
    let accounts = output.stdout.split(|&byte| byte == b'\n').filter_map(account);
    Ok(accounts.filter(|user| seen.insert(user.name.clone())).collect())
}

/// Whether a login gives this user a session, by the login shell. An empty one is /bin/sh: passwd(5).
pub fn can_log_in(user: &User) -> bool {
    let program = user.shell.file_name().unwrap_or(OsStr::new(""));
    !NO_SHELL.iter().any(|name| program == *name)
}

/// A line of passwd(5).
fn account(line: &[u8]) -> Option<User> {
    let mut fields = line.split(|&byte| byte == b':');
    let name = String::from_utf8_lossy(fields.next()?).into_owned();
    fields.next()?;
    let mut number = || std::str::from_utf8(fields.next()?).ok()?.parse().ok();
    let (uid, gid) = (number()?, number()?);
    fields.next()?;
    let path = |field: &[u8]| PathBuf::from(OsStr::from_bytes(field));
    let (home, shell) = (path(fields.next()?), path(fields.next()?));
    (!name.is_empty()).then_some(User { name, uid, gid, home, shell })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_passwd_is_an_account_or_nothing() {
        let maria = account(b"maria:x:1000:1001:Maria M,,,:/home/maria:/bin/bash");
        let expected = User {
            name: "maria".to_owned(),
            uid: 1000,
            gid: 1001,
            home: PathBuf::from("/home/maria"),
            shell: PathBuf::from("/bin/bash"),
        };
        assert_eq!(maria, Some(expected));
        for line in
            [&b""[..], b"maria", b"maria:x:x:1:::", b"+nis", b":x:1:1::/:/bin/sh", b"maria:x:1:1::/home"]
        {
            assert_eq!(account(line), None);
        }
    }

    #[test]
    fn who_can_log_in_is_told_by_the_shell() {
        for (shell, can) in [
            ("/bin/bash", true),
            ("", true),
            ("/opt/erp/client", true),
            ("/usr/sbin/nologin", false),
            ("/sbin/nologin", false),
            ("/bin/false", false),
            ("/bin/sync", false),
        ] {
            let line = format!("u:x:1:1::/:{shell}");
            assert_eq!(account(line.as_bytes()).map(|user| can_log_in(&user)), Some(can), "{shell:?}");
        }
    }
}
