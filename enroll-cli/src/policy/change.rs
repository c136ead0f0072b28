//! What every change of the policy has in common: the new text is checked together with the drop-ins before it takes
//! any place, and does so only if nobody changed a file since.

use serde::Serialize;
use twinlock_policy::TrialState;
use twinlock_system::policy_files::{self, MAX_FILE, PolicyFile, PolicyFiles};
use twinlock_system::{Fault, Paths};

use super::{Finding, findings};
use crate::error::{Error, Exit};
use crate::in_force::InForce;
use crate::{terminal, texts};

/// A text that is to stand in a file.
pub fn draft(path: &str, text: &[u8]) -> PolicyFile {
    let text = if text.len() > MAX_FILE {
        let why = format!("would have more than {MAX_FILE} bytes");
        Err(Fault::Unsafe { path: path.into(), why })
    } else {
        Ok(text.to_vec())
    };
    PolicyFile { path: path.to_owned(), text }
}

/// What a new text that is no policy leaves to say. Nothing was changed.
#[derive(Debug, Serialize)]
struct Invalid<'a> {
    changed: bool,
    valid: bool,
    faults: Vec<Finding<'a>>,
}

/// Says what is wrong with a new text.
///
/// # Errors
/// [`Error::Output`].
pub fn refuse(read: &InForce, json: bool) -> Result<Exit, Error> {
    let faults = findings(&read.faults);
    if json {
        terminal::print_json(&Invalid { changed: false, valid: false, faults })?;
    } else {
        terminal::complain(&texts::findings(&faults, &[]));
        terminal::complain(&texts::nothing_was_changed(read.faults.len()));
    }
    Ok(Exit::PolicyInvalid)
}

/// Makes sure that the files are still those that the new text was checked with.
///
/// # Errors
/// [`Error::ChangedMeanwhile`].
pub fn still(files: &PolicyFiles, paths: &Paths) -> Result<(), Error> {
    let now = policy_files::read(paths);
    if texts_of(files).eq(texts_of(&now)) { Ok(()) } else { Err(Error::ChangedMeanwhile) }
}

fn texts_of(files: &PolicyFiles) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
    std::iter::once(&files.main)
        .chain(&files.drop_ins)
        .chain(&files.trial)
        .map(|file| (file.path.as_str(), file.text.as_ref().ok().map(|text| text.as_slice())))
}

/// Refuses while a policy is on trial.
///
/// # Errors
/// [`Error::TrialHolds`].
pub fn no_trial(read: &InForce) -> Result<(), Error> {
    match read.trial {
        TrialState::Holds { until } => Err(Error::TrialHolds(until)),
        _ => Ok(()),
    }
}
