//! What the checks need to know of the policy.

use std::collections::BTreeSet;

use twinlock_policy::{Policy, Shown};

/// A policy, as far as stacks and people are concerned.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Somebody must have a code.
    pub requires: bool,
    /// Whoever must have one, and has none, may be led through enrolment.
    pub leads_through_enrolment: bool,
    /// Services where that may happen, by any rule.
    pub enroll_at: BTreeSet<String>,
    /// Services where a login is refused that was never asked.
    pub account_required: BTreeSet<String>,
}

impl Rules {
    /// Sums a policy up.
    pub fn of(policy: &Policy) -> Self {
        let mut rules = Self::default();
        let own = policy.rules().flat_map(|rule| rule.settings());
        for setting in policy.settings().into_iter().chain(own) {
            rules.take(&setting);
        }
        rules
    }

    fn take(&mut self, setting: &Shown) {
        match setting.key {
            "require_mfa" => self.requires |= setting.value == "true",
            "unenrolled" => self.leads_through_enrolment |= setting.value == "\"enroll\"",
            "enroll_at" => self.enroll_at.extend(names(&setting.value)),
            "account_required" => self.account_required.extend(names(&setting.value)),
            _ => {}
        }
    }
}

/// A list of service names, as a policy shows it: they hold nothing that JSON writes otherwise.
fn names(value: &str) -> Vec<String> {
    serde_json::from_str(value).unwrap_or_default()
}
