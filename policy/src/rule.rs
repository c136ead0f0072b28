//! A `[[rule]]`: whom it matches, and what it says of them.

use toml::de::{DeTable, DeValue};

use crate::date::Date;
use crate::keys::{self, Level};
use crate::names::{Kind, Names};
use crate::network::Networks;
use crate::reader::{Key, Reader, Value};
use crate::settings::Demands;
use crate::source::{Place, Setting};

/// One rule. Every matcher given must match, and at least one is given.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    /// Where its `[[rule]]` stands.
    pub place: Place,
    /// Its number within its file, from 1.
    pub number: u32,
    pub name: Option<Setting<String>>,
    pub users: Option<Setting<Names>>,
    pub groups: Option<Setting<Names>>,
    pub services: Option<Setting<Names>>,
    pub networks: Option<Setting<Networks>>,
    pub demands: Demands,
    pub exempt: Option<Exemption>,
    pub reason: Option<Setting<String>>,
    pub approved_by: Option<Setting<String>>,
}

/// What makes a rule an exemption.
#[derive(Clone, Debug)]
pub(crate) struct Exemption {
    /// Where its `exempt = true` stands.
    pub place: Option<Place>,
    /// Its last day.
    pub expires: Setting<Date>,
}

impl Rule {
    /// What messages call it: its name, or its number.
    pub fn label(&self) -> String {
        match &self.name {
            Some(name) => name.value.clone(),
            None => format!("number {}", self.number),
        }
    }

    /// Reads one table of `rule`. What comes back is only of use if no fault was noted.
    pub fn read(reader: &mut Reader<'_>, number: u32, value: &Value<'_>) -> Option<Rule> {
        let at = value.span().start;
        let DeValue::Table(table) = value.get_ref() else {
            reader.fault(at, "a rule is not a table", "write each rule as a [[rule]] table of its own");
            return None;
        };
        let mut rule = Rule::empty(reader.at(at), number);
        let mut exempt = None;
        let mut expires = None;
        for (key, value) in table {
            if rule.demands.read(reader, key, value) {
                continue;
            }
            match &**key.get_ref() {
                "name" => rule.name = reader.text(key, value, 100),
                "users" => {
                    let read = reader.names(key, value, Kind::User);
                    rule.users = list(reader, key, value, read);
                }
                "groups" => {
                    let read = reader.names(key, value, Kind::Group);
                    rule.groups = list(reader, key, value, read);
                }
                "services" => {
                    let read = reader.names(key, value, Kind::Service);
                    rule.services = list(reader, key, value, read);
                }
                "networks" => {
                    let read = reader.networks(key, value);
                    rule.networks = list(reader, key, value, read);
                }
                "exempt" => exempt = reader.flag(key, value),
                "reason" => rule.reason = reader.text(key, value, 200),
                "approved_by" => rule.approved_by = reader.text(key, value, 100),
                "expires" => expires = reader.date(key, value),
                _ => reader.unknown(Level::Rule, key),
            }
        }
        // What was read is there; the table is searched only for what was not.
        let whom =
            [rule.users.is_some(), rule.groups.is_some(), rule.services.is_some(), rule.networks.is_some()];
        if !whom.contains(&true) && MATCHERS.iter().all(|matcher| !table.contains_key(*matcher)) {
            let mend = "add users, groups, services or networks; what holds for everybody stands at the top";
            reader.fault(at, "the rule says nothing about whom it matches", mend);
        }
        match exempt {
            Some(Setting { value: true, place }) => {
                check_exemption(reader, at, table, &rule, expires.is_some());
                rule.exempt = expires.map(|expires| Exemption { place, expires });
            }
            // The value of exempt is a fault already.
            None if table.contains_key("exempt") => {}
            Some(_) | None => {
                if let Some((key, _)) = table.get_key_value("expires") {
                    let mend = "add exempt = true, or remove expires: only an exemption ends by itself";
                    reader.fault(key.span().start, "expires stands in a rule that is no exemption", mend);
                }
            }
        }
        Some(rule)
    }

    fn empty(place: Place, number: u32) -> Rule {
        Rule {
            place,
            number,
            name: None,
            users: None,
            groups: None,
            services: None,
            networks: None,
            demands: Demands::default(),
            exempt: None,
            reason: None,
            approved_by: None,
        }
    }
}

const MATCHERS: [&str; 4] = ["users", "groups", "services", "networks"];

/// A matcher that lists nothing would match nobody, which is never what was meant.
fn list<T>(
    reader: &mut Reader<'_>,
    key: &Key<'_>,
    value: &Value<'_>,
    read: Option<Setting<T>>,
) -> Option<Setting<T>> {
    if value.get_ref().as_array().is_some_and(|list| list.is_empty()) {
        reader.refuse(key, value, "the list is empty, so the rule would match nobody");
    }
    read
}

/// An exemption answers for itself: why, by whose leave, until when; and it demands nothing.
fn check_exemption(reader: &mut Reader<'_>, at: usize, table: &DeTable<'_>, rule: &Rule, expires: bool) {
    let read = [
        ("reason", rule.reason.is_some()),
        ("approved_by", rule.approved_by.is_some()),
        ("expires", expires),
    ];
    for (key, read) in read {
        if !read && !table.contains_key(key) {
            let mend = format!("add {}", keys::example(key));
            reader.fault(at, format!("the exemption lacks {key}"), mend);
        }
    }
    for key in table.keys() {
        let name: &str = key.get_ref();
        if ["require_mfa", "unenrolled", "enroll_by", "grace_days", "remember", "enroll_at"].contains(&name) {
            let message = format!("{name} stands in an exemption, where it has no effect");
            reader.fault(key.span().start, message, format!("remove {name}, or exempt"));
        }
    }
}
