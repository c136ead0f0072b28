//! The policy of this host, with what this door adds to its faults: how to mend a file that could not be read.

use twinlock_policy::{Fault, Moment, Policy, TrialState};
use twinlock_system::policy_files::{self, PolicyFile, PolicyFiles};
use twinlock_system::{Paths, clock};

use crate::texts;

/// A policy, and the files that it was read from.
pub struct InForce {
    /// What they say.
    pub policy: Policy,
    /// What became of a trial.
    pub trial: TrialState,
    /// The files that were read; policy.toml, or the trial in its place, first.
    pub files: Vec<String>,
    /// What is wrong, with how to mend it.
    pub faults: Vec<Fault>,
}

/// Reads the policy of this host. Never fails: what cannot be read makes the strictest policy.
pub fn read(paths: &Paths) -> InForce {
    parse(&policy_files::read(paths))
}

/// Reads a policy out of files that were read before.
pub fn parse(files: &PolicyFiles) -> InForce {
    parse_as(&files.main, &files.drop_ins, files.trial.as_ref())
}

/// Reads a text that is to become policy.toml, as if it were there beside the drop-ins of this host.
pub fn parse_instead(main: &PolicyFile, files: &PolicyFiles) -> InForce {
    parse_as(main, &files.drop_ins, None)
}

/// Reads a text that is to become trial.toml, as if it were there.
pub fn parse_trial(trial: &PolicyFile, files: &PolicyFiles) -> InForce {
    parse_as(&files.main, &files.drop_ins, Some(trial))
}

fn parse_as(main: &PolicyFile, drop_ins: &[PolicyFile], trial: Option<&PolicyFile>) -> InForce {
    let drop_in_sources: Vec<_> = drop_ins.iter().map(PolicyFile::source).collect();
    let trial_source = trial.map(PolicyFile::source);
    let boot_id = trial.and_then(|_| policy_files::boot_id());
    let now = clock::now();
    let moment = Moment { now, boot_id: boot_id.as_deref(), clock_is_behind: now < clock::BUILT };
    let (policy, state) = Policy::in_force(&main.source(), &drop_in_sources, trial_source.as_ref(), &moment);
    let on_trial = matches!(state, TrialState::Holds { .. } | TrialState::Broken);
    let main = trial.filter(|_| on_trial).unwrap_or(main);
    let all = || std::iter::once(main).chain(drop_ins);
    let mut faults = policy.faults().to_vec();
    for fault in &mut faults {
        let unread = all().find(|file| file.path == fault.file).and_then(|file| file.text.as_ref().err());
        if let Some(why) = unread {
            fault.mend = texts::mend_policy_file(why);
        }
    }
    InForce { policy, trial: state, files: all().map(|file| file.path.clone()).collect(), faults }
}
