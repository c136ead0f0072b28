//! `twinlock move`: a credential goes from its user's home to the host's own store, or back. The new file is there before
//! the old one goes, and both are the same, so a login finds one at every moment; what was used is the ledger's and stays.

use serde::Serialize;
use twinlock_system::credential::{self, Place};
use twinlock_system::ledger::Keep;
use twinlock_system::{Ledger, Paths, User};

use crate::caller::Caller;
use crate::cli::{Move, Store};
use crate::error::{Error, Exit};
use crate::whose::{self, Whose};
use crate::{present, terminal, texts};

/// The report.
#[derive(Debug, Serialize)]
pub struct Moved {
    pub user: String,
    pub changed: bool,
    pub path: String,
}

/// Moves a user's credential.
///
/// # Errors
/// [`Error`]; then it is still where it was.
pub fn run(options: &Move, caller: &Caller, paths: &Paths) -> Result<Exit, Error> {
    let (to, name) = match options.to {
        Store::Home => (Place::Home, "home"),
        Store::System => (Place::System, "system"),
    };
    if !caller.is_root {
        return crate::audit::act("admin_move", caller, |_| Err(Error::AdministratorsOnly));
    }
    whose::on("admin_move", &[("to", name)], Some(&options.user), caller, paths, |whose| {
        let changed = whose_to(whose, to)?;
        let path = present::path(paths, &whose.user, to).display().to_string();
        let moved = Moved { user: whose.user.name.clone(), changed, path };
        if options.json {
            terminal::print_json(&moved)?;
        } else {
            terminal::print(&texts::moved(&moved)).map_err(Error::Output)?;
        }
        Ok(Exit::Done)
    })
}

fn whose_to(whose: &Whose<'_>, to: Place) -> Result<bool, Error> {
    if to == Place::Home && !credential::has_home(&whose.user) {
        return Err(Error::NoHome(whose.user.home.clone()));
    }
    // Under the lock, so that no change comes between reading and writing.
    Ledger::new(whose.paths).change(&whose.user, |_| (carry(whose, to), Keep::Nothing))?
}

fn carry(whose: &Whose<'_>, to: Place) -> Result<bool, Error> {
    let (credential, place) = whose.credential()?;
    if place == to {
        return Ok(false);
    }
    let Whose { paths, user, .. } = whose;
    credential::write(paths, user, to, credential.to_text().as_bytes())?;
    remove(paths, user, place)?;
    Ok(true)
}

fn remove(paths: &Paths, user: &User, place: Place) -> Result<(), Error> {
    Ok(credential::remove(paths, user, place)?)
}
