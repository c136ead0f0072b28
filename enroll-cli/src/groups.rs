//! The groups that rules name, each looked up once for all accounts of a command: a login asks NSS about its one user, a
//! report about ten thousand must not. What could not be looked up stays undecided.

use std::collections::{HashMap, HashSet};

use nix::unistd::Group;
use twinlock_policy::{Facts, Membership};
use twinlock_system::{Fault, User};

/// Groups that rules name.
#[derive(Default)]
pub struct Groups(HashMap<String, Result<Members, String>>);

impl Groups {
    /// What the policy asks about one user.
    pub fn of<'a>(&'a mut self, user: &'a User) -> impl Facts + 'a {
        Cached { user, groups: self }
    }
}

struct Members {
    gid: u32,
    names: HashSet<String>,
}

struct Cached<'a> {
    user: &'a User,
    groups: &'a mut Groups,
}

impl Facts for Cached<'_> {
    fn in_group(&mut self, group: &str) -> Membership {
        if !self.groups.0.contains_key(group) {
            self.groups.0.insert(group.to_owned(), look_up(group));
        }
        match self.groups.0.get(group) {
            Some(Ok(members)) if members.gid == self.user.gid || members.names.contains(&self.user.name) => {
                Membership::Yes
            }
            Some(Ok(_)) => Membership::No,
            Some(Err(why)) => Membership::Unknown(why.clone()),
            None => Membership::Unknown(String::new()),
        }
    }
}

fn look_up(group: &str) -> Result<Members, String> {
    match Group::from_name(group) {
        Ok(Some(group)) => Ok(Members { gid: group.gid.as_raw(), names: group.mem.into_iter().collect() }),
        Ok(None) => Err("no such group".to_owned()),
        Err(errno) => Err(Fault::Lookup { errno }.to_string()),
    }
}
