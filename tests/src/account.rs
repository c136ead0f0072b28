//! A user of a test's host, with a home. What is written there belongs to the user, as if they had written it.

use std::os::unix::fs::{DirBuilderExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process;

/// One line of `/etc/passwd`, and the password behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Login name.
    pub name: String,
    /// Password, as typed.
    pub password: String,
    /// User id.
    pub uid: u32,
    /// Id of the user's own group.
    pub gid: u32,
    /// Home folder.
    pub home: PathBuf,
}

impl Account {
    /// The path of a file in the home.
    pub fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.home.join(relative)
    }

    /// Writes a file into the home, and makes the folders on the way (0700); all of it belongs to the user.
    pub fn write(&self, relative: impl AsRef<Path>, content: impl AsRef<[u8]>, mode: u32) -> PathBuf {
        let path = self.path(&relative);
        let mut folder = self.home.clone();
        for part in relative.as_ref().parent().unwrap_or(Path::new("")) {
            folder.push(part);
            if !folder.exists() {
                std::fs::DirBuilder::new().mode(0o700).create(&folder).expect("mkdir in a home");
                chown(&folder, Some(self.uid), Some(self.gid)).expect("chown in a home");
            }
        }
        std::fs::write(&path, content).unwrap_or_else(|error| panic!("write {}: {error}", path.display()));
        chown(&path, Some(self.uid), Some(self.gid)).expect("chown in a home");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("chmod in a home");
        path
    }

    /// The text of a file in the home; panics when there is none.
    pub fn read(&self, relative: impl AsRef<Path>) -> String {
        let path = self.path(relative);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("read {}: {error}", path.display()))
    }

    /// A command that runs as the user, in the home, without supplementary groups.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = process::command(program);
        command.uid(self.uid).gid(self.gid).current_dir(&self.home);
        command.env("HOME", &self.home).env("USER", &self.name).env("LOGNAME", &self.name);
        command
    }
}
