//! Bad input: each has its own refusal and its own log line, and nobody is let in.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::os::unix::fs::symlink;

use twinlock_tests::{Account, Host, PamClient, Phone, STACK, pam};

/// What a host looks like, what is answered, and how the auth hook of the module ends.
struct Case {
    name: &'static str,
    prepare: fn(&Host, &Account),
    asked: bool,
    code: i32,
    reason: &'static str,
}

#[test]
fn each_kind_of_bad_input_has_its_own_refusal_and_log_line() {
    let cases = [
        Case {
            name: "an unknown argument",
            prepare: |host, _| host.pam_service("till", "auth required pam_twinlock.so nullok\n"),
            asked: false,
            code: pam::SERVICE_ERR,
            reason: "reason=unknown_argument",
        },
        Case {
            name: "a credential of 0 bytes",
            prepare: |_, maria| drop(maria.write(".twinlock/credential.toml", "", 0o600)),
            asked: false,
            code: pam::AUTHINFO_UNAVAIL,
            reason: "reason=credential_damaged",
        },
        Case {
            name: "half a credential",
            prepare: |_, maria| {
                let whole = Phone::of(maria).credential();
                maria.write(".twinlock/credential.toml", &whole[..whole.len() / 2], 0o600);
            },
            asked: false,
            code: pam::AUTHINFO_UNAVAIL,
            reason: "reason=credential_damaged",
        },
        Case {
            name: "a credential that others can read",
            prepare: |_, maria| {
                maria.write(".twinlock/credential.toml", Phone::of(maria).credential(), 0o644);
            },
            asked: false,
            code: pam::AUTHINFO_UNAVAIL,
            reason: "reason=unsafe_file",
        },
        Case {
            name: "a link to /etc/shadow in the place of the credential",
            prepare: |_, maria| {
                Phone::of(maria);
                std::fs::remove_file(maria.path(".twinlock/credential.toml")).unwrap();
                symlink("/etc/shadow", maria.path(".twinlock/credential.toml")).unwrap();
            },
            asked: false,
            code: pam::AUTHINFO_UNAVAIL,
            reason: "reason=unsafe_file",
        },
        Case {
            name: "a damaged record",
            prepare: |host, maria| {
                Phone::of(maria);
                host.write(format!("/var/lib/twinlock/ledger/{}", maria.uid), &"x".repeat(8192), 0o600);
            },
            asked: false,
            code: pam::AUTHINFO_UNAVAIL,
            reason: "reason=ledger_damaged",
        },
        Case {
            name: "a missing ledger",
            prepare: |_, maria| {
                Phone::of(maria);
                std::fs::remove_dir_all("/var/lib/twinlock/ledger").unwrap();
            },
            asked: false,
            code: pam::AUTHINFO_UNAVAIL,
            reason: "reason=missing",
        },
        Case {
            name: "a broken policy and no credential",
            prepare: |host, _| host.policy("require_mfa = false\nrequire_mfas = true\n"),
            asked: false,
            code: pam::AUTH_ERR,
            reason: "reason=enrollment_not_allowed",
        },
        Case {
            name: "no way to enrol in this stack",
            prepare: |host, _| host.pam_service("till", "auth required pam_twinlock.so\n"),
            asked: false,
            code: pam::AUTH_ERR,
            reason: "reason=no_account_phase",
        },
        Case {
            name: "a service that cannot enrol",
            prepare: |host, _| host.policy("require_mfa = true\nenroll_at = [\"sshd\"]\n"),
            asked: false,
            code: pam::AUTH_ERR,
            reason: "reason=service_cannot_enroll",
        },
        Case {
            name: "the password in the place of a code",
            prepare: |host, maria| {
                Phone::of(maria);
                host.pam_service("till", &format!("auth optional pam_stage.so authtok=secret\n{STACK}"));
            },
            asked: true,
            code: pam::AUTH_ERR,
            reason: "reason=password",
        },
    ];
    for case in cases {
        let host = Host::that_requires_codes();
        let maria = host.add_user("maria", "secret");
        (case.prepare)(&host, &maria);
        let mut login = PamClient::new(&host, "till").user("maria").rhost("192.0.2.7").start();
        let mut asked = false;
        while let Some(message) = login.next_message() {
            if message.kind.is_prompt() {
                asked = true;
                login.answer("secret");
            }
        }
        let outcome = login.finish();
        assert_eq!(outcome.code("authenticate"), case.code, "{}: {}", case.name, host.journal().text());
        assert_eq!(asked, case.asked, "{}", case.name);
        outcome.assert_host_unchanged();
        host.journal().wait_for(|line| line.message.contains(case.reason));
        let log = host.journal().text();
        assert!(!log.contains("secret"), "{}: what was typed is in the log: {log}", case.name);
        assert!(!log.contains("root:"), "{}: a line of /etc/shadow is in the log", case.name);
    }
}

#[test]
fn with_a_broken_policy_an_enrolled_user_still_gets_in_and_the_alert_names_the_place() {
    let host = Host::that_requires_codes();
    host.policy("# a comment\nrequire_mfa = True\n");
    let phone = Phone::of(&host.add_user("maria", "secret"));
    let mut login = PamClient::new(&host, "till").user("maria").start();
    login.expect_prompt("Verification code: ");
    login.answer(&phone.code());
    assert_eq!(login.finish().code("authenticate"), pam::SUCCESS);
    let alert = host.journal().wait_for(|line| line.message.contains("event=policy_broken"));
    assert!(alert.message.contains("/etc/twinlock/policy.toml:2:15"), "{}", alert.message);
    assert_eq!((alert.facility, alert.severity), (10, 1), "authpriv, alert: {alert:?}");
}

#[test]
fn an_unknown_user_is_asked_like_any_other_and_their_name_is_not_logged() {
    let host = Host::that_requires_codes();
    let mut login = PamClient::new(&host, "till").user("my-password").rhost("192.0.2.7").start();
    for _ in 0..3 {
        login.expect_prompt("Verification code: ");
        login.answer("123456");
    }
    assert_eq!(login.finish().code("authenticate"), pam::USER_UNKNOWN);
    host.journal().wait_for(|line| line.message.contains("reason=unknown_user"));
    let log = host.journal().text();
    assert!(!log.contains("my-password"), "{log}");
    assert!(log.contains("user=\"(unknown)\""), "{log}");
    assert!(!log.contains("123456"), "{log}");
    assert_eq!(std::fs::read_dir("/var/lib/twinlock/ledger").unwrap().count(), 0, "state was made");
}

/// What a module before us was given is taken first; it is none of the codes that the policy lets somebody try.
#[test]
fn with_try_first_pass_the_password_is_none_of_the_attempts() {
    let host = Host::that_requires_codes();
    host.policy("require_mfa = true\nattempts = 1\n");
    host.pam_service(
        "till",
        "auth required pam_stage.so authtok=secret\nauth required pam_twinlock.so try_first_pass\n",
    );
    let phone = Phone::of(&host.add_user("maria", "secret"));
    for (answer, code) in [(phone.wrong_code(), pam::AUTH_ERR), (phone.code(), pam::SUCCESS)] {
        let mut login = PamClient::new(&host, "till").user("maria").chain("authenticate").start();
        login.expect_prompt("Verification code: ");
        login.answer(&answer);
        assert_eq!(login.finish().code("authenticate"), code, "{}", host.journal().text());
    }
}

/// An exemption is the user's whom the auth hook saw. Who was put in that one's place since has none.
#[test]
fn a_user_put_in_the_place_of_an_exempt_one_is_not_let_in_unasked() {
    let host = Host::that_requires_codes();
    host.policy(
        "require_mfa = true\n[[rule]]\nusers = [\"edi\"]\nexempt = true\nreason = \"batch\"\n\
         approved_by = \"it\"\nexpires = 2099-01-01\n",
    );
    host.add_user("edi", "batch");
    Phone::of(&host.add_user("maria", "secret"));
    for (later, code) in [("", pam::SUCCESS), ("user=edi", pam::SUCCESS), ("user=maria", pam::PERM_DENIED)] {
        let stack = format!(
            "auth required pam_twinlock.so\nauth required pam_stage.so {later}\n\
             account required pam_twinlock.so\naccount required pam_permit.so\n"
        );
        host.pam_service("till", &stack);
        let outcome = PamClient::new(&host, "till").user("edi").start().finish();
        assert_eq!(outcome.code("authenticate"), pam::SUCCESS, "{later}");
        assert_eq!(outcome.code("acct_mgmt"), code, "{later} {}", host.journal().text());
    }
}
