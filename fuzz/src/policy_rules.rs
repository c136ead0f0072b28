//! Decisions of sound policies with rules of every kind: in doubt, late, or by a bad clock never looser. The rules are
//! drawn, so that far more of them are sound than when texts are.

use std::fmt::Write;

use twinlock_policy::{Date, Policy, SourceFile, Subject};

use crate::parts::Parts;
use crate::people::NOW;
use crate::policy::{
    self,
    checks::{self, Groups},
};

const USERS: [&str; 3] = ["ana", "bob", "edi"];
const GROUPS: [&str; 5] = ["erp", "ghost", "slow", "wheel", "edi"];
const SERVICES: [&str; 4] = ["sshd", "login", "su", "swaylock"];
const NETWORKS: [&str; 6] =
    ["10.0.0.0/8", "10.1.2.3", "192.0.2.0/24", "2001:db8::/32", "::ffff:10.20.0.0/112", "local"];
const RHOSTS: [Option<&str>; 9] = [
    None,
    Some(""),
    Some("host.example"),
    Some("10.1.2.3"),
    Some("192.0.2.9"),
    Some("2001:db8::5"),
    Some("198.51.100.1"),
    Some("fe80::1%eth0"),
    Some("192.0.2.1.evil.example"),
];

pub fn run(bytes: &[u8]) -> bool {
    let mut parts = Parts(bytes);
    let subject = Subject {
        user: parts.pick(&USERS),
        uid: 1000,
        gid: 1000,
        service: parts.pick(&SERVICES),
        rhost: parts.pick(&RHOSTS),
        now: day(parts.byte()),
        clock_is_behind: parts.byte() == 1,
    };
    let groups = Groups::new(parts.byte(), parts.byte());
    let mut main = format!("require_mfa = {}\n", parts.pick(&["true", "false", "\"report\""]));
    says(&mut main, &mut parts);
    let mut drop_in = String::new();
    let most = parts.below(7);
    for number in 0..most {
        let text = if parts.flag() { &mut drop_in } else { &mut main };
        rule(text, number, &mut parts);
    }
    let file = |path, text| SourceFile { path, text: Ok(text) };
    let files = [file("policy.toml", main.as_bytes()), file("policy.d/a.toml", drop_in.as_bytes())];
    let [policy_toml, drop_ins @ ..] = &files;
    let policy = Policy::parse(policy_toml, drop_ins);
    assert_eq!(policy.faults(), [], "{drop_in}---\n{main}");
    policy::both_readers_agree(&policy, policy_toml, drop_ins, &subject, &groups);
    let decision = policy.decide(&subject, &mut groups.clone());
    assert_eq!(policy.explain(&subject, &mut groups.clone()).decision, decision);
    checks::settled_doubts_are_never_stricter(&policy, &subject, &groups, &main);
    checks::time_and_a_bad_clock_never_loosen(&policy, &subject, &groups);
    true
}

/// A day within some months of now.
fn day(byte: u8) -> i64 {
    NOW + (i64::from(byte) - 128) * 86_400
}

/// What the top, or a rule that is no exemption, says.
fn says(text: &mut String, parts: &mut Parts<'_>) {
    let given = parts.byte();
    let mut line = |bit: u8, key: &str, value: String| {
        if given >> bit & 1 == 1 {
            writeln!(text, "{key} = {value}").unwrap();
        }
    };
    line(0, "unenrolled", parts.pick(&["\"enroll\"", "\"deny\""]).to_owned());
    line(1, "enroll_by", Date::of(day(parts.byte())).to_string());
    line(2, "grace_days", (parts.byte()).to_string());
    line(3, "remember", parts.pick(&["\"0s\"", "\"60s\"", "\"12h\""]).to_owned());
    line(4, "enroll_at", format!("{:?}", parts.some_of(&SERVICES)));
}

fn rule(text: &mut String, number: usize, parts: &mut Parts<'_>) {
    writeln!(text, "[[rule]]").unwrap();
    if parts.flag() {
        writeln!(text, "name = \"{number}\"").unwrap();
    }
    let lists: [(&str, Vec<&str>); 4] = [
        ("users", parts.some_of(&USERS)),
        ("groups", parts.some_of(&GROUPS)),
        ("services", parts.some_of(&SERVICES)),
        ("networks", parts.some_of(&NETWORKS)),
    ];
    let mut matches_somebody = false;
    for (key, list) in lists.iter().filter(|(_, list)| !list.is_empty()) {
        matches_somebody = true;
        writeln!(text, "{key} = {list:?}").unwrap();
    }
    if !matches_somebody {
        writeln!(text, "users = [\"ana\"]").unwrap();
    }
    match parts.byte() % 5 {
        0 | 1 => {
            let last = Date::of(day(parts.byte()));
            writeln!(text, "exempt = true\nreason = \"r\"\napproved_by = \"a\"\nexpires = {last}").unwrap();
        }
        2 => says(text, parts),
        _ => {
            writeln!(text, "require_mfa = {}", parts.pick(&["true", "false", "\"report\""])).unwrap();
            says(text, parts);
        }
    }
}
