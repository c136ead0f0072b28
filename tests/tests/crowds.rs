//! Many at once, one that stands still, and one who tries for others: what they share, and what they must not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use twinlock_tests::process::{command, run};
use twinlock_tests::witness::{count_faults, record_path};
use twinlock_tests::{Account, Dialogue, Host, PATIENCE, PamClient, Phone, STACK, Terminal, oathtool, pam};
use twinlock_verifier::Record;
use twinlock_verifier::record::Slots;

fn record(account: &Account) -> Record {
    Slots::decode(&std::fs::read(record_path(account)).expect("a record")).expect("a whole record").record
}

/// Answers what is still asked with NULL; the code of the auth hook.
fn end(mut login: Dialogue) -> i32 {
    while let Some(message) = login.next_message() {
        if message.kind.is_prompt() {
            login.answer_null();
        }
    }
    login.finish().code("authenticate")
}

/// cases.md, row 57.
#[test]
fn five_parallel_prompts_share_one_count_of_wrong_codes() {
    for _ in 0..5 {
        let host = Host::that_requires_codes();
        // A wait that does not pass while a busy machine plays this.
        host.policy("require_mfa = true\n[throttle]\nfirst_wait = \"10m\"\n");
        let maria = host.add_user("maria", "secret");
        let phone = Phone::of(&maria);
        let client = PamClient::new(&host, "till").user("maria").rhost("192.0.2.7").chain("authenticate");
        let mut logins: Vec<_> = (0..5).map(|_| client.start()).collect();
        for login in &mut logins {
            login.expect_prompt("Verification code: ");
        }
        let wrong = phone.wrong_code();
        for login in &mut logins {
            login.answer(&wrong);
        }
        for login in logins {
            assert_eq!(end(login), pam::AUTH_ERR);
        }
        host.journal().catch_up();
        let log = host.journal().text();
        assert_eq!(log.matches("reason=wrong ").count(), 3, "{log}");
        assert_eq!(log.matches("reason=throttled ").count(), 2, "{log}");
        assert_eq!((record(&maria).failures, record(&maria).sources.len()), (3, 1));
        // What is throttled is not looked at: the right code neither lets in nor is used up.
        let code = phone.code();
        let mut login = client.start();
        login.expect_prompt("Verification code: ");
        login.answer(&code);
        assert_eq!(login.finish().code("authenticate"), pam::AUTH_ERR);
        assert_eq!(record(&maria).failures, 3);
    }
}

/// cases.md, row 62.
#[test]
fn forty_sources_with_two_guesses_each_are_stopped_by_the_users_total() {
    let host = Host::that_requires_codes();
    let maria = host.add_user("maria", "secret");
    let phone = Phone::of(&maria);
    let wrong = phone.wrong_code();
    let guess = |rhost: &str| {
        let mut login =
            PamClient::new(&host, "till").user("maria").rhost(rhost).chain("authenticate").start();
        for _ in 0..2 {
            match login.next_message() {
                Some(message) if message.kind.is_prompt() => login.answer(&wrong),
                Some(_) => {}
                None => break,
            }
            // What follows a wrong code is a text.
            login.next_message();
        }
        assert_eq!(end(login), pam::AUTH_ERR);
    };
    let begin = Instant::now();
    for number in 1..=40 {
        // Addresses, sites and names, in turn.
        guess(&match number % 3 {
            0 => format!("2001:db8:0:{number}::1"),
            1 => format!("192.0.2.{number}"),
            _ => format!("host{number}.example"),
        });
    }
    let failures = record(&maria).failures;
    host.journal().catch_up();
    let log = host.journal().text();
    // Thirty are free over all sources; then one more per wait of 5, 10, 20 seconds.
    let waits_passed = u32::try_from(begin.elapsed().as_secs() / 5).unwrap();
    assert!(failures <= 30 + waits_passed, "{failures} of 80 guesses were looked at");
    assert_eq!(log.matches("reason=wrong ").count(), failures as usize, "{log}");
    assert!(log.contains("reason=throttled"), "{log}");
    // The owner waits as well, from wherever they come: nobody's guess is looked at now.
    let mut login =
        PamClient::new(&host, "till").user("maria").rhost("198.51.100.1").chain("authenticate").start();
    login.expect_prompt("Verification code: ");
    login.answer(&phone.code());
    assert_eq!(login.finish().code("authenticate"), pam::AUTH_ERR);
    // Of all these sources the record keeps no more than its sixteen.
    assert!(record(&maria).sources.len() <= 16);
}

/// cases.md, row 59. The `su` is real and stands still inside the lock: strace stops it at the sync.
#[test]
fn a_su_that_is_stopped_inside_the_lock_delays_its_own_user_for_a_bounded_time_and_nobody_else() {
    let host = Host::that_requires_codes();
    host.pam_service("su", &format!("{STACK}session required pam_permit.so\n"));
    let maria = host.add_user("maria", "secret");
    let (maria_phone, otto_phone) = (Phone::of(&maria), Phone::of(&host.add_user("otto", "other")));
    host.add_user("mallory", "third");
    let strace = ["-f", "-o", "/tmp/trace", "-u", "mallory", "-e", "inject=fdatasync:signal=STOP:when=1"];
    let words: Vec<&str> = strace.into_iter().chain(["su", "maria", "-c", "id"]).collect();
    let mut stopped = Terminal::new(&host).run("strace", &words);
    stopped.expect("Verification code: ");
    stopped.send_line(&maria_phone.wrong_code());
    let process = stopped_process();

    let log_in = |user: &str, code: &str| {
        let begin = Instant::now();
        let mut login = PamClient::new(&host, "till").user(user).start();
        login.expect_prompt("Verification code: ");
        login.answer(code);
        let outcome = login.finish();
        outcome.assert_host_unchanged();
        (outcome.code("authenticate"), begin.elapsed())
    };
    let (code, took) = log_in("otto", &otto_phone.code());
    assert_eq!(code, pam::SUCCESS, "{}", host.journal().text());
    assert!(took < Duration::from_secs(4), "another user waits {took:?}");
    let code_of_maria = maria_phone.code();
    let (code, took) = log_in("maria", &code_of_maria);
    assert_eq!(code, pam::AUTHINFO_UNAVAIL, "{}", host.journal().text());
    assert!((4..15).contains(&took.as_secs()), "{took:?}");
    let line = host.journal().wait_for(|line| line.message.contains("reason=lock_held"));
    assert!(line.message.contains("event=unavailable user=\"maria\""), "{}", line.message);
    assert!(line.message.contains("its lock was held for too long"), "{}", line.message);

    // An administrator is told which process it is.
    let unlock = run(command("twinlock").args(["unlock", "maria"]));
    assert_eq!(unlock.status.code(), Some(1), "{}", unlock.stderr);
    assert!(unlock.stderr.contains(&format!("su (process {process}, stopped)")), "{}", unlock.stderr);

    // The code was not looked at, so it is good when the lock is free.
    kill(process, Signal::SIGCONT).unwrap();
    stopped.expect("not right");
    let (code, _) = log_in("maria", &code_of_maria);
    assert_eq!(code, pam::SUCCESS, "{}", host.journal().text());
    drop(stopped);
    drop(host);
    count_faults("a_su_stopped_inside_the_lock", 1);
}

/// Whoever runs `su` may stop it between its question and the lock, and let it go on when others were told to wait: what it
/// knew of the time must not end their waits.
#[test]
fn a_su_that_was_stopped_before_the_lock_ends_no_wait() {
    let host = Host::that_requires_codes();
    host.policy("require_mfa = true\n[throttle]\nfirst_wait = \"2s\"\n");
    let maria = host.add_user("maria", "secret");
    host.add_user("mallory", "third");
    let phone = Phone::of(&maria);
    let su = || PamClient::new(&host, "till").user("maria").setuid_for("mallory").chain("authenticate");
    let mut stopped = su().start();
    stopped.expect_prompt("Verification code: ");
    // The last call before the record is opened asks for the limit of file size.
    let strace =
        ["-o", "/tmp/trace", "-e", "trace=prlimit64", "-e", "inject=prlimit64:signal=STOP:when=1", "-p"];
    let traced = stopped.process_id().to_string();
    let mut tracer =
        command("strace").args(strace).arg(traced).stderr(Stdio::null()).spawn().expect("strace");
    let attached = format!("/proc/{}/status", stopped.process_id());
    let deadline = Instant::now() + PATIENCE;
    while std::fs::read_to_string(&attached).unwrap().contains("TracerPid:\t0\n") {
        assert!(Instant::now() < deadline, "strace does not attach");
        std::thread::sleep(Duration::from_millis(5));
    }
    stopped.answer(&phone.wrong_code());
    while !std::fs::read_to_string("/tmp/trace").unwrap_or_default().contains("stopped by SIGSTOP") {
        assert!(Instant::now() < deadline, "nothing is stopped");
        std::thread::sleep(Duration::from_millis(5));
    }
    // With the waits below long enough that its time plus the last wait is over.
    std::thread::sleep(Duration::from_secs(3));
    let waits = |login: &PamClient| {
        let mut login = login.start();
        while let Some(message) = login.next_message() {
            if message.kind.is_prompt() {
                login.answer(&phone.wrong_code());
            }
        }
        login.finish().said().contains("Too many wrong codes")
    };
    // Three wrong codes in one login; then waits of 2, 4 and 8 seconds.
    assert!(!waits(&su()));
    for pause in [2, 4] {
        std::thread::sleep(Duration::from_millis(pause * 1000 + 200));
        assert!(waits(&su()), "{}", host.journal().text());
    }
    let before = record(&maria);
    kill(Pid::from_raw(i32::try_from(stopped.process_id()).unwrap()), Signal::SIGCONT).unwrap();
    assert_eq!(end(stopped), pam::AUTH_ERR);
    assert_eq!(record(&maria), before, "the one that stood still changed the waits");
    assert!(waits(&su()), "{}", host.journal().text());
    tracer.wait().expect("strace");
}

/// The process below strace that is stopped.
fn stopped_process() -> Pid {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let trace = std::fs::read_to_string("/tmp/trace").unwrap_or_default();
        if let Some(line) = trace.lines().find(|line| line.contains("stopped by SIGSTOP")) {
            return Pid::from_raw(line.split_whitespace().next().unwrap().parse().unwrap());
        }
        assert!(Instant::now() < deadline, "nothing is stopped:\n{trace}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// cases.md, row 51. su, because it can be run under any limit by whoever wants to guess. An answer that the limit keeps
/// from being counted must not tell right from wrong.
#[test]
fn under_a_limit_of_file_size_su_answers_right_and_wrong_alike_and_counts_nothing_unseen() {
    let host = Host::that_requires_codes();
    host.pam_service("su", &format!("{STACK}session required pam_permit.so\n"));
    let maria = host.add_user("maria", "secret");
    let phone = Phone::of(&maria);
    host.add_user("otto", "other");
    // In blocks of 512 bytes; the ledger's file has 8192 bytes.
    let su = |limit: &str, code: &str| {
        let command = format!("ulimit -f {limit}; exec su maria -c 'echo i''n'");
        let mut terminal = Terminal::new(&host).user("otto").run("sh", &["-c", &command]);
        terminal.expect("Verification code: ");
        terminal.send_line(code);
        let (_, _) = terminal.expect_any(&["cannot be checked", "not right", "in\r\n"]);
        if !terminal.raw_text().contains("in\r\n") && terminal.raw_text().contains("not right") {
            terminal.expect("Verification code: ");
            terminal.send("\x04");
            terminal.send_line("");
        }
        let status = if terminal.raw_text().contains("not right") { None } else { terminal.wait().code() };
        (status, terminal.raw_text().replace(code, "CODE"))
    };
    // Before there is a record, and when there is one.
    for registered in [false, true] {
        if registered {
            let (status, text) = su("unlimited", &phone.code_at_step(-1));
            assert_eq!(status, Some(0), "{text}");
        }
        let before = std::fs::read(record_path(&maria)).ok();
        for limit in ["0", "1", "15"] {
            let wrong = su(limit, &phone.wrong_code());
            let right = su(limit, &phone.code());
            assert_eq!(wrong, right, "ulimit -f {limit}");
            assert!(right.1.contains("cannot be checked"), "{}", right.1);
            assert_ne!(right.0, Some(0));
            assert_eq!(std::fs::read(record_path(&maria)).ok(), before, "ulimit -f {limit}");
        }
        host.journal().wait_for(|line| line.message.contains("reason=file_size_limit"));
    }
    // With just enough both are recorded.
    let (_, text) = su("16", &phone.wrong_code());
    assert!(text.contains("not right"), "{text}");
    assert_eq!(record(&maria).failures, 1);
    oathtool::with_time_left(2);
    let (status, text) = su("16", &phone.code());
    assert_eq!(status, Some(0), "{text}");
    assert_eq!(record(&maria).failures, 0);
}

/// cases.md, row 63; the same through ssh is in first_login.rs. The host asks for the code although the password was wrong,
/// as it must not tell which of the two it was.
#[test]
fn whoever_answers_the_code_prompt_behind_a_wrong_password_leaves_nothing_of_their_own() {
    let host = Host::that_requires_codes();
    host.pam_service("till", &format!("auth required pam_unix.so\n{STACK}account required pam_unix.so\n"));
    let newcomer = host.add_user("newcomer", "secret");
    let client = |rhost: &str| PamClient::new(&host, "till").rhost(rhost);
    let attack = |user: &str, code: &str| {
        let mut login = client("198.51.100.1").user(user).start();
        while let Some(message) = login.next_message() {
            match message.text.as_str() {
                "Password: " => login.answer("guess"),
                _ if message.kind.is_prompt() => login.answer(code),
                _ => {}
            }
        }
        let outcome = login.finish();
        assert_ne!(outcome.code("authenticate"), pam::SUCCESS);
        assert!(!outcome.called("acct_mgmt"));
        outcome.said()
    };
    // Not enrolled: nothing is asked but the password, nothing is shown, nothing is stored.
    for _ in 0..3 {
        assert!(!attack("newcomer", "123456").contains("Key"));
    }
    for folder in ["ledger", "pending", "credentials"] {
        let left = std::fs::read_dir(format!("/var/lib/twinlock/{folder}")).unwrap().count();
        assert_eq!(left, 0, "something is in {folder}");
    }
    let mut login = client("192.0.2.7").user("newcomer").start();
    login.expect_prompt("Password: ");
    login.answer("secret");
    let shown = login.expect_prompt("Key: ").text;
    assert!(!shown.contains("first shown"), "{shown}");
    let phone = Phone::with_key(twinlock_tests::witness::key_in(&shown));
    login.answer(&phone.code());
    login.expect_prompt("Press Enter");
    login.answer("");
    assert_eq!(login.finish().code("acct_mgmt"), pam::SUCCESS);
    assert!(newcomer.path(".twinlock/credential.toml").exists());

    // A credential that the ledger does not know yet: guesses are counted, and register nothing.
    let maria = host.add_user("maria", "secret");
    let phone = Phone::of(&maria);
    attack("maria", &phone.wrong_code());
    assert!(!record(&maria).enrolled && record(&maria).authenticators.is_empty());
    let mut login = client("192.0.2.7").user("maria").start();
    login.expect_prompt("Password: ");
    login.answer("secret");
    login.expect_prompt("Verification code: ");
    login.answer(&phone.code());
    let outcome = login.finish();
    assert_eq!(outcome.code("authenticate"), pam::SUCCESS, "{}", host.journal().text());
    assert!(outcome.said().contains("3 wrong codes"), "the owner is told: {}", outcome.said());
}
