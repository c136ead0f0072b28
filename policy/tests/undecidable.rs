//! A condition that cannot be decided is decided both ways, and the stricter outcome holds.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod scene;

use scene::{ana, decide, sound};
use twinlock_policy::{Requirement, Subject, Unenrolled};

const EXEMPT: &str = "exempt = true\nreason = \"r\"\napproved_by = \"a\"\nexpires = 2027-03-01\n";

fn rules(top: &str, rules: &[&str]) -> String {
    let rules: String = rules.iter().map(|rule| format!("[[rule]]\n{rule}\n")).collect();
    format!("{top}\n{}", rules.replace("EXEMPT", EXEMPT))
}

#[test]
fn an_unknown_group_never_loosens_and_never_frees_from_a_requirement() {
    use Requirement::{Exempt, Required, UserDriven};
    let ghost = "groups = [\"ghost\"]\n";
    for (top, chain, expected) in [
        // An exemption for a group that nobody can look up.
        ("require_mfa = true", vec![format!("{ghost}EXEMPT")], Required),
        ("require_mfa = false", vec![format!("{ghost}EXEMPT")], UserDriven),
        // A rule that requires, for such a group (case 50).
        ("require_mfa = false", vec![format!("{ghost}require_mfa = true")], Required),
        ("require_mfa = \"report\"", vec![format!("{ghost}require_mfa = true")], Required),
        ("require_mfa = true", vec![format!("{ghost}require_mfa = false")], Required),
        // Chains.
        (
            "require_mfa = false",
            vec![
                format!("{ghost}EXEMPT"),
                format!("{ghost}require_mfa = true"),
                "users = [\"ana\"]".to_owned(),
            ],
            Required,
        ),
        (
            "require_mfa = true",
            vec![format!("{ghost}EXEMPT"), "users = [\"ana\"]\nEXEMPT".to_owned()],
            Exempt,
        ),
        (
            "require_mfa = true",
            vec![format!("{ghost}require_mfa = false"), "users = [\"ana\"]\nEXEMPT".to_owned()],
            UserDriven,
        ),
        // What comes after a certain match has no say.
        (
            "require_mfa = true",
            vec!["users = [\"ana\"]\nrequire_mfa = false".to_owned(), format!("{ghost}require_mfa = true")],
            UserDriven,
        ),
        // What is certain settles what is not.
        ("require_mfa = true", vec!["groups = [\"ghost\", \"erp\"]\nEXEMPT".to_owned()], Exempt),
        ("require_mfa = false", vec![format!("{ghost}users = [\"bob\"]\nrequire_mfa = true")], UserDriven),
        ("require_mfa = false", vec!["groups = [\"sales\"]\nrequire_mfa = true".to_owned()], UserDriven),
    ] {
        let chain: Vec<_> = chain.iter().map(String::as_str).collect();
        let text = rules(top, &chain);
        assert_eq!(decide(&sound(&text), &ana()).requirement, expected, "{text}");
    }
}

#[test]
fn a_host_name_decides_nothing_in_either_direction() {
    let loosening = rules("require_mfa = true", &["networks = [\"192.0.2.0/24\"]\nEXEMPT"]);
    let requiring = rules("require_mfa = false", &["networks = [\"192.0.2.0/24\"]\nrequire_mfa = true"]);
    for (rhost, exempt, required) in [
        (Some("192.0.2.1"), true, true),
        (Some("::ffff:192.0.2.1"), true, true),
        (Some("198.51.100.1"), false, false),
        (Some("host.example"), false, true),
        (Some("192.0.2.1.evil.example"), false, true),
        (Some("198.51.100.1.evil.example"), false, true),
        (Some("fe80::1%eth0"), false, true),
        (Some("UNKNOWN"), false, true),
        (Some(""), false, false),
        (None, false, false),
    ] {
        let subject = Subject { rhost, ..ana() };
        let decision = decide(&sound(&loosening), &subject);
        assert_eq!(decision.requirement == Requirement::Exempt, exempt, "{rhost:?}");
        let decision = decide(&sound(&requiring), &subject);
        assert_eq!(decision.requirement == Requirement::Required, required, "{rhost:?}");
    }
}

#[test]
fn each_attribute_is_combined_to_the_stricter() {
    let ghost = "groups = [\"ghost\"]\n";
    let top = "require_mfa = true\nunenrolled = \"enroll\"\nenroll_by = 2027-01-31\nremember = \"1h\"";
    let combined = |keys: &str| decide(&sound(&rules(top, &[&format!("{ghost}{keys}")])), &ana());
    let january = Some(1_801_440_000);
    assert_eq!(combined("unenrolled = \"deny\"").unenrolled, Unenrolled::Deny);
    assert_eq!(combined("enroll_by = 2027-01-20").enroll_by, Some(1_800_489_600));
    assert_eq!(combined("enroll_by = 2027-02-28").enroll_by, january);
    assert_eq!(combined("remember = \"2h\"").remember, 3600);
    assert_eq!(combined("remember = \"0s\"").remember, 0);
    assert!(!combined("enroll_at = []").enroll_here);
    let days = combined("grace_days = 3");
    assert_eq!((days.enroll_by, days.grace_days, days.grace_key.is_some()), (january, Some(3), true));
    // Where the rule lets them pass anyhow, what it says of the unenrolled has no say; what it remembers has.
    let driven =
        combined("require_mfa = false\nunenrolled = \"deny\"\nenroll_by = 2026-01-01\nremember = \"5m\"");
    assert_eq!((driven.unenrolled, driven.enroll_by, driven.remember), (Unenrolled::Enroll, january, 300));
    let exempt = combined("EXEMPT");
    assert_eq!(
        (exempt.requirement, exempt.enroll_by, exempt.remember),
        (Requirement::Required, january, 3600)
    );
}

#[test]
fn no_grace_at_all_is_stricter_than_any() {
    let top = "require_mfa = true";
    let combined = |rules_: &[&str]| {
        let decision = decide(&sound(&rules(top, rules_)), &ana());
        (decision.enroll_by, decision.grace_days)
    };
    let graced = "groups = [\"ghost\"]\ngrace_days = 30\nenroll_by = 2027-12-31";
    assert_eq!(combined(&[graced]), (None, None), "the top gives none");
    // Two graces by days, each with a start that only the ledger knows: none is the safe answer.
    let other = "users = [\"ana\"]\ngrace_days = 7";
    assert_eq!(combined(&[graced, other]), (None, None));
    // The same start, because both inherit it: the shorter holds.
    let inherit = ["groups = [\"ghost\"]\nunenrolled = \"deny\"", "users = [\"ana\"]"];
    let decision = decide(&sound(&rules("require_mfa = true\ngrace_days = 5", &inherit)), &ana());
    assert_eq!((decision.grace_days, decision.unenrolled), (Some(5), Unenrolled::Deny));
}

#[test]
fn the_reason_is_that_of_the_strictest_and_names_every_doubt() {
    let chain = [
        "name = \"batch\"\ngroups = [\"sales\", \"ghost\"]\nEXEMPT",
        "name = \"office\"\nnetworks = [\"10.0.0.0/8\"]\nrequire_mfa = true",
    ];
    let subject = Subject { rhost: Some("a\"b\n.example"), ..ana() };
    let decision = decide(&sound(&rules("require_mfa = false", &chain)), &subject);
    assert_eq!(
        decision.reason.to_string(),
        "rule \"office\", require_mfa at policy.toml:13; \
         rule \"batch\": group \"ghost\" unknown (no such group): decided both ways, the stricter holds; \
         rule \"office\": \"a\\\"b\\n.example\" is no address: decided both ways, the stricter holds"
    );
}

#[test]
fn report_says_what_the_strictest_of_both_ways_would_do() {
    let chain = ["groups = [\"ghost\"]\nrequire_mfa = \"report\"\nunenrolled = \"deny\""];
    let decision = decide(&sound(&rules("require_mfa = false", &chain)), &ana());
    assert_eq!(decision.requirement, Requirement::UserDriven);
    let reported = decision.reported.unwrap();
    assert_eq!((reported.requirement, reported.unenrolled), (Requirement::Required, Unenrolled::Deny));
}
