//! `twinlock recovery-codes`: a new set in the place of the old one, whose codes are dead from the moment that the change
//! counts. They are printed after it, since a code has to be right first; that the output can be written is seen before.

use serde::Serialize;
use twinlock_enrollment::RecoveryCodes;
use twinlock_system::Paths;
use twinlock_verifier::recovery::DEFAULT_ROUNDS;
use twinlock_verifier::{Credential, RecoverySet};
use zeroize::Zeroizing;

use crate::caller::Caller;
use crate::change::{self, Edit};
use crate::cli::Own;
use crate::error::{Error, Exit};
use crate::terminal::{self, Held};
use crate::texts;
use crate::whose;

const SALT: usize = 16;

#[derive(Serialize)]
struct Report<'a> {
    user: &'a str,
    recovery_codes: Vec<&'a str>,
}

/// Makes and prints a new set.
///
/// # Errors
/// [`Error`]; but for [`Error::NotShownAfterwards`] the old set still counts.
pub fn run(own: &Own, caller: &Caller, paths: &Paths) -> Result<Exit, Error> {
    let notes = [("change", "recovery_codes")];
    whose::on("admin_recovery_codes", &notes, own.user.as_deref(), caller, paths, |whose| {
        whose.credential()?;
        let held = Held::begin()?;
        let mut random = Zeroizing::new([0; RecoveryCodes::RANDOM_BYTES]);
        let mut salt = [0; SALT];
        twinlock_system::random(&mut *random)?;
        twinlock_system::random(&mut salt)?;
        let codes = RecoveryCodes::from_random(&random);
        if !own.json {
            terminal::print(texts::MAKING_RECOVERY_CODES).map_err(Error::Output)?;
        }
        // Slow, so before a code is asked for that is only right for a while.
        let set = RecoverySet::new(&codes, &salt, DEFAULT_ROUNDS);
        let make = |current: Option<&Credential>| {
            let current = current.ok_or(Error::Sealed)?;
            Ok(Credential { authenticators: current.authenticators.clone(), recovery: Some(set.clone()) })
        };
        change::make(whose, Edit { make: &make, added: None, replaces_all: false }, &held)?;
        if own.json {
            let texts: Vec<_> = codes.texts().collect();
            let recovery_codes = texts.iter().map(|code| code.as_str()).collect();
            return match terminal::print_json(&Report { user: &whose.user.name, recovery_codes }) {
                Err(Error::Output(error)) => Err(Error::NotShownAfterwards(error)),
                printed => printed.map(|()| Exit::Done),
            };
        }
        terminal::print(&texts::recovery_codes(&codes.printable())).map_err(Error::NotShownAfterwards)?;
        Ok(Exit::Done)
    })
}
