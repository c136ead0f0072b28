//! Who would be asked for a password and has none: hosts where everybody logs in by key alone are common, and there a
//! stack that asks for the password too keeps everybody out.

use std::path::Path;

use twinlock_system::accounts;

use super::place;
use super::trouble::Trouble;
use crate::doctor::Service;
use crate::doctor::stack::{Phase, first_factors};

/// Users with a login shell and without a usable password of this host's own. None are told where passwords come from
/// elsewhere, or none is asked for.
///
/// # Errors
/// [`Trouble::NoPasswords`] when nobody has one.
pub fn missing(sshd: &Service) -> Result<Vec<String>, Trouble> {
    let factors = first_factors(&sshd.auth, Phase::Auth);
    if factors.iter().any(|module| module != "pam_unix.so") || factors.is_empty() {
        return Ok(Vec::new());
    }
    let (Some(shadow), Ok(users)) = (place::read(Path::new("/etc/shadow"))?, accounts::all()) else {
        return Ok(Vec::new());
    };
    let has_password = |name: &str| {
        let line = shadow.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let hash = line.and_then(|line| line.split(':').next()).unwrap_or_default();
        !hash.is_empty() && !hash.starts_with(['!', '*', 'x'])
    };
    let people =
        users.iter().filter(|user| accounts::can_log_in(user) && (user.uid == 0 || user.uid >= 1000));
    let (with, without): (Vec<_>, Vec<_>) = people.partition(|user| has_password(&user.name));
    if with.is_empty() {
        return Err(Trouble::NoPasswords);
    }
    Ok(without.iter().map(|user| user.name.clone()).collect())
}
