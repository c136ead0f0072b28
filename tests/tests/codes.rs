//! Codes through real libpam: what is accepted, what is refused, and what is left behind.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use twinlock_tests::{Host, Outcome, PamClient, Phone, pam};

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
