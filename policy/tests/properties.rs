//! The evaluator against the slow reference, over random policies and logins; and the reader against random damage.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod reference;
mod scene;

use std::collections::BTreeSet;
use std::fmt::Write;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use reference::{DrawnRule, Login, Meets, Says};
use scene::{DAY, NOW, file};
use twinlock_policy::{
    Date, Decision, Facts, Grace, Membership, Policy, Requirement, SourceFile, Subject, Unenrolled, grace,
};

const USERS: &[&str] = &["ana", "bob", "edi"];
const GROUPS: &[&str] = &["erp", "ghost", "slow", "wheel"];
const SERVICES: &[&str] = &["sshd", "login", "su"];
const NETWORKS: &[&str] = &["10.0.0.0/8", "10.1.2.3", "192.0.2.0/24", "2001:db8::/32", "local"];
const RHOSTS: &[Option<&str>] = &[
    None,
    Some(""),
    Some("10.1.2.3"),
    Some("192.0.2.9"),
    Some("::ffff:192.0.2.9"),
    Some("2001:db8::5"),
    Some("198.51.100.1"),
    Some("fe80::1%eth0"),
    Some("host.example"),
    Some("192.0.2.1.evil.example"),
];

fn some<T: std::fmt::Debug>(strategy: impl Strategy<Value = T>) -> impl Strategy<Value = Option<T>> {
    proptest::option::weighted(0.4, strategy)
}

fn list(of: &'static [&'static str]) -> impl Strategy<Value = Option<Vec<&'static str>>> {
    some(subsequence(of, 1..=of.len()))
}

fn says() -> impl Strategy<Value = Says> {
    let mfa = select(vec!["true", "false", "\"report\""]);
    let remember = select(vec![0_u64, 60, 3600]);
    let enroll_at = subsequence(SERVICES, 0..=SERVICES.len());
    (some(mfa), some(any::<bool>()), some(-3..4_i64), some(0..10_u32), some(remember), some(enroll_at))
        .prop_map(|(require_mfa, deny, enroll_by, grace_days, remember, enroll_at)| Says {
            require_mfa,
            deny,
            enroll_by,
            grace_days,
            remember,
            enroll_at,
        })
}

fn rule() -> impl Strategy<Value = DrawnRule> {
    let matchers = (list(USERS), list(GROUPS), list(SERVICES), list(NETWORKS));
    (matchers, proptest::option::weighted(0.3, -3..4_i64), says()).prop_map(
        |((users, groups, services, networks), exempt, says)| {
            let none = users.is_none() && groups.is_none() && services.is_none() && networks.is_none();
            let users = if none { Some(vec!["ana"]) } else { users };
            let says = if exempt.is_some() { Says::default() } else { says };
            DrawnRule { users, groups, services, networks, exempt, says }
        },
    )
}

fn login() -> impl Strategy<Value = Login> {
    let member = || select(vec![Some(true), Some(false), Some(false), None, None]);
    let who = (select(USERS), select(SERVICES), select(RHOSTS));
    (who, -4..5_i64, proptest::bool::weighted(0.1), [member(), member(), member(), member()]).prop_map(
        |((user, service, rhost), day, behind, [a, b, c, d])| {
            let groups = [("erp", a), ("ghost", b), ("slow", c), ("wheel", d)];
            Login { user, service, rhost, day, behind, groups }
        },
    )
}

fn date(days: i64) -> Date {
    Date::of(NOW + days * DAY)
}

fn write_says(text: &mut String, says: &Says) {
    let Says { require_mfa, deny, enroll_by, grace_days, remember, enroll_at } = says;
    let mut line = |key: &str, value: Option<String>| {
        value.into_iter().for_each(|value| writeln!(text, "{key} = {value}").unwrap());
    };
    line("require_mfa", require_mfa.map(str::to_owned));
    line("unenrolled", deny.map(|deny| if deny { "\"deny\"" } else { "\"enroll\"" }.to_owned()));
    line("enroll_by", enroll_by.map(|days| date(days).to_string()));
    line("grace_days", grace_days.map(|days| days.to_string()));
    line("remember", remember.map(|time| format!("\"{time}s\"")));
    line("enroll_at", enroll_at.as_ref().map(|list| format!("{list:?}")));
}

fn write_rule(text: &mut String, index: usize, rule: &DrawnRule) {
    writeln!(text, "[[rule]]\nname = \"{index}\"").unwrap();
    let matchers = [
        ("users", &rule.users),
        ("groups", &rule.groups),
        ("services", &rule.services),
        ("networks", &rule.networks),
    ];
    for (key, list) in matchers {
        list.iter().for_each(|list| writeln!(text, "{key} = {list:?}").unwrap());
    }
    if let Some(days) = rule.exempt {
        writeln!(text, "exempt = true\nreason = \"r\"\napproved_by = \"a\"\nexpires = {}", date(days))
            .unwrap();
    }
    write_says(text, &rule.says);
}

/// Group look-ups as drawn, noting who was asked.
struct Drawn<'a> {
    login: &'a Login,
    asked: BTreeSet<String>,
}

impl Facts for Drawn<'_> {
    fn in_group(&mut self, group: &str) -> Membership {
        assert!(self.asked.insert(group.to_owned()), "{group} was asked for twice");
        match self.login.groups.iter().find(|(name, _)| *name == group).unwrap().1 {
            Some(true) => Membership::Yes,
            Some(false) => Membership::No,
            None => Membership::Unknown("drawn so".to_owned()),
        }
    }
}

fn assert_same(decision: &Decision, expected: &Meets, what: &str) {
    let asks = match decision.requirement {
        Requirement::Exempt => 0,
        Requirement::UserDriven => 1,
        Requirement::Required => 2,
    };
    let rule = decision.reason.rule.as_ref().map(|name| name.parse::<usize>().unwrap());
    assert_eq!((asks, rule), (expected.asks, expected.rule), "{what}");
    assert_eq!(decision.unenrolled == Unenrolled::Deny, expected.deny, "unenrolled {what}");
    assert_eq!(decision.enroll_here, expected.here, "enroll_here {what}");
    assert_eq!(decision.enroll_by, expected.enroll_by.map(|days| date(days).end()), "enroll_by {what}");
    assert_eq!(decision.grace_days, expected.grace.map(|(days, _)| days), "grace_days {what}");
    assert_eq!(decision.grace_key.is_some(), expected.grace.is_some(), "grace_key {what}");
    let remember = if expected.asks == 0 { 0 } else { expected.remember };
    assert_eq!(decision.remember, remember, "remember {what}");
}

/// How hard a login is for somebody who is not enrolled: passes, may skip, must enrol, is refused.
fn hardship(asks: u8, in_grace: bool, deny: bool, here: bool) -> u8 {
    match (asks, in_grace, deny || !here) {
        (0 | 1, ..) => 0,
        (_, true, _) => 1,
        (_, false, false) => 2,
        (_, false, true) => 3,
    }
}

/// Whatever the ledger holds, the decision is no easier than any outcome.
fn assert_never_looser(decision: &Decision, outcomes: &[Meets], login: &Login, now: i64, what: &str) {
    for start in [None, Some(now - 2 * DAY), Some(now - 20 * DAY)] {
        let in_grace = matches!(grace(decision, start, now, login.behind), Grace::Until(_));
        let deny = decision.unenrolled == Unenrolled::Deny;
        let asks = match decision.requirement {
            Requirement::Required => 2,
            Requirement::UserDriven => 1,
            Requirement::Exempt => 0,
        };
        let decided = hardship(asks, in_grace, deny, decision.enroll_here);
        for outcome in outcomes {
            let ends = [
                outcome.enroll_by.map(|days| date(days).end()),
                outcome.grace.map(|(days, _)| start.unwrap_or(now) + i64::from(days) * DAY),
            ];
            let end = ends.into_iter().flatten().min();
            let in_grace = !login.behind && end.is_some_and(|end| now < end);
            let alone = hardship(outcome.asks, in_grace, outcome.deny, outcome.here);
            assert!(decided >= alone, "{decided} is looser than {alone}: {outcome:?} {what}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_evaluator_agrees_with_the_slow_reference(
        top in says(),
        rules in proptest::collection::vec(rule(), 0..7),
        split in 0..7_usize,
        login in login(),
    ) {
        let mut top = top;
        top.require_mfa.get_or_insert("true");
        let split = split.min(rules.len());
        let (mut main, mut drop_in) = (String::new(), String::new());
        write_says(&mut main, &top);
        for (index, rule) in rules.iter().enumerate() {
            write_rule(if index < split { &mut drop_in } else { &mut main }, index, rule);
        }
        let policy = Policy::parse(&file("policy.toml", &main), &[file("policy.d/a.toml", &drop_in)]);
        prop_assert_eq!(policy.faults(), &[]);

        let now = NOW + login.day * DAY;
        let Login { user, service, rhost, behind, .. } = login;
        let subject = Subject { user, uid: 1, gid: 1, service, rhost, now, clock_is_behind: behind };
        let mut facts = Drawn { login: &login, asked: BTreeSet::new() };
        let decision = policy.decide(&subject, &mut facts);

        let what = format!("\n{drop_in}---\n{main}\n{login:?}");
        let outcomes = reference::outcomes(&top, &rules, &login);
        let expected = reference::strictest(&outcomes, &login);
        assert_same(&decision, &expected, &what);
        assert_never_looser(&decision, &outcomes, &login, now, &what);

        let as_if: Vec<_> = outcomes
            .iter()
            .map(|meets| Meets { asks: if meets.report { 2 } else { meets.asks }, ..meets.clone() })
            .collect();
        match &decision.reported {
            Some(reported) => assert_same(reported, &reference::strictest(&as_if, &login), &what),
            None => prop_assert!(!expected.report, "{}", what),
        }

        // Groups: only those of rules whose other keys may match.
        let useful: BTreeSet<_> = rules
            .iter()
            .filter(|rule| reference::conditions(rule, &login)[..3].iter().all(|value| *value != Some(false)))
            .flat_map(|rule| rule.groups.iter().flatten().map(|name| (*name).to_owned()))
            .collect();
        prop_assert!(facts.asked.is_subset(&useful), "{:?} {}", facts.asked, what);
        let again = policy.explain(&subject, &mut Drawn { login: &login, asked: BTreeSet::new() });
        prop_assert_eq!(again.decision, decision);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damage_to_a_text_is_read_without_panic_and_never_loosens_unseen(
        cuts in proptest::collection::vec((any::<proptest::sample::Index>(), 0..6_usize, any::<[u8; 2]>()), 1..6),
    ) {
        let mut text = include_bytes!("texts/design.toml").to_vec();
        for (at, cut, put) in cuts {
            let at = at.index(text.len());
            let end = (at + cut).min(text.len());
            text.splice(at..end, put.into_iter().take(cut % 3));
        }
        let damaged = SourceFile { path: "policy.toml", text: Ok(&text) };
        let policy = Policy::parse(&damaged, &[]);
        let login = Login { user: "ana", service: "sshd", rhost: None, day: 0, behind: false, groups: GROUPS_UNKNOWN };
        let subject = Subject { uid: 1, gid: 1, now: NOW, clock_is_behind: false, user: "ana", service: "sshd", rhost: None };
        let decision = policy.decide(&subject, &mut Drawn { login: &login, asked: BTreeSet::new() });
        // No small damage to this text says `require_mfa = false`, so the answer stays the same or gets stricter.
        prop_assert_eq!(decision.requirement, Requirement::Required);
        if !policy.faults().is_empty() {
            prop_assert_eq!(decision.unenrolled, Unenrolled::Deny);
            prop_assert!(policy.faults().iter().all(|fault| fault.line.is_some() && !fault.mend.is_empty()));
        }
    }
}

const GROUPS_UNKNOWN: [(&str, Option<bool>); 4] =
    [("erp", None), ("ghost", None), ("slow", None), ("wheel", None)];
