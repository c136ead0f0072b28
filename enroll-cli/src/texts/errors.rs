//! What went wrong, and what to do now: both halves of every error.

use std::io::ErrorKind;
use std::path::Path;

use nix::errno::Errno;
use twinlock_system::{Fault, clock};
use twinlock_verifier::Rejection;

use super::{count, defused};
use crate::error::Error;
use crate::lock_holder;

/// An error as it goes to standard error.
pub fn error(error: &Error) -> String {
    let (what, mend) = halves(error);
    format!("twinlock: {}\n  {}\n", defused(&what), defused(&mend))
}

fn halves(error: &Error) -> (String, String) {
    match error {
        Error::SetUid => both(
            "this command runs with rights that are not its caller's.",
            "Install it without set-user-ID and set-group-ID bits: chmod 0755 /usr/bin/twinlock",
        ),
        Error::CoreDumps => both(
            "the kernel will not switch core dumps off for this process.",
            "A core dump could hold your key. Look for what filters prctl(2) or setrlimit(2) here.",
        ),
        Error::NoSuchCaller(uid) => (
            format!("no source of users knows the UID {uid} that this command runs as."),
            "See that `id` knows it; if it comes from a directory, that the directory answers.".to_owned(),
        ),
        Error::NoSuchUser(name) => (
            format!("there is no user {name:?}."),
            "Give the login name as `getent passwd` prints it.".to_owned(),
        ),
        Error::RootOnly => both(
            "only root may look at other users.",
            "Run it with sudo, or without a name to see what is set up for yourself.",
        ),
        Error::AdministratorsOnly => both("only root may do this.", "Run it with sudo."),
        Error::TrialHolds(until) => (
            format!("a policy is on trial until {}.", clock::readable(*until)),
            "Nothing was changed. Make it permanent with `twinlock policy confirm` or end it with \
             `twinlock policy try --end`; another trial takes its place with --replace."
                .to_owned(),
        ),
        Error::NoTrial(None) => both(
            "no policy is on trial.",
            "Begin with `twinlock policy try NEW --for 10m`.",
        ),
        Error::NoTrial(Some(state)) => (
            format!("no policy is on trial any more: {state}."),
            "policy.toml holds, as before the trial. Begin anew with `twinlock policy try NEW --for 10m`.".to_owned(),
        ),
        Error::NotTried => both(
            "no login has taken a code under the trial yet.",
            "Log in with a code from a second terminal, then confirm; or confirm without one by --force.",
        ),
        Error::NotATrial(path) => (
            format!("{} is not as `twinlock policy try` writes it.", path.display()),
            "End it with `twinlock policy try --end`, and begin anew.".to_owned(),
        ),
        Error::NoBootId => both(
            "the kernel does not say which boot this is, so no trial could hold.",
            "See that /proc is mounted: /proc/sys/kernel/random/boot_id",
        ),
        Error::LocksOut(names) => (
            format!("with this policy no administrator could log in ({}).", names.join(", ")),
            "Nothing was changed. Enrol one first (`twinlock enroll`, or `twinlock enroll --user NAME`), let \
             them enrol at a login (unenrolled, enroll_at), or insist with --force."
                .to_owned(),
        ),
        Error::ChangedMeanwhile => both(
            "somebody else changed the policy at the same time.",
            "Nothing was changed. Look at it with `twinlock policy show`, then run this again.",
        ),
        Error::YesMissing => both(
            "this cannot be undone, and there is no terminal to ask at.",
            "Add --yes.",
        ),
        Error::NotConfirmed => both("it was not confirmed.", "Nothing was changed."),
        Error::NotRemoved(why) => (
            format!("not everything could be removed: {}.", why.join("; ")),
            "The ledger's record was kept, so logins are refused meanwhile. Remove the rest by hand, then run \
             this again."
                .to_owned(),
        ),
        Error::NoTerminal => both(
            "this needs somebody at a terminal, to scan a picture and type a code.",
            "Run it in a terminal; a script adds --unattended.",
        ),
        Error::OutputMissing => both(
            "--qr svg and --qr png need a file to write to.",
            "Add --output FILE; the file must not exist.",
        ),
        Error::OutputUnused => both(
            "--output is for a picture, and none was asked for.",
            "Add --qr svg or --qr png, or leave --output out.",
        ),
        Error::PictureInJson => both(
            "--json leaves no room for a picture on the terminal.",
            "Use --qr png or svg with --output FILE, or leave --qr out.",
        ),
        Error::AlreadyEnrolled { path, labels, user } => already_enrolled(path, labels, user.as_deref()),
        Error::Damaged { path, fault } => (
            format!("{}: {fault}.", path.display()),
            "Nothing was changed. Restore the file from a backup; or move it away, and ask an \
             administrator to run `twinlock reset` for you."
                .to_owned(),
        ),
        Error::NoCredential => both("nothing is set up for your login.", "Set it up with `twinlock enroll`."),
        Error::NoHome(home) => (
            format!("your home {} is not there to keep the credential in.", home.display()),
            "Log in once so that it is made; or an administrator sets credential_store = \"system\"."
                .to_owned(),
        ),
        Error::StoreIsRoots => both(
            "on this host credentials are kept where only root can write (credential_store = \"system\").",
            "Log in by SSH or on a text console: where a code is required, the login sets it up.",
        ),
        Error::Clock(now) => (
            format!("the clock of this host shows {}, which is long past.", clock::readable(*now)),
            "Set it (timedatectl set-ntp true): codes are made from the time.".to_owned(),
        ),
        Error::Picture(fault) => {
            (format!("{fault}."), "The issuer is set in /etc/twinlock/policy.toml.".to_owned())
        }
        Error::File { doing, path, error } => file(doing, path, error),
        Error::Cancelled => {
            both("no code was typed.", "Nothing was changed. Run it again when you are ready.")
        }
        Error::Interrupted(_) => {
            both("interrupted.", "Nothing was changed. Run it again when you are ready.")
        }
        Error::NotShown(fault) => (
            format!("what was to be set up could not be shown: {fault}."),
            "Nothing was changed. Run it again where the output can be written.".to_owned(),
        ),
        Error::NotShownAfterwards(fault) => (
            format!("it is done, and what came of it could not be shown: {fault}."),
            "Look with `twinlock status`. If recovery codes were to be shown, make new ones with `twinlock \
             recovery-codes`, where the output can be written."
                .to_owned(),
        ),
        Error::Void(error) => {
            let (what, mend) = halves(error);
            (what, format!("Nothing is set up; the key and the codes above are void. {mend}"))
        }
        Error::System(fault) => (format!("{fault}."), mend(fault)),
        Error::Output(fault) => (
            format!("cannot write to standard output: {fault}."),
            "See where it leads, and that there is room.".to_owned(),
        ),
        Error::Terminal(fault) => (
            format!("cannot read what is typed: {fault}."),
            "Run it in a terminal, or pipe a code in.".to_owned(),
        ),
        Error::Setup(trouble) => super::setup_trouble(trouble),
        Error::Refused(rejection) => refused(*rejection),
        Error::CheckedOnly(rejection) => {
            let (what, mend) = refused(*rejection);
            (what, format!("{mend} It was checked only: nothing was counted."))
        }
        other => super::upkeep_error(other),
    }
}

/// The first half of an error alone.
pub fn what(error: &Error) -> String {
    halves(error).0.trim_end_matches('.').to_owned()
}

fn both(what: &str, mend: &str) -> (String, String) {
    (what.to_owned(), mend.to_owned())
}

fn already_enrolled(path: &Path, labels: &[String], user: Option<&str>) -> (String, String) {
    let names: Vec<_> = labels.iter().map(|label| format!("{label:?}")).collect();
    let whose = user.map_or("your login".to_owned(), |user| format!("the login of {user}"));
    let what = format!(
        "{whose} has {} already: {} ({}).",
        count(labels.len(), "authenticator"),
        names.join(", "),
        path.display()
    );
    let mend = match user {
        None => "Nothing was changed. `twinlock enroll` at a terminal adds another one or replaces one, with a code \
             or a recovery code. If phone and recovery codes are lost, ask an administrator to run `twinlock \
             reset` for you."
            .to_owned(),
        Some(user) => format!(
            "Nothing was changed. `twinlock authenticators add NAME --user {user}` adds another one; if all shall be \
             replaced, `twinlock reset {user}` first."
        ),
    };
    (what, mend)
}

fn file(doing: &str, path: &Path, error: &std::io::Error) -> (String, String) {
    let mend = match error.kind() {
        ErrorKind::AlreadyExists => "Give a file that does not exist yet: nothing is ever overwritten.",
        ErrorKind::NotFound => "See that the name is right, and that its folder exists.",
        ErrorKind::PermissionDenied => "Use a place where you may do that.",
        ErrorKind::FileTooLarge => "A policy has at most 1 MiB; name a group instead of its members.",
        _ => "See that it is a regular file, and that the disk has room.",
    };
    (format!("cannot {doing} {}: {error}.", path.display()), mend.to_owned())
}

/// How to mend what files, look-ups and the ledger had to say.
fn mend(fault: &Fault) -> String {
    match fault {
        Fault::Io { errno: Errno::ENOENT, path, .. } if path.starts_with("/var/lib/twinlock") => {
            format!("See that /var is mounted; installing Twinlock makes {} (root, 0700).", path.display())
        }
        Fault::Io { errno: Errno::EACCES | Errno::EPERM, .. } => {
            "See who owns it and its folders; on a network file system, that your ticket is valid.".to_owned()
        }
        Fault::Io { errno: Errno::ENOSPC | Errno::EDQUOT, .. } => "Make room on that file system.".to_owned(),
        Fault::Io { .. } => "See that its file system is mounted, sound and writable.".to_owned(),
        Fault::Unsafe { path, .. } => format!(
            "Nothing was changed. It must be its user's own, without links, and private: chmod 0600 {}",
            path.display()
        ),
        Fault::Lookup { .. } => "See that the directory (sssd, LDAP) is up, then run it again.".to_owned(),
        Fault::Identity(_) => "Run it as root or as that user.".to_owned(),
        Fault::Locked { path } => match &*lock_holder::of(path) {
            [] => "Another login of this user is under way; run it again in a moment.".to_owned(),
            holders => format!(
                "Another login of this user is under way; run it again in a moment. If it stays so, end what has \
                 the record open: {}.",
                holders.join(", ")
            ),
        },
        Fault::Record { .. } | Fault::OtherUser { .. } => {
            "Restore it from a backup, or start it anew as root.".to_owned()
        }
        Fault::FileSizeLimit => "Raise it: ulimit -f unlimited".to_owned(),
        Fault::Helper(_) => {
            "See that /usr/libexec/twinlock/check is root's with mode 4755, on a file system without nosuid."
                .to_owned()
        }
        Fault::Random => "Run it again when the host has finished starting.".to_owned(),
    }
}

/// How to mend a policy file that could not be read.
pub fn mend_policy_file(fault: &Fault) -> String {
    match fault {
        Fault::Io { errno: Errno::ENOENT, .. } => {
            "create it; a first one needs one line: require_mfa = false (only those who enrol are asked)"
                .to_owned()
        }
        Fault::Io { errno: Errno::EACCES, .. } => {
            "run this as root, or let everybody read it: chmod 0644, folders 0755".to_owned()
        }
        Fault::Io { .. } => "see that its file system is mounted and sound".to_owned(),
        _ => "make it a regular file, its folder a real folder, both root's and writable by root alone: \
              chown root:root, chmod go-w"
            .to_owned(),
    }
}

/// While something else is done: the policy has faults.
pub fn policy_is_broken_meanwhile() -> String {
    "twinlock: note: the policy has faults, so the strictest policy is in force.\n  \
     An administrator sees them by `twinlock policy check`.\n"
        .to_owned()
}

/// While a policy is explained: the ledger cannot be asked.
pub fn without_the_ledger(fault: &Fault) -> String {
    format!(
        "twinlock: note: {}; a login would be refused for that alone.\n  {}\n",
        defused(&fault.to_string()),
        mend(fault)
    )
}

fn refused(rejection: Rejection) -> (String, String) {
    let (what, mend) = match rejection {
        Rejection::Empty => ("no code was given.".to_owned(), "Type the code that the app shows."),
        Rejection::Unshaped => (
            "this has not the shape of a code.".to_owned(),
            "A code has the digits that the app shows; a recovery code has four groups of four letters and digits.",
        ),
        Rejection::Replayed => {
            ("this code was right and has been used already.".to_owned(), "Wait for the next one.")
        }
        Rejection::Wrong => (
            "the code is not right.".to_owned(),
            "Type the one that the app shows now; if that fails, compare the clocks of phone and host.",
        ),
        Rejection::WrongRecovery => (
            "this is none of your recovery codes, or it was used already.".to_owned(),
            "Take another one of the newest set.",
        ),
        Rejection::Throttled { wait } => (
            format!("after wrong codes, no code is looked at for another {wait} s."),
            "Wait, then try again; a recovery code may work meanwhile.",
        ),
        Rejection::Disabled => (
            "after too many wrong codes, codes are disabled for this user.".to_owned(),
            "An administrator unlocks it; recovery codes still work at a login.",
        ),
        Rejection::Clock => (
            "the clock of this host is behind, so codes cannot be checked.".to_owned(),
            "Set the clock (timedatectl set-ntp true); recovery codes still work at a login.",
        ),
        Rejection::Unregistered => (
            "the credential holds something that this host does not know: a login refuses it.".to_owned(),
            "Restore the file as it was; or an administrator resets the user, who then enrols again.",
        ),
    };
    (what, mend.to_owned())
}

/// The same for JSON.
pub fn rejection_word(rejection: Rejection) -> &'static str {
    match rejection {
        Rejection::Empty => "empty",
        Rejection::Unshaped => "unshaped",
        Rejection::Replayed => "replayed",
        Rejection::Wrong => "wrong",
        Rejection::WrongRecovery => "wrong_recovery",
        Rejection::Throttled { .. } => "throttled",
        Rejection::Disabled => "disabled",
        Rejection::Clock => "clock",
        Rejection::Unregistered => "unregistered",
    }
}
