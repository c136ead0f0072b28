//! Who holds the lock of a record: for the administrator whose command had to give up waiting. A user may stop their own
//! `su` at any point, also inside the lock; its process is to be named, or nobody can end it. Looks at /proc alone, and
//! is nothing that a decision is made on.

use std::fs::{read_dir, read_link, read_to_string};
use std::path::Path;

/// The processes that have the file open, with their names and what they are doing: `su (process 1234, stopped)`. Empty
/// where /proc tells nothing; who is not root sees only their own.
pub fn of(path: &Path) -> Vec<String> {
    let own = std::process::id();
    let Ok(processes) = read_dir("/proc") else { return Vec::new() };
    processes
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|id| *id != own && has_open(*id, path))
        .map(describe)
        .collect()
}

fn has_open(process: u32, path: &Path) -> bool {
    read_dir(format!("/proc/{process}/fd"))
        .is_ok_and(|opened| opened.flatten().any(|one| read_link(one.path()).is_ok_and(|to| to == path)))
}

/// proc_pid_stat(5): the name stands in parentheses and may hold any character; the state follows.
fn describe(process: u32) -> String {
    let stat = read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let (before, after) = stat.rsplit_once(')').unwrap_or_default();
    let name = before.split_once('(').map_or("?", |(_, name)| name);
    let name: String = name.chars().filter(|character| !character.is_control()).collect();
    match after.trim_start().chars().next() {
        Some('T' | 't') => format!("{name} (process {process}, stopped)"),
        _ => format!("{name} (process {process})"),
    }
}
