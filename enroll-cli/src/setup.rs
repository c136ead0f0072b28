//! `twinlock setup`.

use twinlock_system::Paths;

use crate::caller::Caller;
use crate::cli;
use crate::error::{Error, Exit};

/// Under way.
///
/// # Errors
/// [`Error`].
pub fn run(_: &cli::Setup, _: &Caller, _: &Paths) -> Result<Exit, Error> {
    Ok(Exit::Failed)
}
