//! What an application may answer at our prompts, and that most of it is not a code: refused, not counted, not logged, and
//! no state is made of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use twinlock_tests::witness::{enrol, nothing_is_recorded, record_path};
use twinlock_tests::{Account, Dialogue, Host, Outcome, PamClient, Phone, Sshd, Terminal, pam};

/// OpenSSH's answer in the place of a user who may not log in, as long as what was typed (auth-pam.c, fake_password).
const SSHD_JUNK: &[u8] = b"\x08\n\r\x7fINCORRECT\x08\n\r\x7fINCORRECT";

/// One answer to every prompt.
struct Case {
    name: &'static str,
    answer: fn(&mut Dialogue),
    /// The hook ends at the first answer of this kind.
    ends_at_once: bool,
    reason: &'static str,
}

const CASES: &[Case] = &[
    Case { name: "NULL", answer: Dialogue::answer_null, ends_at_once: true, reason: "no_answer" },
    Case { name: "no array", answer: Dialogue::answer_no_array, ends_at_once: true, reason: "no_answer" },
    Case {
        name: "PAM_CONV_ERR",
        answer: |login| login.fail_conversation(pam::CONV_ERR),
        ends_at_once: true,
        reason: "no_answer",
    },
    Case {
        name: "PAM_CONV_AGAIN",
        answer: |login| login.fail_conversation(pam::CONV_AGAIN),
        ends_at_once: true,
        reason: "no_answer",
    },
    Case {
        name: "PAM_IGNORE",
        answer: |login| login.fail_conversation(pam::IGNORE),
        ends_at_once: true,
        reason: "no_answer",
    },
    Case {
        name: "a code that PAM does not have",
        answer: |login| login.fail_conversation(-7),
        ends_at_once: true,
        reason: "no_answer",
    },
    Case { name: "empty", answer: |login| login.answer(""), ends_at_once: false, reason: "empty" },
    Case { name: "white space", answer: |login| login.answer(" \t\n"), ends_at_once: false, reason: "empty" },
    Case {
        name: "70 KB of digits",
        answer: |login| login.answer_repeated("1", 70_000),
        ends_at_once: false,
        reason: "unshaped",
    },
    Case {
        name: "70 KB of base32",
        answer: |login| login.answer_repeated("AAAA-", 14_000),
        ends_at_once: false,
        reason: "unshaped",
    },
    Case {
        name: "512 bytes",
        answer: |login| login.answer_repeated("x", 512),
        ends_at_once: false,
        reason: "unshaped",
    },
    Case {
        name: "512 spaces",
        answer: |login| login.answer_repeated(" ", 512),
        ends_at_once: false,
        reason: "unshaped",
    },
    Case {
        name: "Arabic digits",
        answer: |login| login.answer("١٢٣٤٥٦"),
        ends_at_once: false,
        reason: "unshaped",
    },
    Case {
        name: "fullwidth digits",
        answer: |login| login.answer("１２３４５６"),
        ends_at_once: false,
        reason: "unshaped",
    },
    Case {
        name: "mathematical digits",
        answer: |login| login.answer("𝟏𝟐𝟑𝟒𝟓𝟔"),
        ends_at_once: false,
        reason: "unshaped",
    },
    Case {
        name: "bytes that are no UTF-8",
        answer: |login| login.answer_bytes(b"12\xff456"),
        ends_at_once: false,
        reason: "unshaped",
    },
    Case {
        name: "five digits",
        answer: |login| login.answer("12345"),
        ends_at_once: false,
        reason: "unshaped",
    },
    Case {
        name: "seven digits",
        answer: |login| login.answer("1234567"),
        ends_at_once: false,
        reason: "unshaped",
    },
    Case {
        name: "eight digits",
        answer: |login| login.answer("12345678"),
        ends_at_once: false,
        reason: "unshaped",
    },
    Case {
        name: "nine digits",
        answer: |login| login.answer("123456789"),
        ends_at_once: false,
        reason: "unshaped",
    },
    Case { name: "a sign", answer: |login| login.answer("+12345"), ends_at_once: false, reason: "unshaped" },
    Case {
        name: "a format",
        answer: |login| login.answer("%s%n%x"),
        ends_at_once: false,
        reason: "unshaped",
    },
    Case {
        name: "a recovery code of whoever has none",
        answer: |login| login.answer("AAAA-AAAA-AAAA-AAAA"),
        ends_at_once: false,
        reason: "unshaped",
    },
    Case {
        name: "the password",
        answer: |login| login.answer("654321"),
        ends_at_once: true,
        reason: "password",
    },
    Case {
        name: "sshd's junk, one byte",
        answer: |login| login.answer_bytes(&SSHD_JUNK[..1]),
        ends_at_once: true,
        reason: "barred_by_sshd",
    },
    Case {
        name: "sshd's junk, six bytes",
        answer: |login| login.answer_bytes(&SSHD_JUNK[..6]),
        ends_at_once: true,
        reason: "barred_by_sshd",
    },
    Case {
        name: "sshd's junk, once and a half",
        answer: |login| login.answer_bytes(&SSHD_JUNK[..20]),
        ends_at_once: true,
        reason: "barred_by_sshd",
    },
];

/// The password that a module before ours was given is 654321: six digits, as bad as can be.
const STACK: &str = "auth optional pam_stage.so authtok=654321\nauth required pam_twinlock.so account_phase\n\
                     account required pam_twinlock.so\n";

fn host() -> Host {
    let host = Host::that_requires_codes();
    host.pam_service("till", STACK);
    host
}

/// Gives one answer to every prompt; how many there were, and the outcome.
fn play(host: &Host, user: &str, answer: impl Fn(&mut Dialogue)) -> (usize, Outcome) {
    let mut login = PamClient::new(host, "till").user(user).rhost("192.0.2.7").keep_going().start();
    let mut asked = 0;
    while let Some(message) = login.next_message() {
        if message.kind.is_prompt() {
            asked += 1;
            answer(&mut login);
        }
    }
    (asked, login.finish())
}

fn ledger_is_empty() -> bool {
    std::fs::read_dir("/var/lib/twinlock/ledger").unwrap().count() == 0
}

/// cases.md, row 12.
#[test]
fn an_answer_that_cannot_be_a_code_is_refused_and_neither_counted_nor_logged() {
    let host = host();
    let maria = host.add_user("maria", "secret");
    let phone = Phone::of(&maria);
    for case in CASES {
        host.journal().clear();
        let (asked, outcome) = play(&host, "maria", case.answer);
        host.journal().catch_up();
        let log = host.journal().text();
        assert_eq!(outcome.code("authenticate"), pam::AUTH_ERR, "{}: {log}", case.name);
        assert_eq!(asked, if case.ends_at_once { 1 } else { 3 }, "{}: {log}", case.name);
        assert!(log.contains(&format!("reason={} ", case.reason)), "{}: {log}", case.name);
        assert!(log.lines().all(|line| line.len() < 600), "{}: {log}", case.name);
        for typed in ["12345", "54321", "INCORRECT", "AAAA", "xxxx", "%s", "١٢٣"] {
            assert!(!log.contains(typed), "{}: what was typed is in the log: {log}", case.name);
        }
        outcome.assert_host_unchanged();
        assert!(ledger_is_empty(), "{}: a record was made", case.name);
    }
    // After all these, no wait and no count: the right code is let in, and nothing is told of wrong ones.
    let (_, outcome) = play(&host, "maria", |login| login.answer(&phone.code()));
    assert_eq!(outcome.code("authenticate"), pam::SUCCESS);
    assert!(!outcome.said().contains("wrong"), "{}", outcome.said());
}

/// The same for a name that NSS does not know, and what such a name is told is what others are told.
#[test]
fn an_unknown_user_gets_the_same_answers_to_the_same_answers() {
    let host = host();
    let maria = host.add_user("maria", "secret");
    Phone::of(&maria);
    for case in CASES {
        let (asked, known) = play(&host, "maria", case.answer);
        let (asked_too, unknown) = play(&host, "nobody-here", case.answer);
        assert_eq!(unknown.code("authenticate"), pam::USER_UNKNOWN, "{}", case.name);
        if case.name.contains("recovery") || case.name.contains("even digits") || case.name.contains("eight")
        {
            // What is a code depends on the phone that a user has.
            continue;
        }
        assert_eq!((asked_too, unknown.said()), (asked, known.said()), "{}", case.name);
        unknown.assert_host_unchanged();
    }
    assert!(ledger_is_empty());
}

#[test]
fn an_enrolment_answered_by_anything_but_a_code_is_given_up_and_leaves_nobody_enrolled() {
    let host = host();
    for (number, case) in CASES.iter().enumerate() {
        let name = format!("user{number}");
        let account = host.add_user(&name, "secret");
        let (asked, outcome) = play(&host, &name, case.answer);
        assert_eq!(outcome.code("acct_mgmt"), pam::PERM_DENIED, "{}: {}", case.name, host.journal().text());
        assert!((1..=12).contains(&asked), "{}: asked {asked} times", case.name);
        outcome.assert_host_unchanged();
        assert!(!account.path(".twinlock").exists() && nothing_is_recorded(), "{}", case.name);
    }
}

/// An application that answers where nothing is asked, one that has no conversation function, and one that wants silence.
#[test]
fn an_application_with_a_conversation_of_its_own_kind_changes_nothing() {
    let host = host();
    let maria = host.add_user("maria", "secret");
    let phone = Phone::of(&maria);
    let wrong = phone.wrong_code();
    let login = |client: PamClient, codes: &[&str]| {
        let mut login = client.user("maria").start();
        for code in codes {
            login.expect_prompt("Verification code: ");
            login.answer(code);
        }
        let outcome = login.finish();
        outcome.assert_host_unchanged();
        outcome
    };
    let till = || PamClient::new(&host, "till").rhost("192.0.2.7");
    let outcome = login(till().answering_info(&phone.code()), &[&wrong, &wrong, &phone.code()]);
    assert_eq!(outcome.code("authenticate"), pam::SUCCESS);
    let outcome = login(till().answering_info(&phone.code_at_step(1)), &[&wrong, &wrong, &wrong]);
    assert_eq!(outcome.code("authenticate"), pam::AUTH_ERR);
    let outcome = login(till().no_conversation(), &[]);
    assert_eq!((outcome.code("authenticate"), outcome.said().as_str()), (pam::AUTH_ERR, ""));
    let outcome = login(till().silent().rhost("192.0.2.8"), &["", "", ""]);
    assert_eq!(outcome.code("authenticate"), pam::AUTH_ERR);
    let texts = outcome.messages.iter().filter(|message| !message.kind.is_prompt()).count();
    assert_eq!(texts, 0, "PAM_SILENT mutes texts: {}", outcome.said());
}

/// sshd's stack as an administrator has it.
const SSHD: &str = "auth required pam_unix.so\nauth required pam_twinlock.so account_phase\n\
                    account required pam_twinlock.so\naccount required pam_unix.so\nsession required pam_permit.so\n";

/// Options of a client that knows only passwords.
const BY_PASSWORD: &[&str] = &["-o", "PreferredAuthentications=password", "-o", "NumberOfPasswordPrompts=3"];

struct Stage {
    host: Host,
    sshd: Sshd,
    maria: Account,
}

fn ssh_stage(config: &str, password: &str) -> Stage {
    let host = Host::that_requires_codes();
    host.pam_service("sshd", SSHD);
    host.pam_service("till", twinlock_tests::STACK);
    let maria = host.add_user("maria", password);
    let sshd = Sshd::start(&host, config);
    Stage { host, sshd, maria }
}

/// cases.md, rows 20 and 61. The password, right or wrong or looking like a code, arrives as the answer to our prompt; three
/// of those, then a login by keyboard-interactive: the throttle has not moved.
#[test]
fn through_sshds_password_authentication_a_password_is_no_code_and_is_not_counted() {
    for (password, typed) in [
        ("correct horse", ["correct horse", "correct horse", "wrong horse"]),
        ("654321", ["654321", "123456", "654321"]),
    ] {
        let stage = ssh_stage("PasswordAuthentication yes\n", password);
        let phone = Phone::of(&stage.maria);
        let mut terminal = Terminal::new(&stage.host).ssh(&stage.sshd, "maria", BY_PASSWORD);
        for typed in typed {
            terminal.expect("password: ");
            terminal.send_line(typed);
        }
        assert!(!terminal.wait().success(), "{}", terminal.raw_text());
        stage.host.journal().catch_up();
        let log = stage.host.journal().text();
        assert_eq!(log.matches("event=code_rejected").count(), 3, "{log}");
        assert_eq!(log.matches("reason=password ").count(), 3, "{log}");
        assert!(typed.iter().all(|typed| !log.contains(typed)), "{log}");
        assert!(ledger_is_empty(), "a record was made");
        let mut terminal = Terminal::new(&stage.host).ssh(&stage.sshd, "maria", &[]);
        terminal.expect("Password: ");
        terminal.send_line(password);
        terminal.expect("Verification code: ");
        terminal.send_line(&phone.code());
        terminal.expect("$ ");
        assert!(!terminal.raw_text().contains("wrong code"), "{}", terminal.raw_text());
    }
}

/// cases.md, row 61: on one connection. The code is taken; that sshd ends the connection afterwards is its own affair: libpam
/// keeps the failed passwords' results for pam_setcred, and with pam_unix alone the same happens (OpenSSH 9.2).
#[test]
fn three_passwords_before_keyboard_interactive_on_one_connection_do_not_move_the_throttle() {
    let stage = ssh_stage("PasswordAuthentication yes\nMaxAuthTries 10\n", "correct horse");
    let phone = Phone::of(&stage.maria);
    let options =
        ["-o", "PreferredAuthentications=password,keyboard-interactive", "-o", "NumberOfPasswordPrompts=3"];
    let mut terminal = Terminal::new(&stage.host).ssh(&stage.sshd, "maria", &options);
    for typed in ["correct horse", "wrong horse", "correct horse"] {
        terminal.expect("password: ");
        terminal.send_line(typed);
    }
    terminal.expect("Password: ");
    terminal.send_line("correct horse");
    terminal.expect("Verification code: ");
    terminal.send_line(&phone.code());
    let line = stage.host.journal().wait_for(|line| line.message.contains("event=code_accepted"));
    assert!(line.message.contains("authenticator=\"phone\""), "{}", line.message);
    stage.sshd.wait_for_log("Accepted keyboard-interactive/pam for maria");
    assert!(!terminal.raw_text().contains("wrong code"), "{}", terminal.raw_text());
}

/// cases.md, row 21. sshd answers for root by itself: junk, at every prompt.
#[test]
fn sshds_junk_for_root_that_may_not_log_in_is_not_counted_and_makes_no_state() {
    for (setting, methods) in [
        ("no", "keyboard-interactive"),
        ("no", "password"),
        ("prohibit-password", "keyboard-interactive"),
        ("prohibit-password", "password"),
    ] {
        let stage = ssh_stage(&format!("PermitRootLogin {setting}\nPasswordAuthentication yes\n"), "secret");
        stage.host.set_password("root", "root's own");
        let root =
            Account { name: "root".into(), password: String::new(), uid: 0, gid: 0, home: "/root".into() };
        Phone::of(&root);
        let methods = format!("PreferredAuthentications={methods}");
        let options = ["-o", &methods, "-o", "NumberOfPasswordPrompts=2"];
        let mut terminal = Terminal::new(&stage.host).ssh(&stage.sshd, "root", &options);
        for _ in 0..2 {
            terminal.expect("assword: ");
            terminal.send_line("root's own");
            if methods.contains("keyboard") {
                terminal.expect("Verification code: ");
                terminal.send_line("123456");
            }
        }
        assert!(!terminal.wait().success(), "{setting}: {}", terminal.raw_text());
        stage.host.journal().catch_up();
        let log = stage.host.journal().text();
        assert_eq!(log.matches("reason=barred_by_sshd ").count(), 2, "{setting} {methods}: {log}");
        assert_eq!(log.matches("event=").count(), 2, "{setting} {methods}: {log}");
        assert!(!log.contains("INCORRECT") && !log.contains("123456"), "{log}");
        assert!(ledger_is_empty(), "{setting} {methods}: a record was made");
    }
}

/// A recovery code that is equal to the password is still the password.
#[test]
fn a_recovery_code_is_taken_with_dashes_and_without_and_only_once() {
    let host = Host::that_requires_codes();
    let maria = host.add_user("maria", "secret");
    let (_, codes) = enrol(&PamClient::new(&host, "till").user("maria"));
    assert_eq!(codes.len(), 10);
    let take = |code: &str| play(&host, "maria", |login| login.answer(code)).1.code("authenticate");
    host.pam_service(
        "till",
        &format!("auth optional pam_stage.so authtok={}\n{}", codes[0], twinlock_tests::STACK),
    );
    assert_eq!(take(&codes[0]), pam::AUTH_ERR, "it is the password");
    assert_eq!(take(&codes[1].to_lowercase().replace('-', "")), pam::SUCCESS);
    assert_eq!(take(&codes[1]), pam::AUTH_ERR);
    assert!(std::path::Path::new(&record_path(&maria)).exists());
}
