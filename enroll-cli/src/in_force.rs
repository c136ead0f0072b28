//! The policy of this host as the other rooms want it, and what this door adds to its faults: how to mend a file that
//! could not be read.

use twinlock_policy::{Fault as PolicyFault, Membership, Policy, SourceFile};
use twinlock_system::policy_files::{self, PolicyFile, PolicyFiles};
use twinlock_system::{Fault, Paths, User, clock};
use twinlock_verifier::verdict::CLOCK_TOLERANCE;
use twinlock_verifier::{Limits, Record};

use crate::texts;

/// A policy, and the files that it was read from.
pub struct InForce {
    /// What they say.
    pub policy: Policy,
    /// The files, policy.toml first.
    pub files: Vec<String>,
    /// What is wrong, with how to mend it.
    pub faults: Vec<PolicyFault>,
}

/// Reads the policy of this host. Never fails: what cannot be read makes the strictest policy.
pub fn read(paths: &Paths) -> InForce {
    parse(&policy_files::read(paths))
}

/// Reads a policy out of files that were read before.
pub fn parse(files: &PolicyFiles) -> InForce {
    let drop_ins: Vec<_> = files.drop_ins.iter().map(source).collect();
    let policy = Policy::parse(&source(&files.main), &drop_ins);
    let all = || std::iter::once(&files.main).chain(&files.drop_ins);
    let mut faults = policy.faults().to_vec();
    for fault in &mut faults {
        let unread = all().find(|file| file.path == fault.file).and_then(|file| file.text.as_ref().err());
        if let Some(why) = unread {
            fault.mend = texts::mend_policy_file(why);
        }
    }
    InForce { policy, files: all().map(|file| file.path.clone()).collect(), faults }
}

fn source(file: &PolicyFile) -> SourceFile<'_> {
    SourceFile { path: &file.path, text: file.text.as_deref().map(Vec::as_slice).map_err(Fault::to_string) }
}

/// The throttle's numbers, as the verifier wants them.
pub fn limits(policy: &Policy) -> Limits {
    let throttle = policy.throttle();
    Limits {
        free_failures: throttle.free_failures,
        first_wait: throttle.first_wait,
        longest_wait: throttle.longest_wait,
        disable_after: throttle.disable_after,
    }
}

/// Whether a time is before what is known to be past: the build, or the newest time of the user's record.
pub fn clock_is_behind(record: Option<&Record>, now: i64) -> bool {
    let newest = record.and_then(Record::newest).map_or(i64::MIN, |newest| newest.saturating_sub(CLOCK_TOLERANCE));
    now < clock::BUILT || now < newest
}

/// Group look-ups for one user, by NSS.
pub struct Groups<'a>(pub &'a User);

impl twinlock_policy::Facts for Groups<'_> {
    fn in_group(&mut self, group: &str) -> Membership {
        match self.0.is_in_group(group) {
            Ok(Some(true)) => Membership::Yes,
            Ok(Some(false)) => Membership::No,
            Ok(None) => Membership::Unknown(texts::NO_SUCH_GROUP.to_owned()),
            Err(fault) => Membership::Unknown(fault.to_string()),
        }
    }
}
