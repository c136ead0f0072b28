//! Codes through real libpam: what is accepted, what is refused, and what is left behind.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use twinlock_tests::{Host, Outcome, PamClient, Phone, STACK, pam};

fn till(host: &Host, user: &str) -> PamClient {
    PamClient::new(host, "till").user(user).rhost("192.0.2.7")
}

/// One login that answers every prompt with the next of these answers.
fn answer(client: &PamClient, answers: &[&str]) -> Outcome {
    let mut login = client.start();
    for answer in answers {
        login.expect_prompt("Verification code: ");
        login.answer(answer);
    }
    login.finish()
}

#[test]
fn a_right_code_lets_in_and_its_replay_does_not() {
    let host = Host::that_requires_codes();
    let maria = host.add_user("maria", "secret");
    let phone = Phone::of(&maria);
    let code = phone.code();
    let outcome = answer(&till(&host, "maria"), &[&code]);
    assert_eq!(outcome.code("authenticate"), pam::SUCCESS, "{}", host.journal().text());
    assert_eq!(outcome.code("acct_mgmt"), pam::SUCCESS);
    assert_eq!(outcome.env.get("TWINLOCK_AUTHENTICATOR").map(String::as_str), Some("phone"));
    outcome.assert_host_unchanged();
    let outcome = answer(&till(&host, "maria"), &[&code, &code, &code]);
    assert_eq!(outcome.code("authenticate"), pam::AUTH_ERR);
    outcome.assert_host_unchanged();
    host.journal().wait_for(|line| line.message.contains("reason=replayed"));
    let outcome = answer(&till(&host, "maria"), &[&phone.code_at_step(1)]);
    assert_eq!(outcome.code("authenticate"), pam::SUCCESS);
}

#[test]
fn two_logins_in_the_same_minute_need_two_codes() {
    let host = Host::that_requires_codes();
    let phone = Phone::of(&host.add_user("maria", "secret"));
    let (first, second) = (phone.code_at_step(-1), phone.code());
    for code in [&first, &second] {
        assert_eq!(answer(&till(&host, "maria"), &[code]).code("authenticate"), pam::SUCCESS);
    }
    // The code of an earlier step is as dead as the one that was used.
    for code in [&first, &second] {
        let outcome = answer(&till(&host, "maria"), &[code, "", "x"]);
        assert_eq!(outcome.code("authenticate"), pam::AUTH_ERR);
    }
}

#[test]
fn after_a_replay_the_code_of_the_next_step_lets_in() {
    let host = Host::that_requires_codes();
    let phone = Phone::of(&host.add_user("maria", "secret"));
    let code = phone.code();
    assert_eq!(answer(&till(&host, "maria"), &[&code]).code("authenticate"), pam::SUCCESS);
    let outcome = answer(&till(&host, "maria"), &[&code, &phone.code_at_step(1)]);
    assert_eq!(outcome.code("authenticate"), pam::SUCCESS);
    assert!(outcome.said().contains("used already"), "{}", outcome.said());
    // A replay is no wrong code: nothing is told about wrong codes.
    assert!(!outcome.said().contains("wrong"), "{}", outcome.said());
}

/// cases.md, row 32.
#[test]
fn white_space_in_a_code_does_not_matter() {
    for (index, spaced) in [[0, 3, 0], [1, 0, 0], [0, 0, 1]].iter().enumerate() {
        let host = Host::that_requires_codes();
        let phone = Phone::of(&host.add_user("maria", "secret"));
        let code = phone.code();
        let (front, back) = code.split_at(if spaced[1] == 0 { 0 } else { spaced[1] });
        let typed = match index {
            0 => format!("{front} {back}"),
            1 => format!(" {code}"),
            _ => format!("{code} "),
        };
        assert_eq!(answer(&till(&host, "maria"), &[&typed]).code("authenticate"), pam::SUCCESS, "{typed:?}");
    }
}

/// cases.md, row 29.
#[test]
fn alone_in_its_stack_a_right_code_opens_a_session() {
    let host = Host::that_requires_codes();
    host.pam_service(
        "till",
        "auth required pam_twinlock.so\naccount required pam_twinlock.so\nsession required pam_permit.so\n",
    );
    let phone = Phone::of(&host.add_user("maria", "secret"));
    let client = till(&host, "maria").chain("authenticate,acct_mgmt,setcred,open_session");
    let outcome = answer(&client, &[&phone.code()]);
    for hook in ["authenticate", "acct_mgmt", "setcred", "open_session"] {
        assert_eq!(outcome.code(hook), pam::SUCCESS, "{hook}");
    }
    outcome.assert_host_unchanged();
}

/// cases.md, row 1. The ledger is on a real disk, where the fault shows: fdatasync takes its time there.
#[test]
fn of_64_logins_released_at_once_with_one_code_exactly_one_gets_in() {
    let host = Host::that_requires_codes();
    host.ledger_on_disk();
    for round in 0..5 {
        let name = format!("shared{round}");
        let phone = Phone::of(&host.add_user(&name, "secret"));
        let mut logins: Vec<_> = (0..64).map(|_| till(&host, &name).start()).collect();
        for login in &mut logins {
            login.expect_prompt("Verification code: ");
        }
        twinlock_tests::oathtool::with_time_left(8);
        let code = phone.code();
        for login in &mut logins {
            login.answer(&code);
        }
        let mut codes = Vec::new();
        for mut login in logins {
            // Whoever was too late is asked again.
            while let Some(message) = login.next_message() {
                if message.kind.is_prompt() {
                    login.answer_null();
                }
            }
            codes.push(login.finish().code("authenticate"));
        }
        let in_number = codes.iter().filter(|&&code| code == pam::SUCCESS).count();
        assert_eq!(in_number, 1, "round {round}: {codes:?}\n{}", host.journal().text());
        assert_eq!(
            codes.iter().filter(|&&code| code == pam::AUTH_ERR).count(),
            63,
            "round {round}: {codes:?}"
        );
    }
}

#[test]
fn a_wrong_code_is_asked_for_again_up_to_the_policys_attempts() {
    let host = Host::that_requires_codes();
    let phone = Phone::of(&host.add_user("maria", "secret"));
    let wrong = phone.wrong_code();
    let outcome = answer(&till(&host, "maria"), &[&wrong, &wrong, &phone.code()]);
    assert_eq!(outcome.code("authenticate"), pam::SUCCESS);
    assert!(outcome.said().contains("2 wrong codes were typed"), "{}", outcome.said());
    let outcome = answer(&till(&host, "maria"), &[&wrong, &wrong, &wrong]);
    assert_eq!(outcome.code("authenticate"), pam::AUTH_ERR);
    host.journal().wait_for(|line| line.message.contains("authentication failure; logname= uid=0 euid=0"));
    // The third one was the last free one: now even the right code has to wait, and is not used up.
    let code = phone.code_at_step(1);
    let outcome = answer(&till(&host, "maria"), &[&code]);
    assert_eq!(outcome.code("authenticate"), pam::AUTH_ERR);
    host.journal().wait_for(|line| line.message.contains("reason=throttled"));
    std::thread::sleep(std::time::Duration::from_secs(6));
    assert_eq!(answer(&till(&host, "maria"), &[&code]).code("authenticate"), pam::SUCCESS);
}

#[test]
fn a_reset_while_somebody_is_at_the_prompt_counts() {
    let host = Host::that_requires_codes();
    // Alone in a stack a module that asks nothing yet is a refusal.
    host.pam_service("till", &format!("auth required pam_permit.so\n{STACK}"));
    let maria = host.add_user("maria", "secret");
    let phone = Phone::of(&maria);
    assert_eq!(answer(&till(&host, "maria"), &[&phone.code_at_step(-1)]).code("authenticate"), pam::SUCCESS);
    let mut login = till(&host, "maria").start();
    login.expect_prompt("Verification code: ");
    std::fs::remove_file(format!("/var/lib/twinlock/ledger/{}", maria.uid)).unwrap();
    std::fs::remove_file(maria.path(".twinlock/credential.toml")).unwrap();
    login.answer(&phone.code());
    assert_eq!(login.finish().code("authenticate"), pam::AUTHINFO_UNAVAIL);
    // And what they had does not come back to life by it.
    let mut login = till(&host, "maria").start();
    assert!(login.next_prompt().text.contains("Key: "), "a new enrolment");
    login.answer_null();
    assert_eq!(login.finish().code("acct_mgmt"), pam::PERM_DENIED);
}
