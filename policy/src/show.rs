//! What is in force and where it is written, for `policy show` and for the checks that need NSS (unknown groups, users
//! that cannot enrol).

use crate::date::Date;
use crate::decision::{Store, Unenrolled};
use crate::policy::Policy;
use crate::rule::Rule;
use crate::settings::{DEFAULT_ACCOUNT_REQUIRED, DEFAULT_ENROLL_AT, Demands, RequireMfa};
use crate::source::{Place, Setting};

/// One setting in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The key; those of `[throttle]` as `throttle.first_wait`.
    pub key: &'static str,
    /// The value as TOML; durations in seconds.
    pub value: String,
    /// File and line, from 1; `None` for a default, and for what a broken policy falls back to.
    pub from: Option<(String, u32)>,
}

impl Policy {
    /// The top level in force, defaults included; settings without a value (no date, no help) are left out.
    pub fn settings(&self) -> Vec<Shown> {
        let top = &self.top;
        let mut shown = self.demands(&top.demands);
        let mut add = |key, value, place| shown.push(self.shown(key, value, place));
        if top.demands.unenrolled.is_none() {
            add("unenrolled", word(Unenrolled::Enroll), None);
        }
        if top.demands.remember.is_none() {
            add("remember", seconds(0), None);
        }
        if top.demands.enroll_at.is_none() {
            add("enroll_at", list(DEFAULT_ENROLL_AT.iter().copied()), None);
        }
        match &top.account_required {
            Some(set) => add("account_required", list(set.value.iter()), set.place),
            None => add("account_required", list(DEFAULT_ACCOUNT_REQUIRED.iter().copied()), None),
        }
        for (key, text) in [("issuer", &top.issuer), ("help", &top.help)] {
            if let Some(text) = text {
                add(key, format!("{:?}", text.value), text.place);
            }
        }
        add("attempts", top.attempts.value.to_string(), top.attempts.place);
        let store = match top.credential_store.value {
            Store::Home => "\"home\"",
            Store::System => "\"system\"",
        };
        add("credential_store", store.to_owned(), top.credential_store.place);
        let (throttle, place) = (&top.throttle.value, top.throttle.place);
        add("throttle.free_failures", throttle.free_failures.to_string(), place);
        add("throttle.first_wait", seconds(throttle.first_wait), place);
        add("throttle.longest_wait", seconds(throttle.longest_wait), place);
        add("throttle.disable_after", throttle.disable_after.to_string(), place);
        shown
    }

    /// The rules in the order in which they are tried; none if the policy is broken.
    pub fn rules(&self) -> impl Iterator<Item = RuleView<'_>> {
        self.rules.iter().map(move |rule| RuleView { policy: self, rule })
    }

    fn demands(&self, demands: &Demands) -> Vec<Shown> {
        let mut shown = Vec::new();
        let mut add = |key, value: Option<(String, Option<Place>)>| {
            shown.extend(value.map(|(value, place)| self.shown(key, value, place)));
        };
        add("require_mfa", written(&demands.require_mfa, |mfa| mfa_word(*mfa).to_owned()));
        add("unenrolled", written(&demands.unenrolled, |unenrolled| word(*unenrolled)));
        add("enroll_by", written(&demands.enroll_by, Date::to_string));
        add("grace_days", written(&demands.grace_days, u32::to_string));
        add("remember", written(&demands.remember, |time| seconds(*time)));
        add("enroll_at", written(&demands.enroll_at, |services| list(services.iter())));
        shown
    }

    fn shown(&self, key: &'static str, value: String, place: Option<Place>) -> Shown {
        let from = place.and_then(|place| self.line(place));
        Shown { key, value, from: from.map(|(file, line)| (file.to_owned(), line)) }
    }
}

/// A rule in force, to read.
#[derive(Clone, Copy, Debug)]
pub struct RuleView<'p> {
    policy: &'p Policy,
    rule: &'p Rule,
}

impl<'p> RuleView<'p> {
    /// Its name, or its number in its file.
    pub fn label(&self) -> String {
        self.rule.label()
    }

    /// The file it is in, and the line of its `[[rule]]`, from 1.
    pub fn from(&self) -> (&'p str, u32) {
        self.policy.line(self.rule.place).unwrap_or_default()
    }

    /// The users named; none if the rule has no `users`.
    pub fn users(&self) -> impl Iterator<Item = &'p str> {
        self.rule.users.iter().flat_map(|set| set.value.iter())
    }

    /// The groups named; none if the rule has no `groups`.
    pub fn groups(&self) -> impl Iterator<Item = &'p str> {
        self.rule.groups.iter().flat_map(|set| set.value.iter())
    }

    /// The line of its `groups`, from 1.
    pub fn groups_line(&self) -> Option<u32> {
        let place = self.rule.groups.as_ref()?.place?;
        self.policy.line(place).map(|(_, line)| line)
    }

    /// The services named; none if the rule has no `services`.
    pub fn services(&self) -> impl Iterator<Item = &'p str> {
        self.rule.services.iter().flat_map(|set| set.value.iter())
    }

    /// The networks as written in CIDR, "local" first; empty if the rule has no `networks`.
    pub fn networks(&self) -> Vec<String> {
        let Some(set) = &self.rule.networks else { return Vec::new() };
        let local = set.value.local.then(|| "local".to_owned());
        local.into_iter().chain(set.value.nets.iter().map(ToString::to_string)).collect()
    }

    /// The last day of an exemption; `None` if it is none.
    pub fn exempt_until(&self) -> Option<Date> {
        self.rule.exempt.as_ref().map(|exempt| exempt.expires.value)
    }

    /// Why it is there.
    pub fn reason(&self) -> Option<&'p str> {
        self.rule.reason.as_ref().map(|set| set.value.as_str())
    }

    /// By whose leave.
    pub fn approved_by(&self) -> Option<&'p str> {
        self.rule.approved_by.as_ref().map(|set| set.value.as_str())
    }

    /// The settings that it has of its own.
    pub fn settings(&self) -> Vec<Shown> {
        self.policy.demands(&self.rule.demands)
    }
}

fn written<T>(setting: &Option<Setting<T>>, write: impl Fn(&T) -> String) -> Option<(String, Option<Place>)> {
    setting.as_ref().map(|set| (write(&set.value), set.place))
}

fn mfa_word(mfa: RequireMfa) -> &'static str {
    match mfa {
        RequireMfa::True => "true",
        RequireMfa::False => "false",
        RequireMfa::Report => "\"report\"",
    }
}

fn word(unenrolled: Unenrolled) -> String {
    match unenrolled {
        Unenrolled::Enroll => "\"enroll\"".to_owned(),
        Unenrolled::Deny => "\"deny\"".to_owned(),
    }
}

fn seconds(time: u64) -> String {
    format!("\"{time}s\"")
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let quoted: Vec<_> = names.map(|name| format!("{name:?}")).collect();
    format!("[{}]", quoted.join(", "))
}
