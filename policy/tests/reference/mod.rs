//! An independent, slow evaluator. It shares no code with the crate: it works on the drawn rules, not on their text;
//! it looks addresses up in a table; and it tries every combination of the conditions that cannot be decided.

/// What a rule, or the top, may say; `None` is left out.
#[derive(Clone, Debug, Default)]
pub struct Says {
    pub require_mfa: Option<&'static str>,
    pub deny: Option<bool>,
    /// Days after [`super::scene::NOW`]'s day, negative for before.
    pub enroll_by: Option<i64>,
    pub grace_days: Option<u32>,
    pub remember: Option<u64>,
    pub enroll_at: Option<Vec<&'static str>>,
}

#[derive(Clone, Debug, Default)]
pub struct DrawnRule {
    pub users: Option<Vec<&'static str>>,
    pub groups: Option<Vec<&'static str>>,
    pub services: Option<Vec<&'static str>>,
    pub networks: Option<Vec<&'static str>>,
    /// An exemption with its last day, in days after NOW's day.
    pub exempt: Option<i64>,
    pub says: Says,
}

#[derive(Clone, Debug)]
pub struct Login {
    pub user: &'static str,
    pub service: &'static str,
    pub rhost: Option<&'static str>,
    /// Days after NOW.
    pub day: i64,
    pub behind: bool,
    /// Per group name: in it, not in it, unknown.
    pub groups: [(&'static str, Option<bool>); 4],
}

/// What a user meets under one assignment.
#[derive(Clone, Debug, PartialEq)]
pub struct Meets {
    /// 0 exempt, 1 user-driven, 2 required.
    pub asks: u8,
    pub report: bool,
    pub deny: bool,
    pub here: bool,
    pub enroll_by: Option<i64>,
    /// Days, and the index of the rule that says so; usize::MAX for the top.
    pub grace: Option<(u32, usize)>,
    pub remember: u64,
    pub rule: Option<usize>,
}

/// Which of the networks drawn hold which rhost; `?` cannot be decided.
fn network_holds(network: &str, rhost: Option<&str>, service: &str) -> Option<bool> {
    let inside: &[(&str, &[&str])] = &[
        ("10.1.2.3", &["10.0.0.0/8", "10.1.2.3"]),
        ("192.0.2.9", &["192.0.2.0/24"]),
        ("::ffff:192.0.2.9", &["192.0.2.0/24"]),
        ("2001:db8::5", &["2001:db8::/32"]),
        ("198.51.100.1", &[]),
    ];
    match (network, rhost.filter(|text| !text.is_empty())) {
        ("local", None) => Some(service != "sshd"),
        ("local", Some(_)) | (_, None) => Some(false),
        (_, Some(text)) => {
            inside.iter().find(|(address, _)| *address == text).map(|(_, nets)| nets.contains(&network))
        }
    }
}

/// Kleene's or.
fn any(values: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let values: Vec<_> = values.collect();
    if values.contains(&Some(true)) {
        Some(true)
    } else if values.contains(&None) {
        None
    } else {
        Some(false)
    }
}

/// The four conditions of a rule, in three values each.
pub fn conditions(rule: &DrawnRule, login: &Login) -> [Option<bool>; 4] {
    let group =
        |name: &str| login.groups.iter().find(|(known, _)| *known == name).and_then(|(_, member)| *member);
    [
        rule.services.as_ref().map_or(Some(true), |list| Some(list.contains(&login.service))),
        rule.users.as_ref().map_or(Some(true), |list| Some(list.contains(&login.user))),
        rule.networks.as_ref().map_or(Some(true), |list| {
            any(list.iter().map(|net| network_holds(net, login.rhost, login.service)))
        }),
        rule.groups.as_ref().map_or(Some(true), |list| any(list.iter().map(|name| group(name)))),
    ]
}

/// Every outcome that some assignment of the undecidable conditions leads to.
pub fn outcomes(top: &Says, rules: &[DrawnRule], login: &Login) -> Vec<Meets> {
    let all: Vec<_> = rules.iter().map(|rule| conditions(rule, login)).collect();
    let open = all.iter().flatten().filter(|value| value.is_none()).count();
    let mut found: Vec<Meets> = Vec::new();
    for assignment in 0..1_u32 << open {
        let mut bit = 0;
        let mut decided = None;
        for (index, values) in all.iter().enumerate() {
            // Every open condition has its own bit, whether or not its rule is reached.
            let mut matches = true;
            for value in values {
                matches &= value.unwrap_or_else(|| {
                    bit += 1;
                    assignment >> (bit - 1) & 1 == 1
                });
            }
            let holds = rules[index].exempt.is_none_or(|last| login.day <= last && !login.behind);
            if matches && holds && decided.is_none() {
                decided = Some(index);
            }
        }
        let meets = meets(top, rules, decided, login);
        if !found.contains(&meets) {
            found.push(meets);
        }
    }
    found
}

fn meets(top: &Says, rules: &[DrawnRule], decided: Option<usize>, login: &Login) -> Meets {
    let nothing = Says::default();
    let own = decided.map_or(&nothing, |index| &rules[index].says);
    let mfa = own.require_mfa.or(top.require_mfa).expect("the top always says it");
    let exempt = decided.is_some_and(|index| rules[index].exempt.is_some());
    let defaults = vec!["sshd", "login", "su", "su-l", "sudo", "sudo-i"];
    let enroll_at = own.enroll_at.as_ref().or(top.enroll_at.as_ref()).unwrap_or(&defaults);
    Meets {
        asks: if exempt { 0 } else { 1 + u8::from(mfa == "true") },
        report: !exempt && mfa == "\"report\"",
        deny: own.deny.or(top.deny).unwrap_or(false),
        here: enroll_at.contains(&login.service),
        enroll_by: own.enroll_by.or(top.enroll_by),
        grace: match own.grace_days {
            Some(days) => Some((days, decided.unwrap_or(usize::MAX))),
            None => top.grace_days.map(|days| (days, usize::MAX)),
        },
        remember: own.remember.or(top.remember).unwrap_or(0),
        rule: decided,
    }
}

/// The strictest of outcomes, each attribute for itself: what is said of the unenrolled by those that ask the most,
/// what is remembered by those that ask at all.
pub fn strictest(outcomes: &[Meets], login: &Login) -> Meets {
    let asks = outcomes.iter().map(|meets| meets.asks).max().expect("there is always one");
    let most: Vec<_> = outcomes.iter().filter(|meets| meets.asks == asks).collect();
    let graceless = most.iter().any(|meets| meets.enroll_by.is_none() && meets.grace.is_none());
    let mut starts: Vec<_> = most.iter().filter_map(|meets| meets.grace.map(|(_, rule)| rule)).collect();
    starts.sort_unstable();
    starts.dedup();
    let graceless = graceless || starts.len() > 1;
    let literal = ["10.1.2.3", "192.0.2.9", "::ffff:192.0.2.9", "2001:db8::5", "198.51.100.1"];
    let can_remember = login.rhost.is_some_and(|rhost| literal.contains(&rhost)) && !login.behind;
    let remember = outcomes.iter().filter(|meets| meets.asks > 0).map(|meets| meets.remember).min();
    Meets {
        asks,
        report: outcomes.iter().any(|meets| meets.report),
        deny: most.iter().any(|meets| meets.deny),
        here: most.iter().all(|meets| meets.here),
        enroll_by: if graceless { None } else { most.iter().filter_map(|meets| meets.enroll_by).min() },
        grace: if graceless { None } else { most.iter().filter_map(|meets| meets.grace).min() },
        remember: remember.filter(|_| can_remember).unwrap_or(0),
        // Rules in order, the top last.
        rule: most
            .iter()
            .map(|meets| meets.rule.unwrap_or(usize::MAX))
            .min()
            .filter(|rule| *rule != usize::MAX),
    }
}
