//! Screen lockers: they run as their user, ask once, and many never run the account phase (cases.md, rows 27 and 47).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::{Duration, Instant};

use twinlock_tests::{Account, Host, Outcome, PamClient, Phone, pam};

/// A host whose locker has a stack of its own.
fn host(policy: &str, stack: &str) -> (Host, Account) {
    let host = Host::that_requires_codes();
    host.install_check_helper();
    host.policy(policy);
    host.pam_service("swaylock", stack);
    let maria = host.add_user("maria", "correct horse");
    (host, maria)
}

/// A locker's manner: the user's own process, authenticate alone, the one answer for every prompt.
fn unlock(host: &Host, runs_as: &str, user: &str, answer: &str) -> (Outcome, usize) {
    let client = PamClient::new(host, "swaylock").user(user).as_user(runs_as).chain("authenticate");
    let mut login = client.start();
    let mut prompts = 0;
    while let Some(message) = login.next_message() {
        if message.kind.is_prompt() {
            prompts += 1;
            login.answer(answer);
        }
    }
    (login.finish(), prompts)
}

const REQUIRED: &str = "require_mfa = true\nattempts = 1\n";
const ALONE: &str = "auth required pam_twinlock.so\n";

#[test]
fn a_locker_unlocks_with_a_code_and_the_code_is_used_up() {
    let (host, maria) = host(REQUIRED, ALONE);
    let phone = Phone::of(&maria);
    let code = phone.code();
    let (outcome, _) = unlock(&host, "maria", "maria", &code);
    assert_eq!(outcome.code("authenticate"), pam::SUCCESS, "{}", host.journal().text());
    outcome.assert_host_unchanged();
    let (outcome, _) = unlock(&host, "maria", "maria", &code);
    assert_eq!(outcome.code("authenticate"), pam::AUTH_ERR);
    outcome.assert_host_unchanged();
    host.journal().wait_for(|line| line.message.contains("reason=replayed"));
    assert!(!host.journal().text().contains(&code), "a code is in the log");
}

#[test]
fn a_locker_unlocks_only_for_its_own_user() {
    let (host, maria) = host(REQUIRED, ALONE);
    host.add_user("eve", "evil");
    let phone = Phone::of(&maria);
    let (outcome, prompts) = unlock(&host, "eve", "maria", &phone.code());
    assert_eq!((outcome.code("authenticate"), prompts), (pam::AUTH_ERR, 0));
    host.journal().wait_for(|line| line.message.contains("reason=not_this_user"));
    // And the code is still good for its owner.
    assert_eq!(unlock(&host, "maria", "maria", &phone.code()).0.code("authenticate"), pam::SUCCESS);
}

/// cases.md, row 47.
#[test]
fn a_locker_does_not_let_in_a_user_who_must_enrol() {
    for stack in [ALONE, "auth required pam_twinlock.so account_phase\n"] {
        let (host, _) = host(REQUIRED, stack);
        let (outcome, prompts) = unlock(&host, "maria", "maria", "123456");
        assert_eq!((outcome.code("authenticate"), prompts), (pam::AUTH_ERR, 0), "{stack}");
        assert!(outcome.said().contains("none is set up yet"), "{}", outcome.said());
    }
}

#[test]
fn a_locker_asks_nobody_who_is_not_enrolled_where_that_is_their_choice() {
    let stack = "auth required pam_permit.so\nauth required pam_twinlock.so\n";
    let (host, _) = host("require_mfa = false\n", stack);
    let (outcome, prompts) = unlock(&host, "maria", "maria", "x");
    assert_eq!((outcome.code("authenticate"), prompts), (pam::SUCCESS, 0));
}

#[test]
fn without_the_helper_a_locker_stays_locked_and_the_log_says_why() {
    let (host, maria) = host(REQUIRED, ALONE);
    let phone = Phone::of(&maria);
    std::fs::remove_file("/usr/libexec/twinlock/check").unwrap();
    let (outcome, _) = unlock(&host, "maria", "maria", &phone.code());
    assert_eq!(outcome.code("authenticate"), pam::AUTHINFO_UNAVAIL);
    outcome.assert_host_unchanged();
    host.journal().wait_for(|line| line.message.contains("/usr/libexec/twinlock/check"));
}

#[test]
fn one_answer_holds_the_password_and_the_code() {
    let stack = "auth required pam_twinlock.so forward_pass\n\
                 auth required pam_stage.so require_authtok=correct\n";
    let (host, maria) = host(REQUIRED, stack);
    let phone = Phone::of(&maria);
    // As root's process and as the user's own: a display manager and a locker.
    let code = phone.code_at_step(-1);
    let mut login = PamClient::new(&host, "swaylock").user("maria").chain("authenticate").start();
    login.expect_prompt("Password & verification code: ");
    login.answer(&format!("correct{code}"));
    assert_eq!(login.finish().code("authenticate"), pam::SUCCESS);
    let (outcome, prompts) = unlock(&host, "maria", "maria", &format!("correct{}", phone.code()));
    assert_eq!((outcome.code("authenticate"), prompts), (pam::SUCCESS, 1), "{}", host.journal().text());
    let (outcome, _) = unlock(&host, "maria", "maria", &format!("wrong{}", phone.code_at_step(1)));
    assert_eq!(outcome.code("authenticate"), pam::AUTHTOK_ERR);
}

/// A client that gives its one answer to every prompt guesses once, whatever the policy's `attempts`.
#[test]
fn one_answer_given_to_every_prompt_is_one_guess() {
    let stack = "auth required pam_twinlock.so forward_pass\n\
                 auth required pam_stage.so require_authtok=correct\n";
    let (host, maria) = host("require_mfa = true\n", stack);
    let phone = Phone::of(&maria);
    let failures = || {
        let bytes = std::fs::read(format!("/var/lib/twinlock/ledger/{}", maria.uid)).unwrap();
        twinlock_verifier::record::Slots::decode(&bytes).unwrap().record.failures
    };
    for guesses in [1, 2] {
        let (outcome, prompts) = unlock(&host, "maria", "maria", &format!("correct{}", phone.wrong_code()));
        assert_eq!((outcome.code("authenticate"), prompts, failures()), (pam::AUTH_ERR, 2, guesses));
    }
    host.journal().wait_for(|line| line.message.contains("reason=repeated"));
    let (outcome, _) = unlock(&host, "maria", "maria", &format!("correct{}", phone.code()));
    assert_eq!(outcome.code("authenticate"), pam::SUCCESS, "{}", host.journal().text());
}

#[test]
fn the_words_for_an_answer_given_before_mean_what_they_mean_elsewhere() {
    struct Case {
        words: &'static str,
        given: Option<&'static str>,
        answers: &'static [&'static str],
        code: i32,
        prompts: usize,
    }
    // `R` stands for the right code, `W` for a wrong one.
    let cases = [
        Case { words: "use_first_pass", given: Some("R"), answers: &[], code: pam::SUCCESS, prompts: 0 },
        Case { words: "use_first_pass", given: Some("W"), answers: &[], code: pam::AUTH_ERR, prompts: 0 },
        Case { words: "use_first_pass", given: None, answers: &[], code: pam::AUTH_ERR, prompts: 0 },
        Case {
            words: "use_first_pass forward_pass",
            given: Some("secretR"),
            answers: &[],
            code: pam::SUCCESS,
            prompts: 0,
        },
        Case { words: "try_first_pass", given: Some("R"), answers: &[], code: pam::SUCCESS, prompts: 0 },
        Case {
            words: "try_first_pass",
            given: Some("secret"),
            answers: &["R"],
            code: pam::SUCCESS,
            prompts: 1,
        },
        Case { words: "try_first_pass", given: None, answers: &["R"], code: pam::SUCCESS, prompts: 1 },
        Case {
            words: "forward_pass",
            given: None,
            answers: &["secretW", "secretR"],
            code: pam::SUCCESS,
            prompts: 2,
        },
        Case {
            words: "forward_pass",
            given: None,
            answers: &["secret", "R"],
            code: pam::SUCCESS,
            prompts: 2,
        },
    ];
    for case in cases {
        let (host, maria) = host("require_mfa = true\n", ALONE);
        let phone = Phone::of(&maria);
        let typed = |text: &str| text.replace('R', &phone.code()).replace('W', &phone.wrong_code());
        let given = case.given.map(|text| format!("auth optional pam_stage.so authtok={}\n", typed(text)));
        let stack = format!("{}auth required pam_twinlock.so {}\n", given.unwrap_or_default(), case.words);
        host.pam_service("swaylock", &stack);
        let mut login = PamClient::new(&host, "swaylock").user("maria").chain("authenticate").start();
        let mut answers = case.answers.iter();
        let mut prompts = 0;
        while let Some(message) = login.next_message() {
            if message.kind.is_prompt() {
                prompts += 1;
                login.answer(&typed(answers.next().unwrap_or_else(|| panic!("{stack}: asked again"))));
            }
        }
        let outcome = login.finish();
        assert_eq!(outcome.code("authenticate"), case.code, "{stack}\n{}", host.journal().text());
        assert_eq!(prompts, case.prompts, "{stack}");
        outcome.assert_host_unchanged();
    }
}

/// Whatever stands in the helper's place: the locker gets its answer in time, and keeps no child.
#[test]
fn a_helper_that_misbehaves_leaves_the_locker_neither_a_child_nor_a_wait() {
    let (host, maria) = host(REQUIRED, ALONE);
    let phone = Phone::of(&maria);
    let helpers = [
        "exit 1",
        "read line; kill -9 $$",
        "cat >/dev/null; exec yes",
        "cat >/dev/null; printf 'accepted\\n'; exec <&- >&-; exec sleep 300",
    ];
    for helper in helpers {
        host.write("/usr/libexec/twinlock/check", &format!("#!/bin/sh\n{helper}\n"), 0o755);
        let client = PamClient::new(&host, "swaylock").user("maria").as_user("maria");
        let begin = Instant::now();
        let mut login = client.chain("authenticate,hold").keep_going().start();
        login.answer_until_held(|login, _| login.answer(&phone.code()));
        assert!(begin.elapsed() < Duration::from_secs(10), "{helper}: {:?}", begin.elapsed());
        let children = format!("/proc/{0}/task/{0}/children", login.process_id());
        assert_eq!(std::fs::read_to_string(children).unwrap(), "", "{helper}");
        login.release();
        assert_eq!(login.finish().code("authenticate"), pam::AUTHINFO_UNAVAIL, "{helper}");
    }
}
