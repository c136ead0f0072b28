//! What sudoers(5) says that matters to us: whether the account phase is passed over, and who has an administrator's
//! rights. Aliases and directories are not followed; a name that is missed makes the doctor quieter, never wrong.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Findings of all files.
#[derive(Debug, Default)]
pub struct Sudoers {
    /// Where `!pam_acct_mgmt` stands.
    pub without_account: Option<String>,
    /// Users that may do anything.
    pub users: BTreeSet<String>,
    /// Groups whose members may.
    pub groups: BTreeSet<String>,
}

/// Reads /etc/sudoers and what it includes.
pub fn read() -> Sudoers {
    let mut found = Sudoers::default();
    found.file(Path::new("/etc/sudoers"), 0);
    found
}

impl Sudoers {
    fn file(&mut self, path: &Path, depth: usize) {
        let Ok(text) = std::fs::read_to_string(path) else { return };
        for include in self.text(&text, &path.display().to_string()) {
            match include {
                _ if depth > 16 => return,
                Include::File(path) => self.file(&path, depth + 1),
                Include::Folder(path) => {
                    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
                    let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
                    // sudo passes over names with a dot, and those that editors leave behind.
                    paths.retain(|path| {
                        path.file_name().is_some_and(|name| {
                            let name = name.to_string_lossy();
                            !name.contains('.') && !name.ends_with('~')
                        })
                    });
                    paths.sort();
                    paths.iter().for_each(|path| self.file(path, depth + 1));
                }
            }
        }
    }

    fn text(&mut self, text: &str, path: &str) -> Vec<Include> {
        let mut includes = Vec::new();
        let mut whole = String::new();
        for (number, line) in (1..).zip(text.lines()) {
            whole.push_str(line);
            if whole.ends_with('\\') {
                whole.pop();
                continue;
            }
            let line = std::mem::take(&mut whole);
            let mut words = line.split_whitespace();
            let first = words.next().unwrap_or_default();
            match (first.trim_start_matches(['@', '#']), words.next()) {
                ("include", Some(path)) if first != "include" => includes.push(Include::File(path.into())),
                ("includedir", Some(path)) if first != "includedir" => {
                    includes.push(Include::Folder(path.into()))
                }
                _ => self.line(line.split('#').next().unwrap_or_default(), || format!("{path}:{number}")),
            }
        }
        includes
    }

    fn line(&mut self, line: &str, place: impl FnOnce() -> String) {
        let words = || line.split(|letter: char| letter.is_whitespace() || letter == ',');
        let first = words().next().unwrap_or_default();
        if first.starts_with("Defaults") {
            if words().any(|word| word == "!pam_acct_mgmt") {
                self.without_account = Some(place());
            }
            return;
        }
        let everything = line.split_once('=').is_some_and(|(_, what)| what.trim_end().ends_with("ALL"));
        if everything && !first.is_empty() && !first.ends_with("_Alias") {
            match first.strip_prefix('%') {
                Some(group) => self.groups.insert(group.to_owned()),
                None => self.users.insert(first.to_owned()),
            };
        }
    }
}

enum Include {
    File(PathBuf),
    Folder(PathBuf),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sudoers_is_read_as_far_as_it_matters() {
        let text = "Defaults env_reset\n# Defaults !pam_acct_mgmt\n%sudo\tALL=(ALL:ALL) ALL\nroot ALL=(ALL) ALL\n\
                    maria ALL=(root) NOPASSWD: \\\n  ALL\nolaf ALL=/usr/bin/lpadmin\nUser_Alias X = a, ALL\n\
                    @includedir /etc/sudoers.d\n#include /etc/more\n";
        let mut sudoers = Sudoers::default();
        assert_eq!(sudoers.text(text, "sudoers").len(), 2);
        assert_eq!(sudoers.without_account, None);
        assert!(
            sudoers.groups.contains("sudo")
                && sudoers.users.contains("maria")
                && !sudoers.users.contains("olaf")
        );
        sudoers.text("Defaults:maria env_reset, !pam_acct_mgmt\n", "sudoers");
        assert_eq!(sudoers.without_account.as_deref(), Some("sudoers:1"));
    }
}
