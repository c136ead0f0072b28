//! The users file of pam_oath: a token a line, any number of them a user. A line that it chokes on keeps it from reading on;
//! here the good lines after it are taken.

mod line;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use twinlock_system::{User, clock};
use zeroize::Zeroizing;

use super::{Carried, Imported, Importing, Remark, Token, What, told};
use crate::error::Error;
use crate::texts;
use line::{Line, parse};

/// The largest file that is read, in bytes: some hundred thousand lines.
const MAX_FILE: u64 = 32 * 1024 * 1024;

/// Imports the users of a file.
pub fn import(importing: &Importing<'_>, path: &Path) -> Result<Imported, Error> {
    let text = read(path)?;
    let now = clock::now();
    let mut remarks = Vec::new();
    let mut users: BTreeMap<String, (Vec<Token>, Vec<Remark>)> = BTreeMap::new();
    for (number, line) in (1..).zip(text.split(|&byte| byte == b'\n')) {
        match parse(line, number, now) {
            Line::Nothing => {}
            Line::Nobodys(remark) => remarks.push(remark),
            Line::Of(name, entry) => {
                let (tokens, told) = users.entry(name).or_default();
                told.extend(entry.remarks);
                let Some(token) = entry.token else { continue };
                if tokens.iter().any(|other| other.secret == token.secret) {
                    told.push(Remark { line: Some(number), what: What::Twice });
                } else {
                    tokens.push(token);
                }
            }
        }
    }
    let mut carried = Vec::new();
    for (name, (tokens, told)) in users {
        carried.push(one(importing, &name, &tokens, told)?);
    }
    let mut report =
        Imported { dry_run: importing.flags.dry_run, users: carried, remarks: told(remarks), removed: false };
    let is_over = |one: &Carried| {
        matches!(one.outcome, "imported" | "unchanged") && !one.remarks.iter().any(|told| told.lost)
    };
    let nothing_lost = report.users.iter().all(is_over) && !report.remarks.iter().any(|told| told.lost);
    if importing.flags.remove && !importing.flags.dry_run && nothing_lost {
        let failed = |error| Error::File { doing: "remove", path: PathBuf::from(path), error };
        std::fs::remove_file(path).map_err(failed)?;
        report.removed = true;
    }
    Ok(report)
}

fn one(importing: &Importing<'_>, name: &str, tokens: &[Token], told: Vec<Remark>) -> Result<Carried, Error> {
    match User::by_name(name) {
        // pam_oath looks for the name as it was typed; a ledger is of the canonical one.
        Ok(Some(user)) => Ok(importing.carry(&user, tokens, told)),
        Ok(None) => {
            let mut refused = importing.refused(name, None, texts::import_no_user());
            refused.remarks = super::told(told);
            Ok(refused)
        }
        Err(fault) => Ok(importing.refused(name, None, fault.to_string())),
    }
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, Error> {
    use std::io::Read;
    let failed = |error| Error::File { doing: "read", path: path.to_owned(), error };
    let file = std::fs::File::open(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    if length > MAX_FILE {
        return Err(failed(std::io::ErrorKind::FileTooLarge.into()));
    }
    // Room for all of it at once: a buffer that grows leaves copies behind.
    let mut text = Zeroizing::new(Vec::with_capacity(usize::try_from(length).unwrap_or(0).saturating_add(1)));
    file.take(MAX_FILE).read_to_end(&mut text).map_err(failed)?;
    Ok(text)
}
