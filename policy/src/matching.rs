//! Whether a rule matches a subject: yes, no, or not to be decided. The one place that compares anything; deciding and
//! explaining both go through it.

use std::collections::BTreeMap;
use std::fmt;

use crate::date::Date;
use crate::names::Names;
use crate::network::Origin;
use crate::rule::Rule;
use crate::subject::{Facts, Membership, Subject};

/// What keeps a rule from matching. The keys are looked at in this order, so that groups are looked up only when all
/// others match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// The service is not among `services`.
    Service,
    /// The user is not among `users`.
    User,
    /// The address is in none of `networks`.
    Network,
    /// The user is in none of `groups`.
    Group,
    /// All keys match, but the exemption's last day is over.
    Expired(Date),
    /// All keys match, but the clock is behind, so the exemption does not hold.
    ClockBehind,
}

/// What could not be decided about a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// `networks` is given, and PAM_RHOST (this text) is no literal address.
    Address(String),
    /// `groups` is given; the user is in none of those that could be looked up, but this one could not.
    Group {
        /// The group.
        group: String,
        /// What the look-up said.
        why: String,
    },
}

/// The three values of a rule's match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Match {
    Yes,
    No(Mismatch),
    /// Never empty.
    Maybe(Vec<Doubt>),
}

/// Everything a rule is compared with; remembers group look-ups, so that each name is asked for once.
pub(crate) struct Matcher<'s, 'p, 'f> {
    subject: &'s Subject<'s>,
    origin: Origin<'s>,
    facts: &'f mut dyn Facts,
    groups: BTreeMap<&'p str, Membership>,
}

impl<'s, 'p, 'f> Matcher<'s, 'p, 'f> {
    pub fn new(subject: &'s Subject<'s>, facts: &'f mut dyn Facts) -> Self {
        Matcher { subject, origin: Origin::new(subject.rhost), facts, groups: BTreeMap::new() }
    }

    /// Where the subject comes from.
    pub fn origin(&self) -> Origin<'s> {
        self.origin
    }

    /// Compares one rule.
    pub fn compare(&mut self, rule: &'p Rule) -> Match {
        let subject = self.subject;
        let mut doubts = Vec::new();
        if rule.services.as_ref().is_some_and(|set| !set.value.contains(subject.service)) {
            return Match::No(Mismatch::Service);
        }
        if rule.users.as_ref().is_some_and(|set| !set.value.contains(subject.user)) {
            return Match::No(Mismatch::User);
        }
        if let Some(networks) = &rule.networks {
            match (networks.value.contain(self.origin, subject.service), self.origin) {
                (Some(true), _) => {}
                (None, Origin::Unreadable(rhost)) => doubts.push(Doubt::Address(rhost.to_owned())),
                (Some(false) | None, _) => return Match::No(Mismatch::Network),
            }
        }
        if let Some(groups) = &rule.groups
            && !self.in_any(&groups.value, &mut doubts)
        {
            return Match::No(Mismatch::Group);
        }
        if let Some(exempt) = &rule.exempt {
            // Last, so that the log speaks of an ended exemption only to those whom it would have let through.
            if subject.clock_is_behind {
                return Match::No(Mismatch::ClockBehind);
            }
            if subject.now >= exempt.expires.value.end() {
                return Match::No(Mismatch::Expired(exempt.expires.value));
            }
        }
        if doubts.is_empty() { Match::Yes } else { Match::Maybe(doubts) }
    }

    /// Whether the subject may be in one of the groups; what stands in doubt is added to `doubts`.
    fn in_any(&mut self, groups: &'p Names, doubts: &mut Vec<Doubt>) -> bool {
        let certain = doubts.len();
        for group in groups.iter() {
            let facts = &mut *self.facts;
            match self.groups.entry(group).or_insert_with(|| facts.in_group(group)) {
                Membership::Yes => {
                    doubts.truncate(certain);
                    return true;
                }
                Membership::No => {}
                Membership::Unknown(why) => {
                    doubts.push(Doubt::Group { group: group.to_owned(), why: why.clone() });
                }
            }
        }
        doubts.len() > certain
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mismatch::Service => f.write_str("the service is not among its services"),
            Mismatch::User => f.write_str("the user is not among its users"),
            Mismatch::Network => f.write_str("the address is in none of its networks"),
            Mismatch::Group => f.write_str("the user is in none of its groups"),
            Mismatch::Expired(on) => write!(f, "it expired {on}"),
            Mismatch::ClockBehind => f.write_str("the clock is behind, so no exemption holds"),
        }
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Doubt::Address(rhost) => write!(f, "{rhost:?} is no address"),
            Doubt::Group { group, why } => write!(f, "group {group:?} unknown ({why})"),
        }
    }
}
