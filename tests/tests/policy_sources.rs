//! Users and groups by NSS as sites have them: a second source, large groups, many groups, a source that is down, one
//! that is slow, and one that knows an account by several spellings.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod policy_scene;

use std::path::Path;
use std::time::{Duration, Instant};

use policy_scene::{code_after, day, is_in, log_in, said, said_of, stage, till};
use twinlock_tests::{Account, Host, Phone, pam};

/// nsswitch.conf with these sources.
fn nsswitch(host: &Host, sources: &str) {
    host.write(
        "/etc/nsswitch.conf",
        &format!("passwd: {sources}\ngroup: {sources}\nshadow: files\nhosts: files\n"),
        0o644,
    );
}

/// The source of `client/nss_source.c`, saying this, behind the files.
fn directory(host: &Host, says: &str) {
    let library = twinlock_tests::pam_folder().parent().unwrap().join("libnss_twinlocktest.so.2");
    host.install(Path::new(env!("TWINLOCK_NSS_SOURCE")), &library, 0o644);
    host.write("/etc/nss-source", says, 0o644);
    nsswitch(host, "files twinlocktest");
}

/// What the source was asked since the last time.
fn questions() -> Vec<String> {
    let asked = std::fs::read_to_string("/tmp/nss-source").unwrap_or_default();
    let _ = std::fs::remove_file("/tmp/nss-source");
    asked.lines().map(str::to_owned).collect()
}

fn exemption(matchers: &str) -> String {
    format!(
        "[[rule]]\n{matchers}\nexempt = true\nreason = \"batch\"\napproved_by = \"it\"\nexpires = {}\n",
        day(30)
    )
}

fn requiring(matchers: &str) -> String {
    format!("[[rule]]\n{matchers}\nrequire_mfa = true\n")
}

#[test]
fn users_and_groups_of_a_second_source_are_as_good_as_those_of_the_first() {
    let host = stage("");
    nsswitch(&host, "files extrausers");
    host.add_user("maria", "secret");
    host.write("/var/lib/extrausers/passwd", "lena:x:30001:30001::/home/lena:/bin/sh\n", 0o644);
    host.write("/var/lib/extrausers/group", "lena:x:30001:\nerp:x:30002:maria,lena\nempty:x:30003:\n", 0o644);
    // Group of the rule; user; whether they are in it.
    for (group, user, member) in [
        ("erp", "maria", true),
        ("erp", "lena", true),
        ("lena", "lena", true),
        ("lena", "maria", false),
        ("maria", "lena", false),
        ("empty", "lena", false),
    ] {
        let groups = format!("groups = [\"{group}\"]");
        host.policy(&format!("require_mfa = true\n{}", exemption(&groups)));
        let said_exempt = said(&host, &till(&host, user));
        assert_eq!(said_exempt.decision == "exempt", member, "{group} {user}: {}", said_exempt.line);
        host.policy(&format!("require_mfa = false\n{}", requiring(&groups)));
        assert_eq!(said(&host, &till(&host, user)).decision == "required", member, "{group} {user}");
    }
    // A user of the second source has a code like any other.
    let lena = Account {
        name: "lena".to_owned(),
        password: String::new(),
        uid: 30_001,
        gid: 30_001,
        home: "/home/lena".into(),
    };
    std::fs::create_dir("/home/lena").unwrap();
    std::os::unix::fs::chown("/home/lena", Some(lena.uid), Some(lena.gid)).unwrap();
    let phone = Phone::of(&lena);
    assert!(is_in(&log_in(&till(&host, "lena"), &[&phone.code()])), "{}", host.journal().text());
}

/// cases.md, row 44.
#[test]
fn a_thousand_groups_and_ten_thousand_members_are_right_and_quick() {
    let host = stage("");
    host.add_user("maria", "secret");
    host.add_user("otto", "secret");
    let mut group = std::fs::read_to_string("/etc/group").unwrap();
    for number in 0..1000 {
        group.push_str(&format!("team{number:04}:x:{}:maria\n", 40_000 + number));
    }
    let many: Vec<String> = (0..10_000).map(|number| format!("member{number:05}")).collect();
    group.push_str(&format!("large:x:50000:{},maria\n", many.join(",")));
    host.write("/etc/group", &group, 0o644);
    for groups in ["\"team0999\"", "\"large\"", "\"team0000\", \"team0500\""] {
        for (user, member) in [("maria", true), ("otto", false)] {
            let matchers = format!("groups = [{groups}]");
            let start = Instant::now();
            host.policy(&format!("require_mfa = true\n{}", exemption(&matchers)));
            assert_eq!(said(&host, &till(&host, user)).decision == "exempt", member, "{groups} {user}");
            host.policy(&format!("require_mfa = false\n{}", requiring(&matchers)));
            assert_eq!(said(&host, &till(&host, user)).decision == "required", member, "{groups} {user}");
            assert!(start.elapsed() < Duration::from_secs(3), "{groups} {user}: {:?}", start.elapsed());
        }
    }
    // In one decision with the credential of somebody who is in all of them.
    let phone = Phone::of(&Account {
        name: "maria".to_owned(),
        password: String::new(),
        uid: 20_001,
        gid: 20_001,
        home: "/home/maria".into(),
    });
    host.policy(&format!("require_mfa = false\n{}", requiring("groups = [\"large\", \"team0999\"]")));
    let (said, outcome) = said_of(&host, &till(&host, "maria"), &[&phone.code()]);
    assert!(is_in(&outcome), "{outcome:?}");
    assert_eq!(said.decision, "required");
}

/// cases.md, rows 16 and 50: a source that is down is no answer, and no answer is never the looser one.
#[test]
fn a_source_that_fails_takes_the_stricter_outcome() {
    let host = stage("");
    host.add_user("maria", "secret");
    host.add_group("erp", &["maria"]);
    type Change = fn(&Host);
    let down: [(&str, Change); 5] = [
        ("unavailable", |host| directory(host, "unavailable\n")),
        ("no answer just now", |host| directory(host, "again\n")),
        ("a module that is not there", |host| nsswitch(host, "files nosuchsource")),
        ("a file that is a folder", |host| {
            std::fs::create_dir_all("/var/lib/extrausers/group").unwrap();
            nsswitch(host, "files extrausers");
        }),
        ("a file that is gone", |host| {
            std::fs::remove_dir_all("/var/lib/extrausers").unwrap();
            nsswitch(host, "files extrausers");
        }),
    ];
    for (name, fail) in down {
        fail(&host);
        for (policy, decision) in [
            (format!("require_mfa = true\n{}", exemption("groups = [\"remote\"]")), "required"),
            (format!("require_mfa = false\n{}", requiring("groups = [\"remote\"]")), "required"),
            // What the files know needs no other source.
            (format!("require_mfa = true\n{}", exemption("groups = [\"erp\"]")), "exempt"),
            (format!("require_mfa = true\n{}", exemption("groups = [\"remote\", \"erp\"]")), "exempt"),
            (format!("require_mfa = false\n{}", requiring("groups = [\"erp\"]")), "required"),
        ] {
            host.policy(&policy);
            let said = said(&host, &till(&host, "maria"));
            assert_eq!(said.decision, decision, "{name}: {policy}: {}", said.line);
        }
    }
}

/// A user who cannot be looked up is nobody, or a trouble; let in they are not.
#[test]
fn a_user_whose_source_fails_is_not_let_in() {
    let host = stage("require_mfa = false\n");
    for (says, code) in [
        ("unavailable\nuser=lena:30001:30001:/home/lena\n", pam::AUTHINFO_UNAVAIL),
        ("again\nuser=lena:30001:30001:/home/lena\n", pam::AUTHINFO_UNAVAIL),
        ("user=other:30001:30001:/home/other\n", pam::USER_UNKNOWN),
    ] {
        directory(&host, says);
        assert_eq!(
            log_in(&till(&host, "lena"), &["1", "2", "3"]).code("authenticate"),
            code,
            "{says}: {}",
            host.journal().text()
        );
    }
    directory(&host, "user=lena:30001:30001:/home/lena\n");
    assert!(is_in(&log_in(&till(&host, "lena"), &[])), "{}", host.journal().text());
}

#[test]
fn a_group_is_looked_up_once_and_only_when_it_matters_however_slow_the_source() {
    let host = stage("");
    host.add_user("maria", "secret");
    directory(&host, "slow=1500\ngroup=remote:30002:maria\n");
    // Rules; what is asked for.
    let cases = [
        (requiring("users = [\"otto\"]\ngroups = [\"remote\"]"), vec![], "user_driven"),
        (requiring("services = [\"kiosk\"]\ngroups = [\"remote\"]"), vec![], "user_driven"),
        (requiring("networks = [\"10.0.0.0/8\"]\ngroups = [\"remote\"]"), vec![], "user_driven"),
        (
            format!("{}{}", requiring("users = [\"maria\"]"), requiring("groups = [\"remote\"]")),
            vec![],
            "required",
        ),
        (requiring("users = [\"maria\"]\ngroups = [\"remote\"]"), vec!["getgrnam remote"], "required"),
        // Three rules name it.
        (
            format!(
                "{0}{0}{1}",
                requiring("groups = [\"ghost\"]\nnetworks = [\"192.0.2.0/24\"]"),
                exemption("groups = [\"ghost\"]")
            ),
            vec!["getgrnam ghost"],
            "required",
        ),
    ];
    for (rules, expected, decision) in cases {
        host.policy(&format!("require_mfa = false\n{rules}"));
        questions();
        let start = Instant::now();
        // One hook, so that one decision is made.
        let said = said(&host, &till(&host, "maria").chain("authenticate"));
        assert_eq!(questions(), expected, "{rules}");
        assert_eq!(said.decision, decision, "{rules}: {}", said.line);
        let most = Duration::from_millis(1500 * expected.len() as u64 + 1000);
        assert!(start.elapsed() < most, "{rules}: {:?}", start.elapsed());
    }
}

/// cases.md, row 33.
#[test]
fn every_spelling_of_an_account_has_one_credential_one_ledger_and_one_set_of_rules() {
    let host = stage("require_mfa = true\n");
    directory(&host, "user=lena:30001:30001:/home/lena\ngroup=erp:30002:lena\n");
    let lena = Account {
        name: "lena".to_owned(),
        password: String::new(),
        uid: 30_001,
        gid: 30_001,
        home: "/home/lena".into(),
    };
    std::fs::create_dir("/home/lena").unwrap();
    std::os::unix::fs::chown("/home/lena", Some(lena.uid), Some(lena.gid)).unwrap();
    let phone = Phone::of(&lena);
    twinlock_tests::oathtool::with_time_left(5);
    let code = code_after(&phone, -30);
    assert!(is_in(&log_in(&till(&host, "lena@ACME.EXAMPLE"), &[&code])), "{}", host.journal().text());
    // The same code under another name is a replay, the next one is not.
    let (said_first, outcome) = said_of(&host, &till(&host, "lena"), &[&code, &phone.code()]);
    assert!(is_in(&outcome), "{}", host.journal().text());
    assert_eq!(said_first.reason.as_deref(), Some("replayed"));
    let (said_last, _) = said_of(&host, &till(&host, "LENA"), &[&phone.code(), "", ""]);
    assert_eq!(said_last.reason.as_deref(), Some("replayed"));
    assert_eq!(std::fs::read_dir("/var/lib/twinlock/ledger").unwrap().count(), 1);
    for matcher in ["users = [\"lena\"]", "groups = [\"erp\"]"] {
        host.policy(&format!("require_mfa = true\n{}", exemption(matcher)));
        for name in ["lena", "Lena", "lena@acme.example"] {
            let said = said(&host, &till(&host, name));
            assert_eq!(said.decision, "exempt", "{name}: {}", said.line);
            assert!(said.line.contains("user=\"lena\""), "{}", said.line);
        }
    }
}
