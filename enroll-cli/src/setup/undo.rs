//! Bringing back what setup changed, byte for byte; a file that somebody changed since is left as it is, and said.

use std::path::PathBuf;

use serde::Serialize;
use twinlock_system::Paths;

use super::daemon;
use super::kept::{Kept, Now};
use super::trouble::Trouble;
use crate::audit::Act;
use crate::cli;
use crate::error::{Error, Exit};
use crate::{terminal, texts};

/// What was undone, or would be.
#[derive(Debug, Default, Serialize)]
pub struct Undone {
    pub changed: bool,
    pub dry_run: bool,
    /// As they were before.
    pub restored: Vec<PathBuf>,
    /// Were as before already.
    pub unchanged: Vec<PathBuf>,
    /// Changed since, and left alone.
    pub left: Vec<PathBuf>,
    pub sshd_reloaded: bool,
}

/// `twinlock setup --undo`.
///
/// # Errors
/// [`Error::Setup`], [`Error::Output`].
pub fn run(options: &cli::Setup, act: &mut Act, paths: &Paths) -> Result<Exit, Error> {
    let Some(kept) = Kept::find(paths)? else { return Err(Trouble::NothingKept.into()) };
    let undone = if options.dry_run { Undone { dry_run: true, ..look(&kept)? } } else { everything(kept)? };
    if !undone.changed {
        act.unchanged();
    }
    if options.json {
        terminal::print_json(&undone)?;
    } else {
        terminal::print(&texts::undone(&undone)).map_err(Error::Output)?;
    }
    Ok(if undone.left.is_empty() { Exit::Done } else { Exit::Failed })
}

/// What there is to undo.
fn look(kept: &Kept) -> Result<Undone, Trouble> {
    let mut undone = Undone::default();
    for (number, copy) in kept.manifest.files.iter().enumerate().rev() {
        let list = match kept.stands(number)? {
            Now::Before => &mut undone.unchanged,
            Now::After => &mut undone.restored,
            // Interrupted while a tool was at work: what it had written by then is nobody's own.
            Now::Changed if copy.by_tool && !kept.manifest.complete => &mut undone.restored,
            Now::Changed => &mut undone.left,
        };
        list.push(copy.path.clone());
    }
    undone.changed = !undone.restored.is_empty();
    Ok(undone)
}

/// Undoes everything that can be.
///
/// # Errors
/// [`Trouble`]; what is kept stays kept.
pub fn everything(mut kept: Kept) -> Result<Undone, Trouble> {
    let mut undone = look(&kept)?;
    let by_tool = |path: &PathBuf| kept.manifest.files.iter().any(|copy| copy.by_tool && copy.path == *path);
    if let Some((tool, setting)) = &kept.manifest.tool {
        // The tool keeps what others changed in its files; then only it can take our lines out of them.
        let mixed = undone.left.iter().any(by_tool);
        if mixed || undone.restored.iter().any(by_tool) {
            tool.revert(setting);
        }
        if mixed {
            undone.restored.retain(|path| !by_tool(path));
        }
    }
    for (number, copy) in kept.manifest.files.iter().enumerate().rev() {
        kept.clear_away(number);
        if undone.restored.contains(&copy.path) {
            kept.restore(number)?;
        }
    }
    let of_sshd = |path: &PathBuf| path.starts_with("/etc/ssh");
    // A configuration that it does not accept would end it: better that it goes on with the old one.
    undone.sshd_reloaded = undone.restored.iter().any(of_sshd) && daemon::check().is_ok() && daemon::reload();
    if undone.left.is_empty() {
        kept.forget()?;
    } else {
        kept.manifest.complete = true;
        kept.save()?;
    }
    Ok(undone)
}
