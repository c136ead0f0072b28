//! Our two lines in a PAM file: where they belong, and how to know them again.

use crate::doctor::stack::{Phase, Stack, read};
use crate::doctor::{Files, Service};

/// In front of each line that `setup` wrote.
const MARK: &str = "# Twinlock, by `twinlock setup`; `twinlock setup --undo` takes it out.";
const AUTH: &str = "auth       required     pam_twinlock.so account_phase";
const ACCOUNT: &str = "account    required     pam_twinlock.so";

/// The text of a service with our lines: auth behind everything that proves who it is, account before everything that
/// may end its stack. What is there already stays. None when there is no auth line to stand behind.
pub fn with_ours(service: &str, text: &str, files: &Files) -> Option<String> {
    let now = Service::read(service, &|name| files.find(name));
    let parts = parts(text);
    let of = |phase| {
        let parts = parts.iter().enumerate();
        let of_phase = parts.filter(move |(_, part)| has(part, phase, files));
        of_phase.map(|(number, _)| number).collect::<Vec<_>>()
    };
    let (auth, account) = (of(Phase::Auth), of(Phase::Account));
    let behind = *auth.last()?;
    let before = account.first().copied().unwrap_or(behind + 1);
    let missing = |stack: &Stack| stack.ours().next().is_none();
    let mut new = String::new();
    for (number, part) in parts.iter().enumerate() {
        if number == before && missing(&now.account) {
            add(&mut new, ACCOUNT);
        }
        new.push_str(part);
        if number == behind && missing(&now.auth) {
            add(&mut new, AUTH);
        }
    }
    if before >= parts.len() && missing(&now.account) {
        add(&mut new, ACCOUNT);
    }
    Some(new)
}

/// The text without the lines that `setup` wrote.
pub fn without_ours(text: &str) -> String {
    let mut kept = String::new();
    let mut lines = text.split_inclusive('\n');
    while let Some(line) = lines.next() {
        if line.trim_end() == MARK {
            lines.next();
        } else {
            kept.push_str(line);
        }
    }
    kept
}

fn add(text: &mut String, line: &str) {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(MARK);
    text.push('\n');
    text.push_str(line);
    text.push('\n');
}

/// Lines, continued ones in one part.
fn parts(text: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    let mut continued = false;
    for line in text.split_inclusive('\n') {
        match parts.last_mut().filter(|_| continued) {
            Some(part) => part.push_str(line),
            None => parts.push(line.to_owned()),
        }
        continued = line.trim_end_matches('\n').ends_with('\\');
    }
    parts
}

/// Whether a line, with what it includes, runs in a phase.
fn has(line: &str, phase: Phase, files: &Files) -> bool {
    let lookup = |name: &str| match name {
        // The line as if it were a service; it must not fall back to another.
        "" => Some((String::new(), line.to_owned())),
        "other" => None,
        name => files.find(name),
    };
    !read("", phase, &lookup).lines.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_stand_where_they_belong_and_can_be_taken_out() {
        let files = Files { instead: [("/etc/pam.d/nothing".into(), String::new())].into() };
        for (text, expected) in [
            // RHEL's sshd.
            (
                "#%PAM-1.0\nauth substack gone\nauth include gone\naccount required pam_nologin.so\n",
                "#%PAM-1.0\nauth substack gone\nauth include gone\nM\nA\nM\nC\naccount required pam_nologin.so\n",
            ),
            // Account first; no newline at the end; continued.
            (
                "account required \\\n pam_x.so\nauth required pam_y.so",
                "M\nC\naccount required \\\n pam_x.so\nauth required pam_y.so\nM\nA\n",
            ),
            (
                "auth required pam_y.so\n@include nothing\n",
                "auth required pam_y.so\nM\nA\nM\nC\n@include nothing\n",
            ),
        ] {
            let mut files = Files { instead: files.instead.clone() };
            files.instead.insert("/etc/pam.d/till".into(), text.to_owned());
            let expected = expected.replace("M\n", &format!("{MARK}\n"));
            let expected =
                expected.replace("A\n", &format!("{AUTH}\n")).replace("C\n", &format!("{ACCOUNT}\n"));
            let new = with_ours("till", text, &files);
            assert_eq!(new.as_deref(), Some(expected.as_str()), "{text}");
            assert_eq!(without_ours(&expected).trim_end(), text.trim_end());
            files.instead.insert("/etc/pam.d/till".into(), expected.clone());
            assert_eq!(with_ours("till", &expected, &files), Some(expected), "a second time");
        }
        assert_eq!(with_ours("till", "session required pam_x.so\n", &files), None);
    }
}
