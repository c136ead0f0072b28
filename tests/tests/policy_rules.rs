//! Rules through real libpam: whom they match, which comes first, and that whatever cannot be decided, or is over, is
//! never the looser one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod policy_scene;

use policy_scene::{DAY, code_after, day, enrolled, is_in, log_in, said, said_of, stage, till};
use twinlock_tests::{Host, PamClient, oathtool, pam};

/// A login at a service, from an address or from here.
fn from(host: &Host, user: &str, service: &str, rhost: Option<&str>) -> PamClient {
    let client = PamClient::new(host, service).user(user);
    match rhost {
        Some(rhost) => client.rhost(rhost),
        None => client,
    }
}

/// An exemption with these matchers, until a day.
fn exemption(matchers: &str, expires: &str) -> String {
    format!(
        "[[rule]]\nname = \"batch\"\n{matchers}\nexempt = true\nreason = \"key-only batch account\"\n\
         approved_by = \"it-security\"\nexpires = {expires}\n"
    )
}

#[test]
fn a_rule_matches_whom_it_names_and_nobody_else() {
    let host = stage("require_mfa = true\n");
    host.pam_service("sshd", policy_scene::STACK);
    for name in ["maria", "otto", "Maria"] {
        host.add_user(name, "secret");
    }
    host.add_group("erp", &["anna", "maria"]);
    host.add_group("desk", &["otto"]);
    // What is written into the rule; who logs in where from where; whether the rule holds.
    let cases: &[(&str, &str, &str, Option<&str>, bool)] = &[
        ("users = [\"maria\"]", "maria", "till", Some("192.0.2.7"), true),
        ("users = [\"maria\"]", "otto", "till", Some("192.0.2.7"), false),
        ("users = [\"maria\"]", "Maria", "till", Some("192.0.2.7"), false),
        ("users = [\"anna\", \"maria\"]", "maria", "till", None, true),
        ("groups = [\"erp\"]", "maria", "till", None, true),
        ("groups = [\"erp\"]", "otto", "till", None, false),
        // A primary group lists nobody.
        ("groups = [\"otto\"]", "otto", "till", None, true),
        ("groups = [\"otto\"]", "maria", "till", None, false),
        ("groups = [\"erp\", \"desk\"]", "otto", "till", None, true),
        ("services = [\"till\"]", "maria", "till", None, true),
        ("services = [\"till\"]", "maria", "kiosk", None, false),
        ("services = [\"till\", \"kiosk\"]", "maria", "kiosk", None, true),
        ("networks = [\"192.0.2.0/24\"]", "maria", "till", Some("192.0.2.255"), true),
        ("networks = [\"192.0.2.0/24\"]", "maria", "till", Some("192.0.3.0"), false),
        ("networks = [\"192.0.2.0/24\"]", "maria", "till", None, false),
        ("networks = [\"2001:db8::/48\"]", "maria", "till", Some("2001:db8:0:ffff::1"), true),
        ("networks = [\"2001:db8::/48\"]", "maria", "till", Some("2001:db8:1::1"), false),
        ("networks = [\"local\"]", "maria", "till", None, true),
        ("networks = [\"local\"]", "maria", "till", Some("127.0.0.1"), false),
        ("networks = [\"local\"]", "maria", "till", Some("::1"), false),
        ("networks = [\"local\"]", "maria", "till", Some("localhost"), false),
        // Nothing of sshd's is local.
        ("networks = [\"local\"]", "maria", "sshd", None, false),
        ("networks = [\"local\", \"10.0.0.0/8\"]", "maria", "sshd", Some("10.1.2.3"), true),
        ("users = [\"maria\"]\nservices = [\"till\"]", "maria", "till", None, true),
        ("users = [\"maria\"]\nservices = [\"till\"]", "maria", "kiosk", None, false),
        ("users = [\"maria\"]\ngroups = [\"desk\"]", "maria", "till", None, false),
        (
            "groups = [\"erp\"]\nservices = [\"till\"]\nnetworks = [\"10.0.0.0/8\"]",
            "maria",
            "till",
            Some("10.9.9.9"),
            true,
        ),
        (
            "groups = [\"erp\"]\nservices = [\"till\"]\nnetworks = [\"10.0.0.0/8\"]",
            "maria",
            "till",
            Some("11.9.9.9"),
            false,
        ),
    ];
    for (matchers, user, service, rhost, holds) in cases {
        let name = format!("{matchers} {user} {service} {rhost:?}");
        // One that loosens, and one that tightens.
        for (top, own, matched, passed) in
            [("true", "false", "user_driven", "required"), ("false", "true", "required", "user_driven")]
        {
            host.policy(&format!("require_mfa = {top}\n[[rule]]\n{matchers}\nrequire_mfa = {own}\n"));
            let said = said(&host, &from(&host, user, service, *rhost));
            assert_eq!(said.decision, if *holds { matched } else { passed }, "{name}: {}", said.line);
            let rule = if *holds { "rule \"number 1\", require_mfa at" } else { "require_mfa at" };
            assert!(said.rule.starts_with(rule), "{name}: {}", said.rule);
        }
    }
}

/// cases.md, row 18.
#[test]
fn networks_match_addresses_alone() {
    let host = stage("require_mfa = true\n");
    host.add_user("edi", "secret");
    let networks = "networks = [\"192.0.2.0/24\", \"2001:db8::/48\", \"fe80::/10\"]";
    // What PAM_RHOST says; whether it is in them: certainly, certainly not, or who knows.
    let cases = [
        (Some("192.0.2.1"), Some(true)),
        (Some("2001:db8::1"), Some(true)),
        (Some("2001:DB8:0::0:1"), Some(true)),
        (Some("::ffff:192.0.2.1"), Some(true)),
        (Some("::ffff:198.51.100.1"), Some(false)),
        (Some("198.51.100.1"), Some(false)),
        (Some("fe80::1"), Some(true)),
        (Some("fe80::1%eth0"), None),
        (Some("edi.example"), None),
        (Some("192.0.2.1.evil.example"), None),
        (Some("192.0.2.1 "), None),
        (Some("192.0.2.01"), None),
        (Some("192.0.2.1:22"), None),
        (Some("UNKNOWN"), None),
        (Some(":0"), None),
        (Some(""), Some(false)),
        (None, Some(false)),
    ];
    for (rhost, within) in cases {
        host.policy(&format!("require_mfa = true\n{}", exemption(networks, &day(30))));
        let exempt = said(&host, &from(&host, "edi", "till", rhost));
        assert_eq!(exempt.decision == "exempt", within == Some(true), "{rhost:?}: {}", exempt.line);
        host.policy(&format!("require_mfa = false\n[[rule]]\n{networks}\nrequire_mfa = true\n"));
        let required = said(&host, &from(&host, "edi", "till", rhost));
        assert_eq!(required.decision == "required", within != Some(false), "{rhost:?}: {}", required.line);
        for said in [exempt, required] {
            assert_eq!(
                said.rule.contains("is no address: decided both ways"),
                within.is_none(),
                "{}",
                said.line
            );
        }
    }
}

#[test]
fn the_first_rule_that_matches_decides_and_drop_ins_come_first_by_their_names() {
    let rule = |name: &str, matcher: &str, mfa: &str| {
        format!("[[rule]]\nname = \"{name}\"\n{matcher}\nrequire_mfa = {mfa}\n")
    };
    let maria = "users = [\"maria\"]";
    // Texts of policy.toml, 10-a.toml, 20-b.toml; what decides.
    let cases = [
        (
            rule("first", maria, "false") + &rule("second", maria, "true"),
            String::new(),
            String::new(),
            "first",
        ),
        (
            rule("first", "users = [\"otto\"]", "false") + &rule("second", maria, "true"),
            String::new(),
            String::new(),
            "second",
        ),
        (rule("main", maria, "false"), rule("a", maria, "true"), String::new(), "a"),
        (rule("main", maria, "false"), String::new(), rule("b", maria, "true"), "b"),
        (rule("main", maria, "false"), rule("a", maria, "true"), rule("b", maria, "false"), "a"),
        (
            rule("main", maria, "false"),
            rule("a", "users = [\"otto\"]", "true"),
            rule("b", maria, "false"),
            "b",
        ),
        (rule("main", maria, "false"), rule("a", "services = [\"kiosk\"]", "true"), String::new(), "main"),
    ];
    let host = stage("require_mfa = true\n");
    host.add_user("maria", "secret");
    for (main, a, b, decides) in cases {
        host.policy(&format!("require_mfa = true\n{main}"));
        // Written in the other order than their names.
        host.policy_drop_in("20-b.toml", &b);
        host.policy_drop_in("10-a.toml", &a);
        let said = said(&host, &till(&host, "maria"));
        let file = match decides {
            "a" => "/etc/twinlock/policy.d/10-a.toml:",
            "b" => "/etc/twinlock/policy.d/20-b.toml:",
            _ => "/etc/twinlock/policy.toml:",
        };
        let rule = format!("rule \"{decides}\", require_mfa at {file}");
        assert!(said.rule.starts_with(&rule), "{rule}: {}", said.rule);
    }
}

#[test]
fn what_a_rule_leaves_out_comes_from_the_top() {
    let host = stage("");
    host.add_user("maria", "secret");
    let enroll_at = "enroll_at = [\"till\"]";
    // The top; the rule; the outcome of an un-enrolled login at till.
    let cases = [
        (
            format!("require_mfa = true\n{enroll_at}"),
            "unenrolled = \"deny\"",
            "code_rejected",
            Some("enrollment_not_allowed"),
        ),
        (
            format!("require_mfa = true\nunenrolled = \"deny\"\n{enroll_at}"),
            "unenrolled = \"enroll\"",
            "enrollment_due",
            None,
        ),
        (
            format!("require_mfa = true\nunenrolled = \"deny\"\n{enroll_at}"),
            "remember = \"1h\"",
            "code_rejected",
            Some("enrollment_not_allowed"),
        ),
        ("require_mfa = true".to_owned(), enroll_at, "enrollment_due", None),
        (
            format!("require_mfa = true\n{enroll_at}"),
            "enroll_at = [\"kiosk\"]",
            "code_rejected",
            Some("service_cannot_enroll"),
        ),
        (
            format!("require_mfa = true\n{enroll_at}"),
            "enroll_at = []",
            "code_rejected",
            Some("service_cannot_enroll"),
        ),
        (
            format!("require_mfa = false\n{enroll_at}"),
            "unenrolled = \"deny\"",
            "code_not_asked",
            Some("not_enrolled"),
        ),
        (
            format!("require_mfa = false\nunenrolled = \"deny\"\n{enroll_at}"),
            "require_mfa = true",
            "code_rejected",
            Some("enrollment_not_allowed"),
        ),
        (format!("require_mfa = \"report\"\n{enroll_at}"), "require_mfa = true", "enrollment_due", None),
        (
            format!("require_mfa = true\n{enroll_at}"),
            "require_mfa = \"report\"",
            "code_not_asked",
            Some("not_enrolled"),
        ),
    ];
    for (top, own, event, reason) in cases {
        host.policy(&format!("{top}\n[[rule]]\nusers = [\"maria\"]\n{own}\n"));
        let said = said(&host, &till(&host, "maria"));
        assert_eq!(
            (said.event.as_str(), said.reason.as_deref()),
            (event, reason),
            "{top} {own}: {}",
            said.line
        );
    }
}

/// cases.md, rows 37 and 56.
#[test]
fn an_exemption_holds_until_its_day_is_over_and_never_while_the_clock_is_behind() {
    let host = stage("");
    let (_, phone) = enrolled(&host, "edi");
    let edi = "users = [\"edi\"]";
    let cases = [
        (day(30), None, "exempt", ""),
        // A day holds to its end.
        (day(1), None, "exempt", ""),
        (day(-1), None, "required", "expired"),
        (day(-400), None, "required", "expired"),
        (day(30), Some("+29d".to_owned()), "exempt", ""),
        (day(30), Some("+32d".to_owned()), "required", "expired"),
        // A clock that was never set.
        (day(30), Some("@1970-01-02 00:00:00".to_owned()), "required", "the clock is behind"),
        (day(-1), Some("@1970-01-02 00:00:00".to_owned()), "required", "the clock is behind"),
        // One that was set back until the exemption would hold again.
        (day(-1), Some("@2026-01-01 00:00:00".to_owned()), "required", "the clock is behind"),
    ];
    for (expires, clock, decision, note) in cases {
        host.policy(&format!("require_mfa = true\n{}", exemption(edi, &expires)));
        let client = till(&host, "edi");
        let client = match &clock {
            Some(clock) => client.clock(clock),
            None => client,
        };
        let said = said(&host, &client);
        assert_eq!(said.decision, decision, "{expires} {clock:?}: {}", said.line);
        assert!(said.rule.contains(note), "{expires} {clock:?}: {}", said.rule);
        // The log names who lost it: row 37.
        assert!(said.rule.contains("rule \"batch\""), "{}", said.rule);
    }
    // Behind the newest time that the ledger knows of this user, an exemption does not hold either: for nobody else.
    let (_, otto) = enrolled(&host, "otto");
    let client = till(&host, "edi").clock("+2d");
    host.policy("require_mfa = true\n");
    for (user, phone) in [("edi", &phone), ("otto", &otto)] {
        let outcome = log_in(&till(&host, user).clock("+2d"), &[&code_after(phone, 2 * DAY as i64)]);
        assert!(is_in(&outcome), "{outcome:?}\n{}", host.journal().text());
    }
    host.policy(&format!("require_mfa = true\n{}", exemption(edi, &day(30))));
    assert_eq!(said(&host, &client).decision, "exempt");
    let now = said(&host, &till(&host, "edi"));
    assert_eq!(now.decision, "required", "{}", now.line);
    assert!(now.rule.contains("the clock is behind"), "{}", now.rule);
    host.add_user("new", "secret");
    host.policy(&format!("require_mfa = true\n{}", exemption("services = [\"till\"]", &day(30))));
    assert_eq!(said(&host, &till(&host, "new")).decision, "exempt");
    assert_eq!(said(&host, &till(&host, "otto")).decision, "required");
}

/// cases.md, rows 16 and 50.
#[test]
fn a_group_that_nobody_knows_is_decided_both_ways() {
    let host = stage("");
    host.add_user("maria", "secret");
    host.add_group("erp", &["maria"]);
    let ghost = "groups = [\"ghost\"]";
    let until = day(30);
    // Policy; decision; whether the doubt is told.
    let cases = [
        // Row 16: no exemption by a group that is not there.
        (format!("require_mfa = true\n{}", exemption(ghost, &until)), "required", true),
        (format!("require_mfa = false\n{}", exemption(ghost, &until)), "user_driven", true),
        // Row 50.
        (format!("require_mfa = false\n[[rule]]\n{ghost}\nrequire_mfa = true\n"), "required", true),
        (format!("require_mfa = true\n[[rule]]\n{ghost}\nrequire_mfa = false\n"), "required", true),
        // A group that is there and matches ends the doubt.
        (
            format!("require_mfa = true\n{}", exemption("groups = [\"ghost\", \"erp\"]", &until)),
            "exempt",
            false,
        ),
        // It is not asked for when another key does not match.
        (
            format!("require_mfa = false\n[[rule]]\n{ghost}\nservices = [\"kiosk\"]\nrequire_mfa = true\n"),
            "user_driven",
            false,
        ),
        // Of two that may be, and one that is, the strictest.
        (
            format!(
                "require_mfa = true\n{}{}[[rule]]\nusers = [\"maria\"]\nrequire_mfa = false\n",
                exemption(ghost, &until),
                "[[rule]]\ngroups = [\"ghost2\"]\nrequire_mfa = true\n"
            ),
            "required",
            true,
        ),
    ];
    for (policy, decision, told) in cases {
        host.policy(&policy);
        let said = said(&host, &till(&host, "maria"));
        assert_eq!(said.decision, decision, "{policy}: {}", said.line);
        let doubt = "group \"ghost\" unknown (no such group): decided both ways, the stricter holds";
        assert_eq!(said.rule.contains(doubt), told, "{policy}: {}", said.rule);
    }
}

/// cases.md, row 48, at the module: sshd tells in SSH_AUTH_INFO_0 which methods came before.
#[test]
fn after_publickey_lets_in_without_a_key_by_nothing_but_a_code() {
    let host = stage("");
    host.pam_service(
        "sshd",
        "auth required pam_permit.so\nauth required pam_twinlock.so account_phase after_publickey\n\
         account required pam_twinlock.so\naccount required pam_permit.so\n",
    );
    let (_, phone) = enrolled(&host, "maria");
    host.add_user("otto", "secret");
    let until = day(30);
    let policies = [
        ("exempt", format!("require_mfa = true\n{}", exemption("users = [\"otto\"]", &until))),
        ("user-driven", "require_mfa = false\n".to_owned()),
        ("in grace", format!("require_mfa = true\nenroll_by = {until}\nunenrolled = \"deny\"\n")),
    ];
    let methods: &[(Option<&str>, bool)] = &[
        (None, false),
        (Some(""), false),
        (Some("password"), false),
        (Some("keyboard-interactive"), false),
        (Some("hostbased"), false),
        (Some("password\npublickey-not"), false),
        (Some("password publickey"), false),
        (Some("publickey ssh-ed25519 AAAAC3NzaC1lZDI1NTE5"), true),
        (Some("publickey\n"), true),
        (Some("hostbased ssh-rsa AAAA\npublickey ssh-ed25519 AAAA"), true),
    ];
    for (name, policy) in &policies {
        host.policy(policy);
        for (methods, key) in methods {
            let client = from(&host, "otto", "sshd", Some("192.0.2.7"));
            let client = match methods {
                Some(methods) => client.pam_env("SSH_AUTH_INFO_0", methods),
                None => client,
            };
            let (said, outcome) = said_of(&host, &client, &[]);
            assert_eq!(is_in(&outcome), *key, "{name} {methods:?}: {}", host.journal().text());
            if !key {
                assert_eq!(outcome.code("authenticate"), pam::AUTH_ERR, "{name} {methods:?}");
                assert_eq!(said.reason.as_deref(), Some("no_public_key"), "{}", said.line);
            }
        }
    }
    // Not enrolled, and required: a stranger is shown no key.
    host.policy("require_mfa = true\n");
    let outcome = log_in(&from(&host, "otto", "sshd", Some("192.0.2.7")), &["y"]);
    assert_eq!(outcome.code("authenticate"), pam::AUTH_ERR);
    assert!(outcome.messages.iter().all(|message| !message.text.contains("Key:")), "{outcome:?}");
    // A code is one, key or not; an address that is remembered is none.
    host.policy("require_mfa = true\nremember = \"1h\"\n");
    let maria = from(&host, "maria", "sshd", Some("192.0.2.7"));
    assert!(is_in(&log_in(&maria, &[&phone.code()])));
    let (again, outcome) = said_of(&host, &maria, &[]);
    assert_eq!(outcome.code("authenticate"), pam::AUTH_ERR, "{}", again.line);
    assert_eq!(again.reason.as_deref(), Some("no_public_key"));
    let outcome = log_in(&maria.pam_env("SSH_AUTH_INFO_0", "publickey ssh-ed25519 AAAA"), &[]);
    assert!(is_in(&outcome), "{}", host.journal().text());
}

/// A policy that names 10,000 users and 100 groups is no burden to a login.
#[test]
fn ten_thousand_users_and_a_hundred_groups_are_decided_right() {
    let host = stage("");
    host.add_user("maria", "secret");
    host.add_user("otto", "secret");
    let mut text = "require_mfa = true\n[[rule]]\nusers = [".to_owned();
    for number in 0..10_000 {
        text.push_str(&format!("\"user{number:05}\", "));
    }
    text.push_str("\"maria\"]\nrequire_mfa = false\n[[rule]]\ngroups = [");
    for number in 0..100 {
        host.add_group(&format!("group{number:03}"), &["otto"]);
        text.push_str(&format!("\"group{number:03}\", "));
    }
    text.push_str("]\nrequire_mfa = false\n");
    host.policy(&text);
    for user in ["maria", "otto"] {
        assert_eq!(said(&host, &till(&host, user)).decision, "user_driven");
    }
    host.add_user("new", "secret");
    let start = oathtool::now();
    assert_eq!(said(&host, &till(&host, "new")).decision, "required");
    assert!(oathtool::now() - start < 5);
}
