//! What is measured, in the order of the table. What belongs into one comparison is measured in turn, in one run.

mod commands;
mod crowds;
mod files;
pub mod instructions;
mod ssh;
mod system_calls;
mod wall;

use crate::client::Client;
use crate::contestant::Contestant;
use crate::figure::Figure;
use crate::progress::Progress;
use crate::stage::{Login, Stage, Storage};

/// The groups of figures, in the order of the table; the first word of each figure's id.
pub const GROUPS: [&str; 6] = ["instructions", "wall", "module", "crowd", "command", "ssh"];

/// Everything, or one group.
pub fn all(client: &Client, only: Option<&str>, progress: &Progress) -> Vec<Figure> {
    let wanted = |group: &str| only.is_none_or(|only| only == group);
    let mut figures = Vec::new();
    if ["instructions", "wall", "module"].into_iter().any(wanted) {
        progress.now("setting up a host in memory");
        let stage = Stage::new(client, Storage::Memory);
        if wanted("instructions") {
            figures.extend(instructions::all(client, &stage, progress));
        }
        if wanted("wall") {
            figures.extend(wall::logins(client, &stage, Storage::Memory, progress));
            figures.extend(wall::policies(client, &stage, progress));
        }
        if wanted("module") {
            progress.now("system calls, files, resident memory");
            figures.extend(system_calls::all(client, &stage));
            figures.extend(files::all(client, &stage));
        }
    }
    if ["wall", "crowd", "ssh"].into_iter().any(wanted) {
        progress.now("setting up a host on the disk");
        let stage = Stage::new(client, Storage::Disk);
        if wanted("wall") {
            figures.extend(wall::logins(client, &stage, Storage::Disk, progress));
        }
        if wanted("ssh") {
            figures.extend(ssh::logins(&stage, progress));
        }
        if wanted("crowd") {
            figures.extend(crowds::all(client, &stage, progress));
        }
    }
    if wanted("command") {
        figures.extend(commands::all(client, progress));
    }
    let group = |figure: &Figure| GROUPS.iter().position(|group| figure.id.starts_with(group));
    figures.sort_by_key(group);
    figures
}

/// The same login by each module, of those that know such a login.
fn by_each(login: impl Fn(Contestant) -> Option<Login>) -> Vec<(Contestant, Login)> {
    Contestant::ALL.into_iter().filter_map(|contestant| Some((contestant, login(contestant)?))).collect()
}
