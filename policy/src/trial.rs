//! A policy on trial. It is data, not a timer: trial.toml says from when until when and on which boot it holds, and is
//! passed over otherwise, so that a crash, a reboot or a lost connection falls back by itself.
//!
//! The file is one line, `trial = { start = ..., deadline = ..., boot_id = "..." }`, and below it the text that stands
//! in for policy.toml while the trial lasts. Drop-ins stay in force.

use toml::de::DeTable;

use crate::date;
use crate::keys::{self, Level};
use crate::policy::Policy;
use crate::reader::{Key, Reader, Value};
use crate::source::{self, SourceFile};

/// A trial longer than this is no trial, in seconds.
const LONGEST: i64 = 7 * 86_400;

/// What decides whether a trial holds.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'a> {
    /// Now, in seconds since the epoch.
    pub now: i64,
    /// The kernel's boot id; `None` if it could not be read.
    pub boot_id: Option<&'a str>,
    /// As in [`Subject`](crate::Subject).
    pub clock_is_behind: bool,
}

/// Whether a trial is what is in force, and why not. Times are seconds since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrialState {
    /// There is no trial.
    Absent,
    /// The trial is in force.
    Holds {
        /// Until then, exclusive.
        until: i64,
    },
    /// It has not begun: the clock was set back.
    NotYet {
        /// When it begins.
        start: i64,
    },
    /// Its time is over.
    Ended {
        /// Since when.
        deadline: i64,
    },
    /// The host has been booted since, or the boot id is unknown.
    OtherBoot,
    /// The clock is behind, so nothing time-limited holds.
    ClockBehind,
    /// Whether it holds cannot be read: the strictest policy is in force.
    Broken,
}

impl Policy {
    /// The policy in force at a moment: that of the trial if there is one and it holds, else policy.toml's; either
    /// with the drop-ins. A trial whose own time cannot be read is a fault, and makes the strictest policy; one that is
    /// over is passed over whatever stands below its first line.
    pub fn in_force(
        main: &SourceFile<'_>,
        drop_ins: &[SourceFile<'_>],
        trial: Option<&SourceFile<'_>>,
        moment: &Moment<'_>,
    ) -> (Policy, TrialState) {
        let Some(file) = trial else { return (Policy::parse(main, drop_ins), TrialState::Absent) };
        let state = header(file).map_or(TrialState::Broken, |header| header.state(moment));
        let policy = match state {
            TrialState::Holds { .. } | TrialState::Broken => Policy::read(file, drop_ins, Level::Trial),
            _ => Policy::parse(main, drop_ins),
        };
        (policy, state)
    }
}

/// The text of trial.toml for a new policy text. `start` and `deadline` in seconds since the epoch, at most 7 days
/// apart; a `boot_id` is letters, digits and dashes.
pub fn compose(policy: &str, start: i64, deadline: i64, boot_id: &str) -> String {
    let policy = policy.strip_prefix('\u{feff}').unwrap_or(policy);
    let (start, deadline) = (date::rfc3339(start), date::rfc3339(deadline));
    format!("trial = {{ start = {start}, deadline = {deadline}, boot_id = \"{boot_id}\" }}\n{policy}")
}

/// The new policy text within the text of a trial.toml that [`compose`] wrote; `None` if it did not.
pub fn policy_text(trial: &str) -> Option<&str> {
    let (header, policy) = trial.split_once('\n')?;
    header.starts_with("trial = {").then_some(policy)
}

struct Header {
    start: i64,
    deadline: i64,
    boot_id: String,
}

impl Header {
    fn state(&self, moment: &Moment<'_>) -> TrialState {
        let &Header { start, deadline, .. } = self;
        if moment.clock_is_behind {
            TrialState::ClockBehind
        } else if moment.boot_id != Some(self.boot_id.as_str()) {
            TrialState::OtherBoot
        } else if moment.now < start {
            TrialState::NotYet { start }
        } else if moment.now >= deadline {
            TrialState::Ended { deadline }
        } else {
            TrialState::Holds { until: deadline }
        }
    }
}

/// The header, also of a file that is broken further down.
fn header(file: &SourceFile<'_>) -> Option<Header> {
    let source = source::open(file).ok()?;
    let (document, _) = DeTable::parse_recoverable(&source.text);
    let (key, value) = document.get_ref().iter().find(|(key, _)| *key.get_ref() == "trial")?;
    let mut faults = Vec::new();
    let header = read_header(&mut Reader { file: 0, source: &source, faults: &mut faults }, key, value);
    header.filter(|_| faults.is_empty())
}

/// Notes what is wrong with the `trial` table of a trial.toml.
pub(crate) fn check(reader: &mut Reader<'_>, document: &DeTable<'_>) {
    match document.iter().find(|(key, _)| *key.get_ref() == "trial") {
        Some((key, value)) => {
            read_header(reader, key, value);
        }
        None => reader.fault(0, "the trial says not when it holds", MEND),
    }
}

const MEND: &str = "remove the file, or write it with `twinlock policy try`";

fn read_header(reader: &mut Reader<'_>, key: &Key<'_>, value: &Value<'_>) -> Option<Header> {
    let (mut start, mut deadline, mut boot_id) = (None, None, None);
    let table = reader.table(key, value)?;
    for (key, value) in table {
        match &**key.get_ref() {
            "start" => start = reader.instant(key, value),
            "deadline" => deadline = reader.instant(key, value),
            "boot_id" => boot_id = reader.text(key, value, 64),
            _ => reader.unknown(Level::Trial, key),
        }
    }
    for name in ["start", "deadline", "boot_id"] {
        if !table.contains_key(name) {
            let mend = format!("{MEND}: it needs {}", keys::example(name));
            reader.fault(key.span().start, format!("the trial lacks {name}"), mend);
        }
    }
    let (start, deadline, boot_id) = (start?.value, deadline?.value, boot_id?.value);
    if !(1..=LONGEST).contains(&deadline.saturating_sub(start)) {
        reader.fault(key.span().start, "the trial's deadline is not within 7 days of its start", MEND);
        return None;
    }
    Some(Header { start, deadline, boot_id })
}
