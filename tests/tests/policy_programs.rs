//! The account phase with real programs: no way around a code by key, and no disturbance of whatever runs the account
//! phase alone.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod policy_scene;

use std::path::Path;
use std::time::{Duration, Instant};

use policy_scene::{PASSWORD_STACK, day, enrolled, stage};
use twinlock_tests::process::{command, run};
use twinlock_tests::{Account, Host, Phone, SshKey, Sshd, Terminal};

/// A stack without a password line, for key and code.
const KEY_STACK: &str = "auth required pam_permit.so\nauth required pam_twinlock.so account_phase after_publickey\n\
     account required pam_twinlock.so\naccount required pam_unix.so\nsession required pam_permit.so\n";

/// Two methods, the key first.
const BOTH: &str = "AuthenticationMethods publickey,keyboard-interactive";

/// Options of an ssh client that has this key, or none.
fn with_key(key: Option<&SshKey>) -> Vec<String> {
    let mut options = vec!["-o".to_owned(), "LogLevel=INFO".to_owned()];
    if let Some(key) = key {
        options.extend(["-o".to_owned(), format!("IdentityFile={}", key.private.display())]);
    }
    options
}

fn ssh(host: &Host, sshd: &Sshd, user: &str, key: Option<&SshKey>) -> Terminal {
    let options = with_key(key);
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    Terminal::new(host).size(80, 40).ssh(sshd, user, &options)
}

/// What is below the ledger, byte for byte.
fn ledger() -> Vec<(std::ffi::OsString, Vec<u8>)> {
    let Ok(files) = std::fs::read_dir("/var/lib/twinlock/ledger") else { return Vec::new() };
    let mut found: Vec<_> = files
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name(), std::fs::read(entry.path()).unwrap()))
        .collect();
    found.sort();
    found
}

/// Waits for a file that a program writes.
fn wait_for_file(path: impl AsRef<Path>, host: &Host) -> String {
    let path = path.as_ref();
    let deadline = Instant::now() + Duration::from_secs(15);
    loop {
        match std::fs::read_to_string(path) {
            Ok(text) if text.ends_with('\n') => return text,
            _ => assert!(Instant::now() < deadline, "no {}\n{}", path.display(), host.journal().text()),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn key_and_code_work_together_with_a_password_line_and_without() {
    for (stack, password) in [(PASSWORD_STACK, true), (KEY_STACK, false)] {
        let host = stage("require_mfa = true\n");
        host.pam_service("sshd", stack);
        let (maria, phone) = enrolled(&host, "maria");
        let otto = host.add_user("otto", "secret");
        let key = SshKey::named("maria");
        key.authorize(&maria);
        key.authorize(&otto);
        let sshd = Sshd::start(&host, BOTH);
        let through_password = |terminal: &mut Terminal| {
            if password {
                terminal.expect("Password: ");
                terminal.send_line("secret");
            }
        };
        // Enrolled: key, and code.
        let mut terminal = ssh(&host, &sshd, "maria", Some(&key));
        through_password(&mut terminal);
        terminal.expect("Verification code: ");
        terminal.send_line(&phone.code());
        terminal.expect("$ ");
        terminal.send_line("exit");
        assert!(terminal.wait().success());
        // A wrong code: the key alone is not enough.
        let mut terminal = ssh(&host, &sshd, "maria", Some(&key));
        through_password(&mut terminal);
        terminal.expect("Verification code: ");
        terminal.send_line(&phone.wrong_code());
        terminal.expect("not right");
        drop(terminal);
        // Without the key there is no prompt at all.
        let mut terminal = ssh(&host, &sshd, "maria", None);
        assert!(!terminal.wait().success());
        assert!(!terminal.raw_text().contains("Verification"), "{}", terminal.raw_text());
        // Not enrolled: led through it, behind the key.
        let mut terminal = ssh(&host, &sshd, "otto", Some(&key));
        through_password(&mut terminal);
        terminal.expect("Key: ");
        let line = terminal.expect("   ");
        let phone = Phone::with_key(&line);
        terminal.expect("Verification code: ");
        terminal.send_line(&phone.code());
        terminal.expect("Press Enter");
        terminal.send_line("");
        terminal.expect("$ ");
        drop(terminal);
        // Exempt, or user-driven and not enrolled: the key is enough, and the log says why.
        let anna = host.add_user("anna", "secret");
        key.authorize(&anna);
        for (policy, reason) in [
            (
                format!(
                    "require_mfa = true\n[[rule]]\nusers = [\"anna\"]\nexempt = true\nreason = \"batch\"\n\
                     approved_by = \"it\"\nexpires = {}\n",
                    day(3)
                ),
                "reason=exempt",
            ),
            ("require_mfa = false\n".to_owned(), "reason=not_enrolled"),
        ] {
            host.policy(&policy);
            policy_scene::forget(&host);
            let mut terminal = ssh(&host, &sshd, "anna", Some(&key));
            through_password(&mut terminal);
            terminal.expect("$ ");
            host.journal().wait_for(|line| line.message.contains(reason));
            policy_scene::settle(&host);
            let said = host.journal().text().matches("event=code_not_asked").count();
            assert_eq!(said, 1, "said once: {}", host.journal().text());
        }
    }
}

/// cases.md, row 48: no password line, and sshd asks for one method only.
#[test]
fn without_a_key_and_without_a_password_line_only_a_code_lets_in() {
    let host = stage("require_mfa = true\n");
    host.pam_service("sshd", KEY_STACK);
    let (_, phone) = enrolled(&host, "maria");
    host.add_user("otto", "secret");
    let sshd = Sshd::start(&host, "");
    let exempt = format!(
        "require_mfa = true\n[[rule]]\nusers = [\"otto\"]\nexempt = true\nreason = \"batch\"\napproved_by = \"it\"\nexpires = {}\n",
        day(3)
    );
    let grace = format!("require_mfa = true\nenroll_by = {}\n", day(3));
    for policy in ["require_mfa = true\n", "require_mfa = false\n", &exempt, &grace] {
        host.policy(policy);
        policy_scene::forget(&host);
        let mut terminal = ssh(&host, &sshd, "otto", None);
        assert!(!terminal.wait().success(), "{policy}: {terminal:?}");
        assert!(!terminal.raw_text().contains("Key:"), "{policy}: {}", terminal.raw_text());
        host.journal().wait_for(|line| line.message.contains("reason=no_public_key"));
    }
    host.policy("require_mfa = true\n");
    let mut terminal = ssh(&host, &sshd, "maria", None);
    terminal.expect("Verification code: ");
    terminal.send_line(&phone.code());
    terminal.expect("$ ");
}

#[test]
fn a_key_alone_follows_the_rules_and_the_log_names_the_one() {
    let host = stage("");
    host.pam_service("sshd", PASSWORD_STACK);
    let edi = host.add_user("edi", "secret");
    let key = SshKey::named("maria");
    key.authorize(&edi);
    let sshd = Sshd::start(&host, "");
    let until = |expires: String| {
        format!(
            "require_mfa = true\n[[rule]]\nname = \"nightly transfer\"\nusers = [\"edi\"]\nnetworks = [\"127.0.0.0/8\"]\n\
             exempt = true\nreason = \"key-only batch account\"\napproved_by = \"it\"\nexpires = {expires}\n"
        )
    };
    for (policy, is_in, words) in [
        (until(day(3)), true, ["event=code_not_asked", "rule=\"rule \\\"nightly transfer\\\", exempt at"]),
        (until(day(-1)), false, ["reason=no_code_was_asked", "rule \\\"nightly transfer\\\" expired"]),
        ("require_mfa = false\n".to_owned(), true, ["reason=user_driven", "decision=user_driven"]),
        ("require_mfa = \"report\"\n".to_owned(), true, ["event=code_not_asked", "would_be=required"]),
        // Somebody else's affair, and not a word about it.
        ("require_mfa = true\naccount_required = []\n".to_owned(), true, ["", ""]),
        ("require_mfa = true\n".to_owned(), false, ["event=account_refused", "reason=no_code_was_asked"]),
    ] {
        host.policy(&policy);
        policy_scene::forget(&host);
        let options = with_key(Some(&key));
        let mut options: Vec<&str> = options.iter().map(String::as_str).collect();
        options.extend(["-o", "PreferredAuthentications=publickey", "--", "echo transferred"]);
        let mut terminal = Terminal::new(&host).ssh(&sshd, "edi", &options);
        let status = terminal.wait();
        assert_eq!(status.success(), is_in, "{policy}: {terminal:?}\n{}", host.journal().text());
        assert_eq!(terminal.raw_text().contains("transferred"), is_in);
        if words[0].is_empty() {
            policy_scene::settle(&host);
            assert!(!host.journal().text().contains("event="), "{policy}: {}", host.journal().text());
        } else {
            host.journal().wait_for(|line| words.iter().all(|word| line.message.contains(word)));
        }
    }
}

/// What happens to a host.
type Change = fn(&Host);

/// What may be wrong with us while somebody else's job is due: its name, the account lines, how it comes.
fn troubles() -> Vec<(&'static str, &'static str, Change)> {
    vec![
        ("a code is required", "account required pam_twinlock.so\n", |host| {
            host.policy("require_mfa = true\n")
        }),
        ("a broken policy", "account required pam_twinlock.so\n", |host| {
            host.policy("require_mfa = maybe\n")
        }),
        ("no policy", "account required pam_twinlock.so\n", |_| {
            std::fs::remove_file("/etc/twinlock/policy.toml").unwrap()
        }),
        ("no ledger", "account required pam_twinlock.so\n", |_| {
            std::fs::remove_dir_all("/var/lib/twinlock").unwrap()
        }),
        // cases.md, row 58.
        ("an unknown argument", "account required pam_twinlock.so acount_phase\n", |host| {
            host.policy("require_mfa = true\n")
        }),
    ]
}

/// cases.md, rows 30 and 58, with the real cron.
#[test]
fn a_cron_job_of_somebody_without_a_code_runs_and_counts_nothing() {
    for (name, account, trouble) in troubles() {
        let host = stage("require_mfa = true\n");
        host.pam_service(
            "cron",
            &format!("auth required pam_twinlock.so account_phase\n{account}account required pam_unix.so\nsession required pam_permit.so\n"),
        );
        host.add_user("maria", "secret");
        enrolled(&host, "otto");
        trouble(&host);
        let before = ledger();
        std::fs::create_dir_all("/tmp/jobs").unwrap();
        std::fs::set_permissions("/tmp/jobs", std::os::unix::fs::PermissionsExt::from_mode(0o1777)).unwrap();
        // At its start, so that nobody waits for a minute to begin.
        let jobs = ["maria", "otto", "root"].map(|user| {
            format!(
                "@reboot {user} id -un >/tmp/jobs/{user}.part; mv /tmp/jobs/{user}.part /tmp/jobs/{user}\n"
            )
        });
        host.write("/etc/cron.d/jobs", &jobs.concat(), 0o644);
        let cron = Terminal::new(&host).run("cron", &["-f"]);
        for user in ["maria", "otto", "root"] {
            assert_eq!(wait_for_file(format!("/tmp/jobs/{user}"), &host), format!("{user}\n"), "{name}");
        }
        drop(cron);
        assert_eq!(ledger(), before, "{name}");
        policy_scene::settle(&host);
        let log = host.journal().text();
        assert!(!log.contains("event=code_") && !log.contains("event=account_refused"), "{name}: {log}");
    }
}

#[test]
fn an_at_job_of_somebody_without_a_code_runs_and_counts_nothing() {
    for (name, account, trouble) in troubles() {
        let host = stage("require_mfa = true\n");
        host.pam_service(
            "atd",
            &format!("auth required pam_twinlock.so account_phase\n{account}account required pam_unix.so\nsession required pam_permit.so\n"),
        );
        let maria = host.add_user("maria", "secret");
        trouble(&host);
        let before = ledger();
        maria.write(
            "job",
            "id -un >/home/maria/done.part; mv /home/maria/done.part /home/maria/done\n",
            0o600,
        );
        run(maria.command("at").args(["-f", "/home/maria/job", "now"])).ok();
        let atd = Terminal::new(&host).run("atd", &["-f", "-b", "1"]);
        assert_eq!(wait_for_file(maria.path("done"), &host), "maria\n", "{name}");
        drop(atd);
        assert_eq!(ledger(), before, "{name}");
        policy_scene::settle(&host);
        assert!(
            !host.journal().text().contains("event=account_refused"),
            "{name}: {}",
            host.journal().text()
        );
    }
}

fn sudo_host(policy: &str) -> (Host, Account, Phone) {
    let host = stage(policy);
    host.pam_service("sudo", PASSWORD_STACK);
    let (maria, phone) = enrolled(&host, "maria");
    host.write("/etc/sudoers.d/maria", "maria ALL=(ALL) ALL\notto ALL=(ALL) ALL\n", 0o440);
    (host, maria, phone)
}

/// cases.md, row 31.
#[test]
fn sudo_asks_for_a_code_and_is_undisturbed_within_its_timestamp_and_with_n() {
    let (host, _, phone) = sudo_host("require_mfa = true\n");
    let script = "sudo id -un; sudo id -un; sudo -n id -un; sudo -k; sudo -n id -un; echo ended $?";
    let mut terminal = Terminal::new(&host).user("maria").run("sh", &["-c", script]);
    terminal.expect("assword");
    terminal.send_line("secret");
    terminal.expect("Verification code: ");
    terminal.send_line(&phone.code());
    // Once asked, three times done.
    for _ in 0..3 {
        terminal.expect("root\r\n");
    }
    let before = ledger();
    terminal.expect("sudo: a password is required");
    terminal.expect("ended 1");
    terminal.wait();
    assert_eq!(terminal.raw_text().matches("Verification").count(), 1, "{}", terminal.raw_text());
    // `sudo -n` with an expired timestamp asked nobody and counted nothing.
    assert_eq!(ledger(), before);
    policy_scene::settle(&host);
    assert!(!host.journal().text().contains("event=code_rejected"), "{}", host.journal().text());
    // Nor when it is the only thing that ever happens.
    let otto = host.add_user("otto", "secret");
    let start = Instant::now();
    let failed = run(otto.command("sudo").args(["-n", "id"]));
    assert_eq!((failed.code(), failed.stderr.contains("a password is required")), (1, true), "{failed:?}");
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!(ledger(), before);
}

/// A timestamp of sudo's lasts through whatever becomes of us meanwhile.
#[test]
fn sudo_within_its_timestamp_runs_whatever_is_wrong_with_us() {
    for (name, account, trouble) in troubles() {
        let (host, _, phone) = sudo_host("require_mfa = true\n");
        host.pam_service(
            "sudo",
            &format!("auth required pam_unix.so\nauth required pam_twinlock.so account_phase\n{account}account required pam_unix.so\nsession required pam_permit.so\n"),
        );
        let bad_line = account.contains("acount_phase");
        if bad_line {
            // The login that makes the timestamp needs a line that is right.
            host.pam_service("sudo", PASSWORD_STACK);
        }
        let script = "sudo id -un; echo now; read x; sudo id -un; echo ended $?";
        let mut terminal = Terminal::new(&host).user("maria").run("sh", &["-c", script]);
        terminal.expect("assword");
        terminal.send_line("secret");
        terminal.expect("Verification code: ");
        terminal.send_line(&phone.code());
        terminal.expect("root\r\n");
        terminal.expect("now");
        if bad_line {
            host.pam_service("sudo", &format!("auth required pam_unix.so\n{account}account required pam_unix.so\nsession required pam_permit.so\n"));
        }
        trouble(&host);
        terminal.send_line("");
        terminal.expect("root\r\n");
        terminal.expect("ended 0");
        assert_eq!(terminal.raw_text().matches("Verification").count(), 1, "{name}: {}", terminal.raw_text());
    }
}

#[test]
fn su_from_root_asks_nothing_and_su_from_others_a_code() {
    let host = stage("require_mfa = true\n");
    host.pam_service(
        "su",
        "auth sufficient pam_rootok.so\nauth required pam_unix.so\nauth required pam_twinlock.so account_phase\n\
         account required pam_twinlock.so\naccount required pam_unix.so\nsession required pam_permit.so\n",
    );
    let (_, phone) = enrolled(&host, "maria");
    host.add_user("otto", "secret");
    for user in ["maria", "otto"] {
        let done = run(command("su").args([user, "-c", "id -un"])).ok();
        assert_eq!(done.stdout, format!("{user}\n"));
    }
    assert!(ledger().is_empty(), "{}", host.journal().text());
    let mut terminal = Terminal::new(&host).user("otto").run("su", &["maria", "-c", "id -un"]);
    terminal.expect("assword: ");
    terminal.send_line("secret");
    terminal.expect("Verification code: ");
    terminal.send_line(&phone.code());
    terminal.expect("maria\r\n");
    // Whatever is wrong with us: root comes through.
    for (name, _, trouble) in troubles().into_iter().take(4) {
        trouble(&host);
        let done = run(command("su").args(["maria", "-c", "id -un"])).ok();
        assert_eq!(done.stdout, "maria\n", "{name}");
    }
}
