//! The top level of policy.toml, and the settings that a rule may have of its own.

use toml::de::DeValue;

use crate::date::Date;
use crate::decision::{Store, Unenrolled};
use crate::names::{Kind, Names};
use crate::reader::{Key, Reader, Value};
use crate::source::Setting;
use crate::throttle::Throttle;

pub(crate) const DEFAULT_ENROLL_AT: &[&str] = &["sshd", "login", "su", "su-l", "sudo", "sudo-i"];
pub(crate) const DEFAULT_ACCOUNT_REQUIRED: &[&str] = &["sshd"];

/// 90 days, in seconds.
const LONGEST_MEMORY: u64 = 90 * 86_400;

/// The values of `require_mfa`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequireMfa {
    True,
    False,
    Report,
}

/// What a user must do: said at the top, and by any rule for those it matches. What a rule leaves out comes from the
/// top, each key for itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Demands {
    pub require_mfa: Option<Setting<RequireMfa>>,
    pub unenrolled: Option<Setting<Unenrolled>>,
    pub enroll_by: Option<Setting<Date>>,
    pub grace_days: Option<Setting<u32>>,
    pub remember: Option<Setting<u64>>,
    pub enroll_at: Option<Setting<Names>>,
}

impl Demands {
    /// Takes a key if it is one of these; `false` if it is not.
    pub fn read(&mut self, reader: &mut Reader<'_>, key: &Key<'_>, value: &Value<'_>) -> bool {
        match &**key.get_ref() {
            "require_mfa" => self.require_mfa = require_mfa(reader, key, value),
            "unenrolled" => {
                let words = [("enroll", Unenrolled::Enroll), ("deny", Unenrolled::Deny)];
                self.unenrolled = reader.choice(key, value, &words);
            }
            "enroll_by" => self.enroll_by = reader.date(key, value),
            "grace_days" => self.grace_days = reader.number(key, value, 0..=365),
            "remember" => self.remember = reader.duration(key, value, 0..=LONGEST_MEMORY),
            "enroll_at" => self.enroll_at = reader.names(key, value, Kind::Service),
            _ => return false,
        }
        true
    }
}

fn require_mfa(reader: &mut Reader<'_>, key: &Key<'_>, value: &Value<'_>) -> Option<Setting<RequireMfa>> {
    let meaning = match value.get_ref() {
        DeValue::Boolean(true) => RequireMfa::True,
        DeValue::Boolean(false) => RequireMfa::False,
        DeValue::String(word) if word == "true" || word == "false" => {
            reader.refuse(key, value, format_args!("{word} is written without quotes"));
            return None;
        }
        DeValue::String(_) => return reader.choice(key, value, &[("report", RequireMfa::Report)]),
        other => {
            reader.refuse(key, value, format_args!("it does not take a value of type {}", other.type_str()));
            return None;
        }
    };
    Some(reader.place(key, meaning))
}

/// The top level. Its defaults are those of the design, except that a sound policy always says `require_mfa`.
#[derive(Clone, Debug)]
pub(crate) struct Top {
    pub demands: Demands,
    pub issuer: Option<Setting<String>>,
    pub help: Option<Setting<String>>,
    pub attempts: Setting<u32>,
    pub credential_store: Setting<Store>,
    pub account_required: Option<Setting<Names>>,
    pub throttle: Setting<Throttle>,
}

impl Default for Top {
    fn default() -> Top {
        Top {
            demands: Demands::default(),
            issuer: None,
            help: None,
            attempts: Setting::default(3),
            credential_store: Setting::default(Store::Home),
            account_required: None,
            throttle: Setting::default(Throttle::default()),
        }
    }
}

impl Top {
    /// What holds when the policy is broken: everybody needs a code, nobody may enrol, defaults elsewhere.
    pub fn strictest() -> Top {
        let demands = Demands {
            require_mfa: Some(Setting::default(RequireMfa::True)),
            unenrolled: Some(Setting::default(Unenrolled::Deny)),
            ..Demands::default()
        };
        Top { demands, ..Top::default() }
    }

    /// Takes a key of the top level; `false` if it is none.
    pub fn read(&mut self, reader: &mut Reader<'_>, key: &Key<'_>, value: &Value<'_>) -> bool {
        if self.demands.read(reader, key, value) {
            return true;
        }
        match &**key.get_ref() {
            "issuer" => self.issuer = issuer(reader, key, value),
            "help" => self.help = reader.text(key, value, 200),
            "attempts" => replace(&mut self.attempts, reader.number(key, value, 1..=10)),
            "credential_store" => {
                let words = [("home", Store::Home), ("system", Store::System)];
                replace(&mut self.credential_store, reader.choice(key, value, &words));
            }
            "account_required" => self.account_required = reader.names(key, value, Kind::Service),
            "throttle" => {
                if let Some(table) = reader.table(key, value) {
                    let throttle = Throttle::read(reader, key.span().start, table);
                    self.throttle = reader.place(key, throttle);
                }
            }
            _ => return false,
        }
        true
    }
}

/// The key URI format keeps the colon for itself: it parts the issuer from the account.
fn issuer(reader: &mut Reader<'_>, key: &Key<'_>, value: &Value<'_>) -> Option<Setting<String>> {
    let issuer = reader.text(key, value, 64)?;
    if issuer.value.contains(':') {
        reader.refuse(key, value, "the issuer holds a colon");
        return None;
    }
    Some(issuer)
}

fn replace<T>(setting: &mut Setting<T>, read: Option<Setting<T>>) {
    if let Some(read) = read {
        *setting = read;
    }
}
