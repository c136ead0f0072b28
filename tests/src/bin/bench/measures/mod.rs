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

/// Everything.
pub fn all(client: &Client, progress: &Progress) -> Vec<Figure> {
    progress.now("setting up a host in memory");
    let stage = Stage::new(client, Storage::Memory);
    let mut figures = instructions::all(client, &stage, progress);
    progress.now("system calls, files, resident memory");
    let mut files = files::all(client, &stage);
    files.insert(0, system_calls::all(client, &stage));
    let mut walls = wall::logins(client, &stage, Storage::Memory, progress);
    let mut policies = wall::policies(client, &stage, progress);
    drop(stage);

    progress.now("setting up a host on the disk");
    let stage = Stage::new(client, Storage::Disk);
    walls.extend(wall::logins(client, &stage, Storage::Disk, progress));
    walls.append(&mut policies);
    let ssh = ssh::logins(&stage, progress);
    let crowds = crowds::all(client, &stage, progress);
    drop(stage);

    figures.extend(walls);
    figures.extend(files);
    figures.extend(crowds);
    figures.extend(commands::all(client, progress));
    figures.extend(ssh);
    figures
}

/// The same login by each module, of those that know such a login.
fn by_each(login: impl Fn(Contestant) -> Option<Login>) -> Vec<(Contestant, Login)> {
    Contestant::ALL.into_iter().filter_map(|contestant| Some((contestant, login(contestant)?))).collect()
}
