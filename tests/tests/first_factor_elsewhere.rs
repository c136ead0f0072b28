//! First logins that are not on a terminal with a home: a display manager, and a user whose home the session makes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;

use twinlock_tests::witness::{enrol, record_path};
use twinlock_tests::{Host, PamClient, STACK, pam};

const HOOKS: &str = "authenticate,acct_mgmt,setcred,open_session";

/// cases.md, row 42.
#[test]
fn a_graphical_login_names_where_to_set_up_and_shows_no_picture() {
    for service in ["gdm-password", "sddm", "lightdm"] {
        let host = Host::that_requires_codes();
        host.pam_service(service, &format!("auth required pam_permit.so\n{STACK}"));
        host.add_user("maria", "secret");
        let mut login = PamClient::new(&host, service).user("maria").tty(":0").chain(HOOKS).start();
        let mut said = Vec::new();
        while let Some(message) = login.next_message() {
            assert!(!message.kind.is_prompt(), "{service} asks {:?}", message.text);
            said.push(message.text);
        }
        let outcome = login.finish();
        assert_eq!(outcome.code("authenticate"), pam::AUTH_ERR, "{service}");
        assert_eq!(said.len(), 1, "{said:?}");
        let text = &said[0];
        assert!(text.contains("Log in by SSH or on a text console to set it up."), "{text}");
        assert!(text.contains("Help: IT desk, ext. 4711"), "{text}");
        // A line or two of a small dialogue, which would not know what to make of more.
        assert!(text.is_ascii() && !text.contains('\n') && text.len() < 200, "{text}");
        assert!(!text.contains("otpauth") && !text.to_lowercase().contains("password"), "{text}");
        for folder in ["pending", "ledger"] {
            assert_eq!(std::fs::read_dir(format!("/var/lib/twinlock/{folder}")).unwrap().count(), 0);
        }
    }
}

/// cases.md, row 54.
#[test]
fn whose_home_is_made_in_the_session_enrols_gets_in_and_stays_enrolled() {
    let host = Host::that_requires_codes();
    host.pam_service(
        "till",
        &format!("auth required pam_permit.so\n{STACK}session required pam_mkhomedir.so\n"),
    );
    let maria = host.add_user_without_home("maria", "secret", Path::new("/home/maria"));
    let client = PamClient::new(&host, "till").user("maria").rhost("192.0.2.7");
    let (phone, codes) = enrol(&client);
    assert_eq!(codes.len(), 10);
    let stored = format!("/var/lib/twinlock/credentials/{}.toml", maria.uid);
    assert!(Path::new(&stored).exists() && Path::new(&record_path(&maria)).exists());
    assert!(!maria.home.exists(), "the account phase makes no home");
    // From the next login on, with the home that the session made, a code is asked for.
    for step in [0, 1] {
        let mut login = client.clone().chain(HOOKS).start();
        login.expect_prompt("Verification code: ");
        login.answer(&phone.code_at_step(step));
        let outcome = login.finish();
        assert_eq!(outcome.code("open_session"), pam::SUCCESS, "{outcome:?}");
        assert!(maria.home.is_dir());
        assert!(!maria.path(".twinlock").exists());
    }
}

/// The same row: nobody must have a code.
#[test]
fn whose_home_is_made_in_the_session_gets_in_where_it_is_their_choice() {
    let host = Host::that_requires_codes();
    host.policy("require_mfa = false\n");
    let permit = "auth required pam_permit.so\naccount required pam_permit.so\n";
    host.pam_service("till", &format!("{permit}{STACK}session required pam_mkhomedir.so\n"));
    let maria = host.add_user_without_home("maria", "secret", Path::new("/home/maria"));
    let login = PamClient::new(&host, "till").user("maria").chain(HOOKS).start();
    let outcome = login.finish();
    assert_eq!(outcome.code("open_session"), pam::SUCCESS, "{outcome:?}");
    assert!(maria.home.is_dir() && !Path::new(&record_path(&maria)).exists());
}
