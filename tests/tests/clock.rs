//! Clocks that are wrong, and come right again, through real libpam. The client's clock is moved, never the machine's.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use twinlock_tests::process::{command, run};
use twinlock_tests::witness::enrol;
use twinlock_tests::{Host, Outcome, PamClient, Phone, STACK, oathtool, pam};

/// 2030-01-01 00:00:10 UTC: ten seconds into a step.
const NOW: i64 = 1_893_456_010;
const MINUTE: i64 = 60;
const DAY: i64 = 86_400;

struct Stage {
    host: Host,
    phone: Phone,
    recovery_codes: Vec<String>,
}

impl Stage {
    /// A user with a phone that is registered by their first login.
    fn new() -> Self {
        let host = Host::that_requires_codes();
        host.pam_service("till", &format!("auth required pam_permit.so\n{STACK}"));
        let phone = Phone::of(&host.add_user("maria", "secret"));
        Self { host, phone, recovery_codes: Vec::new() }
    }

    /// A user who enrolled today, long before the clocks of these tests.
    fn enrolled() -> Self {
        let stage = Self::new();
        let otto = stage.host.add_user("otto", "secret");
        std::fs::remove_dir_all("/home/maria/.twinlock").unwrap();
        let (phone, recovery_codes) = enrol(&stage.client().user("maria"));
        assert_eq!(recovery_codes.len(), 10, "{}", stage.host.journal().text());
        drop(otto);
        Self { phone, recovery_codes, ..stage }
    }

    fn client(&self) -> PamClient {
        PamClient::new(&self.host, "till").user("maria").rhost("192.0.2.7")
    }

    /// A login at a time, with these answers and none where it is asked once more.
    fn at(&self, time: i64, answers: &[&str]) -> Outcome {
        answer(&self.client().clock(&clock(time)), answers)
    }

    /// What the phone shows at a time.
    fn code(&self, time: i64) -> String {
        oathtool::code(&self.phone.secret, u64::try_from(time).unwrap())
    }

    fn assert_accepted(&self, time: i64, code: &str, name: &str) {
        let outcome = self.at(time, &[code]);
        assert_eq!(outcome.code("acct_mgmt"), pam::SUCCESS, "{name}\n{}", self.host.journal().text());
        outcome.assert_host_unchanged();
    }

    fn assert_refused(&self, time: i64, code: &str, expected: i32, reason: &str, name: &str) {
        self.host.journal().clear();
        let outcome = self.at(time, &[code]);
        assert_eq!(outcome.code("authenticate"), expected, "{name}\n{}", self.host.journal().text());
        self.host.journal().wait_for(|line| line.message.contains(reason));
    }
}

fn answer(client: &PamClient, answers: &[&str]) -> Outcome {
    let mut login = client.start();
    let mut answers = answers.iter();
    while let Some(message) = login.next_message() {
        if message.kind.is_prompt() {
            match answers.next() {
                Some(answer) => login.answer(answer),
                None => login.answer_null(),
            }
        }
    }
    login.finish()
}

/// A time as `faketime` reads it.
fn clock(time: i64) -> String {
    let date = run(command("date").args(["-u", &format!("--date=@{time}"), "+@%Y-%m-%d %H:%M:%S"])).ok();
    date.stdout.trim().to_owned()
}

/// cases.md, row 35.
#[test]
fn at_1970_codes_are_refused_with_the_reason_and_a_recovery_code_lets_in() {
    let stage = Stage::enrolled();
    stage.host.policy("require_mfa = true\nattempts = 1\nenroll_at = [\"till\"]\n");
    for (number, time) in [60, 3600, 1_500_000_000].into_iter().enumerate() {
        // Neither the code of that time nor the one of today.
        for code in [stage.code(time), stage.phone.code()] {
            let name = format!("at {time}");
            stage.assert_refused(time, &code, pam::AUTHINFO_UNAVAIL, "reason=clock", &name);
        }
        let line = stage.host.journal().wait_for(|line| line.message.contains("reason=clock"));
        assert!(line.message.contains("mend=\"set the clock"), "{line:?}");
        let outcome = stage.at(time, &[&stage.recovery_codes[number]]);
        assert_eq!(outcome.code("acct_mgmt"), pam::SUCCESS, "{}", stage.host.journal().text());
        stage.assert_refused(
            time,
            &stage.recovery_codes[number],
            pam::AUTH_ERR,
            "wrong_recovery_code",
            "twice",
        );
    }
    // Nothing of it is in the way once the clock is right.
    stage.assert_accepted(NOW, &stage.code(NOW), "in 2030");
}

#[test]
fn at_1970_nobody_enrols_and_the_reason_is_told() {
    let stage = Stage::new();
    stage.host.add_user("otto", "secret");
    let outcome = answer(&stage.client().user("otto").clock(&clock(60)), &[]);
    assert_eq!(outcome.code("acct_mgmt"), pam::AUTHINFO_UNAVAIL, "{}", stage.host.journal().text());
    assert!(outcome.said().contains("clock of this computer is wrong"), "{}", outcome.said());
    assert!(!outcome.said().contains("Key:"), "{}", outcome.said());
    stage
        .host
        .journal()
        .wait_for(|line| line.message.contains("event=unavailable") && line.message.contains("reason=clock"));
    assert_eq!(std::fs::read_dir("/var/lib/twinlock/pending").unwrap().count(), 0);
}

#[test]
fn in_2038_and_2106_codes_work_once_on_both_sides_of_the_turn() {
    for turn in [1_i64 << 31, 1 << 32] {
        let stage = Stage::new();
        for time in [turn - 3600, turn - 31, turn - 1, turn + 40, turn + 3600] {
            let code = stage.code(time);
            stage.assert_accepted(time, &code, &format!("{time}"));
            stage.assert_refused(time, &code, pam::AUTH_ERR, "reason=replayed", &format!("{time}"));
        }
    }
}

/// cases.md, row 3.
#[test]
fn a_code_is_refused_after_the_clock_goes_back() {
    for (back, same, expected, fresh) in [
        (2, "reason=replayed", pam::AUTH_ERR, true),
        (59, "reason=replayed", pam::AUTH_ERR, false),
        (10 * MINUTE, "reason=clock", pam::AUTHINFO_UNAVAIL, false),
        (DAY, "reason=clock", pam::AUTHINFO_UNAVAIL, false),
    ] {
        let stage = Stage::new();
        stage.host.policy("require_mfa = true\nattempts = 1\n");
        let code = stage.code(NOW);
        stage.assert_accepted(NOW, &code, "first");
        let name = format!("back by {back} s");
        if back != 59 {
            stage.assert_refused(NOW - back, &code, expected, same, &name);
        } else {
            // Out of the window of that time: wrong, which is as good.
            assert_eq!(stage.at(NOW - back, &[&code]).code("authenticate"), pam::AUTH_ERR, "{name}");
        }
        if fresh {
            stage.assert_accepted(NOW - back, &stage.code(NOW - back + 30), &name);
        }
        stage.assert_refused(NOW, &code, pam::AUTH_ERR, "reason=replayed", "and when it is right again");
        stage.assert_accepted(NOW + 2 * MINUTE, &stage.code(NOW + 2 * MINUTE), &name);
    }
}

#[test]
fn a_clock_that_jumps_forward_takes_the_codes_of_its_own_time_alone() {
    let stage = Stage::new();
    let code = stage.code(NOW);
    stage.assert_accepted(NOW, &code, "first");
    for ahead in [2 * MINUTE, 3600, 30 * DAY] {
        assert_eq!(stage.at(NOW + ahead, &[&code]).code("authenticate"), pam::AUTH_ERR, "{ahead}");
        stage.assert_accepted(NOW + ahead, &stage.code(NOW + ahead), &format!("{ahead}"));
    }
}

/// cases.md, row 60.
#[test]
fn after_a_login_a_year_ahead_codes_are_refused_with_the_mend_until_the_user_is_unlocked() {
    let stage = Stage::enrolled();
    stage.host.policy("require_mfa = true\nattempts = 1\n");
    let ahead = NOW + 365 * DAY;
    let future = stage.code(ahead);
    stage.assert_accepted(ahead, &future, "a year ahead");
    stage.assert_refused(NOW, &stage.code(NOW), pam::AUTHINFO_UNAVAIL, "reason=clock", "mended");
    let line = stage.host.journal().wait_for(|line| line.message.contains("reason=clock"));
    assert!(line.message.contains("`twinlock unlock` the user"), "{line:?}");
    stage.assert_accepted(NOW, &stage.recovery_codes[0], "a recovery code");
    stage.assert_refused(NOW, &stage.code(NOW), pam::AUTHINFO_UNAVAIL, "reason=clock", "still");
    stage.host.set_clock(&clock(NOW));
    run(command("/usr/bin/twinlock").env("TZ", "UTC").args(["unlock", "maria"])).ok();
    assert_eq!(
        stage.at(NOW, &[&stage.code(NOW)]).code("authenticate"),
        pam::AUTH_ERR,
        "it may have been used"
    );
    stage.assert_accepted(NOW + 2 * MINUTE, &stage.code(NOW + 2 * MINUTE), "unlocked");
}

/// A wait that was set while the clock was a year ahead is over an hour after it is mended, not a year.
#[test]
fn a_wait_from_a_clock_that_was_ahead_ends_within_the_longest_wait() {
    let stage = Stage::enrolled();
    stage.host.policy("require_mfa = true\nattempts = 1\n[throttle]\nlongest_wait = \"1h\"\n");
    let ahead = NOW + 365 * DAY;
    for number in 0..14 {
        stage.assert_refused(
            ahead + number * 3700,
            "000000",
            pam::AUTH_ERR,
            "reason=wrong",
            &format!("{number}"),
        );
    }
    stage.assert_refused(NOW, &stage.code(NOW), pam::AUTH_ERR, "reason=throttled wait=3600", "mended");
    let half = NOW + 1800;
    stage.assert_refused(
        half,
        &stage.code(half),
        pam::AUTH_ERR,
        "reason=throttled wait=1800",
        "half an hour on",
    );
    stage.assert_accepted(NOW + 3601, &stage.code(NOW + 3601), "an hour on");
}

#[test]
fn a_mistyped_code_before_the_clock_goes_back_costs_no_wait() {
    let stage = Stage::new();
    stage.host.policy("require_mfa = true\nattempts = 1\n");
    stage.assert_refused(NOW, "000000", pam::AUTH_ERR, "reason=wrong", "a typing mistake");
    let earlier = NOW - 10 * MINUTE;
    stage.assert_accepted(earlier, &stage.code(earlier), "ten minutes back");
}

/// cases.md, row 4, and a phone that is one step off for ten logins in a row.
#[test]
fn a_phone_one_step_off_is_followed_and_the_codes_that_taught_it_do_not_work_again() {
    for off in [30, -30] {
        let stage = Stage::new();
        let mut used = Vec::new();
        for login in 0..10 {
            let time = NOW + login * 90;
            let code = stage.code(time + off);
            stage.assert_accepted(time, &code, &format!("{off}, login {login}"));
            used.push(code);
            if login == 2 {
                for code in &used {
                    let outcome = stage.at(time, &[code]);
                    assert_eq!(outcome.code("authenticate"), pam::AUTH_ERR, "{off}: a code of the way there");
                }
                // Those out of the window were wrong codes; wait for what they cost.
                stage.assert_accepted(time + 45, &stage.code(time + 45 + off), "after them");
            }
        }
    }
}

/// cases.md, row 38.
#[test]
fn a_hundred_wrong_codes_over_months_disable_codes_and_recovery_codes_still_work() {
    let stage = Stage::enrolled();
    stage.host.policy("require_mfa = true\nattempts = 1\n");
    for number in 0..100 {
        let time = NOW + number * 2 * DAY;
        let near =
            oathtool::code_with(&stage.phone.secret, u64::try_from(time - 90).unwrap(), &["--window=6"]);
        let wrong = if near.contains("000000") { "000001" } else { "000000" };
        let outcome = stage.at(time, &[wrong]);
        assert_eq!(outcome.code("authenticate"), pam::AUTH_ERR, "{number}");
        assert!(outcome.said().contains("not right"), "{number}: {}", outcome.said());
    }
    for later in [0, 3600, 400 * DAY] {
        let time = NOW + 200 * DAY + later;
        stage.assert_refused(time, &stage.code(time), pam::AUTH_ERR, "reason=disabled", "disabled");
        let line = stage.host.journal().wait_for(|line| line.message.contains("reason=disabled"));
        assert!(line.message.contains("`twinlock unlock` the user"), "{line:?}");
    }
    let time = NOW + 700 * DAY;
    stage.assert_accepted(time, &stage.recovery_codes[0], "a recovery code");
    stage.assert_refused(time, &stage.code(time), pam::AUTH_ERR, "reason=disabled", "still disabled");
}

/// cases.md, row 2.
#[test]
fn ten_recovery_codes_at_once_are_accepted_each_once() {
    let stage = Stage::enrolled();
    let mut logins: Vec<_> = stage.recovery_codes.iter().map(|_| stage.client().start()).collect();
    for login in &mut logins {
        login.expect_prompt("Verification code: ");
    }
    for (login, code) in logins.iter_mut().zip(&stage.recovery_codes) {
        login.answer(code);
    }
    let mut left: Vec<String> = Vec::new();
    for login in logins {
        let outcome = login.finish();
        assert_eq!(outcome.code("acct_mgmt"), pam::SUCCESS, "{}", stage.host.journal().text());
        left.push(outcome.said().split("accepted; ").nth(1).unwrap().split(' ').next().unwrap().to_owned());
    }
    left.sort_unstable();
    assert_eq!(left.concat(), "0123456789");
    stage.host.policy("require_mfa = true\nattempts = 10\n");
    let again: Vec<&str> = stage.recovery_codes.iter().take(3).map(String::as_str).collect();
    assert_eq!(answer(&stage.client(), &again).code("authenticate"), pam::AUTH_ERR);
}

/// The key that a login of an un-enrolled user is shown; the login ends there, as a cut connection does.
fn key_shown(client: &PamClient) -> (String, String) {
    let mut login = client.start();
    let prompt = login.expect_prompt("Key: ").text;
    login.exit();
    let key = prompt.split("Key: ").nth(1).unwrap().split("   ").next().unwrap().to_owned();
    (key, prompt)
}

/// cases.md, row 52.
#[test]
fn a_pending_key_is_shown_again_to_the_same_place_within_ten_minutes_and_to_nobody_else() {
    struct Case {
        name: &'static str,
        service: &'static str,
        rhost: &'static str,
        after: i64,
        same: bool,
    }
    let case = Case { name: "", service: "till", rhost: "192.0.2.7", after: MINUTE, same: false };
    let cases = [
        Case { name: "the same place a minute later", same: true, ..case },
        Case { name: "nine minutes later", after: 9 * MINUTE, same: true, ..case },
        Case { name: "half a minute before", after: -30, same: true, ..case },
        Case { name: "eleven minutes later", after: 11 * MINUTE, ..case },
        Case { name: "a day later", after: DAY, ..case },
        Case { name: "two minutes before", after: -2 * MINUTE, ..case },
        Case { name: "another address", rhost: "192.0.2.8", ..case },
        Case { name: "an address that begins alike", rhost: "192.0.2.77", ..case },
        Case { name: "a name", rhost: "client.example", ..case },
        Case { name: "another service", service: "desk", ..case },
    ];
    for case in cases {
        let host = Host::that_requires_codes();
        host.policy("require_mfa = true\nenroll_at = [\"till\", \"desk\"]\n");
        for service in ["till", "desk"] {
            host.pam_service(service, &format!("auth required pam_permit.so\n{STACK}"));
        }
        host.add_user("maria", "secret");
        let client = |service: &str, rhost: &str, time| {
            PamClient::new(&host, service).user("maria").rhost(rhost).clock(&clock(time))
        };
        let (first, _) = key_shown(&client("till", "192.0.2.7", NOW));
        let (second, text) = key_shown(&client(case.service, case.rhost, NOW + case.after));
        assert_eq!(first == second, case.same, "{}", case.name);
        assert_eq!(text.contains("2030-01-01"), case.same, "{}: when it was first shown: {text}", case.name);
        // A new key is the one that counts from then on.
        let (third, _) = key_shown(&client(case.service, case.rhost, NOW + case.after));
        assert_eq!(third, second, "{}", case.name);
        if !case.same {
            let (back, _) = key_shown(&client("till", "192.0.2.7", NOW + case.after + 700));
            assert_ne!(back, first, "{}: an old key came back", case.name);
        }
    }
}

#[test]
fn a_key_that_another_login_saw_meanwhile_does_not_count_and_another_is_set_up() {
    let host = Host::that_requires_codes();
    host.pam_service("till", &format!("auth required pam_permit.so\n{STACK}"));
    host.add_user("maria", "secret");
    let start = || PamClient::new(&host, "till").user("maria").rhost("192.0.2.7").start();
    let key = |text: &str| {
        let key = text.split_once("Key: ").expect("a key").1;
        key.split("   ").next().unwrap().to_owned()
    };
    let mut maria = start();
    let seen_by_both = key(&maria.next_prompt().text);
    // Whoever knows the password, at the same desk.
    let mut thief = start();
    let text = thief.next_prompt().text;
    assert_eq!(key(&text), seen_by_both);
    assert!(text.contains("first shown"), "{text}");
    thief.answer_null();
    thief.finish();

    maria.answer(&Phone::with_key(&seen_by_both).code());
    let text = maria.next_prompt().text;
    let own = key(&text);
    assert_ne!(own, seen_by_both);
    assert!(text.replace("\n", " ").contains("Another login was shown"), "{text}");
    host.journal().wait_for(|line| {
        line.message.contains("event=enrollment_restarted")
            && line.message.contains("reason=key_shown_elsewhere")
    });
    assert!(!std::fs::exists("/home/maria/.twinlock").unwrap(), "nothing was written for the first key");
    maria.answer(&Phone::with_key(&own).code_at_step(-1));
    maria.next_prompt();
    maria.answer("");
    assert_eq!(maria.finish().code("acct_mgmt"), pam::SUCCESS);

    let mut thief = start();
    thief.next_prompt();
    thief.answer(&Phone::with_key(&seen_by_both).code());
    while let Some(message) = thief.next_message() {
        if message.kind.is_prompt() {
            thief.answer_null();
        }
    }
    assert_eq!(thief.finish().code("authenticate"), pam::AUTH_ERR);
}
