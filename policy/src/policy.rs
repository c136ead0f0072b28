//! A policy that was read: sound, or the strictest with its faults inside.

use toml::de::DeTable;

use crate::decision::Store;
use crate::fault::Fault;
use crate::keys::Level;
use crate::plain;
use crate::reader::{Key, Reader, Value};
use crate::rule::Rule;
use crate::settings::{DEFAULT_ACCOUNT_REQUIRED, Top};
use crate::source::{self, Place, Source, SourceFile};
use crate::throttle::Throttle;
use crate::trial;

/// The policy in force: the top level of policy.toml and all rules in the order in which they are tried.
#[derive(Clone, Debug)]
pub struct Policy {
    pub(crate) sources: Vec<Source>,
    pub(crate) top: Top,
    pub(crate) rules: Vec<Rule>,
    pub(crate) faults: Vec<Fault>,
    hash: [u8; 32],
}

impl Policy {
    /// Reads policy.toml and the drop-ins of policy.d, which may come in any order. Never fails: a fault anywhere makes
    /// the whole the strictest policy (`require_mfa = true`, `unenrolled = "deny"`, no rules, defaults elsewhere; of
    /// `account_required` what can be read of it, and the default besides).
    pub fn parse(main: &SourceFile<'_>, drop_ins: &[SourceFile<'_>]) -> Policy {
        Policy::read(main, drop_ins, Level::Top)
    }

    /// As [`Policy::parse`]; at [`Level::Trial`] the main file may carry a `trial` table, which is passed over.
    pub(crate) fn read(main: &SourceFile<'_>, drop_ins: &[SourceFile<'_>], level: Level) -> Policy {
        let mut files: Vec<_> = drop_ins.iter().collect();
        files.sort_by_key(|file| file.name());
        files.push(main);
        let hash = source::hash(files.iter().copied());
        let mut reading = Reading { top: Top::default(), rules: Vec::new(), faults: Vec::new() };
        let mut sources = Vec::with_capacity(files.len());
        for (number, file) in files.iter().enumerate() {
            let level = if number + 1 == files.len() { level } else { Level::DropIn };
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            let source = match source::open(file) {
                Ok(source) => {
                    reading.file(number, &source, level);
                    source
                }
                Err(fault) => {
                    reading.faults.push(fault);
                    // An empty stand-in, so that places keep their file numbers.
                    Source::new(file.path, "")
                }
            };
            sources.push(source);
        }
        let Reading { mut top, mut rules, faults } = reading;
        if !faults.is_empty() {
            // A broken policy opens nothing that it closed before: what it still says of this can only be stricter.
            top = Top { account_required: top.account_required, ..Top::strictest() };
            rules.clear();
        }
        Policy { sources, top, rules, faults, hash }
    }

    /// What is wrong with it, file by file in the order read; empty if it is sound.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// SHA-256 over the texts read: the drop-ins by file name, then policy.toml, as
    /// `cat policy.d/*.toml policy.toml | sha256sum` computes it.
    pub fn hash(&self) -> [u8; 32] {
        self.hash
    }

    /// The hash in hexadecimal, 64 letters; the log prints `policy=sha256:` and the first 12.
    pub fn hash_hex(&self) -> String {
        hex(&self.hash)
    }

    /// How many codes are asked for in one login, 1 to 10.
    pub fn attempts(&self) -> u8 {
        u8::try_from(self.top.attempts.value).unwrap_or(3)
    }

    /// What the app shows; `None` stands for the short host name.
    pub fn issuer(&self) -> Option<&str> {
        self.top.issuer.as_ref().map(|set| set.value.as_str())
    }

    /// Whom to ask for help, shown with every refusal and enrolment.
    pub fn help(&self) -> Option<&str> {
        self.top.help.as_ref().map(|set| set.value.as_str())
    }

    /// How wrong codes are slowed down.
    pub fn throttle(&self) -> &Throttle {
        &self.top.throttle.value
    }

    /// Where new credentials are written.
    pub fn credential_store(&self) -> Store {
        self.top.credential_store.value
    }

    /// Whether a login of this service that bypassed the auth hook is refused.
    pub fn account_required(&self, service: &str) -> bool {
        let by_default = DEFAULT_ACCOUNT_REQUIRED.contains(&service);
        match &self.top.account_required {
            Some(services) => services.value.contains(service) || (by_default && !self.faults.is_empty()),
            None => by_default,
        }
    }

    /// File and line of a place.
    pub(crate) fn line(&self, place: Place) -> Option<(&str, u32)> {
        let source = self.sources.get(place.file as usize)?;
        Some((&source.path, source.line(place.offset as usize)))
    }

    /// The path of the file that a place is in.
    pub(crate) fn file(&self, place: Place) -> &str {
        self.sources.get(place.file as usize).map_or("", |source| &source.path)
    }
}

/// What has been read so far.
struct Reading {
    top: Top,
    rules: Vec<Rule>,
    faults: Vec<Fault>,
}

impl Reading {
    fn file(&mut self, number: u32, source: &Source, level: Level) {
        let (document, errors) = plain::read(&source.text)
            .map_or_else(|| DeTable::parse_recoverable(&source.text), |document| (document, Vec::new()));
        let earlier = self.faults.len();
        let mut reader = Reader { file: number, source, faults: &mut self.faults };
        if !errors.is_empty() {
            // What was recovered from a text that is not TOML would only yield faults that mislead.
            for error in errors {
                syntax(&mut reader, &error, earlier);
            }
            in_order(&mut self.faults, earlier);
            return;
        }
        for (key, value) in document.get_ref() {
            let known = match (&**key.get_ref(), level) {
                ("rule", _) => {
                    rules(&mut reader, key, value, &mut self.rules);
                    true
                }
                // Checked below.
                ("trial", Level::Trial) => true,
                (_, Level::DropIn) => false,
                _ => self.top.read(&mut reader, key, value),
            };
            if !known {
                reader.unknown(if level == Level::DropIn { level } else { Level::Top }, key);
            }
        }
        if level != Level::DropIn && !document.get_ref().contains_key("require_mfa") {
            let mend = "add require_mfa = true, false or \"report\" above the first table";
            reader.fault(0, "require_mfa is missing", mend);
        }
        if level == Level::Trial {
            trial::check(&mut reader, document.get_ref());
        }
        in_order(&mut self.faults, earlier);
    }
}

/// The tree is sorted by key, and the parser checks values last; people read from top to bottom.
fn in_order(faults: &mut [Fault], earlier: usize) {
    faults.get_mut(earlier..).unwrap_or_default().sort_by_key(|fault| (fault.line, fault.column));
}

/// Notes a syntax error; of several in one line only the first, since the others mostly follow from it.
fn syntax(reader: &mut Reader<'_>, error: &toml::de::Error, earlier: usize) {
    let at = error.span().map_or(0, |span| span.start);
    let line = reader.source.line(at);
    if reader.faults.iter().skip(earlier).any(|fault| fault.line == Some(line)) {
        return;
    }
    let mend = match error.message() {
        "duplicate key" => "keep one of the two",
        _ => "write the line as TOML wants it: key = value, texts in quotes, dates without",
    };
    reader.fault(at, error.message(), mend);
}

fn rules(reader: &mut Reader<'_>, key: &Key<'_>, value: &Value<'_>, rules: &mut Vec<Rule>) {
    let Some(list) = value.get_ref().as_array() else {
        let mend = "write [[rule]] with two brackets, once for each rule";
        return reader.fault(key.span().start, "rule is not a list of tables", mend);
    };
    rules.reserve(list.len());
    for (number, item) in (1..).zip(list.iter()) {
        rules.extend(Rule::read(reader, number, item));
    }
}

fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
