//! What `policy check`, `show` and `explain` have to go by.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod scene;

use scene::{DAY, Groups, NOW, ana, decide, file, policy, sound};
use twinlock_policy::{Doubt, Mismatch, Outcome, Policy, Subject};

const EXEMPT: &str = "exempt = true\nreason = \"r\"\napproved_by = \"a\"\nexpires = 2027-03-01\n";

/// The end of 2027-03-01.
const EXPIRES: i64 = 1_803_945_600;

fn warnings(text: &str, now: i64) -> Vec<String> {
    sound(text).warnings(now).iter().map(ToString::to_string).collect()
}

#[test]
fn a_sound_and_current_policy_has_no_warnings() {
    assert_eq!(warnings(include_str!("texts/design.toml"), NOW), [""; 0]);
    assert_eq!(policy("require_mfa = 1").warnings(NOW), []);
}

#[test]
fn exemptions_and_grace_are_warned_of_in_time() {
    let exempt = format!("require_mfa = true\n[[rule]]\nname = \"edi\"\nusers = [\"edi\"]\n{EXEMPT}");
    let grace =
        "require_mfa = true\nenroll_by = 2027-03-01\n[[rule]]\nusers = [\"a\"]\nenroll_by = 2027-03-01\n";
    for (text, now, expected) in [
        (exempt.as_str(), EXPIRES - 30 * DAY - 1, vec![]),
        (&exempt, EXPIRES - 30 * DAY, vec!["policy.toml:8:1: exemption \"edi\" expires 2027-03-01"]),
        (&exempt, EXPIRES - 1, vec!["policy.toml:8:1: exemption \"edi\" expires 2027-03-01"]),
        (&exempt, EXPIRES, vec!["policy.toml:8:1: exemption \"edi\" expired 2027-03-01"]),
        (grace, EXPIRES - 1, vec![]),
        (
            grace,
            EXPIRES,
            vec![
                "policy.toml:2:1: the time to enrol ended 2027-03-01",
                "policy.toml:5:1: the time to enrol ended 2027-03-01",
            ],
        ),
    ] {
        assert_eq!(warnings(text, now), expected);
    }
}

#[test]
fn a_rule_that_is_never_reached_is_warned_of() {
    for (earlier, later, shadowed) in [
        ("users = [\"a\", \"b\"]", "users = [\"b\"]", true),
        ("users = [\"a\", \"b\"]", "users = [\"b\"]\nservices = [\"sshd\"]", true),
        ("services = [\"sshd\"]", "users = [\"b\"]\nservices = [\"sshd\"]", true),
        ("networks = [\"10.0.0.0/8\", \"local\"]", "networks = [\"10.20.0.0/16\", \"local\"]", true),
        ("networks = [\"10.0.0.0/8\"]", "networks = [\"10.20.0.0/16\", \"local\"]", false),
        ("networks = [\"10.20.0.0/16\"]", "networks = [\"10.0.0.0/8\"]", false),
        ("users = [\"a\"]", "users = [\"a\", \"b\"]", false),
        ("users = [\"a\"]", "groups = [\"a\"]", false),
        ("users = [\"a\"]\nservices = [\"sshd\"]", "users = [\"a\"]", false),
        (&format!("users = [\"a\"]\n{EXEMPT}"), "users = [\"a\"]", false),
    ] {
        let text = format!(
            "require_mfa = true\n[[rule]]\nname = \"one\"\n{earlier}\n[[rule]]\nname = \"two\"\n{later}\n"
        );
        let found = sound(&text).warnings(NOW);
        assert_eq!(found.len(), usize::from(shadowed), "{text}");
        assert!(found.iter().all(|w| w.message == "rule \"two\" is never reached"), "{found:?}");
        assert!(found.iter().all(|w| w.mend == "move it above rule \"one\", or remove it"), "{found:?}");
    }
}

#[test]
fn shared_names_and_a_local_sshd_are_warned_of_but_no_faults() {
    let text = "require_mfa = true\n[[rule]]\nname = \"x\"\nusers = [\"a\"]\n[[rule]]\nname = \"x\"\nusers = [\"b\"]\n\
                [[rule]]\nservices = [\"sshd\"]\nnetworks = [\"local\"]\n\
                [[rule]]\nservices = [\"sshd\"]\nnetworks = [\"local\", \"10.0.0.0/8\"]\n\
                [[rule]]\nservices = [\"login\"]\nnetworks = [\"local\"]\n";
    assert_eq!(
        warnings(text, NOW),
        [
            "policy.toml:6:1: the name \"x\" is also that of the rule at policy.toml:3",
            "policy.toml:8:1: rule \"number 3\" matches nobody: nothing of sshd's is local",
        ]
    );
}

#[test]
fn every_earlier_rule_says_why_it_did_not_match() {
    let text = format!(
        "require_mfa = true\n\
         [[rule]]\nname = \"service\"\nservices = [\"su\"]\ngroups = [\"never asked\"]\n\
         [[rule]]\nname = \"user\"\nusers = [\"bob\"]\n\
         [[rule]]\nname = \"network\"\nnetworks = [\"10.0.0.0/8\"]\n\
         [[rule]]\nname = \"group\"\ngroups = [\"sales\"]\n\
         [[rule]]\nname = \"old\"\nusers = [\"ana\"]\n{}\
         [[rule]]\nname = \"perhaps\"\ngroups = [\"ghost\"]\nremember = \"1h\"\n\
         [[rule]]\nusers = [\"ana\"]\n\
         [[rule]]\nname = \"too late\"\nusers = [\"ana\"]\n",
        EXEMPT.replace("2027", "2026")
    );
    let policy = sound(&text.replace("[[rule]]\nname = \"too late\"\nusers = [\"ana\"]\n", ""));
    let explained = policy.explain(&ana(), &mut Groups::default());
    let seen: Vec<_> = explained.considered.iter().map(|c| (c.rule.as_str(), c.line, &c.outcome)).collect();
    let expired = Mismatch::Expired(twinlock_policy::Date::of(EXPIRES - 366 * DAY));
    let ghost = Doubt::Group { group: "ghost".to_owned(), why: "no such group".to_owned() };
    assert_eq!(
        seen,
        [
            ("service", 2, &Outcome::NoMatch(Mismatch::Service)),
            ("user", 6, &Outcome::NoMatch(Mismatch::User)),
            ("network", 9, &Outcome::NoMatch(Mismatch::Network)),
            ("group", 12, &Outcome::NoMatch(Mismatch::Group)),
            ("old", 15, &Outcome::NoMatch(expired)),
            ("perhaps", 22, &Outcome::Undecided(vec![ghost])),
            ("number 7", 26, &Outcome::Matched),
        ]
    );
    assert_eq!(
        explained.considered[1].outcome.to_string(),
        "does not match: the user is not among its users"
    );
    assert_eq!(
        explained.considered[5].outcome.to_string(),
        "cannot be decided, so both ways count; group \"ghost\" unknown (no such group)"
    );
    assert_eq!(explained.decision, decide(&policy, &ana()));
    let late = sound(&text);
    assert_eq!(late.explain(&ana(), &mut Groups::default()).considered.len(), 7);
}

#[test]
fn explain_and_decide_agree_over_users_services_addresses_and_times() {
    let drop_in =
        format!("[[rule]]\nname = \"batch\"\nusers = [\"edi\"]\nnetworks = [\"10.0.0.0/8\"]\n{EXEMPT}");
    let main = "require_mfa = \"report\"\nenroll_by = 2027-01-31\n\
                [[rule]]\nname = \"hall\"\nservices = [\"login\"]\nnetworks = [\"local\"]\nrequire_mfa = false\n\
                [[rule]]\nname = \"admins\"\ngroups = [\"ghost\", \"sales\"]\nservices = [\"sudo\", \"sshd\"]\nrequire_mfa = true\n";
    let policy = Policy::parse(&file("policy.toml", main), &[file("policy.d/a.toml", &drop_in)]);
    let mut combinations = 0;
    for user in ["ana", "edi", "root"] {
        for service in ["sshd", "login", "sudo", "gdm-password"] {
            for rhost in
                [None, Some("10.1.2.3"), Some("192.0.2.7"), Some("2001:db8::1"), Some("host.example")]
            {
                for (now, clock_is_behind) in
                    [(NOW, false), (EXPIRES, false), (EXPIRES - 1, false), (0, true)]
                {
                    let subject = Subject { user, service, rhost, now, clock_is_behind, ..ana() };
                    let explained = policy.explain(&subject, &mut Groups::default());
                    assert_eq!(explained.decision, decide(&policy, &subject), "{subject:?}");
                    let matched: Vec<_> =
                        explained.considered.iter().filter(|c| c.outcome == Outcome::Matched).collect();
                    assert!(matched.len() <= 1);
                    combinations += 1;
                }
            }
        }
    }
    assert!(combinations >= 200);
}

#[test]
fn show_lists_what_is_in_force_and_where_it_stands() {
    let text = "require_mfa = \"report\"\nhelp = \"a \\\"desk\\\"\"\n[throttle]\nfirst_wait = \"1m\"\n";
    let drop_in = "[[rule]]\nname = \"pilot\"\ngroups = [\"erp\"]\nnetworks = [\"10.0.0.0/8\", \"local\"]\nremember = \"1h\"\n";
    let policy = Policy::parse(&file("policy.toml", text), &[file("policy.d/a.toml", drop_in)]);
    let shown: Vec<_> = policy
        .settings()
        .into_iter()
        .map(|s| format!("{} = {} {:?}", s.key, s.value, s.from.map(|(file, line)| format!("{file}:{line}"))))
        .collect();
    for line in [
        "require_mfa = \"report\" Some(\"policy.toml:1\")",
        "unenrolled = \"enroll\" None",
        "remember = \"0s\" None",
        "account_required = [\"sshd\"] None",
        "help = \"a \\\"desk\\\"\" Some(\"policy.toml:2\")",
        "throttle.first_wait = \"60s\" Some(\"policy.toml:3\")",
        "attempts = 3 None",
    ] {
        assert!(shown.iter().any(|shown| shown == line), "{line}\n{shown:#?}");
    }
    let rule = policy.rules().next().unwrap();
    assert_eq!((rule.label().as_str(), rule.from()), ("pilot", ("policy.d/a.toml", 1)));
    assert_eq!((rule.groups().collect::<Vec<_>>(), rule.groups_line()), (vec!["erp"], Some(3)));
    assert_eq!(rule.networks(), ["local", "10.0.0.0/8"]);
    assert_eq!((rule.users().count(), rule.services().count(), rule.exempt_until()), (0, 0, None));
    assert_eq!(rule.settings()[0].value, "\"3600s\"");
    assert_eq!((rule.reason(), rule.approved_by()), (None, None));
    let policy = sound(&format!(
        "require_mfa = true\n[[rule]]\nusers = [\"edi\", \"ana\"]\nservices = [\"su\", \"sshd\"]\n{EXEMPT}"
    ));
    let rule = policy.rules().next().unwrap();
    assert_eq!(rule.users().collect::<Vec<_>>(), ["edi", "ana"]);
    assert_eq!(rule.services().collect::<Vec<_>>(), ["su", "sshd"]);
    assert_eq!((rule.reason(), rule.approved_by()), (Some("r"), Some("a")));
    assert_eq!(rule.exempt_until().map(|date| date.to_string()).as_deref(), Some("2027-03-01"));
}
