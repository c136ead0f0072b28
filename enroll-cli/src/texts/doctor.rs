//! The words of `twinlock doctor`: of each problem what it is, what happens because of it, and the line that mends it.

use std::fmt::Write;
use std::path::Path;

use super::{count, defused, instant};
use crate::doctor::{Phase, Problem, Report, Role, Severity};

const SSHD_MEND: &str = "twinlock setup --ssh, or in sshd_config: ";

/// What, why, how.
pub struct Told {
    pub what: String,
    pub because: String,
    pub mend: String,
}

fn words(what: impl Into<String>, because: impl Into<String>, mend: impl Into<String>) -> Told {
    Told { what: what.into(), because: because.into(), mend: mend.into() }
}

/// The report, for a person.
pub fn diagnosis(report: &Report) -> String {
    let mut text = String::new();
    for finding in &report.findings {
        let severity = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let _ = writeln!(text, "{severity}: {}  [{}]", indented(&finding.what), finding.id);
        let _ = writeln!(text, "  {}", indented(&finding.because));
        let _ = writeln!(text, "  mend: {}", indented(&finding.mend));
    }
    for one in &report.unchecked {
        let _ = writeln!(text, "not looked at: {}", indented(one));
    }
    let number = |severity| report.findings.iter().filter(|finding| finding.severity == severity).count();
    let (errors, warnings) = (number(Severity::Error), number(Severity::Warning));
    let _ = match (errors, warnings) {
        (0, 0) => writeln!(text, "Nothing is wrong."),
        (0, _) => {
            writeln!(text, "{}: nobody is kept out and no code can be skipped.", count(warnings, "warning"))
        }
        _ => writeln!(
            text,
            "{}, {}: a login would fail or a code could be skipped.",
            count(errors, "error"),
            count(warnings, "warning")
        ),
    };
    text
}

/// Defused, with later lines set in.
fn indented(text: &str) -> String {
    text.lines().map(defused).collect::<Vec<_>>().join("\n    ")
}

/// A problem in words.
pub fn problem(problem: &Problem) -> Told {
    match problem {
        Problem::SshdFails { .. }
        | Problem::SshdWithoutPam
        | Problem::SshdCannotAsk
        | Problem::SshdPasswords
        | Problem::SshdMethods { .. }
        | Problem::SshdWithoutKey { .. }
        | Problem::SshdRoot { .. }
        | Problem::SshdGrace { .. } => of_sshd(problem),
        Problem::ClockBehind { now } => words(
            format!("the clock shows {}, which is before this program was built", instant(*now)),
            "no code can be right, so every login that needs one is refused; recovery codes still work",
            "timedatectl set-ntp true",
        ),
        Problem::ClockFree => words(
            "nothing keeps the clock of this host right",
            "codes are made from the time: once it is off by a minute, right codes are refused",
            "timedatectl set-ntp true",
        ),
        Problem::ClockBehindRecord { user, last } => words(
            format!("the last code of {user} was accepted at {}, which is later than now", instant(*last)),
            "the clock is behind, or was ahead then; until it has caught up this user's codes are refused",
            format!("timedatectl set-ntp true; if the clock is right: twinlock unlock {user}"),
        ),
        Problem::Missing { path, role } => missing(path, *role),
        Problem::Unsafe { path, role, is, mode } => not_safe(path, *role, is, *mode),
        Problem::HelperNotSetuid { path } => words(
            format!("{} is not set-user-ID", path.display()),
            "screen lockers, and users who enrol or look at their own state, cannot reach the ledger and are refused",
            format!("chmod 4755 {}", path.display()),
        ),
        Problem::OtherVersion { path, module } => words(
            format!("{} is version {module}, this command is {}", path.display(), env!("CARGO_PKG_VERSION")),
            "what one of them writes the other may not understand",
            "install both from the same package",
        ),
        Problem::Label { path, is, should } => words(
            format!("{} has the SELinux type {is}, not {should}", path.display()),
            "SELinux may keep a login program from it, and then the login is refused",
            format!("restorecon -R {} (after installing twinlock-selinux)", path.display()),
        ),
        Problem::Policy(fault) => words(
            fault.to_string(),
            "the strictest policy is in force: everybody needs a code, nobody can enrol at login, no rule counts",
            fault.mend.clone(),
        ),
        Problem::PolicyWarning(fault) => {
            words(fault.to_string(), "it is allowed, and probably not meant", fault.mend.clone())
        }
        Problem::NoAdministrator { names, denied } => no_administrator(names, *denied),
        Problem::User { name, trouble } => words(
            format!("{name}: {trouble}"),
            "every login of this user that needs a code is refused",
            format!("mend what it says, or start anew: twinlock reset {name}"),
        ),
        _ => of_pam(problem),
    }
}

/// The line of ours for a phase.
fn our_line(phase: Phase) -> &'static str {
    match phase {
        Phase::Auth => "auth required pam_twinlock.so account_phase",
        Phase::Account => "account required pam_twinlock.so",
    }
}

fn of_pam(problem: &Problem) -> Told {
    match problem {
        Problem::NowhereAsked { required } => words(
            "no service of PAM names pam_twinlock.so",
            if *required {
                "the policy requires codes, and nobody is asked for one"
            } else {
                "nobody is asked for a code, not even those who enrolled"
            },
            "twinlock setup --ssh, or --all-logins",
        ),
        Problem::NotAsked { services, demanded } => words(
            format!("no code is asked for by {}", services.join(", ")),
            if *demanded {
                "the policy names it in account_required, and a first factor alone is enough"
            } else {
                "the policy names it in enroll_at, and a first factor alone is enough"
            },
            if *demanded {
                "twinlock setup --ssh, or --all-logins".to_owned()
            } else {
                "twinlock setup --all-logins; or, if it is meant, name in enroll_at only the services that ask".to_owned()
            },
        ),
        Problem::Unreachable { service, phase, line } => words(
            format!("{service}: our {} line is never reached\n{line}", phase.word()),
            "no code is asked for: an earlier line always ends the stack or jumps over it",
            format!("move it to where only a passed first factor leads: {}", our_line(*phase)),
        ),
        Problem::Bypass { service, phase, way } => bypass(service, *phase, way),
        Problem::WayIn { service, phase, line } => words(
            format!("{service}: the control of our {} line is a way in\n{line}", phase.word()),
            "a wrong code is passed over, and the rest of the stack lets the user in",
            our_line(*phase),
        ),
        Problem::OtherControl { service, phase, line } => words(
            format!("{service}: our {} line has another control than `required`\n{line}", phase.word()),
            "as this stack stands it does no harm; after the next change of it, it may",
            our_line(*phase),
        ),
        Problem::KeepsOut { service, phase, line } => words(
            format!("{service}: the {} stack refuses even a right code\n{line}", phase.word()),
            "nobody who is asked for a code gets in: a line refuses always, cannot be read, or jumps too far",
            format!(
                "see that every line of the stack can be read and that it does not end in pam_deny.so; ours: {}",
                our_line(*phase)
            ),
        ),
        Problem::KeepsOutExcused { service, phase } => words(
            format!("{service}: the {} stack refuses those of whom no code is asked", phase.word()),
            "our answer to them counts for nothing, and no other line agrees, so they are refused: the exempt, the \
             remembered, and all who have yet to enrol",
            format!("add before ours: {} required pam_permit.so", phase.word()),
        ),
        Problem::Twice { service, phase, lines } => words(
            format!("{service}: the {} stack asks twice\n{}", phase.word(), lines.join("\n")),
            "a code works once, so the second question refuses what the first accepted",
            "take one of the lines out",
        ),
        Problem::NoAccountLine { service } => words(
            format!("{service}: there is an auth line of ours, and no account line"),
            "who has yet to enrol is let in without a code, and who shows a key alone is not stopped",
            format!("before any `sufficient` of the account lines: {}", our_line(Phase::Account)),
        ),
        Problem::NoAuthLine { service } => words(
            format!("{service}: there is an account line of ours, and no auth line"),
            "nobody is ever asked, and so everybody whom the policy requires a code of is refused",
            format!("behind the first factor: {}", our_line(Phase::Auth)),
        ),
        Problem::NoAccountPhase { service, line, .. } => words(
            format!("{service}: our auth line lacks `account_phase`\n{line}"),
            "who has yet to enrol is refused here instead of being led through enrolment",
            our_line(Phase::Auth),
        ),
        Problem::UnknownWord { service, line, word } => words(
            format!("{service}: our module does not know the word {word:?}\n{line}"),
            "every login at which it is asked is refused",
            format!("take it out; the words are in pam_twinlock(8): {}", our_line(Phase::Auth)),
        ),
        Problem::CodeAlone { service, line } => words(
            format!("{service}: a code alone is enough\n{line}"),
            "no line before or after ours proves who it is: whoever holds the phone, or guesses a code, is in",
            "put a first factor in front of it; where sshd asks for a key first, add the word after_publickey",
        ),
        Problem::BeforeFactor { service, line } => words(
            format!("{service}: the code is asked for before the password\n{line}"),
            "a stranger can try codes, and use up the tries of a user, without knowing a password",
            "move it behind the first factor",
        ),
        Problem::AfterFailure { service, line } => words(
            format!("{service}: the code is asked for even after a wrong password\n{line}"),
            "the login is refused in the end, but a stranger can use up the tries of a user",
            "let the first factor end the stack when it fails: requisite instead of required",
        ),
        Problem::LockerEnrols { service } => words(
            format!("the policy names {service} in enroll_at, which is a screen locker"),
            "it skips the account phase or does not heed it, so who has yet to enrol unlocks it without a code",
            "take it out of enroll_at",
        ),
        Problem::SudoWithoutAccount { service, place } => words(
            format!(
                "{place}: sudo does not run the account phase, and the policy names {service} in enroll_at"
            ),
            "who has yet to enrol uses sudo without a code",
            format!("take !pam_acct_mgmt out of {place}, or {service} out of enroll_at"),
        ),
        _ => words("", "", ""),
    }
}

fn bypass(service: &str, phase: Phase, way: &[String]) -> Told {
    let way = way.join("\n");
    match phase {
        Phase::Auth => words(
            format!("{service}: a login can succeed without a code, by these lines\n{way}"),
            "a line before ours ends the stack or jumps over ours",
            format!(
                "let it jump to ours instead, as [success=N default=ignore] with a `requisite pam_deny.so` between; or put \
                 the lines before ours into a file of their own, named by `auth substack`; then: {}",
                our_line(phase)
            ),
        ),
        Phase::Account => words(
            format!("{service}: the account phase can succeed without our line, by these lines\n{way}"),
            "who has yet to enrol, and who shows a key alone, comes in that way without a code",
            format!("put it before them: {}", our_line(phase)),
        ),
    }
}

fn of_sshd(problem: &Problem) -> Told {
    match problem {
        Problem::SshdFails { said } => words(
            format!("sshd does not accept its own configuration\n{said}"),
            "it would not start again, and then nobody can log in by SSH",
            "sshd -t names file and line",
        ),
        Problem::SshdWithoutPam => words(
            "sshd: UsePAM no",
            "sshd asks for keys and passwords itself and nobody for a code",
            format!("{SSHD_MEND}UsePAM yes"),
        ),
        Problem::SshdCannotAsk => words(
            "sshd: KbdInteractiveAuthentication no",
            "there is no question that a code could be the answer to, so whoever needs one is refused",
            format!("{SSHD_MEND}KbdInteractiveAuthentication yes"),
        ),
        Problem::SshdPasswords => words(
            "sshd: PasswordAuthentication yes",
            "this method carries one answer only; who tries it is refused after a right password",
            format!("{SSHD_MEND}PasswordAuthentication no"),
        ),
        Problem::SshdMethods { list, refused, .. } => words(
            format!("sshd: `{list}` alone completes a login"),
            if *refused {
                "no code was asked then, so our account line refuses whomever the policy requires one of"
            } else {
                "no code is asked, and nothing stops such a login"
            },
            format!("{SSHD_MEND}AuthenticationMethods publickey,keyboard-interactive keyboard-interactive"),
        ),
        Problem::SshdWithoutKey { list } => words(
            format!("sshd: `{list}` completes a login without a key, and our line says after_publickey"),
            "a code alone would be asked for, and those of whom none is asked are refused",
            "in sshd_config: AuthenticationMethods publickey,keyboard-interactive",
        ),
        Problem::SshdRoot { value, .. } => words(
            format!("sshd: PermitRootLogin {value}"),
            "sshd replaces every answer that root types, so a code of root's never arrives: root is refused",
            "log in as a user and use sudo; or, in sshd_config: PermitRootLogin yes",
        ),
        Problem::SshdGrace { seconds } => words(
            format!("sshd: LoginGraceTime {seconds}"),
            "a first login unlocks a phone, installs an app and scans: it may be cut off in between",
            format!("{SSHD_MEND}LoginGraceTime 600"),
        ),
        _ => words("", "", ""),
    }
}

fn missing(path: &Path, role: Role) -> Told {
    let path = path.display();
    match role {
        Role::Module => words(
            format!("{path} is not in the folder of PAM modules"),
            "every login through a stack that names it is refused",
            "install the package again (libpam-twinlock, twinlock)",
        ),
        Role::Command => words(
            format!("{path} is missing"),
            "users cannot enrol by themselves",
            "install the package again",
        ),
        Role::Helper => words(
            format!("{path} is missing"),
            "screen lockers, and users who enrol or look at their own state, cannot reach the ledger and are refused",
            "install the package again",
        ),
        Role::State => words(
            format!("{path} is missing"),
            "nothing can be recorded, so every login that needs a code is refused",
            format!("install -d -m 0700 -o root -g root {path}"),
        ),
    }
}

fn not_safe(path: &Path, role: Role, is: &str, mode: u32) -> Told {
    let because = match role {
        Role::Module => "whoever may write to it decides who gets in",
        Role::Command => {
            "whoever may write to it is run by root; with other rights than its caller's it refuses to run"
        }
        Role::Helper => "whoever may write to it acts as root",
        Role::State => {
            "secrets and records are in other hands, so they are not believed and the login is refused"
        }
    };
    let path = path.display();
    words(format!("{path} {is}"), because, format!("chown root:root {path}; chmod {mode:04o} {path}"))
}

fn no_administrator(names: &[String], denied: bool) -> Told {
    let who = if names.is_empty() { "nobody can".to_owned() } else { names.join(", ") };
    words(
        format!("no administrator has a second factor ({who})"),
        if denied {
            "the policy requires codes and lets nobody enrol at login: no administrator can log in"
        } else {
            "the policy requires codes, and the first to need one has yet to see that theirs works"
        },
        "as that user: twinlock enroll; or as root: twinlock enroll --user NAME",
    )
}
