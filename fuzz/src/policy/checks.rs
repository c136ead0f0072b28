//! What holds of every decision of a sound policy.

use std::collections::BTreeMap;

use ipnet::IpNet;
use twinlock_policy::{Decision, Facts, Grace, Membership, Policy, Requirement, Subject, Unenrolled, grace};

/// Addresses that a doubtful one is settled as, besides those that the text names.
pub const ADDRESSES: [&str; 5] = ["192.0.2.9", "10.1.2.3", "2001:db8::5", "198.51.100.1", "::ffff:10.20.0.1"];

/// Group look-ups: which answer a name gets depends on it and on two numbers.
#[derive(Clone)]
pub struct Groups {
    salt: u8,
    /// How many of 256 names are unknown.
    unknown: u8,
    /// Unknown ones are settled, by this number.
    settled: Option<u8>,
    asked: BTreeMap<String, Membership>,
}

impl Groups {
    pub fn new(salt: u8, unknown: u8) -> Self {
        Self { salt, unknown, settled: None, asked: BTreeMap::new() }
    }

    fn settled(&self, by: u8) -> Self {
        Self { settled: Some(by), ..Self::new(self.salt, self.unknown) }
    }

    fn has_doubts(&self) -> bool {
        self.asked.values().any(|answer| matches!(answer, Membership::Unknown(_)))
    }
}

impl Facts for Groups {
    fn in_group(&mut self, group: &str) -> Membership {
        let number = group.bytes().fold(self.salt, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte));
        let of = |yes: bool| if yes { Membership::Yes } else { Membership::No };
        let answer = match self.settled {
            _ if number >= self.unknown => of(number & 1 == 1),
            None => Membership::Unknown("no such group".to_owned()),
            Some(by) => of(number.wrapping_mul(by | 1).count_ones() & 1 == u32::from(by & 1)),
        };
        assert!(self.asked.insert(group.to_owned(), answer.clone()).is_none(), "a group is looked up twice");
        answer
    }
}

/// Whatever the doubts turn out to be: the decision made in doubt is no looser than the one that knows.
pub fn settled_doubts_are_never_stricter(
    policy: &Policy,
    subject: &Subject<'_>,
    groups: &Groups,
    text: &str,
) {
    let mut asked = groups.clone();
    let decision = policy.decide(subject, &mut asked);
    let is_address = |rhost: &str| rhost.is_empty() || rhost.parse::<std::net::IpAddr>().is_ok();
    let is_doubtful = subject.rhost.is_some_and(|rhost| !is_address(rhost));
    if !is_doubtful && !asked.has_doubts() {
        return;
    }
    let named: Vec<String> = if is_doubtful { addresses(text) } else { Vec::new() };
    let places = ADDRESSES.iter().copied().chain(named.iter().map(String::as_str)).map(Some);
    let rhosts: Vec<_> = if is_doubtful { places.collect() } else { vec![subject.rhost; 4] };
    for (by, rhost) in (0u8..).zip(rhosts) {
        let known = policy.decide(&Subject { rhost, ..*subject }, &mut groups.settled(by));
        is_never_looser(&decision, &known, subject);
        let strict = |decision: &Decision| decision.reported.as_deref().unwrap_or(decision).clone();
        is_never_looser(&strict(&decision), &strict(&known), subject);
    }
}

/// Beginnings of networks that a text names.
fn addresses(text: &str) -> Vec<String> {
    let words = text.split(|letter: char| !letter.is_ascii_hexdigit() && !".:/".contains(letter));
    words.filter_map(|word| word.parse::<IpNet>().ok()).map(|net| net.addr().to_string()).take(4).collect()
}

fn is_never_looser(decision: &Decision, other: &Decision, subject: &Subject<'_>) {
    assert!(decision.requirement >= other.requirement, "looser in doubt: {decision:?} {other:?}");
    if other.requirement != Requirement::Exempt {
        assert!(decision.remember <= other.remember, "remembered for longer in doubt");
    }
    let (now, behind) = (subject.now, subject.clock_is_behind);
    for start in [None, Some(now), Some(now - 2 * 86_400), Some(now - 200 * 86_400), Some(now + 1)] {
        let hardship = |decision: &Decision| hardship(decision, start, now, behind);
        assert!(hardship(decision) >= hardship(other), "easier in doubt: {decision:?} {other:?}");
    }
}

/// How hard a login is for somebody who is not enrolled: passes, may skip, must enrol, is refused.
fn hardship(decision: &Decision, start: Option<i64>, now: i64, behind: bool) -> u8 {
    let is_in_grace = matches!(grace(decision, start, now, behind), Grace::Until(_));
    let is_refused = decision.unenrolled == Unenrolled::Deny || !decision.enroll_here;
    match (decision.requirement, is_in_grace, is_refused) {
        (Requirement::Exempt | Requirement::UserDriven, ..) => 0,
        (Requirement::Required, true, _) => 1,
        (Requirement::Required, false, false) => 2,
        (Requirement::Required, false, true) => 3,
    }
}

/// An exemption ends, and never holds while the clock is behind; neither does grace or memory.
pub fn time_and_a_bad_clock_never_loosen(policy: &Policy, subject: &Subject<'_>, groups: &Groups) {
    let decide = |subject: &Subject<'_>| policy.decide(subject, &mut groups.clone());
    let decision = decide(subject);
    let later = decide(&Subject { now: subject.now.saturating_add(100 * 365 * 86_400), ..*subject });
    assert!(later.requirement >= decision.requirement, "time loosens");
    for now in [subject.now, 0, i64::MIN, i64::MAX] {
        let behind = decide(&Subject { clock_is_behind: true, now, ..*subject });
        assert!(behind.requirement >= decision.requirement && behind.requirement != Requirement::Exempt);
        assert_eq!(behind.remember, 0, "remembered by a bad clock");
        assert!(matches!(grace(&behind, Some(now), now, true), Grace::Over(_)), "grace by a bad clock");
    }
}
