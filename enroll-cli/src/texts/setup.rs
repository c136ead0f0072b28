//! The words of `twinlock setup`.

use std::fmt::Write;

use super::{defused, problem};
use crate::setup::{Setup, Trouble, Undone};

/// What will be done, before it is.
pub fn setup(setup: &Setup) -> String {
    let mut text = String::new();
    for diff in &setup.diffs {
        for line in diff.lines() {
            let _ = writeln!(text, "{}", defused(line));
        }
    }
    if let Some(command) = &setup.runs {
        let _ = writeln!(text, "runs: {command}");
    }
    for warning in &setup.warnings {
        let _ = writeln!(
            text,
            "warning: {}  [{}]\n  mend: {}",
            defused(&warning.what),
            warning.id,
            defused(&warning.mend)
        );
    }
    if setup.changed && !setup.without_password.is_empty() {
        let shown: Vec<_> = setup.without_password.iter().take(8).map(String::as_str).collect();
        let more = if setup.without_password.len() > shown.len() { ", ..." } else { "" };
        let _ = writeln!(
            text,
            "warning: without a password on this host, and from now on asked for one by SSH: {}{more}\n  mend: passwd \
             NAME; or leave the password out of the stack, see after_publickey in pam_twinlock(8)",
            defused(&shown.join(", "))
        );
    }
    if !setup.changed {
        text.push_str("unchanged\n");
    } else if setup.dry_run {
        text.push_str("Nothing was changed (--dry-run).\n");
    }
    text
}

/// After it was done.
pub fn setup_done(setup: &Setup) -> String {
    let sshd = if setup.sshd_reloaded { " sshd has taken it up." } else { "" };
    format!(
        "Done.{sshd} Copies are in /var/lib/twinlock/setup.\n\
         Keep a root shell open and log in once by another; `twinlock setup --undo` brings everything back.\n"
    )
}

/// What was undone.
pub fn undone(undone: &Undone) -> String {
    let mut text = String::new();
    let did = if undone.dry_run { "would bring back" } else { "brought back" };
    for (word, paths) in [
        (did, &undone.restored),
        ("was as before", &undone.unchanged),
        ("CHANGED SINCE, left as it is", &undone.left),
    ] {
        for path in paths {
            let _ = writeln!(text, "{word}: {}", defused(&path.display().to_string()));
        }
    }
    if undone.sshd_reloaded {
        text.push_str("sshd has taken it up.\n");
    }
    if !undone.left.is_empty() {
        text.push_str(
            "Take our lines out of what was left by hand; the copies stay in /var/lib/twinlock/setup. Delete that folder \
             when you are done.\n",
        );
    }
    text
}

/// Why it was not done, and what to do.
pub fn setup_trouble(trouble: &Trouble) -> (String, String) {
    let unchanged = |mend: &str| format!("Nothing was changed. {mend}");
    match trouble {
        Trouble::Refused(problems) => {
            let mut what =
                "the result would let somebody in without a code or keep everybody out.".to_owned();
            let mut mends = String::new();
            for one in problems {
                let words = problem(one);
                let _ = write!(what, " {}: {}. {}.", one.id(), words.what.replace('\n', "; "), words.because);
                let _ = write!(mends, " {}: {}.", one.id(), words.mend);
            }
            (what, unchanged(mends.trim_start()))
        }
        Trouble::NoPasswords => (
            "the stack of sshd asks for a password, and nobody on this host has one.".to_owned(),
            unchanged(
                "Give an administrator a password (passwd NAME), or write a stack for key and code: see after_publickey \
                 in pam_twinlock(8).",
            ),
        ),
        Trouble::NoStack(path) => (
            format!("{} has no auth line to stand behind.", path.display()),
            unchanged("See that it is there and names its first factor."),
        ),
        Trouble::NoTool => (
            "neither pam-auth-update nor authselect is here with a profile of ours.".to_owned(),
            unchanged(
                "Install the package (libpam-twinlock, twinlock); or set up SSH alone: twinlock setup --ssh",
            ),
        ),
        Trouble::Tool(program, said) => (
            format!("{program} failed: {}", said.replace('\n', "; ")),
            "Mend what it says, then run this again; what was begun was taken back.".to_owned(),
        ),
        Trouble::SshdRefuses(said) => (
            format!("sshd does not accept the configuration: {}", said.replace('\n', "; ")),
            "Everything was brought back. Mend what it says, then run this again.".to_owned(),
        ),
        Trouble::NoSshd => (
            "there is no sshd on this host.".to_owned(),
            unchanged("Install openssh-server, or use --all-logins."),
        ),
        Trouble::Interrupted => (
            "an earlier setup was interrupted.".to_owned(),
            unchanged("Bring everything back first: twinlock setup --undo"),
        ),
        Trouble::ChangedSince(path) => (
            format!("{} was changed since the last setup.", path.display()),
            unchanged("Undo that one first, or put the lines in by hand: twinlock setup --undo"),
        ),
        Trouble::NothingKept => (
            "there is nothing to undo: no setup was made on this host.".to_owned(),
            "Lines that somebody wrote by hand are taken out by hand.".to_owned(),
        ),
        Trouble::Kept(path) => (
            format!("{} cannot be read.", path.display()),
            unchanged("The copies beside it are named NUMBER.before; bring them back by hand."),
        ),
        Trouble::NotAFile(path) => (
            format!("{} is a link, or no text.", path.display()),
            unchanged("Put a file in its place; or put the lines in by hand."),
        ),
        Trouble::File { doing, path, error } => (
            format!("cannot {doing} {}: {error}.", path.display()),
            "What was begun was taken back, or can be: twinlock setup --undo".to_owned(),
        ),
    }
}
