//! The distributions' own tools for the stacks of all logins: pam-auth-update of Debian, authselect of Red Hat.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::unistd::mkdtemp;
use serde::{Deserialize, Serialize};

use super::edit::Edit;
use super::place;
use super::trouble::Trouble;

const PAM_AUTH_UPDATE: &str = "/usr/sbin/pam-auth-update";
const PROFILE: &str = "/usr/share/pam-configs/twinlock";
const AUTHSELECT: &str = "/usr/bin/authselect";
/// Makes an authselect profile with our lines from the one in use; of the package.
const MAKE_PROFILE: &str = "/usr/libexec/twinlock/authselect";
/// Folders that pam-auth-update writes in, or reads.
const PAM: &str = "/etc/pam.d";
const SAVED: &str = "/var/lib/pam";
const PROFILES: &str = "/usr/share/pam-configs";
const SELECTED: &str = "/etc/authselect";

/// A tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tool {
    PamAuthUpdate,
    Authselect,
}

impl Tool {
    /// The tool of this host.
    ///
    /// # Errors
    /// [`Trouble::NoTool`].
    pub fn find() -> Result<Self, Trouble> {
        let there = |paths: [&str; 2]| paths.iter().all(|path| Path::new(path).exists());
        if there([PAM_AUTH_UPDATE, PROFILE]) {
            Ok(Self::PamAuthUpdate)
        } else if there([AUTHSELECT, MAKE_PROFILE]) {
            Ok(Self::Authselect)
        } else {
            Err(Trouble::NoTool)
        }
    }

    /// What is run, as typed; with authselect, the features in use stay.
    pub fn command(self) -> String {
        match self {
            Self::PamAuthUpdate => "pam-auth-update --enable twinlock".to_owned(),
            Self::Authselect => {
                let select = select_ours(&self.setting()).join(" ");
                format!("{MAKE_PROFILE} && authselect {select}")
            }
        }
    }

    /// What it is set to; for [`Tool::revert`].
    pub fn setting(self) -> String {
        match self {
            Self::PamAuthUpdate => String::new(),
            Self::Authselect => run(AUTHSELECT, &["current", "--raw"]).unwrap_or_default().trim().to_owned(),
        }
    }

    /// What it would change. Of authselect only the files are known, not what will be in them.
    ///
    /// # Errors
    /// [`Trouble::Tool`], [`Trouble::File`].
    pub fn preview(self) -> Result<Vec<Edit>, Trouble> {
        match self {
            Self::PamAuthUpdate => preview_pam_auth_update(),
            Self::Authselect if self.setting().starts_with("custom/twinlock") => Ok(Vec::new()),
            Self::Authselect => {
                let files = files(SELECTED)?.into_iter().map(|path| {
                    let before = place::read(&path)?;
                    Ok(Edit { path, after: before.clone(), before })
                });
                files.collect()
            }
        }
    }

    /// Whether [`Tool::preview`] knows what will be in the files.
    pub fn foresees(self) -> bool {
        self == Self::PamAuthUpdate
    }

    /// Does it.
    ///
    /// # Errors
    /// [`Trouble::Tool`] with what it said.
    pub fn apply(self) -> Result<(), Trouble> {
        match self {
            Self::PamAuthUpdate => run(PAM_AUTH_UPDATE, &["--enable", "twinlock"]).map(drop),
            Self::Authselect => {
                let setting = self.setting();
                run(MAKE_PROFILE, &[])?;
                run(AUTHSELECT, &select_ours(&setting)).map(drop)
            }
        }
    }

    /// Takes it back, so that the tool's own memory of it is right. The files are brought back byte for byte afterwards.
    pub fn revert(self, setting: &str) {
        let _ = match self {
            Self::PamAuthUpdate => run(PAM_AUTH_UPDATE, &["--disable", "twinlock"]),
            Self::Authselect => {
                let words: Vec<&str> = ["select"].into_iter().chain(setting.split_whitespace()).collect();
                run(AUTHSELECT, &words)
            }
        };
    }
}

/// The words that select our profile with the features of a setting, which are what follows its profile.
fn select_ours(setting: &str) -> Vec<&str> {
    ["select", "custom/twinlock"].into_iter().chain(setting.split_whitespace().skip(1)).collect()
}

/// Lets pam-auth-update write into a copy of everything that it looks at, with a database of its own.
fn preview_pam_auth_update() -> Result<Vec<Edit>, Trouble> {
    let root = mkdtemp("/run/twinlock-setup-XXXXXX")
        .map_err(|errno| Trouble::file("create", Path::new("/run"))(errno.into()))?;
    let edits = preview_in(&root);
    let _ = fs::remove_dir_all(&root);
    edits
}

fn preview_in(root: &Path) -> Result<Vec<Edit>, Trouble> {
    let inside = |path: &Path| root.join(path.strip_prefix("/").unwrap_or(path));
    for folder in [PAM, SAVED, PROFILES] {
        let copy = inside(Path::new(folder));
        fs::create_dir_all(&copy).map_err(Trouble::file("create", &copy))?;
        for path in files(folder)? {
            fs::copy(&path, inside(&path)).map_err(Trouble::file("copy", &path))?;
        }
    }
    let database = format!("File{{{}}}", root.join("debconf").display());
    let mut command = tool(PAM_AUTH_UPDATE, &["--root", &root.display().to_string(), "--enable", "twinlock"]);
    command.env("DEBCONF_DB_OVERRIDE", database);
    finish(PAM_AUTH_UPDATE, &mut command)?;
    let mut edits = Vec::new();
    for folder in [PAM, SAVED] {
        let mut paths: BTreeSet<PathBuf> = files(folder)?.into_iter().collect();
        let made = files(&inside(Path::new(folder)).display().to_string())?;
        paths.extend(made.iter().filter_map(|path| Some(Path::new("/").join(path.strip_prefix(root).ok()?))));
        for path in paths {
            let edit = Edit { before: place::read(&path)?, after: place::read(&inside(&path))?, path };
            edits.push(edit);
        }
    }
    edits.retain(Edit::is_change);
    Ok(edits)
}

/// The regular files of a folder.
fn files(folder: &str) -> Result<Vec<PathBuf>, Trouble> {
    let entries = fs::read_dir(folder).map_err(Trouble::file("list", Path::new(folder)))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.symlink_metadata().is_ok_and(|metadata| metadata.is_file()));
    paths.sort();
    Ok(paths)
}

fn tool(program: &str, words: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(words).env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null());
    command
}

fn run(program: &'static str, words: &[&str]) -> Result<String, Trouble> {
    finish(program, &mut tool(program, words))
}

fn finish(program: &'static str, command: &mut Command) -> Result<String, Trouble> {
    let output = command.output().map_err(|error| Trouble::Tool(program, error.to_string()))?;
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    // pam-auth-update ends with 0 all the same when it leaves everything as it is.
    if !output.status.success() || said.contains("Local modifications") {
        return Err(Trouble::Tool(program, said));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
