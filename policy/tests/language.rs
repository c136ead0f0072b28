//! What each key means: defaults, inheritance, precedence, exemptions and their end.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod scene;

use scene::{DAY, Groups, NOW, ana, decide, file, sound};
use twinlock_policy::{Date, Grace, Policy, Requirement, Store, Subject, Throttle, Unenrolled, grace};

#[test]
fn the_example_of_the_design_is_sound_and_says_what_it_says() {
    let policy = sound(include_str!("texts/design.toml"));
    assert_eq!((policy.issuer(), policy.help()), (Some("ACME ERP"), Some("IT desk, ext. 4711")));
    assert_eq!((policy.attempts(), policy.credential_store()), (3, Store::Home));
    assert_eq!(*policy.throttle(), Throttle::default());
    let decision = decide(&policy, &ana());
    assert_eq!((decision.requirement, decision.unenrolled), (Requirement::Required, Unenrolled::Enroll));
    assert_eq!((decision.enroll_by, decision.grace_days), (Some(1_801_440_000), Some(7)));
    assert_eq!(decision.reason.to_string(), "require_mfa at policy.toml:2");
    let edi = Subject { user: "edi", rhost: Some("10.20.3.4"), ..ana() };
    let decision = decide(&policy, &edi);
    assert_eq!(decision.requirement, Requirement::Exempt);
    assert_eq!(
        decision.reason.to_string(),
        "rule \"nightly transfer from the EDI host\", exempt at policy.toml:26"
    );
}

#[test]
fn a_policy_of_one_line_has_the_defaults() {
    let policy = sound("require_mfa = true\n");
    let decision = decide(&policy, &ana());
    assert_eq!(decision.unenrolled, Unenrolled::Enroll);
    assert_eq!((decision.enroll_by, decision.grace_days, decision.grace_key), (None, None, None));
    assert_eq!((decision.remember, decision.credential_store), (0, Store::Home));
    assert_eq!((policy.attempts(), policy.issuer(), policy.help()), (3, None, None));
    assert_eq!(
        *policy.throttle(),
        Throttle { free_failures: 3, first_wait: 5, longest_wait: 3600, disable_after: 100 }
    );
    for (service, enroll, required) in [
        ("sshd", true, true),
        ("login", true, false),
        ("su", true, false),
        ("su-l", true, false),
        ("sudo", true, false),
        ("sudo-i", true, false),
        ("gdm-password", false, false),
        ("SSHD", false, false),
    ] {
        assert_eq!(decide(&policy, &Subject { service, ..ana() }).enroll_here, enroll, "{service}");
        assert_eq!(policy.account_required(service), required, "{service}");
    }
}

#[test]
fn every_key_of_the_top_is_heeded() {
    let policy = sound(
        "require_mfa = true\nunenrolled = \"deny\"\nremember = \"12h\"\nattempts = 10\ncredential_store = \"system\"\n\
         enroll_at = []\naccount_required = [\"login\"]\n[throttle]\nfree_failures = 0\nfirst_wait = \"1m\"\n\
         longest_wait = \"1d\"\ndisable_after = 1000\n",
    );
    let decision = decide(&policy, &ana());
    assert_eq!((decision.unenrolled, decision.remember), (Unenrolled::Deny, 43_200));
    assert_eq!((decision.credential_store, decision.enroll_here), (Store::System, false));
    assert_eq!(policy.attempts(), 10);
    assert!(policy.account_required("login") && !policy.account_required("sshd"));
    assert_eq!(
        *policy.throttle(),
        Throttle { free_failures: 0, first_wait: 60, longest_wait: 86_400, disable_after: 1000 }
    );
}

#[test]
fn the_largest_and_the_equal_are_not_too_much() {
    for longest in ["x".repeat(200), "\u{e9}".repeat(200)] {
        let policy = sound(&format!(
            "require_mfa = true\nhelp = \"{longest}\"\nremember = \"90d\"\n\
             [throttle]\nfirst_wait = \"1m\"\nlongest_wait = \"1m\"\nfree_failures = 20\ndisable_after = 21\n"
        ));
        assert_eq!((policy.help(), decide(&policy, &ana()).remember), (Some(longest.as_str()), 90 * 86_400));
    }
}

#[test]
fn what_a_rule_leaves_out_comes_from_the_top_each_key_for_itself() {
    let top = "require_mfa = true\nunenrolled = \"deny\"\nenroll_by = 2027-01-31\ngrace_days = 7\nremember = \"1h\"\n\
               enroll_at = [\"sshd\"]\n[[rule]]\nname = \"r\"\nusers = [\"ana\"]\n";
    let base = decide(&sound(top), &ana());
    assert_eq!(base.reason.to_string(), "rule \"r\", require_mfa at policy.toml:1");
    assert_eq!((base.unenrolled, base.enroll_by), (Unenrolled::Deny, Some(1_801_440_000)));
    for own in ["require_mfa = false", "unenrolled = \"enroll\"", "enroll_by = 2027-02-28", "grace_days = 1"]
        .into_iter()
        .chain(["remember = \"2h\"", "enroll_at = []"])
    {
        let decision = decide(&sound(&format!("{top}{own}\n")), &ana());
        let changed = [
            decision.requirement != base.requirement,
            decision.unenrolled != base.unenrolled,
            decision.enroll_by != base.enroll_by,
            decision.grace_days != base.grace_days,
            decision.remember != base.remember,
            decision.enroll_here != base.enroll_here,
        ];
        assert_eq!(changed.iter().filter(|changed| **changed).count(), 1, "{own}: {changed:?}");
        assert_eq!(decision.grace_key != base.grace_key, own.starts_with("grace_days"), "{own}");
    }
}

#[test]
fn the_first_rule_that_matches_holds_and_drop_ins_come_first_by_file_name() {
    let rule = |name: &str| format!("[[rule]]\nname = \"{name}\"\nusers = [\"ana\"]\n");
    let main = format!("require_mfa = true\n{}{}", rule("main one"), rule("main two"));
    let (a, b, c) = (rule("a"), rule("b"), rule("c"));
    let decided = |drop_ins: &[_]| {
        let policy = Policy::parse(&file("/etc/twinlock/policy.toml", &main), drop_ins);
        assert_eq!(policy.faults(), []);
        decide(&policy, &ana()).reason.rule.unwrap()
    };
    assert_eq!(decided(&[]), "main one");
    assert_eq!(decided(&[file("policy.d/50-b.toml", &b), file("policy.d/10-a.toml", &a)]), "a");
    assert_eq!(decided(&[file("z/50-b.toml", &b), file("a/60-c.toml", &c)]), "b");
    assert_eq!(
        decided(&[file("policy.d/10-empty.toml", "# nothing yet\n"), file("policy.d/9-c.toml", &c)]),
        "c"
    );
}

#[test]
fn every_matcher_given_must_match_and_lists_are_any_of() {
    let rule = "users = [\"bob\", \"ana\"]\nservices = [\"login\", \"sshd\"]\nnetworks = [\"192.0.2.0/24\", \"10.0.0.0/8\"]\n\
                groups = [\"sales\", \"erp\"]\n";
    let policy = sound(&format!("require_mfa = true\n[[rule]]\nrequire_mfa = false\n{rule}"));
    for (subject, matched) in [
        (ana(), true),
        (Subject { user: "Ana", ..ana() }, false),
        (Subject { user: "ana@acme.example", ..ana() }, false),
        (Subject { user: "an", ..ana() }, false),
        (Subject { service: "su", ..ana() }, false),
        (Subject { service: "sshd ", ..ana() }, false),
        (Subject { rhost: Some("198.51.100.1"), ..ana() }, false),
        (Subject { rhost: Some("::ffff:192.0.2.200"), ..ana() }, true),
        (Subject { rhost: Some("10.255.0.1"), service: "login", ..ana() }, true),
        (Subject { rhost: None, ..ana() }, false),
    ] {
        let decision = decide(&policy, &subject);
        assert_eq!(decision.requirement == Requirement::UserDriven, matched, "{subject:?}");
    }
}

#[test]
fn groups_are_looked_up_lazily_once_and_only_when_the_other_keys_match() {
    let policy = sound(
        "require_mfa = true\n\
         [[rule]]\ngroups = [\"a\"]\nusers = [\"bob\"]\n\
         [[rule]]\ngroups = [\"b\"]\nservices = [\"su\"]\n\
         [[rule]]\ngroups = [\"c\"]\nnetworks = [\"10.0.0.0/8\"]\n\
         [[rule]]\ngroups = [\"sales\"]\n\
         [[rule]]\ngroups = [\"sales\", \"ghost\", \"erp\", \"d\"]\n\
         [[rule]]\ngroups = [\"e\"]\n",
    );
    let mut groups = Groups::default();
    let decision = policy.decide(&ana(), &mut groups);
    assert_eq!(groups.asked.keys().collect::<Vec<_>>(), ["erp", "ghost", "sales"]);
    assert_eq!(decision.reason.notes, [], "membership of erp settles what ghost left open");
}

const EXEMPTION: &str = "require_mfa = true\n[[rule]]\nname = \"edi\"\nusers = [\"ana\"]\nexempt = true\n\
                         reason = \"batch\"\napproved_by = \"sec\"\nexpires = 2027-03-01\n";

#[test]
fn an_exemption_ends_with_its_last_day_and_the_reason_says_so() {
    let end = 1_803_945_600;
    for (now, behind, requirement, note) in [
        (NOW, false, Requirement::Exempt, ""),
        (end - 1, false, Requirement::Exempt, ""),
        (end, false, Requirement::Required, "rule \"edi\" expired 2027-03-01"),
        (end + 1000 * DAY, false, Requirement::Required, "rule \"edi\" expired 2027-03-01"),
        (0, true, Requirement::Required, "rule \"edi\" does not hold: the clock is behind"),
        (NOW, true, Requirement::Required, "the clock is behind"),
    ] {
        let decision = decide(&sound(EXEMPTION), &Subject { now, clock_is_behind: behind, ..ana() });
        assert_eq!(decision.requirement, requirement, "{now} {behind}");
        assert!(decision.reason.to_string().contains(note), "{}", decision.reason);
        assert_eq!(decision.reason.notes.is_empty(), note.is_empty());
    }
    let bob = Subject { user: "bob", now: end, ..ana() };
    assert_eq!(decide(&sound(EXEMPTION), &bob).reason.notes, [], "it is no concern of bob's");
}

#[test]
fn report_behaves_as_false_and_says_what_true_would_do() {
    let top = "unenrolled = \"deny\"\ngrace_days = 3\nremember = \"1h\"\n";
    let report = decide(&sound(&format!("require_mfa = \"report\"\n{top}")), &ana());
    let off = decide(&sound(&format!("require_mfa = false\n{top}")), &ana());
    let on = decide(&sound(&format!("require_mfa = true\n{top}")), &ana());
    assert_eq!(report.requirement, Requirement::UserDriven);
    assert_eq!(report.reported, Some(Box::new(on)));
    assert_eq!(twinlock_policy::Decision { reported: None, ..report }, off);
    let exempt = decide(&sound(&EXEMPTION.replace("true\n[[", "\"report\"\n[[")), &ana());
    assert_eq!((exempt.requirement, exempt.reported), (Requirement::Exempt, None));
}

#[test]
fn nothing_is_remembered_without_a_literal_address_or_a_clock() {
    let policy = sound("require_mfa = true\nremember = \"12h\"\n");
    for (rhost, behind, remember) in [
        (Some("192.0.2.7"), false, 43_200),
        (Some("2001:db8::1"), false, 43_200),
        (Some("192.0.2.7"), true, 0),
        (Some("host.example"), false, 0),
        (Some("fe80::1%eth0"), false, 0),
        (Some(""), false, 0),
        (None, false, 0),
    ] {
        let subject = Subject { rhost, clock_is_behind: behind, ..ana() };
        assert_eq!(decide(&policy, &subject).remember, remember, "{rhost:?} {behind}");
    }
}

#[test]
fn grace_ends_at_the_earlier_of_date_and_days_and_never_outlives_a_clock() {
    let date = 1_801_440_000; // the end of 2027-01-31
    let (by, days, both) =
        ("enroll_by = 2027-01-31\n", "grace_days = 7\n", "enroll_by = 2027-01-31\ngrace_days = 7\n");
    let week = 7 * DAY;
    for (keys, start, now, behind, expected) in [
        ("", None, NOW, false, Grace::Over(None)),
        (by, None, NOW, false, Grace::Until(date)),
        (by, None, date - 1, false, Grace::Until(date)),
        (by, None, date, false, Grace::Over(Some(date))),
        (by, None, NOW, true, Grace::Over(None)),
        (by, None, 0, true, Grace::Over(None)),
        (days, None, NOW, false, Grace::Until(NOW + week)),
        (days, Some(NOW - DAY), NOW, false, Grace::Until(NOW + 6 * DAY)),
        (days, Some(NOW - week), NOW, false, Grace::Over(Some(NOW))),
        (days, Some(NOW - week + 1), NOW, false, Grace::Until(NOW + 1)),
        (days, Some(NOW), NOW, false, Grace::Until(NOW + week)),
        (days, Some(NOW + 1), NOW, false, Grace::Over(None)),
        (days, Some(NOW), NOW, true, Grace::Over(None)),
        (days, Some(i64::MAX), NOW, false, Grace::Over(None)),
        (both, None, NOW, false, Grace::Until(NOW + week)),
        (both, None, date - DAY, false, Grace::Until(date)),
        (both, Some(NOW - week), NOW, false, Grace::Over(Some(NOW))),
        (both, None, date, false, Grace::Over(Some(date))),
        ("grace_days = 0\n", None, NOW, false, Grace::Over(Some(NOW))),
    ] {
        let decision = decide(&sound(&format!("require_mfa = true\n{keys}")), &Subject { now, ..ana() });
        assert_eq!(grace(&decision, start, now, behind), expected, "{keys:?} {start:?} {now} {behind}");
    }
}

#[test]
fn a_date_moved_to_yesterday_holds_at_the_next_login() {
    let before = decide(&sound("require_mfa = true\nenroll_by = 2027-02-14\n"), &ana());
    let after = decide(&sound("require_mfa = true\nenroll_by = 2027-01-14\n"), &ana());
    assert!(matches!(grace(&before, None, NOW, false), Grace::Until(_)));
    assert!(matches!(grace(&after, None, NOW, false), Grace::Over(Some(_))));
    assert_eq!(Date::of(NOW).to_string(), "2027-01-15");
}

#[test]
fn a_grace_key_follows_the_setting_and_not_its_place() {
    let key = |text: &str| decide(&sound(text), &ana()).grace_key.unwrap();
    let rule = "[[rule]]\nname = \"pilot\"\nusers = [\"ana\"]\ngrace_days = 3\n";
    let named = key(&format!("require_mfa = true\n{rule}"));
    assert_eq!(
        named,
        key(&format!("require_mfa = true\n[[rule]]\nusers = [\"bob\"]\n{}", rule.replace('3', "9")))
    );
    assert_ne!(named, key(&format!("require_mfa = true\n{}", rule.replace("pilot", "other"))));
    let top = key("require_mfa = true\ngrace_days = 3\n");
    assert_ne!(named, top);
    assert_eq!(
        top,
        key("require_mfa = true\ngrace_days = 3\n[[rule]]\nname = \"pilot\"\nusers = [\"ana\"]\n")
    );
    assert_eq!(top.0, 0x28720365c5e7476a, "ledgers hold this number");
    // Without a name, by the file and the number there.
    let nameless = "[[rule]]\nusers = [\"ana\"]\ngrace_days = 3\n";
    let of_file = |path| {
        let policy = Policy::parse(&file("policy.toml", "require_mfa = true\n"), &[file(path, nameless)]);
        decide(&policy, &ana()).grace_key.unwrap()
    };
    assert_ne!(of_file("policy.d/a.toml"), of_file("policy.d/b.toml"));
    assert_eq!(of_file("policy.toml"), key(&format!("require_mfa = true\n{nameless}")));
}
