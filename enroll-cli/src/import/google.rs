//! `~/.google_authenticator`: one token a user.

mod file;

use twinlock_system::{User, accounts, clock, home_file};

use super::{Carried, Imported, Importing};
use crate::error::Error;
use crate::terminal::Progress;
use crate::texts;

const NAME: &str = ".google_authenticator";
/// The largest file that the module reads.
const MAX_FILE: usize = 64 * 1024;

/// Imports one user, or everybody who is listed and has such a file.
pub fn import(importing: &Importing<'_>, user: Option<&str>) -> Result<Imported, Error> {
    let users = match user {
        Some(name) => vec![User::by_name(name)?.ok_or_else(|| Error::NoSuchUser(name.to_owned()))?],
        None => accounts::all()?,
    };
    let mut progress = Progress::begin(users.len());
    let mut carried = Vec::new();
    for one in &users {
        carried.extend(self::one(importing, one, user.is_some()));
        progress.step();
    }
    drop(progress);
    Ok(Imported { dry_run: importing.flags.dry_run, users: carried, remarks: Vec::new(), removed: false })
}

fn one(importing: &Importing<'_>, user: &User, is_named: bool) -> Option<Carried> {
    let text = match home_file::read_private(user, NAME, MAX_FILE) {
        Ok(Some(text)) => text,
        Ok(None) if is_named => {
            return Some(importing.refused(&user.name, Some(user.uid), texts::import_no_file(NAME)));
        }
        Ok(None) => return None,
        Err(fault) => return Some(importing.refused(&user.name, Some(user.uid), fault.to_string())),
    };
    let (token, remarks) = file::parse(&text, clock::now());
    let tokens: Vec<_> = token.into_iter().collect();
    let mut carried = importing.carry(user, &tokens, remarks);
    let is_over = matches!(carried.outcome, "imported" | "unchanged");
    if importing.flags.remove && !importing.flags.dry_run && is_over {
        match home_file::remove(user, NAME) {
            Ok(()) => carried.removed = true,
            Err(fault) => {
                carried.outcome = "refused";
                carried.why = Some(fault.to_string());
            }
        }
    }
    Some(carried)
}
