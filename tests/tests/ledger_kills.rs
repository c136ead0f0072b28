//! Killed with -9 at every system call of a login: afterwards no code works twice, no wrong guess whose verdict was told
//! is forgotten, and the user gets in.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod fault_stage;

use std::path::Path;

use fault_stage::{CREDENTIAL, NOW, Stage, answering, enrolling, key, wrong_code};
use twinlock_tests::system_calls::{Call, is_short, share};
use twinlock_tests::witness::{count, record_path};
use twinlock_tests::{Dialogue, Outcome, Phone, oathtool, pam};

/// A login that is killed as it enters a system call.
fn killed(stage: &Stage, call: &Call, login: impl FnOnce(Dialogue) -> Outcome) -> Outcome {
    let (outcome, trace) = stage.disturbed(&call.signalled("KILL"), login);
    assert!(trace.contains("killed by SIGKILL"), "{} not reached\n{trace}", call.line);
    outcome
}

#[test]
fn killed_at_every_system_call_of_a_login_a_right_code_works_once_and_not_twice() {
    let mut kills = 0;
    {
        let stage = Stage::new();
        let phone = Phone::numbered(1);
        let (code, next) = (oathtool::code(&phone.secret, NOW), oathtool::code(&phone.secret, NOW + 30));
        let known = stage.registered(&phone);
        for record in [None, Some(known.as_slice())] {
            let mut lost = 0;
            stage.restore(record, Some(&phone.credential()));
            let calls = stage.calls(0, answering(&[&code]));
            let calls = share(calls, 9);
            for call in &calls {
                let at = format!("killed at {}:{}, record {}", call.name, call.number, record.is_some());
                stage.restore(record, Some(&phone.credential()));
                let outcome = killed(&stage, call, answering(&[&code]));
                assert!(!outcome.called("authenticate"), "{at}");
                stage.record(&at);
                // The code, and if the dead login used it up, the next one.
                let outcome = answering(&[&code, &next])(stage.client().start());
                assert_eq!(
                    outcome.code("authenticate"),
                    pam::SUCCESS,
                    "{at}\n{}",
                    stage.host.journal().text()
                );
                let used_up = outcome.said().contains("used already");
                lost += usize::from(used_up);
                let outcome = answering(&[&code])(stage.client().start());
                assert_eq!(outcome.code("authenticate"), pam::AUTH_ERR, "{at}");
                assert!(outcome.said().contains("used already"), "{at}: {}", outcome.said());
                kills += 1;
            }
            assert!(
                is_short() || lost > 0 && lost < calls.len(),
                "both sides of the write were reached: {lost}"
            );
        }
    }
    count("kills", "killed_at_every_system_call_of_a_login_a_right_code_works_once_and_not_twice", kills);
}

#[test]
fn killed_at_every_system_call_of_a_login_no_wrong_code_is_forgotten_once_its_verdict_was_told() {
    let mut kills = 0;
    {
        let stage = Stage::new();
        let phone = Phone::numbered(2);
        let wrong = wrong_code(&phone);
        let code = oathtool::code(&phone.secret, NOW);
        stage.host.policy("require_mfa = true\nattempts = 1\n");
        let known = stage.registered(&phone);
        for record in [None, Some(known.as_slice())] {
            let (mut told, mut counted) = (0, 0);
            stage.restore(record, Some(&phone.credential()));
            for call in &share(stage.calls(0, answering(&[&wrong])), 9) {
                let at = format!("killed at {}:{}, record {}", call.name, call.number, record.is_some());
                stage.restore(record, Some(&phone.credential()));
                let outcome = killed(&stage, call, answering(&[&wrong]));
                assert!(!outcome.called("authenticate"), "{at}");
                stage.record(&at);
                let was_told = outcome.said().contains("not right");
                let outcome = answering(&[&code])(stage.client().start());
                assert_eq!(
                    outcome.code("authenticate"),
                    pam::SUCCESS,
                    "{at}\n{}",
                    stage.host.journal().text()
                );
                let was_counted = outcome.said().contains("1 wrong code was typed");
                assert!(was_counted || !was_told, "{at}: told and forgotten");
                told += usize::from(was_told);
                counted += usize::from(was_counted);
                kills += 1;
            }
            assert!(is_short() || told > 0 && counted > told, "{told} told, {counted} counted");
        }
    }
    count(
        "kills",
        "killed_at_every_system_call_of_a_login_no_wrong_code_is_forgotten_once_its_verdict_was_told",
        kills,
    );
}

/// From the first call after the answer: what comes before is the same for every code.
#[test]
fn killed_at_every_system_call_after_a_recovery_code_was_typed_it_works_once_and_not_twice() {
    let mut kills = 0;
    {
        let stage = Stage::new();
        stage.restore(None, None);
        let outcome = enrolling(NOW - 30)(stage.client().start());
        let said = outcome.said();
        let is_code = |word: &&str| word.len() == 19 && word.split('-').count() == 4;
        let codes: Vec<&str> = said.split_whitespace().filter(is_code).collect();
        assert_eq!(codes.len(), 10, "{said}");
        let record = std::fs::read(record_path(&stage.maria)).unwrap();
        let credential = stage.maria.read(CREDENTIAL);
        let restore = || stage.restore(Some(&record), Some(&credential));
        let mut lost = 0;
        let calls = stage.calls(0, answering(&[codes[0]]));
        for call in share(calls.iter().skip_while(|call| call.name != "prlimit64").collect(), 2) {
            let at = format!("killed at {}:{}", call.name, call.number);
            restore();
            let outcome = killed(&stage, call, answering(&[codes[0]]));
            assert!(!outcome.called("authenticate"), "{at}");
            stage.record(&at);
            let outcome = answering(&[codes[0], codes[1]])(stage.client().start());
            assert_eq!(outcome.code("authenticate"), pam::SUCCESS, "{at}\n{}", stage.host.journal().text());
            lost += usize::from(outcome.said().contains("8 left"));
            let outcome = answering(&[codes[0]])(stage.client().start());
            assert_eq!(outcome.code("authenticate"), pam::AUTH_ERR, "{at}");
            kills += 1;
        }
        assert!(
            is_short() || lost > 0 && lost < kills,
            "both sides of the write were reached: {lost} of {kills}"
        );
    }
    count(
        "kills",
        "killed_at_every_system_call_after_a_recovery_code_was_typed_it_works_once_and_not_twice",
        kills,
    );
}

/// The calls of an enrolment are dealt out to several tests, since hashing ten recovery codes takes its time.
fn killed_while_enrolling(part: usize, parts: usize, test: &str) {
    let mut kills = 0;
    {
        let stage = Stage::new();
        stage.restore(None, None);
        let calls = stage.calls(1, enrolling(NOW - 30));
        let mut ends = [0; 3];
        for call in share(calls.iter().skip(part).step_by(parts).collect(), 9) {
            let at = format!("killed at {}:{}", call.name, call.number);
            stage.restore(None, None);
            let dead = killed(&stage, call, enrolling(NOW - 30));
            assert!(!dead.called("acct_mgmt"), "{at}");
            stage.record(&at);
            let shown = key(&dead);
            let written = Path::new(&stage.maria.path(CREDENTIAL)).exists();
            let end = if written {
                // The phone has the key already: a code of the next step lets in, and once.
                let phone = shown.expect(&at);
                let code = oathtool::code(&phone.secret, NOW);
                let outcome = answering(&[&code])(stage.client().start());
                assert_eq!(outcome.code("acct_mgmt"), pam::SUCCESS, "{at}\n{}", stage.host.journal().text());
                let outcome = answering(&[&code])(stage.client().start());
                assert_eq!(outcome.code("authenticate"), pam::AUTH_ERR, "{at}");
                2
            } else {
                let outcome = enrolling(NOW)(stage.client().start());
                assert_eq!(outcome.code("acct_mgmt"), pam::SUCCESS, "{at}\n{}", stage.host.journal().text());
                assert!(shown.is_none() || shown == key(&outcome), "{at}: another key after it was shown");
                usize::from(shown.is_some())
            };
            ends[end] += 1;
            kills += 1;
        }
        assert!(
            is_short() || ends.iter().all(|&count| count > 0),
            "before the key, after it, and after the file: {ends:?}"
        );
    }
    count("kills", test, kills);
}

#[test]
fn killed_at_every_system_call_of_an_enrolment_the_user_finishes_it_at_the_next_login() {
    killed_while_enrolling(
        0,
        2,
        "killed_at_every_system_call_of_an_enrolment_the_user_finishes_it_at_the_next_login",
    );
}

#[test]
fn killed_at_every_other_system_call_of_an_enrolment_the_user_finishes_it_at_the_next_login() {
    killed_while_enrolling(
        1,
        2,
        "killed_at_every_other_system_call_of_an_enrolment_the_user_finishes_it_at_the_next_login",
    );
}
