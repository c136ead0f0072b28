//! What every test of the policy needs: texts as files, a login, and groups that are known, unknown or out of reach.
#![allow(dead_code)]

use std::collections::BTreeMap;

use twinlock_policy::{Decision, Facts, Membership, Policy, SourceFile, Subject};

/// 2027-01-15 12:00 UTC.
pub const NOW: i64 = 1_800_014_400;
pub const DAY: i64 = 86_400;

pub fn file<'a>(path: &'a str, text: &'a str) -> SourceFile<'a> {
    SourceFile { path, text: Ok(text.as_bytes()) }
}

/// A policy of one file.
pub fn policy(text: &str) -> Policy {
    Policy::parse(&file("policy.toml", text), &[])
}

/// A policy of one file that must be sound.
pub fn sound(text: &str) -> Policy {
    let policy = policy(text);
    assert_eq!(policy.faults(), [], "{text}");
    policy
}

/// Ana over SSH from 192.0.2.7; a test changes what it is about.
pub fn ana() -> Subject<'static> {
    Subject {
        user: "ana",
        uid: 1000,
        gid: 1000,
        service: "sshd",
        rhost: Some("192.0.2.7"),
        now: NOW,
        clock_is_behind: false,
    }
}

/// Groups by name: `erp` and `edi` yes, `sales` no, anything else unknown. Asking twice for one name is an error.
#[derive(Default)]
pub struct Groups {
    pub asked: BTreeMap<String, u32>,
}

impl Facts for Groups {
    fn in_group(&mut self, group: &str) -> Membership {
        let times = self.asked.entry(group.to_owned()).or_default();
        *times += 1;
        assert_eq!(*times, 1, "{group} was asked for twice");
        match group {
            "erp" | "edi" => Membership::Yes,
            "sales" => Membership::No,
            _ => Membership::Unknown("no such group".to_owned()),
        }
    }
}

pub fn decide(policy: &Policy, subject: &Subject<'_>) -> Decision {
    policy.decide(subject, &mut Groups::default())
}
