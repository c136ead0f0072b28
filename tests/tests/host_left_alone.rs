//! What of the host and of the session a login must not touch, through real programs: descriptors, PAM_USER, the log.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;

use twinlock_tests::process::{command, run};
use twinlock_tests::witness::{count_faults, nothing_is_recorded, record_path};
use twinlock_tests::{
    Host, JournalLine, Outcome, PamClient, Phone, STACK, SshKey, Sshd, Terminal, oathtool, pam,
};
use twinlock_verifier::record::Slots;

const SSHD: &str = "auth required pam_unix.so\nauth required pam_twinlock.so account_phase\n\
                    account required pam_twinlock.so\naccount required pam_unix.so\nsession required pam_permit.so\n";
const PASSWORD_ALONE: &str =
    "auth required pam_unix.so\naccount required pam_unix.so\nsession required pam_permit.so\n";

/// Prints the shell's descriptors, and what they are, without a descriptor of its own in between.
const LIST: &str = "for fd in /proc/$$/fd/*; do echo \"fd ${fd##*/} $(readlink $fd)\"; done; echo 'e'nd";

/// The numbers of the descriptors in what [`LIST`] printed; sockets and pipes have numbers of their own each time.
fn descriptors(printed: &str) -> BTreeSet<(String, String)> {
    let lines = printed.lines().filter_map(|line| line.trim().strip_prefix("fd "));
    lines
        .map(|line| {
            let (number, target) = line.split_once(' ').unwrap_or((line, ""));
            let kind = target.split(['[', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']).next();
            (number.to_owned(), kind.unwrap_or_default().to_owned())
        })
        .collect()
}

/// cases.md, row 13. A shell behind a password alone is the measure.
#[test]
fn the_users_shell_has_no_descriptor_of_ours() {
    let shell = |stack: &str, remote: &[&str]| {
        let host = Host::that_requires_codes();
        host.pam_service("sshd", stack);
        let maria = host.add_user("maria", "correct horse");
        let phone = Phone::of(&maria);
        let sshd = Sshd::start(&host, "");
        let mut terminal = Terminal::new(&host).size(200, 50).ssh(&sshd, "maria", remote);
        terminal.expect("Password: ");
        terminal.send_line(&maria.password);
        if stack.contains("twinlock") {
            terminal.expect("Verification code: ");
            terminal.send_line(&phone.code());
        }
        if remote.is_empty() {
            terminal.expect("$ ");
            terminal.send_line(LIST);
        }
        let printed = terminal.expect("end\r\n");
        assert!(printed.contains("fd 0 ") && printed.contains("fd 2 "), "{printed}");
        for ours in ["twinlock", "ledger", "policy", "/etc/", "/var/", ".toml"] {
            assert!(!printed.replace(LIST, "").contains(ours), "{ours} in {printed}");
        }
        descriptors(&printed)
    };
    for remote in [&[][..], &["--", LIST]] {
        assert_eq!(shell(SSHD, remote), shell(PASSWORD_ALONE, remote));
    }
    // The same through su, login and sudo, after a wrong code and a right one.
    let local = |service: &str, stack: &str| {
        let host = Host::that_requires_codes();
        host.pam_service(service, stack);
        let maria = host.add_user("maria", "correct horse");
        host.add_user("otto", "other");
        let phone = Phone::of(&maria);
        let mut terminal = match service {
            "su" => Terminal::new(&host).size(200, 50).user("otto").run("su", &["maria"]),
            "sudo" => {
                host.write("/etc/sudoers.d/maria", "maria ALL=(ALL) ALL\n", 0o440);
                Terminal::new(&host).size(200, 50).user("maria").run("sudo", &["sh", "-c", LIST])
            }
            _ => Terminal::new(&host).size(200, 50).run("login", &["maria"]),
        };
        terminal.expect("assword");
        terminal.expect(": ");
        terminal.send_line(&maria.password);
        if stack.contains("twinlock") {
            terminal.expect("Verification code: ");
            terminal.send_line(&phone.wrong_code());
            terminal.expect("Verification code: ");
            terminal.send_line(&phone.code());
        }
        if service != "sudo" {
            terminal.expect("$ ");
            terminal.send_line(LIST);
        }
        descriptors(&terminal.expect("end\r\n"))
    };
    for service in ["su", "login", "sudo"] {
        assert_eq!(local(service, SSHD), local(service, PASSWORD_ALONE), "{service}");
    }
}

/// One login that answers every prompt with the next of these answers, and the last again.
fn play(client: &PamClient, answers: &[&str]) -> Outcome {
    let mut login = client.start();
    let mut asked = 0;
    while let Some(message) = login.next_message() {
        if message.kind.is_prompt() {
            login.answer(answers[asked.min(answers.len() - 1)]);
            asked += 1;
        }
    }
    login.finish()
}

/// Names that nobody has, and how much of a terminal, a log or a parser each might take in.
fn hostile_names() -> Vec<String> {
    let mut names: Vec<String> = [
        "",
        " ",
        "a\nevent=code_accepted user=\"root\"",
        "a\revent=code_accepted",
        "\x1b]0;title\x07\x1b[2J\x1b[31m",
        "a\" reason=\"none",
        "a\\",
        "a b c",
        "%s%n%x",
        "../../etc/shadow",
        "\u{202e}toor",
        "a\u{2028}b",
        "Jörg",
        "root:x",
        "-l",
    ]
    .map(str::to_owned)
    .to_vec();
    names.push("x".repeat(300));
    names.push("\u{7f}".repeat(300));
    names.push("\"".repeat(4000));
    names
}

/// cases.md, row 14.
#[test]
fn pam_user_is_the_same_before_and_after_whatever_happens() {
    let host = Host::that_requires_codes();
    let maria = host.add_user("maria", "secret");
    let phone = Phone::of(&maria);
    let (code, wrong) = (phone.code(), phone.wrong_code());
    let till = |user: &str| PamClient::new(&host, "till").user(user).rhost("192.0.2.7").keep_going();
    for answers in [&[wrong.as_str(), code.as_str()][..], &[&wrong], &[""], &[&code]] {
        play(&till("maria"), answers).assert_host_unchanged();
    }
    for name in hostile_names() {
        // Linux-PAM itself asks for a name that is empty; what it sets then is what was answered.
        let outcome = play(&till(&name), &[&wrong]);
        assert_ne!(outcome.code("authenticate"), pam::SUCCESS, "{name:?}");
        outcome.assert_host_unchanged();
    }
    host.add_user("newcomer", "secret");
    play(&till("newcomer"), &["000000"]).assert_host_unchanged();
}

/// cases.md, row 40.
#[test]
fn a_service_name_of_30_characters_is_whole_in_the_logs_tag_in_the_line_and_in_the_record() {
    let host = Host::that_requires_codes();
    host.install_check_helper();
    let maria = host.add_user("maria", "secret");
    let phone = Phone::of(&maria);
    for (length, step) in [(30, -1), (64, 0)] {
        let service = "hall-03-terminal-of-the-packers-and-of-everybody-else-in-there-x"[..length].to_owned();
        host.pam_service(&service, STACK);
        let client = PamClient::new(&host, &service).user("maria").rhost("192.0.2.7").keep_going();
        play(&client, &[&phone.wrong_code(), &phone.code_at_step(step)]);
        let tag = format!("pam_twinlock({service}:auth): ");
        for (event, user) in [("code_rejected", "reason=wrong"), ("code_accepted", "authenticator=\"phone\"")]
        {
            let start = format!("{tag}event={event} user=\"maria\" service={service} rhost=192.0.2.7 ");
            let line = host.journal().wait_for(|line| line.message.starts_with(&start));
            assert!(line.message.contains(user) && line.tag == "pamclient", "{line:?}");
        }
        let record = Slots::decode(&std::fs::read(record_path(&maria)).unwrap()).unwrap().record;
        assert_eq!(record.last.unwrap().service, service);
        // A locker: the helper has a log of its own.
        host.journal().clear();
        let locker = PamClient::new(&host, &service).user("maria").as_user("maria").chain("authenticate");
        play(&locker, &[&phone.wrong_code()]);
        let start = format!("{tag}event=code_rejected user=\"maria\" service={service} ");
        host.journal().wait_for(|line| line.message.starts_with(&start));
        let failure = format!("{tag}authentication failure; ");
        host.journal().wait_for(|line| line.message.starts_with(&failure));
        host.journal().clear();
    }
}

/// cases.md, row 19. Whoever logs in chooses the name and, by their DNS, the host name.
#[test]
fn hostile_names_and_hosts_make_clean_lines_one_each() {
    let host = Host::that_requires_codes();
    host.pam_service("sshd", STACK);
    let maria = host.add_user("maria", "secret");
    let wrong = Phone::of(&maria).wrong_code();
    let mut logins = Vec::new();
    for name in hostile_names() {
        // An empty or missing name makes Linux-PAM ask for one.
        if !name.is_empty() {
            logins.push(PamClient::new(&host, "sshd").user(&name).rhost("192.0.2.7").tty("ssh"));
        }
        let client = PamClient::new(&host, "sshd").user("maria").rhost(&name).tty(&name).ruser(&name);
        logins.push(client);
    }
    for client in &logins {
        host.journal().clear();
        let outcome = play(client, &[&wrong]);
        assert!([pam::AUTH_ERR, pam::USER_UNKNOWN].contains(&outcome.code("authenticate")), "{outcome:?}");
        host.journal().catch_up();
        let lines = host.journal().lines();
        assert!(!lines.is_empty(), "{client:?}");
        for line in &lines {
            assert_clean(line);
        }
        let failures = lines.iter().filter(|line| line.message.contains("authentication failure;")).count();
        assert_eq!(failures, 1, "{}", host.journal().text());
    }
}

/// One line, of one event, whose quotes close, with nothing that a terminal would obey.
fn assert_clean(line: &JournalLine) {
    let raw = line.raw.trim_end_matches('\0');
    let obeyed = |letter: char| {
        letter.is_control()
            || matches!(letter, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}')
    };
    assert!(!raw.contains(obeyed), "{raw:?}");
    assert!(raw.len() < 9000, "{} bytes", raw.len());
    assert!(line.message.starts_with("pam_twinlock(sshd:"), "{raw:?}");
    let (_, text) = line.message.split_once(": ").unwrap();
    if text.starts_with("authentication failure; ") {
        assert_eq!(
            text.split(' ').filter(|word| word.starts_with("user=")).count(),
            usize::from(text.contains("  user=")),
            "{text}"
        );
        return;
    }
    // logfmt: outside of quotes there is one event, one user, one reason.
    let (mut outside, mut quoted, mut escaped) = (String::new(), false, false);
    for letter in text.chars() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if !quoted => outside.push(letter),
            _ => {}
        }
    }
    assert!(!quoted && !escaped, "quotes that do not close: {text}");
    for key in ["event=", "user=", "service=", "rhost=", "tty=", "reason="] {
        assert_eq!(outside.split(' ').filter(|word| word.starts_with(key)).count(), 1, "{key} in {text}");
    }
}

/// A system call that fails in a login.
struct Fault {
    name: &'static str,
    /// For strace: what is injected, and on which path, if any.
    inject: &'static str,
    path: Option<&'static str>,
    /// The codes that a right code may get.
    codes: &'static [i32],
}

/// cases.md, row 15: of allocations see memory.rs.
#[test]
fn privileges_that_do_not_drop_nss_that_fails_and_a_log_that_fails_let_nobody_past() {
    let unavailable: &[i32] = &[pam::AUTHINFO_UNAVAIL];
    let fault = |name, inject, path| Fault { name, inject, path, codes: unavailable };
    let faults = [
        fault("groups cannot be dropped", "setgroups:error=EPERM:when=1", None),
        fault("groups do not come back", "setgroups:error=EPERM:when=2+", None),
        fault("the groups are not known", "getgroups:error=EPERM:when=1", None),
        fault("fsuid is not taken", "setfsuid:error=EPERM", None),
        fault("fsgid is not taken", "setfsgid:error=EPERM", None),
        fault("the user database cannot be read", "openat:error=EIO", Some("/etc/passwd")),
        fault("the user database has too many files open", "openat:error=EMFILE", Some("/etc/passwd")),
        fault("no lock", "fcntl:error=ENOLCK", Some("/var/lib/twinlock/ledger/UID")),
        fault("no sync", "fdatasync:error=EIO", Some("/var/lib/twinlock/ledger/UID")),
        fault("no write", "pwrite64:error=ENOSPC", Some("/var/lib/twinlock/ledger/UID")),
        fault("no read", "pread64:error=EIO", Some("/var/lib/twinlock/ledger/UID")),
        fault("no stat", "fstat,newfstatat:error=EIO", Some("/var/lib/twinlock/ledger/UID")),
        Fault {
            // Nobody is let in by a policy that cannot be read; with a code, as ever.
            name: "the policy cannot be read",
            inject: "openat:error=EIO",
            path: Some("/etc/twinlock"),
            codes: &[pam::SUCCESS],
        },
    ];
    let host = Host::that_requires_codes();
    // With a second source, NSS takes that one's 'no such user' for the whole answer.
    host.write("/etc/nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\n", 0o644);
    let mut done = 0;
    for (number, fault) in faults.iter().enumerate() {
        let name = format!("user{number}");
        let account = host.add_user(&name, "secret");
        let phone = Phone::of(&account);
        let till = PamClient::new(&host, "till").user(&name).chain("authenticate");
        assert_eq!(play(&till, &[&phone.code_at_step(-1)]).code("authenticate"), pam::SUCCESS);
        host.journal().clear();
        let inject = format!("inject={}", fault.inject);
        let path = fault.path.unwrap_or("/").replace("UID", &account.uid.to_string());
        // With groups that a login has to put off and take back.
        let mut strace = vec!["setpriv", "--groups", "4,27", "strace", "-o", "/tmp/trace", "-e", &inject];
        if fault.path.is_some() {
            strace.extend(["-P", &path]);
        }
        for (answer, codes) in
            [(phone.wrong_code(), &[pam::AUTHINFO_UNAVAIL, pam::AUTH_ERR][..]), (phone.code(), fault.codes)]
        {
            // An empty answer is not counted, so one wrong code is all there is.
            let outcome = play(&till.clone().under(&strace), &[&answer, ""]);
            let trace = std::fs::read_to_string("/tmp/trace").unwrap();
            assert!(trace.contains("(INJECTED)"), "{}: nothing was injected\n{trace}", fault.name);
            let code = outcome.code("authenticate");
            assert!(codes.contains(&code), "{}: {code}\n{}\n{trace}", fault.name, host.journal().text());
            assert!(outcome.stray.is_empty(), "{}: {}", fault.name, outcome.stray);
            if !fault.name.contains("do not come back") {
                outcome.assert_host_unchanged();
            }
            done += 1;
        }
        let reason = if fault.codes == unavailable { "event=unavailable" } else { "event=policy_broken" };
        host.journal().wait_for(|line| line.message.contains(reason));
    }
    drop(host);
    count_faults("system_calls_that_fail", done);
}

/// cases.md, row 15. A log that nobody hears must neither let anybody in nor keep anybody out.
#[test]
fn without_a_system_log_right_and_wrong_are_what_they_were() {
    let host = Host::that_requires_codes();
    let maria = host.add_user("maria", "secret");
    let phone = Phone::of(&maria);
    std::fs::rename("/dev/log", "/dev/log.gone").unwrap();
    let till = |user: &str| PamClient::new(&host, "till").user(user).chain("authenticate").pam_env("A", "b");
    assert_eq!(play(&till("maria"), &[&phone.wrong_code(), ""]).code("authenticate"), pam::AUTH_ERR);
    assert_eq!(play(&till("nobody-here"), &[&phone.code()]).code("authenticate"), pam::USER_UNKNOWN);
    let outcome = play(&till("maria"), &[&phone.code()]);
    assert_eq!(outcome.code("authenticate"), pam::SUCCESS);
    maria.write(".twinlock/credential.toml", "", 0o600);
    assert_eq!(play(&till("maria"), &[&phone.code()]).code("authenticate"), pam::AUTHINFO_UNAVAIL);
    std::fs::rename("/dev/log.gone", "/dev/log").unwrap();
}

/// cases.md, row 49. After a failed password the monitor keeps the PAM handle, and with it what our auth hook left there; a
/// public key on the same connection runs the account phase alone.
#[test]
fn a_public_key_after_a_failed_password_on_the_same_connection_is_refused_as_if_alone() {
    for (enrolled, password) in [(true, "wrong"), (true, "correct horse"), (false, "wrong")] {
        let host = Host::that_requires_codes();
        host.pam_service("sshd", SSHD);
        let maria = host.add_user("maria", "correct horse");
        if enrolled {
            Phone::of(&maria);
        }
        let key = SshKey::named("maria");
        key.authorize(&maria);
        let sshd = Sshd::start(&host, "PasswordAuthentication yes\n");
        let identity = format!("IdentityFile={}", key.private.display());
        let options = [
            "-o",
            "LogLevel=INFO",
            "-o",
            "PreferredAuthentications=password,publickey",
            "-o",
            "NumberOfPasswordPrompts=1",
            "-o",
            &identity,
        ];
        let mut terminal = Terminal::new(&host).ssh(&sshd, "maria", &options);
        terminal.expect("password: ");
        terminal.send_line(password);
        assert!(!terminal.wait().success(), "{}", terminal.raw_text());
        let line = host.journal().wait_for(|line| line.message.contains("event=account_refused"));
        // Where the failed attempt left that its user may enrol, nobody can: there is no prompt in the monitor.
        let (reason, said) = match enrolled {
            true => ("reason=no_code_was_asked", "AuthenticationMethods"),
            false => ("reason=no_conversation", "none is set up yet"),
        };
        assert!(line.message.contains(reason), "{enrolled} {password}: {}", host.journal().text());
        assert!(terminal.raw_text().contains(said), "{}", terminal.raw_text());
        assert!(!terminal.raw_text().contains("Key:"), "{}", terminal.raw_text());
        assert!(!sshd.log().contains("Accepted publickey"), "{}", sshd.log());
        assert_eq!(maria.path(".twinlock").exists(), enrolled);
        assert!(nothing_is_recorded(), "something was counted");
    }
}

/// cases.md, row 60: a login while the clock was a year ahead, then the clock is mended.
#[test]
fn after_a_login_with_the_clock_a_year_ahead_a_recovery_code_works_and_unlock_mends_it() {
    let host = Host::that_requires_codes();
    let maria = host.add_user("maria", "secret");
    let till = || PamClient::new(&host, "till").user("maria").rhost("192.0.2.7");
    let (phone, codes) = twinlock_tests::witness::enrol(&till());
    let later = oathtool::code(&phone.secret, oathtool::now() + 365 * 24 * 3600);
    assert_eq!(play(&till().clock("+365d"), &[&later]).code("authenticate"), pam::SUCCESS);
    host.journal().clear();
    let outcome = play(&till(), &[&phone.code()]);
    assert_eq!(outcome.code("authenticate"), pam::AUTHINFO_UNAVAIL, "{}", host.journal().text());
    assert!(outcome.said().contains("recovery code"), "{}", outcome.said());
    let line = host.journal().wait_for(|line| line.message.contains("reason=clock"));
    assert!(line.message.contains("twinlock unlock"), "{}", line.message);
    // Nothing was counted, and the recovery code is looked at whatever the clock says.
    let outcome = play(&till(), &[&codes[5]]);
    assert_eq!(outcome.code("acct_mgmt"), pam::SUCCESS);
    assert!(!outcome.said().contains("wrong"), "{}", outcome.said());
    // It does not bring the record back: that is `twinlock unlock`, and the log says so.
    assert_eq!(play(&till(), &[&phone.code()]).code("authenticate"), pam::AUTHINFO_UNAVAIL);
    run(command("twinlock").args(["unlock", "maria"])).ok();
    let line = host.journal().wait_for(|line| line.message.contains("event=admin_unlock"));
    assert!(line.message.contains("clock_was_ahead_until="), "{}", line.message);
    // What could have been used by now counts as used; a code of later is good, and good once.
    let later = oathtool::code(&phone.secret, oathtool::now() + 120);
    for code in [pam::SUCCESS, pam::AUTH_ERR] {
        let outcome = play(&till().clock("+120s"), &[&later, ""]);
        assert_eq!(outcome.code("authenticate"), code, "{}", host.journal().text());
    }
    assert!(maria.path(".twinlock/credential.toml").exists());
}
