//! `twinlock disable` and `enable`: the user's own switch. It takes a code either way and counts only where no code is
//! required; while one is, it cannot be turned off.

use serde::Serialize;
use twinlock_system::ledger::Keep;
use twinlock_system::{Ledger, Paths};

use crate::caller::Caller;
use crate::cli::Own;
use crate::error::{Error, Exit};
use crate::helper::{self, Outcome};
use crate::terminal::{self, Held};
use crate::whose::{self, Way, Whose};
use crate::{change, in_force, texts};

/// The report.
#[derive(Debug, Serialize)]
pub struct Switched {
    pub user: String,
    pub enabled: bool,
    pub changed: bool,
}

/// Turns the switch.
///
/// # Errors
/// [`Error`]; then it is as it was.
pub fn run(on: bool, own: &Own, caller: &Caller, paths: &Paths) -> Result<Exit, Error> {
    let event = if on { "admin_enable" } else { "admin_disable" };
    whose::on(event, &[], own.user.as_deref(), caller, paths, |whose| {
        let changed = match whose.way {
            Way::Helper => by_helper(on)?,
            Way::Directly => directly(on, whose)?,
        };
        let switched = Switched { user: whose.user.name.clone(), enabled: on, changed };
        if own.json {
            terminal::print_json(&switched)?;
        } else {
            terminal::print(&texts::switched(&switched, whose.other())).map_err(Error::Output)?;
        }
        Ok(Exit::Done)
    })
}

fn by_helper(on: bool) -> Result<bool, Error> {
    let standing = helper::standing()?;
    if let Some(trouble) = standing.trouble {
        return Err(Error::HelperUnavailable(trouble));
    }
    if !standing.enrolled {
        return Err(Error::NoCredential);
    }
    if !on && standing.required {
        return Err(Error::Required(None));
    }
    if standing.switched_off != on {
        return Ok(false);
    }
    let held = Held::begin()?;
    match helper::switch(on, &change::ask(&held)?)? {
        Outcome::Accepted(_) => Ok(true),
        Outcome::Rejected(rejection) => Err(Error::Refused(rejection)),
        Outcome::Refused(reason) => Err(Error::HelperRefused(reason)),
        Outcome::TooLate => Err(Error::CredentialChanged),
    }
}

fn directly(on: bool, whose: &Whose<'_>) -> Result<bool, Error> {
    whose.credential()?;
    if !on && whose::is_required(&in_force::read(whose.paths).policy, &whose.user) {
        return Err(Error::Required(whose.other().map(str::to_owned)));
    }
    Ledger::new(whose.paths).change(&whose.user, |change| {
        if !change.record.enrolled {
            return (Err(Error::NotRegisteredYet), Keep::Nothing);
        }
        let changed = change.record.switched_off == on;
        change.record.switched_off = !on;
        (Ok(changed), if changed { Keep::Record } else { Keep::Nothing })
    })?
}
