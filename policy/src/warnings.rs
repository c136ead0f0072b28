//! What is allowed in a sound policy and yet probably not meant. Warnings change no decision.

use std::collections::BTreeMap;

use crate::date::Date;
use crate::fault::Fault;
use crate::names::Names;
use crate::policy::Policy;
use crate::rule::Rule;
use crate::source::{Place, Setting};

/// How long before its end an exemption is warned of, in seconds.
const SOON: i64 = 30 * 86_400;

impl Policy {
    /// What `policy check` should point out at a time (seconds since the epoch), in the order of the files: rules that
    /// are never reached, that share a name or that can match nobody; exemptions expired or within 30 days of it; grace
    /// that has ended. Empty for a broken policy, whose faults come first.
    pub fn warnings(&self, now: i64) -> Vec<Fault> {
        let mut warnings = Vec::new();
        self.ended_grace(&self.top.demands.enroll_by, now, &mut warnings);
        self.shared_names(&mut warnings);
        for (number, rule) in self.rules.iter().enumerate() {
            self.ended_grace(&rule.demands.enroll_by, now, &mut warnings);
            self.exemption(rule, now, &mut warnings);
            if never_matches(rule) {
                let message = format!("rule {:?} matches nobody: nothing of sshd's is local", rule.label());
                warnings.extend(self.warning(rule.place, message, "add a network, or another service"));
            }
            if let Some(shadow) = self.rules.iter().take(number).find(|earlier| covers(earlier, rule)) {
                let message = format!("rule {:?} is never reached", rule.label());
                let mend = format!("move it above rule {:?}, or remove it", shadow.label());
                warnings.extend(self.warning(rule.place, message, &mend));
            }
        }
        warnings
    }

    fn ended_grace(&self, enroll_by: &Option<Setting<Date>>, now: i64, warnings: &mut Vec<Fault>) {
        if let Some(Setting { value: date, place: Some(place) }) = enroll_by
            && now >= date.end()
        {
            let message = format!("the time to enrol ended {date}");
            warnings.extend(self.warning(*place, message, "remove enroll_by, or give another date"));
        }
    }

    fn exemption(&self, rule: &Rule, now: i64, warnings: &mut Vec<Fault>) {
        let Some(exempt) = &rule.exempt else { return };
        let Setting { value: date, place: Some(place) } = &exempt.expires else { return };
        let left = date.end().saturating_sub(now);
        let (verb, mend) = if left <= 0 {
            ("expired", "remove the rule, or have it approved anew with a later date")
        } else if left <= SOON {
            ("expires", "have it approved anew with a later date, or enrol those it exempts")
        } else {
            return;
        };
        warnings.extend(self.warning(*place, format!("exemption {:?} {verb} {date}", rule.label()), mend));
    }

    fn shared_names(&self, warnings: &mut Vec<Fault>) {
        let mut first: BTreeMap<&str, Place> = BTreeMap::new();
        for name in self.rules.iter().filter_map(|rule| rule.name.as_ref()) {
            let Some(place) = name.place else { continue };
            if let Some(earlier) = first.get(name.value.as_str()) {
                let (file, line) = self.line(*earlier).unwrap_or_default();
                let message = format!("the name {:?} is also that of the rule at {file}:{line}", name.value);
                warnings.extend(self.warning(place, message, "give each rule a name of its own"));
            } else {
                first.insert(&name.value, place);
            }
        }
    }

    fn warning(&self, place: Place, message: String, mend: &str) -> Option<Fault> {
        let source = self.sources.get(place.file as usize)?;
        Some(source.fault(place.offset as usize, message, mend.to_owned()))
    }
}

/// Whether the rule wants what never is: no remote host, and sshd.
fn never_matches(rule: &Rule) -> bool {
    rule.networks.as_ref().is_some_and(|set| set.value.local && set.value.nets.is_empty())
        && rule.services.as_ref().is_some_and(|set| set.value.iter().all(|service| service == "sshd"))
}

/// Whether whoever matches `later` matches `earlier` too, and for good: an exemption lets later rules through when it
/// ends.
fn covers(earlier: &Rule, later: &Rule) -> bool {
    let networks = match (&earlier.networks, &later.networks) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(earlier), Some(later)) => earlier.value.cover(&later.value),
    };
    earlier.exempt.is_none()
        && networks
        && names_cover(&earlier.services, &later.services)
        && names_cover(&earlier.groups, &later.groups)
        && names_cover(&earlier.users, &later.users)
}

fn names_cover(earlier: &Option<Setting<Names>>, later: &Option<Setting<Names>>) -> bool {
    match (earlier, later) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(earlier), Some(later)) => later.value.iter().all(|name| earlier.value.contains(name)),
    }
}
