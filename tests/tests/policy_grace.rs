//! What loosens for a time, at real logins: grace by date and by days, remembered addresses; and the report that asks
//! nobody anything.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod policy_scene;

use std::path::Path;

use policy_scene::{
    PASSWORD_STACK, code_after, day, enrolled, is_in, log_in, said, said_of, stage, till, was_asked,
};
use twinlock_tests::{Account, Outcome, PamClient, Phone, SshKey, Sshd, Terminal, pam};

const ENROLL_AT: &str = "enroll_at = [\"sshd\", \"till\"]\n";

/// What somebody is asked at a login who has no code yet.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    /// To set it up now or later: until this day.
    Offered(String),
    /// To set it up.
    Enrol,
    /// Nothing, and in.
    Nothing,
    /// Nothing, and refused.
    Refused,
}

/// The login's first question; it is put off where that is possible.
fn asked(outcome: &Outcome) -> Asked {
    let prompt = outcome.messages.iter().find(|message| message.kind.is_prompt());
    match prompt.map(|prompt| prompt.text.as_str()) {
        None if is_in(outcome) => Asked::Nothing,
        None => Asked::Refused,
        Some(text) if text.contains("Set it up now?") => {
            assert!(is_in(outcome), "put off, and not let in: {outcome:?}");
            let (day, rest) = text.strip_prefix("From ").unwrap().split_once(' ').unwrap();
            assert!(rest.contains(" UTC on this login needs a code"), "{text}");
            Asked::Offered(day.to_owned())
        }
        Some(text) => {
            assert!(text.contains("Key: "), "{text}");
            assert!(!is_in(outcome), "not enrolled, and let in: {outcome:?}");
            Asked::Enrol
        }
    }
}

fn ledger_of(account: &Account) -> bool {
    Path::new("/var/lib/twinlock/ledger").join(account.uid.to_string()).exists()
}

/// The key on an enrolment prompt.
fn key(text: &str) -> Phone {
    let line = text.lines().find(|line| line.contains("Key: ")).unwrap_or_else(|| panic!("no key: {text}"));
    Phone::with_key(line.split("Key: ").nth(1).unwrap().split("   ").next().unwrap())
}

/// Also cases.md, row 36.
#[test]
fn over_ssh_enrolment_may_be_put_off_until_a_day_is_over_and_no_longer() {
    let host = stage(&format!("require_mfa = true\nenroll_by = {}\nhelp = \"IT desk\"\n", day(30)));
    host.pam_service("sshd", PASSWORD_STACK);
    host.add_user("maria", "correct horse");
    let sshd = Sshd::start(&host, "");
    let ssh = || {
        let mut terminal = Terminal::new(&host).size(80, 40).ssh(&sshd, "maria", &[]);
        terminal.expect("Password:");
        terminal.send_line("correct horse");
        terminal
    };
    // As often as they like: Enter and anything but y is later.
    for answer in ["", "n", "later", "123456"] {
        let mut terminal = ssh();
        let text = terminal.expect("for later: ");
        assert!(text.replace("\r\n", "").contains(&format!("From {} 00:00:00 UTC on", day(31))), "{text:?}");
        terminal.send_line(answer);
        terminal.expect("$ ");
        terminal.send_line("exit");
        assert!(terminal.wait().success());
    }
    host.journal().wait_for(|line| {
        line.message.contains("event=enrollment_put_off")
            && line.message.contains(&format!("until=\"{} 00:00:00 UTC\"", day(31)))
    });
    // Row 36: the date moves from next month to yesterday, and holds at the next login.
    host.policy(&format!("require_mfa = true\nenroll_by = {}\n", day(-1)));
    let mut terminal = ssh();
    terminal.expect("Key: ");
    terminal.expect("Verification code: ");
    assert!(!terminal.raw_text().contains("Set it up now"), "{}", terminal.raw_text());
    drop(terminal);
    // And back; then `y` sets it up, and the login is one with a code.
    host.policy(&format!("require_mfa = true\nenroll_by = {}\n", day(30)));
    let mut terminal = ssh();
    terminal.expect("for later: ");
    terminal.send_line("Y");
    terminal.expect("Verification code: ");
    let phone = key(&terminal.raw_text());
    twinlock_tests::oathtool::with_time_left(5);
    terminal.send_line(&phone.code_at_step(-1));
    terminal.expect("Press Enter");
    terminal.send_line("");
    terminal.expect("$ ");
    terminal.send_line("exit");
    assert!(terminal.wait().success());
    // That ends the grace, though its day has not come.
    let mut terminal = ssh();
    terminal.expect("Verification code: ");
    terminal.send_line(&phone.code());
    terminal.expect("$ ");
    assert!(!terminal.raw_text().contains("Set it up now"), "{}", terminal.raw_text());
}

#[test]
fn days_of_grace_count_from_the_first_login_and_follow_the_policy_of_the_day() {
    let host = stage("");
    let maria = host.add_user("maria", "secret");
    let days = |days: u32| format!("require_mfa = true\ngrace_days = {days}\n{ENROLL_AT}");
    let by = |days: u32, last: &str| {
        format!("require_mfa = true\ngrace_days = {days}\nenroll_by = {last}\n{ENROLL_AT}")
    };
    // Policy; how far the clock moved since the first login; what is asked.
    let cases = [
        (days(7), "+0", Asked::Offered(day(7))),
        // Not counted anew at the next login, whatever it is.
        (days(7), "+3d", Asked::Offered(day(7))),
        (days(7), "+167h", Asked::Offered(day(7))),
        (days(7), "+169h", Asked::Enrol),
        (days(7), "+400d", Asked::Enrol),
        // Another number counts from the same day.
        (days(30), "+169h", Asked::Offered(day(30))),
        (days(1), "+25h", Asked::Enrol),
        (days(0), "+1h", Asked::Enrol),
        // Of days and a date the earlier end holds.
        (by(7, &day(2)), "+1d", Asked::Offered(day(3))),
        (by(7, &day(30)), "+1d", Asked::Offered(day(7))),
        (by(7, &day(2)), "+4d", Asked::Enrol),
        // Without grace there is none, and it comes back as it was.
        (format!("require_mfa = true\n{ENROLL_AT}"), "+1h", Asked::Enrol),
        (days(7), "+1h", Asked::Offered(day(7))),
    ];
    for (policy, clock, expected) in cases {
        host.policy(&policy);
        let outcome = log_in(&till(&host, "maria").clock(clock), &[""]);
        assert_eq!(asked(&outcome), expected, "{policy} {clock}: {}", host.journal().text());
    }
    assert!(ledger_of(&maria));
    // A first login under a clock that ran ahead does not stretch the days; nor does one that was never set.
    host.add_user("otto", "secret");
    host.policy(&days(7));
    for (clock, expected) in [
        ("@1970-01-02 00:00:00", Asked::Refused),
        ("+30d", Asked::Offered(day(37))),
        ("+0", Asked::Enrol),
        ("@1970-01-02 00:00:00", Asked::Refused),
    ] {
        let outcome = log_in(&till(&host, "otto").clock(clock), &[""]);
        assert_eq!(asked(&outcome), expected, "{clock}: {}", host.journal().text());
    }
}

#[test]
fn days_of_grace_begin_only_behind_a_first_factor_that_passed() {
    let host = stage(&format!("require_mfa = true\ngrace_days = 7\n{ENROLL_AT}"));
    host.pam_service("till", PASSWORD_STACK);
    host.pam_service(
        "locker",
        "auth required pam_unix.so\nauth required pam_twinlock.so\naccount required pam_permit.so\n",
    );
    let maria = host.add_user("maria", "secret");
    // A stranger's wrong password, and an application that ends before the account phase.
    for (answer, chain) in [("guess", "authenticate,acct_mgmt"), ("secret", "authenticate")] {
        log_in(&till(&host, "maria").chain(chain), &[answer]);
        assert!(!ledger_of(&maria), "{answer} {chain}: {}", host.journal().text());
    }
    // A line without the account phase begins nothing, so there the days do not hold before they began: they would
    // never end.
    let locker = PamClient::new(&host, "locker").user("maria");
    let (said, outcome) = said_of(&host, &locker, &["secret"]);
    assert_eq!(
        (outcome.code("authenticate"), said.reason.as_deref()),
        (pam::AUTH_ERR, Some("service_cannot_enroll"))
    );
    assert!(!ledger_of(&maria));
    let outcome = log_in(&till(&host, "maria"), &["secret", ""]);
    assert!(is_in(&outcome) && outcome.said().contains("Set it up now?"), "{outcome:?}");
    assert!(ledger_of(&maria));
    let (said, outcome) = said_of(&host, &locker, &["secret"]);
    assert!(is_in(&outcome), "{}", host.journal().text());
    assert_eq!(said.reason.as_deref(), Some("in_grace"));
    let (_, outcome) = said_of(&host, &locker.clock("+8d"), &["secret"]);
    assert_eq!(outcome.code("authenticate"), pam::AUTH_ERR);
    // A date needs no beginning.
    host.policy(&format!("require_mfa = true\nenroll_by = {}\n", day(3)));
    host.add_user("otto", "secret");
    let outcome = log_in(&PamClient::new(&host, "locker").user("otto"), &["secret"]);
    assert!(is_in(&outcome), "{}", host.journal().text());
}

#[test]
fn grace_ends_with_the_first_accepted_code() {
    let host = stage(&format!("require_mfa = true\ngrace_days = 7\nenroll_by = {}\n{ENROLL_AT}", day(30)));
    let maria = host.add_user("maria", "secret");
    assert_eq!(asked(&log_in(&till(&host, "maria"), &[""])), Asked::Offered(day(7)));
    // Enrolled by the command meanwhile: the next login asks for a code and takes no 'later'.
    let phone = Phone::of(&maria);
    let outcome = log_in(&till(&host, "maria"), &["", "", ""]);
    assert_eq!(outcome.code("authenticate"), pam::AUTH_ERR, "{outcome:?}");
    assert!(is_in(&log_in(&till(&host, "maria"), &[&phone.code()])));
    // From now on whoever takes the credential away is in no grace.
    std::fs::remove_dir_all(maria.path(".twinlock")).unwrap();
    let outcome = log_in(&till(&host, "maria"), &[""]);
    assert_eq!(outcome.code("authenticate"), pam::AUTHINFO_UNAVAIL, "{}", host.journal().text());
}

/// Where nobody is led through enrolment, grace is a word and no question.
#[test]
fn grace_without_enrolment_at_login_reminds_and_asks_nothing() {
    let host = stage("");
    host.add_user("maria", "secret");
    for (rest, refused) in [
        (format!("unenrolled = \"deny\"\n{ENROLL_AT}"), "enrollment_not_allowed"),
        ("enroll_at = [\"sshd\"]\n".to_owned(), "service_cannot_enroll"),
    ] {
        host.policy(&format!("require_mfa = true\nenroll_by = {}\n{rest}", day(3)));
        let outcome = log_in(&till(&host, "maria"), &[]);
        assert_eq!(asked(&outcome), Asked::Nothing, "{rest}: {}", host.journal().text());
        assert!(
            outcome.said().contains(&format!("From {} 00:00:00 UTC on this login needs a code", day(4))),
            "{outcome:?}"
        );
        assert!(outcome.said().contains("twinlock enroll"), "{outcome:?}");
        let (said, outcome) = said_of(&host, &till(&host, "maria").clock("+5d"), &[]);
        assert_eq!(
            (asked(&outcome), said.reason.as_deref()),
            (Asked::Refused, Some(refused)),
            "{}",
            said.line
        );
    }
    // A conversation that fails means later, not no.
    host.policy(&format!("require_mfa = true\nenroll_by = {}\n{ENROLL_AT}", day(3)));
    for client in [till(&host, "maria").no_conversation(), till(&host, "maria")] {
        assert!(is_in(&log_in(&client, &[])), "{}", host.journal().text());
    }
    // Afterwards it does.
    let outcome = log_in(&till(&host, "maria").clock("+5d").no_conversation(), &[]);
    assert_eq!(outcome.code("acct_mgmt"), pam::PERM_DENIED, "{}", host.journal().text());
}

#[test]
fn a_key_alone_is_let_in_and_reminded_during_grace_and_refused_afterwards() {
    let host = stage(&format!("require_mfa = true\nenroll_by = {}\n", day(30)));
    host.pam_service("sshd", PASSWORD_STACK);
    let maria = host.add_user("maria", "secret");
    let key = SshKey::named("maria");
    key.authorize(&maria);
    let sshd = Sshd::start(&host, "");
    let identity = format!("IdentityFile={}", key.private.display());
    let options = ["-o", "PreferredAuthentications=publickey", "-o", &identity, "-o", "LogLevel=INFO"];
    let mut terminal = Terminal::new(&host).ssh(&sshd, "maria", &options);
    terminal.expect("$ ");
    let text = terminal.raw_text();
    assert!(text.contains(&format!("From {} 00:00:00 UTC on this login needs a code", day(31))), "{text}");
    let line = host.journal().wait_for(|line| line.message.contains("event=code_not_asked"));
    assert!(line.message.contains("reason=in_grace"), "{}", line.message);
    host.policy(&format!("require_mfa = true\nenroll_by = {}\n", day(-1)));
    let mut terminal = Terminal::new(&host).ssh(&sshd, "maria", &options);
    assert!(!terminal.wait().success(), "{terminal:?}");
    host.journal().wait_for(|line| line.message.contains("reason=no_code_was_asked"));
}

#[test]
fn an_address_is_remembered_for_its_service_and_its_time_and_nothing_else_is() {
    let host = stage("require_mfa = true\nremember = \"12h\"\n");
    let (_, phone) = enrolled(&host, "maria");
    let (_, other) = enrolled(&host, "otto");
    let at = |service: &str, rhost: &str| PamClient::new(&host, service).user("maria").rhost(rhost);
    twinlock_tests::oathtool::with_time_left(5);
    assert!(is_in(&log_in(&at("till", "192.0.2.7"), &[&code_after(&phone, -30)])));
    let forget = "require_mfa = true\nremember = \"1h\"\n";
    let never = "require_mfa = true\n";
    let always = "require_mfa = true\nremember = \"12h\"\n";
    let rule = "require_mfa = true\nremember = \"12h\"\n[[rule]]\nservices = [\"till\"]\nremember = \"0s\"\n";
    let here = || at("till", "192.0.2.7");
    // Policy; login; whether a code is asked for.
    let cases = [
        ("the same address", always, here(), false),
        ("the same as IPv6 writes it", always, at("till", "::ffff:192.0.2.7"), false),
        ("another address", always, at("till", "192.0.2.8"), true),
        ("another service", always, at("kiosk", "192.0.2.7"), true),
        ("a name that looks like it", always, at("till", "192.0.2.7.evil.example"), true),
        ("no address", always, PamClient::new(&host, "till").user("maria"), true),
        ("another user", always, PamClient::new(&host, "till").user("otto").rhost("192.0.2.7"), true),
        ("before its end", always, here().clock("+11h"), false),
        ("after its end", always, here().clock("+13h"), true),
        ("a shorter time counts at once", forget, here().clock("+2h"), true),
        ("none", never, here(), true),
        ("none by a rule", rule, here(), true),
        ("a clock behind the code", always, here().clock("-10m"), true),
        ("a clock that was never set", always, here().clock("@1970-01-02 00:00:00"), true),
        ("once more", always, here(), false),
    ];
    for (name, policy, client, expected) in cases {
        host.policy(policy);
        let outcome = log_in(&client, &[]);
        assert_eq!(was_asked(&outcome), expected, "{name}: {}", host.journal().text());
        assert_eq!(is_in(&outcome), !expected, "{name}: {}", host.journal().text());
    }
    // A host name, a scoped address and a console are not remembered even after a code.
    host.policy(always);
    let places = [Some("erp.example"), Some("fe80::1%eth0"), None].map(|rhost| match rhost {
        Some(rhost) => PamClient::new(&host, "till").user("otto").rhost(rhost),
        None => PamClient::new(&host, "till").user("otto"),
    });
    twinlock_tests::oathtool::with_time_left(5);
    for (client, step) in places.iter().zip([-30, 0, 30]) {
        assert!(is_in(&log_in(client, &[&code_after(&other, step)])), "{}", host.journal().text());
        assert!(was_asked(&log_in(client, &[])), "{client:?}");
    }
    // The account hook of a login that was not asked agrees.
    host.policy(always);
    let (said, outcome) = said_of(&host, &here(), &[]);
    assert!(is_in(&outcome));
    assert_eq!(said.reason.as_deref(), Some("remembered"), "{}", said.line);
}

#[test]
fn a_code_at_sshd_is_remembered_by_the_address_it_came_from() {
    let host = stage("require_mfa = true\nremember = \"12h\"\n");
    host.pam_service("sshd", PASSWORD_STACK);
    host.add_address("127.0.0.7/32");
    let (_, phone) = enrolled(&host, "maria");
    let sshd = Sshd::start(&host, "");
    for (bind, asked) in
        [("127.0.0.1", true), ("127.0.0.1", false), ("127.0.0.7", true), ("127.0.0.1", false)]
    {
        let mut terminal = Terminal::new(&host).ssh(&sshd, "maria", &["-b", bind]);
        terminal.expect("Password:");
        terminal.send_line("secret");
        let (which, _) = terminal.expect_any(&["Verification code: ", "$ "]);
        assert_eq!(which == 0, asked, "{bind}: {}", host.journal().text());
        if bind == "127.0.0.1" && asked {
            terminal.send_line(&phone.code());
            terminal.expect("$ ");
        }
    }
}

#[test]
fn a_report_asks_what_false_asks_and_logs_what_true_would() {
    let host = stage("");
    let (_, phone) = enrolled(&host, "maria");
    host.add_user("otto", "secret");
    let batch = format!(
        "[[rule]]\nusers = [\"otto\"]\nexempt = true\nreason = \"r\"\napproved_by = \"it\"\nexpires = {}\n",
        day(3)
    );
    let piloted = "[[rule]]\nusers = [\"otto\"]\nrequire_mfa = \"report\"\n";
    let doubt = "[[rule]]\ngroups = [\"ghost\"]\nrequire_mfa = \"report\"\n";
    // Policy; user; decision; what it would be.
    let cases = [
        ("require_mfa = \"report\"\n".to_owned(), "otto", "user_driven", Some("required")),
        (format!("require_mfa = \"report\"\n{batch}"), "otto", "exempt", None),
        (format!("require_mfa = false\n{piloted}"), "otto", "user_driven", Some("required")),
        (format!("require_mfa = false\n{piloted}"), "maria", "user_driven", None),
        (format!("require_mfa = true\n{piloted}"), "otto", "user_driven", Some("required")),
        (format!("require_mfa = false\n{doubt}"), "otto", "user_driven", Some("required")),
        ("require_mfa = false\n".to_owned(), "otto", "user_driven", None),
        ("require_mfa = true\n".to_owned(), "otto", "required", None),
    ];
    for (policy, user, decision, would_be) in cases {
        host.policy(&policy);
        let (said, outcome) = said_of(&host, &till(&host, user), &[]);
        assert_eq!(
            (said.decision.as_str(), said.would_be.as_deref()),
            (decision, would_be),
            "{policy}: {}",
            said.line
        );
        if user == "otto" {
            assert_eq!(is_in(&outcome), decision != "required", "{policy}: {}", host.journal().text());
        }
    }
    // Whoever has a code is asked for it.
    host.policy("require_mfa = \"report\"\n");
    assert_eq!(said(&host, &till(&host, "maria")).event, "code_rejected");
    assert!(is_in(&log_in(&till(&host, "maria"), &[&phone.code()])));
    let line = host.journal().wait_for(|line| line.message.contains("event=code_accepted"));
    assert!(line.message.contains("would_be=required"), "{}", line.message);
}

/// cases.md, row 56: what is over stays over when the clock says that it has not been yet.
#[test]
fn nothing_that_is_over_revives_at_1970() {
    let host = stage("");
    let maria = host.add_user("maria", "secret");
    let (_, phone) = enrolled(&host, "otto");
    let expired = format!(
        "require_mfa = true\n[[rule]]\nusers = [\"maria\"]\nexempt = true\nreason = \"r\"\napproved_by = \"it\"\nexpires = {}\n",
        day(-1)
    );
    let begun = format!("require_mfa = true\ngrace_days = 7\n{ENROLL_AT}");
    host.policy(&begun);
    assert_eq!(asked(&log_in(&till(&host, "maria"), &[""])), Asked::Offered(day(7)));
    assert!(ledger_of(&maria));
    let remember = "require_mfa = true\nremember = \"12h\"\n";
    host.policy(remember);
    assert!(is_in(&log_in(&till(&host, "otto"), &[&phone.code()])));
    for (user, policy) in [
        ("maria", expired),
        ("maria", format!("require_mfa = true\nenroll_by = {}\n{ENROLL_AT}", day(-1))),
        ("maria", begun),
        ("otto", remember.to_owned()),
    ] {
        host.policy(&policy);
        let outcome = log_in(&till(&host, user).clock("@1970-01-02 00:00:00"), &[""]);
        assert!(!is_in(&outcome), "{user} {policy}: {}", host.journal().text());
        assert!(!outcome.said().contains("Set it up now"), "{user} {policy}: {outcome:?}");
    }
}
